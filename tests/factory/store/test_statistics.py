"""Statistics of a store through the command line."""

import orjson
import pytest
from click.testing import CliRunner

from factory.pipeline import STAGE_NAMES
from factory.splits.stage import HELD_OUT_LANGUAGE
from factory.store import statistics
from factory.store.store import Store
from pangea_cultural.cli import pcult
from pangea_cultural.errors import UserError


def pcult_json(*arguments):
    result = CliRunner().invoke(pcult, [*map(str, arguments), "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return orjson.loads(result.stdout)


def test_stats_lists_all_stages_in_their_order(castles):
    stages = pcult_json("data", "stats", "--workspace", castles / "workspace")["stages"]
    assert tuple(row["stage"] for row in stages) == STAGE_NAMES
    assert all(row["done"] and row["kept"] <= row["inputs"] for row in stages)


def test_reject_reasons_lists_stages_in_their_order_with_their_reasons(castles):
    rows = pcult_json("data", "reject-reasons", "--workspace", castles / "workspace")
    stages = [row["stage"] for row in rows]
    assert stages == sorted(stages, key=STAGE_NAMES.index)
    assert [row["reason"] for row in rows if row["stage"] == "split"] == [HELD_OUT_LANGUAGE]


def test_a_new_stage_is_listed_without_other_changes(tmp_path):
    with Store.open(tmp_path / "store.duckdb") as store:
        for name in ("split", "new", "select dump.json"):
            store.execute("INSERT INTO stage (name, fingerprint) VALUES (?, '')", [name])
        store.reject("new", "Q1", "some reason")
        assert [row[0] for row in statistics.stages(store, ["new", "split"])[1]] == ["new", "split"]
        assert statistics.stages(store, ["new", "split"])[1][0][4] == 1


def test_show_names_the_reason_of_a_rejected_entity(castles):
    with pytest.raises(UserError, match=r"Q5002 is not in the store\. Rejected: no image named\."):
        pcult_json("data", "show", "Q5002", "--workspace", castles / "workspace")


def test_show_lists_claims_and_licenses(castles):
    shown = pcult_json("data", "show", "Q9000", "--workspace", castles / "workspace")
    assert shown["regions"] == ["japan"]
    assert {(claim["property"], claim["value"], claim["best"]) for claim in shown["claims"]} >= {
        ("P17", "Q17", True),
        ("P17", "Q155", False),
    }
    assert [c["exactness"] for c in shown["claims"] if c["property"] == "P571"] == ["year, Gregorian"]
    assert {image["license"] for image in shown["images"]} == {"CC0-1.0"} and len(shown["images"]) == 5
