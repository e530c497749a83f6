"""References of statements: whether one of them names a source besides a Wikimedia project.

A date or a number without a source is wrong too often, and no reader can check it. References of items are not read: a
dump's claims of values are cut out without them, and a SPARQL endpoint would answer for every statement.
"""

from typing import Any, Literal

ReferencedType = Literal["time", "quantity"]
REFERENCED_TYPES: tuple[ReferencedType, ...] = ("time", "quantity")
"""Types of values whose references are read."""
IMPORTS = ("P143", "P4656", "P813", "P887", "P3452")
"""Imported from, import URL, retrieved, based on heuristic, inferred from: they name no source."""


def name_source(references: Any) -> bool:
    """Return whether a reference states a value of a property that is not one of an import.

    Args:
        references: the statement's references, as in a document. What has another form names no source.
    """
    return isinstance(references, list) and any(
        _has_value(snaks)
        for reference in references
        if isinstance(reference, dict) and isinstance(reference.get("snaks"), dict)
        for name, snaks in reference["snaks"].items()
        if name not in IMPORTS
    )


def _has_value(snaks: Any) -> bool:
    """Return whether a snak has a value. An unknown source is none."""
    return isinstance(snaks, list) and any(isinstance(snak, dict) and snak.get("snaktype") == "value" for snak in snaks)
