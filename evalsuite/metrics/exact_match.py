"""Exact match after normalization, for all scripts."""

import unicodedata


def normalized(text: str) -> str:
    """Return a text without differences of width and composition (NFKC), case, punctuation and spaces."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(" " if unicodedata.category(c)[0] in "PZC" else c for c in folded)
    return " ".join(kept.split())


def exact_match(answer: str, right: list[str]) -> bool:
    """Return whether an answer equals one of the right answers after normalization."""
    return normalized(answer) in {normalized(text) for text in right}
