"""References of statements: which ones name a source."""

import pytest

from factory.wikidata import references
from factory.wikidata.entity import read_entity
from tests.helpers import wikibase

NAMES_SOURCE = {2, 3, 6, 7, 10}


@pytest.mark.parametrize(("number", "content"), [*enumerate(wikibase.REFERENCES)])
def test_reference_names_a_source_unless_it_is_an_import(number, content):
    statement = wikibase.statement(wikibase.TIMES[0], references=content)
    assert references.name_source(statement.get("references")) == (number in NAMES_SOURCE)


SOURCE = {"P248": [{"snaktype": "value"}]}


@pytest.mark.parametrize(
    "broken",
    [
        None,
        True,
        "P248",
        {"snaks": SOURCE},
        [None, 7, "P248", []],
        [{}],
        [SOURCE],
        [{"snaks": None}],
        [{"snaks": [SOURCE]}],
        [{"snaks": {"P248": None}}],
        [{"snaks": {"P248": "value"}}],
        [{"snaks": {"P248": {"snaktype": "value"}}}],
        [{"snaks": {"P248": ["value", None, {"snaktype": ["value"]}]}}],
    ],
)
def test_malformed_references_name_no_source_and_hide_none(broken):
    assert references.name_source(broken) is False
    if isinstance(broken, list):
        assert references.name_source([*broken, {"snaks": SOURCE}])


def test_references_are_read_for_times_and_quantities_only():
    claims = read_entity(next(d for d in wikibase.DOCUMENTS if d["id"] == "Q7")).claims
    referenced = [claim for claim in claims if claim.referenced]
    assert [claim.value for claim in referenced if claim.value_type == "quantity"] == [
        "10/1",
        "2/1",
        "3/1",
        "6/1",
        "7/1",
    ]
    assert [claim.value[1:5] for claim in referenced if claim.value_type == "time"] == [
        "1802",
        "1803",
        "1806",
        "1807",
        "1810",
    ]
    assert len(referenced) == 10 and {"P17", "P625"} <= {claim.property for claim in claims}
