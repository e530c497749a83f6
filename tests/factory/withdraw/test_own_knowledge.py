"""Withdrawals of own knowledge: from a source, a license or an own id to the rows and credits of a data set."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from factory.store.store import Store
from factory.withdraw import apply
from pangea_cultural.dataset import withdrawal
from pangea_cultural.dataset.check import check
from pangea_cultural.dataset.export import Export
from pangea_cultural.dataset.withdrawal import WithdrawalList, WithdrawnClaim, WithdrawnEntity, WithdrawnLicense
from tests.factory.exchange import exported
from tests.factory.knowledge import dishes
from tests.factory.withdraw.test_in_place import by_id, remove
from tests.factory.withdraw.test_other_places import import_
from tests.factory.withdraw.test_withdraw import copy, rows, withdraw
from tests.helpers import world

PARTS = ("maize", "wheat", "rice", "beans")
BY_SA = "CC BY-SA 4.0"
BOOK = {"source": "A book", "license": BY_SA}


def more_rows():
    """Yield rows about main parts, whose license nothing else has, and a photo that cannot be read."""
    for part in PARTS:
        for language in dishes.LANGUAGES:
            told = {"source": "Dictionary", "license": "CC0-1.0"}
            yield {"entity": part, "relation": "name", "value": f"{part} {language}", "language": language, **told}
    for n in range(13):
        yield {"entity": f"dish_{n}", "relation": "main_part", "value": PARTS[n % 4], **BOOK}
    yield {"entity": "dish_1", "image": "photos/text.png", "source": "Interview 1", "license": "CC0-1.0"}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return a folder with the recipe in in/ and its build in out/; tests leave them unchanged."""
    folder = tmp_path_factory.mktemp("own")
    text = dishes.RECIPE.replace("[split]", "[images]\nmax_per_entity = 4\n[split]")
    recipe = dishes.write(folder / "in", more_rows(), text)
    (folder / "in/photos/text.png").write_text("no image")
    world.build(recipe, folder / "out")
    return folder


@pytest.fixture
def workspace(built, tmp_path):
    return copy(built / "out", tmp_path / "out")


@pytest.fixture
def moved(built, tmp_path):
    """Return a copy of the export outside of a workspace."""
    return Path(shutil.copytree(built / "out/exports/dishes", tmp_path / "elsewhere/dishes-1.0"))


def opened(workspace):
    return Export.open(workspace / "exports/dishes")


def all_rows(export):
    return {id: row for found in by_id(export).values() for id, row in found.items()}


def stated(export):
    """Return the statements as texts."""
    return Counter(map(str, export.statements().to_pylist()))


def about(source):
    """Return the dishes that an interview is about."""
    return {f"x:dish_{n}" for n in range(13) if n % 4 == source}


def test_a_source_takes_all_that_it_states_also_a_rejected_image(built, workspace):
    before = opened(workspace)
    assert rows(workspace, "SELECT count(*) FROM statement WHERE value = 'Own/photos/text.png'") == [(1,)]
    result = withdraw(workspace, "--source", "Interview 1", "--reason", "no consent")
    assert result["store"]["entities"] == len(about(1)) and result["exports"][0]["statements"] > 0
    assert rows(workspace, "SELECT count(*) FROM statement WHERE source = 'Interview 1'") == [(0,)]
    listed = {item.name for item in withdrawal.read(workspace / "withdrawn.json")}
    assert {"x:dish_1", "File:Own/photos/text.png"} <= listed
    problems = check(before)
    assert any(line.startswith("statements.parquet:") for line in problems), problems
    world.build(built / "in/recipe.toml", workspace)
    export = opened(workspace)
    assert {row["entity"] for row in all_rows(export).values()} == {f"x:dish_{n}" for n in range(13)} - about(1)
    assert "Interview 1" not in export.statements()["source"].to_pylist()
    assert check(export) == []


def test_a_license_of_statements_only_takes_them_now_and_in_later_builds(built, workspace):
    result = withdraw(workspace, "--license", BY_SA)
    assert result["store"]["claims"] == 13 and result["store"]["images"] == result["store"]["entities"] == 0
    assert rows(workspace, "SELECT count(*) FROM statement WHERE license_code = 'cc-by-sa-4.0'") == [(0,)]
    recipe = dishes.write(workspace.parent / "in", more_rows())
    recipe.write_text((built / "in/recipe.toml").read_text())
    later = {"entity": "dish_0", "relation": "since", "value": "1900", **BOOK}
    dishes.write_csv(workspace.parent / "in/dishes.csv", [*dishes.rows(), *more_rows(), later])
    world.build(recipe, workspace)
    assert rows(workspace, "SELECT count(*) FROM statement WHERE license_code = 'cc-by-sa-4.0'") == [(0,)]
    export = opened(workspace)
    assert {row["property"] for row in all_rows(export).values()} == {"label", "eaten_at"}
    assert {row["entity"] for row in all_rows(export).values()} == {f"x:dish_{n}" for n in range(13)}
    assert check(export) == []


def test_a_license_that_nothing_has_is_named_with_those_that_are_there(workspace):
    message = world.error_of("data", "withdraw", "--license", "CC BY 3.0", "--workspace", workspace)
    assert "Licenses in the store: cc-by-4.0, cc-by-sa-4.0, cc0-1.0." in message


def test_the_number_of_queries_does_not_depend_on_the_number_of_rows(workspace, monkeypatch):
    asked, searched = [], []
    ask, find = Store.rows, apply.find
    monkeypatch.setattr(Store, "rows", lambda *arguments: asked.append(1) or ask(*arguments))
    monkeypatch.setattr(apply, "find", lambda *arguments: searched.append(1) or find(*arguments))
    numbers = []
    for source in ("Interview 2", "Interview 0"):  # of three dishes and of four
        asked.clear()
        searched.clear()
        result = withdraw(workspace, "--source", source, "--dry-run")
        numbers.append((len(asked), len(searched)))
        assert len(result["withdrawn"]) == 2 * len(about(int(source[-1]))), "each dish and its meal"
    assert numbers[0] == numbers[1] and numbers[0][1] == 1


def test_an_entity_and_a_claim_are_withdrawn_by_own_ids(built, workspace):
    withdraw(workspace, "--entity", "x:dish_2", "--claim", "x:dish_3 eaten_at")
    world.build(built / "in/recipe.toml", workspace)
    found = all_rows(opened(workspace)).values()
    assert "x:dish_2" not in {row["entity"] for row in found}
    assert {row["property"] for row in found if row["entity"] == "x:dish_3"} == {"label", "main_part"}
    message = world.error_of("data", "withdraw", "--source", "Interview", "--workspace", workspace)
    assert "No statement in the store has the source 'Interview'. Did you mean 'Interview 0'" in message


def has(entities):
    """Return whether a row is about one of the dishes, or has its name as an answer or an option."""
    numbers = [entity.removeprefix("x:dish_") for entity in entities]
    names = {f"{word} {number}" for word in ("Dish", "Plato", "طبق") for number in numbers}
    return lambda row: (
        row["entity"] in entities or not names.isdisjoint([*row.get("answers", ()), *row.get("choices", ())])
    )


OPTIONS = {
    "source": (("--source", "Interview 1"), has(about(1))),
    "license": (("--license", BY_SA), lambda row: row["property"] == "main_part"),
    "entity": (("--entity", "x:dish_2"), has({"x:dish_2"})),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_an_export_elsewhere_loses_the_statements_of_what_is_withdrawn(moved, name):
    options, is_gone = OPTIONS[name]
    old = Export.open(moved)
    expected = {id: row for id, row in all_rows(old).items() if not is_gone(row)}
    statements = old.statements().to_pylist()
    remove(moved, *options)
    new = Export.open(moved)
    assert all_rows(new) == expected and 0 < len(expected) < sum(old.manifest["questions"].values())
    assert stated(new) == Counter(str(row) for row in statements if not is_gone(row))
    assert check(new) == [] and "statements.parquet" in new.manifest["files"]


def test_an_export_without_statements_left_has_no_table_of_them(moved):
    remove(moved, *(part for n in range(13) for part in ("--entity", f"x:dish_{n}")), *("--license", "CC0-1.0"))
    new = Export.open(moved)
    assert sum(new.manifest["questions"].values()) == 0
    assert new.statements_file is None and not (moved / "statements.parquet").exists()
    assert check(new) == []


def test_statements_that_stay_keep_their_bytes(moved):
    before = (moved / "statements.parquet").read_bytes()
    remove(moved, "--image", "Own/photos/dish_0_0.png")
    assert (moved / "statements.parquet").read_bytes() == before
    assert check(Export.open(moved)) == []


def test_a_data_set_with_a_card_names_the_sources_that_are_left(built, tmp_path):
    exported.write(opened(built / "out"), "native", tmp_path / "native")
    assert "A book" in (tmp_path / "native/ATTRIBUTION.md").read_text()
    remove(tmp_path / "native", "--source", "A book")
    assert "A book" not in (tmp_path / "native/ATTRIBUTION.md").read_text()
    assert "A book" not in Export.open(tmp_path / "native").statements()["source"].to_pylist()
    assert check(Export.open(tmp_path / "native")) == []


@pytest.mark.parametrize("format", ["native", "parquet"])
def test_an_import_keeps_the_credits_of_statements_that_stay(built, tmp_path, format):
    old = opened(built / "out")
    exported.write(old, format, tmp_path / format)
    import_(tmp_path / format, tmp_path / "all", format, WithdrawalList())
    new = Export.open(tmp_path / "all")
    assert stated(new) == stated(old) and check(new) == []
    items = (WithdrawnEntity(entity="x:dish_2"), WithdrawnLicense(license=BY_SA))
    imported = import_(tmp_path / format, tmp_path / "some", format, WithdrawalList(withdrawn=items))
    new = Export.open(tmp_path / "some")
    kept = [row for row in old.statements().to_pylist() if row["entity"] != "x:dish_2" and row["license"] != BY_SA]
    assert stated(new) == Counter(map(str, kept))
    assert imported.rejected["withdrawn statement"] == old.statements().num_rows - len(kept) > 13
    assert {row["property"] for row in all_rows(new).values()} == {"label", "eaten_at"}
    assert check(new) == []


def test_the_check_finds_statements_that_no_question_asks_for(built):
    export = opened(built / "out")
    (line,) = check(export, WithdrawalList(withdrawn=(WithdrawnEntity(entity="x:maize"),)))
    # Its three names, and the four dishes that are made of it.
    assert line == "statements.parquet: 7 withdrawn statements (x:maize)"
    assert check(export, WithdrawalList(withdrawn=(WithdrawnEntity(entity="x:salt"),))) == []


def test_the_check_names_the_license_of_rows_and_statements(built):
    problems = check(opened(built / "out"), WithdrawalList(withdrawn=(WithdrawnLicense(license=BY_SA),)))
    asked = sum(row["property"] == "main_part" for row in all_rows(opened(built / "out")).values())
    assert problems == [
        f"license cc-by-sa-4.0: withdrawn, but {asked:,} rows have it",
        "statements.parquet: 13 withdrawn statements (license cc-by-sa-4.0)",
    ]


def test_a_claim_with_a_value_takes_the_statements_of_this_value_only(built):
    claims = WithdrawalList(withdrawn=(WithdrawnClaim(entity="x:dish_0", property="main_part", value="x:rice"),))
    problems = check(opened(built / "out"), claims)
    assert not [line for line in problems if line.startswith("statements.parquet")]
    claims = WithdrawalList(withdrawn=(WithdrawnClaim(entity="x:dish_0", property="main_part", value="x:maize"),))
    problems = check(opened(built / "out"), claims)
    assert "statements.parquet: 1 withdrawn statements (x:dish_0 main_part x:maize)" in problems
