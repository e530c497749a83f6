"""Types of entities: by superclasses, refusals that documents of superclasses decide, countries among areas."""

import contextlib

import orjson
import pytest

from factory.entities import stage
from factory.entities.sources.open import DumpSource
from factory.recipe import Recipe
from factory.store.store import Store
from pangea_cultural.utils.console import Reporter
from tests.factory.entities.test_stage import Service
from tests.helpers.world import item, labels, text

RECIPE = Recipe.model_validate(
    {"name": "r", "languages": ["en"], "properties": ["P17", "P131"], "sources": [{"type": "dump", "path": "d"}]}
)


def document(name, label, **claims):
    statements = {key: [item(value) for value in values.split()] for key, values in claims.items()}
    return {
        "type": "item",
        "id": name,
        "labels": labels(en=label),
        "descriptions": {},
        "aliases": {},
        "claims": statements,
        "sitelinks": {},
    }


def photographed(name, label, **claims):
    row = document(name, label, **claims)
    return row | {"claims": row["claims"] | {"P18": [text("a.jpg")]}}


DOCUMENTS = [
    photographed("Q9001", "Kozushima Lighthouse", P31="Q888001", P17="Q17", P131="Q888010"),
    photographed("Q9002", "School of Law", P31="Q888003", P17="Q17"),
    photographed("Q9003", "Hokkaido", P31="Q515", P17="Q17", P131="Q17"),
    photographed("Q9004", "shrine gate", P279="Q888004", P17="Q17"),
    photographed("Q9005", "rice cake", P279="Q888005", P17="Q17"),
    photographed("Q9006", "Ryukyu Castle", P31="Q23413", P17="Q17", P131="Q888012"),
    document("Q888001", "harbor lighthouse", P279="Q888002"),
    document("Q888002", "coastal light", P279="Q39715", P17="Q30"),
    document("Q888003", "law faculty", P279="Q180958"),
    document("Q888004", "gate of a shrine", P279="Q53060"),
    document("Q888005", "Japanese sweet", P279="Q2095"),
    document("Q888010", "Kozushima", P31="Q532", P131="Q888011"),
    document("Q888011", "Tokyo Metropolis", P131="Q17"),
    document("Q888012", "Ryukyu Kingdom", P31="Q3024240"),
    document("Q17", "Japan", P31="Q6256 Q3624078", P17="Q17"),
]


@pytest.fixture(params=["dump", "lookup"])
def store(request, tmp_path, monkeypatch):
    """Store of a build from a dump, or from a source that is asked for documents."""
    path = tmp_path / "dump.json"
    lines = b",\n".join(orjson.dumps(row) for row in DOCUMENTS)
    path.write_bytes(b"[\n" + lines + b"\n]\n")
    service = Service({row["id"]: row for row in DOCUMENTS})
    source = DumpSource(path, "dump") if request.param == "dump" else service
    monkeypatch.setattr(stage, "open_sources", lambda *_: contextlib.nullcontext([source]))
    with Store.open(tmp_path / "store.duckdb") as opened:
        stage.run(opened, (), RECIPE.network, RECIPE.scope, Reporter(quiet=True))
        yield opened


def types(store):
    return dict(store.rows("SELECT entity, entity_type FROM entity"))


def test_a_class_has_the_type_of_a_superclass(store):
    assert types(store)["Q9001"] == "building", "a lighthouse is two steps above its class"


def test_values_have_types_and_what_they_lie_in(store):
    assert types(store)["Q888010"] == "settlement"
    areas = store.rows("SELECT entity, value FROM claim WHERE property = 'P131' AND entity IN ('Q888010', 'Q888011')")
    assert sorted(areas) == [("Q888010", "Q888011"), ("Q888011", "Q17")]
    assert store.value("SELECT count(*) FROM claim WHERE entity = 'Q888002' AND property IN ('P279', 'P17')") == 2


def test_superclasses_decide_on_refusals(store):
    reasons = dict(store.rows("SELECT item, reason FROM rejection WHERE reason LIKE 'not culture%'"))
    assert reasons == {"Q9002": "not culture: department of an institution", "Q9004": "not culture: class"}
    selected = {row[0] for row in store.rows("SELECT entity FROM entity WHERE selected")}
    assert selected == {"Q9001", "Q9003", "Q9005", "Q9006"}
    assert types(store)["Q9005"] == "food", "a sweet is a class, and asked about"
    for table in ("claim", "label", "entity", "entity_region"):
        assert not store.value(f"SELECT count(*) FROM {table} WHERE entity IN ('Q9002', 'Q9004')"), table


def test_countries_are_marked_among_areas(store):
    marked = dict(store.rows("SELECT entity, qualified FROM claim WHERE property = 'P131'"))
    assert marked["Q9003"] == "country", "a region's item"
    assert marked["Q9006"] == "country", "a historical country, by its class"
    assert marked["Q9001"] == marked["Q888010"] == ""


def test_a_value_without_a_document_has_no_row(store):
    assert "Q532" not in types(store), "no source has the document: its name cannot be known"
    assert store.value("SELECT count(*) FROM claim WHERE value = 'Q532'") == 1
