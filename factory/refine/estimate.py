"""Estimate of tokens and cost, from the questions in the store or from counts before a build."""

from collections.abc import Sequence
from dataclasses import dataclass

from factory.refine import prompts, rows
from factory.refine.config import RefineConfig
from factory.store.store import Store

BYTES_PER_TOKEN = 3.0
"""UTF-8 bytes of a token of large multilingual tokenizers: 4 in English and Chinese, less than 3 in Amharic or Thai."""
FORM_TOKENS = 24
"""Tokens of a conversation's marks, and of the keys of an answer."""
USUAL_BYTES = 110
"""Bytes of a question and its sentence, as in the embedded sample."""
FACTS = 5
"""Facts of an image that are asked for, before a build. The embedded sample has 2.7."""
WORDINGS = 4
"""Texts of a fact in a language: two questions, and two frames of the answer."""
SMALL_SPLIT = 0.2
"""Share of the images in a split other than train, at most."""
MEASURED = 100
"""Answers in the store from which on their mean counts of tokens are used."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Requests, tokens and cost of a rewriting."""

    questions: int
    """Questions to rewrite."""
    requests: int
    """Those with texts of their own that the store has no answer to."""
    input_tokens: int
    output_tokens: int
    cost: float
    """Cost in the currency of the recipe's prices."""
    basis: str
    """Origin of the numbers."""

    def in_words(self) -> str:
        """Return one line."""
        cost = f", cost {self.cost:,.2f}" if self.cost else ""
        return (
            f"{self.requests:,} requests for {self.questions:,} questions, about {self.input_tokens:,} tokens in and "
            f"{self.output_tokens:,} out{cost} ({self.basis})"
        )


def from_store(store: Store, config: RefineConfig) -> Estimate:
    """Return the estimate for a store with questions."""
    rows.register(store)
    rows.choose(store, config)
    return estimate(store, config)


def from_counts(config: RefineConfig, entities: int, images: int, languages: Sequence[str]) -> Estimate:
    """Return an upper bound for a build that has no questions.

    Args:
        config: the rewriting.
        entities: number of entities with images.
        images: number of their images.
        languages: languages of the build.
    """
    asked = len(set(languages) & set(config.languages)) if config.languages else len(languages)
    share = config.share * (1 if len(config.splits) > 1 or "train" in config.splits else SMALL_SPLIT)
    facts = min(FACTS, len(config.properties) or FACTS)
    possible = images * facts * asked * share
    questions = round(min(possible, config.limit or possible))
    # Images of an entity have the same texts, but for the choice among the templates.
    requests = min(questions, round(entities * facts * asked * WORDINGS))
    basis = f"at most: {facts} facts per image are assumed"
    return from_bytes(config, questions, requests, requests * USUAL_BYTES, basis)


def estimate(store: Store, config: RefineConfig) -> Estimate:
    """Return the estimate for the table `chosen`, which `rows.choose` makes."""
    requests, num_bytes = store.rows(rows.read("estimate"), rows.parameters(config))[0]
    measured = store.rows(
        "SELECT count(*), avg(input_tokens), avg(output_tokens) FROM rewrite WHERE model = ? AND prompt = ? "
        "AND input_tokens > 0",
        [config.model, config.prompt],
    )[0]
    questions = store.value("SELECT count(*) FROM chosen")
    if measured[0] >= MEASURED:
        return _estimate(config, questions, requests, measured[1], measured[2], f"as the last {measured[0]:,} answers")
    return from_bytes(config, questions, requests, num_bytes, "counted in the store")


def from_bytes(config: RefineConfig, questions: int, requests: int, num_bytes: int, basis: str) -> Estimate:
    """Return the estimate for a number of requests with a number of bytes of questions and sentences in all."""
    prompt = prompts.load(config.prompt)
    text = num_bytes / max(requests, 1) / BYTES_PER_TOKEN
    # The values are repeated in the prompt. An answer is about as long as the question and its sentence.
    fixed = len((prompt.system + prompt.user).encode()) / 4 + FORM_TOKENS
    return _estimate(config, questions, requests, fixed + 1.3 * text, FORM_TOKENS + 1.2 * text, basis)


def _estimate(
    config: RefineConfig, questions: int, requests: int, tokens_in: float, tokens_out: float, basis: str
) -> Estimate:
    total_in, total_out = round(requests * tokens_in), round(requests * tokens_out)
    return Estimate(
        questions=questions,
        requests=requests,
        input_tokens=total_in,
        output_tokens=total_out,
        cost=round((total_in * config.input_price + total_out * config.output_price) / 1e6, 2),
        basis=basis,
    )
