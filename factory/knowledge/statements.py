"""Statements: rows whose cells are checked and have the form of the store."""

from dataclasses import dataclass

from factory.knowledge import values
from factory.knowledge.columns import Cells
from factory.knowledge.errors import (
    NO_AUTHOR,
    NO_ENTITY,
    NO_LANGUAGE,
    NO_VALUE,
    NOT_ASKED,
    NOTHING_STATED,
    OTHER_LANGUAGE,
    UNKNOWN_LANGUAGE,
    UNKNOWN_REGION,
    UNKNOWN_RELATION,
    UNKNOWN_TYPE,
    VALUE_WITHOUT_RELATION,
    WIKIDATA_ENTITY,
    RowError,
)
from factory.knowledge.ids import entity_id, image_id, is_wikidata
from factory.reference.entity_types import entity_types
from factory.reference.properties import NAME, OWN_NAME, Property, properties
from factory.scope import Scope
from pangea_cultural.errors import ImageError, UserError, unknown
from pangea_cultural.reference import licenses, own_tables
from pangea_cultural.reference.languages import Language, languages
from pangea_cultural.reference.regions import region

ALL_LANGUAGES = "mul"
"""Wikidata's label code of a text that is equal in all languages of its script."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Content of a row about an entity."""

    entity: str
    """Id of the entity."""
    entity_type: str
    """Empty if the row does not state it, as are the other texts."""
    region: str
    image: str
    """Path of an image of the entity, as the row has it."""
    relation: str
    """`name`, or the id of a property."""
    value_type: str
    """`item`, `time`, `quantity`, or `text` for a text of a language."""
    value: str
    """Key of the value as in the table `claim`, or the text."""
    language: str
    """Code of a text's language, or `mul`."""
    author: str
    source: str
    license: str


def read(cells: Cells, file: str, scope: Scope) -> Statement:
    """Return the statement of a row.

    Args:
        cells: texts of the row by column.
        file: name of the row's file, which distinguishes images without an entity.
        scope: languages and properties of the recipe.

    Raises:
        RowError: the row is wrong.
    """
    relation, value, image = (cells.get(name, "") for name in ("relation", "value", "image"))
    if not relation and not image:
        raise RowError(VALUE_WITHOUT_RELATION if value else NOTHING_STATED, value)
    entity = _entity(cells, file)
    row = _relation(relation, scope) if relation else None
    code, value_type = "", ""
    if row is not None:
        if not value:
            raise RowError(NO_VALUE, relation)
        value_type = row if isinstance(row, str) else row.value_type
        code = _language(cells, scope) if value_type == "text" else ""
        value = values.key(value_type, value)
        _check_license(cells)
    return Statement(
        entity=entity,
        entity_type=_type(cells),
        region=_region(cells),
        image=image,
        relation=row.id if isinstance(row, Property) else OWN_NAME if row else "",
        value_type=value_type,
        value=value,
        language=code,
        author=cells.get("author", ""),
        source=cells.get("source", ""),
        license=cells.get("license", ""),
    )


def _entity(cells: Cells, file: str) -> str:
    key, image = cells.get("entity", ""), cells.get("image", "")
    if is_wikidata(key):
        raise RowError(WIKIDATA_ENTITY, f"{key}: write a key of your own")
    if key:
        return entity_id(key)
    if not image:
        raise RowError(NO_ENTITY)
    return image_id(f"{file.rpartition('/')[0]}/{image}")


def _relation(name: str, scope: Scope) -> Property | str:
    """Return the property of a relation, or `text` for names."""
    if name.casefold() == OWN_NAME:
        return "text"
    row = properties().get(name) or properties().get(name.casefold())
    if row is None or row.path or row.id == NAME:
        known = [OWN_NAME, *(key for key, row in properties().items() if not row.path and key != NAME)]
        raise RowError(UNKNOWN_RELATION, _hint(unknown("relation", name, known)))
    if row.id not in scope.read_properties:
        raise RowError(NOT_ASKED, name)
    return row


def _language(cells: Cells, scope: Scope) -> str:
    code = cells.get("language", "")
    if not code:
        raise RowError(NO_LANGUAGE, cells.get("value", ""))
    if code.casefold() == ALL_LANGUAGES:
        return ALL_LANGUAGES
    lower = code.casefold()
    row = _languages().get(lower) or _languages().get(lower.partition("-")[0])
    if row is None:
        raise RowError(UNKNOWN_LANGUAGE, f"{code}: write a code of `pcult data list languages`")
    if row.code not in scope.languages:
        raise RowError(OTHER_LANGUAGE, row.code)
    return lower if lower in _label_codes(row.code) else row.labels[0]


@own_tables.cached
def _languages() -> dict[str, Language]:
    """Return the languages by what people write in lower case: a code, or a name such as Spanish."""
    rows = languages().values()
    names = {name.casefold(): row for row in rows for name in (row.name, row.native)}
    return names | {code.casefold(): row for row in rows for code in (*row.aliases, row.code)}


@own_tables.cached
def _label_codes(language: str) -> frozenset[str]:
    """Return the label codes of a language, such as zh-hant, also those of regions."""
    row = languages()[language]
    return frozenset({*row.labels, *(label for labels in row.regional_labels.values() for label in labels)})


def _region(cells: Cells) -> str:
    name = cells.get("region", "")
    try:
        return region(name.replace(" ", "_")).slug if name else ""
    except UserError as error:
        raise RowError(UNKNOWN_REGION, _hint(error)) from error


def _type(cells: Cells) -> str:
    name = cells.get("type", "").casefold().replace(" ", "_")
    if name and name not in entity_types():
        raise RowError(UNKNOWN_TYPE, _hint(unknown("entity type", name, entity_types())))
    return name


def _check_license(cells: Cells) -> None:
    """Check the license of a statement by the rule of images. The stage `images` checks that of an image."""
    try:
        license = licenses.find(cells.get("license", ""))
    except ImageError as error:
        raise RowError(error.reason, error.detail) from error
    if license.attribution and not (cells.get("author") or cells.get("source")):
        raise RowError(NO_AUTHOR, license.code)


def _hint(error: UserError) -> str:
    """Return the message of an unknown name without its first word."""
    return str(error).partition("Unknown ")[2] or str(error)
