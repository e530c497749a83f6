"""Documents from sources into the store: oversized slices, redirects, values, people's birthplaces, resuming."""

import contextlib

import orjson
import pytest

from factory.entities import parallel
from factory.entities import stage as ingest
from factory.entities.base import IncompleteAnswerError
from factory.entities.sources import dump
from factory.entities.sources.config import DumpConfig, FilesConfig
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


class Part:
    """A slice: ids with one of some last digits."""

    def __init__(self, digits):
        self.digits, self.key = digits, f"ids ending in {digits}"
        self.whole = "ids ending in 0123456789"

    def split(self):
        middle = len(self.digits) // 2
        return [Part(self.digits[:middle]), Part(self.digits[middle:])] if middle else []


class Service:
    """A source that is asked for ids; answers with more than `most` of them are cut off."""

    name = "service"

    def __init__(self, content, most=100, broken=()):
        self.content, self.most, self.broken, self.asked = content, most, broken, []

    def slices(self):
        return [Part("0123456789")]

    def find(self, slice):
        self.asked.append(slice.key)
        ids = sorted(name for name in self.content if name[-1] in slice.digits and name.startswith("Q9"))
        if len(ids) > self.most or slice.digits in self.broken:
            raise IncompleteAnswerError("cut off")
        return ids

    def documents(self, ids):
        for name in ids:
            yield name, self.content.get(name, {"id": name, "missing": ""})


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "store.duckdb") as opened:
        yield opened


@pytest.fixture
def through(monkeypatch, store):
    """Run the stage over some sources."""

    def run(*sources):
        monkeypatch.setattr(ingest, "open_sources", lambda *_: contextlib.nullcontext(list(sources)))
        return ingest.run(store, (), RECIPE.network, RECIPE.scope, Reporter(quiet=True))

    return run


def selected(store):
    return [row[0] for row in store.rows("SELECT entity FROM entity WHERE selected ORDER BY entity")]


def rejections(store):
    return dict(store.rows("SELECT item, reason FROM rejection WHERE reason NOT LIKE 'claim%'"))


CASTLES = [f"Q900{n}" for n in range(6)]


def test_a_source_that_is_asked_for_ids_gives_its_entities_and_their_values(store, through):
    assert through(Service(DOCUMENTS)) == (6, 6)
    assert selected(store) == CASTLES
    assert store.value("SELECT text FROM label WHERE entity = 'Q142' AND language = 'de'") == "Frankreich"


def test_a_slice_that_is_too_much_is_split_and_nothing_is_lost(store, through):
    service = Service(DOCUMENTS, most=1)
    through(service)
    assert selected(store) == CASTLES
    assert len(service.asked) > 6 and len(set(service.asked)) == len(service.asked)


def test_a_slice_that_cannot_be_split_any_more_is_a_rejection(store, through):
    through(Service(DOCUMENTS, most=1, broken=("3",)))
    assert selected(store) == [name for name in CASTLES if name != "Q9003"]
    assert rejections(store)["ids ending in 3"] == "slice too large and not divisible"


def test_a_stopped_search_goes_on_where_it_was(store, through):
    class Stops(Service):
        def find(self, slice):
            if len(self.asked) == 4:
                raise UserError("the endpoint is down")
            return super().find(slice)

    with pytest.raises(UserError):
        through(Stops(DOCUMENTS, most=1))
    again = Service(DOCUMENTS, most=1)
    through(again)
    assert selected(store) == CASTLES
    assert "ids ending in 0123456789" not in again.asked


def test_documents_that_were_read_are_not_read_again(store, through, monkeypatch):
    monkeypatch.setattr(ingest, "BATCH_IDS", 2)

    class Stops(Service):
        def documents(self, ids):
            if "Q9004" in ids:
                raise UserError("the endpoint is down")
            return super().documents(ids)

    with pytest.raises(UserError):
        through(Stops(DOCUMENTS))
    assert selected(store) == CASTLES[:4]
    through(Service({name: row for name, row in DOCUMENTS.items() if name not in CASTLES[:4]} | {"Q9000": None}))
    assert selected(store)[:4] == CASTLES[:4]


def test_redirects_and_deleted_items(store, through):
    content = DOCUMENTS | {"Q9006": DOCUMENTS["Q9000"], "Q9007": {"id": "Q9007", "missing": ""}}
    through(Service(content))
    assert selected(store) == CASTLES
    assert rejections(store)["Q9006"] == "seen before"
    assert rejections(store)["Q9007"] == "missing on Wikidata"


def test_an_entity_of_two_sources_is_taken_once(store, through):
    other = Service({"Q9000": DOCUMENTS["Q9000"], "Q142": DOCUMENTS["Q142"]})
    other.name = "other"
    assert through(Service(DOCUMENTS), other) == (7, 6)
    assert store.value("SELECT count(*) FROM claim WHERE entity = 'Q9000' AND property = 'P571'") == 1


def person(name, birthplace):
    claims = {"P31": [item("Q5")], "P19": [item(birthplace)], "P18": [text("a.jpg")]}
    return {"type": "item", "id": name, "labels": labels(en=name), "claims": claims}


def place(name, country):
    return {"type": "item", "id": name, "labels": labels(en=name), "claims": {"P17": [item(country)]}}


def test_people_without_citizenship_are_linked_by_their_birthplace(store, through):
    people = [person("Q9100", "Q1490"), person("Q9101", "Q60")]
    places = [place("Q1490", "Q17"), place("Q60", "Q30")]
    content = {row["id"]: row for row in (*people, *places)}
    assert through(Service(content)) == (2, 1)
    assert store.rows("SELECT entity, region, property FROM entity_region") == [("Q9100", "japan", "P19/P17")]
    assert rejections(store)["Q9101"] == "no link to a region"
    assert not store.value("SELECT count(*) FROM claim WHERE entity = 'Q9101'")


@pytest.fixture
def worker_processes(monkeypatch):
    monkeypatch.setattr(parallel, "FEW_CORES", 0)
    monkeypatch.setattr(parallel, "SMALL_BYTES", 0)
    monkeypatch.setattr(dump, "BATCH_LINES", 3)
    started = []
    start = parallel.Workers.start
    monkeypatch.setattr(parallel.Workers, "start", lambda self: started.append(1) or start(self))
    return started


def test_worker_processes_give_the_same_rows_in_the_same_order(tmp_path, worker_processes):
    (tmp_path / "dump.json").write_bytes(b"\n".join(map(orjson.dumps, DOCUMENTS.values())))
    sources = [DumpConfig(type="dump", path=tmp_path / "dump.json")]
    found = []
    for name in ("processes", "alone"):
        with Store.open(tmp_path / f"{name}.duckdb") as store:
            ingest.run(store, sources, RECIPE.network, RECIPE.scope, Reporter(quiet=True))
            found.append([store.rows(f"SELECT * FROM {t} ORDER BY ALL") for t in ("entity", "claim", "rejection")])
            found[-1].append(store.rows("SELECT entity FROM entity WHERE selected ORDER BY rowid"))
        assert bool(worker_processes) == (name == "processes")
        worker_processes.clear()
        parallel.FEW_CORES = 1000
    assert found[0] == found[1] and all(found[0])


def test_files_and_a_dump_give_the_same_rows(tmp_path):
    (tmp_path / "dump.json").write_bytes(b"[\n" + b",\n".join(map(orjson.dumps, DOCUMENTS.values())) + b"\n]\n")
    (tmp_path / "files").mkdir()
    for name, row in DOCUMENTS.items():
        (tmp_path / "files" / f"{name}.json").write_bytes(orjson.dumps({"entities": {name: row}}))
    tables = []
    for kind, config, path in (("dump", DumpConfig, "dump.json"), ("files", FilesConfig, "files")):
        sources = [config(type=kind, path=tmp_path / path)]
        with Store.open(tmp_path / f"{kind}.duckdb") as store:
            ingest.run(store, sources, RECIPE.network, RECIPE.scope, Reporter(quiet=True))
            tables.append([store.rows(f"SELECT * EXCLUDE (source) FROM {t} ORDER BY ALL") for t in ("entity",)])
            tables[-1] += [store.rows(f"SELECT * FROM {t} ORDER BY ALL") for t in ("claim", "entity_region")]
            tables[-1].append(store.rows("SELECT entity, language, text FROM label ORDER BY ALL"))
    assert tables[0] == tables[1] and all(tables[0])


def test_values_have_names_although_no_entity_of_theirs_is_selected(store, through):
    castle = {
        "type": "item",
        "id": "Q9200",
        "labels": labels(en="c"),
        "claims": {"P17": [item("Q17")], "P571": [year(1500)], "P19": [item("Q777")], "P18": [text("a.jpg")]},
    }
    through(Service({"Q9200": castle, "Q777": place("Q777", "Q30")}))
    assert store.value("SELECT text FROM label WHERE entity = 'Q777'") == "Q777"
    assert not store.value("SELECT selected FROM entity WHERE entity = 'Q777'")
