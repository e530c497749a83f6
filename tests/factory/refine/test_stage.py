"""The stage with scripted answers: exports, resume, faults of endpoints, limits. test_real_model.py has real ones."""

import time

import pytest

from factory.refine import flow, guards, rows
from pangea_cultural.dataset.check import check
from pangea_cultural.dataset.export import SPLITS, Export
from pangea_cultural.errors import UserError
from tests.helpers import world
from tests.helpers.runs.forked import Run
from tests.helpers.servers import rewriter
from tests.helpers.servers.scripted_endpoint import CUT, HANG, RESET, ScriptedEndpoint
from tests.helpers.store_contents import files

ALL = 'splits = ["train", "dev", "test", "unseen"]'


@pytest.fixture
def no_pauses(monkeypatch):
    monkeypatch.setattr("pangea_cultural.endpoint.pauses.PAUSE_S", 0.001)


def exported(castles):
    export = Export.open(castles.workspace / "exports/castles")
    return {split: list(export.questions(split)) for split in SPLITS}


def test_an_export_has_the_rewritten_texts_and_those_of_the_templates(refined):
    questions = exported(refined)
    assert questions["train"]
    for row in questions["train"]:
        texts = rewriter.rewritten(row.template_question, row.template_sentence, row.answer)
        assert (row.question, row.sentence) == texts
        assert row.question != row.template_question and row.rewritten_by == "m 1"
    for split in SPLITS[1:]:
        for row in questions[split]:
            assert (row.template_question, row.template_sentence, row.rewritten_by) == ("", "", "")


def test_the_export_passes_its_check_and_names_model_and_prompt_but_no_endpoint(refined):
    export = Export.open(refined.workspace / "exports/castles")
    assert check(export) == []
    assert export.manifest["recipe"]["refine"] == {
        **{"model": "m", "prompt": "1", "splits": ["train"], "languages": [], "regions": [], "properties": []},
        **{"share": 1.0, "limit": None},
    }


def test_equal_texts_are_sent_once(refined):
    texts = [tuple(rewriter.parts(body)) for body in refined.requests]
    assert len(texts) == len(set(texts))
    questions = {(row.template_question, row.template_sentence) for row in exported(refined)["train"]}
    assert {(question, sentence) for question, sentence, _ in texts} == questions
    assert len(texts) < refined.rows("SELECT count(*) FROM refinement")[0][0]


def test_inputs_of_the_stage_are_kept_or_rejected(castles_to_refine):
    def script(body, number):
        question, sentence, keep = rewriter.parts(body)
        return rewriter.answer(question, sentence.replace(keep, "it")) if "1" in keep else rewriter.right(body)

    with ScriptedEndpoint(script) as server:
        castles_to_refine.build(server, "max_bad_share = 1")
    inputs, kept = castles_to_refine.rows("SELECT inputs, kept FROM stage WHERE name = 'refine'")[0]
    assert castles_to_refine.reasons() == {guards.FACT_LOST: inputs - kept}
    assert 0 < kept < inputs
    wrong = "SELECT count(*) FROM question WHERE rewritten_by <> '' AND NOT contains(sentence, answer)"
    assert castles_to_refine.rows(wrong) == [(0,)]


def test_only_another_model_is_asked_again(refined, prepared, castles_to_refine):
    with ScriptedEndpoint(rewriter.right) as server:
        castles_to_refine.build(server)
        asked = len(server.bodies)
        castles_to_refine.build(server)
        castles_to_refine.build(server, 'languages = ["de"]')
        assert {
            row[0]
            for row in castles_to_refine.rows("SELECT DISTINCT language FROM refinement JOIN variant USING (variant)")
        } == {"de"}
        castles_to_refine.build(server)
        assert len(server.bodies) == asked == len(refined.requests)
        assert castles_to_refine.contents() == refined.contents()
        castles_to_refine.build(server, model="other")
        assert len(server.bodies) == 2 * asked


def test_a_build_without_refine_has_the_texts_of_the_templates(castles_to_refine, castles):
    with ScriptedEndpoint(rewriter.right) as server:
        castles_to_refine.build(server)
    world.build(castles / "world/recipe.toml", castles_to_refine.workspace)
    exports = [folder / "exports/castles" for folder in (castles_to_refine.workspace, castles / "workspace")]
    assert files(exports[0]) == files(exports[1])
    assert castles_to_refine.rows("SELECT count(*) FROM refinement") == [(0,)]
    assert castles_to_refine.rows("SELECT count(*) FROM rewrite") == [(len(server.bodies),)], "answers are kept"


def test_regions_and_properties_choose_questions(castles_to_refine):
    with ScriptedEndpoint(rewriter.right) as server:
        castles_to_refine.build(server, f'{ALL}\nregions = ["japan", "kenya"]\nproperties = ["P571"]')
    chosen = """SELECT DISTINCT i.region, a.property FROM refinement JOIN item i USING (item)
                JOIN asked a USING (asked) ORDER BY ALL"""
    assert castles_to_refine.rows(chosen) == [("japan", "P571"), ("kenya", "P571")]


@pytest.mark.parametrize("option", ['regions = ["atlantis"]', 'properties = ["P99999"]', 'languages = ["xx"]'])
def test_an_unknown_choice_is_named(castles_to_refine, option):
    with ScriptedEndpoint(rewriter.right) as server:
        message = castles_to_refine.fail(server, option)
    assert option.partition('"')[2].rstrip('"]') in message and server.bodies == []


def test_share_and_limit_choose_questions(castles_to_refine):
    chosen = []
    with ScriptedEndpoint(rewriter.right) as server:
        for option in ("", "share = 0.5", "limit = 7"):
            castles_to_refine.build(server, f"{ALL}\n{option}")
            chosen.append(set(castles_to_refine.rows("SELECT item, variant FROM refinement")))
    everything, half, seven = chosen
    assert len(seven) == 7 and seven < half < everything
    assert 0.3 < len(half) / len(everything) < 0.7


SMALL = """
import sys
import factory.refine.flow, factory.refine.rows
from pangea_cultural.cli import main
factory.refine.flow.BATCH_ANSWERS, factory.refine.rows.CHUNK_QUESTIONS = 2, 15
main(sys.argv[1:])
"""
"""A build with small chunks and batches: there are many moments to kill it at."""


def test_a_build_killed_at_any_moment_resumes_to_the_same_result(castles_to_refine, refined, tmp_path):
    def slow(body, number):
        time.sleep(0.02)
        return rewriter.right(body)

    kills = 0
    with ScriptedEndpoint(slow) as server:
        arguments = castles_to_refine.arguments(server, "concurrency = 3")
        while True:
            asked = len(server.bodies)
            run = Run(arguments, tmp_path, script=SMALL)
            if not run.kill_once(lambda limit=asked + 9: len(server.bodies) >= limit):
                break
            kills += 1
        assert run.finish().returncode == 0, run.finish().stderr
    assert kills >= 3
    assert len(server.bodies) < len(refined.requests) + 8 * kills, "written answers are not asked for again"
    assert castles_to_refine.contents() == refined.contents()


def test_equal_texts_of_several_chunks_are_asked_once(castles_to_refine, monkeypatch):
    def slow(body, number):
        time.sleep(0.03)
        return rewriter.right(body)

    monkeypatch.setattr(rows, "CHUNK_QUESTIONS", 15)
    with ScriptedEndpoint(slow) as server:
        castles_to_refine.build(server, f"{ALL}\nconcurrency = 1")
    assert castles_to_refine.rows("SELECT key FROM rewrite GROUP BY key HAVING count(*) > 1") == []
    assert [(len(server.bodies),)] == castles_to_refine.rows("SELECT count(*) FROM rewrite")


def test_an_interrupted_flow_writes_the_answers_it_has(castles_to_refine):
    with ScriptedEndpoint(lambda body, number: rewriter.right(body) if number <= 10 else 401) as server:
        message = castles_to_refine.fail(server, "concurrency = 1")
        assert "rejects the key. Name the environment variable of its key with api_key_env." in message
        assert len(server.bodies) == 11
    assert castles_to_refine.rows("SELECT count(*) FROM rewrite") == [(10,)]


def test_a_failed_request_is_no_answer_and_the_next_build_repeats_it(castles_to_refine, refined, no_pauses):
    failing = {"1600", "1601"}
    with ScriptedEndpoint(
        lambda body, _: 500 if rewriter.parts(body)[2] in failing else rewriter.right(body)
    ) as server:
        castles_to_refine.build(server, "max_bad_share = 1", until="export")
        assert set(castles_to_refine.reasons()) == {guards.NO_ANSWER}
        assert castles_to_refine.rows("SELECT count(*) FROM rewrite WHERE question = ''") == [(0,)]
        export = castles_to_refine.workspace / "exports/castles"
        before, asked = files(export), len(server.bodies)
        castles_to_refine.build(server, "max_bad_share = 1", until="export")
        assert len(server.bodies) > asked
        assert files(export) == before
        failing.clear()
        castles_to_refine.build(server, "max_bad_share = 1", until="export")
    assert castles_to_refine.reasons() == {}
    assert castles_to_refine.contents() == refined.contents()
    assert files(export) == files(refined.workspace / "exports/castles")


def test_passing_faults_lose_nothing(castles_to_refine, refined, no_pauses):
    faults = {5: 500, 11: CUT, 17: 429, 23: b"<html>", 26: RESET, 29: HANG}
    with ScriptedEndpoint(lambda body, number: faults.get(number) or rewriter.right(body)) as server:
        castles_to_refine.build(server, "timeout_s = 2")
        assert len(server.bodies) >= len(refined.requests) + len(faults), "a busy machine may time out more often"
    assert castles_to_refine.contents() == refined.contents()


def test_a_refused_key_stops_at_once_in_one_line(castles_to_refine):
    keyed = 'api_key_env = "REWRITING_KEY"'
    with ScriptedEndpoint(rewriter.right, key="right", models=["m"]) as server:
        message = castles_to_refine.fail(server, "", keyed, REWRITING_KEY="wrong-one")
        assert "rejects the key in REWRITING_KEY. Set the right one." in message and "wrong-one" not in message
        assert server.bodies == []
        message = castles_to_refine.fail(server, "", keyed)
        assert f"The environment variable REWRITING_KEY is not set. Set it to the key of {server.url}." in message


@pytest.mark.parametrize(
    ("text", "reason"),
    [("Sure! Here it is.", "answer is not JSON"), ('{"question": "Q?"}', "answer has other keys"), ("", "is empty")],
)
def test_other_answers_than_asked_for_stop_the_stage_above_a_share(castles_to_refine, monkeypatch, text, reason):
    monkeypatch.setattr(flow, "FEWEST_JUDGED", 10)
    with ScriptedEndpoint(lambda body, number: text) as server:
        expected = rf"refine: 10 of 10 answers are refused \(10 .*{reason}.*raise max_bad_share of \[refine\]\."
        with pytest.raises(UserError, match=expected):
            castles_to_refine.build(server)
        castles_to_refine.build(server, "max_bad_share = 1")
    assert [name for name in castles_to_refine.reasons() if reason in name]
    assert castles_to_refine.rows("SELECT count(*) FROM question WHERE rewritten_by <> ''") == [(0,)]
    assert castles_to_refine.rows("SELECT DISTINCT raw FROM rewrite") == [(text,)]


def test_texts_in_another_language_and_echoes_of_the_prompt_are_counted_apart(castles_to_refine):
    """The sentences have their fact, so that nothing else is wrong with them."""

    def script(body, number):
        question, _, keep = rewriter.parts(body)
        if question in english:
            return rewriter.answer(
                "In welk jaar werd dit gebouw hier opgericht?", f"Dit gebouw staat er al sinds {keep}."
            )
        return rewriter.answer("You rewrite questions about images, and the sentences that answer them?", keep)

    texts = "SELECT DISTINCT question FROM template_question WHERE language = 'en'"
    english = {question for (question,) in castles_to_refine.rows(texts)}
    with ScriptedEndpoint(script) as server:
        castles_to_refine.build(server, f'{ALL}\nmax_bad_share = 1\nlanguages = ["en", "de"]\nproperties = ["P571"]')
    languages = "SELECT v.language, r.reason FROM refinement r JOIN variant v USING (variant)"
    assert set(castles_to_refine.rows(languages)) == {("en", guards.LANGUAGE), ("de", guards.ECHO)}


def test_a_question_that_names_the_entity_keeps_its_template(castles_to_refine):
    """The model is not told the name. It can still guess it, and other castles have the same question."""

    def script(body, number):
        question, sentence, keep = rewriter.parts(body)
        return rewriter.answer("In which year was castle 3 founded?", rewriter.rewritten(question, sentence, keep)[1])

    # Of the words, a castle is in the template's question of no property, and its number is an added one.
    with ScriptedEndpoint(script) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(guards, "GUARDS", tuple(row for row in guards.GUARDS if row[0] != guards.NUMBER_ADDED))
        castles_to_refine.build(server, f'{ALL}\nmax_bad_share = 1\nlanguages = ["en"]')
    named = """SELECT i.entity, f.reason FROM refinement f JOIN item i USING (item) JOIN asked a USING (asked)
               WHERE property = 'P571'"""
    reasons = {(entity == "Q9003", reason) for entity, reason in castles_to_refine.rows(named)}
    assert reasons == {(True, guards.NAMES_ENTITY), (False, "")}


def test_several_endpoints_share_the_work_and_one_may_be_down(castles_to_refine):
    with ScriptedEndpoint(rewriter.right) as server, ScriptedEndpoint(rewriter.right) as second:
        more = ("[[refine.endpoints]]", f'url = "{second.url}"', 'model = "its-name"')
        down = ("[[refine.endpoints]]", 'url = "http://127.0.0.1:9/v1"')
        castles_to_refine.build(server, "", *more, *down)
        assert len(server.bodies) > 5 and len(second.bodies) > 5
        assert {body["model"] for body in second.bodies} == {"its-name"}
    assert castles_to_refine.reasons() == {}


def test_small_chunks_do_not_change_the_result(refined, castles_to_refine, monkeypatch):
    monkeypatch.setattr(rows, "CHUNK_QUESTIONS", 3)
    monkeypatch.setattr(flow, "BATCH_ANSWERS", 1)
    with ScriptedEndpoint(rewriter.right) as server:
        castles_to_refine.build(server)
        assert len(server.bodies) == len(refined.requests)
    assert castles_to_refine.contents() == refined.contents()
