"""Plain text of the HTML in Commons' metadata."""

import re
from html import unescape as html_unescape

from lxml import etree, html
from yarl import URL

_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
"""Characters that XML does not allow."""
_REFERENCE = re.compile(r"&#(x[0-9a-f]+|[0-9]+);?", re.IGNORECASE)
_BREAKS = ("br", "p", "td", "th", "li", "dd", "dt", "div", "tr")


def plain(markup: str, *, base: str = "https://commons.wikimedia.org/") -> tuple[str, str]:
    """Return the visible text and its first link, or an empty string if there is no link.

    Args:
        markup: value of a field of `extmetadata`.
        base: URL against which relative links are resolved.
    """
    if "<" not in markup and "&" not in markup:
        return " ".join(printable(markup).split()), ""
    root = html.fragment_fromstring(_without_references(printable(markup)), create_parent="div")
    for element in list(root.iterdescendants()):
        if not isinstance(element.tag, str) or element.tag in ("script", "style") or _is_hidden(element):
            _drop(element)
    for element in root.iter(*_BREAKS):
        element.tail = f" {element.tail or ''}"
    link = next(root.iter("a"), None)
    text = " ".join(root.text_content().split())
    return text, _absolute(link.get("href", ""), base) if link is not None else ""


def _without_references(markup: str) -> str:
    """Return HTML without references to control characters, which lxml's own functions refuse."""
    return _REFERENCE.sub(lambda match: match[0] if printable(html_unescape(match[0])) else "", markup)


def printable(text: str) -> str:
    """Return a text without control characters."""
    return _UNPRINTABLE.sub("", text)


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
