"""Another attempt of a finished build at slices and documents that an endpoint did not answer, by the command line."""

import re

import pytest

from factory.store.store import Store
from pangea_cultural.cli import main
from tests.helpers import world
from tests.helpers.servers import fault_proxy
from tests.helpers.servers.sparql_search import TIMED_OUT, num_asked

RECIPE = """
name = "again"
regions = ["japan"]
languages = ["en"]
properties = ["P31"]
[[sources]]
type = "sparql"
url = "{url}"
pause_s = 0
batch = 4
[[images.sources]]
type = "folder"
path = "images.jsonl"
[network]
private_hosts = ["{host}"]
"""


@pytest.fixture
def recipe(sample_proxy, tmp_path):
    (tmp_path / "images.jsonl").write_text("")
    (tmp_path / "recipe.toml").write_text(RECIPE.format(url=sample_proxy.url, host=sample_proxy.host))
    return tmp_path / "recipe.toml"


def build(recipe, workspace="out"):
    """Build up to the images, and return the store's contents."""
    world.build(recipe, recipe.parent / workspace, "--stage", "images")
    return contents(recipe, workspace)


def contents(recipe, workspace="out"):
    with Store.open(recipe.parent / workspace / "store.duckdb", read_only=True) as store:
        tables = ("entity", "entity_region", "claim", "label", "candidate", "read_document")
        rows = {name: store.rows(f"SELECT * FROM {name} ORDER BY ALL") for name in tables}
        rows["rejection"] = store.rows("SELECT stage, item, reason, items, unit FROM rejection ORDER BY ALL")
        rows["stage"] = store.rows("SELECT name, done, inputs, kept FROM stage ORDER BY name")
        assert store.rows("SELECT * FROM meta WHERE key = 'retried'") == []
    return rows


def fail_link(query):
    """Leave one slice unanswered."""
    return TIMED_OUT if num_asked(query) and "wdt:P17 ?region" in query else None


def reasons(rows):
    return [row[2] for row in rows["rejection"] if row[0] == "select"]


def test_a_slice_without_an_answer_is_asked_by_the_next_build(sample_proxy, recipe):
    whole = build(recipe, "whole")
    sample_proxy.rule = fail_link
    first = build(recipe)
    assert any(reason.startswith("slice abandoned") for reason in reasons(first))
    assert len(first["entity"]) < len(whole["entity"])
    assert build(recipe) == first, "a second attempt in vain changes nothing"
    sample_proxy.rule = None
    assert build(recipe) == whole


def test_a_document_without_an_answer_is_read_by_the_next_build(sample_proxy, recipe):
    whole = build(recipe, "whole")
    name = next(row[0] for row in whole["entity"] if row[1])
    pattern = re.compile(rf"\b{name}\b")
    sample_proxy.rule = lambda query: fault_proxy.cut_json if pattern.search(query) and not num_asked(query) else None
    first = build(recipe)
    assert "answer truncated" in reasons(first) and name not in [row[0] for row in first["entity"] if row[1]]
    assert build(recipe) == first
    sample_proxy.rule = None
    assert build(recipe) == whole


def test_an_endpoint_that_is_down_does_not_undo_a_build(sample_proxy, recipe):
    sample_proxy.rule = fail_link
    first = build(recipe)
    sample_proxy.rule = lambda _: fault_proxy.status(403)
    num_requests = len(sample_proxy.requests)
    assert build(recipe) == first
    assert len(sample_proxy.requests) > num_requests
    sample_proxy.rule = None
    assert len(build(recipe)["entity"]) > len(first["entity"])


def test_a_finished_build_without_failures_asks_nothing(sample_proxy, recipe):
    whole = build(recipe)
    num_requests = len(sample_proxy.requests)
    assert build(recipe) == whole and len(sample_proxy.requests) == num_requests


def test_later_stages_start_over_only_if_anything_was_added(sample_proxy, recipe, capsys):
    sample_proxy.rule = fail_link
    build(recipe)
    for rule, done in ((fail_link, True), (None, False), (None, True)):
        sample_proxy.rule = rule
        with pytest.raises(SystemExit):
            main(["build", str(recipe), "--workspace", str(recipe.parent / "out"), "--stage", "images"])
        assert ("images: already done" in capsys.readouterr().err) == done


def test_numbers_add_up_after_another_attempt(sample_proxy, recipe):
    sample_proxy.rule = fail_link
    build(recipe)
    sample_proxy.rule = None
    rows = build(recipe)
    (inputs, kept) = next(row[2:] for row in rows["stage"] if row[0] == "select")
    assert inputs == kept + sum(row[3] for row in rows["rejection"] if row[0] == "select" and row[4] == "")
