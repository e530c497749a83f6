"""SPARQL source on a real server: slices are found completely or split, and every id has a document."""

import re

import pytest

from factory.entities.base import IncompleteAnswerError
from factory.entities.sources.sparql.source import SearchScope
from factory.wikidata import entity
from pangea_cultural.errors import UserError
from tests.helpers import wikibase
from tests.helpers.sample_documents import SAMPLE
from tests.helpers.servers import fault_proxy as fault
from tests.helpers.servers import rdf_export
from tests.helpers.servers.sparql_search import ASKED, LINKS, SCOPE, TIMED_OUT, expected_ids, num_asked, search_scope


def search(source):
    """Return all ids that a source finds, and the slices without an answer."""
    ids, failed, waiting = set(), [], source.slices()
    while waiting:
        part = waiting.pop(0)
        try:
            ids.update(source.find(part))
        except IncompleteAnswerError:
            smaller = part.split()
            waiting = smaller + waiting
            failed += [] if smaller else [part]
    return ids, failed


def test_source_finds_the_ids_of_a_dump(sample_source):
    ids, failed = search(sample_source)
    assert ids == expected_ids(SCOPE, SAMPLE) and len(ids) > 5
    assert failed == []


def test_deprecated_links_are_not_followed(sample_source, oxigraph):
    links = [wikibase.statement(wikibase.item("Q17"), rank) for rank in ("preferred", "deprecated")]
    asked = [wikibase.statement(wikibase.item("Q5"))]
    documents = [wikibase.document(f"Q{n}", {"P17": [links[n - 1]], "P31": asked}) for n in (1, 2)]
    oxigraph.load(rdf_export.triples(documents))
    assert search(sample_source)[0] == {"Q1"}


def test_large_slice_is_complete_through_its_parts(sample_source, sample_proxy):
    ids, _ = search(sample_source)
    sample_proxy.rule = lambda query: TIMED_OUT if num_asked(query) > 3 else None
    assert search(sample_source) == (ids, [])


@pytest.mark.parametrize("broken", [fault.cut_json, fault.garbage_tail, fault.cut_connection])
def test_truncated_answer_never_counts_as_complete(sample_source, sample_proxy, broken):
    ids, _ = search(sample_source)
    sample_proxy.rule = lambda query: broken if num_asked(query) > 6 else None
    assert search(sample_source) == (ids, [])


def test_smallest_slices_divide_ids_by_their_digits(sample_source, sample_proxy):
    ids, _ = search(sample_source)
    sample_proxy.rule = lambda query: (
        TIMED_OUT if num_asked(query) and not re.search('STRENDS.*"Q?[0-9]{2}"', query) else None
    )
    sample_source.scope = search_scope(LINKS[:1], ("P31",))
    part_ids, failed = search(sample_source)
    # The rule answers two digits. It fails at `*7`, and at the complete id Q7, which the sample does not have.
    assert part_ids == expected_ids(sample_source.scope, SAMPLE) and part_ids <= ids
    assert {part.id_suffix for part in failed} == {f"Q{n}" for n in range(10)}


def test_queries_are_sent_one_at_a_time(sample_source, sample_proxy):
    search(sample_source)
    assert sample_proxy.most_at_once == 1


def test_every_id_has_one_document_in_the_given_order(sample_source):
    ids = [document["id"] for document in SAMPLE[:9]] + ["Q404", "P31"]
    answers = list(sample_source.documents(ids))
    assert [name for name, _ in answers] == ids
    assert answers[9][1] == {"id": "Q404", "missing": ""}
    assert [entity.read_entity(document).id for _, document in answers[:9]] == ids[:9]


def test_large_batch_is_halved_down_to_the_failing_item(sample_source, sample_proxy):
    ids = [document["id"] for document in SAMPLE[:8]]
    failing = re.compile(rf"wd:{ids[5]}\b")
    sample_proxy.rule = lambda query: fault.cut_json if failing.search(query) else None
    answers = dict(sample_source.documents(ids))
    assert list(answers) == ids
    assert answers[ids[5]] == {"id": ids[5], "error": "answer truncated"}
    assert all("error" not in document for name, document in answers.items() if name != ids[5])


def test_other_entities_than_items_are_found_and_rejected_later(sample_source, oxigraph):
    claims = {"P17": [wikibase.statement(wikibase.item("Q17"))], "P31": [wikibase.statement("novalue")]}
    oxigraph.load(rdf_export.triples([wikibase.document("P1936", claims)]))
    assert search(sample_source)[0] == {"P1936"}
    ((_, document),) = sample_source.documents(["P1936"])
    with pytest.raises(entity.MalformedDocumentError, match="not an item"):
        entity.read_entity(document)


@pytest.mark.parametrize("row", ['{"x": 1}', "7", '{"item": {"type": "uri", "value": "http://example.org/7"}}'])
def test_server_with_other_data_is_an_error(sample_source, sample_proxy, row):
    sample_proxy.rule = lambda query: fault.answer(f'{{"results": {{"bindings": [{row}]}}}}')
    with pytest.raises(UserError, match="Check the source's url"):
        sample_source.find(sample_source.slices()[0])
    with pytest.raises(UserError, match="Check the source's url"):
        list(sample_source.documents(["Q1"]))


def test_images_can_be_required(sample_source):
    sample_source.scope = SearchScope(
        regions=SCOPE.regions, links=LINKS, asked=ASKED, wanted=SCOPE.wanted, labels=("en",), images=("P18", "P373")
    )
    documents = [document for document in SAMPLE if {"P18", "P373"} & set(document["claims"])]
    assert search(sample_source)[0] == expected_ids(SCOPE, documents)
