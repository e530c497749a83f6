"""Plain text of the HTML in Commons' metadata."""

import re

from lxml import etree, html
from yarl import URL

_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_BREAKS = ("br", "p", "td", "th", "li", "dd", "dt", "div", "tr")


def plain(markup: str, *, base: str = "https://commons.wikimedia.org/") -> tuple[str, str]:
    """Return the visible text and its first link, or an empty string if there is no link.

    Args:
        markup: value of a field of `extmetadata`.
        base: URL against which relative links are resolved.
    """
    if "<" not in markup and "&" not in markup:
        return " ".join(markup.split()), ""
    root = html.fragment_fromstring(markup.replace("\0", ""), create_parent="div")
    for element in list(root.iterdescendants()):
        if not isinstance(element.tag, str) or element.tag in ("script", "style") or _is_hidden(element):
            _drop(element)
    for element in root.iter(*_BREAKS):
        element.tail = f" {element.tail or ''}"
    link = next(root.iter("a"), None)
    return " ".join(root.text_content().split()), _absolute(link.get("href", ""), base) if link is not None else ""


def _is_hidden(element: etree._Element) -> bool:
    return bool(_HIDDEN.search(element.get("style", "")))


def _drop(element: etree._Element) -> None:
    """Remove an element but keep the text after it. lxml's `drop_tree` does not exist for comments."""
    parent = element.getparent()
    if parent is None:
        return  # Its ancestor was removed before.
    before = element.getprevious()
    if before is not None:
        before.tail = (before.tail or "") + (element.tail or "")
    else:
        parent.text = (parent.text or "") + (element.tail or "")
    parent.remove(element)


def _absolute(href: str, base: str) -> str:
    try:
        url = URL(base).join(URL(href))
    except ValueError:
        return ""
    return str(url) if href and url.scheme in ("http", "https") else ""
