"""Names from CLDR (through Babel) for the regions, where no source had the region's own document.

A dump of a few hundred entities hardly ever holds the countries that its claims point to; their names in 38 languages
are known all the same. They are marked with the source `cldr` and give way to any label of Wikidata.
"""

from collections.abc import Iterator

from babel import Locale, UnknownLocaleError

from pangea_cultural.reference.languages import Language
from pangea_cultural.reference.regions import regions


def region_names(languages: list[Language]) -> Iterator[tuple[str, str, str]]:
    """Region item, our language code and the region's name, where CLDR has a name in that language."""
    for row in languages:
        try:
            names = Locale.parse("nb" if row.code == "no" else row.code).territories
        except UnknownLocaleError:
            continue
        for region in regions().values():
            name = names.get(region.iso)
            # CLDR fills gaps with English; Igbo's file is full of them, and they are not Igbo.
            if name and not (row.code == "ig" and name == region.name):
                yield region.qid, row.code, name
