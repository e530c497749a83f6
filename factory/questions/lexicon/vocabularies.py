"""Vocabularies of the lexicon as classes: values of one vocabulary are comparable, even if no document says so."""

import pyarrow as pa

from factory.questions.lexicon import cldr, written

MIXED = ("class",)
"""Vocabularies whose items are not comparable: a bridge and a village."""
CONTINENTS = ("Q15", "Q18", "Q46", "Q48", "Q49", "Q51", "Q538", "Q55643")


def table() -> pa.Table:
    """Return the vocabulary of each item, as a class with the prefix `lexicon:`."""
    found: dict[str, str] = {}
    for code, item in cldr.items()["territories"].items():
        # CLDR numbers continents and other groups of countries.
        found[item] = "continent" if item in CONTINENTS else "group of countries" if code.isdigit() else "territory"
    found |= dict.fromkeys(cldr.items()["languages"].values(), "language")
    for vocabulary, items in written.vocabularies().items():
        if vocabulary not in MIXED:
            found |= dict.fromkeys(items, vocabulary)
    rows = [{"value": item, "class": f"lexicon:{name}"} for item, name in sorted(found.items())]
    return pa.Table.from_pylist(rows)
