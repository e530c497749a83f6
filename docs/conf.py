"""Configuration of Sphinx. Build with `make docs`: it reads the code, needs no network and imports no torch."""

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS / "extensions"), str(DOCS.parent)]

from pangea_cultural import __version__  # noqa: E402

project = "pangea-cultural"
author = "The pangea-cultural contributors"
copyright = "The pangea-cultural contributors, Apache-2.0"
version = release = __version__
extensions = ["myst_parser", "sphinx_click", "generated_reference"]
exclude_patterns = ["_build", "_generated"]
html_theme = "furo"
html_title = "pangea-cultural"
html_show_sphinx = False
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
# A page that names another one with a wrong path or anchor is an error under -W.
nitpicky = True
nitpick_ignore_regex = [("click:.*", ".*"), ("envvar", ".*")]
