"""The chat template, split into spans that are tokenized separately."""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from transformers import PreTrainedTokenizerBase

from pangea_cultural.dataset.sources.types import IMAGE_PLACEHOLDER
from pangea_cultural.model.tokenizer import END, IMAGE, START, SYSTEM

Turns = tuple[tuple[str, str], ...]
"""Questions and answers of a conversation."""


class Span(NamedTuple):
    """A part of a conversation: a text to tokenize, fixed tokens of the template, or an image."""

    text: str = ""
    token_ids: tuple[int, ...] = ()
    is_image: bool = False
    is_target: bool = False
    """Whether its tokens have a loss."""


class ChatTemplate:
    """The chat template of a tokenizer.

    Text is split at special tokens (`<|im_end|>`, `<image>`) and after the header, so that no token spans prefix and
    question. Special tokens that occur in a question's own text are tokenized as plain text.

    Args:
        tokenizer: tokenizer of the model.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        start, end, self.image = tokenizer.convert_tokens_to_ids([START, END, IMAGE])
        system, user, assistant, newline = self.encode([f"system\n{SYSTEM}", "user\n", "assistant\n", "\n"])
        self.header = [start, *system, end, *newline, start, *user]
        """Tokens before the image."""
        self._before_answer = (end, *newline, start, *assistant)
        self._before_question = (*newline, start, *user)
        self._after_answer = (end,)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of each text, without special tokens."""
        if not texts:
            return []
        return self._tokenizer(list(texts), add_special_tokens=False, split_special_tokens=True)["input_ids"]

    def prefix(self, image_tokens: Sequence[int]) -> list[int]:
        """Return the tokens before a conversation: the header, and the image if there is exactly one."""
        return self.header + [self.image] * (image_tokens[0] if len(image_tokens) == 1 else 0)

    def prompt(self, question: str, image_tokens: Sequence[int]) -> list[int]:
        """Return the tokens that precede the answer to a question in a row.

        Args:
            question: the question.
            image_tokens: number of tokens of each image.
        """
        spans = self.spans(((question, ""),), num_images=len(image_tokens))
        asked = list(itertools.takewhile(lambda span: not span.is_target, spans))
        encoded = iter(self.encode([span.text for span in asked if span.text]))
        ids, _ = self.tokens(asked, encoded, image_tokens if len(image_tokens) > 1 else ())
        return self.prefix(image_tokens) + ids

    def spans(self, turns: Turns, *, num_images: int) -> Iterator[Span]:
        """Iterate over the spans of a conversation, which follow the prefix.

        A single image is part of the prefix, and the first question follows it on a new line. Each of several images
        replaces its placeholder in the text.
        """
        for number, (question, answer) in enumerate(turns):
            if number:
                yield Span(token_ids=self._before_question)
            lead = "\n" if num_images == 1 and number == 0 else ""
            parts = (lead + question).split(IMAGE_PLACEHOLDER) if num_images > 1 else [lead + question]
            for part_number, part in enumerate(parts):
                if part_number:
                    yield Span(is_image=True)
                if part:
                    yield Span(text=part)
            yield Span(token_ids=self._before_answer)
            yield Span(text=answer, is_target=True)
            yield Span(token_ids=self._after_answer, is_target=True)

    def count_tokens(self, conversations: Sequence[Sequence[Span]]) -> list[int]:
        """Return the number of tokens of each conversation's spans, without images."""
        encoded = iter(self.encode([span.text for spans in conversations for span in spans if span.text]))
        return [
            sum(len(next(encoded)) if span.text else len(span.token_ids) for span in spans) for spans in conversations
        ]

    def tokens(
        self, spans: Sequence[Span], encoded: Iterator[list[int]], image_tokens: Sequence[int]
    ) -> tuple[list[int], list[bool]]:
        """Return the tokens of a conversation, and whether each is a target.

        Args:
            spans: spans of the conversation.
            encoded: tokens of the spans' texts, in order; consumed as far as needed.
            image_tokens: number of tokens of each image within the text.
        """
        ids: list[int] = []
        targets: list[bool] = []
        images = iter(image_tokens)
        for span in spans:
            words = next(encoded) if span.text else list(span.token_ids)
            part = [self.image] * next(images) if span.is_image else words
            ids += part
            targets += [span.is_target] * len(part)
        return ids, targets
