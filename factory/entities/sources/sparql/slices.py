"""Slices: the items that one query finds. A slice that is too large is split and never counts as empty."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from factory.entities.sources.sparql import queries
from factory.wikidata import values
from factory.wikidata.entity import CATEGORY, COMMONS
from pangea_cultural.reference.regions import Region, ambiguous_states

MAX_DIGITS = 3

BIRTHPLACE_LINK = "P19/P17"
"""Link of a person without a present-day citizenship to a region: the country of the birthplace."""
ON_COMMONS = f"""?article schema:about ?item .
    FILTER(STRSTARTS(STR(?article), "{queries.COMMONS}wiki/{CATEGORY}"))"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Slice:
    """Items that a property links to a region and that have a statement of at least one asked property."""

    region: str
    """Slug of the region."""
    items: tuple[str, ...]
    """Wikidata items of the region."""
    link: str
    """Property that links an item to the region, or the path from a person's birthplace to its country."""
    asked: tuple[str, ...]
    """Properties of which an item needs at least one."""
    images: tuple[str, ...] = ()
    """Image properties, and `commonswiki` for a category, of which an item needs at least one."""
    id_suffix: str = ""
    """Last digits of the ids, or one complete id with its Q."""

    @property
    def key(self) -> str:
        """Unique description in one line."""
        parts = (f"{self.region}({'+'.join(self.items)})", self.link, "+".join(self.asked))
        images = f" with {'+'.join(self.images)}" if self.images else ""
        return " ".join(parts) + images + (f" *{self.id_suffix}" if self.id_suffix else "")

    @property
    def undivided_key(self) -> str:
        """Key of the slice with all last digits."""
        return replace(self, id_suffix="").key

    def query(self) -> str:
        """Return the query for the ids: rows of `item`, each id once."""
        return self._query("DISTINCT ?item")

    def count_query(self) -> str:
        """Return the query for the number of ids: one row of `n`."""
        return self._query("(COUNT(DISTINCT ?item) AS ?n)")

    def _query(self, variables: str) -> str:
        lines = [
            f"VALUES ?region {{ {queries.names('wd', self.items)} }}",
            f"?item {'/'.join(f'wdt:{step}' for step in self.link.split('/'))} ?region .",
            f"VALUES ?asked {{ {queries.names('p', self.asked)} }}",
            "?item ?asked ?statement .",
        ]
        if self.images:
            lines.append(f"FILTER EXISTS {{ {self._image()} }}")
        if self.link == BIRTHPLACE_LINK:
            lines.append(_without_citizenship())
        if self.id_suffix:
            lines.append(f'FILTER(STRENDS(STR(?item), "{self.id_suffix}"))')
        return queries.PREFIXES + f"SELECT {variables} WHERE {{\n  " + "\n  ".join(lines) + "\n}"

    def _image(self) -> str:
        path = "|".join(f"p:{name}" for name in self.images if name != COMMONS)
        claimed = f"{{ ?item {path} ?image }}"
        return f"{claimed} UNION {{ {ON_COMMONS} }}" if COMMONS in self.images else claimed

    def split(self) -> list["Slice"]:
        """Return smaller slices with the same items, some of them twice, or nothing if there are none.

        The asked properties are halved down to one, then the last digits of the ids divide the items.
        """
        if len(self.asked) > 1:
            half = len(self.asked) // 2
            return [replace(self, asked=part) for part in (self.asked[:half], self.asked[half:])]
        if self.id_suffix.startswith("Q") or len(self.id_suffix) == MAX_DIGITS:
            return []
        longer = [f"{digit}{self.id_suffix}" for digit in "0123456789"]
        # Q7 ends with 7, but not with two digits.
        complete = [f"Q{self.id_suffix}"] if self.id_suffix else []
        return [replace(self, id_suffix=suffix) for suffix in longer + complete]


def _without_citizenship() -> str:
    """Return a filter for people without citizenship, or only of historic states of several regions."""
    historic = ", ".join(f"wd:{name}" for name in ambiguous_states())
    present = f'STRSTARTS(STR(?state), "{queries.ENTITY}Q") && ?state NOT IN ({historic})'
    return f"?item wdt:P31 wd:Q5 .\n  FILTER NOT EXISTS {{ ?item wdt:P27 ?state . FILTER({present}) }}"


def slices(
    regions: Iterable[Region], links: Sequence[str], asked: Iterable[str], images: Sequence[str] = ()
) -> Iterator[Slice]:
    """Yield the first slices: one per region and link, in the order of the regions.

    Args:
        regions: regions of the items.
        links: properties that link an item to a region.
        asked: properties of which an item needs at least one. Without any there are no slices.
        images: image properties of which an item needs at least one. None is needed if it is empty.
    """
    ordered = tuple(values.by_number(asked))
    for region in regions if ordered else ():
        for link in links:
            if region.items:
                yield Slice(region=region.slug, items=region.items, link=link, asked=ordered, images=tuple(images))
