"""The objective `contrastive`: a vision tower that knows the images' names before a language model looks through it.

As in CLIP, images and captions are drawn together in one space by a softmax over cosines (Radford et al., 2021,
arXiv 2103.00020), with two differences for a tiny model: the image is the mean of the patches that the projector will
read (CLIP uses the class token, which LLaVA never sees), and the caption is the mean of the language model's own token
embeddings. The head that maps between the two is thrown away.
"""

from typing import Any

import torch
from transformers import LlavaNextForConditionalGeneration, PreTrainedTokenizerBase

from pangea_cultural.model.modeling import IGNORE_INDEX, PackedOutput

INITIAL_SCALE = 2.3
"""Logarithm of the cosines' factor at the start: e^2.3 is 10."""


class Contrastive(torch.nn.Module):
    """Wraps a model's vision tower and input embeddings; training it trains them.

    Args:
        model: the model that is trained.
        tokenizer: its tokenizer.
        captions: what the images of the data show, without repetition.
    """

    def __init__(
        self, model: LlavaNextForConditionalGeneration, tokenizer: PreTrainedTokenizerBase, captions: list[str]
    ) -> None:
        super().__init__()
        self.vision_tower = model.model.vision_tower
        self.embeddings = model.get_input_embeddings()
        self.layer = model.config.vision_feature_layer
        self.head = torch.nn.Linear(self.vision_tower.config.hidden_size, self.embeddings.embedding_dim)
        self.scale = torch.nn.Parameter(torch.tensor(INITIAL_SCALE))
        ids = [tokenizer.encode(caption, add_special_tokens=False) for caption in captions]
        self.register_buffer("tokens", torch.tensor([token for part in ids for token in part]), persistent=False)
        starts = torch.tensor([0, *map(len, ids)]).cumsum(0)[:-1]
        self.register_buffer("starts", starts, persistent=False)

    def gradient_checkpointing_enable(self, **settings: Any) -> None:
        """Compute the vision tower's activations again in the backward pass; `Trainer` calls this."""
        self.vision_tower.gradient_checkpointing_enable(**settings)

    def forward(
        self, pixel_values: torch.Tensor, labels: torch.Tensor, normalizer: torch.Tensor | float | None = None
    ) -> PackedOutput:
        """The loss of a batch.

        Args:
            pixel_values: [batch, 3, height, width], the overview tiles.
            labels: [batch], the number of each image's caption, or IGNORE_INDEX.
            normalizer: images of the whole step, over micro-batches and processes; of this batch where None.
        """
        patches = self.vision_tower(pixel_values, output_hidden_states=True).hidden_states[self.layer][:, 1:]
        images = torch.nn.functional.normalize(self.head(patches.mean(1)), dim=-1)
        names = torch.nn.functional.embedding_bag(self.tokens, self.embeddings.weight, self.starts, mode="mean")
        logits = images @ torch.nn.functional.normalize(names, dim=-1).T * self.scale.exp()
        losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none", ignore_index=IGNORE_INDEX)
        chosen = labels != IGNORE_INDEX
        loss = losses.sum() / (chosen.sum() if normalizer is None else normalizer)
        return PackedOutput(loss=loss, target_losses=losses[chosen].detach())
