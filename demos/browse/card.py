"""The HTML of a row: question, options, wordings, facts, credit and rejections. All texts are escaped."""

import functools
from typing import Any

import jinja2

from demos.browse.facts import Facts
from pangea_cultural.reference.languages import languages
from pangea_cultural.utils import pages
from pangea_cultural.utils.pages import item_address, web_address


def render(row: dict[str, Any], *, credit: dict[str, Any], facts: Facts, marks: list[dict[str, Any]]) -> str:
    """Return the card of a row.

    Args:
        row: row of an export, with `split` and `license`.
        credit: the image's row of images.parquet.
        facts: facts about the entity.
        marks: marks of this row.
    """
    known = languages().get(row["language"])
    return _template().render(
        row=row,
        credit=credit,
        facts=facts,
        marks=marks,
        direction=known.direction if known else "auto",
        language=known.name if known else row["language"],
    )


@functools.cache
def _template() -> jinja2.Template:
    return pages.template("demos.browse", "card.html", web_address=web_address, item=item_address)
