"""Who we are, and whom to write to when we do harm."""

import re

import aiohttp
from yarl import URL

from factory.net.limits import is_wikimedia
from pangea_cultural import __version__
from pangea_cultural.errors import UserError

_CONTACT = re.compile(r"[^\s()@]+@[^\s()@]+\.[^\s()@]+|https?://[^\s()]+")


def user_agent(contact: str) -> str:
    """How we introduce ourselves.

    Raises:
        UserError: the contact is neither an e-mail address nor a URL.
    """
    if contact and not _CONTACT.fullmatch(contact):
        raise UserError(f"{contact!r} is no contact: give an e-mail address or a URL (http…) of yours with --contact")
    who = f" ({contact})" if contact else ""
    return f"pangea-cultural/{__version__}{who} aiohttp/{aiohttp.__version__}"


def require_contact(url: str | URL, contact: str) -> None:
    """Refuse to ask Wikimedia anonymously: it wants to know whom to write to when a client does harm.

    Raises:
        UserError: the URL is one of Wikimedia's, and there is no contact.
    """
    host = (URL(url).host or "").lower()
    if is_wikimedia(host) and not contact:
        raise UserError(f"{host} wants to know whom to contact: give --contact or set PCULT_CONTACT")
