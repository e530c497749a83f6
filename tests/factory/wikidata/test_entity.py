"""Entity documents: ranks, order, old forms, malformed ones."""

import re

import pyarrow as pa
import pytest
from hypothesis import given
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


def test_preferred_beats_normal_and_deprecated_never_wins():
    found = entity.read_entity(
        document(claims={"P36": [statement("Q1"), statement("Q2", "preferred"), statement("Q3", "deprecated")]})
    )
    assert found.best("P36") == ["Q2"]
    assert [(c.value, c.rank) for c in found.claims] == [("Q2", "preferred"), ("Q1", "normal"), ("Q3", "deprecated")]


def test_a_lone_deprecated_value_is_no_answer():
    assert entity.read_entity(document(claims={"P36": [statement("Q3", "deprecated")]})).best("P36") == []


def test_a_preferred_unknown_hides_normal_values():
    found = entity.read_entity(document(claims={"P36": [statement("Q1"), statement("", "preferred", "somevalue")]}))
    assert found.best("P36") == []
    assert found.dropped == [("P36", "somevalue")]


def test_empty_maps_may_be_lists():
    found = entity.read_entity(document(labels=[], claims=[]))
    assert (found.labels, found.claims) == ({}, [])


def test_a_link_to_a_commons_category_is_a_claim_and_one_to_a_gallery_is_none():
    category = entity.read_entity(document(sitelinks={"commonswiki": {"title": "Category:Tower: old"}}))
    assert [(c.property, c.value, c.best) for c in category.claims] == [("commonswiki", "Tower: old", True)]
    gallery = entity.read_entity(
        document(sitelinks={"commonswiki": {"title": "Tower"}, "enwiki": {"title": "Category:T"}})
    )
    assert (gallery.claims, gallery.dropped) == ([], [])


@pytest.mark.parametrize(
    "link", [None, [], "Category:A", {}, {"title": 7}, {"title": "Category: "}, {"title": "\ud800"}]
)
def test_a_broken_link_to_commons_is_dropped_with_a_reason(link):
    found = entity.read_entity(document(sitelinks={"commonswiki": link}))
    assert (found.claims, found.dropped) == ([], [("commonswiki", "sitelink without a title")])


def test_labels_are_cleaned():
    found = entity.read_entity(
        document(labels={"en": {"language": "en", "value": " a\n b "}, "de": {"value": ""}, "fr": 3})
    )
    assert found.labels == {"en": "a b"}


def test_only_wanted_properties_are_read():
    claims = {"P36": [statement("Q1")], "P37": [statement("Q2")]}
    found = entity.read_entity(document(claims=claims), frozenset({"P37"}))
    assert [claim.property for claim in found.claims] == ["P37"]


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
def test_what_is_no_item_is_refused(broken):
    with pytest.raises(entity.MalformedDocumentError):
        entity.read_entity(broken)


@pytest.mark.parametrize(
    "broken", [None, 7, {}, {"rank": "normal"}, {"rank": "best", "mainsnak": {}}, {"rank": "normal", "mainsnak": {}}]
)
def test_broken_statements_are_dropped_with_a_reason(broken):
    found = entity.read_entity(document(claims={"P36": [broken, statement("Q1")]}))
    assert found.best("P36") == ["Q1"]
    assert len(found.dropped) == 1 and found.dropped[0][1]


def test_what_a_source_could_not_get_is_refused_with_a_reason():
    with pytest.raises(entity.MalformedDocumentError, match="answer truncated"):
        entity.read_entity({"id": "Q17", "error": "answer truncated"})


@pytest.mark.parametrize(("revision", "known"), [(5, 5), (True, None), ("5", None), (2**63, None), (-1, None)])
def test_a_revision_is_a_number_that_the_store_holds(revision, known):
    assert entity.read_entity(document(lastrevid=revision)).revision == known


def test_labels_that_are_no_text_are_counted():
    found = entity.read_entity(
        document(labels={"en": {"value": "\ud800"}, "de": {}, "C++": {"value": "x"}, "fr": {"value": "x"}})
    )
    assert found.labels == {"fr": "x"}
    assert [name for name, _ in found.dropped] == ["label", "label de", "label en"]


@given(
    st.permutations([statement("Q2"), statement("Q10"), statement("Q3", "preferred"), statement("Q4", "deprecated")])
)
def test_the_order_of_statements_does_not_matter(statements):
    found = entity.read_entity(document(claims={"P36": statements}))
    assert [(claim.ordinal, claim.value) for claim in found.claims] == [(0, "Q3"), (1, "Q10"), (2, "Q2"), (3, "Q4")]


def test_bounds_are_kept_beside_the_value():
    exact, rough = (
        wikibase.quantity("+330"),
        wikibase.quantity("+330.0", lowerBound="+320", upperBound="+340.0"),
    )
    found = entity.read_entity(document(claims={"P2048": [wikibase.statement(exact), wikibase.statement(rough)]}))
    assert [(claim.value, claim.bounds) for claim in found.claims] == [("330/1", ""), ("330/1", "320/340")]


def sound(found):
    """Whether every row is one that the store can hold and that its readers understand."""
    assert values.ITEM.fullmatch(found.id)
    for claim in found.claims:
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
    rows = [{key: getattr(claim, key) for key in claim.__slots__} for claim in found.claims]
    pa.Table.from_pylist([*rows, {"labels": list(found.labels.items()), "dropped": found.dropped, "n": found.revision}])
    return True


@given(wikibase.broken_documents())
def test_broken_documents_are_refused_or_give_sound_rows(broken):
    try:
        found = entity.read_entity(broken)
    except entity.MalformedDocumentError as error:
        assert str(error)
    else:
        assert sound(found)


@given(wikibase.garbage)
def test_garbage_is_refused(broken):
    with pytest.raises(entity.MalformedDocumentError):
        entity.read_entity(broken)


@given(wikibase.documents)
def test_every_statement_of_a_sound_document_is_a_claim_or_dropped(original):
    found = entity.read_entity(original)
    assert sound(found)
    assert len(found.claims) + len(found.dropped) == sum(map(len, original["claims"].values()))
    assert {reason for _, reason in found.dropped} <= {"novalue", "somevalue"}
