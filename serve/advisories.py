"""Security advisories of vLLM versions, from `advisories.toml`."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from packaging.version import InvalidVersion, Version


@dataclass(frozen=True)
class Advisory:
    """A security hole of vLLM's server."""

    id: str
    about: str
    fixed: str
    """First version without it."""
    closed: bool
    """Whether the gateway refuses what it needs."""


def known() -> list[Advisory]:
    """Return all advisories, the newest first."""
    content = tomllib.loads((Path(__file__).parent / "advisories.toml").read_text("utf-8"))
    return [Advisory(**row) for row in content["advisory"]]


def line(version: str) -> str:
    """Return a line that names the advisories of a vLLM version; empty for none."""
    try:
        mine = Version(version)
    except InvalidVersion:
        return ""
    held = [advisory for advisory in known() if mine < Version(advisory.fixed)]
    if not held:
        return ""
    rest = [advisory.id for advisory in held if not advisory.closed]
    state = f"not closed by the gateway: {', '.join(rest)}" if rest else "the gateway refuses what they need"
    newest = max((advisory.fixed for advisory in held), key=Version)
    names = ", ".join(advisory.id for advisory in held)
    return f"serve: vLLM {version} has open advisories ({state}), fixed in {newest}: {names}"
