"""The stage on a small build, with an endpoint that follows a script. tests/serve asks a real model."""

import itertools

import orjson
import pyarrow.parquet as pq
import pytest

from factory.questions.stage import BELOW, UNANSWERED
from factory.relevance import asking
from factory.store.store import Store
from pangea_cultural.dataset.check import check
from pangea_cultural.dataset.export import SPLITS, Export
from pangea_cultural.endpoint.messages import data_url
from pangea_cultural.errors import UserError
from tests.factory.relevance.conftest import asked, judge, pcult_json, says
from tests.helpers import world
from tests.helpers.runs import forked
from tests.helpers.servers.scripted_endpoint import HANG, ScriptedEndpoint
from tests.helpers.store_contents import differences

CASTLES = 6
PAIRS = 30
"""Five images of each castle."""


def rows(build, sql):
    with Store.open(build.workspace / "store.duckdb", read_only=True) as store:
        return store.rows(sql)


def questions(build):
    """Rows of the export."""
    export = Export.open(build.workspace / "exports/castles")
    assert check(export) == []
    return [row for split in SPLITS for row in export.questions(split)]


def exported(build):
    """Names of the castles in the export."""
    return {row.entity for row in questions(build)}


def ask(build, recipe):
    """Build up to the stage."""
    world.build(recipe, build.workspace, "--stage", "relevance")


def fails(build, recipe):
    with pytest.raises(UserError) as error:
        ask(build, recipe)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_each_pair_is_asked_once_and_stored_with_model_and_prompt(build, endpoint):
    ask(build, build.recipe(endpoint.url))
    assert len(endpoint.bodies) == PAIRS
    assert {asked(body) for body in endpoint.bodies} == {
        f"Does this image show Castle {n} (building, {name})? Answer yes or no."
        for n, name in enumerate(("Japan", "France", "Germany", "Italy", "Brazil", "Kenya"))
    }
    body = endpoint.bodies[0]
    assert body["model"] == "judge" and body["top_logprobs"] == 20 and body["max_tokens"] == 1
    with Store.open(build.workspace / "store.duckdb", read_only=True) as store:
        path = store.value("SELECT min(path) FROM image WHERE file = 'Castle 3 b.png'")
    sent = {body["messages"][0]["content"][0]["image_url"]["url"] for body in endpoint.bodies}
    assert len(sent) == PAIRS and data_url(build.workspace / "images" / path) in sent
    answers = rows(build, "SELECT DISTINCT entity, model, prompt_version, method, probability FROM relevance_answer")
    assert len(answers) == CASTLES
    for entity, model, version, method, probability in answers:
        assert (model, version, method) == ("judge", "shows-1", "logprobs")
        assert probability == pytest.approx(int(entity[-1]) / 10, abs=1e-6)
    found = rows(build, "SELECT name, inputs, kept, done FROM stage WHERE name = 'relevance'")
    assert found == [("relevance", PAIRS, PAIRS, True)]


def test_the_threshold_leaves_out_rows_and_changes_without_requests(build, endpoint):
    world.build(build.recipe(endpoint.url), build.workspace)
    assert len(exported(build)) == CASTLES
    text = (build.workspace / "exports/castles/export.json").read_text()
    assert orjson.loads(text)["recipe"]["relevance"]["model"] == "judge" and "127.0.0.1" not in text
    world.build(build.recipe(endpoint.url, "threshold = 0.25"), build.workspace)
    assert exported(build) == {"Q9003", "Q9004", "Q9005"}
    ((inputs, kept),) = rows(build, "SELECT inputs, kept FROM stage WHERE name = 'questions'")
    dropped = dict(
        rows(build, "SELECT reason, sum(items) FROM rejection WHERE stage = 'questions' AND unit = '' GROUP BY reason")
    )
    assert kept + sum(dropped.values()) == inputs and kept > 0 and dropped[BELOW] > 0
    table = pq.read_table(build.workspace / "exports/castles/images.parquet")
    assert min(table["relevance"].to_pylist()) == pytest.approx(0.3) and table.num_rows == PAIRS / 2
    assert len(endpoint.bodies) == PAIRS, "nothing is asked again"
    shown = pcult_json(build, "show", "Q9003")["images"]
    assert len(shown) == 5 and all(image["relevance"] == pytest.approx(0.3) for image in shown)
    world.build(build.recipe(), build.workspace)
    assert len(exported(build)) == CASTLES and rows(build, "SELECT count(*) FROM relevance") == [(0,)]
    ask(build, build.recipe(endpoint.url))
    assert len(endpoint.bodies) == PAIRS, "the answers outlast a recipe without the table"


def test_answers_of_images_below_the_threshold_are_no_wrong_options(build, endpoint):
    """An answer that is never right among the kept questions could be ruled out."""
    world.build(build.recipe(endpoint.url, "threshold = 0.15"), build.workspace)
    found = [row for row in questions(build) if row.question_type == "choice"]
    assert {row.entity for row in found} == {"Q9002", "Q9003", "Q9004", "Q9005"}
    for language in ("en", "de", "nl"):
        for name in ("P17", "P571"):
            group = [row for row in found if (row.language, row.property) == (language, name)]
            assert {choice for row in group for choice in row.choices} == {row.answer for row in group}


def test_the_key_of_the_environment_is_sent(build, monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", "right")
    with ScriptedEndpoint(judge, key="right", models=["judge"]) as endpoint:
        ask(build, build.recipe(endpoint.url, 'api_key_env = "JUDGE_KEY"'))
        assert len(endpoint.bodies) == PAIRS
        monkeypatch.delenv("JUDGE_KEY")
        error = fails(build, build.recipe(endpoint.url, 'api_key_env = "JUDGE_KEY"\nprompt_version = "relevant-1"'))
        assert "JUDGE_KEY" in error and "not set" in error


def test_a_refused_key_stops_at_once(build, monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", "wrong")
    with ScriptedEndpoint(lambda body, number: 401) as endpoint:
        error = fails(build, build.recipe(endpoint.url, 'api_key_env = "JUDGE_KEY"\nconcurrency = 2'))
        assert "rejects the key in JUDGE_KEY" in error and "wrong" not in error
        assert len(endpoint.bodies) <= 2


def test_a_changed_model_has_another_name_in_the_store_than_at_its_endpoint(build, endpoint):
    ask(build, build.recipe(endpoint.url))
    recipe = build.recipe(endpoint.url, 'served_name = "judge"')
    recipe.write_text(recipe.read_text().replace('model = "judge"', 'model = "judge 2"'))
    ask(build, recipe)
    assert len(endpoint.bodies) == 2 * PAIRS and {body["model"] for body in endpoint.bodies} == {"judge"}
    assert rows(build, "SELECT DISTINCT model FROM relevance_answer ORDER BY ALL") == [("judge",), ("judge 2",)]


def test_another_prompt_asks_again(build, endpoint):
    for keys in ("", 'prompt_version = "relevant-1"', 'prompt = "{entity}?"\nprompt_version = "mine"'):
        ask(build, build.recipe(endpoint.url, keys))
    assert len(endpoint.bodies) == 3 * PAIRS and len({asked(body) for body in endpoint.bodies}) == 3 * CASTLES


def test_an_endpoint_without_log_probabilities_is_refused_unless_texts_are_accepted(build):
    with ScriptedEndpoint(
        lambda body, number: "No." if "Castle 1" in asked(body) else "Yes", models=["judge"]
    ) as server:
        assert "set logprobs = false" in fails(build, build.recipe(server.url))
        ask(build, build.recipe(server.url, "logprobs = false"))
        found = rows(build, "SELECT DISTINCT method, probability FROM relevance_answer ORDER BY ALL")
        assert found == [("text", 0.0), ("text", 1.0)]


def test_failed_requests_are_no_answers_and_are_sent_again_by_the_next_build(build):
    broken = True

    def script(body, number):
        return 413 if broken and "Castle 2" in asked(body) else judge(body, number)

    with ScriptedEndpoint(script, models=["judge"]) as server:
        recipe = build.recipe(server.url, "max_failed = 0.2\nthreshold = 0.15")
        world.build(recipe, build.workspace)
        assert rows(build, "SELECT reason, count(*) FROM rejection WHERE stage = 'relevance' GROUP BY ALL") == [
            ("request failed: status 413", 5)
        ]
        assert rows(build, "SELECT inputs, kept FROM stage WHERE name = 'relevance'") == [(PAIRS, PAIRS - 5)]
        assert exported(build) == {"Q9003", "Q9004", "Q9005"}
        assert rows(build, f"SELECT sum(items) > 0 FROM rejection WHERE reason = '{UNANSWERED}'") == [(True,)]
        ask(build, recipe)
        assert len(server.bodies) == PAIRS + 5, "only failed ones are sent again"
        broken = False
        world.build(recipe, build.workspace)
        assert len(server.bodies) == PAIRS + 10
        assert exported(build) == {"Q9002", "Q9003", "Q9004", "Q9005"}
        assert rows(build, "SELECT count(*) FROM rejection WHERE stage = 'relevance'") == [(0,)]
        ask(build, recipe)
        assert len(server.bodies) == PAIRS + 10


def test_too_many_failed_requests_stop_the_build_and_keep_the_answers(build):
    def script(body, number):
        return 413 if "Castle 3" in asked(body) else judge(body, number)

    with ScriptedEndpoint(script, models=["judge"]) as server:
        error = fails(build, build.recipe(server.url))
        assert "5 of 30 requests to judge failed (status 413: 5)" in error
        assert rows(build, "SELECT count(*) FROM relevance_answer") == [(PAIRS - 5,)]


def test_answers_of_another_kind_are_counted_and_stop_above_the_share(build):
    def script(body, number):
        return says(0.9) if "Castle 0" not in asked(body) else wordy

    wordy = says(0.9).replace(b'"Yes"', b'"Well"').replace(b'"No"', b'"Hm"')
    with ScriptedEndpoint(script, models=["judge"]) as server:
        assert "5 of 30 answers of judge are neither yes nor no" in fails(build, build.recipe(server.url))
        ask(build, build.recipe(server.url, "max_unusable = 0.2"))
        assert len(server.bodies) == PAIRS + 5, "the cause may have been the server, so they are asked again"
        found = rows(build, "SELECT reason, detail, count(*) FROM rejection WHERE stage = 'relevance' GROUP BY ALL")
        assert found == [("answer is neither yes nor no", "Well", 5)]


def test_a_wrong_model_is_named(build, endpoint):
    recipe = build.recipe(endpoint.url)
    recipe.write_text(recipe.read_text().replace('"judge"', '"judges"'))
    assert "serves judge, other, not judges" in fails(build, recipe)


KILLED = """
import os, signal, sys
from factory.relevance import asking
from factory.store.store import Store
from pangea_cultural.cli import main
asking.FLUSH_ANSWERS = 4
append = Store.append
def append_and_die(store, table, rows):
    append(store, table, rows)
    if table == "relevance_answer" and store.value("SELECT count(*) FROM relevance_answer") >= 12:
        os.kill(os.getpid(), signal.SIGKILL)
Store.append = append_and_die
main(sys.argv[1:])
"""


def test_a_killed_build_asks_only_what_is_missing_and_has_the_same_result(build, same_build, endpoint):
    recipe = build.recipe(endpoint.url, "threshold = 0.25\nconcurrency = 3")
    arguments = ["build", str(recipe), "--workspace", str(build.workspace), "--quiet"]
    killed = forked.finish(arguments, build.workspace.parent, script=KILLED)
    assert killed.returncode == -9, killed.stderr
    answered = rows(build, "SELECT count(*) FROM relevance_answer")[0][0]
    assert 8 <= answered < 12, "the transaction that was killed is not in the store"
    before = len(endpoint.bodies)
    world.build(recipe, build.workspace)
    assert len(endpoint.bodies) - before == PAIRS - answered
    world.build(same_build.recipe(endpoint.url, "threshold = 0.25\nconcurrency = 3"), same_build.workspace)
    assert differences(same_build.workspace, build.workspace) == []


def test_a_timeout_is_a_failed_request(build, monkeypatch):
    monkeypatch.setattr("pangea_cultural.endpoint.chat.RETRIES", 0)
    numbers = itertools.count()

    def script(body, number):
        return HANG if next(numbers) == 3 else judge(body, number)

    with ScriptedEndpoint(script, models=["judge"]) as server:
        ask(build, build.recipe(server.url, "timeout_s = 3"))
        found = rows(build, "SELECT reason, count(*) FROM rejection WHERE stage = 'relevance' GROUP BY ALL")
        assert found == [("request failed: timeout", 1)]


def test_an_endpoint_that_only_fails_is_given_up(build, monkeypatch):
    monkeypatch.setattr(asking, "MIN_REQUESTS", 10)
    with ScriptedEndpoint(lambda body, number: 413, models=["judge"]) as server:
        assert "10 of 1" in fails(build, build.recipe(server.url, "concurrency = 2"))
        assert len(server.bodies) < 15
