"""The parts of an entity document that are needed, out of its JSON: the rest is checked for its form and passed over.

A document has hundreds of labels and claims, of which a few dozen are read: making Python objects of all of them is
what costs, 30 to 300 MB/s; this way it is 1,800.
"""

import functools
from collections.abc import Collection
from typing import Any

import msgspec
import orjson

from factory.wikidata.entity import COMMONS

HEAD = ("id", "type", "lastrevid", "missing")
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_BROKEN = (msgspec.DecodeError, orjson.JSONDecodeError, UnicodeDecodeError, RecursionError)
"""What the decoders say of broken JSON, of keys that are no UTF-8, and of a thousand brackets in each other."""


class BrokenJsonError(ValueError):
    """Text that is no JSON."""


def document(text: bytes, properties: Collection[str], codes: Collection[str]) -> Any:
    """An entity document with some of its claims and labels and its link to Commons, and without everything else.

    Args:
        text: the JSON of a whole document; what is no object comes back as it is.
        properties: whose claims are needed.
        codes: languages whose labels are needed.

    Raises:
        BrokenJsonError: the text is no JSON.
    """
    try:
        if not text.startswith(b"{"):
            return orjson.loads(text)
        parts = _OBJECT.decode(text)
        found = {key: orjson.loads(bytes(parts[key])) for key in HEAD if key in parts}
        for key, wanted in (("labels", codes), ("claims", properties), ("sitelinks", (COMMONS,))):
            if key in parts:
                found[key] = some(bytes(parts[key]), wanted)
    except _BROKEN as error:
        raise BrokenJsonError(str(error)) from error
    return found


def some(text: bytes, wanted: Collection[str]) -> Any:
    """Some entries of a JSON object; anything else as it is (old dumps write [] for an empty object).

    Raises:
        BrokenJsonError: the text is no JSON.
    """
    try:
        if not text.startswith(b"{"):
            return orjson.loads(text)
        decoder, names = _entries(frozenset(wanted))
        values = msgspec.structs.astuple(decoder.decode(text))
        return {
            key: orjson.loads(bytes(value))
            for key, value in zip(names, values, strict=True)
            if value is not msgspec.UNSET
        }
    except _BROKEN as error:
        raise BrokenJsonError(str(error)) from error


@functools.lru_cache
def _entries(wanted: frozenset[str]) -> tuple[msgspec.json.Decoder[msgspec.Struct], list[str]]:
    """A decoder that makes nothing of entries that are not wanted, and the keys of the values that it gives.

    A document's labels are read so in half the time that it takes to put them all into a dictionary.
    """
    names = sorted(wanted)
    fields = [(f"entry_{n}", msgspec.Raw | msgspec.UnsetType, msgspec.UNSET) for n in range(len(names))]
    keys = {field: name for (field, *_), name in zip(fields, names, strict=True)}
    return msgspec.json.Decoder(msgspec.defstruct("Entries", fields, rename=keys, gc=False)), names
