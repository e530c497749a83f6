"""Region names from CLDR (through Babel), for regions without a document in any source.

A dump of a few hundred entities rarely has the countries that its claims point to. CLDR has their names in 38
languages. They get the source `cldr`, and any label of Wikidata replaces them.
"""

from collections.abc import Iterator

from factory.wikidata.locales import CannotRenderError, locale_of
from pangea_cultural.reference.languages import Language
from pangea_cultural.reference.regions import regions


def region_names(languages: list[Language]) -> Iterator[tuple[str, str, str]]:
    """Yield region item, language code and name for each region and language that CLDR has."""
    for row in languages:
        try:
            names = locale_of(row.code).territories
        except CannotRenderError:
            continue
        for region in regions().values():
            name = names.get(region.iso) if region.qid else None
            # CLDR fills gaps with English names. The Igbo file has many of them.
            if name and not (row.code == "ig" and name == region.name):
                yield region.qid, row.code, name
