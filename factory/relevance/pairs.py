"""Pairs of image and entity, with the words that stand for the entity in a prompt."""

from typing import NamedTuple

import pyarrow as pa

from factory.relevance.prompts import prompt, subject
from factory.store.store import Store
from pangea_cultural.reference.regions import region

PAIRS = """
CREATE OR REPLACE TEMP TABLE relevance_pair AS
SELECT DISTINCT i.image, i.entity, p.path, s.split
FROM entity_image i JOIN entity e USING (entity) JOIN image p USING (image) JOIN split s USING (image)
WHERE e.selected
"""
"""Images and the entities that they stand for: an image of several entities is in several pairs."""

SUBJECTS = """
WITH named AS (
    SELECT entity, arg_min(text, (language <> 'en', language <> 'mul', language)) AS name
    FROM label WHERE entity IN (SELECT entity FROM relevance_pair) GROUP BY entity
),
main_region AS (SELECT entity, arg_min(region, (ordinal, region)) AS region FROM entity_region GROUP BY entity)
SELECT e.entity, n.name, e.entity_type, coalesce(r.region, '')
FROM entity e LEFT JOIN named n USING (entity) LEFT JOIN main_region r USING (entity)
WHERE e.selected AND e.entity IN (SELECT entity FROM relevance_pair)
ORDER BY e.entity
"""
"""Names of entities: the English label, else that for all languages, else the first one by language code."""


class Pair(NamedTuple):
    """An image, and an entity that it may show."""

    image: str
    """SHA-256 of the image."""
    entity: str
    path: str
    """Path of the image, relative to the workspace's folder of images."""


def read_pairs(store: Store) -> None:
    """Fill the temporary table `relevance_pair` with all pairs of a store."""
    store.execute(PAIRS)


def subjects(store: Store) -> dict[str, str]:
    """Return the words for each entity of `relevance_pair` in a prompt. Entities without a label are left out."""
    rows = store.rows(SUBJECTS)
    return {
        entity: subject(name, entity_type, region(slug).name if slug else "")
        for entity, name, entity_type, slug in rows
        if name
    }


def set_pairs(store: Store, pairs: list[Pair]) -> None:
    """Fill the temporary table `relevance_pair` with pairs."""
    store.execute("CREATE OR REPLACE TEMP TABLE relevance_pair (image VARCHAR, entity VARCHAR, path VARCHAR)")
    if pairs:
        store.append("relevance_pair", pa.Table.from_pylist([pair._asdict() for pair in pairs]))


def write_prompts(store: Store, template: str) -> None:
    """Fill the temporary table `relevance_prompt` with the texts to ask about the entities of `relevance_pair`."""
    names = subjects(store)
    store.execute("CREATE OR REPLACE TEMP TABLE relevance_prompt (entity VARCHAR, prompt VARCHAR)")
    if names:
        texts = [prompt(template, name) for name in names.values()]
        store.append("relevance_prompt", pa.table({"entity": list(names), "prompt": texts}))
