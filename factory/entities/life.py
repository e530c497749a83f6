"""Living people and minors, by their dates of birth and death. The store's column `life` has the result."""

from factory.reference.properties import BIRTH, BURIAL, DEATH, HUMAN
from factory.wikidata.entity import Entity
from factory.wikidata.values import YEAR, read_time

LIVING, MINOR = "living", "minor"
ADULT_AGE = 18
OLDEST_AGE = 115
"""Age after which someone without a date of death is not counted as living."""


def life(entity: Entity, as_of: int) -> str:
    """Return `living` or `minor` for a person without a death, or an empty text.

    Args:
        entity: the entity.
        as_of: the year in which ages count. Who can be younger than 18 at some time of that year is a minor.
    """
    if (HUMAN not in entity.best("P31") and entity.entity_type != "person") or _is_dead(entity):
        return ""
    births = _births(entity)
    if not births:
        return LIVING
    # Dates that disagree or are imprecise count as the latest one: protection in doubt.
    age = as_of - max(births)
    if age > OLDEST_AGE:
        return ""
    return MINOR if age <= ADULT_AGE else LIVING


def _births(entity: Entity) -> list[int]:
    """Return the years of birth of the best rank. If the best value is unknown, doubtful ones count."""
    claims = [claim for claim in entity.claims if claim.property == BIRTH and claim.rank != "deprecated"]
    best = [claim for claim in claims if claim.best]
    return [_latest_year(claim.value) for claim in best or claims if claim.value_type == "time"]


def _is_dead(entity: Entity) -> bool:
    # An unknown date of death is a death. A grave implies one.
    died = any(claim.property in (DEATH, BURIAL) and claim.rank != "deprecated" for claim in entity.claims)
    return died or DEATH in entity.unknown


def _latest_year(value: str) -> int:
    """Return the last year of a date in its precision: 1999 for the 1990s, 2000 for the 20th century."""
    time = read_time(value)
    if time.precision >= YEAR:
        return time.year
    span = 10 ** (YEAR - time.precision)
    if time.precision == YEAR - 1:
        return time.year // span * span + span - 1
    return -(-time.year // span) * span
