"""Roles of a property's values: what they are, where no document tells, and the unit that a quantity must have."""

from factory.wikidata.quantities import METER, NO_UNIT

CLASS, PERSON, PLACE, WORK, HEIGHT, NUMBER, OTHER = "class", "person", "place", "work", "height", "number", ""
ROLES = {
    CLASS: (
        *("P31", "P106", "P136", "P149", "P135", "P186", "P1435", "P140", "P641", "P1303", "P462", "P2079", "P2012"),
        *("P1582", "P3259", "P407", "P1412", "P172", "P180", "P921"),
    ),
    PERSON: ("P50", "P57", "P61", "P84", "P86", "P112", "P161", "P170", "P175"),
    PLACE: ("P19", "P119", "P131", "P159", "P189", "P276", "P740", "P840", "P915", "P1071", "P17/P36"),
    WORK: ("P144", "P800", "P941", "P1441"),
    HEIGHT: ("P2048",),
    NUMBER: ("P1083", "P1101"),
}
"""Properties of each role. Values of all others can be of several kinds."""
UNITS = {HEIGHT: METER, NUMBER: NO_UNIT}
"""Unit of the quantities of a role, after conversion."""
_BY_PROPERTY = {name: role for role, names in ROLES.items() for name in names}


def role_of(name: str) -> str:
    """Return the role of a property's values, or an empty text."""
    return _BY_PROPERTY.get(name, OTHER)


def fits_unit(unit: str, roles: list[str]) -> bool:
    """Return whether a unit fits one of the roles of a quantity: 5 is not a height."""
    return not roles or any(UNITS.get(role, unit) == unit for role in roles)
