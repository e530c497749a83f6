"""Answers of a model about the pairs of the table `relevance_pair`."""

from factory.relevance.config import ModelConfig
from factory.relevance.pairs import write_prompts
from factory.store.store import Store

RESULT = """
CREATE OR REPLACE TEMP TABLE relevance_result AS
SELECT p.image, p.entity, a.probability, a.answer, a.image IS NOT NULL AS is_answered, q.entity IS NULL AS is_unnamed
FROM (SELECT DISTINCT image, entity FROM relevance_pair) p
LEFT JOIN relevance_prompt q USING (entity)
LEFT JOIN relevance_answer a
    ON a.image = p.image AND a.entity = p.entity AND a.prompt = q.prompt
       AND a.model = $model AND a.prompt_version = $prompt_version AND a.method = $method
"""
"""Each pair with the answer of a model."""


def read_results(store: Store, model: ModelConfig) -> None:
    """Fill the temporary table `relevance_result`: a row for each pair of `relevance_pair`."""
    write_prompts(store, model.template)
    store.execute(RESULT, model.key())
