"""Text of times and quantities in any language of CLDR (through Babel)."""

from decimal import Decimal

from factory.wikidata import quantities, times
from factory.wikidata.locales import CannotRenderError
from factory.wikidata.times import Said

QUANTITY = "quantity"
"""Form of the text of a quantity."""
Statement = Said | tuple[Decimal, str]
"""Content of a text, the same in all languages: a time, or an amount with its unit."""

__all__ = ["CannotRenderError", "Statement", "form_of", "render", "say", "understand"]


def understand(value_type: str, value: str) -> Statement:
    """Return what a text can say about a time or quantity, in any language.

    Args:
        value_type: `time` or `quantity`.
        value: the value's key (see values.py).

    Raises:
        CannotRenderError: the value is too imprecise for an answer, or not a plausible quantity.
    """
    return times.said(value) if value_type == "time" else quantities.normal(value)


def form_of(statement: Statement) -> str:
    """Return `day`, `month`, `year`, `decade`, `century` or `quantity`."""
    return statement.form if isinstance(statement, Said) else QUANTITY


def say(statement: Statement, language: str) -> str:
    """Return the text of a statement in a language.

    Args:
        statement: a time or quantity.
        language: a code of languages.toml, or `zh-hant`.

    Raises:
        CannotRenderError: CLDR lacks the language or the unit.
    """
    return times.say(statement, language) if isinstance(statement, Said) else quantities.say(statement, language)


def render(value_type: str, value: str, language: str) -> tuple[str, str]:
    """Return the text of a time or quantity in a language, and its form.

    Raises:
        CannotRenderError: the value or the language has no text.
    """
    statement = understand(value_type, value)
    return say(statement, language), form_of(statement)
