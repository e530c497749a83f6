"""The demo page in a real browser, against the real server."""

import shutil
import socket

import pytest
from PIL import Image

from demos.ask import examples
from demos.ask.page import _language_name, launch, page, read_upload
from pangea_cultural.errors import UserError

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
FLAGS += ["--disable-sync", "--no-first-run"]
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: install the package chromium")


@pytest.fixture(scope="module")
def address(server, workspace):
    export = workspace / "exports/sample"
    blocks = page(
        server.url, examples.load(export), model=server.model, notes=["Trained on colors."], api_key=server.api_key
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    yield launch(blocks, host="127.0.0.1", port=port, allowed=[export / "images"])
    blocks.close()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def tab(browser, address):
    opened = browser.new_page(viewport={"width": 1440, "height": 900})
    opened.goto(address)
    opened.wait_for_selector("#gallery img")
    yield opened
    opened.close()


def value(tab, name):
    return tab.input_value(f"#{name} textarea")


def choose_language(tab, name):
    tab.get_by_label("Language").click()
    tab.get_by_role("option", name=name).click()


@needs_chromium
@pytest.mark.serving
def test_gallery_image_is_answered(tab):
    tab.locator("#gallery button img").first.click()
    # The question field is filled from the start, so wait for the image instead.
    tab.wait_for_selector("#image img")
    tab.click("#ask")
    tab.wait_for_function("document.querySelector('#answer textarea').value.length > 0")
    assert value(tab, "question") in ("Which country is this?", "What is this called?")


@needs_chromium
@pytest.mark.serving
def test_uploaded_image_and_free_question_are_answered(tab, tmp_path):
    path = tmp_path / "mine.png"
    Image.new("RGB", (80, 60), "green").save(path)
    tab.set_input_files("input[type=file]", path)
    tab.wait_for_selector("img[src*='mine.png']")
    tab.fill("#question textarea", "<b>What</b> is it?")
    tab.click("#ask")
    tab.wait_for_function("document.querySelector('#answer textarea').value.length > 0")


@needs_chromium
@pytest.mark.serving
def test_ask_without_image_shows_a_hint(tab):
    tab.click("#ask")
    tab.wait_for_selector("text=Choose or upload an image first.")


@needs_chromium
@pytest.mark.serving
def test_suggested_question_follows_the_language(tab):
    tab.locator("#gallery button img").first.click()
    choose_language(tab, "Nederlands (Dutch, held out)")
    tab.wait_for_function("document.querySelector('#question textarea').value == 'Welk land is dit?'")


@needs_chromium
@pytest.mark.serving
@pytest.mark.parametrize("width", [390, 1440])
def test_page_fits_the_width_and_loads_nothing_from_elsewhere(browser, address, width):
    opened = browser.new_page(viewport={"width": width, "height": 900})
    requests = []
    opened.on("request", lambda request: requests.append(request.url))
    opened.goto(address)
    opened.wait_for_selector("#gallery img")
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    foreign = [url for url in requests if not url.startswith((address.rstrip("/"), "data:", "blob:"))]
    assert not foreign
    opened.close()


def test_examples_are_not_in_the_training_split(export):
    loaded = examples.load(export.path)
    trained = {export.path / row.image for row in export.questions("train")}
    assert len(loaded.images) == 5 and not trained & set(loaded.images)
    assert loaded.held_out == ["nl"] and set(loaded.languages) == {"en", "de", "nl"}
    assert loaded.suggestions(str(loaded.images[0]), "de") == ["Welches Land ist das?"]
    assert loaded.suggestions(None, "nl") == ["Welk land is dit?"]


def test_examples_are_empty_without_an_export(tmp_path):
    assert examples.load(tmp_path / "none").images == []


def test_page_without_examples_has_no_gallery():
    blocks = page("http://127.0.0.1:9/v1", examples.Examples([], {}, [], []), model="m", notes=[])
    (gallery,) = [part for part in blocks.config["components"] if part["type"] == "gallery"]
    assert gallery["props"]["visible"] is False


def test_upload_of_other_files_is_rejected(tmp_path):
    (tmp_path / "a.png").write_bytes(b"<script>alert(1)</script>")
    with pytest.raises(UserError, match="not a readable image"):
        read_upload(tmp_path / "a.png")


def test_upload_of_too_many_pixels_is_rejected(tmp_path):
    Image.new("1", (11_000, 11_000)).save(tmp_path / "bomb.png")
    with pytest.raises(UserError, match="too many pixels"):
        read_upload(tmp_path / "bomb.png")


def test_launch_rejects_port_in_use(export):
    blocks = page("http://127.0.0.1:9/v1", examples.load(export.path), model="m", notes=[])
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(UserError, match="is in use"):
        launch(blocks, host="127.0.0.1", port=other.getsockname()[1], allowed=[])


def test_languages_without_training_are_marked():
    assert _language_name("nl", ["nl"], ["de"]) == "Nederlands (Dutch, held out)"
    assert _language_name("de", ["nl"], ["de"]) == "Deutsch (German)"
    assert _language_name("es", ["nl"], ["de"]) == "español (Spanish, not trained)"
    assert _language_name("es", ["nl"], []) == "español (Spanish)", "nothing is known"
