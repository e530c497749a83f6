"""Prose rules that a machine can check, over all packages, tests and documents (CONTRIBUTING.md, "Prose")."""

from collections import defaultdict
from pathlib import Path

import pytest

from tests.helpers import prose

PENDING = {
    "demos",
    "evalsuite",
    "factory",
    "pangea_cultural",
    "serve",
    "tests",
}
"""Top-level folders that do not follow the rules yet; their offences are counted, not failed."""
EXCEPTIONS: dict[tuple[str, str], str] = {}
"""Reason by file and text: data that contains a banned word or character."""


def _offences(files: list[Path]) -> dict[str, list[str]]:
    """Return the offences as lines, by top-level folder."""
    by_folder: dict[str, list[str]] = defaultdict(list)
    for file in files:
        name = file.relative_to(prose.ROOT)
        offences = prose.python_offences(file) if file.suffix == ".py" else prose.document_offences(file)
        by_folder[name.parts[0] if len(name.parts) > 1 else "."] += [
            f"{name}:{offence.line}: {offence.rule}: {offence.text}"
            for offence in offences
            if (str(name), offence.text) not in EXCEPTIONS
        ]
    return by_folder


@pytest.mark.parametrize("package", prose.PACKAGES)
def test_python_files_follow_the_prose_rules(package):
    offences = _offences([file for file in prose.python_files() if file.is_relative_to(prose.ROOT / package)])[package]
    if package in PENDING:
        pytest.skip(f"{len(offences)} offences in {package}; list: python -m tests.helpers.prose {package}")
    assert offences == []


def test_documents_follow_the_prose_rules():
    assert [line for lines in _offences(prose.documents()).values() for line in lines] == []


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
