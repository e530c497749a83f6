"""Claims that tell what an entity is and lies in, cut out of the bytes of its document.

Parsing whole documents would take three times as long as reading a dump. One search over the bytes finds the claims of
some properties, for this purpose and to see whether the entity has a link to a region. The patterns fit dumps in
Wikidata's own form.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from factory.reference.properties import STRUCTURE_PROPERTIES

Match = re.Match[bytes]

_START = b'{"mainsnak"'
_COMMA = ord(",")
_FIRST = b'":[' + _START
_REFERENCES = b',"references":['
_SHORT = re.compile(
    rb'\{"mainsnak":\{"snaktype":"value",[^{}]*+\{"value":(?:'
    rb'\{"entity-type":"item","numeric-id":[0-9]++,"id":"(Q[1-9][0-9]{0,14})"\},"type":"wikibase-entityid"'
    rb'|\{"time":"([+-][0-9]++-[0-9]{2}-[0-9]{2}T00:00:00Z)","timezone":0,"before":0,"after":0,"precision":([0-9]{1,2}),'
    rb'"calendarmodel":"http://www\.wikidata\.org/entity/(Q[0-9]{1,14})"\},"type":"time"'
    rb')\}[^{}]*+\},"type":"statement","id":"[^"\\]*+","rank":"([a-z]++)"'
    rb'(?:(,"references":\[)|\}(?:\]|,(?=\{"mainsnak")))'
)
"""A statement without qualifiers, as most are: its item or time and its rank, and whether references follow."""
_CALENDAR = "http://www.wikidata.org/entity/"
_ZERO = {"timezone": 0, "before": 0, "after": 0}
_DECODER = json.JSONDecoder()
_STRUCTURE = frozenset(name.encode() for name in STRUCTURE_PROPERTIES)


class Skippable:
    """Verdict on a document that cannot be selected: it counts as false, and has the claims that were found."""

    __slots__ = ("claims",)

    def __init__(self, claims: Sequence[Match]) -> None:
        self.claims = claims

    def __bool__(self) -> bool:
        return False


class Finder:
    """Finds the claims of properties in documents. It can be pickled.

    Args:
        properties: further properties, besides those of the structure.
    """

    def __init__(self, properties: Iterable[str] = ()) -> None:
        numbers = sorted({name[1:] for name in (*STRUCTURE_PROPERTIES, *properties)})
        # The pattern starts with a letter, which is searched for at the speed of memchr. Qualifiers and references have
        # snaks, but no main snak.
        self._pattern = re.compile(rb'(P%s)":\[\{"mainsnak"' % _any_of(numbers).encode())

    def find(self, text: bytes) -> list[Match] | None:
        """Return the claims of the properties in a document, each with the property's id as its first group.

        Documents of another form, in which statements do not start with the main snak, give None.
        """
        # Names before the claims hardly contain the letter: looking for the first claim would take longer.
        claims = list(self._pattern.finditer(text))
        is_other_form = not claims and _FIRST not in text and b'"mainsnak"' in text
        return None if is_other_form else claims


def cut(text: bytes, claims: Iterable[Match]) -> bytes:
    """Return the found claims of the structure properties as a JSON object, or an empty text.

    A statement without qualifiers is its rank and its item, such as `"normal Q5"`: a fifth of the text to write. A time
    has precision and calendar as well. The others have no references. `statements` restores them.
    """
    parts = [
        b'"%b":[%b]' % (match[1], b",".join(_statements(text, match.end() - len(_START))))
        for match in claims
        if match[1] in _STRUCTURE
    ]
    return b"{" + b",".join(parts) + b"}" if parts else b""


def statements(structure: str) -> dict[str, list[Any]]:
    """Return the statements of a text that `cut` has made, by property, in the form of a document."""
    return {name: [_restored(row) for row in rows] for name, rows in orjson.loads(structure).items()}


def _restored(statement: Any) -> Any:
    if not isinstance(statement, str):
        return statement
    rank, item, *particulars = statement.split()
    datavalue: dict[str, Any] = {"value": {"id": item}, "type": "wikibase-entityid"}
    if particulars:
        precision, calendar = particulars
        time = {"time": item, "precision": int(precision), "calendarmodel": _CALENDAR + calendar}
        datavalue = {"value": _ZERO | time, "type": "time"}
    return {"mainsnak": {"datavalue": datavalue}, "rank": rank}


def _any_of(numbers: Sequence[str]) -> str:
    """Return a pattern for any of some numbers, by digits: a list of alternatives takes twice as long."""
    by_digit: dict[str, list[str]] = {}
    for number in numbers:
        by_digit.setdefault(number[:1], []).append(number[1:])
    parts = [digit + (_any_of(rest) if digit and any(rest) else "") for digit, rest in sorted(by_digit.items())]
    # The empty part comes last: `17` must not end the search for `179`.
    return f"(?:{'|'.join(sorted(parts, key=bool, reverse=True))})"


def _statements(text: bytes, start: int) -> list[bytes]:
    """Return the statements of a property. After the last one follows `],"P18":[` or no statement."""
    statements: list[bytes] = []
    while start >= 0:
        short = _SHORT.match(text, start)
        if short is None:
            statement, start = _long(text, start)
        else:
            item, time, precision, calendar, rank, references = short.groups()
            statement = b'"%b %b"' % (rank, item or b"%b %b %b" % (time, precision, calendar))
            end = short.end() if references is None else text.find(_START, short.end())
            start = end if end > 0 and text[end - 1] == _COMMA else -1
        statements.append(statement)
    return statements


def _long(text: bytes, start: int) -> tuple[bytes, int]:
    """Return the JSON of a statement without its references, and the start of the next one, or -1."""
    following = text.find(_START, start + len(_START))
    if following < 0:
        return _last_of_document(text, start), -1
    is_last = text[following - 1] != _COMMA
    end = text.rfind(b"]", start, following) if is_last else following - 1
    references = text.find(_REFERENCES, start, end)
    return text[start:end] if references < 0 else text[start:references] + b"}", -1 if is_last else following


def _last_of_document(text: bytes, start: int) -> bytes:
    references = text.find(_REFERENCES, start)
    if references >= 0:
        return text[start:references] + b"}"
    statement, _ = _DECODER.raw_decode(text[start:].decode("utf-8", "replace"))
    return orjson.dumps(statement)
