"""The objective `contrastive`: pre-train the vision tower on the names of images.

As in CLIP, the loss is a softmax over cosines between images and captions (Radford et al., 2021, arXiv 2103.00020).
There are two differences, for a tiny model:

- An image is the mean of the patches that the projector reads. CLIP uses the class token, which LLaVA ignores.
- A caption is the mean of the language model's token embeddings.

The linear head between the two is discarded after the stage.
"""

import torch
from transformers import LlavaNextForConditionalGeneration, PreTrainedTokenizerBase

from pangea_cultural.model.modeling import IGNORE_INDEX, PackedOutput

INITIAL_SCALE = 2.3
"""Logarithm of the initial scale of the cosines: e^2.3 is 10."""


class Contrastive(torch.nn.Module):
    """Wrapper around a model's vision tower and input embeddings, which are trained in place.

    Args:
        model: the model to train.
        tokenizer: its tokenizer.
        captions: names of the images of the data, without duplicates.
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

    def forward(
        self, pixel_values: torch.Tensor, labels: torch.Tensor, normalizer: torch.Tensor | float | None = None
    ) -> PackedOutput:
        """Return the loss of a batch.

        Args:
            pixel_values: [batch, 3, height, width], overview tiles.
            labels: [batch], index of each image's caption, or IGNORE_INDEX.
            normalizer: number of images in the step, over micro-batches and processes; None for those of this batch.
        """
        patches = self.vision_tower(pixel_values, output_hidden_states=True).hidden_states[self.layer][:, 1:]
        images = torch.nn.functional.normalize(self.head(patches.mean(1)), dim=-1)
        names = torch.nn.functional.embedding_bag(self.tokens, self.embeddings.weight, self.starts, mode="mean")
        logits = images @ torch.nn.functional.normalize(names, dim=-1).T * self.scale.exp()
        losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none", ignore_index=IGNORE_INDEX)
        labeled = labels != IGNORE_INDEX
        loss = losses.sum() / (labeled.sum() if normalizer is None else normalizer)
        return PackedOutput(loss=loss, target_losses=losses[labeled].detach())
