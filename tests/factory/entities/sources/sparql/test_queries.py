"""Queries for documents are standard SPARQL."""

import pytest
from rdflib.plugins.sparql import prepareQuery

from factory.entities.sources.sparql import queries


@pytest.mark.parametrize(
    "query",
    [
        queries.heads(["Q1"]),
        queries.labels(["Q1", "Q2"], ["en"]),
        queries.statements(["Q1"], ["P17"]),
        queries.references(["Q1"], ["P571"]),
        queries.nodes(["0a"]),
        queries.PROBE,
    ],
)
def test_queries_are_standard_sparql_with_declared_prefixes(query):
    prepareQuery(query, initNs={})
    assert not {"SERVICE", "hint:", "bd:", "gas:"} & set(query.split())
