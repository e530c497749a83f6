"""How we introduce ourselves: Wikimedia wants to know whom to write to when a client does harm."""

import re

from yarl import URL

from factory.net.limits import is_wikimedia
from pangea_cultural import __version__
from pangea_cultural.errors import UserError

_CONTACT = re.compile(r"[!-~]+@[!-~]+\.[!-~]+|https?://[!-~]+")


def user_agent(contact: str, library: str) -> str:
    """The User-Agent header.

    Args:
        contact: e-mail address or URL of who runs this; empty for none.
        library: name and version of the HTTP library, as `aiohttp/3.14`.

    Raises:
        UserError: the contact is neither an e-mail address nor a URL.
    """
    if contact and (not _CONTACT.fullmatch(contact) or set(contact) & set("()")):
        raise UserError(f"{contact!r} is no contact: give an e-mail address or a URL (http…) of yours with --contact")
    who = f" ({contact})" if contact else ""
    return f"pangea-cultural/{__version__}{who} {library}"


def require_contact(url: str | URL, contact: str) -> None:
    """Refuse to ask Wikimedia anonymously.

    Raises:
        UserError: the URL is one of Wikimedia's, and there is no contact.
    """
    host = (URL(url).host or "").lower()
    if is_wikimedia(host) and not contact:
        raise UserError(f"{host} wants to know whom to contact: give --contact or set PCULT_CONTACT")
