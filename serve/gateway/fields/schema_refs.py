"""References of JSON schemas that lead back to themselves. vLLM's grammars fail on them when the answer begins."""

from typing import Any

from serve.gateway.errors import wrong_field

REF = "$ref"
SAME_PLACE = ("anyOf", "oneOf", "allOf")
"""Keys whose schemas describe the same value as the schema that has them."""


def check_references(name: str, schema: Any) -> None:
    """Refuse a schema that refers to itself for the same value, and references to other documents.

    A list or an object between the two makes a level of the answer, so that it has an end.

    Args:
        name: the field.
        schema: the whole schema, bounded in levels and size.
    """
    found: dict[str, dict[str, Any]] = {}
    _collect(name, schema, schema, found)
    # Of each target, the targets that its value is described by in turn.
    following = {ref: list(_here(target)) for ref, target in found.items()}
    done: set[str] = set()
    for ref in [*_here(schema), *found]:
        _follow(name, ref, following, done)


def _collect(name: str, value: Any, schema: Any, found: dict[str, dict[str, Any]]) -> None:
    """Add the targets of all references of a part of a schema."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting.extend(part)
            continue
        if not isinstance(part, dict):
            continue
        ref = part.get(REF)
        if isinstance(ref, str) and ref not in found:
            found[ref] = _target(name, schema, ref)
        waiting.extend(part.values())


def _target(name: str, schema: Any, ref: str) -> dict[str, Any]:
    """Return the part of a schema that a reference is about."""
    head, *steps = ref.split("/")
    target = schema
    for step in steps:
        key = step.replace("~1", "/").replace("~0", "~")
        target = target.get(key) if isinstance(target, dict) else None
    if head != "#" or not isinstance(target, dict):
        raise wrong_field(name, "has a reference that is not to an object of this schema, such as #/$defs/name")
    return target


def _here(schema: Any) -> list[str]:
    """Return the references that describe the same value as a schema."""
    refs, waiting = [], [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if isinstance(part.get(REF), str):
                refs.append(part[REF])
            for key in SAME_PLACE:
                if isinstance(part.get(key), list):
                    waiting.extend(part[key])
    return refs


def _follow(name: str, ref: str, following: dict[str, list[str]], done: set[str]) -> None:
    """Refuse a way of references that comes back."""
    path: list[tuple[str, int]] = [(ref, 0)]
    on_path = {ref}
    while path:
        here, number = path.pop()
        targets = following[here]
        if here in done or number >= len(targets):
            done.add(here)
            on_path.discard(here)
            continue
        path.append((here, number + 1))
        if targets[number] in on_path:
            raise wrong_field(name, "refers to itself without a level between")
        on_path.add(targets[number])
        path.append((targets[number], 0))
