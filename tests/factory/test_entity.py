"""Entity documents: ranks, old forms, malformed ones."""

import pytest

from factory.wikidata import entity


def statement(value, rank="normal", snaktype="value"):
    snak = {"snaktype": snaktype, "property": "P36"}
    if snaktype == "value":
        snak["datavalue"] = {"type": "wikibase-entityid", "value": {"id": value}}
    return {"mainsnak": snak, "type": "statement", "rank": rank}


def document(**fields):
    return {"type": "item", "id": "Q17", "labels": {}, "claims": {}, **fields}


def test_preferred_beats_normal_and_deprecated_never_wins():
    found = entity.read(
        document(claims={"P36": [statement("Q1"), statement("Q2", "preferred"), statement("Q3", "deprecated")]})
    )
    assert found.best("P36") == ["Q2"]
    assert [(c.value, c.rank) for c in found.claims] == [("Q2", "preferred"), ("Q1", "normal"), ("Q3", "deprecated")]


def test_a_lone_deprecated_value_is_no_answer():
    assert entity.read(document(claims={"P36": [statement("Q3", "deprecated")]})).best("P36") == []


def test_a_preferred_unknown_hides_normal_values():
    found = entity.read(document(claims={"P36": [statement("Q1"), statement("", "preferred", "somevalue")]}))
    assert found.best("P36") == []
    assert found.dropped == [("P36", "somevalue")]


def test_empty_maps_may_be_lists():
    found = entity.read(document(labels=[], claims=[]))
    assert (found.labels, found.claims) == ({}, [])


def test_labels_are_cleaned():
    found = entity.read(document(labels={"en": {"language": "en", "value": " a\n b "}, "de": {"value": ""}, "fr": 3}))
    assert found.labels == {"en": "a b"}


def test_only_wanted_properties_are_read():
    claims = {"P36": [statement("Q1")], "P37": [statement("Q2")]}
    found = entity.read(document(claims=claims), frozenset({"P37"}))
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
        entity.read(broken)


@pytest.mark.parametrize(
    "broken", [None, 7, {}, {"rank": "normal"}, {"rank": "best", "mainsnak": {}}, {"rank": "normal", "mainsnak": {}}]
)
def test_broken_statements_are_dropped_with_a_reason(broken):
    found = entity.read(document(claims={"P36": [broken, statement("Q1")]}))
    assert found.best("P36") == ["Q1"]
    assert len(found.dropped) == 1 and found.dropped[0][1]
