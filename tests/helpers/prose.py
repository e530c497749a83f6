"""Mechanical prose rules for Python files and documents. Run `python -m tests.helpers.prose [PATH ...]` for a list."""

import ast
import io
import re
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGES = ("pangea_cultural", "factory", "serve", "evalsuite", "demos", "tests")
DOCUMENTS = ("*.md", "docs/**/*.md", "tests/**/*.md")

RULES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
OPENINGS = frozenset(RULES["openings"])
BANNED_WORDS = frozenset(RULES["words"])
BANNED_PHRASES = re.compile("|".join(RULES["phrases"]), re.IGNORECASE)
EXCLUDED = ("tests/test_prose.py",)
QUOTES = re.compile("[\u2018\u2019\u201c\u201d\u201e]")
ELLIPSIS = "\u2026"
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


class Offence(NamedTuple):
    """One broken rule at one line."""

    path: Path
    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.text}"


def python_offences(path: Path) -> list[Offence]:
    """Return the offences of a Python file, in the order of its lines."""
    source = path.read_text(encoding="utf-8")
    found = [*_docstring_offences(path, ast.parse(source)), *_token_offences(path, source)]
    return sorted(found, key=lambda offence: offence.line)


def document_offences(path: Path) -> list[Offence]:
    """Return the offences of a Markdown file outside its code blocks."""
    found: list[Offence] = []
    in_code = False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.lstrip().startswith("```"):
            in_code = not in_code
        elif not in_code:
            found += _text_offences(path, number, re.sub(r"`[^`]*`|\]\([^)]*\)", " ", line))
    return found


def _docstring_offences(path: Path, tree: ast.Module) -> Iterator[Offence]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for statement, above in zip(node.body, [None, *node.body], strict=False):
            if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Constant):
                continue
            if not isinstance(statement.value.value, str):
                continue
            owner = node if above is None else above
            words = statement.value.value.split()
            opening = words[0].strip(",.:;'\"`").lower() if words else ""
            if opening in OPENINGS or (opening == "whether" and not _is_bool(owner)):
                yield Offence(path, statement.lineno, "docstring opening", " ".join(words[:8]))


def _is_bool(owner: ast.AST) -> bool:
    annotation = owner.returns if isinstance(owner, ast.FunctionDef | ast.AsyncFunctionDef) else None
    annotation = owner.annotation if isinstance(owner, ast.AnnAssign) else annotation
    return annotation is not None and "bool" in ast.unparse(annotation)


def _token_offences(path: Path, source: str) -> Iterator[Offence]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        name = tokenize.tok_name[token.type]
        if name in ("COMMENT", "STRING", "FSTRING_MIDDLE"):
            # Quotes in a string are mostly data: text of a user or of a web page.
            is_prose = name == "COMMENT" or token.string.startswith('"""')
            for number, line in enumerate(token.string.splitlines(), token.start[0]):
                yield from _text_offences(path, number, line if is_prose else QUOTES.sub("'", line))
        elif name == "NAME":
            yield from _word_offences(path, token.start[0], token.string)


def _text_offences(path: Path, number: int, line: str) -> Iterator[Offence]:
    if QUOTES.search(line) or ELLIPSIS in line:
        yield Offence(path, number, "typographic character", line.strip())
    yield from _word_offences(path, number, line)
    for match in BANNED_PHRASES.finditer(line):
        yield Offence(path, number, "phrase", match.group())


def _word_offences(path: Path, number: int, text: str) -> Iterator[Offence]:
    for word in WORD.findall(text):
        if word.lower() in BANNED_WORDS:
            yield Offence(path, number, "word", word if " " in text else text)


def python_files() -> list[Path]:
    """Return all Python files of the packages and the tests."""
    paths = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return [path for path in paths if str(path.relative_to(ROOT)) not in EXCLUDED]


def documents() -> list[Path]:
    """Return all Markdown files of the project."""
    return sorted(
        {path for pattern in DOCUMENTS for path in ROOT.glob(pattern) if not {"_build", "_generated"} & set(path.parts)}
    )


if __name__ == "__main__":
    paths = [Path(name).resolve() for name in sys.argv[1:]]
    files = [*python_files(), *documents()]
    chosen = [file for file in files if not paths or any(file.is_relative_to(path) for path in paths)]
    for file in chosen:
        for offence in python_offences(file) if file.suffix == ".py" else document_offences(file):
            print(offence._replace(path=file.relative_to(ROOT)))
