"""The section of a report about models: rewritten texts beside their templates, probabilities of images."""

import shutil

import lxml.html
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pangea_cultural.utils.files import write_json
from tests.helpers import world

HOSTILE = "<script>alert(1)</script>"


def page_of(export, out):
    world.run("data", "report", export, "--out", out)
    return lxml.html.document_fromstring(out.read_text("utf-8"))


def replaced(table, **columns):
    for name, values in columns.items():
        table = table.set_column(table.column_names.index(name), name, values)
    return table


@pytest.fixture(scope="module")
def judged(castles, tmp_path_factory):
    """A copy of the export whose German questions are rewritten, and whose images have probabilities."""
    export = tmp_path_factory.mktemp("judged") / "castles"
    shutil.copytree(castles / "workspace/exports/castles", export)
    rows = pq.read_table(export / "questions-train.parquet")
    german = pc.equal(rows["language"], "de")
    texts = {
        "template_question": pc.if_else(german, rows["question"], ""),
        "template_sentence": pc.if_else(german, rows["sentence"], ""),
        "rewritten_by": pc.if_else(german, "writer 1", ""),
        "question": pc.if_else(german, HOSTILE, rows["question"]),
    }
    pq.write_table(replaced(rows, **texts), export / "questions-train.parquet")
    images = pq.read_table(export / "images.parquet")
    probabilities = pa.array([None, 1.0, *(n / 100 for n in range(len(images) - 2))], pa.float64())
    pq.write_table(replaced(images, relevance=probabilities), export / "images.parquet")
    manifest = orjson.loads((export / "export.json").read_bytes())
    manifest["recipe"] |= {
        "refine": {"model": "writer", "prompt": "1"},
        "relevance": {"model": "judge", "prompt": "Is it {entity}?", "threshold": 0.25},
    }
    write_json(export / "export.json", manifest)
    return export, page_of(export, export.parent / "page.html"), len(images)


def cells(section, title):
    table = next(t for t in section.iter("table") if t.find(".//th").text_content() == title)
    return [[cell.text_content() for cell in row.iter("td")] for row in table.iterfind("tbody/tr")]


def test_rewritten_questions_are_counted_and_stand_beside_their_templates(judged):
    section = judged[1].get_element_by_id("models")
    ((language, _, questions, rewritten, share),) = cells(section, "language")
    assert language == "German" and int(rewritten) > 0 and int(questions) > int(rewritten)
    assert float(share) == pytest.approx(100 * int(rewritten) / int(questions), abs=0.06)
    (pair,) = section.find_class("pair")
    before, after = pair.find_class("question")
    assert after.text_content() == HOSTILE and before.text_content().endswith("?")
    assert not judged[1].xpath("//script")


def test_images_are_counted_by_probability_and_the_least_probable_are_shown(judged):
    section = judged[1].get_element_by_id("models")
    counts = [int(row[2]) for row in cells(section, "probability")]
    assert sum(counts) == judged[2] - 1 and counts[0] == 10 and counts[-1] == 1
    shown = [card.find_class("origin")[0].text_content()[:4] for card in section.find_class("card")]
    assert shown == ["0.00", "0.01", "0.02", "0.03", "0.04", "0.05"]
    text = section.text_content()
    assert "Images below 0.25 have no questions." in text and "; 1 have none" in text and "Is it {entity}?" in text


def test_an_export_without_models_has_no_section(castles, tmp_path):
    page = page_of(castles / "workspace/exports/castles", tmp_path / "page.html")
    assert not page.xpath("//*[@id='models']")


def test_images_outside_the_export_are_not_read_and_an_image_without_an_entity_is_shown(judged, tmp_path):
    export = tmp_path / "export"
    shutil.copytree(judged[0], export)
    images = pq.read_table(export / "images.parquet")
    lowest = pc.index(images["relevance"], 0.0).as_py()
    outside = tmp_path / "outside.png"
    shutil.copyfile(export / images["image"][lowest].as_py(), outside)
    names, entities = images["image"].to_pylist(), images["entity"].to_pylist()
    names[lowest : lowest + 2], entities[lowest + 2] = [str(outside), "../outside.png"], None
    columns = {"image": pa.array(names), "entity": pa.array(entities)}
    pq.write_table(replaced(images, **columns), export / "images.parquet")
    cards = page_of(export, tmp_path / "page.html").get_element_by_id("models").find_class("card")
    shown = {card.find_class("origin")[0].text_content()[:4]: card for card in cards}
    assert [len(shown[name].xpath(".//img")) for name in ("0.00", "0.01", "0.02")] == [0, 0, 1]
    assert not shown["0.02"].xpath(".//a")
