"""Claims cut out of the bytes of a document equal those of the parsed document."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory.entities.sources.structure_claims import Finder, Skippable, cut, statements
from factory.reference.properties import STRUCTURE_PROPERTIES
from factory.wikidata.entity import read_entity
from tests.helpers.sample_documents import SAMPLE
from tests.helpers.wikibase import item, statement, string, time

STRUCTURE = frozenset(STRUCTURE_PROPERTIES)
REFERENCES = [{"hash": "0a", "snaks": {"P31": [{"snaktype": "value", "property": "P31"}]}, "snaks-order": ["P31"]}]


FINDER = Finder(["P19", "P1712"])


def cut_from(document):
    """Return the claims cut out of a document's JSON, or None for one of another form."""
    text = orjson.dumps(document)
    found = FINDER.find(text)
    return None if found is None else cut(text, found)


def claims(document):
    found = (claim for claim in read_entity(document, STRUCTURE).claims if claim.property in STRUCTURE)
    return [claim.without_reference() for claim in found]


def cut_claims(document):
    text = cut_from(document)
    return claims({"id": document["id"], "claims": statements(text.decode() or "{}")})


def full(datavalue, rank="normal", *, ended=False, with_references=True, late_qualifiers=False, as_in_dumps=True):
    """Return a statement with all parts that real ones have."""
    main = statement(datavalue, rank)["mainsnak"]
    if as_in_dumps and "datavalue" in main:
        inner = datavalue["value"]
        if datavalue["type"] == "time":
            inner = {key: inner[key] for key in ("time", "timezone", "before", "after", "precision", "calendarmodel")}
        ordered = {"value": inner, "type": datavalue["type"]}
        head = {"snaktype": "value", "property": "P31", "hash": "0a"}
        main = head | {"datavalue": ordered, "datatype": "wikibase-item"}
    end = {"snaktype": "value", "property": "P582", "datavalue": time("+1990-00-00T00:00:00Z", 9)}
    qualifiers = {"qualifiers": {"P582": [end]}, "qualifiers-order": ["P582"]} if ended else {}
    head, tail = {"mainsnak": main, "type": "statement"}, {"id": "Q1$a", "rank": rank}
    parts = head | tail | qualifiers if late_qualifiers else head | qualifiers | tail
    return parts | ({"references": REFERENCES} if with_references else {})


@pytest.mark.parametrize("document", SAMPLE, ids=lambda document: document["id"])
def test_claims_of_the_sample(document):
    assert cut_claims(document) == claims(document)


TIMES = st.builds(time, st.sampled_from(["+1952-03-11T00:00:00Z", "-0044-00-00T00:00:00Z"]), st.integers(6, 11))
STATEMENTS = st.lists(
    st.builds(
        full,
        st.one_of(st.sampled_from(["Q5", "Q515"]).map(item), st.sampled_from(["somevalue", "novalue"]), TIMES),
        st.sampled_from(["normal", "preferred", "deprecated"]),
        ended=st.booleans(),
        with_references=st.booleans(),
        late_qualifiers=st.booleans(),
        as_in_dumps=st.booleans(),
    ),
    min_size=1,
    max_size=3,
)
OTHERS = st.lists(st.builds(full, st.sampled_from(['"P31":[{"mainsnak"', "]},{", "x"]).map(string)), min_size=1)


@settings(deadline=None)
@given(
    of_structure=st.dictionaries(st.sampled_from(STRUCTURE_PROPERTIES), STATEMENTS),
    others=st.dictionaries(st.sampled_from(["P1", "P18", "P310"]), OTHERS),
    is_first=st.booleans(),
    has_sitelinks=st.booleans(),
)
def test_claims_in_any_order(of_structure, others, is_first, has_sitelinks):
    ordered = of_structure | others if is_first else others | of_structure
    document = {"type": "item", "id": "Q9", "labels": {}, "descriptions": {}, "claims": ordered}
    if has_sitelinks:
        document["sitelinks"] = {"enwiki": {"site": "enwiki", "title": "a", "badges": []}}
    assert cut_claims(document) == claims(document)


def test_statements_without_qualifiers_are_stored_as_rank_and_item():
    rows = [full(item("Q5")), full(item("Q515"), "preferred", with_references=False), full(item("Q7"), ended=True)]
    stored = orjson.loads(cut_from({"id": "Q1", "claims": {"P31": rows, "P279": rows[1:2]}}))
    assert stored["P31"][:2] == ["normal Q5", "preferred Q515"] and "qualifiers" in stored["P31"][2]
    assert stored["P279"] == ["preferred Q515"]


def test_times_without_qualifiers_are_stored_as_rank_time_precision_and_calendar():
    day = "+1952-03-11T00:00:00Z"
    zone = time(day, 11)
    zone["value"]["timezone"] = 60
    rows = [full(time(day, 11)), full(time(day, 11), ended=True), full(zone)]
    stored = orjson.loads(cut_from({"id": "Q1", "claims": {"P569": rows}}))["P569"]
    assert stored[0] == f"normal {day} 11 Q1985727"
    assert "qualifiers" in stored[1] and stored[2]["mainsnak"]["datavalue"]["value"]["timezone"] == 60


def test_a_document_without_such_claims_gives_nothing():
    assert cut_from({"id": "Q1", "claims": {}}) == b""
    assert cut_from({"id": "Q1", "claims": {"P18": [full(string("a.jpg"))]}}) == b""


def test_a_document_of_another_form_is_left_to_the_parser():
    old = {"id": "q1$a", **full(item("Q5"))}
    assert cut_from({"id": "Q1", "claims": {"P31": [old]}}) is None


def test_every_number_is_found_and_no_other():
    numbers = ["17", "171", "1712", "19", "31", "310", "279", "2", "1", "13666"]
    rows = {f"P{number}": [full(item("Q5"))] for number in numbers}
    found = FINDER.find(orjson.dumps({"id": "Q1", "claims": rows}))
    assert {match[1].decode() for match in found} == {"P17", "P1712", "P19", "P31", "P279"}


def test_a_verdict_on_a_skippable_document_counts_as_false():
    assert not Skippable([])
