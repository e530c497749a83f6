"""Plain text of the HTML that Commons' file pages put into metadata."""

from bs4 import BeautifulSoup
from yarl import URL

_HIDDEN = 'script, style, [style*="display:none"], [style*="display: none"]'


def plain(html: str, *, base: str = "https://commons.wikimedia.org/") -> tuple[str, str]:
    """The visible text, and the first link in it, or an empty string where there is none.

    Args:
        html: a value of `extmetadata`.
        base: what relative links are relative to.
    """
    if "<" not in html and "&" not in html:
        return " ".join(html.split()), ""
    soup = BeautifulSoup(html, "html.parser")
    for element in soup.select(_HIDDEN):
        element.decompose()
    link = soup.find("a", href=True)
    for br in soup.find_all(["br", "p", "td", "li", "div"]):
        br.append(" ")
    return " ".join(soup.get_text().split()), _absolute(str(link["href"]), base) if link else ""


def _absolute(href: str, base: str) -> str:
    try:
        url = URL(base).join(URL(href))
    except ValueError:
        return ""
    return str(url) if url.scheme in ("http", "https") else ""
