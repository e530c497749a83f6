"""When two answers are the same, whatever the script."""

import unicodedata


def normalized(text: str) -> str:
    """An answer without what does not matter: width and composition (NFKC), case, punctuation, blanks."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(" " if unicodedata.category(c)[0] in "PZC" else c for c in folded)
    return " ".join(kept.split())


def exact_match(answer: str, right: list[str]) -> bool:
    """Whether an answer is one of the right ones."""
    return normalized(answer) in {normalized(text) for text in right}
