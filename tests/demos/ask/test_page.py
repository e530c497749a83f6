"""The page in Chromium."""

import io

import pytest
from PIL import Image

from demos import waiting
from demos.ask import texts
from tests.demos.ask.conftest import HOSTILE, ask, asked, example, language, pick
from tests.helpers.runs.chromium import needs_chromium

pytestmark = needs_chromium


TOAST = "text => document.querySelector('[data-testid=toast-text]')?.innerText == text"


def messages(tab, chat=0):
    return tab.locator(f"#chat-{chat} .message-content").all_inner_texts()


def said(tab, text, place="note-0"):
    tab.wait_for_function(
        "([place, text]) => document.querySelector('#' + place)?.innerText.includes(text)", arg=[place, text]
    )


def upload(tab, path, name="image"):
    tab.set_input_files("#image input[type=file]", path)


def test_uploaded_image_is_asked_about_and_the_answer_streams(tab, tmp_path, endpoint):
    path = tmp_path / "mine.png"
    Image.new("RGBA", (80, 60), (0, 128, 0, 10)).save(path)
    upload(tab, path)
    tab.wait_for_selector("#image img")
    ask(tab, "a hostile question <i>")
    tab.wait_for_selector("#again-0")
    assert messages(tab) == ["a hostile question <i>", HOSTILE], "texts are shown as text"
    assert tab.title() == "CulturalPangea"
    assert not tab.locator("#chat-0 .message-content :is(img, b, script, .katex)").count()
    directions = tab.locator("#chat-0 .message-content .md").evaluate_all(
        "found => found.map(part => getComputedStyle(part).unicodeBidi)"
    )
    assert directions == ["plaintext"] * 2, "a text has its own direction in every interface"
    body = next(body for body in endpoint.bodies if body["model"] == "first")
    assert body["temperature"] == 0 and body["stream"] is True
    assert body["messages"][0]["content"][0]["image_url"]["url"].startswith("data:image/png;base64,")
    assert tab.input_value("#question textarea") == "", "it is ready for the next question"


def test_a_follow_up_keeps_the_image_and_a_new_image_drops_old_answers(tab, endpoint):
    pick(tab)
    tab.fill("#question textarea", "my own words")
    example(tab)
    tab.wait_for_selector("#again-0")
    assert tab.input_value("#question textarea") == "my own words", "it is not lost"
    ask(tab, "And why?")
    tab.wait_for_function("document.querySelectorAll('#chat-0 .message-content').length == 4")
    tab.wait_for_selector("#again-0")
    body = [body for body in endpoint.bodies if body["model"] == "first"][-1]
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][0]["content"][0]["type"] == "image_url" and asked(body) == "And why?"
    pick(tab, 1)
    tab.wait_for_function("!document.querySelector('#chat-0 .message')")
    assert tab.inner_text("#note-0").strip() == "" and not tab.locator("#again-0").is_visible()


def test_gallery_has_filters_facts_and_the_verdict(tab):
    tab.click("#by-entity_type input")
    tab.wait_for_selector("#by-entity_type [role=option]")
    listed = tab.locator("#by-entity_type [role=option]").all_inner_texts()
    assert [text.split()[-1] for text in listed] == ["All", "Object"]
    tab.keyboard.press("Escape")
    assert tab.inner_text("#place").strip() == "1 / 1" and tab.locator("#gallery button img").count() == 5
    pick(tab, 2)
    example(tab)
    tab.wait_for_selector("#note-0 .note:is(.agrees, .differs)")
    tab.click("#facts-part > button")
    tab.wait_for_selector("#facts .name a")
    link = tab.locator("#facts .name a")
    assert link.get_attribute("href").startswith("https://www.wikidata.org/wiki/Q")
    assert link.get_attribute("rel") == "noopener noreferrer"
    assert "<b>A & B</b>" in tab.inner_text("#facts") and "CC0" in tab.inner_text("#facts")
    tab.click("#facts-part > button")


def test_the_question_is_asked_of_two_models_and_in_a_second_language(tab, endpoint):
    pick(tab)
    tab.click("#other-language-part > button")
    tab.click("#other-language input")
    tab.locator("#other-language [role=option]", has_text="Deutsch").click()
    example(tab)
    for chat in (0, 1, 2):
        tab.wait_for_selector(f"#again-{chat}")
    assert messages(tab, 1) == ["Which country is this?", "second says Peru"]
    assert messages(tab, 2) == ["Welches Land ist das?", "first says Peru"]
    tab.fill("#question textarea", "What is this called?")
    tab.click("#other-language input")
    tab.locator("#other-language [role=option]", has_text="Nederlands").click()
    tab.wait_for_function("document.querySelector('#other-question textarea').value == 'Welk land is dit?'")
    tab.click("#other-language input")
    tab.locator("#other-language [role=option]").first.click()
    tab.click("#other-language-part > button")


def test_stop_ends_the_work_of_the_server(tab, endpoint):
    pick(tab)
    ask(tab, "talk forever")
    tab.wait_for_function("document.querySelector('#chat-0').innerText.includes('two')")
    wait_until(tab, lambda: endpoint.running == 2)  # two models answer
    tab.keyboard.press("Escape")
    said(tab, texts.text("en", "stopped"), "note")
    wait_until(tab, lambda: endpoint.running == 0)
    assert messages(tab)[-1].strip() == "one two" and tab.locator("#again-0").is_visible()
    ask(tab, "and now?")
    said(tab, "", "note")
    for chat, name in enumerate(("first", "second")):
        said(tab, f"{name} says", f"chat-{chat}")
        tab.wait_for_selector(f"#again-{chat}")
    tab.keyboard.press("Escape")
    tab.wait_for_timeout(300)
    assert texts.text("en", "stopped") not in tab.inner_text("#note"), "no answer was on its way"


def test_new_question_conversation_or_image_ends_the_running_answers(tab, endpoint):
    def answering():
        ask(tab, "endless")
        tab.wait_for_function("document.querySelector('#chat-0').innerText.includes('3 4')")
        wait_until(tab, lambda: endpoint.running == 2)

    def is_empty():
        tab.wait_for_function("!document.querySelector('#chat-0 .message')")
        wait_until(tab, lambda: endpoint.running == 0)
        tab.wait_for_timeout(300)
        assert messages(tab) == [] and not tab.locator("#again-0").is_visible()

    pick(tab)
    answering()
    tab.press("#question textarea", "Enter")
    said(tab, texts.text("en", "no_question"), "note")
    assert endpoint.running == 2, "nothing else was asked"
    ask(tab, "and now?")
    tab.wait_for_function("document.querySelector('#chat-0').innerText.includes('first says')")
    assert [text for text in messages(tab) if not text[0].isdigit()] == ["endless", "and now?", "first says Peru"]
    answering()
    tab.click("#clear")
    is_empty()
    answering()
    pick(tab, 1)
    is_empty()
    answering()
    tab.click("#image .icon-button-wrapper button")
    is_empty()
    assert tab.locator("#image img").count() == 0


def wait_until(tab, holds):
    for _ in range(100):
        if holds():
            return
        tab.wait_for_timeout(50)
    assert holds()


def test_an_endpoint_that_fails_is_told_in_a_sentence_and_asked_again(tab, endpoint):
    language(tab, "de")
    pick(tab)
    endpoint.answers.is_down.set()
    example(tab)
    said(tab, texts.text("de", "down"))
    endpoint.answers.is_down.clear()
    tab.click("#again-0")
    tab.wait_for_function("document.querySelector('#chat-0').innerText.includes('first says')")
    ask(tab, "cut it")
    said(tab, texts.text("de", "interrupted"))
    assert messages(tab)[-1] == "half" and not tab.locator(".toast-wrap .error").count()


NO_ENGLISH_NAMES = """() => ![...document.querySelectorAll("#main [aria-label], #main [title]")]
    .flatMap(part => [part.ariaLabel ?? "", part.title]).map(name => name.replace(/\\w+ says Peru/, ""))
    .some(name => /[a-z]{3}/i.test(name))"""


def test_arabic_mirrors_the_page_and_translates_it(tab, tmp_path):
    language(tab, "ar")
    tab.wait_for_function("text => document.querySelector('#ask').innerText == text", arg=texts.text("ar", "ask"))
    assert tab.evaluate("document.documentElement.dir") == "rtl"
    for width in (390, 1440):
        tab.set_viewport_size({"width": width, "height": 900})
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    left = {name: tab.locator(name).bounding_box()["x"] for name in ("#image", "#chat-0", "#head", "#language")}
    assert left["#image"] > left["#chat-0"] and left["#head"] > left["#language"]
    shown = tab.evaluate("document.body.innerText")
    names = ("image", "language", "region", "question", "stop", "clear", "options", "about", "untrained", "gallery")
    assert [name for name in names if texts.text("ar", name) not in shown] == []
    assert not [text for text in ("Question", "Region", "Answers", "Compare") if text in shown]
    assert tab.get_attribute("#question textarea", "placeholder") == texts.text("ar", "question_hint")
    arrow, field = tab.locator("#by-region .icon-wrap").bounding_box(), tab.locator("#by-region").bounding_box()
    assert arrow["x"] < field["x"] + field["width"] / 2, "the arrow is at the end of the text"
    tab.locator("#gallery button img").first.click()
    tab.wait_for_selector("#image img")
    ask(tab, "??")
    tab.wait_for_selector("#again-0")
    tab.wait_for_function(NO_ENGLISH_NAMES)
    (tmp_path / "notes.txt").write_text("x")
    tab.click("#image .icon-button-wrapper button")
    upload(tab, tmp_path / "notes.txt")
    expected = texts.text("ar", "unreadable")
    tab.wait_for_function(TOAST, arg=expected)
    tab.click("[data-testid=toast-close]")
    language(tab, "fr")
    assert tab.evaluate("document.documentElement.dir") == "ltr"


def test_languages_without_training_are_marked(tab):
    tab.click("#language input")
    tab.wait_for_function("document.querySelectorAll('#language [role=option]').length == 39")
    listed = tab.locator("#language [role=option]").all_inner_texts()
    tab.locator("#head").click()
    tab.wait_for_selector("#language [role=option]", state="detached")
    assert len(listed) == 39 and sum("not trained" in text for text in listed) == 37
    language(tab, "nl")
    said(tab, texts.text("nl", "untrained"), "note")


def test_visitor_for_whom_the_queue_has_no_place_is_told_so_and_loses_no_question(tab, monkeypatch):
    pick(tab)
    ask(tab, "first")
    tab.wait_for_selector("#again-0")
    with monkeypatch.context() as patch:
        patch.setattr(waiting, "MOST_OF_A_SESSION", 0)
        ask(tab, "second")
        tab.wait_for_function(TOAST, arg=texts.text("en", "busy"))
    tab.evaluate("document.querySelector('[data-testid=toast-close]')?.click()")  # it also goes by itself
    tab.wait_for_selector("[data-testid=toast-text]", state="detached")
    assert tab.input_value("#question textarea") == "second"
    tab.press("#question textarea", "Enter")
    tab.wait_for_function("document.querySelectorAll('#chat-0 .message-content').length == 4")


def test_options_have_probabilities_as_bars(tab):
    pick(tab)
    tab.click("#options-part > button")
    tab.fill("#options textarea", "Peru\n<b>Chad</b>\nFiji\nTogo")
    tab.click("#options-ask")
    tab.wait_for_selector(".bars")
    rows = tab.locator(".bar").all_inner_texts()
    assert rows[0].split()[0] == "Peru" and "<b>Chad</b>" in " ".join(rows)
    tab.fill("#options textarea", "one")
    tab.click("#options-ask")
    said(tab, texts.text("en", "options_hint"), "options-result")
    tab.click("#options-part > button")


def photo(orientation):
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[274] = orientation
    Image.new("RGB", (60, 40), "green").save(stream, "JPEG", exif=exif)
    return stream.getvalue()


def tiff():
    stream = io.BytesIO()
    Image.new("RGB", (60, 40), "green").save(stream, "TIFF")
    return stream.getvalue()


def bomb():
    stream = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (lambda: photo(6), ""),
        (tiff, ""),
        (lambda: b"just a text", "unreadable"),
        (lambda: photo(1)[:200], "unreadable"),
        (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", "unreadable"),
        (bomb, "too_many_pixels"),
        (lambda: b"\x89PNG" + bytes(25_000_000), "file_large"),
    ],
    ids=["rotated", "tiff", "text", "truncated", "svg", "bomb", "large"],
)
def test_uploads_that_are_no_images_are_refused_in_a_sentence(tab, tmp_path, content, problem):
    path = tmp_path / "upload.png"
    path.write_bytes(content())
    upload(tab, path)
    if problem:
        said(tab, texts.text("en", problem), "note")
        tab.wait_for_selector("#image img", state="detached")
        assert not tab.locator(".toast-wrap .error").count()
    else:
        tab.wait_for_function("document.querySelector('#image img')?.naturalWidth > 0")
        ask(tab, "what is it?")
        tab.wait_for_selector("#again-0")


PASTE = """async ([kinds, color]) => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 60, height: 40 });
    const paint = canvas.getContext("2d");
    paint.fillStyle = color;
    paint.fillRect(0, 0, 60, 40);
    const blob = await new Promise(done => canvas.toBlob(done)), data = new DataTransfer();
    data.items.add(new File([blob], "image.png", { type: "image/png" }));
    for (const kind of kinds) data.setData(kind, "x");
    const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
    return document.querySelector("#question textarea").dispatchEvent(event);
}"""


def test_pasted_image_is_shown_in_place_of_another_one(tab):
    assert tab.evaluate(PASTE, [["text/plain"], "red"]) is True, "text with its image is pasted as text"
    pick(tab)
    for color in ("red", "blue"):
        before = tab.get_attribute("#image img", "src")
        assert tab.evaluate(PASTE, [[], color]) is False
        shown = "src => (image => image?.naturalWidth == 60 && image.src != src)(document.querySelector('#image img'))"
        tab.wait_for_function(shown, arg=before)
    ask(tab, "what is it?")
    tab.wait_for_selector("#again-0")
    assert tab.locator("#image img").count() == 1


def test_print_has_the_whole_conversation_and_motion_can_be_reduced(tab):
    pick(tab)
    for number in range(1, 5):
        ask(tab, f"question {number}")
        tab.wait_for_function(f"document.querySelectorAll('#chat-0 .message-content').length == {2 * number}")
        tab.wait_for_selector("#again-0")
    clipped = """document.querySelector("#chat-0 .bubble-wrap").scrollHeight
        - document.querySelector("#chat-0").getBoundingClientRect().height"""
    assert tab.evaluate(clipped) > 0, "the chat scrolls"
    try:
        tab.emulate_media(media="print", reduced_motion="reduce")
        assert tab.evaluate(clipped) <= 0 and tab.locator("#image img").is_visible()
        shown = [
            name
            for name in ("language", "gallery-part", "question", "ask", "again-0", "about-part")
            if visible(tab, name)
        ]
        assert shown == [] and visible(tab, "chat-0")
        longest = """Math.max(...[...document.querySelectorAll("*")]
            .map(part => parseFloat(getComputedStyle(part).transitionDuration)))"""
        assert tab.evaluate(longest) <= 0.001
    finally:
        tab.emulate_media(media="screen", reduced_motion="no-preference")
    dark = """(() => [true, false].map(isDark => {
        document.body.classList.toggle("dark", isDark);
        window.dispatchEvent(new Event("beforeprint"));
        const printed = document.body.classList.contains("dark");
        window.dispatchEvent(new Event("afterprint"));
        return [printed, document.body.classList.contains("dark")];
    }))()"""
    assert tab.evaluate(dark) == [[False, True], [False, False]], "paper is white"


def visible(tab, name):
    return tab.locator(f"#{name}").is_visible()


def test_asking_without_image_or_question_shows_a_sentence(tab):
    tab.fill("#question textarea", "what?")
    tab.click("#ask")
    said(tab, texts.text("en", "no_image"), "note")
    pick(tab)
    ask(tab, "  ")
    said(tab, texts.text("en", "no_question"), "note")


def test_no_serious_violation_of_accessibility(tab, tmp_path):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe
    pick(tab)
    for question in ("one", "two", "three"):  # a chat that scrolls
        ask(tab, question)
        tab.wait_for_function(f"document.querySelector('#chat-0').innerText.includes('{question}')")
        tab.wait_for_selector("#again-0")
    found = []
    for code in ("en", "ar"):
        language(tab, code)
        for is_dark in (False, True):
            tab.evaluate("dark => document.body.classList.toggle('dark', dark)", is_dark)
            tab.wait_for_timeout(300)  # colors change gradually
            for width in (390, 1440):
                tab.set_viewport_size({"width": width, "height": 900})
                tab.screenshot(path=tmp_path / f"{code}-{width}-{'dark' if is_dark else 'light'}.png", full_page=True)
                rows = axe().run(tab).response["violations"]
                found += [
                    (code, is_dark, width, row["id"], [node["html"] for node in row["nodes"]])
                    for row in rows
                    if row["impact"] in ("serious", "critical") or row["id"] == "heading-order"
                ]
    tab.evaluate("document.body.classList.remove('dark')")
    assert found == []


FOCUSED = """() => {
    const part = document.activeElement, label = part.closest("label");
    const isSeen = [part, label].some(found => found && getComputedStyle(found).outlineStyle != "none");
    return [part.closest("[id]:not([id^=component])")?.id ?? "", isSeen || part == document.body];
}"""


def test_every_control_is_reached_by_keyboard_and_seen(tab):
    tab.focus("#language input")
    names, expected = {}, {"question", "ask", "stop", "clear", "gallery", "by-region", "language", "chat-0"}
    for _ in range(60):
        name, is_seen = tab.evaluate(FOCUSED)
        names[name] = names.get(name, True) and is_seen
        tab.keyboard.press("Tab")
    assert expected <= set(names)
    assert [name for name, is_seen in names.items() if not is_seen] == []
