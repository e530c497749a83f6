"""Reading and scoring of answers as the official code of MMMU does it (Yue et al., 2024), which xMMMU's harness uses.

Reference: neulab/Pangea, `evaluation/lmms-eval/lmms_eval/tasks/xmmmu` (commit ecc4403).
"""

import re
from collections.abc import Callable, Mapping

Value = str | float
_STRIPPED = (",", ".", "!", "?", ";", ":", "'")
_FEWEST_WORDS = 5
_INDICATORS = ("could be ", "so ", "is ", "thus ", "therefore ", "final ", "answer ", "result ")
_SENTENCES = re.compile(r"\.\s(?=[A-Z])|\n")
_NUMBERS = (
    re.compile(r"-?\b\d{1,3}(?:,\d{3})+\b"),
    re.compile(r"-?\d+(?:\.\d+)?[eE][+-]?\d+"),
    re.compile(r"-?(?:\d+\.\d+|\.\d+|\d+\b)(?![eE][+-]?\d+)(?![,\d])"),
)


def mmmu_letter(answer: str, options: Mapping[str, str]) -> str | None:
    """Return the letter that the reference reads, None where it draws one at random.

    Args:
        answer: the model's answer.
        options: the texts of the options by letter, in their order.
    """
    text = answer.strip()
    for character in _STRIPPED:
        text = text.strip(character)
    text = f" {text} "
    candidates, place = _candidates(text, options)
    if len(candidates) < 2:
        return candidates[0] if candidates else None
    positions = [place(letter) for letter in candidates]
    return candidates[positions.index(max(positions))]


def _candidates(text: str, options: Mapping[str, str]) -> tuple[list[str], Callable[[str], int]]:
    """Return the letters that a text has, and a function that finds the last place of one of them."""
    found = [letter for letter in options if f"({letter})" in text]
    if found:
        return found, lambda letter: text.rfind(f"({letter})")
    for pattern in ("{} ", "{}."):
        found = [letter for letter in options if pattern.format(letter) in text]
        if found:
            return found, lambda letter: text.rfind(f" {letter} ")
    lower = text.lower()
    if len(text.split()) > _FEWEST_WORDS:
        found = [letter for letter, option in options.items() if option.lower() in lower]
    return found, lambda letter: lower.rfind(options[letter].lower())


def mmmu_values(answer: str) -> list[Value]:
    """Return the texts and numbers of an open answer that the reference compares with the right one."""
    tails = _tails(answer)
    texts = [*tails, *(number for tail in tails for number in _numbers(tail))]
    return list(dict.fromkeys(value for text in texts for value in normalized_values(text)))


def _tails(answer: str) -> list[str]:
    """Return for each part of an answer the shortest text behind a word such as "is"; the answer if there are none."""
    text = answer.strip().strip(".").lower()
    parts = _SENTENCES.split(text)
    tails = []
    for number, part in enumerate(parts):
        indicators = (*_INDICATORS, "=") if number == len(parts) - 1 else _INDICATORS
        shortest = ""
        for indicator in indicators:
            if indicator in part:
                tail = part.split(indicator)[-1].strip()
                if not shortest or len(tail) < len(shortest):
                    shortest = tail
        if shortest and shortest not in _STRIPPED:
            tails.append(shortest)
    return tails or [text]


def _numbers(text: str) -> list[str]:
    return [number for pattern in _NUMBERS for number in pattern.findall(text)]


def normalized_values(text: str) -> list[Value]:
    """Return a number rounded to two decimals, or a text in lower case; one character with a blank on either side."""
    text = text.strip()
    try:
        return [round(float(text.replace(",", "")), 2)]
    except ValueError:
        text = text.lower()
        return [f" {text}", f"{text} "] if len(text) == 1 else [text]


def open_answer_matches(right: str | list[str], values: list[Value]) -> bool:
    """Return whether a right answer is inside of a text of an answer, or equals one of its numbers."""
    golds = [gold for text in ([right] if isinstance(right, str) else right) for gold in normalized_values(text)]
    for value in values:
        if isinstance(value, str):
            if any(isinstance(gold, str) and gold in value for gold in golds):
                return True
        elif value in golds:
            return True
    return False
