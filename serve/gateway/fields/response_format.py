"""JSON schemas of answers, bounded: vLLM's grammar compiler takes minutes for some small ones.

Measured with xgrammar and 150,000 tokens: 20 patterns with two nested repetitions take 147 seconds in 1.3 kB. A schema
within the limits below takes at most 3 seconds, once.
"""

from typing import Any

import orjson

from serve.gateway.errors import wrong_field
from serve.gateway.fields.checks import Check, boolean, check_fields, mapping, one_of, text
from serve.gateway.fields.schema_refs import check_references

MAX_BYTES = 16_000
MAX_DEPTH = 16
"""Levels of objects and lists."""
MAX_COUNT = 1000
"""Largest value of `maxItems`, `maxLength` and other counts."""
MAX_PATTERNS = 8
MAX_PATTERN = 100
BOUNDED = frozenset(("minProperties", "maxProperties"))
MAX_COUNTED = 32
"""Properties of an object whose number is bounded. 200 take half a minute."""
NAMED = frozenset(("properties", "patternProperties", "$defs", "definitions"))
"""Keys whose values are objects of schemas by name."""
LISTED = frozenset(("anyOf", "oneOf", "allOf", "prefixItems"))
"""Keys whose values are lists of schemas."""
COUNTS = frozenset(f"{end}{what}" for end in ("min", "max") for what in ("Items", "Length", "Properties", "Contains"))
REPETITION = "{"


def response_format(name: str, value: Any) -> None:
    """Refuse what is not the form of an answer: text, a JSON object, or JSON by a bounded schema."""
    _FORM(name, value)
    if "type" not in value:
        raise wrong_field(name, "has no type")
    if (value["type"] == "json_schema") != ("json_schema" in value):
        raise wrong_field(name, "needs json_schema for the type json_schema, and only for it")


def schema(name: str, value: Any) -> None:
    """Refuse a schema that is too large, too deep, or that repeats too often."""
    if not isinstance(value, dict):
        raise wrong_field(name, "is not an object")
    patterns = _walk(name, value, 1)
    check_references(name, value)
    # After the levels: orjson writes a limited number of them.
    if len(orjson.dumps(value)) > MAX_BYTES:
        raise wrong_field(name, f"has more than {MAX_BYTES} bytes")
    if patterns > MAX_PATTERNS:
        raise wrong_field(name, f"has more than {MAX_PATTERNS} patterns")


def _walk(name: str, value: Any, depth: int) -> int:
    """Return the number of patterns in a schema."""
    if depth > MAX_DEPTH:
        raise wrong_field(name, f"has more than {MAX_DEPTH} levels")
    if isinstance(value, list):
        return sum(_walk(name, item, depth + 1) for item in value if isinstance(item, dict | list))
    counted = value.get("properties")
    if isinstance(counted, dict) and len(counted) > MAX_COUNTED and value.keys() & BOUNDED:
        raise wrong_field(name, f"counts the properties of an object with more than {MAX_COUNTED}")
    found = 0
    for key, item in value.items():
        if key in COUNTS and isinstance(item, int | float) and not 0 <= item <= MAX_COUNT:
            raise wrong_field(name, f"has a {key} that is not from 0 to {MAX_COUNT}")
        if (key in NAMED and isinstance(item, dict) and False in item.values()) or (
            key in LISTED and isinstance(item, list) and False in item
        ):
            raise wrong_field(name, f"has false in {key}, which no value fits")
        if key == "pattern" and isinstance(item, str):
            found += 1
            _check_pattern(name, item)
        elif key == "patternProperties" and isinstance(item, dict):
            found += len(item)
            for pattern in item:
                _check_pattern(name, pattern)
        if isinstance(item, dict | list):
            found += _walk(name, item, depth + 1)
    return found


def _check_pattern(name: str, pattern: str) -> None:
    if len(pattern) > MAX_PATTERN or REPETITION in pattern:
        raise wrong_field(name, f"has a pattern of more than {MAX_PATTERN} characters, or with braces")


def _json_schema(name: str, value: Any) -> None:
    if not isinstance(value, dict) or "schema" not in value or "name" not in value:
        raise wrong_field(name, "is not an object with name and schema")
    check_fields(f"{name}.", value, _SCHEMA)


_SCHEMA: dict[str, Check] = {"name": text(64), "description": text(1000), "strict": boolean, "schema": schema}
_FORM = mapping({"type": one_of(("text", "json_object", "json_schema")), "json_schema": _json_schema})
