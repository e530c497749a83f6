"""LLaVA-NeXT with packed rows. The loss equals that of separate rows.

A row holds groups. A group is a shared prefix and conversations that do not see each other:

    [prefix of group 1][conversation][conversation] ... [prefix of group 2][conversation] ...

Position i sees position j if j is not later, is in the same group, and is in the prefix or in the conversation of i.
Molmo (allenai/molmo) trains with the same mask and one image per row.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.attention.flex_attention import BlockMask
from transformers import LlavaNextForConditionalGeneration
from transformers.conversion_mapping import get_checkpoint_conversion_mapping, register_checkpoint_conversion_mapping
from transformers.utils import ModelOutput

from pangea_cultural.model.attention.context_parallel import ContextParallel, Share
from pangea_cultural.model.attention.grouped import GROUPED, groups_of
from pangea_cultural.model.attention.masks import block_mask, dense_mask, is_causal, partial_block_mask

IGNORE_INDEX = -100
"""Label of a position without a target, the default of torch's cross-entropy."""


@dataclass
class PackedOutput(ModelOutput):
    """Output of a forward pass with labels."""

    loss: torch.Tensor | None = None
    """Weighted sum of the target losses divided by the normalizer; a scalar."""
    target_losses: torch.Tensor | None = None
    """[targets], loss of each target in the order of rows and positions; detached."""


class PackedLlavaNext(LlavaNextForConditionalGeneration):
    """LLaVA-NeXT with a loss over packed rows. Weights and their names are those of LLaVA-NeXT."""

    context: ContextParallel | None = None
    """Division of rows among processes; None for whole rows only."""

    def divide_rows(self, group: Any) -> None:
        """Divide rows that come with a division among the processes of a group from now on."""
        if self.context is None:
            self.context = ContextParallel(self, group)

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        *,
        labels: torch.Tensor | None = None,
        weights: torch.Tensor | None = None,
        normalizer: torch.Tensor | float | None = None,
        segments: torch.Tensor | None = None,
        division: dict[str, Any] | None = None,
        pixel_values: torch.Tensor | None = None,
        image_sizes: torch.Tensor | None = None,
        logits_to_keep: int | torch.Tensor = 0,
        **inputs: Any,
    ) -> PackedOutput:
        """Return the loss of a batch with labels; without labels, LLaVA-NeXT's own output.

        Args:
            input_ids: [batch, length].
            labels: [batch, length], not shifted; IGNORE_INDEX for positions without a target.
            weights: [batch, length], weight of each target; None for 1.
            normalizer: sum of the weights of the step, over micro-batches and processes; None for that of this
                batch. With it, the loss does not depend on how questions are packed and distributed.
            segments: [batch, 2, length], group and conversation of each position (see `mask_mod`).
            division: share of this process, if several divide the rows (see `Share`). Labels are those of its own
                positions, and pixel values of its own tiles.
            pixel_values: [images, tiles, 3, height, width]; with a division [tiles, 3, height, width].
            image_sizes: [images, 2], height and width.
            logits_to_keep: without labels, number of last positions to compute logits for; 0 for all.
            **inputs: position_ids [batch, length], and other inputs of LLaVA-NeXT.
        """
        # The signature names these two because `generate` inspects it.
        inputs |= {"pixel_values": pixel_values, "image_sizes": image_sizes}
        if labels is None:
            return super().forward(input_ids, logits_to_keep=logits_to_keep, **inputs)
        own, hidden = self._hidden_states(input_ids, segments, division, inputs)
        targets = _next(labels, IGNORE_INDEX)[:, own]
        chosen = targets != IGNORE_INDEX
        # Logits of all positions would take most of the memory: the vocabulary has 152,000 tokens.
        logits = self.lm_head(hidden[chosen])
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        losses = torch.nn.functional.cross_entropy(logits, targets[chosen], reduction="none")
        counts = torch.ones_like(losses) if weights is None else _next(weights, 0.0)[:, own][chosen]
        total = (losses * counts).sum()
        if pixel_values is None:
            total = total + self._zero_image_loss()
        return PackedOutput(
            loss=total / (counts.sum() if normalizer is None else normalizer), target_losses=losses.detach()
        )

    def _hidden_states(
        self,
        input_ids: torch.Tensor | None,
        segments: torch.Tensor | None,
        division: dict[str, Any] | None,
        inputs: dict[str, Any],
    ) -> tuple[slice, torch.Tensor]:
        """Return the positions of this process, and their last hidden states [batch, length, channels]."""
        if division is not None:
            assert self.context is not None and segments is not None, "divide_rows was called, and rows are packed"
            with self.context.divided(division) as share:
                inputs |= {"attention_mask": self._partial_mask(segments, share), "share": share}
                output = self.model(input_ids=input_ids, use_cache=False, **inputs)
            return slice(share.start, share.stop), output.last_hidden_state
        inputs["attention_mask"] = mask = self._mask(segments)
        if mask is None:
            # Without padding, positions count up, which is the default. Those of padding repeat, which transformers
            # would take for packed texts.
            inputs["position_ids"] = None
        elif self.config.text_config._attn_implementation == GROUPED:
            inputs["groups"] = groups_of(segments)
        return slice(None), self.model(input_ids=input_ids, use_cache=False, **inputs).last_hidden_state

    @property
    def _attention(self) -> str:
        """Name of the language model's attention."""
        return self.context.attention if self.context else self.config.text_config._attn_implementation

    def _mask(self, segments: torch.Tensor | None) -> torch.Tensor | BlockMask | None:
        """Return the mask; None for causal rows, because torch's own causal attention is faster."""
        if segments is not None and self._attention == "flex_attention":
            return block_mask(segments)
        if segments is None or is_causal(segments):
            return None
        return dense_mask(segments, self.dtype)

    def _partial_mask(self, segments: torch.Tensor, share: Share) -> torch.Tensor | BlockMask:
        """Return the mask of the positions of this process, and of the keys that they see."""
        seen, start = segments[..., share.first_key : share.stop], share.start - share.first_key
        if self._attention == "flex_attention":
            return partial_block_mask(seen, start)
        return dense_mask(seen, self.dtype, start)

    def _zero_image_loss(self) -> torch.Tensor | float:
        """Return zero, computed from the parameters of vision tower and projector.

        A batch without images then gives them zero gradients instead of none, so that all processes reduce the same
        gradients and the optimizer steps the same parameters.
        """
        inner = self.model
        parameters = (*inner.vision_tower.parameters(), *inner.multi_modal_projector.parameters(), inner.image_newline)
        return 0.0 * sum(parameter.sum() for parameter in parameters if parameter.requires_grad)

    def enable_input_require_grads(self) -> None:
        """Do nothing: only reentrant checkpointing needs this hook.

        With the hook, a frozen vision tower would save all its activations.
        """


def _next(values: torch.Tensor, fill: float) -> torch.Tensor:
    """Return for each position [batch, length] the value of the one after it: the model predicts the next token."""
    return torch.nn.functional.pad(values[:, 1:], (0, 1), value=fill)


# transformers maps the hub's weight names for its own classes only. Without this, it ignores the output embeddings.
register_checkpoint_conversion_mapping(
    PackedLlavaNext.__name__, get_checkpoint_conversion_mapping("llava_next"), overwrite=True
)
