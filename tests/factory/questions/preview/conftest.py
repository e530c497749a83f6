"""Fixtures of the preview: a template file whose texts are hostile HTML, and Chromium."""

import shutil

import pytest

from factory.questions import templates
from tests.helpers.runs.chromium import chromium

HOSTILE = """
# unsure: </p><script>window.stolen = 1</script>
reviewed = "<i>A. Reader</i>, 2027-01-31"
[instructions]
choice = "<img src=x onerror='window.stolen = 1'>"
short = "A word & more."
[P17]
say = ["\\"><b>Country</b>: {value}"]
[P17.flag]
# unsure: whether this is <u>right</u>
#   in all countries
ask = ["Which <b>country</b>?", "Whose flag </td></tr></table> is it?"]
"""


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """A German file with markup in all its texts."""
    folder, shipped = tmp_path / "templates", templates.folder()
    folder.mkdir()
    shutil.copy(shipped / "en.toml", folder)
    (folder / "de.toml").write_text(HOSTILE)
    monkeypatch.setattr(templates, "folder", lambda: folder)
    templates.load.cache_clear()
    yield folder
    templates.load.cache_clear()


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened
