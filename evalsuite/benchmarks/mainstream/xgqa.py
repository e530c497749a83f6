"""xGQA: questions about photos in eight languages, with English answers.

Reference: neulab/Pangea, `evaluation/lmms-eval/lmms_eval/tasks/xgqa` (commit ecc4403).
"""

from evalsuite.benchmarks.base import Anchor, Benchmark, Row, Score
from evalsuite.data.source import Source, Split
from evalsuite.metrics.exact_match import normalized
from evalsuite.metrics.whole_words import contains_words
from evalsuite.metrics.yes_no import yes_or_no


def prompt(row: Row) -> str:
    """Return question and instruction on one line, as the harness does."""
    where = "" if row["split"] == "en" else " in English"
    return f"{row['question'].strip()} Answer the question using a single word or phrase{where}."


def score(row: Row, answer: str) -> Score:
    """Return the scores of an answer.

    The reference accepts the right answer anywhere in the text, also inside of another word. The robust score wants
    whole words, and reads yes and no as such.
    """
    right = row["answer"].strip().lower()
    reference = float(right in answer.strip().lower())
    if right in ("yes", "no"):
        found = yes_or_no(answer)
        return Score(reference=reference, robust=float(found == right), answer=found)
    text = normalized(answer)
    return Score(reference=reference, robust=float(contains_words(text, normalized(right))), answer=text or None)


XGQA = Benchmark(
    name="xgqa",
    title="xGQA",
    groups=("mainstream",),
    source=Source(repo="neulab/PangeaBench-xgqa", revision="41e9f2a6610433a949d9ad7b7e0ea9378bbb949b"),
    splits={code: Split(name=code) for code in ("bn", "de", "en", "id", "ko", "pt", "ru", "zh")},
    columns={"image": "image", "question": "str", "answer": "str"},
    prompt=prompt,
    score=score,
    answers=lambda row: [row["answer"].strip()],
    # The data set has no ids. The number is that of the row in its split.
    item=lambda row: str(row["number"]),
    max_tokens=16,
    anchors=(
        Anchor("Pangea-7B", "en", 64.7, "Pangea project page", True),
        Anchor("Pangea-7B", "mul", 60.2, "Pangea project page", True),
        Anchor("GPT-4o", "en", 55.8, "Pangea project page", True),
        Anchor("GPT-4o", "mul", 51.0, "Pangea project page", True),
    ),
)
BENCHMARKS = (XGQA,)
