"""Prompts that ask whether an image shows an entity. Each has a version, which the store keeps with every answer."""

PROMPTS = {
    "shows-1": "Does this image show {entity}? Answer yes or no.",
    "relevant-1": (
        "Is this image relevant to {entity}? It is if it shows the subject, a part of it or something typical of it. "
        "Answer yes or no."
    ),
}
"""Texts by version. A text never changes: a better one gets a new version."""


def subject(name: str, entity_type: str, region: str) -> str:
    """Return the words that stand for an entity in a prompt, such as `Wat Arun (building, Thailand)`.

    Args:
        name: label of the entity.
        entity_type: name of its type; `any` says nothing and is left out.
        region: name of its region; empty if it has none.
    """
    known = [entity_type.replace("_", " ")] if entity_type != "any" else []
    details = ", ".join([*known, *([region] if region else [])])
    return f"{name} ({details})" if details else name


def prompt(template: str, entity: str) -> str:
    """Return the text to ask. Only the slot is replaced: a label may have braces."""
    return template.replace("{entity}", entity)
