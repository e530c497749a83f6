"""Fingerprints: a stage is built again when something that its result depends on changes, and only then."""

import dataclasses
import importlib
import pkgutil
import re
from types import SimpleNamespace

import pytest

import pangea_cultural
from factory import fingerprints, pipeline
from factory.entities import birthplace_links, demotion, kinds, value_entities
from factory.entities import stage as select_stage
from factory.exchange import native, question_rows
from factory.images import stage as images_stage
from factory.questions import stage as questions_stage
from factory.recipe import load
from factory.reference import entity_types
from factory.reference.entity_types import EntityType
from factory.relevance import asking, pairs, results, yes_no
from factory.relevance import stage as relevance_stage
from factory.splits import held_out
from factory.splits import stage as split_stage
from tests.helpers import world

JUDGE = """
[relevance]
endpoints = ["http://127.0.0.1:8000/v1"]
model = "judge"
"""
WRITER = """
[refine]
model = "writer"
[[refine.endpoints]]
url = "http://127.0.0.1:9000/v1"
"""
SPARQL = '\n[[sources]]\ntype = "sparql"\npause_s = 1\nper_region = 0\n'


@pytest.fixture
def recipe(tmp_path):
    """Path of a recipe with a dump, a SPARQL endpoint and a folder of images."""
    path = world.write(tmp_path)
    path.write_text(path.read_text() + SPARQL + JUDGE + WRITER)
    return path


def stages(path):
    """The fingerprint of each stage."""
    recipe, fingerprint, found = load(path), "", {}
    for stage in pipeline.STAGES:
        found[stage.name] = fingerprint = pipeline.next_fingerprint(fingerprint, stage, recipe)
    return found


def changed(path, change):
    """Names of the stages whose fingerprint a change alters."""
    before = stages(path)
    change()
    return tuple(name for name, value in stages(path).items() if value != before[name])


def from_stage(name):
    """A stage and all later ones."""
    return pipeline.STAGE_NAMES[pipeline.STAGE_NAMES.index(name) :]


@pytest.mark.parametrize(
    ("stage", "old", "new"),
    [
        ("select", 'languages = ["en", "de", "nl"]', 'languages = ["en", "de", "nl", "fr"]'),
        ("select", 'properties = ["P17", "P571"]', 'properties = ["P17"]'),
        ("select", 'name = "castles"', 'name = "castles"\nregions = ["japan"]'),
        ("select", 'type = "sparql"', 'type = "sparql"\nurl = "https://qlever.example.org"'),
        ("select", "per_region = 0", "per_region = 3"),
        ("images", "max_per_entity = 5", "max_per_entity = 4"),
        ("images", 'name = "castles"', 'name = "castles"\nseed = 1'),
        ("images", "[split]", '[[images.sources]]\ntype = "commons"\n[split]'),
        ("split", "dev = 0.15", "dev = 0.16"),
        ("split", 'unseen_categories = ["By another artist"]', ""),
        ("split", "dev = 0.15", 'dev = 0.15\nheld_out_types = ["food"]'),
        ("split", "dev = 0.15", "dev = 0.15\nnear_duplicates = false"),
        ("questions", "dev = 0.15", 'dev = 0.15\nheld_out_names = "drop"'),
        ("questions", "[split]", '[balance]\nby = ["region"]\n[split]'),
        ("questions", 'held_out_languages = ["nl"]', 'held_out_languages = ["de"]'),
        ("questions", 'name = "castles"', 'name = "castles"\nreferenced = ["time"]'),
        ("refine", 'model = "writer"', 'model = "other"'),
        ("refine", 'model = "writer"', 'model = "writer"\nshare = 0.5'),
        ("refine", 'model = "writer"', 'model = "writer"\nlimit = 9\nsplits = ["test"]'),
        ("refine", 'model = "writer"', 'model = "writer"\nlanguages = ["de"]'),
        ("refine", 'model = "writer"', 'model = "writer"\nregions = ["japan"]'),
        ("refine", 'model = "writer"', 'model = "writer"\nproperties = ["P17"]'),
        ("relevance", 'model = "judge"', 'model = "other"'),
        ("relevance", 'model = "judge"', 'model = "judge"\nprompt_version = "relevant-1"'),
        ("relevance", 'model = "judge"', 'model = "judge"\nlogprobs = false'),
        ("questions", 'model = "judge"', 'model = "judge"\nthreshold = 0.5'),
        ("export", 'name = "castles"', 'name = "towers"'),
    ],
)
def test_a_changed_recipe_changes_the_stages_that_depend_on_it(recipe, stage, old, new):
    text = recipe.read_text()
    assert old in text
    assert changed(recipe, lambda: recipe.write_text(text.replace(old, new))) == from_stage(stage)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("pause_s = 1", "pause_s = 2"),
        ("[images]", '[network]\ncontact = "a@example.org"\n[images]'),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8001/v1"),
        ("http://127.0.0.1:9000/v1", "http://127.0.0.1:9001/v1"),
        ('model = "writer"', 'model = "writer"\nconcurrency = 2\ntimeout_s = 9\nmax_bad_share = 0.1\ninput_price = 1'),
        ('model = "judge"', 'model = "judge"\nconcurrency = 2\ntimeout_s = 9\napi_key_env = "KEY"\nmax_failed = 0.5'),
    ],
)
def test_network_manners_change_no_fingerprint(recipe, old, new):
    text = recipe.read_text()
    assert changed(recipe, lambda: recipe.write_text(text.replace(old, new))) == ()


def test_the_resource_class_of_a_language_changes_no_fingerprint(recipe, tmp_path):
    """It is for evaluations. Only the manifest of the export repeats rows of own tables."""
    row = '[de]\nname = "German"\nnative = "Deutsch"\nscript = "Latn"\n'
    (tmp_path / "own.toml").write_text(row)
    recipe.write_text(recipe.read_text() + '\n[tables]\nlanguages = "own.toml"\n')
    load(recipe)
    assert changed(recipe, lambda: (tmp_path / "own.toml").write_text(row + "resource_class = 5\n")) == ("export",)


def test_the_seed_changes_the_selection_of_a_sampled_source(recipe):
    recipe.write_text(recipe.read_text().replace("per_region = 0", "per_region = 3"))
    text = recipe.read_text()
    seeded = text.replace('name = "castles"', 'name = "castles"\nseed = 1')
    assert changed(recipe, lambda: recipe.write_text(seeded)) == from_stage("select")


@pytest.mark.parametrize(
    ("stage", "file"), [("select", "dump.json"), ("images", "images/images.jsonl"), ("images", "images/Castle 0 a.png")]
)
def test_a_changed_file_changes_the_stages_that_read_it(recipe, stage, file):
    path = recipe.parent / file
    assert changed(recipe, lambda: path.write_bytes(path.read_bytes() + b"\n")) == from_stage(stage)


def test_a_changed_drawing_changes_the_images(recipe, tmp_path):
    row = (
        b'{"name":"A","svg":"a.svg","categories":["A"],"author":"","license":"","license_url":"","source":"","views":1}'
    )
    (tmp_path / "drawings.jsonl").write_bytes(row)
    (tmp_path / "a.svg").write_text("<svg/>")
    drawings = '[[images.sources]]\ntype = "drawings"\npath = "drawings.jsonl"\n[split]'
    recipe.write_text(recipe.read_text().replace("[split]", drawings))
    assert changed(recipe, lambda: (tmp_path / "a.svg").write_text("<svg></svg>")) == from_stage("images")


CHANGES = [
    ("select", fingerprints, "ambiguous_states", lambda: {"Q1": "Atlantis"}),
    ("select", entity_types, "TABLE", SimpleNamespace(rows={"ruin": EntityType(name="ruin", classes={"Q1": "ruin"})})),
    ("select", fingerprints, "refused_classes", dict),
    ("select", kinds, "COUNTRY_CLASSES", {}),
    ("select", kinds, "CLASSES", "SELECT 1"),
    ("select", kinds, "SET_TYPES", "SELECT 1"),
    ("select", kinds, "REFUSED", "SELECT 1"),
    ("select", kinds, "MARK_COUNTRIES", "SELECT 1"),
    ("select", demotion, "DEMOTE", "SELECT 1"),
    ("select", value_entities, "UNPARSED", "SELECT 1"),
    ("select", birthplace_links, "LINK", "SELECT 1"),
    ("select", birthplace_links, "UNLINKED", "SELECT 1"),
    ("select", value_entities, "NEEDED", "SELECT 1"),
    ("select", value_entities, "ADD_UNSELECTED", "SELECT 1"),
    ("select", select_stage, "SAMPLE", "SELECT 1"),
    ("images", fingerprints, "IMAGE_PROPERTIES", ("P18",)),
    ("images", images_stage, "CANDIDATES_SQL", "SELECT 1"),
    ("questions", questions_stage, "GENERIC_CLASSES", {}),
    ("questions", questions_stage, "PAST_COUNTRIES", {}),
    ("questions", questions_stage, "QUANTITY_MARGIN", 0.5),
    ("split", split_stage, "ASSIGN", "SELECT 1"),
    ("split", held_out, "HELD_OUT", "SELECT 1"),
    ("split", held_out, "NUMBERS", "SELECT 1"),
    ("split", held_out, "EDGES", "SELECT 1"),
    ("split", held_out, "RELATED", "SELECT 1"),
    ("relevance", pairs, "PAIRS", "SELECT 1"),
    ("relevance", pairs, "SUBJECTS", "SELECT 1"),
    ("relevance", asking, "TODO", "SELECT 1"),
    ("relevance", asking, "DROP_UNUSABLE", "SELECT 1"),
    ("relevance", results, "RESULT", "SELECT 1"),
    ("relevance", relevance_stage, "KEEP_FIRST", "SELECT 1"),
    ("relevance", relevance_stage, "KEEP_SECOND", "SELECT 1"),
    ("relevance", yes_no, "LEAST_MASS", 0.1),
    ("export", question_rows, "ITEMS", "SELECT 1"),
    ("export", question_rows, "DRAWN", "SELECT 1"),
    ("export", question_rows, "VARIANTS", "SELECT 1"),
    ("export", question_rows, "PHRASES", "SELECT 1"),
    ("export", question_rows, "NAMES", "SELECT 1"),
    ("export", question_rows, "ANSWERS", "SELECT 1"),
    ("export", question_rows, "EXTRAS", "SELECT 1"),
    ("export", question_rows, "ACCEPTED", "SELECT 1"),
    ("export", question_rows, "REWRITTEN", "SELECT 1"),
    ("export", native, "IMAGES", "SELECT 1"),
    ("export", native, "HELD_OUT_IMAGES", "SELECT 1"),
    ("export", native, "STATEMENTS", "SELECT 1"),
    ("export", native, "HELD_OUT", "SELECT 1"),
]
REPAIRS = ("factory.entities.retry", "factory.images.repair")
"""Modules whose SQL finds what is missing from a result, and does not change what the result is."""
MEASURES = ("factory.relevance.agreement", "factory.relevance.planted", "factory.exchange.counts")
"""Modules whose SQL is of commands that change no build."""


@pytest.mark.parametrize(("stage", "module", "name", "value"), CHANGES)
def test_changed_tables_and_sql_change_the_stages_that_use_them(recipe, monkeypatch, stage, module, name, value):
    assert changed(recipe, lambda: monkeypatch.setattr(module, name, value)) == from_stage(stage)


def test_every_sql_constant_of_a_stage_is_in_its_fingerprint():
    statement = re.compile(r"\s*(INSERT|CREATE|SELECT|DELETE|UPDATE|WITH)\b")
    constants = set()
    for name in ("entities", "images", "questions", "refine", "splits", "relevance", "exchange"):
        folder = importlib.import_module(f"factory.{name}")
        for module in pkgutil.iter_modules(folder.__path__, f"factory.{name}."):
            values = vars(importlib.import_module(module.name)).items()
            constants |= {
                (module.name, key) for key, value in values if isinstance(value, str) and statement.match(value)
            }
    constants = {(module, name) for module, name in constants if module not in REPAIRS + MEASURES}
    assert constants <= {(module.__name__, name) for _, module, name, _ in CHANGES}


@pytest.mark.parametrize("name", ["region", "language"])
def test_a_changed_row_of_a_reference_table_changes_the_selection(recipe, monkeypatch, name):
    look_up = getattr(fingerprints, name)

    def renamed(key):
        return look_up(key).model_copy(update={"name": "Atlantis"})

    assert changed(recipe, lambda: monkeypatch.setattr(fingerprints, name, renamed)) == from_stage("select")


def test_a_changed_property_changes_the_selection(recipe, monkeypatch):
    rows = fingerprints.properties()
    other = rows | {"P571": rows["P571"].model_copy(update={"sensitive": True})}
    assert changed(recipe, lambda: monkeypatch.setattr(fingerprints, "properties", lambda: other)) == from_stage(
        "select"
    )


@pytest.mark.parametrize(
    ("stage", "file", "addition"),
    [
        ("images", "licenses.toml", '\n[[license]]\npattern = "mine"\ncode = "mine"\n'),
        ("images", "photo_rules.toml", "\n[more]\n"),
        ("questions", "sql/fill.sql", "\nSELECT 1;"),
    ],
)
def test_a_changed_package_file_changes_the_stages_that_read_it(recipe, monkeypatch, stage, file, addition):
    read = fingerprints.read_text

    def edited(package, name):
        return read(package, name) + (addition if name == file else "")

    assert changed(recipe, lambda: monkeypatch.setattr(fingerprints, "read_text", edited)) == from_stage(stage)


@pytest.mark.parametrize(
    ("file", "comment"), [("licenses.toml", "\n# comment\n"), ("sql/fill.sql", "\n\n-- comment\n")]
)
def test_comments_in_package_files_change_no_fingerprint(recipe, monkeypatch, file, comment):
    read = fingerprints.read_text

    def commented(package, name):
        return read(package, name) + (comment if name == file else "")

    assert changed(recipe, lambda: monkeypatch.setattr(fingerprints, "read_text", commented)) == ()


@pytest.mark.parametrize("stage", pipeline.STAGE_NAMES)
def test_a_raised_format_number_changes_its_stage_and_all_later_ones(recipe, monkeypatch, stage):
    raised = tuple(dataclasses.replace(other, format=other.format + (other.name == stage)) for other in pipeline.STAGES)
    assert changed(recipe, lambda: monkeypatch.setattr(pipeline, "STAGES", raised)) == from_stage(stage)


def test_another_package_version_changes_no_fingerprint(recipe, monkeypatch):
    def upgrade():
        monkeypatch.setattr(pangea_cultural, "__version__", "99.0.0")
        monkeypatch.setattr(native, "__version__", "99.0.0")

    assert changed(recipe, upgrade) == ()
