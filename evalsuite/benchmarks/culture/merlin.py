"""MERLIN: which Wikipedia article the mention in a news headline refers to.

Scores: neulab/think-before-you-link, `scoring.py`. The prompt that CulturalPangea was asked with is not public; this
one is the project's own.
"""

import re

from evalsuite.benchmarks.base import Anchor, Benchmark, Row, Score
from evalsuite.data.source import Source, Split
from evalsuite.metrics.exact_match import normalized
from evalsuite.metrics.whole_words import contains_words

TITLE = "English Wikipedia Title"
_BRACKETS = re.compile(r"\s*\(.*?\)")


def prompt(row: Row) -> str:
    """Return headline, mention and instruction."""
    return (
        f"Article title: {row['Article Title']}\nEntity mention: {row['Entity Name']}\n"
        "Which entity does the mention refer to? Answer with the title of its English Wikipedia article only."
    )


def reference(title: str, answer: str) -> bool:
    """Return whether an answer equals a title, without case or without what is in brackets."""
    right, text = title.lower().strip(), answer.lower().strip()
    if not text:
        return False
    return right == text or _BRACKETS.sub("", right).strip() == _BRACKETS.sub("", text).strip()


def score(row: Row, answer: str) -> Score:
    """Return the scores of an answer. The robust score wants the title as whole words of the first line."""
    lines = answer.strip().replace("_", " ").splitlines()
    text = normalized(_BRACKETS.sub("", lines[0])) if lines else ""
    title = normalized(_BRACKETS.sub("", row[TITLE].replace("_", " ")))
    return Score(
        reference=float(reference(row[TITLE], answer)),
        robust=float(contains_words(text, title)),
        answer=text or None,
    )


def drop(row: Row) -> str | None:
    """Return why a row is not scored: the reference leaves out mentions of entities without an article."""
    return "the entity has no Wikipedia article (NIL)" if row[TITLE].strip().upper() == "NIL" else None


MERLIN = Benchmark(
    name="merlin",
    title="MERLIN",
    groups=("culture",),
    source=Source(repo="neulab/merlin"),
    # The hub calls the split train, but it is a test set.
    splits={code: Split(config=code, name="train") for code in ("hi", "id", "ja", "ta", "vi")},
    columns={"Article Title": "str", "Entity Name": "str", TITLE: "str", "Wikidata ID": "str", "Image Name": "image"},
    prompt=prompt,
    score=score,
    images=lambda row: [row["Image Name"]],
    drop=drop,
    answers=lambda row: [row[TITLE]],
    item=lambda row: f"{row['Wikidata ID']} {row['Article Title']}",
    max_tokens=32,
    unverified=("The prompt of published scores.", "How many mentions have no article."),
    deviations=("The prompt is this project's own, so scores are not comparable with published ones.",),
    anchors=(
        Anchor("CulturalPangea", "mul", 81.0, "neulab/think-before-you-link (about)", False),
        Anchor("Qwen3-VL-8B-Instruct", "mul", 83.5, "neulab/think-before-you-link", False),
    ),
)
BENCHMARKS = (MERLIN,)
