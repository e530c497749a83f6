"""MaXM: short answers about photos in seven languages.

Reference: neulab/Pangea, `evaluation/lmms-eval/lmms_eval/tasks/maxm` (commit ecc4403).
"""

from collections.abc import Sequence

from evalsuite.benchmarks.base import Anchor, Benchmark, Row, Score
from evalsuite.data.source import Source, Split
from evalsuite.metrics.exact_match import normalized
from evalsuite.metrics.vqa_cleaning import cleaned
from evalsuite.metrics.whole_words import contains_words
from evalsuite.metrics.yes_no import yes_or_no
from pangea_cultural.reference.languages import language

LANGUAGES = ("en", "fr", "hi", "iw", "ro", "th", "zh")


def prompt(row: Row) -> str:
    """Return the question between the harness's instructions."""
    return (
        f"Given the image and the question, provide a concise answer. {row['question'].strip()}\n"
        f"Answer the question using a single word or phrase in {language(row['split']).name}."
    )


def cleaned_prediction(answer: str) -> str:
    """Return an answer as the harness compares it: it cleans the text of a Python list, quotes and escapes included."""
    return cleaned(str([answer.strip().rstrip(".")])).strip("'")


def relaxed(answer: str, right: Sequence[str]) -> bool:
    """Return whether the harness accepts an answer: the cleaned text starts or ends with a right answer as it is."""
    text = cleaned_prediction(answer)
    golds = [str(gold).strip() for gold in right]
    golds = [{"true": "yes", "false": "no"}.get(gold.lower(), gold) for gold in golds]
    return any(text.startswith(gold) or text.endswith(gold) for gold in golds)


def score(row: Row, answer: str) -> Score:
    """Return the scores of an answer. The robust score wants whole words, and reads yes and no in all languages."""
    text = normalized(answer)
    golds = [gold for gold in map(normalized, row["answers"]) if gold]
    right = any(contains_words(text, gold) for gold in golds)
    judged = {value for value in map(yes_or_no, golds) if value} if all(map(yes_or_no, golds)) and golds else set()
    if len(judged) == 1 and not right:
        right = yes_or_no(answer) in judged
    return Score(
        reference=float(relaxed(answer, row["answers"])),
        robust=float(right),
        answer=text or None,
        more={"exact match": float(answer.strip() in row["answers"])},
    )


MAXM = Benchmark(
    name="maxm",
    title="MaXM",
    groups=("culture",),
    source=Source(repo="neulab/PangeaBench-maxm"),
    splits={code: Split(name=code) for code in LANGUAGES},
    columns={"image": "image", "image_id": "str", "question": "str", "answers": "list"},
    prompt=prompt,
    score=score,
    answers=lambda row: row["answers"],
    # An image has several questions, and the data set has no ids of questions that are known to exist.
    item=lambda row: f"{row['image_id']} {row['question']}",
    cluster=lambda row: row["image_id"],
    max_tokens=64,
    metric="relaxed accuracy",
    unverified=("Whether published scores are exact match or relaxed accuracy.",),
    deviations=("ROUGE-L and CIDEr of the reference are not computed: it scores only the last question of an image.",),
    anchors=(
        Anchor("Pangea-7B", "en", 55.3, "Pangea project page", False),
        Anchor("Pangea-7B", "mul", 53.2, "Pangea project page", False),
        Anchor("GPT-4o", "en", 60.7, "Pangea project page", False),
        Anchor("GPT-4o", "mul", 65.4, "Pangea project page", False),
    ),
)
BENCHMARKS = (MAXM,)
