"""HTML pages: templates whose values are escaped, hashes for the policy of a page, and addresses of its links."""

import base64
import functools
import hashlib
from collections.abc import Callable
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

import jinja2

WIKIDATA = "https://www.wikidata.org/wiki/"


def template(package: str, name: str, **filters: Callable[..., Any]) -> jinja2.Template:
    """Return a template of a package, which can include others. Values are escaped, and a missing one is an error.

    Args:
        package: the package with the file.
        name: path of the file in the package.
        filters: further filters by name.
    """
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(functools.partial(read, package)),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= filters
    return environment.get_template(name)


def read(package: str, name: str) -> str:
    """Return a text file of a package."""
    return resources.files(package).joinpath(name).read_text("utf-8")


def policy_hash(text: str) -> str:
    """Return the hash by which a Content-Security-Policy allows a style or script of the page."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def web_address(url: str) -> str:
    """Return the address of a link, or an empty text for other schemes such as `javascript:`."""
    try:
        return url if urlsplit(url).scheme in ("http", "https") else ""
    except ValueError:
        return ""


def item_address(name: str) -> str:
    """Return the address of an entity or property on Wikidata, or an empty text for names of other kinds."""
    number = name[1:]
    if not (number.isascii() and number.isdigit()):
        return ""
    return {"Q": WIKIDATA + name, "P": f"{WIKIDATA}Property:{name}"}.get(name[0], "")
