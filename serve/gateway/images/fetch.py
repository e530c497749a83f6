"""Images of URLs, from hosts that the operator allows.

The address is checked when the name is resolved, and the connection goes to the checked address. A redirect is a new
URL with the same checks. All failures have the same answer: it tells nothing about hosts and ports.
"""

import asyncio
from collections.abc import Collection

import aiohttp
from yarl import URL

from pangea_cultural.errors import UserError
from pangea_cultural.utils.net.resolver import PublicResolver
from serve.gateway.errors import RefusedError
from serve.gateway.images.budget import refused

TIMEOUT_S = 10.0
MAX_REDIRECTS = 3
MAX_BYTES = 20_000_000
REDIRECTS = frozenset({301, 302, 303, 307, 308})
NOT_READ = "An image of a URL was not read. Send it in the request as a data URL."
HEADERS = {"Accept": "image/*", "Accept-Encoding": "identity"}
MAX_URL = 2000
NOT_IN_HOSTS = frozenset("/\\?#@*,%")


def domain(text: str) -> str:
    """Return an allowed host as it is compared with those of URLs: `host` or `host:port`, in ASCII and lower case.

    Raises:
        UserError: it is neither. No URL would ever be of this host.
    """
    try:
        url = URL(f"http://{text}")
        host, port = (url.raw_host or "").rstrip("."), url.explicit_port
    except ValueError:
        host, port = "", None
    if not host or text.endswith(":") or not text.isprintable() or " " in text or set(text) & NOT_IN_HOSTS:
        raise UserError(f"{text!r} is not a host. Write it as host or host:port, without https:// and without a path.")
    return _with_port(host, port) if port is not None else host


def _with_port(host: str, port: int | None) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class _NotReadError(Exception):
    """A URL that is not allowed, or whose answer is not an image within the limits."""


class Fetcher:
    """Downloads from allowed hosts.

    Args:
        domains: allowed hosts, as `host` with the port of its scheme, or `host:port`.
        private_hosts: allowed hosts that may have private addresses. Only tests have them.
        timeout_s: seconds for one image with its redirects.
    """

    def __init__(
        self, domains: Collection[str], *, private_hosts: Collection[str] = (), timeout_s: float = TIMEOUT_S
    ) -> None:
        self._domains = frozenset(map(domain, domains))
        self._private_hosts, self._timeout_s = private_hosts, timeout_s

    async def fetch(self, url: str, max_bytes: int) -> bytes:
        """Return the content of a URL.

        Args:
            url: address of an image.
            max_bytes: bytes that it may have.

        Raises:
            RefusedError: the URL is not allowed, or there is no image within the limits.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._follow(url, min(max_bytes, MAX_BYTES))
        except (_NotReadError, aiohttp.ClientError, OSError, TimeoutError, ValueError):
            raise not_read() from None

    async def _follow(self, url: str, max_bytes: int) -> bytes:
        resolver = PublicResolver(self._private_hosts)
        # A session for each image: no connection outlives the check of its address. No cookies, no proxies.
        connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, force_close=True)
        async with aiohttp.ClientSession(
            connector=connector, auto_decompress=False, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()
        ) as session:
            target = self._allowed(url)
            for _ in range(MAX_REDIRECTS + 1):
                resolver.check(target)
                async with session.get(target, allow_redirects=False, headers=HEADERS) as response:
                    if response.status in REDIRECTS:
                        target = self._allowed(str(target.join(URL(response.headers.get("Location", "")))))
                        continue
                    return await _content(response, max_bytes)
        raise _NotReadError

    def _allowed(self, text: str) -> URL:
        """Return a URL of an allowed host."""
        # Clients read backslashes and control characters of URLs in different ways.
        if len(text) > MAX_URL or not text.isascii() or not text.isprintable() or set(text) & set("\\ "):
            raise _NotReadError
        url = URL(text)
        if url.scheme not in ("http", "https") or url.user is not None or url.password is not None or not url.host:
            raise _NotReadError
        # Names of other scripts in ASCII, as URLs have them.
        name = (url.raw_host or "").rstrip(".")
        if _with_port(name, url.port) not in self._domains and not (url.is_default_port() and name in self._domains):
            raise _NotReadError
        return url


def not_read() -> RefusedError:
    """Return the refusal of all URLs that were not read."""
    return refused(NOT_READ)


async def _content(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    kind = response.headers.get("Content-Type", "").lower()
    if response.status != 200 or not kind.startswith("image/") or response.headers.get("Content-Encoding"):
        raise _NotReadError
    content = bytearray()
    async for part in response.content.iter_any():
        content += part
        if len(content) > max_bytes:
            raise _NotReadError
    return bytes(content)
