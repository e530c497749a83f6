"""Estimates of tokens and cost, compared with the requests of the build that follows."""

import orjson
import pytest

from factory.refine import estimate
from factory.refine.config import RefineConfig
from tests.helpers import world
from tests.helpers.servers import rewriter
from tests.helpers.servers.scripted_endpoint import ScriptedEndpoint


def config(**changes):
    return RefineConfig(model="m", endpoints=[{"url": "http://127.0.0.1:9/v1"}], **changes)


def dry_run(castles, server, workspace=None):
    recipe = castles.recipe(server, "input_price = 1000\noutput_price = 3000")
    return orjson.loads(world.build(recipe, workspace or castles.workspace, "--dry-run", "--json"))["refine"]


def test_a_dry_run_counts_the_requests_that_a_build_sends(castles_to_refine, monkeypatch):
    with ScriptedEndpoint(rewriter.right) as server:
        before = dry_run(castles_to_refine, server)
        assert server.bodies == [], "nothing is asked"
        castles_to_refine.build(server)
        questions = castles_to_refine.rows("SELECT count(*) FROM refinement")[0][0]
        assert (before["questions"], before["requests"]) == (questions, len(server.bodies))
        assert before["basis"] == "counted in the store"
        monkeypatch.setattr(estimate, "MEASURED", 5)
        after = dry_run(castles_to_refine, server)
        assert (after["requests"], after["cost"]) == (0, 0)
    size = sum(len(message["content"]) for body in server.bodies for message in body["messages"])
    assert size / 5 < before["input_tokens"] < size / 2.5
    cost = (before["input_tokens"] * 1000 + before["output_tokens"] * 3000) / 1e6
    assert before["cost"] == pytest.approx(cost, abs=0.01)


def test_a_dry_run_without_a_store_gives_an_upper_bound(castles_to_refine, tmp_path):
    with ScriptedEndpoint(rewriter.right) as server:
        bound = dry_run(castles_to_refine, server, tmp_path / "none")
        counted = dry_run(castles_to_refine, server)
    assert not (tmp_path / "none").exists()
    assert bound["basis"].startswith("at most")
    for key in ("questions", "requests", "input_tokens", "output_tokens", "cost"):
        assert bound[key] >= counted[key], key


def test_share_limit_and_languages_lower_the_bound():
    languages = ["en", "de", "nl"]
    whole = estimate.from_counts(config(), 100, 300, languages)
    assert whole.questions == 100 * 3 * estimate.FACTS * 3
    assert estimate.from_counts(config(share=0.1), 100, 300, languages).questions == whole.questions / 10
    assert estimate.from_counts(config(languages=["de"]), 100, 300, languages).questions == whole.questions / 3
    assert estimate.from_counts(config(limit=7), 100, 300, languages).requests == 7


def test_an_estimate_reads_as_one_line():
    text = estimate.from_bytes(config(input_price=2000), 50, 10, 1100, "counted").in_words()
    assert (
        text.startswith("10 requests for 50 questions, about ") and "cost 4.92" in text and text.endswith("(counted)")
    )
