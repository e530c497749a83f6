"""The text of a message, as servers write it."""

from typing import Any


def text_of(content: Any) -> str:
    """Return the text of a message's content.

    Args:
        content: a text, None, or parts with texts, as some servers send them.

    Raises:
        TypeError: the content is something else, such as a number.
    """
    if content is None:
        return ""
    parts = [content] if isinstance(content, str) else [part["text"] for part in content]
    if not all(isinstance(part, str) for part in parts):
        raise TypeError(f"The content of a message is not text: {type(content).__name__}.")
    return "".join(parts)
