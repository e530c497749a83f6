"""MTVQA: short answers about text in photos, in nine languages.

Reference: EvolvingLMMs-Lab/lmms-eval, `lmms_eval/tasks/mtvqa` (commit 75571cf).
"""

import ast
from typing import Any

from evalsuite.benchmarks.base import Benchmark, Expansion, Row, Score
from evalsuite.data.source import Source, Split
from evalsuite.metrics.exact_match import normalized
from evalsuite.metrics.whole_words import contains_words

INSTRUCTION = "Answer the question using a word or phrase in the language of the question."


def questions(row: Row) -> list[dict[str, str]]:
    """Return the questions about an image, which the data set has as the text of a Python list.

    Pairs without question or answer are left out, as in the reference.
    """
    pairs: Any = row["qa_pairs"]
    try:
        pairs = ast.literal_eval(pairs.strip()) if isinstance(pairs, str) else pairs
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        pairs = None
    found = [
        {"question": question, "answer": answer}
        for pair in (pairs if isinstance(pairs, list) else [])
        if isinstance(pair, dict)
        and (question := str(pair.get("question", "")).strip())
        and (answer := str(pair.get("answer", "")).strip())
    ]
    return found or [{"question": "", "answer": ""}]


def prompt(row: Row) -> str:
    """Return question and instruction."""
    return f"{row['question'].strip()}\n{INSTRUCTION}"


def score(row: Row, answer: str) -> Score:
    """Return the scores of an answer.

    The reference accepts the right answer anywhere in the text, and deletes periods, so that 1.5 is 15. The robust
    score wants whole words, and keeps periods inside of numbers apart.
    """
    right = row["answer"].strip().lower().replace(".", "")
    text, gold = normalized(answer), normalized(row["answer"])
    return Score(
        reference=float(right in answer.strip().lower().replace(".", "")),
        robust=float(bool(gold) and contains_words(text, gold)),
        answer=text or None,
    )


def drop(row: Row) -> str | None:
    """Return why a question is not scored."""
    return None if row["question"] else "questions are not readable"


MTVQA = Benchmark(
    name="mtvqa",
    title="MTVQA",
    groups=("mainstream",),
    source=Source(repo="ByteDance/MTVQA"),
    splits={"all": Split(name="test")},
    languages_share_splits=True,
    columns={"image": "image", "id": "any", "lang": "str", "qa_pairs": "any"},
    expand=Expansion(columns=("question", "answer"), rows=questions),
    prompt=prompt,
    score=score,
    drop=drop,
    answers=lambda row: [row["answer"]],
    item=lambda row: f"{row['id']} {row['question']}",
    cluster=lambda row: str(row["id"]),
    language=lambda row: row["lang"].lower(),
    max_tokens=64,
    unverified=("How the data set writes its languages. Codes are read with either case.",),
    deviations=("The average of the harness weighs questions equally. Here every language weighs the same.",),
)
BENCHMARKS = (MTVQA,)
