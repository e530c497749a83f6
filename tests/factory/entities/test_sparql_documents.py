"""The SPARQL source's documents equal those of a dump: real Oxigraph, Wikidata-shaped RDF."""

from importlib import resources

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rdflib.plugins.sparql import prepareQuery

from factory.entities.sources.sparql import documents as rdf
from factory.entities.sources.sparql import queries, rdf_values
from factory.entities.sources.sparql.endpoint import Endpoint
from factory.entities.sources.sparql.responses import QueryLimits
from factory.entities.sources.sparql.slices import Slice
from factory.wikidata import entity
from tests.helpers import rdf_export, wikibase

SAMPLE = [
    orjson.loads(line)
    for line in resources.files("factory").joinpath("sample/entities.jsonl").read_text("utf-8").splitlines()
]


@pytest.fixture(scope="module")
def ask(oxigraph):
    with Endpoint(oxigraph.url, limits=QueryLimits(pause_s=0), private_hosts=[oxigraph.host]) as endpoint:
        yield endpoint.select


def through_sparql(oxigraph, ask, documents, redirects=(), extra="", ids=None):
    """Documents, after a way through RDF and SPARQL."""
    oxigraph.load(rdf_export.triples(documents, redirects) + extra)
    properties = sorted({name for found in documents for name in found["claims"]})
    codes = sorted({code for found in documents for code in found["labels"]})
    return rdf.documents(ask, ids or [found["id"] for found in documents], properties, codes)


def test_the_sample_is_the_same_through_sparql(oxigraph, ask):
    found = through_sparql(oxigraph, ask, SAMPLE)
    assert [entity.read_entity(found[d["id"]]) for d in SAMPLE] == [entity.read_entity(d) for d in SAMPLE]


@pytest.mark.parametrize("original", wikibase.DOCUMENTS, ids=lambda d: d["id"])
def test_every_kind_of_value_is_the_same_through_sparql(oxigraph, ask, original):
    found = through_sparql(oxigraph, ask, [original])[original["id"]]
    expected = entity.read_entity(original)
    assert entity.read_entity(found) == expected
    assert len(expected.claims) + len(expected.dropped) == sum(map(len, original["claims"].values()))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(documents=st.lists(wikibase.documents, min_size=1, max_size=4, unique_by=lambda d: d["id"]))
def test_any_document_is_the_same_through_sparql(oxigraph, ask, documents):
    found = through_sparql(oxigraph, ask, documents)
    assert [entity.read_entity(found[d["id"]]) for d in documents] == [entity.read_entity(d) for d in documents]


def test_only_the_labels_and_properties_asked_for_come(oxigraph, ask):
    original = wikibase.DOCUMENTS[4]
    oxigraph.load(rdf_export.triples([original]))
    found = rdf.documents(ask, ["Q5"], ["P36"], ["mul", "nb"])["Q5"]
    assert set(found["claims"]) == {"P36"}
    assert {code: label["value"] for code, label in found["labels"].items()} == {
        "mul": "Tour Eiffel",
        "nb": "Eiffeltårnet",
    }


def test_a_redirect_gives_its_targets_document(oxigraph, ask):
    documents = through_sparql(oxigraph, ask, SAMPLE[:1], [("Q70", "Q71"), ("Q71", SAMPLE[0]["id"])], ids=["Q70"])
    assert documents["Q70"]["redirected from"] == "Q70"
    assert entity.read_entity(documents["Q70"]) == entity.read_entity(SAMPLE[0])


@pytest.mark.parametrize("redirects", [[("Q70", "Q71")], [("Q70", "Q71"), ("Q71", "Q70")], [("Q70", "Q70")]])
def test_a_redirect_into_nothing_or_in_a_circle_is_missing(oxigraph, ask, redirects):
    assert through_sparql(oxigraph, ask, SAMPLE[:1], redirects, ids=["Q70"]) == {"Q70": {"id": "Q70", "missing": ""}}


def test_an_id_without_triples_is_missing_even_where_others_point_to_it(oxigraph, ask):
    pointing = wikibase.document("Q8", {"P17": [wikibase.statement(wikibase.item("Q404"))]})
    found = through_sparql(oxigraph, ask, [pointing], ids=["Q404", "Q8"])
    assert found["Q404"] == {"id": "Q404", "missing": ""} and found["Q8"]["lastrevid"] == 7


def test_an_item_without_wanted_labels_and_claims_is_there(oxigraph, ask):
    oxigraph.load('<http://www.wikidata.org/entity/Q8> <http://schema.org/description> "thing"@en .\n')
    assert rdf.documents(ask, ["Q8"], ["P17"], ["en"])["Q8"] == {"type": "item", "id": "Q8", "labels": {}, "claims": {}}


def test_the_query_services_own_form_is_read(oxigraph, ask):
    """It writes the version on the item, and IRIs in place of blank nodes; some stores change the case of languages."""
    lines = rdf_export.triples([wikibase.document("Q8", {"P36": [wikibase.statement("somevalue")]}, {"zh-hant": "城"})])
    lines = "".join(line for line in lines.splitlines(keepends=True) if "/about>" not in line)
    lines = lines.replace("https://www.wikidata.org/wiki/Special:EntityData/Q8", "http://www.wikidata.org/entity/Q8")
    lines = lines.replace("_:b1", "<http://www.wikidata.org/.well-known/genid/0a1b>").replace("@zh-hant", "@zh-Hant")
    oxigraph.load(lines)
    found = rdf.documents(ask, ["Q8"], ["P36"], ["zh-hant"])["Q8"]
    assert (found["lastrevid"], list(found["labels"])) == (7, ["zh-hant"])
    assert found["claims"]["P36"][0]["mainsnak"]["snaktype"] == "somevalue"


WDS = "<http://www.wikidata.org/entity/statement/Q8-P36-0>"


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        (f"{WDS} <{queries.SIMPLE}P36> <{queries.ENTITY}Q2> .\n", "snak without a value"),
        (f"{WDS} <{queries.ONTOLOGY}rank> <{queries.ONTOLOGY}PreferredRank> .\n", "statement without a rank"),
        (f"<{queries.ENTITY}Q8> <{queries.CLAIM}P36> {WDS[:-1]}a> .\n"
         f"{WDS[:-1]}a> <{queries.ONTOLOGY}rank> <{queries.ONTOLOGY}NormalRank> .\n", "snak without a value"),
    ],
)  # fmt: skip
def test_half_a_statement_or_two_versions_of_it_are_rejected(oxigraph, ask, extra, reason):
    original = wikibase.document("Q8", {"P36": [wikibase.statement(wikibase.item("Q1"))]})
    found = entity.read_entity(through_sparql(oxigraph, ask, [original], extra=extra)["Q8"])
    assert ("P36", reason) in found.dropped
    assert {claim.value for claim in found.claims} <= {"Q1"}


def test_two_labels_in_one_language_are_rejected(oxigraph, ask):
    extra = f'<{queries.ENTITY}Q8> <http://www.w3.org/2000/01/rdf-schema#label> "older thing"@en .\n'
    found = entity.read_entity(through_sparql(oxigraph, ask, [wikibase.document("Q8", {})], extra=extra)["Q8"])
    assert (found.labels, found.dropped) == ({}, [("label en", "label without text")])


def test_a_value_without_its_node_is_rejected(oxigraph, ask):
    lines = rdf_export.triples([wikibase.document("Q8", {"P571": [wikibase.statement(wikibase.TIMES[0])]})])
    oxigraph.load("".join(line for line in lines.splitlines(keepends=True) if "statement/value/" not in line))
    found = entity.read_entity(rdf.documents(ask, ["Q8"], ["P571"], [])["Q8"])
    assert (found.claims, found.dropped) == ([], [("P571", "unknown type of value")])


def test_properties_and_lexemes_are_not_asked_for():
    assert rdf.documents(pytest.fail, ["P31", "L7"], ["P36"], ["en"]) == {"P31": {"id": "P31"}, "L7": {"id": "L7"}}


@pytest.mark.parametrize("text", ["330", "+330.0", "3.3E2", "330.000"])
def test_a_store_may_write_numbers_as_it_likes(text):
    parts = {"quantityAmount": {"type": "literal", "value": text}, "quantityUnit": {"type": "uri", "value": "1"}}
    assert rdf_values.deep(parts)["value"]["amount"] == "+330"


@pytest.mark.parametrize("text", ["1E999999999", "NaN", "Infinity", "many", ""])
def test_what_is_no_number_is_no_amount(text):
    parts = {"quantityAmount": {"type": "literal", "value": text}, "quantityUnit": {"type": "uri", "value": "1"}}
    assert rdf_values.deep(parts)["value"]["amount"] is None


@settings(max_examples=100, deadline=None)
@given(st.integers(-2_000_000, 4_000_000))
def test_julian_days_are_counted_without_gaps(number):
    year, month, day = rdf_values.julian_date(number)
    assert rdf_values.gregorian_day_number(*rdf_export.julian_in_gregorian(year, month, day)) == number


@pytest.mark.parametrize(
    "query",
    [
        queries.heads(["Q1"]),
        queries.labels(["Q1", "Q2"], ["en"]),
        queries.statements(["Q1"], ["P17"]),
        queries.nodes(["0a"]),
        queries.PROBE,
        Slice(region="japan", items=("Q17",), link="P17", asked=("P31",), images=("P18", "P373")).query(),
        Slice(region="japan", items=("Q17",), link="P17", asked=("P31",), id_suffix="7").query(),
    ],
)
def test_queries_are_standard_sparql_with_all_prefixes_declared(query):
    prepareQuery(query, initNs={})
    assert not {"SERVICE", "hint:", "bd:", "gas:"} & set(query.split())
