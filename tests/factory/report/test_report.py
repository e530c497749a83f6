"""The report of an export: its figures, samples, rejections, and texts that try to be markup."""

import shutil

import lxml.html
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from pangea_cultural.cli import pcult
from pangea_cultural.dataset.export import Export
from pangea_cultural.utils.pages import web_address

HOSTILE = "<script>alert(1)</script>\u202e"


def report(export, out, *options):
    result = CliRunner().invoke(pcult, ["data", "report", str(export), "--out", str(out), *options])
    assert result.exit_code == 0, result.output
    return lxml.html.document_fromstring(out.read_text("utf-8"))


def folder(castles):
    (found,) = (castles / "workspace/exports").iterdir()
    return found


@pytest.fixture(scope="module")
def page(castles, tmp_path_factory):
    return report(folder(castles), tmp_path_factory.mktemp("report") / "page.html")


@pytest.fixture
def hostile(castles, tmp_path):
    """A copy of the export whose texts are markup, one image is damaged, and one link runs a script."""
    export = tmp_path / "hostile"
    shutil.copytree(folder(castles), export)
    for split in ("train", "dev", "test", "unseen"):
        path = export / f"questions-{split}.parquet"
        rows = pq.read_table(path)
        for column in ("question", "sentence"):
            texts = pa.array([HOSTILE] * len(rows))
            rows = rows.set_column(rows.column_names.index(column), column, texts)
        pq.write_table(rows, path)
    images = pq.read_table(export / "images.parquet")
    for column, text in (("author", HOSTILE), ("attribution", HOSTILE), ("license_url", "javascript:alert(1)")):
        images = images.set_column(images.column_names.index(column), column, pa.array([text] * len(images)))
    pq.write_table(images, export / "images.parquet")
    for name in images["image"].to_pylist()[:1]:
        (export / name).unlink()
        (export / name).write_bytes(b"no image")
    return export


def rows_of(page, title):
    """Return the numbers of questions of a table of the page, by the text of its first column."""
    table = next(t for t in page.iter("table") if t.find(".//th").text_content() == title)
    return {
        row.find("td").text_content().strip(): int(row.find_class("n")[0].text_content().replace(",", ""))
        for row in table.iterfind("tbody/tr")
    }


def test_counts_are_those_of_the_files(page, castles):
    export = Export.open(folder(castles))
    tables = [export.table(split) for split in ("train", "dev", "test", "unseen")]
    counts = {split: len(table) for split, table in zip(("train", "dev", "test", "unseen"), tables, strict=True)}
    assert rows_of(page, "split") == {split: n for split, n in counts.items() if n}
    by_language = pa.concat_tables(tables).group_by("language").aggregate([("id", "count")]).to_pydict()
    assert sorted(rows_of(page, "language").values()) == sorted(by_language["id_count"])
    assert f"{sum(counts.values()):,}" in page.find_class("totals")[0].text_content()


def test_samples_are_rows_of_their_language_with_an_image_each(page, castles):
    export = Export.open(folder(castles))
    questions = {(q.language, q.question) for split in counts_of(export) for q in export.questions(split)}
    cards = page.find_class("card")
    assert cards and {language for language, _ in questions} == {c.find_class("text")[0].get("lang") for c in cards}
    for card in cards:
        text = card.find_class("text")[0]
        assert (text.get("lang"), text.find_class("question")[0].text_content()) in questions
        assert card.find("img").get("src").startswith("data:image/jpeg;base64,")


def counts_of(export):
    return [split for split, number in export.manifest["questions"].items() if number]


def test_number_of_samples_is_an_option(castles, tmp_path):
    cards = report(folder(castles), tmp_path / "one.html", "--samples", "1").find_class("card")
    languages = [card.find_class("text")[0].get("lang") for card in cards]
    assert cards and sorted(languages) == sorted(set(languages))


def test_rejections_are_those_of_the_workspace(page, castles):
    listed = CliRunner().invoke(pcult, ["data", "reject-reasons", "--workspace", str(castles / "workspace"), "--json"])
    reasons = {row["reason"] for row in orjson.loads(listed.output)}
    section = page.get_element_by_id("rejections")
    assert reasons and {row.find("td").text_content() for row in section.iterfind(".//tbody/tr")} == reasons


def test_an_export_outside_a_workspace_has_no_section_of_rejections(hostile, tmp_path):
    assert not report(hostile, tmp_path / "page.html").xpath("//*[@id='rejections']")


def test_texts_stay_text_and_only_web_addresses_become_links(hostile, tmp_path):
    page = report(hostile, tmp_path / "page.html")
    assert not page.xpath("//script") and HOSTILE in page.text_content()
    assert all(web_address(link.get("href")) or link.get("href").startswith("#") for link in page.iter("a"))
    policy = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")[0]
    assert "default-src 'none'" in policy and "script-src" not in policy


def test_a_damaged_image_is_named_in_its_place(hostile, tmp_path):
    page = report(hostile, tmp_path / "page.html", "--samples", "50")
    assert "No image: not a readable image" in page.text_content()


def test_equal_exports_give_equal_pages(castles, tmp_path):
    for name in ("first", "second"):
        report(folder(castles), tmp_path / name)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_an_export_with_no_optional_columns_and_keys_has_a_page(castles, tmp_path):
    """Exports of others have the needed columns and keys alone."""
    export = tmp_path / "others"
    shutil.copytree(folder(castles), export)
    images = pq.read_table(export / "images.parquet", columns=["image", "license"])
    images = images.append_column("relevance", pa.array([0.5] * len(images)))
    pq.write_table(images, export / "images.parquet")
    manifest = orjson.loads((export / "export.json").read_bytes())
    del manifest["version"]
    manifest["recipe"]["relevance"] = {"model": "judge", "prompt": "Is it so?"}
    (export / "export.json").write_bytes(orjson.dumps(manifest))
    page = report(export, tmp_path / "page.html")
    assert "None" not in page.text_content() and "No image is left out." in page.text_content()


def test_rows_without_image_entity_and_region_count_as_none(castles, tmp_path):
    """Imported chats have such rows."""
    export = tmp_path / "texts"
    shutil.copytree(folder(castles), export)
    for split in ("train", "dev", "test", "unseen"):
        rows = pq.read_table(export / f"questions-{split}.parquet")
        for column in ("image", "entity", "region", "property"):
            rows = rows.set_column(rows.column_names.index(column), column, pa.array([""] * len(rows)))
        pq.write_table(rows, export / f"questions-{split}.parquet")
    page = report(export, tmp_path / "page.html")
    totals = dict(zip(*(page.xpath(f"//dl[@class='totals']//{tag}/text()") for tag in ("dt", "dd")), strict=True))
    assert {name: totals[name] for name in ("images", "entities", "regions", "properties")} == dict.fromkeys(
        ("images", "entities", "regions", "properties"), "0"
    )
    assert list(rows_of(page, "region")) == ["none"] and "No image" not in page.text_content()


def test_what_is_no_export_is_refused_in_one_line(tmp_path):
    result = CliRunner().invoke(pcult, ["data", "report", str(tmp_path), "--out", str(tmp_path / "page.html")])
    assert result.exit_code == 1 and "No complete export" in str(result.exception)
