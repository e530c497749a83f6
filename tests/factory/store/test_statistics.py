"""Statistics of a store through the command line."""

import re

import pytest
from click.testing import CliRunner

from factory.pipeline import STAGE_NAMES
from factory.questions.stage import HELD_OUT_LANGUAGE
from factory.store import statistics
from factory.store.store import Store
from pangea_cultural.cli import pcult
from pangea_cultural.errors import UserError
from tests.helpers import world
from tests.helpers.store_contents import sums
from tests.helpers.world import pcult_json

FOLDER = """
name = "trial"
languages = ["en"]
[[images.sources]]
type = "folder"
path = "images.jsonl"
"""


def test_stats_lists_all_stages_in_their_order(castles):
    stages = pcult_json("data", "stats", "--workspace", castles / "workspace")["stages"]
    assert tuple(row["stage"] for row in stages) == STAGE_NAMES
    assert all(row["done"] and row["kept"] <= row["inputs"] for row in stages)


def test_reject_reasons_lists_stages_in_their_order_with_their_reasons(castles):
    rows = pcult_json("data", "reject-reasons", "--workspace", castles / "workspace")
    stages = [row["stage"] for row in rows]
    assert stages == sorted(stages, key=STAGE_NAMES.index)
    assert HELD_OUT_LANGUAGE in [row["reason"] for row in rows if row["stage"] == "questions"]


def test_a_new_stage_is_listed_without_other_changes(tmp_path):
    with Store.open(tmp_path / "store.duckdb") as store:
        for name in ("split", "new", "select dump.json"):
            store.execute("INSERT INTO stage (name, fingerprint) VALUES (?, '')", [name])
        store.reject("new", "Q1", "some reason")
        assert [row[0] for row in statistics.stages(store, ["new", "split"])[1]] == ["new", "split"]
        assert statistics.stages(store, ["new", "split"])[1][0][5] == 1


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


HOSTILE = ["a\\[/b] c", "[bold]x[/bold", "[/]", "\\", "\\\\[/x]", "\x1b[31mred", "[link=file:///etc/passwd]x[/link]"]


@pytest.mark.parametrize("label", HOSTILE)
def test_show_prints_labels_that_look_like_markup_or_commands(tmp_path, label):
    document = {
        "type": "item",
        "id": "Q930051",
        "labels": world.labels(en=label),
        "claims": {"P17": [world.item("Q114")], "P571": [world.year(1900)], "P18": [world.text("a.png")]},
    }
    recipe = world.lay_out(tmp_path / "world", FOLDER, [document])
    (tmp_path / "world/images.jsonl").write_text("")
    world.build(recipe, tmp_path / "out", "--stage", "select")
    result = CliRunner().invoke(
        pcult, ["data", "show", "Q930051", "--workspace", str(tmp_path / "out")], catch_exceptions=False
    )
    assert result.exit_code == 0
    assert label.replace("\x1b", "\N{REPLACEMENT CHARACTER}") in result.stdout and "\x1b" not in result.stdout


DIGITS = re.compile(r"\b[QP]?[0-9]{2,}\b|https?:|/")


def test_inputs_are_kept_or_rejected_in_every_stage(castles):
    stages = sums(castles / "workspace")
    assert stages["select"]["unit"] == "documents" and stages["select"]["inputs"] == 17
    assert stages["questions"]["unit"] == "questions" and stages["questions"]["rejected"] > 0
    assert stages["export"]["inputs"] == stages["questions"]["kept"]


def test_reasons_have_no_ids_offsets_or_addresses(castles):
    rows = pcult_json("data", "reject-reasons", "--workspace", castles / "workspace")
    assert [row["reason"] for row in rows if DIGITS.search(row["reason"])] == []
    assert next(row for row in rows if row["reason"] == "broken line")["detail"]
