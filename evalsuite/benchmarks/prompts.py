"""Prompts of the tasks of a run: an example of each task, and the hash of all of them."""

import hashlib
from collections.abc import Iterable
from typing import Any


def examples(prompts: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """Return for each task its first prompt as `example`, the number of prompts and their SHA-256.

    The hash is that of the UTF-8 texts in their order, each of which a zero byte ends. Images are not part of it.

    Args:
        prompts: task and prompt of each question.
    """
    found: dict[str, dict[str, Any]] = {}
    hashes: dict[str, Any] = {}
    for task, prompt in prompts:
        row = found.setdefault(task, {"task": task, "example": prompt, "n": 0})
        row["n"] += 1
        hashes.setdefault(task, hashlib.sha256()).update(prompt.encode("utf-8", "surrogatepass") + b"\0")
    return [row | {"sha256": hashes[task].hexdigest()} for task, row in found.items()]
