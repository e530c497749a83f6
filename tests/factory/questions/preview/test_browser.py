"""The page in a real browser: marks, the copied list, filters and the layout of both widths."""

import pytest

from factory.questions.preview import page

ASK, SAY = "ar/P84/building/ask/1", "ar/P84/say/1"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("preview")
    for name in ("en", "ar", "zh-hant"):
        (folder / f"{name}.html").write_text(page.render(name), "utf-8")
    return folder.as_uri()


@pytest.fixture
def context(browser):
    opened = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    yield opened
    opened.close()


@pytest.fixture
def tab(context, address):
    opened = context.new_page()
    errors = []
    opened.on("console", lambda message: errors.append(message.text))
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(f"{address}/ar.html")
    yield opened
    assert errors == [], "the policy refuses something, or the script fails"


def row(tab, name):
    return tab.locator(f'[id="{name}"]')


def mark(tab):
    row(tab, SAY).locator("input[type=checkbox]").check()
    row(tab, ASK).locator("input[type=text]").fill("مَن المعماري؟")


def test_corrections_are_copied_as_a_list(tab):
    mark(tab)
    assert row(tab, ASK).locator("input[type=checkbox]").is_checked(), "a correction marks its line"
    tab.click("#copy")
    tab.wait_for_selector("text=Copied 2 lines.")
    wanted = f"{SAY}: ?\n{ASK}: مَن المعماري؟"
    assert tab.evaluate("navigator.clipboard.readText()") == wanted == tab.input_value("#list")


def test_list_is_copied_without_the_clipboard_interface(tab):
    tab.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined, configurable: true })")
    mark(tab)
    tab.click("#copy")
    tab.wait_for_selector("text=Copied 2 lines.")
    assert tab.evaluate("delete navigator.clipboard; navigator.clipboard.readText()").startswith(f"{SAY}: ?")


def test_marks_are_kept_until_the_text_changes(tab, context, address):
    mark(tab)
    tab.reload()
    assert tab.input_value("#list") == f"{SAY}: ?\n{ASK}: مَن المعماري؟"
    tab.evaluate(
        """() => {
            const key = "pcult-templates-ar", marks = JSON.parse(localStorage.getItem(key));
            marks["ar/P84/say/1"].text = "an earlier text";
            localStorage.setItem(key, JSON.stringify(marks));
        }"""
    )
    tab.reload()
    assert tab.input_value("#list") == f"{ASK}: مَن المعماري؟"
    other = context.new_page()
    other.goto(f"{address}/zh-hant.html")
    assert other.input_value("#list") == "", "each language has its own marks"


def test_filters_show_unsure_and_wrong_lines(tab):
    unsure = tab.locator("tr.unsure").count()
    tab.check("#only-unsure")
    assert tab.locator("tr.line:visible").count() == unsure > 0
    tab.uncheck("#only-unsure")
    mark(tab)
    tab.check("#only-marked")
    assert tab.locator("tr.line:visible").count() == 2
    assert tab.locator("section:visible").count() == 2, "the property and the list"


def test_page_works_without_storage(context, address):
    tab = context.new_page()
    tab.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new Error('denied'); } })")
    tab.goto(f"{address}/ar.html")
    mark(tab)
    assert tab.input_value("#list").startswith(SAY)


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("name", ["en", "ar", "zh-hant"])
def test_page_fits_the_width_and_loads_nothing(browser, address, name, width):
    tab = browser.new_page(viewport={"width": width, "height": 900})
    requests = []
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto(f"{address}/{name}.html")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert requests == [f"{address}/{name}.html"]
    cells = [cell.bounding_box() for cell in tab.locator(f'[id="{name}/P84/say/1"] td').all()]
    below = cells[0]["y"] + cells[0]["height"] <= cells[1]["y"] + 1
    assert below == (width == 390), "a card on a phone, a row of a table on a desk"
    assert tab.locator(f'[id="{name}/P84/say/1"] .text').evaluate("e => getComputedStyle(e).direction") == (
        "rtl" if name == "ar" else "ltr"
    )
    tab.close()


def test_hostile_texts_do_not_run(browser, hostile, tmp_path):
    (tmp_path / "page.html").write_text(page.render("de"), "utf-8")
    tab = browser.new_page()
    tab.goto((tmp_path / "page.html").as_uri())
    assert tab.evaluate("window.stolen") is None
    assert tab.locator('[id="de/P17/flag/ask/2"] .text p').first.text_content().startswith("Whose flag </td>")
    tab.close()
