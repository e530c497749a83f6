"""The demo page in a real browser, against the real server."""

import shutil
import socket

import pytest
from PIL import Image

from demos.ask import examples
from demos.ask.page import checked, launch, page
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
def test_a_sample_image_is_asked_about(tab):
    tab.locator("#gallery button img").first.click()
    # The question box has a suggestion from the start; that the click has arrived shows in the image box.
    tab.wait_for_selector("#image img")
    tab.click("#ask")
    tab.wait_for_function("document.querySelector('#answer textarea').value.length > 0")
    assert value(tab, "question") in ("Which country is this?", "What is this called?")


@needs_chromium
@pytest.mark.serving
def test_an_uploaded_image_and_an_own_question(tab, tmp_path):
    path = tmp_path / "mine.png"
    Image.new("RGB", (80, 60), "green").save(path)
    tab.set_input_files("input[type=file]", path)
    tab.wait_for_selector("img[src*='mine.png']")
    tab.fill("#question textarea", "<b>What</b> is it?")
    tab.click("#ask")
    tab.wait_for_function("document.querySelector('#answer textarea').value.length > 0")


@needs_chromium
@pytest.mark.serving
def test_without_a_image_a_hint_is_shown(tab):
    tab.click("#ask")
    tab.wait_for_selector("text=Choose or upload an image first.")


@needs_chromium
@pytest.mark.serving
def test_the_questions_follow_the_language(tab):
    tab.locator("#gallery button img").first.click()
    choose_language(tab, "Nederlands (Dutch, held out)")
    tab.wait_for_function("document.querySelector('#question textarea').value == 'Welk land is dit?'")


@needs_chromium
@pytest.mark.serving
@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_sticks_out_and_nothing_comes_from_elsewhere(browser, address, width):
    opened = browser.new_page(viewport={"width": width, "height": 900})
    asked = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(address)
    opened.wait_for_selector("#gallery img")
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    foreign = [url for url in asked if not url.startswith((address.rstrip("/"), "data:", "blob:"))]
    assert not foreign
    opened.close()


def test_the_examples_are_images_that_training_has_not_seen(export):
    found = examples.load(export.path)
    trained = {export.path / row.image for row in export.questions("train")}
    assert len(found.images) == 5 and not trained & set(found.images)
    assert found.held_out == ["nl"] and set(found.languages) == {"en", "de", "nl"}
    assert found.suggestions(str(found.images[0]), "de") == ["Welches Land ist das?"]
    assert found.suggestions(None, "nl") == ["Welk land is dit?"]


def test_without_an_export_there_are_no_examples(tmp_path):
    assert examples.load(tmp_path / "none").images == []


def test_what_is_no_image_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(b"<script>alert(1)</script>")
    with pytest.raises(UserError, match="not a readable image"):
        checked(tmp_path / "a.png")


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path):
    Image.new("1", (11_000, 11_000)).save(tmp_path / "bomb.png")
    with pytest.raises(UserError, match="too many pixels"):
        checked(tmp_path / "bomb.png")


def test_a_port_in_use_is_one_line(export):
    blocks = page("http://127.0.0.1:9/v1", examples.load(export.path), model="m", notes=[])
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(UserError, match="is in use"):
        launch(blocks, host="127.0.0.1", port=other.getsockname()[1], allowed=[])
