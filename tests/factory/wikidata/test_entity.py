"""Entity documents: ranks, order, old formats, malformed documents."""

import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory.wikidata import entity, values
from tests.helpers import wikibase


def statement(value, rank="normal", snaktype="value"):
    snak = {"snaktype": snaktype, "property": "P36"}
    if snaktype == "value":
        snak["datavalue"] = {"type": "wikibase-entityid", "value": {"id": value}}
    return {"mainsnak": snak, "type": "statement", "rank": rank}


def document(**fields):
    return {"type": "item", "id": "Q17", "labels": {}, "claims": {}, **fields}


def test_best_rank_is_preferred_before_normal_and_never_deprecated():
    item = entity.read_entity(
        document(claims={"P36": [statement("Q1"), statement("Q2", "preferred"), statement("Q3", "deprecated")]})
    )
    assert item.best("P36") == ["Q2"]
    assert [(c.value, c.rank) for c in item.claims] == [("Q2", "preferred"), ("Q1", "normal"), ("Q3", "deprecated")]


def test_single_deprecated_value_is_not_best():
    assert entity.read_entity(document(claims={"P36": [statement("Q3", "deprecated")]})).best("P36") == []


def test_preferred_unknown_value_hides_normal_values():
    item = entity.read_entity(document(claims={"P36": [statement("Q1"), statement("", "preferred", "somevalue")]}))
    assert item.best("P36") == []
    assert item.dropped == [("P36", "somevalue")]


def test_empty_objects_may_be_lists():
    item = entity.read_entity(document(labels=[], claims=[]))
    assert (item.labels, item.claims) == ({}, [])


def test_only_sitelinks_to_commons_categories_are_claims():
    category = entity.read_entity(document(sitelinks={"commonswiki": {"title": "Category:Tower: old"}}))
    assert [(c.property, c.value, c.best) for c in category.claims] == [("commonswiki", "Tower: old", True)]
    gallery = entity.read_entity(
        document(sitelinks={"commonswiki": {"title": "Tower"}, "enwiki": {"title": "Category:T"}})
    )
    assert (gallery.claims, gallery.dropped) == ([], [])


@pytest.mark.parametrize(
    "link", [None, [], "Category:A", {}, {"title": 7}, {"title": "Category: "}, {"title": "\ud800"}]
)
def test_malformed_sitelink_is_rejected_with_a_reason(link):
    item = entity.read_entity(document(sitelinks={"commonswiki": link}))
    assert (item.claims, item.dropped) == ([], [("commonswiki", "sitelink without a title")])


def test_labels_are_normalized():
    item = entity.read_entity(
        document(labels={"en": {"language": "en", "value": " a\n b "}, "de": {"value": ""}, "fr": 3})
    )
    assert item.labels == {"en": "a b"}


def test_only_given_properties_are_read():
    claims = {"P36": [statement("Q1")], "P37": [statement("Q2")]}
    item = entity.read_entity(document(claims=claims), frozenset({"P37"}))
    assert [claim.property for claim in item.claims] == ["P37"]


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        "Q17",
        {},
        {"id": 17},
        {"id": "P31"},
        {"id": "L7"},
        {"id": "Q17", "missing": ""},
        {"id": "Q1", "claims": 3},
    ],
)
def test_other_documents_than_items_are_rejected(broken):
    with pytest.raises(entity.MalformedDocumentError):
        entity.read_entity(broken)


@pytest.mark.parametrize(
    "broken", [None, 7, {}, {"rank": "normal"}, {"rank": "best", "mainsnak": {}}, {"rank": "normal", "mainsnak": {}}]
)
def test_malformed_statements_are_rejected_with_a_reason(broken):
    item = entity.read_entity(document(claims={"P36": [broken, statement("Q1")]}))
    assert item.best("P36") == ["Q1"]
    assert len(item.dropped) == 1 and item.dropped[0][1]


def test_document_that_a_source_could_not_get_is_rejected():
    with pytest.raises(entity.MalformedDocumentError, match="answer truncated"):
        entity.read_entity({"id": "Q17", "error": "answer truncated"})


@pytest.mark.parametrize(("revision", "known"), [(5, 5), (True, None), ("5", None), (2**63, None), (-1, None)])
def test_revision_fits_the_store(revision, known):
    assert entity.read_entity(document(lastrevid=revision)).revision == known


def test_malformed_labels_are_rejected_with_a_reason():
    item = entity.read_entity(
        document(labels={"en": {"value": "\ud800"}, "de": {}, "C++": {"value": "x"}, "fr": {"value": "x"}})
    )
    assert item.labels == {"fr": "x"}
    assert [name for name, _ in item.dropped] == ["label", "label de", "label en"]


@given(
    st.permutations([statement("Q2"), statement("Q10"), statement("Q3", "preferred"), statement("Q4", "deprecated")])
)
def test_order_of_statements_does_not_matter(statements):
    item = entity.read_entity(document(claims={"P36": statements}))
    assert [(claim.ordinal, claim.value) for claim in item.claims] == [(0, "Q3"), (1, "Q10"), (2, "Q2"), (3, "Q4")]


def test_bounds_are_not_part_of_the_value():
    exact, rough = (
        wikibase.quantity("+330"),
        wikibase.quantity("+330.0", lowerBound="+320", upperBound="+340.0"),
    )
    item = entity.read_entity(document(claims={"P2048": [wikibase.statement(exact), wikibase.statement(rough)]}))
    assert [(claim.value, claim.bounds) for claim in item.claims] == [("330/1", ""), ("330/1", "320/340")]


def is_valid(item):
    """Return whether the store can hold every row and its readers can parse it."""
    assert values.ITEM.fullmatch(item.id)
    for claim in item.claims:
        assert values.PROPERTY.fullmatch(claim.property) and claim.rank in entity.RANKS
        match claim.value_type:
            case "item":
                assert values.ITEM.fullmatch(claim.value)
            case "time":
                time = values.read_time(claim.value)
                assert time.year != 0 and 0 <= time.precision <= 14
                assert (time.month > 0) == (time.precision >= 10) and (time.day > 0) == (time.precision >= 11)
            case "quantity":
                assert re.fullmatch(r"(0|-?(0|[1-9]\d*)(\.\d*[1-9])?)/(1|Q[1-9]\d*)", claim.value, re.ASCII)
            case "coordinate":
                assert re.fullmatch(r"-?[\d.]+,-?[\d.]+/Q[1-9]\d*", claim.value, re.ASCII)
            case "string" | "monolingual":
                assert claim.value.strip()
            case other:
                pytest.fail(other)
    rows = [{key: getattr(claim, key) for key in claim.__slots__} for claim in item.claims]
    pa.Table.from_pylist([*rows, {"labels": list(item.labels.items()), "dropped": item.dropped, "n": item.revision}])
    return True


@settings(deadline=None)  # the machine may be busy
@given(wikibase.broken_documents())
def test_broken_documents_are_rejected_or_give_valid_rows(broken):
    try:
        item = entity.read_entity(broken)
    except entity.MalformedDocumentError as error:
        assert str(error)
    else:
        assert is_valid(item)


@settings(deadline=None)
@given(wikibase.garbage)
def test_garbage_is_rejected(broken):
    with pytest.raises(entity.MalformedDocumentError):
        entity.read_entity(broken)


@settings(deadline=None)
@given(wikibase.documents)
def test_every_statement_of_a_valid_document_is_a_claim_or_rejected(original):
    item = entity.read_entity(original)
    assert is_valid(item)
    assert len(item.claims) + len(item.dropped) == sum(map(len, original["claims"].values()))
    assert {reason for _, reason in item.dropped} <= {"novalue", "somevalue"}
