"""A conversation about one image: its turns, as they are shown and as they are sent."""

import html
import unicodedata
from pathlib import Path
from typing import Any

from pangea_cultural.endpoint.messages import question

MOST_TURNS = 6
"""Last questions that are sent. The image is with the first of them."""
Turn = dict[str, str]
"""`role` and `content`, as text."""


def shown(turns: list[Turn]) -> list[Turn]:
    """Return the turns for a chat that renders HTML: their texts are escaped."""
    return [{"role": turn["role"], "content": html.escape(turn["content"])} for turn in turns]


def sent(turns: list[Turn], image: Path) -> list[dict[str, Any]]:
    """Return the messages of a request: the last questions with their answers, and the image with the first question.

    Questions without an answer are left out, except for the last one.

    Raises:
        UserError: the image is too large to send.
    """
    pairs: list[list[Turn]] = []
    for turn in turns:
        if turn["role"] == "user":
            pairs.append([turn])
        elif pairs and not is_blank(turn["content"]):
            pairs[-1].append(turn)
    pairs = [pair for pair in pairs[:-1] if len(pair) > 1] + [pairs[-1][:1]]
    kept = [turn for pair in pairs[-MOST_TURNS:] for turn in pair]
    return with_first(question(image, kept[0]["content"]), kept)


def with_first(message: dict[str, Any], turns: list[Turn]) -> list[dict[str, Any]]:
    """Return the messages of turns, of which the first one is `message`, which has the image."""
    return [message, *[{"role": turn["role"], "content": turn["content"]} for turn in turns[1:]]]


def is_blank(text: str) -> bool:
    """Return whether a text has only spaces, marks of direction and other characters that are not seen."""
    return all(unicodedata.category(character)[0] in "ZC" for character in text)


def last_question(turns: list[Turn]) -> str:
    """Return the last question; an empty text if there is none."""
    return next((turn["content"] for turn in reversed(turns) if turn["role"] == "user"), "")


def before_answer(turns: list[Turn]) -> list[Turn]:
    """Return the turns up to the last question."""
    kept = list(turns)
    while kept and kept[-1]["role"] != "user":
        kept.pop()
    return kept
