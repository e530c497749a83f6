"""Multilingual LLaVA-Bench: open answers about photos in ten languages, compared by a judge with those of GPT-4.

Reference: neulab/Pangea, `evaluation/lmms-eval/lmms_eval/tasks/multilingual-llava-bench` (commit ecc4403). The score is
the sum of the judge's ratings relative to that of GPT-4's answers, which can be above 100 %.
"""

import statistics
from collections.abc import Sequence

from evalsuite.benchmarks.base import Anchor, Benchmark, Row, Score
from evalsuite.benchmarks.judging import Judging, Verdict, not_judged
from evalsuite.data.source import Source, Split
from evalsuite.metrics.fidelity import canonical, fidelity, language_of

RULE = (
    "We would like to request your feedback on the performance of two AI assistants in response to the user question "
    "displayed above. The user asks the question on observing an image. For your reference, the visual content in the "
    "image is represented with a few sentences describing the image. \nPlease rate the helpfulness, relevance, "
    "accuracy, level of details of their responses. Each assistant receives an overall score on a scale of 1 to 10, "
    "where a higher score indicates better overall performance.\nPlease first output a single line containing only two "
    "values indicating the scores for Assistant 1 and 2, respectively. The two scores are separated by a space.\nIn "
    "the subsequent line, please provide a comprehensive explanation of your evaluation, avoiding any potential bias "
    "and ensuring that the order in which the responses were presented does not affect your judgment."
)
HIGHEST = 10


def judge_prompt(row: Row, answer: str) -> str:
    """Return the harness's question to the judge. Assistant 1 is GPT-4."""
    captions = row["caption"]
    context = captions if isinstance(captions, str) else "\n".join(captions or [])
    return (
        f"[Context]\n{context}\n\n[Question]\n{row['question']}\n\n"
        f"[Assistant 1]\n{row['gpt_answer']}\n\n[End of Assistant 1]\n\n"
        f"[Assistant 2]\n{answer}\n\n[End of Assistant 2]\n\n[System]\n{RULE}\n\n"
    )


def verdict(text: str) -> Verdict | None:
    """Return both ratings from the first line of the judge's text."""
    numbers = text.split("\n")[0].replace(",", " ").split(" ")
    try:
        ratings = tuple(float(number) for number in numbers)
    except ValueError:
        return None
    # The reference takes other numbers as they are.
    return ratings if len(ratings) == 2 and all(1 <= rating <= HIGHEST for rating in ratings) else None


def is_in_another_language(row: Row, answer: str) -> bool:
    """Return whether an answer is in another language than both the question and GPT-4's answer."""
    found = language_of(answer)
    return found not in (language_of(row["gpt_answer"]), language_of(row["question"]))


def scores(rows: Sequence[Row], answers: Sequence[str], verdicts: Sequence[Verdict | None]) -> list[Score]:
    """Return ratings relative to the mean rating of GPT-4's answers. In another language, the reference score is 0."""
    ratings = [found[0] for found in verdicts if found]
    other = statistics.fmean(ratings) if ratings else 1.0
    result = []
    for row, answer, found in zip(rows, answers, verdicts, strict=True):
        value = None if found is None else found[1] / other
        punished = is_in_another_language(row, answer)
        result.append(
            Score(
                reference=0.0 if value is not None and punished else value,
                robust=value,
                answer=answer.strip() or None,
                more={"language fidelity": fidelity(answer, canonical(row["split"]))},
            )
        )
    return result


LLAVA_BENCH = Benchmark(
    name="llava_bench",
    title="Multilingual LLaVA-Bench",
    groups=("mainstream",),
    source=Source(repo="neulab/PangeaBench-multilingual-llava-bench"),
    splits={code: Split(name=code) for code in ("ar", "bn", "zh", "en", "fr", "hi", "ja", "ru", "es", "ur")},
    columns={
        "image": "image",
        "question": "str",
        "gpt_answer": "str",
        "caption": "any",
        "category": "str",
        "question_id": "any",
    },
    prompt=lambda row: row["question"],
    score=not_judged,
    has_reference=False,
    # The answers of GPT-4 are rated like those of the model.
    answers=lambda row: [],
    judging=Judging(
        prompt=judge_prompt,
        system="You are a helpful and precise assistant for checking the quality of the answer.",
        read=verdict,
        scores=scores,
        max_tokens=1024,
        reference_model="gpt-4-0613",
    ),
    item=lambda row: str(row["question_id"]),
    facets=lambda row: {"category": row["category"]},
    max_tokens=1024,
    metric="ratings relative to GPT-4",
    deviations=(
        "The judge answers with temperature 0. That of the reference has 0.2.",
        "An answer in another language than question and GPT-4's answer has the reference score 0, as in the "
        "reference, whose detector of languages is another one.",
        "The reference counts verdicts that cannot be read as -1 for both answers. Here they are missing values.",
    ),
    anchors=(
        Anchor("Pangea-7B", "en", 84.2, "Pangea project page, judge gpt-4-0613", False),
        Anchor("Pangea-7B", "mul", 89.5, "Pangea project page, judge gpt-4-0613", False),
        Anchor("GPT-4o", "en", 104.6, "Pangea project page, judge gpt-4-0613", False),
        Anchor("GPT-4o", "mul", 100.4, "Pangea project page, judge gpt-4-0613", False),
    ),
)
BENCHMARKS = (LLAVA_BENCH,)
