"""Qualifiers that limit a statement: to a time, to a part, or to what is likely.

A limited statement does not answer a question about today, but it still excludes wrong options.
"""

from typing import Any

from factory.wikidata import values

ENDED = "ended"
"""The fact was true once. For a fact that cannot change, such as a school attended, it stays an answer."""
NOT_STARTED = "not started"
PART = "part"
UNCERTAIN = "uncertain"
OTHER_TIME = "other time"
COUNTRY = "country"
"""The value is a country, where an administrative area is asked for. The stage `select` adds it."""
WITHDRAWN, WITHDRAWN_VALUE = "withdrawn", "withdrawn value"
"""The claim, or the entity that is its value, is on the withdrawal list. Only the second still links to a region."""
WORDS = (ENDED, NOT_STARTED, PART, UNCERTAIN, OTHER_TIME, COUNTRY, WITHDRAWN, WITHDRAWN_VALUE)
"""All words of the column `qualified`. An empty text is a statement without limits."""

START = "P580"
ENDS = ("P582", "P576", "P2669")
"""End time, dissolved, discontinued. `No value` means that there is no end."""
REPLACED = ("P1366", "P1534")
"""Replaced by, end cause: they imply an end."""
PARTS = ("P518", "P1107", "P642", "P1013", "P3831", "P2868", "P1001", "P21")
"""Applies to part, proportion, of, criterion used, roles of value and entity, jurisdiction, sex. Without them, the
value is not true, or is true of less: "official residence" is said of a president."""
KINDS_OF_DATE = ("P571", "P1619", "P569", "P577", "P585")
KIND = "P31"
"""Kind of a date, such as that of the first mention: it limits dates only."""
DOUBTS = ("P1480", "P1319", "P1326", "P1310")
"""Sourcing circumstances, earliest date, latest date, disputed by."""
NATURE = "P5102"
SURE_NATURES = ("Q29509043", "Q132555", "Q712144")
"""Official, de jure, de facto: natures of a statement that do not make it less true."""
TIMES = ("P585", "P1264")
"""Point in time, valid in period."""
ACTS = ("P166", "P1435", "P3259")
"""Properties whose point in time is that of the award or the listing, not that of the state."""
QUALIFIERS = (START, *ENDS, *REPLACED, *PARTS, KIND, *DOUBTS, NATURE, *TIMES)
"""All qualifiers that are read."""


def limit(name: str, rank: str, qualifiers: Any, as_of: int) -> str:
    """Return how qualifiers limit a statement, or an empty text.

    Args:
        name: the statement's property.
        rank: its rank. Wikidata prefers the statement of today, whatever period it is valid in.
        qualifiers: snaks by property, as in a document.
        as_of: the year that counts as today. A later end has not come yet.
    """
    if not isinstance(qualifiers, dict) or not qualifiers:
        return ""
    if any(key in qualifiers for key in DOUBTS) or _is_doubtful(qualifiers.get(NATURE)):
        return UNCERTAIN
    if any(key in qualifiers for key in PARTS) or (name in KINDS_OF_DATE and KIND in qualifiers):
        return PART
    if any(key in qualifiers for key in REPLACED) or _has_ended(qualifiers, as_of):
        return ENDED
    if any(year is not None and year > as_of for year in _years(qualifiers.get(START))):
        return NOT_STARTED
    if rank != "preferred" and any(key in qualifiers and not (key == "P585" and name in ACTS) for key in TIMES):
        return OTHER_TIME
    return ""


def _is_doubtful(snaks: Any) -> bool:
    return any(_value(snak) not in SURE_NATURES for snak in _list(snaks))


def _has_ended(qualifiers: dict[str, Any], as_of: int) -> bool:
    return any(year is None or year <= as_of for key in ENDS for year in _years(qualifiers.get(key)))


def _years(snaks: Any) -> list[int | None]:
    """Return the years of time snaks, None for an unknown one. `No value` gives none."""
    years: list[int | None] = []
    for snak in _list(snaks):
        if isinstance(snak, dict) and snak.get("snaktype") == "novalue":
            continue
        key = _value(snak)
        try:
            years.append(values.read_time(key).year)
        except ValueError:
            years.append(None)
    return years


def _value(snak: Any) -> str:
    """Return the key of a snak's value, or an empty text for an unknown or malformed one."""
    datavalue = snak.get("datavalue") if isinstance(snak, dict) else None
    if not isinstance(datavalue, dict):
        return ""
    try:
        return values.key(datavalue)[1]
    except values.MalformedValueError:
        return ""


def _list(snaks: Any) -> list[Any]:
    return snaks if isinstance(snaks, list) else []
