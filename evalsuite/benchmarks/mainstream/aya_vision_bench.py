"""Aya Vision Bench: open answers about images in 23 languages, judged right or wrong.

Reference: open-compass/VLMEvalKit, `vlmeval/dataset/utils/ayavision.py` (commit e8e78f0). The authors themselves
compare the answers of two models.
"""

from collections.abc import Mapping, Sequence

from evalsuite.benchmarks.base import Benchmark, Row, Score, found_images
from evalsuite.benchmarks.judging import Judging, Verdict, not_judged
from evalsuite.data.source import Source, Split
from evalsuite.metrics.fidelity import fidelity

LANGUAGES = {
    "arb_Arab": "ar",
    "ces_Latn": "cs",
    "deu_Latn": "de",
    "ell_Grek": "el",
    "eng_Latn": "en",
    "fra_Latn": "fr",
    "heb_Hebr": "he",
    "hin_Deva": "hi",
    "ind_Latn": "id",
    "ita_Latn": "it",
    "jpn_Jpan": "ja",
    "kor_Hang": "ko",
    "nld_Latn": "nl",
    "pes_Arab": "fa",
    "pol_Latn": "pl",
    "por_Latn": "pt",
    "ron_Latn": "ro",
    "rus_Cyrl": "ru",
    "spa_Latn": "es",
    "tur_Latn": "tr",
    "ukr_Cyrl": "uk",
    "vie_Latn": "vi",
    "zho_Hans": "zh",
}
RIGHT, WRONG = "[[CORRECT]]", "[[WRONG]]"


def judge_prompt(row: Row, answer: str) -> str:
    """Return the harness's question to the judge."""
    return (
        "You are an expert evaluator. Your task is to determine if the predicted answer is a correct response to the "
        "given question, using the ground truth answer as a reference. The predicted answer does not need to be a "
        "verbatim match of the ground truth, but it must be semantically equivalent and accurately answer the "
        f"question.\nRespond with '{RIGHT}' if the prediction is correct, and '{WRONG}' if it is incorrect. Do not "
        f"provide any explanation.\n\nQuestion: {row['prompt']}\nGround Truth Answer: {row['reference']}\n"
        f"Predicted Answer: {answer}\n\nIs the prediction correct? "
    )


def verdict(text: str) -> Verdict | None:
    """Return 1 for right and 0 for wrong. A text with both has no verdict."""
    found = [value for mark, value in ((RIGHT, 1.0), (WRONG, 0.0)) if mark in text]
    return (found[0],) if len(found) == 1 else None


def scores(rows: Sequence[Row], answers: Sequence[str], verdicts: Sequence[Verdict | None]) -> list[Score]:
    """Return the verdicts as both scores."""
    return [
        Score(
            reference=None if found is None else found[0],
            robust=None if found is None else found[0],
            answer=answer.strip() or None,
            more={"language fidelity": fidelity(answer, LANGUAGES[row["split"]])},
        )
        for row, answer, found in zip(rows, answers, verdicts, strict=True)
    ]


def drop(row: Row) -> str | None:
    """Return why a row is not judged."""
    return None if row["reference"] and row["reference"].strip() else "no reference answer in the data"


def facets(row: Row) -> Mapping[str, str]:
    """Return the category of a row's image."""
    return {"category": row["image_source_category"]} if row.get("image_source_category") else {}


AYA_VISION_BENCH = Benchmark(
    name="aya_vision_bench",
    title="Aya Vision Bench",
    groups=("mainstream",),
    source=Source(repo="CohereLabs/AyaVisionBench"),
    splits={code: Split(config=code, name="test") for code in LANGUAGES},
    columns={
        "image": "image list",
        "index": "any",
        "prompt": "str",
        "reference": "str",
        "language": "str",
        "image_source_category": "str?",
    },
    images=found_images,
    prompt=lambda row: row["prompt"],
    score=not_judged,
    has_reference=False,
    drop=drop,
    answers=lambda row: [row["reference"]],
    judging=Judging(prompt=judge_prompt, read=verdict, scores=scores, max_tokens=64, reference_model="gpt-4.1"),
    item=lambda row: str(row["index"]),
    # Languages share images and questions.
    cluster=lambda row: str(row["index"]),
    language=lambda row: LANGUAGES[row["split"]],
    facets=facets,
    max_tokens=1024,
    metric="share of answers that the judge finds right",
    unverified=("The longest answer of published scores. It is 1,024 tokens here.",),
    deviations=(
        "The harness asks the judge five times with rising temperature, and takes five unreadable verdicts for wrong. "
        "Here they are missing values.",
        "Published scores of the authors are rates of winning against another model.",
    ),
)
BENCHMARKS = (AYA_VISION_BENCH,)
