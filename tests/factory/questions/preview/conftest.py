"""Fixtures of the preview: a template file whose texts are hostile HTML, and Chromium."""

import shutil

import pytest

from factory.questions import templates

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
FLAGS += ["--disable-sync", "--no-first-run"]
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


# Not for the session: while Playwright runs, no other test of the process can start an event loop.
@pytest.fixture(scope="module")
def browser():
    """Chromium; the test is skipped if there is none."""
    if CHROMIUM is None:
        pytest.skip("no Chromium: install the package chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()
