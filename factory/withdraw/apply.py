"""Application of the withdrawal list to a store: what is withdrawn goes, and the stages that depend on it run again.

The list is the truth. It is written first, so a run that is killed at any moment is completed by the next build.
"""

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pyarrow as pa

from factory.entities.base import STAGE
from factory.entities.demotion import demote
from factory.images.candidates import NO_IMAGE
from factory.images.repair import NOT_REPLACED
from factory.reference.properties import (
    CATEGORY_PROPERTIES,
    COUNTRY,
    IMAGE_PROPERTIES,
    OWN_NAME,
    PHOTO_PROPERTIES,
    STRUCTURE_PROPERTIES,
    properties,
)
from factory.scope import Scope
from factory.store.store import Store
from factory.wikidata import qualifiers
from factory.withdraw import consequences
from pangea_cultural.dataset.withdrawal import (
    WITHDRAWN,
    WithdrawalList,
    Withdrawn,
    WithdrawnClaim,
    WithdrawnEntity,
    WithdrawnImage,
    WithdrawnLicense,
)

APPLIED = WITHDRAWN
"""Key of the table `meta`: the digest of the list that the store follows, and the names of its withdrawals."""
LICENSES = "SELECT license_code, license FROM image UNION SELECT license_code, license FROM statement"
NAMED = """
SELECT DISTINCT entity FROM statement
WHERE property = ? AND list_contains(?, license_code || chr(31) || license) ORDER BY entity
"""
"""Entities with a name under a license."""
IMAGES, RELEVANCE, EXPORT = "images", "relevance", "export"
"""Stages that withdrawals let run again, with all later ones: after images, from questions or from the export on."""


class Counts(NamedTuple):
    """Rows of a store that withdrawals concern."""

    questions: int
    by_split: dict[str, int]
    by_language: dict[str, int]
    images: int
    """Files that no other entity has."""
    entities: int
    """Selected entities."""
    claims: int
    entities_of_images: int
    """Entities that lose an image."""
    values: int
    """Entities that are values only, and lose their names."""


def is_applied(store: Store, withdrawn: WithdrawalList) -> bool:
    """Return whether a store follows a list."""
    return _applied(store)["digest"] == withdrawn.digest and not consequences.are_pending(store)


def run(store: Store, withdrawn: WithdrawalList, scope: Scope, folder: Path, stages: Sequence[str]) -> None:
    """Apply a list, and let the selection follow. A build calls this.

    Args:
        store: the store, whose stage `select` has read everything.
        withdrawn: the list.
        scope: scope of the build.
        folder: folder of the images.
        stages: names of the stages in order.
    """
    remove(store, withdrawn, folder, stages)
    if consequences.are_pending(store):
        consequences.follow(store, scope, lambda: _remove_unselected(store, folder, stages))


def count(store: Store, items: Sequence[Withdrawn]) -> Counts:
    """Return what a removal would concern."""
    parameters = find(store, items)
    by_split = """SELECT s.split, sum(g.questions)::BIGINT FROM gone_question g JOIN item USING (item)
                  JOIN split s USING (image) GROUP BY ALL ORDER BY ALL"""
    by_language = """SELECT v.language, sum(g.questions)::BIGINT FROM gone_question g JOIN variant v USING (variant)
                     GROUP BY ALL ORDER BY ALL"""
    return Counts(
        questions=store.value("SELECT coalesce(sum(questions), 0)::BIGINT FROM gone_question"),
        by_split=dict(store.rows(by_split)),
        by_language=dict(store.rows(by_language)),
        images=store.value("SELECT count(*) FROM gone_file"),
        entities=store.value("SELECT count(*) FROM gone_entity WHERE selected"),
        claims=store.value(
            "SELECT count(*) FROM gone_claim WHERE entity NOT IN (SELECT unnest($1::VARCHAR[]))",
            [parameters["entities"]],
        ),
        entities_of_images=store.value("SELECT count(DISTINCT entity) FROM gone_pair"),
        values=store.value("SELECT count(*) FROM gone_entity WHERE NOT selected"),
    )


def remove(store: Store, withdrawn: WithdrawalList, folder: Path, stages: Sequence[str]) -> None:
    """Remove what is on a list from the store and from the folder of images, in one transaction.

    Args:
        store: the store.
        withdrawn: the list.
        folder: folder of the images.
        stages: names of the stages in order.
    """
    with store.transaction():
        parameters = find(store, tuple(withdrawn))
        changed = _first_stage(store)
        files = [path for (path,) in store.rows("SELECT path FROM gone_file")]
        if store.value("SELECT count(*) FROM gone_claim") or store.value("SELECT count(*) FROM gone_entity"):
            consequences.note(store)
        store.script(_sql("remove"), parameters)
        _demote(store)
        _correct_counts(store)
        _outdate(store, changed, stages)
        names = sorted(item.name for item in withdrawn)
        if set(_applied(store)["names"]).difference(names):
            # What left the list has to be read again.
            _outdate(store, STAGE, stages)
        note = orjson.dumps({"digest": withdrawn.digest, "names": names}).decode()
        store.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [APPLIED, note])
        # Before the end of the transaction: a file without a row would stay for ever, and a row without a file is
        # removed by the next run.
        _unlink(folder, files)


def find(store: Store, items: Sequence[Withdrawn]) -> dict[str, Any]:
    """Fill the temporary tables of find.sql, and return the parameters of its queries."""
    images = [item for item in items if isinstance(item, WithdrawnImage)]
    claims = [item for item in items if isinstance(item, WithdrawnClaim)]
    entities = [item.entity for item in items if isinstance(item, WithdrawnEntity)]
    withdrawn_licenses = licenses(store, items)
    parameters = {
        "files": [item.file for item in images if item.file],
        "images": [digest for item in images for digest in item.images],
        "originals": [digest for item in images for digest in item.sha1],
        "licenses": withdrawn_licenses,
        # An entity whose name is under a withdrawn license is withdrawn as a whole.
        "entities": entities + [entity for (entity,) in store.rows(NAMED, [OWN_NAME, withdrawn_licenses])],
        "photo": PHOTO_PROPERTIES[0],
        "photo_properties": list(PHOTO_PROPERTIES),
        "category_properties": list(CATEGORY_PROPERTIES),
        "image_properties": list(IMAGE_PROPERTIES),
        "withdrawn": qualifiers.WITHDRAWN,
        "withdrawn_value": qualifiers.WITHDRAWN_VALUE,
        "not_replaced": NOT_REPLACED,
        "no_image": NO_IMAGE,
    }
    rows = {name: pa.array([getattr(item, name) for item in claims], pa.string()) for name in _CLAIM}
    store.connection.register("listed_claim", pa.table(rows))
    store.script(_sql("find"), parameters)
    store.connection.unregister("listed_claim")
    return parameters


_CLAIM = ("entity", "property", "value")


def licenses(store: Store, items: Sequence[Withdrawn]) -> list[str]:
    """Return the pairs of code and name of the store's licenses that are withdrawn."""
    withdrawn = [item for item in items if isinstance(item, WithdrawnLicense)]
    rows = store.rows(LICENSES) if withdrawn else []
    return [f"{code}\x1f{name}" for code, name in rows if any(item.covers(code, name) for item in withdrawn)]


def _applied(store: Store) -> dict[str, Any]:
    text = store.value("SELECT value FROM meta WHERE key = ?", [APPLIED])
    return orjson.loads(text) if text else {"digest": "", "names": []}


def _sql(name: str) -> str:
    return resources.files("factory.withdraw").joinpath(f"{name}.sql").read_text("utf-8")


def _first_stage(store: Store) -> str:
    """Return the stage from which on the results change."""
    entities = store.value("SELECT count(*) FROM gone_entity WHERE selected")
    if entities or store.value("SELECT count(*) FROM gone_pair"):
        return IMAGES
    names = store.value("SELECT count(*) FROM gone_entity")
    # What a model is asked about an image has the type and the region of its entity, which claims tell.
    return RELEVANCE if names or store.value("SELECT count(*) FROM gone_claim") else EXPORT


def _demote(store: Store) -> None:
    """Let the withdrawn entities be values at most, without names."""
    store.execute(
        "CREATE OR REPLACE TEMP TABLE demoted AS SELECT entity, ? AS reason FROM gone_entity WHERE selected",
        [WITHDRAWN],
    )
    gone = [entity for (entity,) in store.rows("SELECT entity FROM demoted")]
    steps = {step for row in properties().values() for step in row.path[1:]}
    demote(store, frozenset({*STRUCTURE_PROPERTIES, *steps, COUNTRY}))
    forget_images(store, gone)


def forget_images(store: Store, entities: Sequence[str]) -> None:
    """Remove entities from the counts of the stage `images`, which does not read them any more."""
    done = store.value("SELECT count(*) FROM stage WHERE name = ? AND done", [IMAGES])
    if entities and done:
        store.execute(
            """DELETE FROM rejection WHERE stage = ? AND unit <> 'row'
               AND split_part(item, ' ', 1) IN (SELECT unnest(?::VARCHAR[]))""",
            [IMAGES, list(entities)],
        )
        number = len(entities)
        store.execute(
            "UPDATE stage SET inputs = inputs - $1, position = position - $1 WHERE name = $2", [number, IMAGES]
        )


def _correct_counts(store: Store) -> None:
    """Count again what the stages have kept, so that inputs are kept or rejected."""
    for name, kept in (
        (STAGE, "SELECT count(*) FROM entity WHERE selected"),
        (IMAGES, "SELECT count(DISTINCT entity) FROM entity_image"),
    ):
        store.execute(f"UPDATE stage SET kept = ({kept}) WHERE name = ? AND done", [name])
    splits = "(SELECT count(*) FROM split)"
    store.execute(f"UPDATE stage SET inputs = {splits}, kept = {splits} WHERE name = 'split' AND kept IS NOT NULL")


def _outdate(store: Store, changed: str, stages: Sequence[str]) -> None:
    """Let the stages run again that depend on a change. Images are repaired in place, unless the stage is unfinished:
    it resumes by its position among the entities.
    """
    unfinished = store.value("SELECT count(*) FROM stage WHERE name = ? AND NOT done", [IMAGES])
    first = stages.index(changed) + (changed == IMAGES and not unfinished)
    store.execute(
        "UPDATE stage SET fingerprint = '', done = false WHERE list_contains(?, name)", [list(stages[first:])]
    )


def _remove_unselected(store: Store, folder: Path, stages: Sequence[str]) -> None:
    """Remove the images and questions of entities that are not selected any more. The caller holds the transaction."""
    gone = [
        entity
        for (entity,) in store.rows(
            """SELECT DISTINCT entity FROM entity_image WHERE entity NOT IN (SELECT entity FROM entity WHERE selected)
               UNION SELECT split_part(item, ' ', 1) FROM rejection WHERE stage = $1 AND unit <> 'row'
               AND split_part(item, ' ', 1) NOT IN (SELECT entity FROM entity WHERE selected)""",
            [IMAGES],
        )
    ]
    if gone:
        forget_images(store, gone)
        among = "IN (SELECT unnest($1::VARCHAR[]))"
        store.execute(f"DELETE FROM drawn_question WHERE item IN (SELECT item FROM item WHERE entity {among})", [gone])
        store.execute(f"DELETE FROM item WHERE entity {among}", [gone])
        store.execute(f"DELETE FROM entity_image WHERE entity {among}", [gone])
        unused = "image NOT IN (SELECT image FROM entity_image)"
        files = [path for (path,) in store.rows(f"SELECT path FROM image WHERE {unused}")]
        store.execute(f"DELETE FROM image WHERE {unused}")
        store.execute(f"DELETE FROM split WHERE {unused}")
        _outdate(store, IMAGES, stages)
        _unlink(folder, files)
    _correct_counts(store)


def _unlink(folder: Path, files: Sequence[str]) -> None:
    for path in files:
        (folder / path).unlink(missing_ok=True)
