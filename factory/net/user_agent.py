"""User-Agent header and contact. Wikimedia requires a contact from automated clients."""

import re

from yarl import URL

from factory.net.limits import is_wikimedia
from pangea_cultural import __version__
from pangea_cultural.errors import UserError

_CONTACT = re.compile(r"[!-~]+@[!-~]+\.[!-~]+|https?://[!-~]+")


def user_agent(contact: str, library: str) -> str:
    """Return the User-Agent header.

    Args:
        contact: e-mail address or URL of the person who runs the program, or empty.
        library: name and version of the HTTP library, such as `aiohttp/3.14`.

    Raises:
        UserError: the contact is neither an e-mail address nor a URL.
    """
    if contact and (not _CONTACT.fullmatch(contact) or set(contact) & set("()")):
        raise UserError(f"{contact!r} is not a contact. Give your e-mail address or a URL (http...) with --contact.")
    comment = f" ({contact})" if contact else ""
    return f"pangea-cultural/{__version__}{comment} {library}"


def require_contact(url: str | URL, contact: str) -> None:
    """Refuse anonymous requests to Wikimedia.

    Raises:
        UserError: the URL belongs to Wikimedia, and the contact is empty.
    """
    host = (URL(url).host or "").lower()
    if is_wikimedia(host) and not contact:
        raise UserError(f"{host} requires a contact. Give --contact or set PCULT_CONTACT.")
