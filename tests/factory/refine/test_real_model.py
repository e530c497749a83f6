"""The stage with real models behind a real vLLM. What they write is mostly wrong; the guards let nothing wrong pass.

The check of accepted texts is independent of the guards.
"""

import os

import pytest

from tests.factory import rewritings
from tests.factory.conftest import free_port
from tests.helpers.servers import small_llm

ALL = 'splits = ["train", "dev", "test", "unseen"]\nmax_bad_share = 1'


def check(castles):
    """Check counts and accepted texts. Return the numbers of kept and of all questions, and the accepted rows."""
    inputs, kept = castles.rows("SELECT inputs, kept FROM stage WHERE name = 'refine'")[0]
    assert kept + sum(castles.reasons().values()) == inputs > 100
    assert castles.rows("SELECT count(*) FROM refinement") == [(inputs,)]
    labels = dict(castles.rows("SELECT entity, list(text) FROM label GROUP BY entity"))
    accepted = rewritings.accepted(castles.workspace / "exports/castles")
    wrong = [(row, rewritings.faults(row, labels[row.entity])) for row in accepted]
    assert [(row, faults) for row, faults in wrong if faults] == []
    assert len(accepted) == kept
    return kept, inputs, accepted


@pytest.mark.serving
def test_a_random_model_changes_nothing_and_loses_nothing(castles_to_refine, server, monkeypatch):
    monkeypatch.setenv("SERVER_KEY", server.api_key)
    key = 'api_key_env = "SERVER_KEY"'
    castles_to_refine.build(server, f"{ALL}\nlimit = 120", key, model=server.model, until="export")
    kept, inputs, _ = check(castles_to_refine)
    assert inputs == 120 and kept <= 0.02 * inputs
    tokens = castles_to_refine.rows("SELECT min(input_tokens), min(output_tokens) FROM rewrite")[0]
    assert min(tokens) > 0


@pytest.mark.small_llm
@pytest.mark.skipif(not os.environ.get("PCULT_SMALL_LLM"), reason="set PCULT_SMALL_LLM=1, see tests/README.md")
def test_no_accepted_rewriting_of_a_small_model_is_wrong(castles_to_refine, tmp_path, capsys):
    folder = small_llm.checkpoint(tmp_path / "smollm2")
    with small_llm.serving(folder, free_port(), tmp_path / "vllm.log") as server:
        castles_to_refine.build(server, ALL, model=small_llm.NAME, until="export")
    kept, inputs, accepted = check(castles_to_refine)
    with capsys.disabled():
        print(f"\n{kept} of {inputs} accepted; refused: {castles_to_refine.reasons()}")
        for row in accepted[:8]:
            print(row.language, row.template_question, row.question, row.sentence)
