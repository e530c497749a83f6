"""Prose rules that a machine can check, over all packages, tests and documents (CONTRIBUTING.md, "Prose")."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.helpers import prose

EXCEPTIONS = {("tests/perf/", "ours"): "names of figures, such as lost_ours"}
"""Reason by folder and word."""


def _offences(files: Iterable[Path]) -> list[str]:
    """Return the offences as lines: path, line number, rule, text."""
    lines = []
    for file in files:
        name = file.relative_to(prose.ROOT).as_posix()
        excepted = {word for folder, word in EXCEPTIONS if name.startswith(folder)}
        for offence in prose.python_offences(file) if file.suffix == ".py" else prose.document_offences(file):
            if not excepted & {word.lower() for word in prose.WORD.findall(offence.text)}:
                lines.append(f"{name}:{offence.line}: {offence.rule}: {offence.text}")
    return lines


def test_files_follow_the_prose_rules():
    assert _offences([*prose.python_files(), *prose.documents()]) == []


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ('"""What a module is."""', "docstring opening"),
        ('def f() -> int:\n    """Whether it is so."""', "docstring opening"),
        ('WIDTH = 3\n"""In pixels."""', "docstring opening"),
        ("# a picture", "word"),
        ("hold_doors = 1", "word"),
        ("DumpDoor = 1", "word"),
        ('raise ValueError("it is no list")', "phrase"),
        ("# two\u2026 three", "typographic character"),
    ],
)
def test_each_rule_finds_its_offence(source, rule, tmp_path):
    file = tmp_path / "module.py"
    file.write_text(source)
    assert [offence.rule for offence in prose.python_offences(file)] == [rule]


@pytest.mark.parametrize(
    "source",
    [
        '"""Images of an entity."""',
        'def f() -> bool:\n    """Whether the run is complete."""',
        "# there is no GPU",
        'TEXT = "\u201cquoted\u201d data"',
        "indoors = 1",
    ],
)
def test_plain_prose_has_no_offence(source, tmp_path):
    file = tmp_path / "module.py"
    file.write_text(source)
    assert prose.python_offences(file) == []
