"""Answers of reasoning models without their reasoning."""

import re

_BLOCK = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_END = re.compile(r"^.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_BEGIN = re.compile(r"<think(?:ing)?>.*$", re.DOTALL | re.IGNORECASE)


def without_reasoning(text: str) -> str:
    """Return an answer without blocks of reasoning.

    Some templates begin the block, so that the text has its end only. A block without an end was truncated, and nothing
    of it is an answer.
    """
    found = _BEGIN.sub("", _END.sub("", _BLOCK.sub("", text)))
    return text if found == text else found.strip()
