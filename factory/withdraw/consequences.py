"""The selection of entities after claims were withdrawn: links to regions, types, and whether people live.

A build decides on it, because it depends on the recipe's scope.
"""

from collections.abc import Callable

import pyarrow as pa

from factory.entities import birthplace_links, kinds
from factory.entities.demotion import demote
from factory.entities.life import MINOR, life
from factory.entities.selector import MINOR_PERSON, Selector
from factory.entities.sources.sparql.slices import BIRTHPLACE_LINK
from factory.reference.properties import BIRTH, BIRTHPLACE, BURIAL, DEATH
from factory.scope import Scope
from factory.store.store import Store
from factory.wikidata.entity import UNKNOWN_VALUE, Claim, Entity
from factory.wikidata.qualifiers import WITHDRAWN

PENDING = "withdrawal"
"""Key of the table `meta`: claims were withdrawn, and the selection does not follow yet."""
SURPLUS = """
DELETE FROM claim WHERE property NOT IN (SELECT unnest($properties))
AND entity IN (SELECT item FROM rejection WHERE stage = 'select' AND reason = $withdrawn AND unit = '')
"""
UNLINK = """
DELETE FROM entity_region r
WHERE EXISTS (
    FROM claim c WHERE c.entity = r.entity AND c.qualified = $withdrawn
    AND c.property = CASE r.property WHEN $birthplace_link THEN $birthplace ELSE r.property END)
AND NOT EXISTS (
    FROM claim c JOIN region_item i ON i.item = c.value
    WHERE c.entity = r.entity AND i.region = r.region AND c.best AND c.qualified <> $withdrawn
    AND list_contains($links, c.property))
"""
DATES = "SELECT DISTINCT entity FROM claim WHERE qualified = ? AND list_contains(?, property)"
"""People with a withdrawn date."""


def note(store: Store) -> None:
    """Record that the selection has to follow. The caller holds the transaction."""
    store.execute("INSERT OR REPLACE INTO meta VALUES (?, '')", [PENDING])


def are_pending(store: Store) -> bool:
    """Return whether the selection has to follow."""
    return store.value("SELECT count(*) FROM meta WHERE key = ?", [PENDING]) > 0


def follow(store: Store, scope: Scope, remove_unselected: Callable[[], None]) -> None:
    """Let the selection follow withdrawn claims. Each step can be repeated after a kill.

    Args:
        store: the store.
        scope: scope of the build.
        remove_unselected: called in the last transaction: it removes what belongs to entities that are not selected.
    """
    selector = Selector(scope)
    store.connection.register("region_item", _region_items(selector))
    with store.transaction():
        store.execute(SURPLUS, {"properties": sorted(scope.value_properties), "withdrawn": WITHDRAWN})
        links = {"links": list(scope.link_properties), "withdrawn": WITHDRAWN}
        store.execute(UNLINK, links | {"birthplace": BIRTHPLACE, "birthplace_link": BIRTHPLACE_LINK})
        _find_the_living(store, scope)
    store.connection.unregister("region_item")
    birthplace_links.link(store, selector)
    kinds.find(store, selector)
    with store.transaction():
        remove_unselected()
        store.execute("DELETE FROM meta WHERE key = ?", [PENDING])


def _region_items(selector: Selector) -> pa.Table:
    items = selector.region_of
    return pa.table({"item": pa.array(items, pa.string()), "region": pa.array(items.values(), pa.string())})


def _find_the_living(store: Store, scope: Scope) -> None:
    """Decide again whether people live, whose date of birth or death is withdrawn. Minors are rejected."""
    minors = []
    for (name,) in store.rows(DATES, [WITHDRAWN, [BIRTH, DEATH, BURIAL]]):
        state = life(_person(store, name), scope.as_of)
        store.execute("UPDATE entity SET life = ? WHERE entity = ? AND selected", [state, name])
        minors += [name] if state == MINOR else []
    store.execute(
        """CREATE OR REPLACE TEMP TABLE demoted AS
           SELECT entity, $reason AS reason FROM entity WHERE selected AND list_contains($minors, entity)""",
        {"minors": minors, "reason": MINOR_PERSON},
    )
    demote(store, scope.value_properties)


def _person(store: Store, name: str) -> Entity:
    """Return a person with the claims that are not withdrawn."""
    rows = store.rows(
        """SELECT property, ordinal, best, rank, value, value_type, bounds, qualified FROM claim
           WHERE entity = ? AND qualified <> ? ORDER BY property, ordinal""",
        [name, WITHDRAWN],
    )
    unknown = store.rows(
        "SELECT split_part(item, ' ', 2) FROM rejection WHERE unit = 'claim' AND item LIKE ? AND ends_with(reason, ?)",
        [f"{name} %", UNKNOWN_VALUE],
    )
    properties = frozenset(property for (property,) in unknown)
    return Entity(name, None, {}, [Claim(*row) for row in rows], unknown=properties)
