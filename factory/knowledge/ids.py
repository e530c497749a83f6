"""Ids of own entities and of texts that are values.

A key such as `tlayuda` gives `x:tlayuda`. Any other key keeps its Latin letters and gets a hash: two keys have two ids.
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping

import orjson

from pangea_cultural.reference.ids import OWN, OWN_TEXT, is_entity

_PLAIN = re.compile(r"[a-z0-9][a-z0-9_.]{0,59}")
_OTHERS = re.compile(r"[^a-z0-9]+")
_WIKIDATA = re.compile(r"Q[1-9][0-9]{0,14}")
KEY_DIGITS, IMAGE_DIGITS, TEXT_DIGITS = 10, 12, 16
"""Digits of the hashes. Their lengths differ, so that the kinds of ids do."""


def entity_id(key: str) -> str:
    """Return the id of an own entity by its key; `key` is normalized and not empty. Its own id stays."""
    if key.startswith(OWN) and is_entity(key):
        return key
    if _PLAIN.fullmatch(key):
        return OWN + key
    letters = unicodedata.normalize("NFKD", key).casefold().encode("ascii", "ignore").decode()
    return f"{OWN}{_OTHERS.sub('_', letters).strip('_')[:40]}~{_hash(key, KEY_DIGITS)}"


def value_id(key: str) -> str:
    """Return the id of an entity that is a value: that of Wikidata, or an own one."""
    return key if is_wikidata(key) else entity_id(key)


def image_id(path: str) -> str:
    """Return the id of an image that is an entity of its own."""
    return f"{OWN}image~{_hash(path, IMAGE_DIGITS)}"


def text_id(texts: Mapping[str, str]) -> str:
    """Return the id of a value by its texts in all languages."""
    return f"{OWN_TEXT}{_hash(orjson.dumps(sorted(texts.items())).decode(), TEXT_DIGITS)}"


def is_wikidata(key: str) -> bool:
    """Return whether a key has the form of an id of Wikidata."""
    return _WIKIDATA.fullmatch(key) is not None


def _hash(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:digits]
