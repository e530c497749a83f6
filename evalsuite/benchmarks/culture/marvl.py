"""MaRVL and NLVR2: whether a statement about two images is true. The data set has them as one image.

Reference: neulab/Pangea, `evaluation/lmms-eval/lmms_eval/tasks/marvl` (commit ecc4403).
"""

import dataclasses

from evalsuite.benchmarks.base import Anchor, Benchmark, Row, Score
from evalsuite.data.source import Source, Split
from evalsuite.metrics.yes_no import yes_or_no

INSTRUCTION = ". Answer with the option directly."


def prompt(row: Row) -> str:
    """Return the statement with the harness's instruction."""
    text: str = row["conversations"][0]["value"]
    return text.replace("<image>\n", "").strip() + INSTRUCTION


def target(row: Row) -> str | None:
    """Return `true` or `false`; None if the harness finds neither and stops."""
    answer = str(row["conversations"][1])
    return next((word for word in ("true", "false") if word in answer), None)


def reference(row: Row, answer: str) -> float | None:
    """Return the harness's score: `yes` and `no` anywhere in the answer count, also inside of other words."""
    right = target(row)
    if right is None:
        return None
    text = answer.strip().lower()
    if "yes" in text:
        text = "true"
    elif "no" in text:
        text = "false"
    return float(right in text)


def score(row: Row, answer: str) -> Score:
    """Return the scores of an answer."""
    found = yes_or_no(answer)
    expected = {"true": "yes", "false": "no"}.get(target(row) or "")
    return Score(reference=reference(row, answer), robust=float(found is not None and found == expected), answer=found)


def drop(row: Row) -> str | None:
    """Return why a row cannot be scored."""
    return None if target(row) else "no true or false in the data"


MARVL = Benchmark(
    name="marvl",
    title="MaRVL",
    groups=("culture",),
    source=Source(repo="neulab/PangeaBench-marvl", revision="4b7be73a55369667af09c246c076f467fb48c90a"),
    splits={code: Split(name=code) for code in ("id", "sw", "ta", "tr", "zh")},
    columns={"image": "image", "conversations": "any", "id": "str"},
    prompt=prompt,
    score=score,
    drop=drop,
    answers=lambda row: [target(row) or ""],
    item=lambda row: row["id"],
    max_tokens=16,
    chance=lambda row: 0.5,
    unverified=(
        "The instruction is part of the data; no public source quotes it.",
        "No public source says how the two photos were merged into one image.",
    ),
    anchors=(
        Anchor("Pangea-7B", "mul", 79.0, "Pangea project page", True),
        Anchor("GPT-4o", "mul", 82.1, "Pangea project page", True),
    ),
)

NLVR2 = dataclasses.replace(
    MARVL,
    name="nlvr2",
    title="NLVR2, the English part of MaRVL",
    groups=("mainstream",),
    splits={"en": Split(name="en")},
    # The English split is 8 GB and would be more than half of all questions.
    max_questions=1000,
    anchors=(
        Anchor("Pangea-7B", "en", 87.0, "Pangea project page", True),
        Anchor("GPT-4o", "en", 81.4, "Pangea project page", True),
    ),
)
BENCHMARKS = (MARVL, NLVR2)
