"""Statistics of a store as plain data: counts, one entity, rejections."""

from collections.abc import Sequence
from typing import Any

from factory.reference.properties import properties
from factory.store.store import Store
from factory.wikidata.values import exactness
from pangea_cultural.errors import UserError
from pangea_cultural.reference.ids import OWN

SUPPORT_LABELS = {
    "P18": "image",
    "P30": "continent",
    "P36": "capital",
    "P37": "official language",
    "P373": "Commons category",
    "commonswiki": "category on Commons, by its link",
    "P19/P17": "country of the place of birth",
    "P8592": "aerial view",
    "P5775": "image of interior",
    "P3451": "nighttime view",
    "P4291": "panoramic view",
    "P8517": "view",
    "P9721": "entrance",
    "P1801": "plaque image",
}
"""Labels of properties that are read without questions about them."""
UNITS = {
    "select": "documents",
    "images": "entities",
    "questions": "questions",
    "split": "images",
    "refine": "open questions",
    "relevance": "pairs",
    "export": "questions",
}
"""Units of the inputs of each stage."""
Table = tuple[list[str], list[list[Any]]]
"""Column names and rows."""


def stages(store: Store, names: Sequence[str]) -> Table:
    """Return the numbers of inputs, kept and rejected units of each stage; `names` are the stages in order.

    Inputs are kept or rejected: the numbers add up. Dropped parts of inputs, such as claims of documents, are a number
    of their own.
    """
    rows = store.rows(
        """SELECT s.name, s.done, s.inputs, s.kept,
                  (SELECT coalesce(sum(items), 0)::BIGINT FROM rejection r WHERE r.stage = s.name AND r.unit = ''),
                  (SELECT coalesce(sum(items), 0)::BIGINT FROM rejection r WHERE r.stage = s.name AND r.unit <> ''),
                  round(s.seconds, 1)
           FROM stage s WHERE list_contains($names, s.name) ORDER BY list_position($names, s.name)""",
        {"names": list(names)},
    )
    columns = ["stage", "unit", "done", "inputs", "kept", "rejected", "dropped parts", "seconds"]
    return columns, [[row[0], UNITS.get(row[0], ""), *row[1:]] for row in rows]


def totals(store: Store) -> dict[str, int]:
    """Return the numbers of rows of the main tables."""
    return {
        "entities": store.value("SELECT count(*) FROM entity WHERE selected"),
        "values": store.value("SELECT count(*) FROM entity WHERE NOT selected"),
        "claims": store.value("SELECT count(*) FROM claim"),
        "labels": store.value("SELECT count(*) FROM label"),
        "images": store.value("SELECT count(*) FROM image"),
        "questions": store.value("SELECT count(*) + count(wrong1) FROM drawn_question"),
        "rejections": store.value("SELECT coalesce(sum(items), 0)::BIGINT FROM rejection"),
    }


def everything(store: Store, names: Sequence[str]) -> dict[str, Any]:
    """Return all counts of a store; `names` are the stages in order."""
    return {
        "totals": totals(store),
        "stages": stages(store, names),
        "languages": by_language(store),
        "regions": by_region(store),
        "properties": by_property(store),
        "links": by_link(store),
        "rejections": reject_reasons(store, names),
    }


def by_language(store: Store) -> Table:
    """Return the questions, entities and properties of each language."""
    rows = store.rows(
        """SELECT language, count(*) FILTER (question_type = 'open'), count(*) FILTER (question_type = 'choice'),
                  count(DISTINCT entity), count(DISTINCT property)
           FROM question_key GROUP BY language ORDER BY language"""
    )
    return ["language", "open", "choice", "entities", "properties"], [list(row) for row in rows]


def by_region(store: Store) -> Table:
    """Return the selected entities, entities with images, and questions of each region."""
    rows = store.rows(
        """SELECT region, count(DISTINCT r.entity), count(DISTINCT i.entity),
                  count(DISTINCT (q.item, q.language, q.question_type))
           FROM entity_region r LEFT JOIN entity_image i USING (entity)
           LEFT JOIN question_key q USING (entity, region)
           GROUP BY region ORDER BY region"""
    )
    return ["region", "entities", "with image", "questions"], [list(row) for row in rows]


def by_property(store: Store) -> Table:
    """Return the entities, distinct values, questions and distinct answers of each property."""
    rows = store.rows(
        """WITH claimed AS (
               SELECT property, count(DISTINCT entity) AS entities, count(DISTINCT value) AS distinct_values
               FROM claim JOIN entity USING (entity) WHERE selected AND best GROUP BY property
           ),
           made AS (
               SELECT a.property, count(*) + count(d.wrong1) AS questions,
                      count(DISTINCT (d.answer, d.variant)) AS answers
               FROM drawn_question d JOIN item i USING (item) JOIN asked a USING (asked) GROUP BY a.property
           )
           SELECT property, coalesce(entities, 0), coalesce(distinct_values, 0), coalesce(questions, 0),
                  coalesce(answers, 0)
           FROM claimed FULL JOIN made USING (property) ORDER BY 4 DESC, 2 DESC, property"""
    )
    return (
        ["property", "name", "entities", "values", "questions", "answers"],
        [[row[0], _label(row[0]), *row[1:]] for row in rows],
    )


def _label(name: str) -> str:
    return properties()[name].label if name in properties() else SUPPORT_LABELS.get(name, "")


def by_link(store: Store) -> Table:
    """Return the entities and regions that each property links."""
    rows = store.rows(
        """SELECT property, count(DISTINCT entity), count(DISTINCT region) FROM entity_region
           GROUP BY property ORDER BY 2 DESC, property"""
    )
    return ["property", "name", "entities", "regions"], [[row[0], _label(row[0]), *row[1:]] for row in rows]


def reject_reasons(store: Store, names: Sequence[str]) -> Table:
    """Return the rejections by stage, unit and reason, with an example each; `names` are the stages in order.

    Those of a stage's own unit come first. They are its inputs less what it kept.
    """
    rows = store.rows(
        """SELECT stage, unit, reason, sum(items)::BIGINT AS n, min(item), arg_min(detail, item) FROM rejection
           GROUP BY stage, unit, reason ORDER BY list_position($names, stage), unit <> '', unit, n DESC, reason""",
        {"names": list(names)},
    )
    columns = ["stage", "unit", "reason", "items", "example", "detail"]
    return columns, [[stage, f"{unit}s" if unit else UNITS.get(stage, ""), *row] for stage, unit, *row in rows]


def rejections(store: Store, names: Sequence[str], reason: str) -> Table:
    """Return what was rejected, each with its reason; `names` are the stages in order.

    Args:
        store: the store.
        names: names of the stages in order.
        reason: text that the reasons contain, whatever the letter case.
    """
    rows = store.rows(
        """SELECT stage, unit, item, reason, detail, items FROM rejection WHERE contains(lower(reason), lower($reason))
           ORDER BY list_position($names, stage), unit, reason, regexp_replace(item, ':\\d+$', ''),
                    try_cast(regexp_extract(item, ':(\\d+)$', 1) AS BIGINT), item""",
        {"names": list(names), "reason": reason},
    )
    columns = ["stage", "unit", "item", "reason", "detail", "items"]
    return columns, [[stage, unit or UNITS.get(stage, ""), *row] for stage, unit, *row in rows]


def entity(store: Store, name: str) -> dict[str, Any]:
    """Return the contents of the store about an entity.

    Raises:
        UserError: the store does not have it; if it was rejected, the message names the reason.
    """
    rows = store.rows("SELECT selected, entity_type, revision, source FROM entity WHERE entity = ?", [name])
    if not rows:
        reasons = store.rows("SELECT DISTINCT reason FROM rejection WHERE item = ?", [name])
        hint = f"Rejected: {reasons[0][0]}." if reasons else "Run `pcult data reject-reasons`."
        raise UserError(f"{name} is not in the store. {hint}")
    selected, entity_type, revision, source = rows[0]
    return {
        "entity": name,
        "selected": selected,
        "entity_type": entity_type,
        "revision": revision,
        "source": source,
        "regions": [row[0] for row in store.rows("SELECT region FROM entity_region WHERE entity = ?", [name])],
        "labels": _records(store, "SELECT language, text, source FROM label WHERE entity = ? ORDER BY language", name),
        "claims": _claims(store, name),
        "images": _records(
            store,
            """SELECT i.file, e.via, i.author,
                      CASE WHEN i.attribution = '' THEN i.author ELSE i.attribution END AS attribution,
                      i.license, i.license_code, i.license_url, i.restrictions, i.source, i.changes,
                      i.width, i.height, i.path, r.probability AS relevance
               FROM entity_image e JOIN image i USING (image) LEFT JOIN relevance r USING (image, entity)
               WHERE e.entity = ? ORDER BY e.ordinal""",
            name,
        ),
        "statements": _records(
            store,
            """SELECT file, line, property, text, language, source, author, license FROM statement WHERE entity = ?
               ORDER BY file, line""",
            name,
        ),
        "questions": store.value("SELECT count(*) FROM question_key WHERE entity = ?", [name]),
        "rejections": _records(
            store,
            """SELECT stage, reason, item, detail FROM rejection
               WHERE item = $1 OR starts_with(item, $1 || ' ') OR starts_with(item, $1 || '-')""",
            name,
        ),
    }


def _claims(store: Store, name: str) -> list[dict[str, Any]]:
    rows = _records(
        store,
        """SELECT c.property, c.value, c.value_type, c.bounds, c.rank, c.best,
                  (SELECT arg_min(text, (language <> 'en', language)) FROM label l
                   WHERE l.entity = c.value AND (language = 'en' OR starts_with(l.entity, $own))) AS label
           FROM claim c WHERE c.entity = $entity ORDER BY c.property, c.ordinal""",
        {"entity": name, "own": OWN},
    )
    return [row | {"exactness": exactness(row["value_type"], row["value"], row["bounds"])} for row in rows]


def _records(store: Store, sql: str, parameters: str | dict[str, Any]) -> list[dict[str, Any]]:
    return store.table(sql, [parameters] if isinstance(parameters, str) else parameters).to_pylist()
