"""The stage with a real vLLM server. Its model has random weights, so two of its likely tokens stand for yes and no."""

from collections import Counter

import pytest
import torch
from PIL import Image
from transformers import LlavaNextForConditionalGeneration

from factory.relevance import yes_no
from factory.relevance.pairs import read_pairs, write_prompts
from factory.relevance.prompts import PROMPTS
from factory.relevance.yes_no import from_tokens
from factory.store.store import Store
from pangea_cultural.dataset.export import SPLITS, Export
from pangea_cultural.endpoint.completion import Answer
from pangea_cultural.errors import UserError
from pangea_cultural.model import processor
from tests.helpers import world

pytestmark = pytest.mark.serving
TOP = 20
ANSWERS = "SELECT i.path, r.probability FROM relevance_answer r JOIN image i USING (image)"


@pytest.fixture
def recipe(build, server, monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", server.api_key)

    def write(keys=""):
        path = build.recipe(server.url, f'api_key_env = "JUDGE_KEY"\n{keys}')
        path.write_text(path.read_text().replace('model = "judge"', f'model = "{server.model}"'))
        return path

    return write


@pytest.fixture(scope="module")
def likely(workspace):
    """A function that returns the likely first tokens of an answer under the same checkpoint in transformers."""
    folder = workspace / "checkpoints/tiny"
    model, full = LlavaNextForConditionalGeneration.from_pretrained(folder).eval(), processor.load(folder)

    def tokens(path, text):
        turns = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}]
        prompt = full.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        inputs = full(images=Image.open(path).convert("RGB"), text=prompt, return_tensors="pt")
        with torch.no_grad():
            scores = model(**inputs).logits[0, -1].log_softmax(-1)
        best = scores.topk(TOP)
        return tuple(
            (full.tokenizer.decode([number]), score)
            for number, score in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        )

    return tokens


def test_a_model_that_says_neither_yes_nor_no_stops_the_build(build, recipe):
    with pytest.raises(UserError, match="30 of 30 answers of tiny are neither yes nor no"):
        world.build(recipe(), build.workspace, "--stage", "relevance")


def test_probabilities_equal_those_of_transformers_and_decide_about_the_export(build, recipe, likely, monkeypatch):
    with Store.open(build.workspace / "store.duckdb", read_only=True) as store:
        read_pairs(store)
        write_prompts(store, PROMPTS["shows-1"])
        pairs = store.rows("SELECT path, prompt FROM relevance_pair JOIN relevance_prompt USING (entity) ORDER BY path")
    tokens = {path: likely(build.workspace / "images" / path, prompt) for path, prompt in pairs}
    words = Counter(
        token.strip().casefold() for found in tokens.values() for token, _ in found if token.strip().isalpha()
    )
    first = words.most_common(1)[0][0]
    second = next(word for word, _ in words.most_common() if word[0] != first[0])
    monkeypatch.setattr(yes_no, "WORDS", (first, second))
    monkeypatch.setattr(yes_no, "LEAST_MASS", 1e-9)
    world.build(recipe("max_unusable = 1"), build.workspace)
    with Store.open(build.workspace / "store.duckdb", read_only=True) as store:
        rows = dict(store.rows(ANSWERS))
    assert len(rows) == 30
    clear = {path for path, found in tokens.items() if {first, second} <= {plain(token) for token, _ in found[:18]}}
    assert len(clear) >= 5
    for path in clear:
        expected = from_tokens(Answer("", "", 0, 0, tokens[path]))
        assert rows[path] == pytest.approx(expected.probability, abs=5e-3)
    threshold = sorted(rows[path] for path in clear)[len(clear) // 2]
    world.build(recipe(f"max_unusable = 1\nthreshold = {threshold}"), build.workspace)
    export = Export.open(build.workspace / "exports/castles")
    shown = {row.image.removeprefix("images/") for split in SPLITS for row in export.questions(split)}
    assert shown == {path for path, probability in rows.items() if (probability or 0) >= threshold}
    assert 0 < len(shown) < 30


def plain(token):
    return token.strip().casefold()
