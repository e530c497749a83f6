"""XM100: one-sentence captions of 100 photos in 36 languages.

Reference: neulab/Pangea, `evaluation/lmms-eval/lmms_eval/tasks/xm100` (commit ecc4403).
"""

import dataclasses
import unicodedata
from collections.abc import Sequence

from evalsuite.benchmarks.base import Anchor, Benchmark, Row, Score, language_code
from evalsuite.data.source import Source, Split
from evalsuite.metrics.captions.cider import Cider
from evalsuite.metrics.captions.rouge_l import rouge_l
from evalsuite.metrics.captions.script_words import script_words
from evalsuite.metrics.captions.treebank import treebank_words
from pangea_cultural.reference.languages import language

_CODES = "ar bn cs da de el en es fa fi fil fr he hi hr hu id it ja ko mi nl no pl pt quz ro ru sv sw te th tr uk vi zh"
LANGUAGES = tuple(_CODES.split())


def prompt(row: Row) -> str:
    """Return the instruction of the harness, which names the language except for English."""
    code = row["split"]
    where = "" if code == "en" else f" in {language(code).name}"
    return f"Provide a one-sentence caption for the provided image{where}."


def predicted_words(answer: str) -> list[str]:
    """Return the words of an answer that the harness compares."""
    return treebank_words(unicodedata.normalize("NFC", answer.strip()))


def score(row: Row, answer: str) -> Score:
    """Return ROUGE-L over the harness's words, and over words or characters as the language's script has them."""
    code = language_code(row["split"])
    words = script_words(answer, code)
    return Score(
        reference=rouge_l(predicted_words(answer), [treebank_words(row["caption"])]),
        robust=rouge_l(words, [script_words(row["caption"], code)]),
        answer=" ".join(words) or None,
    )


def score_all(rows: Sequence[Row], answers: Sequence[str]) -> list[Score]:
    """Return the scores of all captions of a language, with CIDEr, whose weights depend on all references."""
    reference = Cider([[treebank_words(row["caption"])] for row in rows])
    scores = []
    for row, answer in zip(rows, answers, strict=True):
        cider = reference.score(predicted_words(answer), [treebank_words(row["caption"])])
        scores.append(dataclasses.replace(score(row, answer), more={"CIDEr": cider}))
    return scores


XM100 = Benchmark(
    name="xm100",
    title="XM100",
    groups=("culture", "held-out"),
    source=Source(repo="neulab/PangeaBench-xm100", revision="126db5e2cb9c8645a1fde3d4c006c3a63e315aae"),
    splits={code: Split(name=code) for code in LANGUAGES},
    columns={"image": "image", "image_id": "str", "caption": "str"},
    prompt=prompt,
    score=score,
    score_all=score_all,
    answers=lambda row: [row["caption"]],
    item=lambda row: row["image_id"],
    cluster=lambda row: row["image_id"],
    max_tokens=128,
    metric="ROUGE-L",
    unverified=("Whether published scores are ROUGE-L; their scale fits.",),
    deviations=(
        "Words are split by rules of this project instead of a Java program. Rare forms of words can differ.",
        "Chinese is scored as in a run of all languages; alone, the harness deletes blanks of the answers.",
        "The reference sees Chinese, Japanese and Thai clauses as single words, so its scores there are near zero.",
        "BLEU and METEOR of the reference are not computed.",
    ),
    anchors=(
        Anchor("Pangea-7B", "en", 30.4, "Pangea project page", False),
        Anchor("Pangea-7B", "mul", 14.2, "Pangea project page", False),
        Anchor("GPT-4o", "en", 27.7, "Pangea project page", False),
        Anchor("GPT-4o", "mul", 19.1, "Pangea project page", False),
    ),
)
BENCHMARKS = (XM100,)
