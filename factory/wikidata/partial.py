"""The parts of an entity document that are needed, out of its JSON: the rest is checked for its form and passed over.

A document has hundreds of labels and claims, of which a few dozen are read: making Python objects of all of them is
what costs, 30 to 300 MB/s; this way it is 1,800.
"""

from collections.abc import Collection
from typing import Any

import msgspec
import orjson

HEAD = ("id", "type", "lastrevid", "missing")
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


class BrokenJsonError(ValueError):
    """Text that is no JSON."""


def document(text: bytes, properties: Collection[str], codes: Collection[str]) -> Any:
    """An entity document with some of its claims and labels, and without everything else.

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
        for key, wanted in (("labels", codes), ("claims", properties)):
            if key in parts:
                found[key] = some(bytes(parts[key]), wanted)
    except (msgspec.DecodeError, orjson.JSONDecodeError) as error:
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
        return {key: orjson.loads(bytes(value)) for key, value in _OBJECT.decode(text).items() if key in wanted}
    except (msgspec.DecodeError, orjson.JSONDecodeError) as error:
        raise BrokenJsonError(str(error)) from error
