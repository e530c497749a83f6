"""Search for ids: slices that fail are split, then abandoned, and never count as empty."""

import re
from dataclasses import replace

import pytest

from factory.entities import id_search
from factory.store.store import Store
from pangea_cultural.utils.console import Reporter
from tests.helpers.sample_documents import SAMPLE
from tests.helpers.servers.sparql_search import LINKS, TIMED_OUT, expected_ids, num_asked, search_scope

PREFIX = "japan(Q17+Q205662) P17"
"""Beginning of the slices' keys."""


def test_slice_without_answers_is_abandoned_and_not_empty(sample_source, sample_proxy, tmp_path, capsys):
    sample_proxy.rule = lambda query: TIMED_OUT if "p:P31 " in query else None
    sample_source.scope = search_scope(("P17",), ("P17", "P31"))
    with Store.open(tmp_path / "store.duckdb") as store:
        for _ in range(2):  # the second run has no slices left
            id_search.find(store, sample_source, Reporter())
            # One query for both properties, one for P17, and the failing ones for P31.
            assert len(sample_proxy.requests) == 1 + id_search.MAX_CONSECUTIVE_TIMEOUTS + 1
        states = store.rows("SELECT slice, state FROM slice WHERE state IN ('done', 'abandoned') ORDER BY ALL")
        rejected = store.rows("SELECT item, detail FROM rejection WHERE reason LIKE 'slice abandoned%'")
        num_ids = store.value("SELECT count(*) FROM candidate")
    assert states == [(f"{PREFIX} P17", "done"), (f"{PREFIX} P31", "abandoned")]
    assert [item for item, _ in rejected] == [f"{PREFIX} P31"] and "Read a dump" in rejected[0][1]
    assert num_ids == len(expected_ids(replace(sample_source.scope, asked=("P17",)), SAMPLE)) > 0
    assert f"abandoned {PREFIX} P31" in capsys.readouterr().err


def test_slice_with_some_answers_is_not_abandoned(sample_source, sample_proxy, tmp_path):
    sample_proxy.rule = lambda query: None if re.search('STRENDS.*"Q?[0-9]{2}"', query) else TIMED_OUT
    sample_source.scope = search_scope(LINKS[:1], ("P31",))
    with Store.open(tmp_path / "store.duckdb") as store:
        id_search.find(store, sample_source, Reporter(quiet=True))
        ids = {row[0] for row in store.rows("SELECT entity FROM candidate")}
        num_abandoned = store.value("SELECT count(*) FROM slice WHERE state = 'abandoned'")
        num_failed = store.value("SELECT count(*) FROM slice WHERE state != 'done'")
    assert ids == expected_ids(sample_source.scope, SAMPLE)
    assert num_abandoned == 0 and num_failed > id_search.MAX_CONSECUTIVE_TIMEOUTS


@pytest.mark.parametrize("num_queries", [1, 4, 8, 9])
def test_interrupted_search_abandons_the_same_slices(sample_source, sample_proxy, tmp_path, num_queries):
    sample_proxy.rule = lambda query: TIMED_OUT if num_asked(query) else None
    sample_source.scope = search_scope(("P17",), ("P31", "P571"))
    with Store.open(tmp_path / "store.duckdb") as store:
        select, left = sample_source.endpoint.select, iter(range(num_queries))

        def interrupted(query):
            if next(left, None) is None:
                raise KeyboardInterrupt
            return select(query)

        sample_source.endpoint.select = interrupted
        with pytest.raises(KeyboardInterrupt):
            id_search.find(store, sample_source, Reporter(quiet=True))
        sample_source.endpoint.select = select
        id_search.find(store, sample_source, Reporter(quiet=True))
        rejected = store.rows("SELECT item FROM rejection WHERE reason LIKE 'slice abandoned%' ORDER BY ALL")
    assert len(sample_proxy.requests) == 1 + 2 * id_search.MAX_CONSECUTIVE_TIMEOUTS
    assert rejected == [(f"{PREFIX} P31",), (f"{PREFIX} P571",)]
