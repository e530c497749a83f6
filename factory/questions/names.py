"""What values are called in each language: labels of items, and times and quantities in words."""

import pyarrow as pa

from factory.questions.scripts import fits_script
from factory.recipe import Recipe
from factory.store import Store
from factory.wikidata.render import CannotRenderError, render
from pangea_cultural.languages import language

MUL = "mul"
"""Wikidata's label for all languages: Latin in most cases, so it passes only where it fits the language's script."""


def write(store: Store, recipe: Recipe) -> None:
    """Fill `value_text` for every best value that is asked for, in every language of the recipe."""
    # Along a path the last step's values are the answers; names of the steps before are not needed, but do no harm.
    values = store.rows(
        """SELECT DISTINCT value, value_type FROM claim WHERE best AND value_type IN ('item', 'time', 'quantity')
           UNION SELECT entity, 'item' FROM entity WHERE selected"""
    )
    labels: dict[str, dict[str, str]] = {}
    for entity, code, text in store.rows("SELECT entity, language, text FROM label"):
        labels.setdefault(entity, {})[code] = text
    texts: list[dict] = []
    rejections: list[dict] = []
    for value, value_type in sorted(values):
        for code in recipe.asked_languages():
            text, source = _name(value, value_type, code, labels.get(value, {}))
            if text:
                texts.append({"value": value, "language": code, "text": text, "source": source})
            else:
                rejections.append({"stage": "questions", "item": f"{value} {code}", "reason": source})
    if texts:
        store.append("value_text", pa.Table.from_pylist(texts))
    if rejections:
        store.append("rejection", pa.Table.from_pylist(rejections))


def _name(value: str, value_type: str, code: str, labels: dict[str, str]) -> tuple[str, str]:
    """Text and where it comes from; or '' and the reason why there is none."""
    if value_type != "item":
        try:
            return render(value_type, value, code), "babel"
        except CannotRenderError as error:
            return "", f"value: {error}"
    row = language(code)
    for label_code in (*row.labels, MUL):
        text = labels.get(label_code)
        if text and fits_script(text, row.script):
            return text, label_code
    known = any(label_code in labels for label_code in row.labels)
    return "", "value: label in a foreign script" if known else "value: no label in the language"
