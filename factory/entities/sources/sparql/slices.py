"""Slices: which items one query looks for. A slice that is too much for the server is split, never taken as empty."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from factory.entities.sources.sparql import queries
from factory.wikidata import values
from factory.wikidata.entity import CATEGORY, COMMONS
from pangea_cultural.reference.regions import Region, ambiguous_states

MOST_DIGITS = 3

BIRTHPLACE_LINK = "P19/P17"
"""How a person of no state of today belongs to a region: through the country of the place of birth."""
ON_COMMONS = f"""?article schema:about ?item .
    FILTER(STRSTARTS(STR(?article), "{queries.COMMONS}wiki/{CATEGORY}"))"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Slice:
    """Items that a property links to a region and that have a statement of at least one of the asked properties."""

    region: str
    """Slug."""
    items: tuple[str, ...]
    """Wikidata items that stand for the region."""
    link: str
    """Property that links an item to the region; or the path from a person's birthplace to its country."""
    asked: tuple[str, ...]
    images: tuple[str, ...] = ()
    """Of which an item has one, if only items with images are wanted: properties, and a `commonswiki` category."""
    id_suffix: str = ""
    """How the ids end: digits, or with the leading Q for one whole id."""

    @property
    def key(self) -> str:
        """One line that names the slice, and no other."""
        parts = (f"{self.region}({'+'.join(self.items)})", self.link, "+".join(self.asked))
        images = f" with {'+'.join(self.images)}" if self.images else ""
        return " ".join(parts) + images + (f" *{self.id_suffix}" if self.id_suffix else "")

    @property
    def whole(self) -> str:
        """Key of the slice that holds the ids of all last digits."""
        return replace(self, id_suffix="").key

    def query(self) -> str:
        """The query for the ids: rows of `item`, each id once."""
        return self._query("DISTINCT ?item")

    def count_query(self) -> str:
        """The query for how many ids there are: one row of `n`."""
        return self._query("(COUNT(DISTINCT ?item) AS ?n)")

    def _query(self, what: str) -> str:
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
        return queries.PREFIXES + f"SELECT {what} WHERE {{\n  " + "\n  ".join(lines) + "\n}"

    def _image(self) -> str:
        path = "|".join(f"p:{name}" for name in self.images if name != COMMONS)
        claimed = f"{{ ?item {path} ?image }}"
        return f"{claimed} UNION {{ {ON_COMMONS} }}" if COMMONS in self.images else claimed

    def split(self) -> list["Slice"]:
        """Finer slices, which together hold the same items (some twice); none where it is as fine as can be.

        The asked properties are halved until one is left, then the last digits of the ids tell items apart.
        """
        if len(self.asked) > 1:
            half = len(self.asked) // 2
            return [replace(self, asked=part) for part in (self.asked[:half], self.asked[half:])]
        if self.id_suffix.startswith("Q") or len(self.id_suffix) == MOST_DIGITS:
            return []
        longer = [f"{digit}{self.id_suffix}" for digit in "0123456789"]
        # Q7 ends with 7, but with no two digits.
        whole = [f"Q{self.id_suffix}"] if self.id_suffix else []
        return [replace(self, id_suffix=suffix) for suffix in longer + whole]


def _without_citizenship() -> str:
    """People without one, or of nothing but states that are several countries today."""
    historic = ", ".join(f"wd:{name}" for name in ambiguous_states())
    of_today = f'STRSTARTS(STR(?state), "{queries.ENTITY}Q") && ?state NOT IN ({historic})'
    return f"?item wdt:P31 wd:Q5 .\n  FILTER NOT EXISTS {{ ?item wdt:P27 ?state . FILTER({of_today}) }}"


def slices(
    regions: Iterable[Region], links: Sequence[str], asked: Iterable[str], images: Sequence[str] = ()
) -> Iterator[Slice]:
    """The first slices: one a region and link, in the regions' order.

    Args:
        regions: regions whose items are looked for.
        links: properties that link an item to a region.
        asked: properties of which an item needs one; without any there is nothing to look for.
        images: properties of which an item needs one, too; none are needed where it is empty.
    """
    wanted = tuple(values.by_number(asked))
    for region in regions if wanted else ():
        for link in links:
            items = (region.qid, *region.also)
            yield Slice(region=region.slug, items=items, link=link, asked=wanted, images=tuple(images))
