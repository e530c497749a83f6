"""Comments `# unsure: ...` of template files: what a native speaker should read first. TOML readers drop comments."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

Key = tuple[str, ...]
"""Path of a line or table, such as `("P84", "building", "ask")`. The whole file has the empty path."""

_NOTE = re.compile(r"#\s*unsure\b[:\s]*(.*)", re.IGNORECASE)
_KEY = re.compile(r"""([\w-]+|"[^"]*"|'[^']*')\s*=""")
_TEXTS = re.compile(r'"(?:\\.|[^"\\])*"|\'[^\']*\'')


def notes(text: str) -> dict[Key, list[str]]:
    """Return the notes of a file by the line or table that each stands above, or behind.

    A comment directly below a note continues it. Notes before the first text are about the whole file.
    """
    found: dict[Key, list[str]] = {}
    table: Key = ()
    key: Key = ()
    waiting: list[str] = []
    for line in map(str.strip, text.splitlines()):
        if line.startswith("#"):
            _add_comment(waiting, line)
            continue
        if line.startswith("[") and (header := _header(line)) is not None:
            table = key = header
        elif match := _KEY.match(line):
            name = match[1].strip("\"'")
            key = () if name == "reviewed" else (*table, name)
        elif not line and table:
            continue
        behind = _NOTE.search(_TEXTS.sub("", line))
        found.setdefault(key, []).extend([*waiting, *([behind[1]] if behind else [])])
        waiting = []
    found.setdefault((), []).extend(waiting)
    return {path: texts for path, texts in found.items() if texts}


def about(found: dict[Key, list[str]], key: Key) -> list[str]:
    """Return the notes of a line, and those of its tables."""
    return [note for length in range(1, len(key) + 1) for note in found.get(key[:length], ())]


def _add_comment(waiting: list[str], line: str) -> None:
    note = _NOTE.match(line)
    if note:
        waiting.append(note[1])
    elif waiting:
        waiting[-1] += " " + line.lstrip("# ")


def _header(line: str) -> Key | None:
    """Return the path of a table's header; None for another line, such as the second one of a list."""
    try:
        return tuple(_path(tomllib.loads(line)))
    except tomllib.TOMLDecodeError:
        return None


def _path(content: dict[str, Any]) -> Iterator[str]:
    for name, inner in content.items():
        yield name
        yield from _path(inner)
