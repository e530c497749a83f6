"""LLaVA-NeXT with packed rows: one row holds several groups, each a shared prefix and conversations that do not see
each other; the loss is that of separate rows.

    [prefix of group 1][conversation][conversation] … [prefix of group 2][conversation] …

Position i sees j where j is not later than i, lies in i's group, and lies in the group's prefix or in i's own
conversation. Molmo (allenai/molmo) trains with the same mask for one image a row.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.attention.flex_attention import BlockMask
from transformers import LlavaNextForConditionalGeneration
from transformers.conversion_mapping import get_checkpoint_conversion_mapping, register_checkpoint_conversion_mapping
from transformers.utils import ModelOutput

from pangea_cultural.model.masks import block_mask, dense_mask, is_causal

IGNORE_INDEX = -100
"""Label of a position without a target, as in torch's cross-entropy."""


@dataclass
class PackedOutput(ModelOutput):
    """What a forward pass with labels gives."""

    loss: torch.Tensor | None = None
    """The weighted sum of the targets' losses over the normalizer, a scalar."""
    target_losses: torch.Tensor | None = None
    """[targets], each target's own loss, in the order of rows and positions; detached."""


class PackedLlavaNext(LlavaNextForConditionalGeneration):
    """A LLaVA-NeXT as the trainer uses it. Its weights and their names are LLaVA-NeXT's."""

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        *,
        labels: torch.Tensor | None = None,
        weights: torch.Tensor | None = None,
        normalizer: torch.Tensor | float | None = None,
        segments: torch.Tensor | None = None,
        pixel_values: torch.Tensor | None = None,
        image_sizes: torch.Tensor | None = None,
        logits_to_keep: int | torch.Tensor = 0,
        **inputs: Any,
    ) -> PackedOutput:
        """The loss of a batch where labels are given; LLaVA-NeXT's own forward where not.

        Args:
            input_ids: [batch, length].
            labels: [batch, length], IGNORE_INDEX where there is no target; shifted here, as everywhere in transformers.
            weights: [batch, length], what each target counts; 1 where None.
            normalizer: sum of the weights of the whole step, over micro-batches and processes; of this batch where
                None. With it the loss does not depend on how questions were packed and distributed.
            segments: [batch, 2, length], group and conversation of each position (see `mask_mod`).
            pixel_values: [images, tiles, 3, height, width].
            image_sizes: [images, 2], height and width.
            logits_to_keep: without labels, of how many positions at the end; 0 for all.
            **inputs: position_ids [batch, length], and what else LLaVA-NeXT takes.
        """
        # Named above, because `generate` looks for them in the signature.
        inputs |= {"pixel_values": pixel_values, "image_sizes": image_sizes}
        if labels is None:
            return super().forward(input_ids, logits_to_keep=logits_to_keep, **inputs)
        inputs["attention_mask"] = mask = self._mask(segments)
        if mask is None:
            # Positions count up, as they do where none are given; that those of what fills up a row do not would make
            # transformers look for packed texts.
            inputs["position_ids"] = None
        hidden = self.model(input_ids=input_ids, use_cache=False, **inputs).last_hidden_state
        targets = labels[:, 1:]
        chosen = targets != IGNORE_INDEX
        # A vocabulary of 152,000 times every image token would be most of the memory, for nothing.
        logits = self.lm_head(hidden[:, :-1][chosen])
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        losses = torch.nn.functional.cross_entropy(logits, targets[chosen], reduction="none")
        counts = torch.ones_like(losses) if weights is None else weights[:, 1:][chosen]
        total = (losses * counts).sum()
        if pixel_values is None:
            total = total + self._untouched()
        return PackedOutput(
            loss=total / (counts.sum() if normalizer is None else normalizer), target_losses=losses.detach()
        )

    def _mask(self, segments: torch.Tensor | None) -> torch.Tensor | BlockMask | None:
        """None for rows that are plainly causal: there, torch computes no more than what may be seen."""
        if segments is not None and self.config.text_config._attn_implementation == "flex_attention":
            return block_mask(segments)
        if segments is None or is_causal(segments):
            return None
        return dense_mask(segments, self.dtype)

    def _untouched(self) -> torch.Tensor | float:
        """Zero, computed through vision tower and projector.

        A batch without images then gives them zero gradients instead of none. Processes agree on what to reduce, and
        the optimizer steps the same parameters.
        """
        inner = self.model
        seeing = (*inner.vision_tower.parameters(), *inner.multi_modal_projector.parameters(), inner.image_newline)
        return 0.0 * sum(parameter.sum() for parameter in seeing if parameter.requires_grad)

    def enable_input_require_grads(self) -> None:
        """Do nothing: only re-entrant checkpointing needs this hook.

        With it, a frozen vision tower would keep all its activations.
        """


# transformers maps the hub's names for its own classes only; of ours it would pass over the output embeddings.
register_checkpoint_conversion_mapping(
    PackedLlavaNext.__name__, get_checkpoint_conversion_mapping("llava_next"), overwrite=True
)
