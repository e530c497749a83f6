"""Columns of this project that the layout of CulturalGround lacks: our exports carry them in one more key of a row.

Readers of the published layout do not know the key. With it, an import gives the rows of the export again.
"""

from typing import Any

from pangea_cultural.dataset.sources import reasons
from pangea_cultural.dataset.sources.fields import RowError

KEY = "pangea_cultural"
TEXTS = (
    *("id", "region", "entity", "entity_type", "property", "sentence", "instruction", "template"),
    *("template_question", "template_sentence", "rewritten_by"),
)
COLUMNS = (*TEXTS, "answers")


def read(item: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of a published row, and its answer; none if others made the row.

    Raises:
        RowError: they are not those that this project writes.
    """
    own = item.get(KEY)
    if own is None:
        return {}
    if not isinstance(own, dict) or not all(isinstance(own.get(name), str) for name in TEXTS):
        raise RowError(reasons.OWN_COLUMNS)
    answers = own.get("answers")
    if not isinstance(answers, list) or not answers or not all(isinstance(text, str) for text in answers):
        raise RowError(reasons.OWN_COLUMNS)
    return {name: own[name] for name in COLUMNS} | {"answer": answers[0]}
