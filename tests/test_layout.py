"""Layout: short functions and small folders (CONTRIBUTING.md, "Rules")."""

import ast
from collections import Counter

from tests.helpers.prose import ROOT, python_files

MOST_LINES = 60
MOST_FILES = 16


def test_functions_are_short():
    long = []
    for file in python_files():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > MOST_LINES:
                    long.append(f"{file.relative_to(ROOT)}: {node.name}: {lines} lines")
    assert long == []


def test_folders_are_small():
    files = Counter(file.parent.relative_to(ROOT).as_posix() for file in python_files() if file.name != "__init__.py")
    assert {folder: count for folder, count in files.items() if count > MOST_FILES} == {}
