"""Entities that turn out not to be asked about, once all documents have been read. They stay as values where claims of
other entities point to them.
"""

from factory.entities.base import STAGE
from factory.store.store import Store

# A person or an area can be the answer to a question about another entity, so an entity that claims point to stays as a
# value. Values that no claim leads to are deleted: lookup sources have never read them.
DEMOTE = """
DELETE FROM claim WHERE entity IN (SELECT entity FROM demoted) AND property NOT IN (SELECT unnest($properties));
DELETE FROM entity_region WHERE entity IN (SELECT entity FROM demoted);
UPDATE entity SET selected = false, life = '' WHERE entity IN (SELECT entity FROM demoted);
CREATE TEMP TABLE reachable AS
WITH RECURSIVE pointed_to AS (
    SELECT entity FROM entity WHERE selected
    UNION
    SELECT c.value FROM pointed_to p JOIN claim c ON c.entity = p.entity WHERE c.best AND c.value_type = 'item'
)
SELECT entity FROM pointed_to;
DELETE FROM entity WHERE entity NOT IN (SELECT entity FROM reachable);
DELETE FROM claim WHERE entity NOT IN (SELECT entity FROM reachable);
DELETE FROM label WHERE entity NOT IN (SELECT entity FROM reachable);
DROP TABLE reachable;
DROP TABLE demoted;
"""


def demote(store: Store, properties: frozenset[str]) -> None:
    """Reject the entities of the temporary table `demoted`, which has their reasons, and keep needed ones as values.

    Args:
        store: the store, in a transaction.
        properties: properties whose claims values keep.
    """
    for (reason,) in store.rows("SELECT DISTINCT reason FROM demoted ORDER BY reason"):
        items = "SELECT entity AS item FROM demoted WHERE demoted.reason = $reason ORDER BY entity"
        store.reject_selected(STAGE, reason, items)
    store.script(DEMOTE, {"properties": sorted(properties)})
