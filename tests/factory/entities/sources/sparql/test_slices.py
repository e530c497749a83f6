"""Slices: order, keys, division, standard queries."""

import pytest
from rdflib.plugins.sparql import prepareQuery

from factory.entities.sources.sparql.slices import BIRTHPLACE_LINK, Slice, slices
from tests.helpers.servers.sparql_search import ASKED, LINKS, SCOPE

SLICE = Slice(region="japan", items=("Q17",), link="P17", asked=("P31",))


def test_slices_have_a_stable_order_and_unique_keys():
    first = list(slices(SCOPE.regions, LINKS, reversed(ASKED)))
    assert first == list(slices(SCOPE.regions, LINKS, ASKED))
    assert [(part.region, part.link) for part in first] == [(r.slug, link) for r in SCOPE.regions for link in LINKS]
    every = first + [smaller for part in first for smaller in part.split()]
    assert len({part.key for part in every}) == len(every)


def test_slices_have_all_items_of_a_region():
    assert set(next(slices(SCOPE.regions[2:], LINKS, ASKED)).items) >= {"Q55", "Q29999"}


def test_without_asked_properties_there_are_no_slices():
    assert list(slices(SCOPE.regions, LINKS, [])) == []


@pytest.mark.parametrize("suffix", ["", "7", "17", "217"])
def test_smaller_slices_have_every_id_of_the_slice(suffix):
    slice = Slice(region="japan", items=("Q17",), link="P17", asked=("P31",), id_suffix=suffix)
    ids = [f"Q{n}" for n in range(1, 3000) if f"Q{n}".endswith(suffix)]
    parts = [part.id_suffix for part in slice.split()]
    if len(suffix) < 3:
        assert all(sum(name.endswith(part) for part in parts) == 1 for name in ids)
    else:
        assert parts == []


@pytest.mark.parametrize(
    "query",
    [
        Slice(region="japan", items=("Q17",), link="P17", asked=("P31",), images=("P18", "P373")).query(),
        Slice(region="japan", items=("Q17",), link="P17", asked=("P31",), images=("P18", "commonswiki")).query(),
        Slice(region="japan", items=("Q17",), link="P17", asked=("P31",), id_suffix="7").query(),
        Slice(region="japan", items=("Q17",), link=BIRTHPLACE_LINK, asked=("P31",)).query(),
        SLICE.count_query(),
    ],
)
def test_queries_are_standard_sparql_with_declared_prefixes(query):
    prepareQuery(query, initNs={})
    assert not {"SERVICE", "hint:", "bd:", "gas:"} & set(query.split())
