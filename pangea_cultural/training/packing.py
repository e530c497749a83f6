"""The shared picture: all questions about a picture in one sequence, each seeing the picture and itself only.

    [system and user header, picture tokens][conversation 1][conversation 2] …

Position i sees j where j is not later than i and lies in the prefix or in i's own conversation; position ids restart
after the prefix at every conversation; the loss is on the answers. The result is that of separate rows (a test holds
loss and gradients equal), at a fraction of the cost: a picture's tokens go through the model once, not once a question.
Molmo (allenai/molmo) trains with the same mask.
"""

from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerBase

from pangea_cultural.model.packed import IGNORED
from pangea_cultural.model.tokenizer import END, IMAGE, START, SYSTEM
from pangea_cultural.training.mixture import Conversation

PREFIX = 0
"""Segment of the prefix; conversations are 1, 2, …"""
PADDING = -1


@dataclass(frozen=True)
class Row:
    """One sequence before padding; all lists have its length."""

    input_ids: list[int]
    position_ids: list[int]
    segments: list[int]
    labels: list[int]


class Packer:
    """Turns conversations into rows of tokens."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._image = tokenizer.convert_tokens_to_ids(IMAGE)
        self._header = self._encode(f"{START}system\n{SYSTEM}{END}\n{START}user\n")

    def _encode(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False)

    def row(self, conversations: tuple[Conversation, ...], num_image_tokens: int) -> Row:
        """A picture's conversations as one row.

        Args:
            conversations: in the order in which they shall stand; the result does not depend on it.
            num_image_tokens: tokens that the model makes of the picture; 0 for none.
        """
        # Text is cut where a mark stands (`<image>`, or the header's end), so that no token spans prefix and question.
        prefix = self._header + [self._image] * num_image_tokens
        ids, positions, segments, labels = list(prefix), list(range(len(prefix))), [PREFIX] * len(prefix), []
        labels += [IGNORED] * len(prefix)
        for number, conversation in enumerate(conversations, 1):
            part, targets = self._conversation(conversation, after_image=num_image_tokens > 0)
            ids += part
            labels += targets
            positions += range(len(prefix), len(prefix) + len(part))
            segments += [number] * len(part)
        return Row(ids, positions, segments, labels)

    def _conversation(self, conversation: Conversation, *, after_image: bool) -> tuple[list[int], list[int]]:
        """Tokens and labels of a conversation after the prefix: answers and their end marks are targets."""
        ids: list[int] = []
        labels: list[int] = []
        for number, (question, answer) in enumerate(conversation.turns):
            start = ("\n" if after_image else "") if number == 0 else f"\n{START}user\n"
            asked = self._encode(f"{start}{question}{END}\n{START}assistant\n")
            answered = self._encode(f"{answer}{END}")
            ids += asked + answered
            labels += [IGNORED] * len(asked) + answered
        return ids, labels


def attention_mask(segments: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The mask of packed rows, additive: 0 where position i may see j, the dtype's minimum where it may not.

    Additive, because transformers' eager attention adds a boolean mask as 0 and 1 and is silently wrong.

    Args:
        segments: [batch, length], PREFIX, conversation number or PADDING.
        dtype: of the attention scores.

    Returns:
        [batch, 1, length, length].
    """
    query, key = segments[:, :, None], segments[:, None, :]
    length = segments.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=segments.device).tril()
    visible = ((key == query) | ((key == PREFIX) & (query != PADDING))) & causal
    # Padding sees itself: a row without any visible key would be NaN.
    visible |= torch.eye(length, dtype=torch.bool, device=segments.device)
    mask = torch.zeros(visible.shape, dtype=dtype, device=segments.device)
    return mask.masked_fill(~visible, torch.finfo(dtype).min)[:, None]
