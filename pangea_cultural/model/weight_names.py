"""What a weight is called: in transformers' modules, on the hub, and in the original LLaVA-NeXT (llava_qwen)."""

import re
from collections.abc import Iterable

MODULES, HUB, ORIGINAL = range(3)
# How names begin in each; what follows is the same in all. `save_pretrained` of a model that was built from a
# configuration leaves out the hub's `vision_model.`, and vLLM then refuses the file.
BEGINNINGS = (
    ("model.language_model.embed_tokens.", "language_model.model.embed_tokens.", "model.embed_tokens."),
    ("model.language_model.layers.", "language_model.model.layers.", "model.layers."),
    ("model.language_model.norm.", "language_model.model.norm.", "model.norm."),
    ("lm_head.", "language_model.lm_head.", "lm_head."),
    ("model.vision_tower.", "vision_tower.vision_model.", "model.vision_tower.vision_tower.vision_model."),
    ("model.multi_modal_projector.linear_1.", "multi_modal_projector.linear_1.", "model.mm_projector.0."),
    ("model.multi_modal_projector.linear_2.", "multi_modal_projector.linear_2.", "model.mm_projector.2."),
    ("model.image_newline", "image_newline", "model.image_newline"),
)
# Language models other than Qwen2, which the original does not have, may have other modules: on the hub they keep them.
OTHER_MODULES = ("model.language_model.", "language_model.model.")
BUFFERS = re.compile(r"\.(inv_freq|position_ids)$")
"""Computed from the configuration, not learnt: older checkpoints hold them, newer ones do not."""


class UnknownNameError(ValueError):
    """A weight whose name begins like none that we know."""


def hub_name(name: str) -> str:
    """The hub's name of a parameter of transformers' modules.

    Raises:
        UnknownNameError: it has none.
    """
    try:
        return _renamed(name, MODULES, HUB)
    except UnknownNameError:
        modules, hub = OTHER_MODULES
        if not name.startswith(modules):
            raise
        return hub + name.removeprefix(modules)


def from_original(name: str) -> str:
    """The hub's name of an original weight.

    Raises:
        UnknownNameError: it has none.
    """
    return _renamed(name, ORIGINAL, HUB)


def to_original(name: str) -> str:
    """The original name of a weight on the hub.

    Raises:
        UnknownNameError: it has none.
    """
    return _renamed(name, HUB, ORIGINAL)


def without_buffers(names: Iterable[str]) -> list[str]:
    """The names without buffers."""
    return [name for name in names if not BUFFERS.search(name)]


def _renamed(name: str, old: int, new: int) -> str:
    # No beginning is another's, so at most one fits. One without a dot at its end is a whole name.
    for row in BEGINNINGS:
        if name == row[old] or (row[old].endswith(".") and name.startswith(row[old])):
            return row[new] + name.removeprefix(row[old])
    raise UnknownNameError(f"{name} begins like no weight of a LLaVA-NeXT")
