"""Partial parsing of entity documents."""

import pytest

from factory.wikidata import partial_json


def test_only_wanted_entries_are_returned_in_any_notation():
    text = b'{"id": "Q1", "labels": {"de": 1, "e\\u006e": 2, "fr": [3], "en": 4}, "claims": {"P1": [], "P2": []}}'
    assert partial_json.document(text, ("P2",), ("en",)) == {"id": "Q1", "labels": {"en": 4}, "claims": {"P2": []}}


def test_empty_lists_of_old_dumps_are_returned():
    assert partial_json.document(b'{"id": "Q1", "labels": []}', (), ("en",)) == {"id": "Q1", "labels": []}


@pytest.mark.parametrize("text", [b"[1, 2]", b"7", b"null"])
def test_other_values_are_returned_unchanged(text):
    assert partial_json.document(text, (), ()) == {b"[1, 2]": [1, 2], b"7": 7, b"null": None}[text]


@pytest.mark.parametrize("text", [b'{"id": "Q1",', b'{"id": "Q1", "\xff": 1}', b"x", b""])
def test_broken_json_is_an_error(text):
    with pytest.raises(partial_json.BrokenJsonError):
        partial_json.document(text, (), ("en",))


@pytest.mark.parametrize(
    "text",
    [
        b'{"en": {"language": "en", "value": "a \\u00e9"}, "fr": {"value": "b"}}',
        b'{"en": {"value": 7}}',
        b'{"en": {"language": "en"}}',
        b"{}",
        b"[]",
        b"7",
    ],
)
def test_labels_are_those_of_entries(text):
    found = partial_json.labels(text, ("en", "mul"))
    general = partial_json.entries(text, ("en", "mul"))
    if isinstance(general, dict):
        found, general = ({code: row.get("value") for code, row in labels.items()} for labels in (found, general))
    assert found == general


def test_broken_labels_are_an_error():
    with pytest.raises(partial_json.BrokenJsonError):
        partial_json.labels(b'{"en": {"value": "a"', ("en",))
