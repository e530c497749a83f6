"""A Commons image source over a test server, and what it returns for one file."""

import contextlib

from factory.images.sources.commons.photo_rules import PhotoRules
from factory.images.sources.commons.source import CommonsSource
from factory.net.client import Client
from factory.net.retry import RetryPolicy
from tests.helpers.servers.commons_server import CommonsServer

QUICK = RetryPolicy(base_s=0.001, max_backoff_s=0.01)


@contextlib.contextmanager
def open_commons(server, *, retry=QUICK, width=960, limits=None, **rules):
    with Client(private_hosts=server.hosts, retry=retry, limits=limits) as client:
        yield CommonsSource(client=client, api=server.api, width=width, rules=PhotoRules(**rules))


def info_of(file, **rules):
    with CommonsServer([file]) as server, open_commons(server, **rules) as source:
        return source.metadata([file.title])[file.title]


def fetched(file, *faults, width=960, **rules):
    """Return info and content of a fetched file, and the paths of its requests."""
    with CommonsServer([file], faults={file.title: list(faults)}) as server:
        with open_commons(server, width=width, **rules) as source:
            ((info, content),) = source.fetch(list(source.metadata([file.title]).values()))
        return info, content, [path.rpartition("/")[2] for path in server.paths(server.file_port)]
