"""LLaVA-NeXT with the loss of packed rows: output embeddings are computed for answer tokens only."""

import torch
from transformers import LlavaNextForConditionalGeneration
from transformers.modeling_outputs import CausalLMOutput

IGNORED = -100
"""Label of a position without a target, as in torch's cross-entropy."""


class PackedLlavaNext(LlavaNextForConditionalGeneration):
    """A LLaVA-NeXT as the trainer uses it. Its weights and their names are LLaVA-NeXT's."""

    def forward(
        self,
        input_ids: torch.Tensor,
        *,
        labels: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
        **inputs: torch.Tensor,
    ) -> CausalLMOutput:
        """The loss of a batch where labels are given; LLaVA-NeXT's own forward where not.

        Args:
            input_ids: [batch, length].
            labels: [batch, length], IGNORED where there is no target; shifted here, as everywhere in transformers.
            num_items_in_batch: targets in the whole step, over accumulation and processes; those of this batch where
                None. The loss is the mean over these targets, so that it does not depend on how rows were packed.
            **inputs: position_ids [batch, length], attention_mask [batch, 1, length, length], pixel_values,
                image_sizes.
        """
        if labels is None:
            return super().forward(input_ids, **inputs)
        hidden = self.model(input_ids=input_ids, use_cache=False, **inputs).last_hidden_state
        targets = labels[:, 1:]
        chosen = targets != IGNORED
        # A vocabulary of 152,000 times every picture token would be most of the memory, for nothing.
        logits = self.lm_head(hidden[:, :-1][chosen])
        total = torch.nn.functional.cross_entropy(logits.float(), targets[chosen], reduction="sum")
        return CausalLMOutput(loss=total / (chosen.sum() if num_items_in_batch is None else num_items_in_batch))
