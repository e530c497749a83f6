"""A SPARQL source over the sample's entities, behind a proxy with faults."""

import pytest

from factory.entities.sources.sparql.endpoint import Endpoint
from factory.entities.sources.sparql.responses import QueryLimits
from factory.entities.sources.sparql.source import SparqlSource
from tests.helpers.sample_documents import SAMPLE
from tests.helpers.servers import rdf_export
from tests.helpers.servers.fault_proxy import FaultProxy
from tests.helpers.servers.sparql_search import SCOPE


@pytest.fixture
def sample_proxy(oxigraph):
    """A proxy in front of a SPARQL server with the sample."""
    oxigraph.load(rdf_export.triples(SAMPLE))
    with FaultProxy(oxigraph.url).running() as proxy:
        yield proxy


@pytest.fixture
def sample_source(sample_proxy):
    """A SPARQL source that asks the proxy."""
    limits = QueryLimits(pause_s=0, backoff_s=0.001)
    with Endpoint(sample_proxy.url, limits=limits, private_hosts=[sample_proxy.host]) as endpoint:
        yield SparqlSource(endpoint, SCOPE, "sparql", batch=4)
