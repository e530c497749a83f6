"""The data set browser: rows by filter, facts, marks, hostile texts, and the page in Chromium."""

import socket

import lxml.html
import orjson
import pytest

from demos.browse import card, facts
from demos.browse.facts import Facts
from demos.browse.page import Browser, launch, page
from demos.browse.reviews import Reviews
from demos.browse.rows import FILTERS, Rows
from factory.store.store import Store
from pangea_cultural.dataset.export import SPLITS, Export
from tests.helpers import world
from tests.helpers.runs.chromium import chromium, needs_chromium

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browse")
    world.build(world.write(folder / "world"), folder / "workspace")
    return folder / "workspace"


@pytest.fixture(scope="module")
def export(workspace):
    (found,) = (path for path in (workspace / "exports").iterdir() if path.is_dir())
    return Export.open(found)


@pytest.fixture(scope="module")
def rows(export):
    return Rows(export)


@pytest.fixture
def reviews(tmp_path):
    return Reviews(tmp_path / "castles-reviews.jsonl")


def everything(export):
    return [(split, question) for split in SPLITS for question in export.questions(split)]


def test_rows_of_a_filter_are_those_of_the_files(rows, export):
    for column in ("language", "region", "question_type"):
        for value, count in rows.values(column):
            expected = {q.id for _, q in everything(export) if getattr(q, column) == value}
            found = rows.page({column: value}, start=0, number=100_000)
            assert {row["id"] for row in found} == expected
            assert rows.count({column: value}) == count == len(expected)


def test_filters_hold_together_and_pages_do_not_overlap(rows, export):
    chosen = {"language": "de", "question_type": "open", "split": "train"}
    expected = {q.id for s, q in everything(export) if (q.language, q.question_type, s) == ("de", "open", "train")}
    pages = [rows.page(chosen, start=start, number=3) for start in range(0, len(expected), 3)]
    found = [row["id"] for page in pages for row in page]
    assert len(found) == len(set(found)) and set(found) == expected and len(expected) > 3


def test_text_filter_finds_words_and_entities_in_any_case(rows, export):
    question = next(q for _, q in everything(export) if q.language == "en")
    for text in (question.question.upper(), question.answer.lower(), question.entity.lower()):
        assert question.id in {row["id"] for row in rows.page({"text": text}, start=0, number=100_000)}
    assert rows.count({"text": "' OR 1=1 --"}) == 0


def test_facts_name_values_in_the_language_and_rejections_of_the_entity(workspace, export):
    entity = next(q.entity for _, q in everything(export))
    found = facts.read(workspace / "store.duckdb", entity, "de")
    assert ("P17", "Deutschland") in {(claim["property"], claim["label"]) for claim in found.claims} or found.claims
    with Store.open(workspace / "store.duckdb", read_only=True) as store:
        (number,) = store.rows("SELECT count(*) FROM claim WHERE entity = ?", [entity])[0]
    assert len(found.claims) == number and found.names and not found.problem


def test_facts_of_an_export_without_workspace_say_so(tmp_path):
    assert facts.read(None, "Q1", "en").problem == facts.MISSING
    assert facts.read(tmp_path / "none.duckdb", "Q1", "en").problem == facts.MISSING


def test_card_shows_texts_as_text_and_links_only_to_web_addresses(rows):
    row = rows.page({"question_type": "choice"}, start=0, number=1)[0]
    hostile = {key: HOSTILE if isinstance(value, str) else value for key, value in row.items()}
    hostile |= {"choices": [HOSTILE, "b", "c", "d"], "answer": HOSTILE}
    credit = rows.credit(row["image"]) | {"author": HOSTILE, "attribution": "", "page": "javascript:alert(1)"}
    marks = [{"mark": "wrong", "reader": HOSTILE, "comment": HOSTILE}]
    known = Facts(
        [{"text": HOSTILE, "language": "en"}], [], [{"stage": "x", "reason": "y", "item": HOSTILE, "detail": ""}]
    )
    document = lxml.html.fromstring(card.render(hostile, credit=credit, facts=known, marks=marks))
    assert not document.xpath("//img | //script") and document.text_content().count(HOSTILE) >= 6
    assert all(link.startswith("https://") for link in document.xpath("//a/@href"))


@pytest.mark.parametrize(("language", "direction"), [("ar", "rtl"), ("en", "ltr"), ("xx", "auto")])
def test_card_has_the_direction_of_its_language(rows, language, direction):
    row = rows.page({}, start=0, number=1)[0] | {"language": language}
    document = lxml.html.fromstring(card.render(row, credit={}, facts=Facts([], [], []), marks=[]))
    assert document.find_class("question")[0].getparent().get("dir") == direction


def test_later_mark_of_a_reader_replaces_the_earlier_one(rows, reviews):
    first, second = rows.page({}, start=0, number=2)
    reviews.add(first, "wrong", reader="ann", comment="not a castle")
    reviews.add(first, "right", reader="bob", comment="")
    reviews.add(first, "right", reader="ann", comment="it is")
    reviews.add(second, "wrong", reader="ann", comment="")
    assert {(m["id"], m["reader"], m["mark"]) for m in reviews.latest()} == {
        (first["id"], "ann", "right"),
        (first["id"], "bob", "right"),
        (second["id"], "ann", "wrong"),
    }
    listed = [orjson.loads(line) for line in reviews.listed.read_bytes().splitlines()]
    assert listed == reviews.latest() and {m["question"] for m in listed} == {first["question"], second["question"]}


def test_mark_after_a_line_that_was_cut_off_is_kept(rows, reviews):
    row = rows.page({}, start=0, number=1)[0]
    reviews.add(row, "wrong", reader="", comment="one")
    reviews.path.write_bytes(reviews.path.read_bytes() + b'{"id": "cut')
    reviews.add(row, "wrong", reader="bob", comment="two")
    assert [mark["comment"] for mark in reviews.latest()] == ["one", "two"]


@pytest.fixture
def tab(rows, workspace, export, reviews):
    blocks = page(Browser(rows, store=workspace / "store.duckdb", reviews=reviews))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = launch(blocks, host="127.0.0.1", port=port, allowed=[export.path / "images", reviews.listed])
    with chromium() as opened:
        tab = opened.new_page(viewport={"width": 390, "height": 900})
        tab.requested = []
        tab.on("request", lambda request: tab.requested.append(request.url))
        tab.goto(address)
        tab.wait_for_selector("#detail .question", timeout=60_000)
        yield tab
    blocks.close()


@needs_chromium
def test_reader_filters_marks_a_row_and_downloads_the_list(tab, rows):
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    tab.locator("#by-language input").click()
    tab.get_by_role("option", name="German").click()
    expected = f"of {rows.count({'language': 'de'}):,}"
    tab.wait_for_function("text => document.querySelector('#line').innerText.endsWith(text)", arg=expected)
    tab.wait_for_selector("#detail [lang=de]", timeout=30_000)
    tab.fill("#reader :is(input, textarea)", "ann")
    tab.fill("#comment :is(input, textarea)", HOSTILE)
    tab.click("#mark-wrong")
    tab.wait_for_selector(".mark.wrong", timeout=30_000)
    assert HOSTILE in tab.inner_text(".mark.wrong")
    tab.wait_for_function("!document.querySelector('#download').disabled")
    with tab.expect_download() as download:
        tab.click("#download")
    (entry,) = [orjson.loads(line) for line in download.value.path().read_bytes().splitlines()]
    assert (entry["mark"], entry["reader"], entry["comment"], entry["language"]) == ("wrong", "ann", HOSTILE, "de")
    assert all(url.startswith(("http://127.0.0.1:", "data:", "blob:")) for url in tab.requested)
    assert set(FILTERS) == {
        name.removeprefix("by-")
        for name in tab.evaluate("[...document.querySelectorAll('[id^=by-]')].map(found => found.id)")
    }
