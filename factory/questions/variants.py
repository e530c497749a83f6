"""Variants: the forms of the languages that questions are written in, and the words that each needs.

A language has one variant, and one more for each region that writes it in other characters (Chinese in Taiwan).
"""

from dataclasses import dataclass

from factory.questions.value_names import forms
from factory.scope import Scope
from factory.wikidata.locales import nearest_locale

ALL_REGIONS = -1
OTHER_REGIONS = 0
"""Scope of the regions that write a language as usual, if another region does not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """One form of a language."""

    number: int
    language: str
    region: str
    """Slug of the region that writes the variant; empty for all others."""
    scope: int
    """Number of the region among those with variants; -1 if the language has one variant."""
    file: str
    """Name of the template file: the language's code, or `zh-hant`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ListWords:
    """Separators of "A, B and C" in a language."""

    separator: str
    last: str
    pair: str


def region_scopes(scope: Scope) -> dict[str, int]:
    """Return the number of each region that writes a language in its own form, from 1."""
    return {slug: number for number, slug in enumerate(sorted({form.region for form in forms(scope)} - {""}), 1)}


def variants(scope: Scope) -> list[Variant]:
    """Return the variants of the scope's languages, in the order of the languages."""
    written = forms(scope)
    numbers = region_scopes(scope)
    divided = {form.language for form in written if form.region}
    return [
        Variant(
            number=number,
            language=form.language,
            region=form.region,
            scope=numbers.get(form.region, OTHER_REGIONS if form.language in divided else ALL_REGIONS),
            file=form.text_code,
        )
        for number, form in enumerate(written)
    ]


def list_words(code: str) -> ListWords:
    """Return the separators of lists in a language, from CLDR: commas for a language that it lacks."""
    patterns = nearest_locale(code).list_patterns["standard"]
    return ListWords(
        separator=_between(patterns["middle"]), last=_between(patterns["end"]), pair=_between(patterns["2"])
    )


def _between(pattern: str) -> str:
    return pattern.removeprefix("{0}").removesuffix("{1}")
