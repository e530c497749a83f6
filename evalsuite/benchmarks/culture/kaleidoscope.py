"""Kaleidoscope: exam questions in 18 languages, with and without images.

Reference: EvolvingLMMs-Lab/lmms-eval, `lmms_eval/tasks/kaleidoscope`, direct answers (commit 75571cf), which follows
israfelsr/kaleidoscope (commit 065ef3b).
"""

import ast
import contextlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from evalsuite.benchmarks.base import IMAGE_MARK, Anchor, Benchmark, Row, Score, found_images
from evalsuite.benchmarks.rotation import LETTERS, Rotation, labeled, moved, moved_place
from evalsuite.data.side_images import ImageFiles
from evalsuite.data.source import Source, Split
from evalsuite.metrics.choice import chosen_letter

SYSTEM = (
    "You are a helpful assistant who answers multiple-choice questions. For each question, output your final answer in "
    'JSON format with the following structure:\n\n{"choice": "The correct option (e.g., A, B, C, or D)"}\n\nONLY '
    "output this format exactly. Do not include any additional text or explanations outside the JSON structure."
)
INSTRUCTION = "Output your choice in the specified JSON format."
WORDS = {
    "en": ("Question", "Options"),
    "es": ("Pregunta", "Opciones"),
    "hi": ("प्रश्न", "विकल्प"),
    "hu": ("Kérdés", "Lehetőségek"),
    "hr": ("Pitanje", "Opcije"),
    "uk": ("Питання", "Варіанти"),
    "pt": ("Pergunta", "Opções"),
    "bn": ("প্রশ্ন", "বিকল্প"),
    "te": ("ప్రశ్న", "ఎంపికలు"),
    "ne": ("प्रश्न", "विकल्पहरू"),
    "sr": ("Pitanje", "Opcije"),
    "nl": ("Vraag", "Opties"),
    "ar": ("السؤال", "الخيارات"),
    "ru": ("Вопрос", "Варианты"),
    "fr": ("Question", "Options"),
    "fa": ("سؤال", "گزینه‌ها"),
    "de": ("Frage", "Optionen"),
    "lt": ("Klausimas", "Pasirinkimai"),
}
"""Words for question and options by language."""
OTHER_LETTERS = {"Б": "B", "Ц": "C", "Д": "D", "Г": "D", "أ": "A", "ب": "B", "ج": "C", "د": "D"}
"""Letters of other scripts that stand for an option."""
_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_TAG = re.compile(r"<ANSWER>\s*([^\s<>]+)\s*</ANSWER>", re.IGNORECASE)
_CHOICE = re.compile(r"\{\s*\"choice\"\s*:\s*.*?\s*\}", re.DOTALL)


def options(row: Row) -> list[str]:
    """Return the options, which are in some copies the text of a Python list.

    Raises:
        ValueError: the text is not a list.
        SyntaxError: the text is not Python.
    """
    found: Any = row["options"]
    return [str(option) for option in (ast.literal_eval(found) if isinstance(found, str) else found or [])]


def is_image(option: str) -> bool:
    """Return whether an option is the path of an image."""
    return option.lower().endswith(_IMAGE_SUFFIXES)


def has_image(row: Row) -> bool:
    """Return whether the question has an image."""
    return bool(row["image"]) and str(row["image"]).lower() != "none"


def paths(row: Row) -> list[str]:
    """Return the paths of the images: that of the question, then those of options."""
    return [*([str(row["image"])] if has_image(row) else []), *filter(is_image, options(row))]


def prompt(row: Row) -> str:
    """Return the question with its options. Images stand before it, or in the place of their options."""
    question, header = WORDS.get(row["language"], WORDS["en"])
    found = options(row)
    shown = [IMAGE_MARK if is_image(option) else option for option in found]
    lines = "".join(f"{option}\n" for option in labeled(shown))
    text = f"\n{INSTRUCTION}\n\n{question}: {row['question']}\n{header}:\n{lines}\nANSWER:"
    return f"{IMAGE_MARK}{text}" if has_image(row) and any(map(is_image, found)) else text


def place_of(letter: str, count: int) -> int | None:
    """Return the place of an option by its letter, None if it is not one of them."""
    letter = OTHER_LETTERS.get(letter, letter).strip().upper()
    place = LETTERS.find(letter) if len(letter) == 1 else -1
    return place if 0 <= place < count else None


def reference_place(answer: str, count: int) -> int | None:
    """Return the place of the option that the reference reads, None if it reads none, which is wrong.

    In this order: the value of `choice` in JSON; the last `<ANSWER>` tag; a letter or a digit alone.
    """
    for find in (_in_json, _in_tags):
        place = find(answer, count)
        if place is not None:
            return place
    text = answer.strip()
    return _letter_or_number(text, count) if len(text) == 1 else None


def _in_json(answer: str, count: int) -> int | None:
    text = answer.strip().removeprefix("```json").removeprefix("```").removesuffix("```").strip()
    value = _choice(text)
    if value is None:
        return None
    choice = value.strip().upper()
    place = place_of(choice, count)
    if place is not None:
        return place
    # "B. a text": one part is a letter.
    found = [place for part in choice.split(".") if (place := place_of(part.strip(), count)) is not None]
    return found[0] if len(found) == 1 else None


def _choice(text: str) -> str | None:
    """Return the text of `choice` in a JSON object, or in the first part of a text that looks like one."""
    value: Any = None
    with contextlib.suppress(orjson.JSONDecodeError):
        value = orjson.loads(text)
    if isinstance(value, dict) and isinstance(value.get("choice"), str):
        return str(value["choice"])
    match = _CHOICE.search(text)
    if match is None:
        return None
    with contextlib.suppress(ValueError, SyntaxError, MemoryError, RecursionError):
        value = ast.literal_eval(match[0])
        if isinstance(value, dict) and isinstance(value.get("choice"), str):
            return str(value["choice"])
    return None


def _in_tags(answer: str, count: int) -> int | None:
    for match in reversed(_TAG.findall(answer)):
        place = _letter_or_number(match.strip().strip(".)(").upper(), count)
        if place is not None:
            return place
    return None


def _letter_or_number(text: str, count: int) -> int | None:
    place = place_of(text, count)
    if place is None and text.isdecimal() and 1 <= int(text) <= count:
        return int(text) - 1
    return place


def score(row: Row, answer: str) -> Score:
    """Return the scores of an answer. The robust score also reads other quotes, and letters outside of the format."""
    found = options(row)
    place = reference_place(answer, len(found))
    letters = LETTERS[: len(found)]
    quoted = _in_json(answer.replace("'", '"'), len(found)) if place is None else place
    letter = letters[quoted] if quoted is not None else chosen_letter(answer, letters, _texts(found))
    return Score(
        reference=float(place == row["answer"]),
        robust=float(letter == letters[row["answer"]]),
        answer=letter,
        more={"format error": float(place is None)},
    )


def _texts(found: Sequence[str]) -> list[str]:
    return [] if any(map(is_image, found)) else list(found)


def drop(row: Row) -> str | None:
    """Return why a row cannot be scored."""
    try:
        count = len(options(row))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return "options are not readable"
    if not 2 <= count <= len(LETTERS):
        return "options are not readable"
    return None if row["answer"] is not None and 0 <= row["answer"] < count else "no answer in the data"


def facets(row: Row) -> Mapping[str, str]:
    """Return country, level, category and kind of image of a row."""
    names = {"country": "country", "level": "level", "category": "general_category_en", "image": "image_type"}
    found = {name: str(row[column]) for name, column in names.items() if row.get(column)}
    return found | {"has image": "yes" if has_image(row) else "no"}


def turned(row: Row, shift: int) -> Row:
    """Return a row with moved options."""
    found = options(row)
    return {**row, "options": moved(found, shift), "answer": moved_place(row["answer"], shift, len(found))}


SOURCE = Source(repo="CohereLabs/kaleidoscope")
KALEIDOSCOPE = Benchmark(
    name="kaleidoscope",
    title="Kaleidoscope",
    groups=("culture", "held-out"),
    source=SOURCE,
    splits={"all": Split(name="train")},
    languages_share_splits=True,
    columns={
        "question": "str",
        "options": "any",
        "answer": "int",
        "language": "str",
        "image": "str",
        "country": "str?",
        "level": "str?",
        "general_category_en": "str?",
        "image_type": "str?",
    },
    side_images=ImageFiles(source=SOURCE, archive="data.zip", folders=("final_data/", ""), paths=paths),
    images=found_images,
    image_size=(512, 512),
    system=SYSTEM,
    prompt=prompt,
    score=score,
    drop=drop,
    answers=lambda row: [LETTERS[row["answer"]]],
    # The data set has no ids. The number is that of the row.
    item=lambda row: str(row["number"]),
    language=lambda row: row["language"],
    facets=facets,
    rotation=Rotation(
        options=options, right=lambda row: row["answer"], turn=turned, question=lambda row: row["question"]
    ),
    max_tokens=1024,
    chance=lambda row: 1 / len(options(row)),
    deviations=("Answers are greedy. Those of published scores were drawn with temperature 0.7 and top-p 0.9.",),
    anchors=(
        Anchor("Pangea-7B", "all", 31.31, "Kaleidoscope, other prompt, answers repaired by a language model", False),
    ),
)
BENCHMARKS = (KALEIDOSCOPE,)
