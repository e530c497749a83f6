"""Own tables beside a recipe, through the command line."""

from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from factory.entities.parallel import Workers
from factory.entities.selector import Selector
from factory.pipeline import STAGE_NAMES
from factory.questions import templates
from factory.scope import Scope
from pangea_cultural.cli import main, pcult
from pangea_cultural.dataset.export import SPLITS, Export
from pangea_cultural.reference import own_tables
from pangea_cultural.reference.own_tables import OwnTables
from pangea_cultural.reference.regions import regions
from tests.helpers import world
from tests.helpers.world import item

ATLANTIS = '[atlantis]\nname = "Atlantis"\nqid = "Q99000000"\niso = "XZ"\nlanguages = ["en"]\n'
ESPERANTO = '[eo]\nname = "Esperanto"\nnative = "Esperanto"\nscript = "Latn"\n'
GUARDIAN = '[P9990001]\nlabel = "guardian"\ntheme = "heritage"\nvalue_type = "item"\nasked_of = ["monolith"]\n'
GUARDIAN_TEMPLATES = '\n[P9990001]\nsay = ["Guardian: {value}"]\nmonolith.ask = ["Who guards this monolith?"]\n'
MONOLITH = '[monolith.classes]\nQ99000007 = "monolith"\n'
TABLES = {"regions": ATLANTIS, "languages": ESPERANTO, "properties": GUARDIAN, "entity_types": MONOLITH}
RECIPE = """
name = "own"
languages = ["en", "eo"]
regions = ["atlantis", "japan"]
properties = ["P17", "P571", "P9990001"]
[images]
max_per_entity = 5
[[images.sources]]
type = "folder"
path = "images/images.jsonl"
[tables]
"""


@pytest.fixture
def folder(tmp_path):
    """A recipe with own tables, over the castles. Castle 1 stands in Atlantis and is a monolith with a guardian."""
    world.write(tmp_path / "in")
    rows = [*world.documents()]
    rows[3]["claims"] |= {"P17": [item("Q99000000")], "P31": [item("Q99000007")], "P9990001": [item("Q99000001")]}
    for number, qid in enumerate(("Q99000000", "Q99000001")):
        names = world.labels(en=f"Thing {number}", eo=f"Aĵo {number}")
        rows.append({"type": "item", "id": qid, "labels": names, "claims": {"P31": [item("Q6256")]}})
    recipe = RECIPE + "".join(f'{name} = "my-{name}.toml"\n' for name in TABLES) + 'templates = "my-templates"\n'
    world.lay_out(tmp_path / "in", recipe, rows)
    for name, text in TABLES.items():
        (tmp_path / f"in/my-{name}.toml").write_text(text)
    own = tmp_path / "in/my-templates"
    own.mkdir()
    (own / "eo.toml").write_text(templates.path_of("en").read_text("utf-8") + GUARDIAN_TEMPLATES)
    return tmp_path


def listed(table, *arguments):
    result = CliRunner().invoke(pcult, ["data", "list", table, *map(str, arguments), "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return orjson.loads(result.stdout)


def refusal(recipe, capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main([*(arguments or ("build", str(recipe), "--dry-run"))])
    error = capsys.readouterr().err
    assert (stop.value.code, error.count("\n")) == (1, 1), error
    return error


def test_rows_of_own_tables_are_built(folder):
    world.build(folder / "in/recipe.toml", folder / "out")
    export = Export.open(folder / "out/exports/own")
    rows = [row for split in SPLITS for row in export.questions(split)]
    assert {row.region for row in rows} == {"atlantis", "japan"}
    assert {row.language for row in rows} == {"en", "eo"}
    assert {row.sentence for row in rows if row.entity == "Q9001"} == {"Guardian: Aĵo 1"}
    assert set(export.manifest["recipe"]["tables"]) == {"region", "language", "property", "entity type"}
    assert str(folder) not in (folder / "out/exports/own/export.json").read_text()


def test_manifest_names_languages_whose_templates_are_not_signed(folder):
    recipe, manifest = folder / "in/recipe.toml", folder / "out/exports/own/export.json"
    world.build(recipe, folder / "out")
    assert orjson.loads(manifest.read_bytes())["unreviewed_languages"] == ["en", "eo"]
    own = folder / "in/my-templates/eo.toml"
    own.write_text(own.read_text("utf-8").replace('reviewed = ""', 'reviewed = "A. Reader, 2027-01-31"'))
    world.build(recipe, folder / "out")
    assert orjson.loads(manifest.read_bytes())["unreviewed_languages"] == ["en"]


def test_own_templates_have_a_preview(folder):
    arguments = ["eo", "--recipe", str(folder / "in/recipe.toml"), "--out", str(folder / "eo.html")]
    result = CliRunner().invoke(pcult, ["data", "templates", "preview", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    assert "Who guards this monolith?" in (folder / "eo.html").read_text("utf-8")


def test_own_tables_are_of_one_build(folder):
    world.build(folder / "in/recipe.toml", folder / "out", "--stage", "select")
    assert "atlantis" not in regions()
    assert own_tables.current() is own_tables.SHIPPED


@pytest.mark.parametrize(
    ("file", "old", "new", "first_stage"),
    [
        ("my-regions.toml", "Q99000000", "Q99000009", "select"),
        ("my-entity_types.toml", "Q99000007", "Q99000008", "select"),
        ("my-templates/eo.toml", "[P17]", "# edited\n[P17]", None),
        ("my-templates/eo.toml", "Which country", "Which nation", "questions"),
        ("my-templates/eo.toml", 'reviewed = ""', 'reviewed = "A. Reader, 2027-01-31"', "export"),
    ],
)
def test_an_edited_row_restarts_the_build(folder, capsys, file, old, new, first_stage):
    arguments = ["build", str(folder / "in/recipe.toml"), "--workspace", str(folder / "out")]
    for _ in range(2):
        with pytest.raises(SystemExit):
            main(arguments)
    assert "select: already done" in capsys.readouterr().err
    path = folder / "in" / file
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(SystemExit):
        main(arguments)
    done = [line.split(":")[0] for line in capsys.readouterr().err.splitlines() if "already done" in line]
    assert done == list(STAGE_NAMES[: STAGE_NAMES.index(first_stage)] if first_stage else STAGE_NAMES)


def test_own_rows_replace_shipped_ones(folder):
    path = folder / "in/my-regions.toml"
    path.write_text(path.read_text() + '[japan]\nname = "Nippon"\nqid = "Q17"\niso = "JP"\nlanguages = ["ja"]\n')
    rows = listed("regions", "--recipe", folder / "in/recipe.toml")
    shipped = listed("regions")
    assert len(rows) == len(shipped) + 1
    assert next(row for row in rows if row["slug"] == "japan") == {
        "slug": "japan",
        "name": "Nippon",
        "item": "Q17",
        "also": [],
        "iso": "JP",
        "languages": ["ja"],
        "population": None,
        "gdp_per_capita_usd": None,
        "table": "my-regions.toml",
    }
    assert {row["table"] for row in shipped} == {"shipped"}


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("my-regions.toml", '[atlantis]\nqid = "Q1"', "my-regions.toml: [atlantis]: name: Field required"),
        ("my-regions.toml", "[atlantis", "my-regions.toml is not TOML"),
        ("my-regions.toml", "atlantis = 3", "my-regions.toml: atlantis must be a table"),
        (
            "my-languages.toml",
            ESPERANTO + "labls = []",
            "my-languages.toml: [eo]: Unknown key 'labls'.",
        ),
        ("my-languages.toml", ESPERANTO.replace("Latn", "Abcd"), "my-languages.toml: eo: Unknown script 'Abcd'."),
        ("my-properties.toml", GUARDIAN.replace("monolith", "x"), "my-properties.toml: [P9990001]: asked_of: Unknown"),
        ("my-entity_types.toml", '[monolith.classes]\n7 = "x"', "my-entity_types.toml: [monolith]: '7' is not an item"),
        ("my-templates/eo.toml", "[P17", "my-templates/eo.toml is not TOML"),
        ("my-templates/xx.toml", "", "Unknown language 'xx'"),
    ],
)
def test_a_wrong_row_is_refused_with_its_file(folder, capsys, file, text, message):
    (folder / "in" / file).write_text(text)
    assert message in refusal(folder / "in/recipe.toml", capsys)


def test_a_missing_table_is_refused(folder, capsys):
    (folder / "in/my-regions.toml").unlink()
    recipe = folder / "in/recipe.toml"
    assert "The recipe names my-regions.toml" in refusal(recipe, capsys)
    error = refusal(recipe, capsys, "data", "list", "regions", "--recipe", str(recipe))
    assert "my-regions.toml is not a file" in error


def test_worker_processes_get_own_tables():
    row = {"name": "Atlantis", "qid": "Q99000000", "iso": "XZ", "languages": ["en"]}
    tables = OwnTables({"region": Path("my-regions.toml")}, {"region": {"atlantis": row}})
    with own_tables.using(tables):
        selector = Selector(Scope(regions=("atlantis",), languages=("en",), properties=("P17",)))
        with Workers(selector) as workers:
            assert "atlantis" in workers.start().submit(regions).result()


@pytest.mark.parametrize("table", ["regions", "languages", "properties", "recipes", "templates"])
def test_list_prints_a_table(table):
    result = CliRunner().invoke(pcult, ["data", "list", table], catch_exceptions=False)
    assert result.exit_code == 0 and table.capitalize() in result.stdout
    assert len(listed(table)) > 3


def test_templates_are_listed_with_their_numbers(folder):
    rows = {row["language"]: row for row in listed("templates", "--recipe", folder / "in/recipe.toml")}
    assert rows["zh-hant"]["questions"] == rows["zh"]["questions"] and rows["zh-hant"]["name"] == "Chinese"
    assert rows["en"]["questions"] > 20 and rows["en"]["table"] == "shipped"
    assert rows["eo"]["table"] == "my-templates" and rows["eo"]["questions"] == rows["en"]["questions"] + 1
