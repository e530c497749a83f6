"""xChatBench: open answers about images in eight languages, rated by a judge against rubrics.

Data: neulab/Pangea, `evaluation/lmms-eval/lmms_eval/tasks/xchat` (commit ecc4403). The prompt to the judge of published
scores is not public; this one is the project's own.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from evalsuite.benchmarks.base import Anchor, Benchmark, Row, Score, code_of, found_images
from evalsuite.benchmarks.judging import Judging, Verdict, not_judged
from evalsuite.data.side_images import ImageFiles
from evalsuite.data.source import Source, Split
from evalsuite.metrics.fidelity import fidelity

COMMIT = "ecc4403a5944dc975a4d1a0de211aab35ee7d723"
FOLDER = "evaluation/lmms-eval/lmms_eval/tasks/xchat"
LANGUAGES = ("Chinese", "English", "Hindi", "Indonesian", "Japanese", "Kinyarwanda", "Korean", "Spanish")
TASKS = (
    "art_explanation",
    "bar_chart_interpretation",
    "defeasible_reasoning",
    "figurative_speech_explanation",
    "graph_interpretation",
    "image_humor_understanding",
    "iq_test",
    "ocr",
    "science_figure_explanation",
    "unusual_images",
)
LOWEST, HIGHEST = 1, 5
_SCORE = re.compile(r"score\W{0,4}([1-5])\b", re.IGNORECASE)
_SYSTEM = "You rate answers of an assistant about an image that you do not see. You are fair, strict and consistent."


def prompt(row: Row) -> str:
    """Return the instruction of the data set and the question as one text."""
    return f"{row['system_prompt']}\n\n{row['input']}"


def image_path(row: Row) -> str:
    """Return the path of a row's image, which is beside its file and has its place in it as a name."""
    folder, _, _ = row["file"].rpartition("/")
    return f"{folder}/{row['place']}.jpg"


def rubric(row: Row) -> str:
    """Return the rubric of a row: the criterion, then a line for each score."""
    found: Mapping[str, Any] = row["score_rubric"] or {}
    lines = [f"{score}: {found.get(f'score{score}_description') or ''}" for score in range(LOWEST, HIGHEST + 1)]
    return "\n".join([str(found.get("criteria") or ""), *lines])


def judge_prompt(row: Row, answer: str) -> str:
    """Return the question to the judge."""
    return (
        f"[Task]\n{prompt(row)}\n\n[Reference answer, which deserves a {HIGHEST}]\n{row['reference_answer']}\n\n"
        f"[Answer to rate]\n{answer}\n\n[Rubric]\n{rubric(row)}\n\n"
        "Compare the answer with the reference by the rubric alone. Explain your rating in two or three sentences. "
        f"Then write a last line that has the form 'Score: N', where N is a whole number from {LOWEST} to {HIGHEST}."
    )


def verdict(text: str) -> Verdict | None:
    """Return the last score in the judge's text."""
    found = _SCORE.findall(text)
    return (float(found[-1]),) if found else None


def scores(rows: Sequence[Row], answers: Sequence[str], verdicts: Sequence[Verdict | None]) -> list[Score]:
    """Return the ratings from 0 to 1. There is no reference."""
    return [
        Score(
            reference=None,
            robust=None if found is None else (found[0] - LOWEST) / (HIGHEST - LOWEST),
            answer=answer.strip() or None,
            more={"language fidelity": fidelity(answer, code_of(row["split"]))},
        )
        for row, answer, found in zip(rows, answers, verdicts, strict=True)
    ]


SOURCE = Source(repo="neulab/Pangea", revision=COMMIT, url=f"https://raw.githubusercontent.com/neulab/Pangea/{COMMIT}")
XCHAT = Benchmark(
    name="xchat",
    title="xChatBench",
    groups=("mainstream", "held-out"),
    source=SOURCE,
    splits={
        name: Split(name=name, files=tuple(f"{FOLDER}/{name}/{task}/data.json" for task in TASKS)) for name in LANGUAGES
    },
    columns={
        "file": "str",
        "place": "int",
        "task": "str",
        "system_prompt": "str",
        "input": "str",
        "reference_answer": "str",
        "score_rubric": "any",
    },
    side_images=ImageFiles(source=SOURCE, paths=lambda row: [image_path(row)]),
    images=found_images,
    prompt=prompt,
    score=not_judged,
    has_reference=False,
    answers=lambda row: [row["reference_answer"] or ""],
    judging=Judging(
        prompt=judge_prompt, system=_SYSTEM, read=verdict, scores=scores, max_tokens=512, reference_model=""
    ),
    item=lambda row: f"{row['file'].split('/')[-2]} {row['place']}",
    cluster=lambda row: f"{row['file'].split('/')[-2]} {row['place']}",
    language=lambda row: code_of(row["split"]),
    facets=lambda row: {"task": row["task"]},
    max_tokens=1024,
    metric="rating, from 0 to 100",
    unverified=(
        "Judge and prompt of published scores.",
        "How a score of zero for answers in another language enters published means. It does not enter these.",
        "Whether published means have Kinyarwanda, and which of two files of Japanese they have. data.json is read.",
        "Whether images have the places of their rows as names, which is assumed here.",
        "The longest answer of published scores. It is 1,024 tokens here.",
    ),
    deviations=("The prompt to the judge is this project's own, so scores are not comparable with published ones.",),
    anchors=(
        Anchor("Pangea-7B", "en", 46.0, "Pangea project page", False),
        Anchor("Pangea-7B", "mul", 35.6, "Pangea project page", False),
        Anchor("GPT-4o", "en", 71.0, "Pangea project page", False),
        Anchor("GPT-4o", "mul", 64.4, "Pangea project page", False),
    ),
)
BENCHMARKS = (XCHAT,)
