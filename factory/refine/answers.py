"""Answers of the model: the question and the sentence in them, or the fault of an answer that has none."""

import re
from typing import Any, NamedTuple

import orjson

# Faults: answers that are something else than asked.
NOT_JSON = "answer is not JSON"
NO_TEXTS = "answer has other keys than asked"
EMPTY = "answer is empty"
TRUNCATED = "answer was cut at the limit of tokens"

MAX_TEXT = 2000
"""Longest question or sentence in characters. Others are kept as a fault."""
_THOUGHT = re.compile(r"^.*</think>", re.DOTALL)
_FENCE = re.compile(r"^```[a-z]*\n(.*?)\n```$", re.DOTALL)


class Rewriting(NamedTuple):
    """The texts of an answer. If it has a fault, they are empty."""

    question: str = ""
    sentence: str = ""
    fault: str = ""


def parse(text: str, *, is_truncated: bool) -> Rewriting:
    """Return the texts of an answer.

    Servers without JSON schemas return the object in a code block, or after the model's thoughts. An object inside
    other text does not count: the model has not done what it was asked.
    """
    text = _THOUGHT.sub("", text).strip()
    if not text:
        return Rewriting(fault=TRUNCATED if is_truncated else EMPTY)
    fenced = _FENCE.match(text)
    try:
        content = orjson.loads(fenced[1] if fenced else text)
    except orjson.JSONDecodeError:
        return Rewriting(fault=TRUNCATED if is_truncated else NOT_JSON)
    if not isinstance(content, dict) or content.keys() != {"question", "sentence"}:
        return Rewriting(fault=NO_TEXTS)
    return _checked(content["question"], content["sentence"])


def _checked(question: Any, sentence: Any) -> Rewriting:
    if not isinstance(question, str) or not isinstance(sentence, str):
        return Rewriting(fault=NO_TEXTS)
    question, sentence = question.strip(), sentence.strip()
    if not question or not sentence:
        return Rewriting(fault=EMPTY)
    if max(len(question), len(sentence)) > MAX_TEXT:
        return Rewriting(fault=NO_TEXTS)
    return Rewriting(question, sentence)
