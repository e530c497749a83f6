"""Types of entities, by their classes and the superclasses of these. Refused entities are rejected.

The documents of superclasses are known only after all documents have been read.
"""

from collections import defaultdict

import pyarrow as pa

from factory.entities.demotion import demote
from factory.entities.selector import NOT_CULTURE, Selector
from factory.reference.entity_types import classify
from factory.reference.properties import AREA, CLASS, SUPERCLASS
from factory.store.store import Store
from factory.wikidata import qualifiers
from pangea_cultural.reference.ids import OWN
from pangea_cultural.reference.regions import ambiguous_states, regions

COUNTRY_CLASSES = {"Q6256": "country", "Q3624078": "sovereign state", "Q3024240": "historical country"}

# A class that has ended counts only if there is no other.
CLASSES = """
CREATE TEMP TABLE classes AS
SELECT e.entity,
       coalesce(string_agg(DISTINCT c.value, ' ' ORDER BY c.value)
                    FILTER (c.property = $class AND NOT list_contains($past, c.qualified)),
                string_agg(DISTINCT c.value, ' ' ORDER BY c.value) FILTER (c.property = $class), '') AS classes,
       coalesce(string_agg(DISTINCT c.value, ' ' ORDER BY c.value) FILTER (c.property = $superclass), '')
           AS superclasses
FROM entity e
LEFT JOIN claim c ON c.entity = e.entity AND c.best AND c.value_type = 'item' AND c.property IN ($class, $superclass)
                 AND c.qualified <> $withdrawn
GROUP BY e.entity
"""
SET_TYPES = """
UPDATE entity SET entity_type = v.entity_type
FROM classes c JOIN verdict v USING (classes, superclasses)
WHERE c.entity = entity.entity AND NOT starts_with(entity.entity, $own)
"""
"""Own knowledge states types itself."""
REFUSED = """
CREATE TEMP TABLE demoted AS
SELECT entity, v.reason
FROM entity JOIN classes USING (entity) JOIN verdict v USING (classes, superclasses)
WHERE selected AND v.reason <> ''
"""
# "In France" does not answer which district a town is in.
MARK_COUNTRIES = """
UPDATE claim SET qualified = $country
WHERE property = $area AND qualified = ''
  AND (value IN (SELECT unnest($countries))
       OR value IN (SELECT entity FROM claim
                    WHERE best AND property = $class AND value IN (SELECT unnest($country_classes))))
"""


def find(store: Store, selector: Selector) -> None:
    """Set the types of all entities, reject those that are refused, and mark countries among areas."""
    with store.transaction():
        past = [qualifiers.ENDED, qualifiers.NOT_STARTED, qualifiers.OTHER_TIME]
        limits = {"past": past, "withdrawn": qualifiers.WITHDRAWN}
        store.execute(CLASSES, {"class": CLASS, "superclass": SUPERCLASS} | limits)
        store.connection.register("verdict", _verdicts(store))
        store.execute(SET_TYPES, {"own": OWN})
        store.execute(REFUSED)
        store.connection.unregister("verdict")
        store.execute("DROP TABLE classes")
        demote(store, selector.scope.value_properties)
        countries = {item for row in regions().values() for item in row.items} | set(ambiguous_states())
        parameters = {"country": qualifiers.COUNTRY, "area": AREA, "class": CLASS}
        lists = {"countries": sorted(countries), "country_classes": sorted(COUNTRY_CLASSES)}
        store.execute(MARK_COUNTRIES, parameters | lists)


def _verdicts(store: Store) -> pa.Table:
    """Return what each combination of classes says. There are far fewer than entities."""
    superclasses: defaultdict[str, list[str]] = defaultdict(list)
    for entity, value in store.rows(
        "SELECT entity, value FROM claim WHERE best AND value_type = 'item' AND property = ?", [SUPERCLASS]
    ):
        superclasses[entity].append(value)
    rows = []
    for classes, own in store.rows("SELECT DISTINCT classes, superclasses FROM classes"):
        verdict = classify(classes.split(), own.split(), lambda item: superclasses.get(item, ()))
        reason = NOT_CULTURE.format(verdict.refusal) if verdict.refusal else ""
        rows.append({"classes": classes, "superclasses": own, "entity_type": verdict.entity_type, "reason": reason})
    schema = pa.schema([(name, pa.string()) for name in ("classes", "superclasses", "entity_type", "reason")])
    return pa.Table.from_pylist(rows, schema=schema)
