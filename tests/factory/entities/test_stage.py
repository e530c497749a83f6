"""Stage `select`: large slices, redirects, values, birthplaces, resuming."""

import contextlib

import pytest

from factory.entities import stage
from factory.entities.base import IncompleteAnswerError
from factory.recipe import Recipe
from factory.store.store import Store
from pangea_cultural.errors import UserError
from pangea_cultural.utils.console import Reporter
from tests.helpers.world import documents, item, labels, text, year

RECIPE = Recipe.model_validate(
    {
        "name": "r",
        "languages": ["en", "de"],
        "properties": ["P17", "P571", "P19"],
        "sources": [{"type": "dump", "path": "dump.json"}],
    }
)
DOCUMENTS = {row["id"]: row for row in documents()}


class DigitSlice:
    """A slice of the ids with one of some last digits."""

    def __init__(self, digits):
        self.digits, self.key = digits, f"ids ending in {digits}"
        self.undivided_key = "ids ending in 0123456789"

    def split(self):
        middle = len(self.digits) // 2
        return [DigitSlice(self.digits[:middle]), DigitSlice(self.digits[middle:])] if middle else []


class Service:
    """A lookup source. Answers with more than `max_ids` ids are incomplete."""

    name = "service"

    def __init__(self, content, max_ids=100, broken=()):
        self.content, self.max_ids, self.broken, self.asked = content, max_ids, broken, []

    def slices(self):
        return [DigitSlice("0123456789")]

    def find(self, slice):
        self.asked.append(slice.key)
        ids = sorted(name for name in self.content if name[-1] in slice.digits and name.startswith("Q9"))
        if len(ids) > self.max_ids or slice.digits in self.broken:
            raise IncompleteAnswerError("answer truncated")
        return ids

    def documents(self, ids):
        for name in ids:
            yield name, self.content.get(name, {"id": name, "missing": ""})


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "store.duckdb") as opened:
        yield opened


@pytest.fixture
def run_stage(monkeypatch, store):
    """Run the stage with sources, and return the numbers of documents read and selected."""

    def run(*sources):
        monkeypatch.setattr(stage, "open_sources", lambda *_: contextlib.nullcontext(list(sources)))
        return stage.run(store, (), RECIPE.network, RECIPE.scope, Reporter(quiet=True))

    return run


def selected(store):
    return [row[0] for row in store.rows("SELECT entity FROM entity WHERE selected ORDER BY entity")]


def rejections(store):
    return dict(store.rows("SELECT item, reason FROM rejection WHERE reason NOT LIKE 'claim%'"))


CASTLES = [f"Q900{n}" for n in range(6)]


def test_lookup_source_gives_entities_and_their_values(store, run_stage):
    assert run_stage(Service(DOCUMENTS)) == (6, 6)
    assert selected(store) == CASTLES
    assert store.value("SELECT text FROM label WHERE entity = 'Q142' AND language = 'de'") == "Frankreich"


def test_large_slice_is_split_without_loss(store, run_stage):
    service = Service(DOCUMENTS, max_ids=1)
    run_stage(service)
    assert selected(store) == CASTLES
    assert len(service.asked) > 6 and len(set(service.asked)) == len(service.asked)


def test_indivisible_slice_is_rejected(store, run_stage):
    run_stage(Service(DOCUMENTS, max_ids=1, broken=("3",)))
    assert selected(store) == [name for name in CASTLES if name != "Q9003"]
    assert rejections(store)["ids ending in 3"] == "slice too large and not divisible"


def test_interrupted_search_resumes(store, run_stage):
    class Interrupted(Service):
        def find(self, slice):
            if len(self.asked) == 4:
                raise UserError("the endpoint is down")
            return super().find(slice)

    with pytest.raises(UserError):
        run_stage(Interrupted(DOCUMENTS, max_ids=1))
    resumed = Service(DOCUMENTS, max_ids=1)
    run_stage(resumed)
    assert selected(store) == CASTLES
    assert "ids ending in 0123456789" not in resumed.asked


def test_resumed_build_does_not_read_documents_again(store, run_stage, monkeypatch):
    monkeypatch.setattr(stage, "BATCH_IDS", 2)

    class Interrupted(Service):
        def documents(self, ids):
            if "Q9004" in ids:
                raise UserError("the endpoint is down")
            return super().documents(ids)

    with pytest.raises(UserError):
        run_stage(Interrupted(DOCUMENTS))
    assert selected(store) == CASTLES[:4]
    run_stage(Service({name: row for name, row in DOCUMENTS.items() if name not in CASTLES[:4]} | {"Q9000": None}))
    assert selected(store)[:4] == CASTLES[:4]


def test_redirected_and_deleted_items_are_rejected(store, run_stage):
    content = DOCUMENTS | {"Q9006": DOCUMENTS["Q9000"], "Q9007": {"id": "Q9007", "missing": ""}}
    run_stage(Service(content))
    assert selected(store) == CASTLES
    assert rejections(store)["Q9006"] == "seen before"
    assert rejections(store)["Q9007"] == "missing on Wikidata"


def test_entity_of_two_sources_is_added_once(store, run_stage):
    other = Service({"Q9000": DOCUMENTS["Q9000"], "Q142": DOCUMENTS["Q142"]})
    other.name = "other"
    assert run_stage(Service(DOCUMENTS), other) == (7, 6)
    assert store.value("SELECT count(*) FROM claim WHERE entity = 'Q9000' AND property = 'P571'") == 1


def person(name, birthplace):
    claims = {"P31": [item("Q5")], "P19": [item(birthplace)], "P18": [text("a.jpg")]}
    return {"type": "item", "id": name, "labels": labels(en=name), "claims": claims}


def town(name, country):
    return {"type": "item", "id": name, "labels": labels(en=name), "claims": {"P17": [item(country)]}}


def test_people_without_citizenship_are_linked_by_birthplace(store, run_stage):
    people = [person("Q9100", "Q1490"), person("Q9101", "Q60")]
    towns = [town("Q1490", "Q17"), town("Q60", "Q30")]
    content = {row["id"]: row for row in (*people, *towns)}
    assert run_stage(Service(content)) == (2, 1)
    assert store.rows("SELECT entity, region, property FROM entity_region") == [("Q9100", "japan", "P19/P17")]
    assert rejections(store)["Q9101"] == "no link to a region"
    assert not store.value("SELECT count(*) FROM claim WHERE entity = 'Q9101'")


def test_unselected_values_have_names(store, run_stage):
    castle = {
        "type": "item",
        "id": "Q9200",
        "labels": labels(en="c"),
        "claims": {"P17": [item("Q17")], "P571": [year(1500)], "P19": [item("Q777")], "P18": [text("a.jpg")]},
    }
    run_stage(Service({"Q9200": castle, "Q777": town("Q777", "Q30")}))
    assert store.value("SELECT text FROM label WHERE entity = 'Q777'") == "Q777"
    assert not store.value("SELECT selected FROM entity WHERE entity = 'Q777'")
