"""The statements about one entity: its names, texts, images and claims, and the rows that do not fit the others.

A text is a value of its own. The texts of a relation in all languages are one value, so that a language without a text
asks nothing. Two texts in a language are two right answers: the first of each language form a value, and so do the
second ones. A language with fewer texts repeats its last one.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from factory.knowledge.errors import CONTRADICTION, OTHER_TYPE, REPEATED
from factory.knowledge.ids import text_id
from factory.knowledge.sorting import Rejected, Stated
from factory.reference.properties import OWN_NAME, PHOTO_PROPERTIES, properties
from pangea_cultural.reference.ids import ALSO

PHOTO = PHOTO_PROPERTIES[0]
"""Property whose values are titles of images."""
Texts = dict[str, str]
"""A text by label code."""


@dataclass(slots=True)
class Group:
    """Content of the rows about an entity."""

    entity: str
    entity_type: str = ""
    regions: list[str] = field(default_factory=list)
    labels: Texts = field(default_factory=dict)
    """Names by label code, further ones under codes that end with `ALSO` and a number."""
    claims: list[tuple[str, str, str, bool]] = field(default_factory=list)
    """Property, type, key of the value, and whether a row names a source, without repetition."""
    texts: dict[str, Texts] = field(default_factory=dict)
    """Texts that are values, by id."""
    used: list[tuple[Stated, str, str]] = field(default_factory=list)
    """Rows with the property and the value that they state. A row with an image occurs twice."""
    rejected: list[Rejected] = field(default_factory=list)


def group(entity: str, rows: Sequence[Stated]) -> Group:
    """Return what the rows about an entity state."""
    found = Group(entity)
    rows = list(_fitting(rows, found))
    found.regions = list(dict.fromkeys(row.statement.region for row in rows if row.statement.region))
    _add_names(rows, found)
    claims: dict[tuple[str, str, str], bool] = {}
    ids, text_values = _text_values(rows, found)
    for row in rows:
        said = row.statement
        if row.title:
            claims.setdefault((PHOTO, "string", row.title), False)
            found.used.append((row, PHOTO, row.title))
        if said.relation == OWN_NAME:
            found.used.append((row, OWN_NAME, ""))
        elif said.relation:
            value = ids[said.relation, said.language, said.value] if said.value_type == "text" else said.value
            key = (said.relation, "item" if said.value_type == "text" else said.value_type, value)
            claims[key] = claims.get(key, False) or bool(said.source)
            found.used.append((row, said.relation, value))
    # Values whose texts are all repeated: a row has the first value of its text.
    for relation, value in text_values:
        claims.setdefault((relation, "item", value), False)
    found.claims = [(*key, has_source) for key, has_source in claims.items()]
    return found


def _add_names(rows: Iterable[Stated], found: Group) -> None:
    names: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row.statement.relation == OWN_NAME:
            names[row.statement.language].append(row.statement.value)
    for code, texts in names.items():
        first, *others = dict.fromkeys(texts)
        found.labels[code] = first
        found.labels |= {f"{code}{ALSO}{number}": text for number, text in enumerate(others, 1)}


def _fitting(rows: Sequence[Stated], found: Group) -> Iterator[Stated]:
    """Yield the rows that fit the earlier ones."""
    found.entity_type = next((row.statement.entity_type for row in rows if row.statement.entity_type), "")
    contradicting = _contradicting(rows)
    seen: dict[tuple[str, ...], str] = {}
    for row in rows:
        said = row.statement
        key = (said.relation, said.value, said.language, row.title, said.region)
        if said.entity_type not in ("", found.entity_type):
            found.rejected.append(Rejected(row.place, OTHER_TYPE, f"{said.entity_type}, not {found.entity_type}"))
        elif key in seen:
            found.rejected.append(Rejected(row.place, REPEATED, seen[key]))
        elif (said.relation, said.language) in contradicting:
            others = contradicting[said.relation, said.language]
            detail = f"{said.relation}: {', '.join(others)}"
            found.rejected.append(Rejected(row.place, CONTRADICTION, detail))
        else:
            seen[key] = row.place
            yield row


def _contradicting(rows: Iterable[Stated]) -> dict[tuple[str, str], list[str]]:
    """Return the places of contradicting rows: several values of a relation that has one, by relation and language."""
    values: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for row in rows:
        said = row.statement
        if said.relation != OWN_NAME and said.relation and properties()[said.relation].functional:
            values[said.relation, said.language].setdefault(said.value, row.place)
    return {key: list(places.values()) for key, places in values.items() if len(places) > 1}


def _text_values(rows: Iterable[Stated], found: Group) -> tuple[dict[tuple[str, str, str], str], list[tuple[str, str]]]:
    """Return the ids of the values of texts, by relation, language and text, and the relations and ids of all values.

    The texts are added to the group.
    """
    texts: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        said = row.statement
        if said.value_type == "text" and said.relation != OWN_NAME:
            listed = texts[said.relation][said.language]
            if said.value not in listed:
                listed.append(said.value)
    ids: dict[tuple[str, str, str], str] = {}
    values = []
    for relation, by_language in texts.items():
        for place in range(max(map(len, by_language.values()))):
            chosen = {code: listed[min(place, len(listed) - 1)] for code, listed in by_language.items()}
            value = text_id(chosen)
            found.texts[value] = chosen
            values.append((relation, value))
            for code, text in chosen.items():
                ids.setdefault((relation, code, text), value)
    return ids, values
