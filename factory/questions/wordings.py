"""Wordings of questions, as tables for the queries: what is asked of which entity type, and in which words."""

from typing import Any

import pyarrow as pa

from factory.questions import templates
from factory.questions.variants import Variant, list_words, variants
from factory.reference.entity_types import ANY, entity_types
from factory.reference.properties import NAME, Property, properties
from factory.scope import Scope

Row = dict[str, Any]


def asked(scope: Scope) -> pa.Table:
    """Return the properties of the scope with the entity types that they are asked of, numbered."""
    pairs = [(properties()[name], entity_type) for name in scope.properties for entity_type in types_of(name)]
    rows = [_asked_row(number, row, entity_type) for number, (row, entity_type) in enumerate(pairs)]
    return pa.Table.from_pylist(rows, schema=_ASKED)


def types_of(name: str) -> tuple[str, ...]:
    """Return the entity types that a property is asked of. The name is asked of most, also of those without a type."""
    row = properties()[name]
    return tuple(t for t in (*entity_types(), ANY) if t not in row.not_asked_of) if name == NAME else row.asked_of


_ASKED = pa.schema(
    [
        ("asked", pa.int32()),
        ("property", pa.string()),
        ("entity_type", pa.string()),
        ("first_step", pa.string()),
        ("second_step", pa.string()),
        ("state", pa.bool_()),
        ("sensitive", pa.bool_()),
        ("private", pa.bool_()),
    ]
)


def _asked_row(number: int, row: Property, entity_type: str) -> Row:
    first, second = row.path or (row.id, None)
    return {
        "asked": number,
        "property": row.id,
        "entity_type": entity_type,
        "first_step": first,
        "second_step": second,
        "state": row.state,
        "sensitive": row.sensitive,
        "private": row.private,
    }


def wordings(asked_rows: pa.Table, forms: list[Variant]) -> pa.Table:
    """Return the wordings of each asked property in each variant that has templates for it."""
    rows = []
    for variant in forms:
        content = templates.load(variant.file)
        for row in asked_rows.to_pylist():
            asks, says, many = (content.find(row["property"], row["entity_type"], kind) for kind in templates.KINDS)
            if asks and says:
                rows.append(
                    {
                        "asked": row["asked"],
                        "variant": variant.number,
                        "asks": [ask.text for ask in asks],
                        "ids": [ask.id for ask in asks],
                        "says": [say.text for say in says],
                        "say_many": many[0].text if many else says[0].text.replace("{value}", "{values}"),
                    }
                )
    return pa.Table.from_pylist(rows, schema=_WORDING)


_WORDING = pa.schema(
    [
        ("asked", pa.int32()),
        ("variant", pa.int32()),
        ("asks", pa.list_(pa.string())),
        ("ids", pa.list_(pa.string())),
        ("says", pa.list_(pa.string())),
        ("say_many", pa.string()),
    ]
)


def variant_texts(forms: list[Variant]) -> pa.Table:
    """Return the language, instructions and list separators of each variant."""
    rows = []
    for variant in forms:
        words, content = list_words(variant.file), templates.load(variant.file)
        rows.append(
            {
                "variant": variant.number,
                "language": variant.language,
                "region": variant.region,
                "scope": variant.scope,
                "choice_instruction": content.instructions["choice"],
                "short_instruction": content.instructions["short"],
                "separator": words.separator,
                "last": words.last,
                "pair": words.pair,
            }
        )
    return pa.Table.from_pylist(rows)


def unreviewed_languages(scope: Scope) -> list[str]:
    """Return the names of the template files of a scope that no native speaker has signed."""
    return [form.file for form in variants(scope) if not templates.load(form.file).reviewed]
