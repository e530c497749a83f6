"""A build whose two models are one real vLLM. test_trained_endpoints.py has two, which are trained."""

import asyncio
from collections import Counter

import pyarrow.parquet as pq
import pytest

from factory.relevance import yes_no
from factory.relevance.prompts import PROMPTS, prompt
from factory.store.store import Store
from pangea_cultural.dataset.export import SPLITS, Export
from pangea_cultural.endpoint.address import Address
from pangea_cultural.endpoint.chat import ChatPool
from pangea_cultural.endpoint.messages import question
from tests.factory import rewritings
from tests.helpers import world

TABLES = """
[relevance]
endpoints = ["{url}"]
model = "{model}"
api_key_env = "SERVER_KEY"
max_unusable = 1
[refine]
model = "{model}"
splits = ["train", "dev", "test", "unseen"]
limit = {limit}
max_bad_share = 1
[[refine.endpoints]]
url = "{url}"
api_key_env = "SERVER_KEY"
"""
LIMIT = 60


@pytest.fixture
def likely_words(castles, server, monkeypatch):
    """Let two words stand for yes and no that the model is likely to say about images: its weights are random."""
    images = sorted((castles / "workspace/images").glob("??/*.*"))[:10]
    text = prompt(PROMPTS["shows-1"], "Castle 3 (building, Italy)")

    async def ask():
        async with ChatPool([Address(url=server.url, model=server.model, api_key=server.api_key)]) as pool:
            asked = [pool.chat([question(image, text)], max_tokens=1, top_logprobs=20) for image in images]
            return await asyncio.gather(*asked)

    tokens = [token.strip().casefold() for reply in asyncio.run(ask()) for token, _ in reply.first_tokens]
    words = [word for word, _ in Counter(filter(str.isalpha, tokens)).most_common()]
    second = next(word for word in words if word[0] != words[0][0])
    monkeypatch.setattr(yes_no, "WORDS", (words[0], second))
    monkeypatch.setattr(yes_no, "LEAST_MASS", 1e-9)


@pytest.mark.serving
def test_one_command_builds_with_a_real_model_in_both_stages(castles, server, likely_words, tmp_path, monkeypatch):
    """Texts of the model are refused, and its probabilities are kept."""
    monkeypatch.setenv("SERVER_KEY", server.api_key)
    recipe, workspace = tmp_path / "recipe.toml", tmp_path / "workspace"
    text = (castles / "world/recipe.toml").read_text().replace('path = "', f'path = "{castles / "world"}/')
    recipe.write_text(text + TABLES.format(url=server.url, model=server.model, limit=LIMIT))
    world.build(recipe, workspace)
    with Store.open(workspace / "store.duckdb", read_only=True) as store:
        stages = {name: (inputs, kept) for name, inputs, kept in store.rows("SELECT name, inputs, kept FROM stage")}
        dropped = dict(store.rows("SELECT stage, sum(items) FROM rejection WHERE unit = '' GROUP BY stage"))
        probabilities = [row[0] for row in store.rows("SELECT DISTINCT probability FROM relevance")]
        answers = store.rows("SELECT count(*), min(input_tokens), min(output_tokens) FROM rewrite")[0]
    assert stages["relevance"][0] == 30 and stages["refine"][0] == LIMIT
    for name in ("relevance", "refine"):
        inputs, kept = stages[name]
        assert kept + dropped.get(name, 0) == inputs
    assert sum(0 < value < 1 for value in probabilities) > 5, "they are those of the model"
    assert min(answers) > 0
    accepted = rewritings.accepted(workspace / "exports/castles")
    assert [(row, rewritings.faults(row)) for row in accepted if rewritings.faults(row)] == []
    assert len(accepted) <= 0.02 * LIMIT
    export = Export.open(workspace / "exports/castles")
    assert sum(1 for split in SPLITS for _ in export.questions(split)) == stages["export"][1] > 100
    shown = pq.read_table(workspace / "exports/castles/images.parquet")["relevance"].drop_null()
    assert set(shown.to_pylist()) <= set(probabilities)
    assert export.manifest["recipe"]["refine"]["model"] == export.manifest["recipe"]["relevance"]["model"]
