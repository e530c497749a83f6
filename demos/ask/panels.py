"""The HTML parts of the page. All texts in them are escaped."""

import functools
import html
import json
from typing import Any

import jinja2

from demos.ask import texts
from pangea_cultural.utils import pages
from pangea_cultural.utils.pages import item_address, web_address

IN_SCRIPT: tuple[str, ...] = (
    "image",
    "image_hint",
    "remove_image",
    "camera",
    "clipboard",
    "code",
    "question",
    "answers",
)
IN_SCRIPT += ("clear", "file_large", "unreadable", "busy", "down")
"""Names of texts that the page's script shows in place of those that Gradio has in English only."""


def header(code: str, model: str) -> str:
    """Return the title, with a sentence about the model, and the texts that the page's script needs."""
    line = html.escape(texts.text(code, "tagline", model="\0")).replace("\0", f"<bdi>{html.escape(model)}</bdi>")
    needed = html.escape(json.dumps({name: texts.text(code, name) for name in IN_SCRIPT}, ensure_ascii=False))
    return f'<h1>CulturalPangea</h1><p>{line}</p><span id="texts" hidden data-texts="{needed}"></span>'


def note(text: str, kind: str = "info") -> str:
    """Return a sentence for the visitor; an empty text if there is none.

    Args:
        text: the sentence.
        kind: `info`, `problem`, or a verdict about an answer.
    """
    return f'<p class="note {kind}">{html.escape(text)}</p>' if text else ""


def facts(code: str, *, names: str, entity: str, rows: list[dict[str, Any]], credit: dict[str, Any]) -> str:
    """Return what is known about an image of an export, with links, license and attribution."""
    module = _template().make_module({"t": functools.partial(texts.text, code)})
    return str(module.facts(names, entity, rows, credit))  # type: ignore[attr-defined]


def bars(options: list[str], shares: list[float], known: list[str]) -> str:
    """Return probabilities of options as bars, the highest first. Those that are known to be right have a mark."""
    ordered = sorted(zip(options, shares, strict=True), key=lambda row: -row[1])
    rows = [{"text": text, "percent": round(100 * share), "is_known": text in known} for text, share in ordered]
    return str(_template().make_module({"t": str}).bars(rows))  # type: ignore[attr-defined]


def notes(rows: list[str]) -> str:
    """Return sentences about a model, which are in English."""
    return str(_template().make_module({"t": str}).notes(rows))  # type: ignore[attr-defined]


@functools.cache
def _template() -> jinja2.Template:
    return pages.template("demos.ask", "panels.html", web_address=web_address, item=item_address)
