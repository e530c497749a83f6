"""TextVQA: short answers about text in photos, in English.

Reference: EvolvingLMMs-Lab/lmms-eval, `lmms_eval/tasks/textvqa` (commit 75571cf).
"""

from evalsuite.benchmarks.base import Anchor, Benchmark, Row, Score
from evalsuite.data.source import Source, Split
from evalsuite.metrics.exact_match import normalized
from evalsuite.metrics.vqa_cleaning import cleaned
from evalsuite.metrics.whole_words import contains_words

AGREEING = 3
"""Annotators whose agreement is a full score."""
_LINE_BREAKS = str.maketrans("\n\t", "  ")


def prompt(row: Row) -> str:
    """Return question and instruction. The harness makes all letters of the question small, except for the first."""
    return f"{row['question'].capitalize()}\nAnswer the question using a single word or phrase."


def processed(text: str) -> str:
    """Return a text as the harness compares it, with the processor of EvalAI."""
    words = text.lower().replace(",", "").replace("?", "").replace("'s", " 's").strip()
    return cleaned(words.translate(_LINE_BREAKS))


def agreement(answer: str, right: list[str]) -> float:
    """Return the mean over annotators of how many of the others gave an answer, where three are enough."""
    equal = [text == answer for text in right]
    return sum(min(1.0, (sum(equal) - same) / AGREEING) for same in equal) / len(equal)


def score(row: Row, answer: str) -> Score:
    """Return the scores of an answer. For the robust score, an annotator's answer may stand in a sentence."""
    right = [str(text) for text in row["answers"]]
    text = normalized(answer)
    named = [bool(gold) and contains_words(text, gold) for gold in map(normalized, right)]
    robust = sum(min(1.0, (sum(named) - same) / AGREEING) for same in named) / len(named)
    return Score(
        reference=agreement(processed(answer.strip()), [processed(gold) for gold in right]),
        robust=robust,
        answer=text or None,
    )


def drop(row: Row) -> str | None:
    """Return why a row is not scored. The split test has no answers."""
    return None if row["answers"] else "no answers in the data"


TEXTVQA = Benchmark(
    name="textvqa",
    title="TextVQA, validation",
    groups=("mainstream",),
    source=Source(repo="lmms-lab/textvqa"),
    splits={"en": Split(name="validation")},
    columns={"image": "image", "image_id": "any", "question_id": "any", "question": "str", "answers": "list"},
    prompt=prompt,
    score=score,
    drop=drop,
    answers=lambda row: [str(text) for text in row["answers"]],
    item=lambda row: str(row["question_id"]),
    cluster=lambda row: str(row["image_id"]),
    # The default of the harness: the task states none.
    max_tokens=1024,
    metric="agreement with ten annotators",
    deviations=("The harness reads lmms-lab-encoder/textvqa since August 2026.",),
    anchors=(Anchor("CulturalPangea-7B", "en", 69.8, "TowerVision", False),),
)
BENCHMARKS = (TEXTVQA,)
