"""WorldCuisines: name or origin of a dish, in 30 languages and varieties.

Reference: worldcuisines/worldcuisines, `evaluation/score` (commit d4d1c44).
"""

import dataclasses
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from evalsuite.benchmarks.base import Anchor, Benchmark, Row, Score
from evalsuite.benchmarks.rotation import Rotation, moved, moved_place
from evalsuite.data.side_images import SideImages
from evalsuite.data.source import Source, Split
from evalsuite.metrics.choice import chosen_number
from evalsuite.metrics.exact_match import normalized
from evalsuite.metrics.whole_words import contains_words

NUM_OPTIONS = 5
_PROMPT_TYPES = {"1": "no context", "2": "origin", "3": "context", "4": "adversarial"}
_LABEL = re.compile(r"(\d+)\.")
_DIGITS = re.compile(r"\d+")
_MOST_DIGITS = 100
_OPTIONS = re.compile("\n".join(rf"{number}\. (.+)" for number in range(1, NUM_OPTIONS + 1)))
_PHOTOS = 8
"""Most photos of a dish."""


def reference_number(answer: str) -> int | None:
    """Return the number of the option that the reference reads; None if it reads none, which is wrong."""
    try:
        return int(answer)
    except ValueError:
        match = _LABEL.match(answer) or _DIGITS.search(answer)
    # Python converts no more than 4,300 digits. The harness stops there; such a number is none of the options.
    number = match[match.lastindex or 0] if match else ""
    return int(number) if 0 < len(number) <= _MOST_DIGITS else None


def choice_score(row: Row, answer: str) -> Score:
    """Return the scores of an answer to the multiple-choice question."""
    found = chosen_number(answer, NUM_OPTIONS)
    right = row["multi_choice_answer"]
    return Score(
        reference=float(reference_number(answer) == right),
        robust=float(found == right),
        answer=None if found is None else str(found),
    )


def open_score(row: Row, answer: str) -> Score:
    """Return the scores of an answer to the open question, by the right answer in the row's language.

    The published score accepts the right answers of all languages. They are known where all rows are.
    """
    score = _open_score([row["answer"]], answer)
    if "from_all" not in row:
        return score
    return dataclasses.replace(score, more={"any language": _open_score(row["from_all"], answer).reference or 0.0})


def _open_score(right: Sequence[str], answer: str) -> Score:
    text = normalized(answer)
    golds = [gold for gold in map(normalized, right) if gold]
    return Score(
        # An empty right answer is in every text.
        reference=float(any(gold.lower() in answer.lower() for gold in right)),
        robust=float(any(contains_words(text, gold) for gold in golds)),
        answer=text or None,
    )


def answers_of_all_languages(rows: Iterable[Row]) -> Callable[[Row], list[str]]:
    """Return a function from a row to the right answers of all languages."""
    answers: dict[str, dict[str, None]] = defaultdict(dict)
    for row in rows:
        answers[row["qa_id"]][row["answer"]] = None
    return lambda row: list(answers[row["qa_id"]])


def language(row: Row) -> str:
    """Return the language of a row without its variety: `ja` for `ja_casual`."""
    code: str = row["lang"]
    return code.split("_")[0]


def facets(row: Row) -> Mapping[str, str]:
    """Return variety and type of the prompt of a row."""
    return {"variety": row["lang"], "prompt": _PROMPT_TYPES.get(str(row["prompt_type"]), str(row["prompt_type"]))}


def options(row: Row) -> list[str]:
    """Return the options in the prompt; none if they are not readable."""
    found = _OPTIONS.findall(row["multi_choice_prompt"])
    return list(found[0]) if len(found) == 1 else []


def turned(row: Row, shift: int) -> Row:
    """Return a row with moved options in its prompt."""
    lines = [f"{number}. {text}" for number, text in enumerate(moved(options(row), shift), 1)]
    place = moved_place(row["multi_choice_answer"] - 1, shift, NUM_OPTIONS)
    prompt = _OPTIONS.sub(lambda match: "\n".join(lines), row["multi_choice_prompt"])
    return {**row, "multi_choice_prompt": prompt, "multi_choice_answer": place + 1}


CHOICE = Benchmark(
    name="worldcuisines",
    title="WorldCuisines, multiple choice, small",
    groups=("culture", "held-out"),
    source=Source(repo="worldcuisines/vqa"),
    splits={"dish": Split(config="task1", name="test_small"), "origin": Split(config="task2", name="test_small")},
    languages_share_splits=True,
    columns={
        "qa_id": "str",
        "lang": "str",
        "food_id": "any",
        "prompt_type": "any",
        "multi_choice_prompt": "str",
        "open_ended_prompt": "str",
        "image_url": "str",
        "answer": "str",
        "multi_choice_answer": "int",
    },
    side_images=SideImages(
        source=Source(repo="worldcuisines/food-kb"),
        split=Split(name="main"),
        key="image_url",
        columns={f"image{number}": f"image{number}_url" for number in range(1, _PHOTOS + 1)},
    ),
    prompt=lambda row: row["multi_choice_prompt"],
    score=choice_score,
    answers=lambda row: [str(row["multi_choice_answer"])],
    item=lambda row: row["qa_id"],
    cluster=lambda row: str(row["food_id"]),
    language=language,
    facets=facets,
    rotation=Rotation(
        options=options,
        right=lambda row: row["multi_choice_answer"] - 1,
        turn=turned,
        question=lambda row: _OPTIONS.split(row["multi_choice_prompt"])[0],
        labels=lambda row: "12345",
    ),
    max_tokens=50,
    chance=lambda row: 1 / NUM_OPTIONS,
    deviations=(
        "Published scores are means over prompt types and over 30 varieties. Here varieties of a language are one.",
        "Pangea-7B was asked with another instruction than the one in the data.",
    ),
    anchors=(
        Anchor("Pangea-7B", "all", 56.03, "worldcuisines repository, small set", False),
        Anchor("Qwen2-VL-7B", "all", 61.21, "worldcuisines repository, small set", False),
        Anchor("GPT-4o", "all", 81.17, "worldcuisines repository, small set", False),
    ),
)
OPEN = dataclasses.replace(
    CHOICE,
    name="worldcuisines_open",
    title="WorldCuisines, open answers, small",
    prompt=lambda row: row["open_ended_prompt"],
    score=open_score,
    answers=lambda row: [row["answer"]],
    rotation=None,
    from_all=answers_of_all_languages,
    chance=lambda row: 0.0,
    metric="accuracy in the language of the question",
    anchors=(
        Anchor("Pangea-7B", "all", 4.84, "worldcuisines repository, small set, any language", False),
        Anchor("GPT-4o", "all", 25.05, "worldcuisines repository, small set, any language", False),
    ),
)
BENCHMARKS = (CHOICE, OPEN)
