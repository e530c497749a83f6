"""Context parallelism: several processes divide each row between them, so that an image can be on several devices.

A process computes all layers for its own positions. Attention reads keys and values of the whole row, which every layer
gathers, as in Llama 3 (arXiv 2407.21783, section 3.3.2). With grouped-query attention these are smaller than the hidden
states, and any mask is possible. Image tiles are divided as well, and their features gathered.

torch's own `context_parallel` has causal masks only. Its form for FlexAttention is private (torch 2.14), has equal
parts in blocks of 128 positions, and does not run on a CPU.
"""

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import distributed
from torch.nn.attention.flex_attention import BlockMask
from transformers import AttentionInterface
from transformers.integrations.flex_attention import flex_attention_forward
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

DIVIDED = "context_parallel"
"""transformers' name of this attention. Without a share it is `sdpa`, or `flex_attention` with a block mask."""

# torch 2.14 calls them by new names, and warns of the old ones.
_all_gather = getattr(distributed, "all_gather_single", None) or distributed.all_gather_into_tensor
_reduce_scatter = getattr(distributed, "reduce_scatter_single", None) or distributed.reduce_scatter_tensor


class Share(NamedTuple):
    """Positions of a row that a process computes, beside those of the others of its group."""

    bounds: Sequence[int]
    """First position of each process, and the length of the row."""
    first_key: int
    """First position that a position of this process sees. None sees a later one than itself."""
    tiles: int
    """Number of image tiles of all processes."""
    rank: int
    """Index of this process in the group."""
    group: Any
    """torch's process group."""

    @property
    def start(self) -> int:
        """First position of this process."""
        return self.bounds[self.rank]

    @property
    def stop(self) -> int:
        """Position after the last one of this process."""
        return self.bounds[self.rank + 1]

    def whole(self, own: torch.Tensor, dim: int) -> torch.Tensor:
        """Return values of all positions along `dim`, from those of each process."""
        sizes = [stop - start for start, stop in itertools.pairwise(self.bounds)]
        parts = _Gather.apply(_padded(own, dim, max(sizes)), self.group)
        return torch.cat([part.narrow(dim, 0, size) for part, size in zip(parts, sizes, strict=True)], dim)


class ContextParallel:
    """The division of a model's work on a row among the processes of a group.

    Hooks divide the inputs of the language model and gather the features of images, while a row is divided.

    Args:
        model: a LLaVA-NeXT, which is changed in place.
        group: torch's process group. All its processes get the same rows.
    """

    def __init__(self, model: Any, group: Any) -> None:
        self.attention: str = model.config.text_config._attn_implementation
        """The model's attention without context parallelism."""
        self.group = group
        """torch's process group."""
        self._share: Share | None = None
        model.set_attn_implementation({"text_config": DIVIDED})
        model.model.multi_modal_projector.register_forward_hook(self._all_tiles)
        model.model.language_model.register_forward_pre_hook(_own_positions, with_kwargs=True)

    @contextlib.contextmanager
    def divided(self, division: dict[str, Any]) -> Iterator[Share]:
        """Divide the rows of a forward pass. `division` has the first three fields of `Share`."""
        self._share = Share(**division, rank=distributed.get_rank(self.group), group=self.group)
        try:
            yield self._share
        finally:
            self._share = None

    def _all_tiles(self, _: torch.nn.Module, inputs: Any, features: torch.Tensor) -> torch.Tensor:
        """Return the features of the tiles of all processes, from those of this one [tiles, patches, channels]."""
        if self._share is None:
            return features
        return _Gather.apply(features, self.group).flatten(0, 1)[: self._share.tiles]


def _own_positions(_: torch.nn.Module, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Replace embeddings [batch, length, channels] and position ids of a row by those of a process."""
    share = options.get("share")
    if share is not None:
        own = slice(share.start, share.stop)
        options = options | {name: options[name][:, own] for name in ("inputs_embeds", "position_ids")}
    return inputs, options


class _Gather(torch.autograd.Function):
    """The values of all processes [processes, ...]. Gradients are summed over the processes, in float32."""

    @staticmethod
    def forward(ctx: Any, own: torch.Tensor, group: Any) -> torch.Tensor:
        """Return the values of all processes."""
        ctx.group, ctx.dtype = group, own.dtype
        processes = distributed.get_world_size(group)
        gathered = own.new_empty(processes * own.shape[0], *own.shape[1:])
        _all_gather(gathered, own.contiguous(), group=group)
        return gathered.unflatten(0, (processes, own.shape[0]))

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Return the gradient of this process's values."""
        (gradient,) = gradients
        own = torch.empty(gradient.shape[1:], dtype=torch.float32, device=gradient.device)
        _reduce_scatter(own, gradient.float().flatten(0, 1).contiguous(), group=ctx.group)
        return own.to(ctx.dtype), None


def _padded(tensor: torch.Tensor, dim: int, size: int) -> torch.Tensor:
    """Return a tensor with zeros at the end of a dimension."""
    missing = size - tensor.shape[dim]
    if not missing:
        return tensor
    behind = [0, 0] * (tensor.dim() - dim - 1)
    return torch.nn.functional.pad(tensor, (*behind, 0, missing))


def _divided(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | BlockMask | None,
    share: Share | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Return the outputs of the positions of this process [batch, length, heads, channels].

    Args:
        module: the attention layer.
        query: [batch, heads, length, channels], of the positions of this process.
        key: the same, of fewer heads.
        value: the same.
        attention_mask: of these queries and the keys that they see. A block mask may have more of both, as padding.
        share: the positions; None if this process has the whole row.
        **options: of transformers' own functions.
    """
    attend = flex_attention_forward if isinstance(attention_mask, BlockMask) else sdpa_attention_forward
    if share is None:
        return attend(module, query, key, value, attention_mask, **options)[0], None
    own = torch.stack((_as_computed(key), _as_computed(value)))
    # Autograd keeps those that are seen. Others are in long rows with many images.
    key, value = share.whole(own, dim=3)[..., share.first_key : share.stop, :].contiguous()
    if isinstance(attention_mask, BlockMask):
        queries, keys = attention_mask.seq_lengths
        query, key, value = _padded(query, 2, queries), _padded(key, 2, keys), _padded(value, 2, keys)
    output = attend(module, query, key, value, attention_mask, **options)[0]
    return output[:, : share.stop - share.start], None


def _as_computed(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor in the dtype of attention under autocast. Rotated keys are float32 if the weights are."""
    device = tensor.device.type
    return tensor.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else tensor


AttentionInterface.register(DIVIDED, _divided)
AttentionMaskInterface.register(DIVIDED, sdpa_mask)
