"""The page in Chromium: one browser, one page and one scripted endpoint for all tests of a file."""

import socket
import threading

import orjson
import pytest

from demos import serving
from demos.ask import page, texts
from demos.ask.answers import Target
from demos.ask.gallery import Gallery
from pangea_cultural.dataset.export import Export
from tests.helpers import tiny
from tests.helpers.runs.chromium import chromium
from tests.helpers.servers.scripted_endpoint import CUT, HANG, RESET, ScriptedEndpoint, completion

TIMEOUT_MS = 30_000
HOSTILE = "<script>document.title='hacked'</script><b>x</b> ![](http://127.0.0.1:9/evil.png) $$\\frac{1}{2}$$"


def piece(text):
    return b"data: " + orjson.dumps({"choices": [{"delta": {"content": text}}]}) + b"\n\n"


def answered(text):
    return [*[piece(part) for part in (text[:3], text[3:]) if part], b"data: [DONE]\n\n"]


def asked(body):
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else content[-1]["text"]


class Answers:
    """Answers by words of the question."""

    def __init__(self):
        self.is_down = threading.Event()

    def __call__(self, body, number):
        if not body.get("stream"):
            letters = {"A": -0.1, " B": -3.0, "C": -3.0, "D": -4.0}
            return completion("A", first_tokens=letters) if body.get("logprobs") else 400
        question = asked(body)
        if self.is_down.is_set():
            return RESET
        if "forever" in question:
            return [piece("one "), piece("two "), HANG]
        if "endless" in question:
            return [piece(f"{number} ") for number in range(600)]
        if "cut" in question:
            return [piece("half"), CUT]
        return answered(HOSTILE if "hostile" in question else f"{body['model']} says Peru")


@pytest.fixture(scope="session")
def gallery_export(tmp_path_factory) -> Export:
    return tiny.write_export(tmp_path_factory.mktemp("gallery") / "colors")


@pytest.fixture(scope="module")
def endpoint():
    answers = Answers()
    with ScriptedEndpoint(answers, models=["first"]) as running:
        running.answers = answers
        yield running


@pytest.fixture(scope="module")
def address(endpoint, gallery_export):
    targets = [Target(endpoint.url, "first"), Target(endpoint.url, "second")]
    with serving.private_folder() as folder, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        notes, trained = ["Trained on <b>colors</b>."], ["en", "de"]
        blocks = page.page(targets, Gallery([gallery_export]), notes=notes, trained=trained, store=None)
        free.close()
        yield page.launch(blocks, host="127.0.0.1", port=port, allowed=[gallery_export.path / "images"])
        blocks.close()
        assert folder.exists()


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def shared_tab(browser, address):
    tab = browser.new_page(viewport={"width": 1440, "height": 900}, locale="en-US")
    tab.set_default_timeout(TIMEOUT_MS)
    tab.requested, tab.failed = [], []
    tab.on("request", lambda request: tab.requested.append(request.url))
    tab.on("pageerror", lambda error: tab.failed.append(str(error)))
    open_page(tab, address)
    tab.wait_for_selector("#examples label")  # also without a choice
    yield tab
    foreign = [url for url in tab.requested if not url.startswith((address.rstrip("/"), "data:", "blob:"))]
    assert not foreign and not tab.failed
    tab.close()


@pytest.fixture
def tab(shared_tab, endpoint):
    """The page in English, without image and answers."""
    endpoint.answers.is_down.clear()
    endpoint.bodies.clear()
    shared_tab.set_viewport_size({"width": 1440, "height": 900})
    language(shared_tab, "en")
    if shared_tab.locator("#image img").count():
        shared_tab.click("#image .icon-button-wrapper button")
        shared_tab.wait_for_selector("#image img", state="detached")
    shared_tab.click("#clear")
    shared_tab.fill("#question textarea", "")
    shared_tab.wait_for_function("!document.querySelector('#chat-0 .message, #note .problem')")
    return shared_tab


def open_page(tab, address):
    tab.goto(address)
    tab.wait_for_selector("#gallery img")
    tab.wait_for_function("document.querySelector('#note').getAttribute('aria-live') == 'polite'")


def language(tab, code):
    """Choose a language by its place in the list, as visitors do, and wait until the texts are in it."""
    if tab.evaluate("document.documentElement.lang") != code:
        from pangea_cultural.reference.languages import language as row

        tab.click("#language input")
        tab.fill("#language input", row(code).native)
        tab.wait_for_timeout(200)  # the list becomes shorter
        tab.locator("#language [role=option]", has_text=row(code).native).first.click()
        tab.wait_for_function("code => document.documentElement.lang == code", arg=code)
    ask = texts.text(code, "ask")
    tab.wait_for_function("text => document.querySelector('#ask').innerText == text", arg=ask)


def pick(tab, number=0):
    """Choose an image of the gallery and wait for its questions."""
    tab.locator("#gallery button img").nth(number).click()
    tab.wait_for_selector("#image img")
    tab.wait_for_selector("#examples label")
    tab.wait_for_timeout(300)


def ask(tab, question):
    tab.fill("#question textarea", question)
    tab.press("#question textarea", "Enter")


def example(tab):
    """Choose the first example question, which is asked at once."""
    tab.locator("#examples label").first.click()
