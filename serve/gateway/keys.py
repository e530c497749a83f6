"""API keys: a file with a name and the SHA-256 of a key in each line, and a mark for those that see all metrics.

The file is read again when it changes, so a removed line ends a key at once. A file that cannot be read has no keys.
"""

import hashlib
import hmac
import itertools
import logging
import re
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pangea_cultural.errors import UserError
from pangea_cultural.utils.files import write_bytes

LINE = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,64})\s+(?P<digest>[0-9a-f]{64})(?:\s+(?P<mark>metrics))?")
NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
HEAD = "# Keys of `pcult serve`: a name and the SHA-256 of the key. Remove a line to end a key.\n"
SECRET_BYTES = 32
LOGGER = logging.getLogger(__name__)


class KnownKey(NamedTuple):
    """A key that requests may have."""

    name: str
    digest: str
    sees_all: bool = False
    """Whether its metrics name all keys, and not only this one."""


def digest_of(key: str) -> str:
    """Return the digest of a key. Keys are long and random, so that a plain hash is enough."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


class Keys:
    """The keys that requests may have.

    Args:
        path: file with names and digests; empty for none.
        fixed: names and digests of further keys.
    """

    def __init__(self, path: str = "", fixed: Iterable[tuple[str, str]] = ()) -> None:
        self._path = Path(path) if path else None
        self._fixed = [KnownKey(*pair) for pair in fixed]
        self._set(self._fixed)
        self._state: tuple[int, ...] | None = None

    def find(self, authorization: str) -> KnownKey | None:
        """Return the key in an `Authorization` header; None for a wrong one.

        The time does not depend on which digests match: all are compared.
        """
        self._reload()
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return None
        sent = hashlib.sha256(key.strip().encode("utf-8", "replace")).digest()
        equal = list(map(hmac.compare_digest, self._digests, itertools.repeat(sent)))
        return self._known[equal.index(True)] if any(equal) else None

    def _set(self, keys: list[KnownKey]) -> None:
        self._known = keys
        self._digests = [bytes.fromhex(key.digest) for key in keys]

    def _reload(self) -> None:
        """Read the file again, if it has changed."""
        if self._path is None:
            return
        try:
            now = self._path.stat()
            state: tuple[int, ...] = (now.st_mtime_ns, now.st_size, now.st_ino)
        except OSError:
            state = ()
        if state == self._state:
            return
        self._state = state
        try:
            read = parsed(self._path)
        except UserError as error:
            LOGGER.error("%s Requests have no valid key until then.", error)
            read = []
        self._set([*self._fixed, *read])


def parsed(path: Path) -> list[KnownKey]:
    """Return the keys of a file.

    Raises:
        UserError: the file cannot be read, or a line is not a name and a digest.
    """
    try:
        # A pipe has its content once, and all requests would wait until it has some.
        if not path.is_file():
            raise OSError(f"{path} is not a file")
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The file of keys {path} cannot be read. Make one with --new-key NAME.") from error
    keys = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = LINE.fullmatch(text)
        if match is None:
            raise UserError(f"{path}, line {number} is not a name and a SHA-256. Make keys with --new-key NAME.")
        keys.append(KnownKey(match["name"], match["digest"], bool(match["mark"])))
    return keys


def add_key(path: Path, name: str) -> str:
    """Add a new key to a file of keys, which is made if needed, and return the key. It is stored nowhere.

    Raises:
        UserError: the name is not valid or is taken, or the file is not one of keys.
    """
    if not NAME.fullmatch(name):
        raise UserError(f"{name!r} is not a name of a key. Use up to 64 letters, digits, points, hyphens, underscores.")
    known = parsed(path) if path.exists() else []
    if name in {key.name for key in known}:
        raise UserError(f"{path} has a key named {name}. Choose another name, or remove its line.")
    key = f"pcult-{secrets.token_urlsafe(SECRET_BYTES)}"
    text = path.read_text("utf-8-sig") if path.exists() else HEAD
    text += "" if text.endswith("\n") else "\n"
    # A link stays one, with its target written.
    write_bytes(path.resolve(), f"{text}{name} {digest_of(key)}\n".encode())
    return key
