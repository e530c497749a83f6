"""Coverage of languages: values with a text, by property and language."""

import orjson
from click.testing import CliRunner

from pangea_cultural.cli import pcult
from tests.factory.store.test_statistics import pcult_json


def test_coverage_counts_values_once_per_property(castles):
    found = pcult_json("data", "stats", "--languages", "--workspace", castles / "workspace")
    by_property = {(row["property"], row["language"]): (row["named"], row["values"]) for row in found["properties"]}
    # Six castles in six countries, each with its own year and name.
    for language in ("en", "de", "nl"):
        assert by_property["P17", language] == by_property["P571", language] == (6, 6)
        assert by_property["label", language] == (6, 6)
    assert {row["language"]: (row["named"], row["values"]) for row in found["languages"]}["de"] == tuple(
        map(sum, zip(*(cell for (_, language), cell in by_property.items() if language == "de"), strict=True))
    )


def test_a_missing_name_lowers_the_coverage(tmp_path):
    from factory.store.store import Store

    with Store.open(tmp_path / "store.duckdb") as store:
        columns = "entity, selected, entity_type, revision, source"
        store.execute(f"INSERT INTO entity ({columns}) VALUES ('Q1', true, 'any', 1, 'test')")
        for value in ("Q2", "Q3"):
            store.execute(
                """INSERT INTO claim (entity, property, ordinal, best, rank, value, value_type)
                   VALUES ('Q1', 'P84', 0, true, 'normal', ?, 'item')""",
                [value],
            )
        store.execute("INSERT INTO value_text (value, language, region, text, source) VALUES ('Q2','en','','A','en')")
        store.execute("INSERT INTO value_text (value, language, region, text, source) VALUES ('Q2','zh','x','A','zh')")
    found = pcult_json("data", "stats", "--languages", "--workspace", tmp_path)["properties"]
    counts = {(row["property"], row["language"]): (row["named"], row["values"]) for row in found}
    assert counts["P84", "en"] == (1, 2) and counts["P84", "zh"] == (0, 2)


def test_coverage_is_printed_as_tables(castles):
    arguments = ["data", "stats", "--languages", "--workspace", str(castles / "workspace")]
    output = CliRunner().invoke(pcult, arguments, catch_exceptions=False).stdout
    assert "with a text" in output and "percent" in output and "P571" in output
    assert orjson.loads(CliRunner().invoke(pcult, [*arguments, "--json"]).stdout)
