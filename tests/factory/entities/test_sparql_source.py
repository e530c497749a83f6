"""The SPARQL source: slices found whole, split where they are too much, documents of every id; on real Oxigraph."""

import re
from dataclasses import replace
from importlib import resources

import orjson
import pytest

from factory.entities import id_search
from factory.entities.base import IncompleteAnswerError
from factory.entities.sources.open import open_sources
from factory.entities.sources.sparql.endpoint import Endpoint
from factory.entities.sources.sparql.responses import QueryLimits
from factory.entities.sources.sparql.slices import Slice, slices
from factory.entities.sources.sparql.source import SearchScope, SparqlSource
from factory.recipe import Recipe
from factory.reference.properties import properties
from factory.store.store import Store
from factory.wikidata import entity
from pangea_cultural.errors import UserError
from pangea_cultural.reference.regions import regions
from pangea_cultural.utils.console import Reporter
from tests.helpers import fault_proxy as fault
from tests.helpers import rdf_export, wikibase

SAMPLE = [
    orjson.loads(line)
    for line in resources.files("factory").joinpath("sample/entities.jsonl").read_text("utf-8").splitlines()
]
LINKS = tuple(name for name, row in properties().items() if row.region_link)
ASKED = tuple(name for name, row in properties().items() if row.question and name.startswith("P") and not row.path)
SCOPE = SearchScope(
    regions=tuple(regions()[slug] for slug in ("japan", "italy", "netherlands")),
    links=LINKS,
    asked=ASKED,
    wanted=(*ASKED, *LINKS, "P18", "P373"),
    labels=("en", "ja", "mul"),
)
TIMED_OUT_ANSWER = fault.status(500, "java.util.concurrent.TimeoutException")


@pytest.fixture
def proxy(oxigraph):
    oxigraph.load(rdf_export.triples(SAMPLE))
    with fault.FaultProxy(oxigraph.url).running() as running:
        yield running


@pytest.fixture
def source(proxy):
    limits = QueryLimits(pause_s=0, backoff_s=0.001)
    with Endpoint(proxy.url, limits=limits, private_hosts=[proxy.host]) as endpoint:
        yield SparqlSource(endpoint, SCOPE, "sparql", batch=4)


def everything(source):
    """All ids that a source finds, and the slices that were given up; as the stage `select` does it."""
    found, lost, todo = set(), [], source.slices()
    while todo:
        part = todo.pop(0)
        try:
            found.update(source.find(part))
        except IncompleteAnswerError:
            finer = part.split()
            todo = finer + todo
            lost += [] if finer else [part]
    return found, lost


def expected(scope, documents):
    """Ids that a reading of the documents from end to end selects."""
    items = {qid for region in scope.regions for qid in (region.qid, *region.also)}
    for document in documents:
        found = entity.read_entity(document)
        has = {claim.property for claim in found.claims}
        if items & {value for link in scope.links for value in found.best(link)} and has & set(scope.asked):
            yield found.id


def asked_in(query):
    found = re.search(r"VALUES \?asked { (.*?) }", query)
    return len(found[1].split()) if found else 0


def test_a_source_finds_what_a_dump_would_give(source):
    found, lost = everything(source)
    assert found == set(expected(SCOPE, SAMPLE)) and len(found) > 5
    assert lost == []


def test_deprecated_links_are_not_followed(source, oxigraph):
    both = [wikibase.statement(wikibase.item("Q17"), rank) for rank in ("preferred", "deprecated")]
    asked = [wikibase.statement(wikibase.item("Q5"))]
    oxigraph.load(
        rdf_export.triples(
            [wikibase.document(f"Q{n}", {"P17": [both[n - 1]], "P31": asked}) for n in (1, 2)],
        )
    )
    assert everything(source)[0] == {"Q1"}


def test_a_slice_that_is_too_much_comes_back_whole_through_its_parts(source, proxy):
    whole, _ = everything(source)
    proxy.rule = lambda query: TIMED_OUT_ANSWER if asked_in(query) > 3 else None
    assert everything(source) == (whole, [])


@pytest.mark.parametrize("broken", [fault.cut_json, fault.garbage_tail, fault.cut_connection])
def test_a_cut_answer_is_never_taken_for_a_small_one(source, proxy, broken):
    whole, _ = everything(source)
    proxy.rule = lambda query: broken if asked_in(query) > 6 else None
    assert everything(source) == (whole, [])


def test_the_finest_slices_go_by_the_ids_digits(source, proxy):
    whole, _ = everything(source)
    proxy.rule = lambda query: (
        TIMED_OUT_ANSWER if asked_in(query) and not re.search('STRENDS.*"Q?[0-9]{2}"', query) else None
    )
    one = SCOPE.regions[:1], LINKS[:1], ("P31",)
    source.scope = SearchScope(regions=one[0], links=one[1], asked=one[2], wanted=(), labels=())
    found, lost = everything(source)
    # A rule by two digits stops at `*7`, and at the whole id Q7, which nothing in the sample is.
    assert found == set(expected(source.scope, SAMPLE)) and found <= whole
    assert {part.id_suffix for part in lost} == {f"Q{n}" for n in range(10)}


def test_a_slice_that_is_always_too_much_is_given_up_not_taken_as_empty(source, proxy, tmp_path, capsys):
    proxy.rule = lambda query: TIMED_OUT_ANSWER if "p:P31 " in query else None
    source.scope = SearchScope(regions=SCOPE.regions[:1], links=("P17",), asked=("P17", "P31"), wanted=(), labels=())
    with Store.open(tmp_path / "store.duckdb") as store:
        for _ in range(2):  # the second time there is nothing left to ask
            id_search.find(store, source, Reporter())
            # Both properties, then P17 at once and P31 in vain.
            assert len(proxy.requests) == 1 + id_search.MAX_CONSECUTIVE_TIMEOUTS + 1
        states = store.rows("SELECT slice, state FROM slice WHERE state IN ('done', 'abandoned') ORDER BY ALL")
        rejected = store.rows("SELECT item, detail FROM rejection WHERE reason LIKE 'slice abandoned%'")
        found = store.value("SELECT count(*) FROM candidate")
    assert states == [("japan(Q17+Q205662) P17 P17", "done"), ("japan(Q17+Q205662) P17 P31", "abandoned")]
    assert [item for item, _ in rejected] == ["japan(Q17+Q205662) P17 P31"] and "Read a dump" in rejected[0][1]
    assert found == len(list(expected(replace(source.scope, asked=("P17",)), SAMPLE))) > 0
    assert "abandoned japan(Q17+Q205662) P17 P31" in capsys.readouterr().err


def test_a_slice_that_is_answered_now_and_then_is_not_given_up(source, proxy, tmp_path):
    proxy.rule = lambda query: None if re.search('STRENDS.*"Q?[0-9]{2}"', query) else TIMED_OUT_ANSWER
    source.scope = SearchScope(regions=SCOPE.regions[:1], links=LINKS[:1], asked=("P31",), wanted=(), labels=())
    with Store.open(tmp_path / "store.duckdb") as store:
        id_search.find(store, source, Reporter(quiet=True))
        found = {row[0] for row in store.rows("SELECT entity FROM candidate")}
        given_up = store.value("SELECT count(*) FROM slice WHERE state = 'abandoned'")
        in_vain = store.value("SELECT count(*) FROM slice WHERE state != 'done'")
    assert (
        found == set(expected(source.scope, SAMPLE)) and given_up == 0 and in_vain > id_search.MAX_CONSECUTIVE_TIMEOUTS
    )


@pytest.mark.parametrize("killed_after", [1, 4, 8, 9])
def test_a_search_that_was_killed_gives_up_at_the_same_place(source, proxy, tmp_path, killed_after):
    proxy.rule = lambda query: TIMED_OUT_ANSWER if asked_in(query) else None
    source.scope = SearchScope(regions=SCOPE.regions[:1], links=("P17",), asked=("P31", "P571"), wanted=(), labels=())
    with Store.open(tmp_path / "store.duckdb") as store:
        select, left = source.endpoint.select, iter(range(killed_after))

        def killed(query):
            if next(left, None) is None:
                raise KeyboardInterrupt
            return select(query)

        source.endpoint.select = killed
        with pytest.raises(KeyboardInterrupt):
            id_search.find(store, source, Reporter(quiet=True))
        source.endpoint.select = select
        id_search.find(store, source, Reporter(quiet=True))
        rejected = store.rows("SELECT item FROM rejection WHERE reason LIKE 'slice abandoned%' ORDER BY ALL")
    assert len(proxy.requests) == 1 + 2 * id_search.MAX_CONSECUTIVE_TIMEOUTS
    assert rejected == [("japan(Q17+Q205662) P17 P31",), ("japan(Q17+Q205662) P17 P571",)]


def test_queries_come_one_at_a_time(source, proxy):
    everything(source)
    assert proxy.most_at_once == 1


def test_every_id_is_answered_once_in_the_order_asked(source):
    ids = [document["id"] for document in SAMPLE[:9]] + ["Q404", "P31"]
    answers = list(source.documents(ids))
    assert [name for name, _ in answers] == ids
    assert answers[9][1] == {"id": "Q404", "missing": ""}
    assert [entity.read_entity(found).id for _, found in answers[:9]] == ids[:9]


def test_a_batch_that_is_too_much_is_halved_down_to_the_item_that_is(source, proxy):
    ids = [document["id"] for document in SAMPLE[:8]]
    culprit = re.compile(rf"wd:{ids[5]}\b")
    proxy.rule = lambda query: fault.cut_json if culprit.search(query) else None
    answers = dict(source.documents(ids))
    assert list(answers) == ids
    assert answers[ids[5]] == {"id": ids[5], "error": "answer truncated"}
    assert all("error" not in found for name, found in answers.items() if name != ids[5])


def test_what_is_no_item_is_found_and_left_to_be_rejected(source, oxigraph):
    country = wikibase.document(
        "P1936",
        {
            "P17": [wikibase.statement(wikibase.item("Q17"))],
            "P31": [wikibase.statement("novalue")],
        },
    )
    oxigraph.load(rdf_export.triples([country]))
    assert everything(source)[0] == {"P1936"}
    ((_, found),) = source.documents(["P1936"])
    with pytest.raises(entity.MalformedDocumentError, match="not an item"):
        entity.read_entity(found)


@pytest.mark.parametrize("row", ['{"x": 1}', "7", '{"item": {"type": "uri", "value": "http://example.org/7"}}'])
def test_a_server_with_something_else_is_named(source, proxy, row):
    proxy.rule = lambda query: fault.answer(f'{{"results": {{"bindings": [{row}]}}}}')
    with pytest.raises(UserError, match="Check the source's url"):
        source.find(source.slices()[0])
    with pytest.raises(UserError, match="Check the source's url"):
        list(source.documents(["Q1"]))


def test_slices_have_a_stable_order_and_a_name_each():
    first = list(slices(SCOPE.regions, LINKS, reversed(ASKED)))
    assert first == list(slices(SCOPE.regions, LINKS, ASKED))
    assert [(part.region, part.link) for part in first] == [(r.slug, link) for r in SCOPE.regions for link in LINKS]
    every = first + [finer for part in first for finer in part.split()]
    assert len({part.key for part in every}) == len(every)


def test_netherlands_stands_for_both_of_its_items():
    assert set(next(slices(SCOPE.regions[2:], LINKS, ASKED)).items) >= {"Q55", "Q29999"}


def test_without_properties_there_is_nothing_to_look_for():
    assert list(slices(SCOPE.regions, LINKS, [])) == []


@pytest.mark.parametrize("suffix", ["", "7", "17", "217"])
def test_finer_slices_hold_every_id_that_the_slice_holds(suffix):
    whole = Slice(region="japan", items=("Q17",), link="P17", asked=("P31",), id_suffix=suffix)
    ids = [f"Q{n}" for n in range(1, 3000) if f"Q{n}".endswith(suffix)]
    parts = [part.id_suffix for part in whole.split()]
    if len(suffix) < 3:
        assert all(sum(name.endswith(part) for part in parts) == 1 for name in ids)
    else:
        assert parts == []


def test_images_can_be_demanded(source):
    with_images = SearchScope(
        regions=SCOPE.regions, links=LINKS, asked=ASKED, wanted=SCOPE.wanted, labels=("en",), images=("P18", "P373")
    )
    source.scope = with_images
    imaged = [d for d in SAMPLE if {"P18", "P373"} & set(d["claims"])]
    assert everything(source)[0] == set(expected(SCOPE, imaged))


def recipe(**fields):
    source = {"type": "sparql", "pause_s": 2, "batch": 20}
    return Recipe.model_validate({"name": "r", "sources": [source], "images": {"required": False}} | fields)


def test_a_source_is_opened_from_a_recipes_entry():
    wanted = recipe(network={"contact": "me@example.org"})
    with open_sources(wanted.sources, wanted.network, wanted.scope) as (source,):
        assert (source.name, source.batch, source.endpoint.limits.pause_s) == ("sparql query.wikidata.org", 20, 2)


def test_wikimedia_is_not_asked_anonymously():
    anonymous = recipe()
    with (
        pytest.raises(UserError, match="--contact"),
        open_sources(anonymous.sources, anonymous.network, anonymous.scope),
    ):
        pass
