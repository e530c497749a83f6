"""What a weight is called: in the original LLaVA-NeXT (llava_qwen), on the hub, and in transformers' modules."""

import re
from collections.abc import Iterable

# From transformers' modules to the hub. `save_pretrained` of a model that was built from a configuration leaves out
# `vision_model.`, and vLLM then refuses the file.
HUB_NAMES = (
    (r"^model\.language_model\.", "language_model.model."),
    (r"^lm_head\.", "language_model.lm_head."),
    (r"^model\.vision_tower\.(?:vision_model\.)?", "vision_tower.vision_model."),
    (r"^model\.multi_modal_projector\.", "multi_modal_projector."),
    (r"^model\.image_newline$", "image_newline"),
)
# The original's and the hub's beginnings of a name.
ORIGINAL_NAMES = (
    ("model.embed_tokens.", "language_model.model.embed_tokens."),
    ("model.layers.", "language_model.model.layers."),
    ("model.norm.", "language_model.model.norm."),
    ("lm_head.", "language_model.lm_head."),
    ("model.vision_tower.vision_tower.vision_model.", "vision_tower.vision_model."),
    ("model.mm_projector.0.", "multi_modal_projector.linear_1."),
    ("model.mm_projector.2.", "multi_modal_projector.linear_2."),
    ("model.image_newline", "image_newline"),
)
BUFFERS = re.compile(r"\.(inv_freq|position_ids)$")
"""Computed from the configuration, not learnt: older checkpoints hold them, newer ones do not."""


class UnknownNameError(ValueError):
    """A weight that no rule knows, or several do."""


def hub_name(name: str) -> str:
    """The hub's name of a parameter of transformers' modules.

    Raises:
        UnknownNameError: no rule or several rules fit.
    """
    fitting = [(pattern, new) for pattern, new in HUB_NAMES if re.match(pattern, name)]
    pattern, new = _only(name, fitting)
    return re.sub(pattern, new, name)


def from_original(name: str) -> str:
    """The hub's name of an original weight.

    Raises:
        UnknownNameError: no rule or several rules fit.
    """
    old, new = _only(name, [rule for rule in ORIGINAL_NAMES if name.startswith(rule[0])])
    return new + name.removeprefix(old)


def to_original(name: str) -> str:
    """The original name of a weight on the hub.

    Raises:
        UnknownNameError: no rule or several rules fit.
    """
    old, new = _only(name, [rule for rule in ORIGINAL_NAMES if name.startswith(rule[1])])
    return old + name.removeprefix(new)


def learnt(names: Iterable[str]) -> list[str]:
    """The names without buffers."""
    return [name for name in names if not BUFFERS.search(name)]


def _only(name: str, fitting: list[tuple[str, str]]) -> tuple[str, str]:
    if len(fitting) != 1:
        raise UnknownNameError(f"{name}: {len(fitting)} rules fit")
    return fitting[0]
