"""Documents rebuilt from a real SPARQL server equal those of a dump."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factory.entities.sources.sparql import documents as rdf
from factory.entities.sources.sparql import queries
from factory.entities.sources.sparql.endpoint import Endpoint
from factory.entities.sources.sparql.responses import QueryLimits
from factory.wikidata import entity
from tests.helpers import wikibase
from tests.helpers.sample_documents import SAMPLE
from tests.helpers.servers import rdf_export


@pytest.fixture(scope="module")
def ask(oxigraph):
    with Endpoint(oxigraph.url, limits=QueryLimits(pause_s=0), private_hosts=[oxigraph.host]) as endpoint:
        yield endpoint.select


def convert(oxigraph, ask, documents, redirects=(), extra="", ids=None):
    """Return documents after conversion to RDF and back by SPARQL."""
    oxigraph.load(rdf_export.triples(documents, redirects) + extra)
    properties = sorted({name for document in documents for name in document["claims"]})
    codes = sorted({code for document in documents for code in document["labels"]})
    return rdf.documents(ask, ids or [document["id"] for document in documents], properties, codes)


def test_sample_is_equal_convert(oxigraph, ask):
    converted = convert(oxigraph, ask, SAMPLE)
    assert [entity.read_entity(converted[d["id"]]) for d in SAMPLE] == [entity.read_entity(d) for d in SAMPLE]


@pytest.mark.parametrize("original", wikibase.DOCUMENTS, ids=lambda d: d["id"])
def test_every_type_of_value_is_equal_convert(oxigraph, ask, original):
    converted = convert(oxigraph, ask, [original])[original["id"]]
    expected = entity.read_entity(original)
    assert entity.read_entity(converted) == expected
    assert len(expected.claims) + len(expected.dropped) == sum(map(len, original["claims"].values()))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(documents=st.lists(wikibase.documents, min_size=1, max_size=4, unique_by=lambda d: d["id"]))
def test_any_document_is_equal_convert(oxigraph, ask, documents):
    converted = convert(oxigraph, ask, documents)
    assert [entity.read_entity(converted[d["id"]]) for d in documents] == [entity.read_entity(d) for d in documents]


def test_references_take_one_query_and_only_for_values_with_a_node(oxigraph, ask):
    """Check that items cause no query, and that an item with times does not make it ask for others."""
    asked = []

    def recorded(query):
        asked.append(query)
        return ask(query)

    source = [wikibase.STATED]
    places = [
        wikibase.document(f"Q{n}", {"P17": [wikibase.statement(wikibase.item("Q9"), "normal", source)]}) for n in (1, 2)
    ]
    convert(oxigraph, recorded, places)
    assert [query for query in asked if "wasDerivedFrom ?" in query] == []
    places[0]["claims"]["P571"] = [wikibase.statement(value, "normal", source) for value in wikibase.TIMES]
    convert(oxigraph, recorded, places)
    (query,) = [query for query in asked if "wasDerivedFrom ?" in query]
    assert query == queries.references(["Q1"], ["P571"])


def test_only_requested_labels_and_properties_are_returned(oxigraph, ask):
    original = wikibase.DOCUMENTS[4]
    oxigraph.load(rdf_export.triples([original]))
    converted = rdf.documents(ask, ["Q5"], ["P36"], ["mul", "nb"])["Q5"]
    assert set(converted["claims"]) == {"P36"}
    assert {code: label["value"] for code, label in converted["labels"].items()} == {
        "mul": "Tour Eiffel",
        "nb": "Eiffeltårnet",
    }


def test_redirect_gives_the_document_of_its_target(oxigraph, ask):
    documents = convert(oxigraph, ask, SAMPLE[:1], [("Q70", "Q71"), ("Q71", SAMPLE[0]["id"])], ids=["Q70"])
    assert documents["Q70"]["redirected from"] == "Q70"
    assert entity.read_entity(documents["Q70"]) == entity.read_entity(SAMPLE[0])


@pytest.mark.parametrize("redirects", [[("Q70", "Q71")], [("Q70", "Q71"), ("Q71", "Q70")], [("Q70", "Q70")]])
def test_dangling_or_circular_redirect_is_missing(oxigraph, ask, redirects):
    assert convert(oxigraph, ask, SAMPLE[:1], redirects, ids=["Q70"]) == {"Q70": {"id": "Q70", "missing": ""}}


def test_id_without_triples_is_missing_although_claims_point_to_it(oxigraph, ask):
    pointing = wikibase.document("Q8", {"P17": [wikibase.statement(wikibase.item("Q404"))]})
    converted = convert(oxigraph, ask, [pointing], ids=["Q404", "Q8"])
    assert converted["Q404"] == {"id": "Q404", "missing": ""} and converted["Q8"]["lastrevid"] == 7


def test_item_without_labels_and_claims_is_not_missing(oxigraph, ask):
    oxigraph.load('<http://www.wikidata.org/entity/Q8> <http://schema.org/description> "thing"@en .\n')
    assert rdf.documents(ask, ["Q8"], ["P17"], ["en"])["Q8"] == {"type": "item", "id": "Q8", "labels": {}, "claims": {}}


def test_rdf_of_the_query_service_is_read(oxigraph, ask):
    """Check versions on items, IRIs instead of blank nodes, and language tags with changed case."""
    lines = rdf_export.triples([wikibase.document("Q8", {"P36": [wikibase.statement("somevalue")]}, {"zh-hant": "城"})])
    lines = "".join(line for line in lines.splitlines(keepends=True) if "/about>" not in line)
    lines = lines.replace("https://www.wikidata.org/wiki/Special:EntityData/Q8", "http://www.wikidata.org/entity/Q8")
    lines = lines.replace("_:b1", "<http://www.wikidata.org/.well-known/genid/0a1b>").replace("@zh-hant", "@zh-Hant")
    oxigraph.load(lines)
    converted = rdf.documents(ask, ["Q8"], ["P36"], ["zh-hant"])["Q8"]
    assert (converted["lastrevid"], list(converted["labels"])) == (7, ["zh-hant"])
    assert converted["claims"]["P36"][0]["mainsnak"]["snaktype"] == "somevalue"


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
def test_incomplete_or_contradictory_statements_are_rejected(oxigraph, ask, extra, reason):
    original = wikibase.document("Q8", {"P36": [wikibase.statement(wikibase.item("Q1"))]})
    converted = entity.read_entity(convert(oxigraph, ask, [original], extra=extra)["Q8"])
    assert ("P36", reason) in converted.dropped
    assert {claim.value for claim in converted.claims} <= {"Q1"}


def test_contradictory_labels_are_rejected(oxigraph, ask):
    extra = f'<{queries.ENTITY}Q8> <http://www.w3.org/2000/01/rdf-schema#label> "older thing"@en .\n'
    converted = entity.read_entity(convert(oxigraph, ask, [wikibase.document("Q8", {})], extra=extra)["Q8"])
    assert (converted.labels, converted.dropped) == ({}, [("label en", "label without text")])


def test_value_without_its_node_is_rejected(oxigraph, ask):
    lines = rdf_export.triples([wikibase.document("Q8", {"P571": [wikibase.statement(wikibase.TIMES[0])]})])
    oxigraph.load("".join(line for line in lines.splitlines(keepends=True) if "statement/value/" not in line))
    converted = entity.read_entity(rdf.documents(ask, ["Q8"], ["P571"], [])["Q8"])
    assert (converted.claims, converted.dropped) == ([], [("P571", "unknown type of value")])


def test_properties_and_lexemes_cause_no_queries():
    assert rdf.documents(pytest.fail, ["P31", "L7"], ["P36"], ["en"]) == {"P31": {"id": "P31"}, "L7": {"id": "L7"}}
