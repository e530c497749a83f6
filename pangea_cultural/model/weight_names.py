"""Names of weights in transformers' modules, on the hub, and in the original LLaVA-NeXT (llava_qwen)."""

import re
from collections.abc import Iterable

MODULES, HUB, ORIGINAL = range(3)
PREFIXES = (
    ("model.language_model.embed_tokens.", "language_model.model.embed_tokens.", "model.embed_tokens."),
    ("model.language_model.layers.", "language_model.model.layers.", "model.layers."),
    ("model.language_model.norm.", "language_model.model.norm.", "model.norm."),
    ("lm_head.", "language_model.lm_head.", "lm_head."),
    ("model.vision_tower.", "vision_tower.vision_model.", "model.vision_tower.vision_tower.vision_model."),
    ("model.multi_modal_projector.linear_1.", "multi_modal_projector.linear_1.", "model.mm_projector.0."),
    ("model.multi_modal_projector.linear_2.", "multi_modal_projector.linear_2.", "model.mm_projector.2."),
    ("model.image_newline", "image_newline", "model.image_newline"),
)
"""Prefixes of names in each layout; the rest of a name is the same in all.

`save_pretrained` of a model that was built from a configuration omits the hub's `vision_model.`, which vLLM needs."""
OTHER_MODULES = ("model.language_model.", "language_model.model.")
"""Prefixes of modules that Qwen2 does not have, in transformers and on the hub, for other language models."""
BUFFERS = re.compile(r"\.(inv_freq|position_ids)$")
"""Names of buffers, which are computed from the configuration. Old checkpoints contain them."""


class UnknownNameError(ValueError):
    """A weight with an unknown prefix."""


def hub_name(name: str) -> str:
    """Return the hub's name of a parameter of transformers' modules.

    Raises:
        UnknownNameError: the prefix is unknown.
    """
    try:
        return _renamed(name, MODULES, HUB)
    except UnknownNameError:
        modules, hub = OTHER_MODULES
        if not name.startswith(modules):
            raise
        return hub + name.removeprefix(modules)


def from_original(name: str) -> str:
    """Return the hub's name of an original weight.

    Raises:
        UnknownNameError: the prefix is unknown.
    """
    return _renamed(name, ORIGINAL, HUB)


def to_original(name: str) -> str:
    """Return the original name of a weight on the hub.

    Raises:
        UnknownNameError: the prefix is unknown.
    """
    return _renamed(name, HUB, ORIGINAL)


def without_buffers(names: Iterable[str]) -> list[str]:
    """Return the names that are not buffers."""
    return [name for name in names if not BUFFERS.search(name)]


def _renamed(name: str, old: int, new: int) -> str:
    # At most one prefix matches. A prefix without a final dot is a full name.
    for prefixes in PREFIXES:
        if name == prefixes[old] or (prefixes[old].endswith(".") and name.startswith(prefixes[old])):
            return prefixes[new] + name.removeprefix(prefixes[old])
    raise UnknownNameError(f"{name} has an unknown prefix for a weight of LLaVA-NeXT.")
