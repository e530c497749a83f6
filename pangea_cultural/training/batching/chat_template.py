"""The chat template, split into spans that are tokenized separately."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from transformers import PreTrainedTokenizerBase

from pangea_cultural.model.tokenizer import END, IMAGE, START, SYSTEM
from pangea_cultural.training.data.types import IMAGE_MARK

Turns = tuple[tuple[str, str], ...]
"""Questions and answers of a conversation."""


class Span(NamedTuple):
    """A stretch of a conversation: text that is still to be made into tokens, marks, or the place of an image."""

    text: str = ""
    marks: tuple[int, ...] = ()
    is_image: bool = False
    is_target: bool = False


class ChatTemplate:
    """The chat template, cut into stretches of which each is made into tokens by itself.

    Text is cut where a mark stands (`<|im_end|>`, `<image>`) or the header ends, so that no token spans prefix and
    question; marks in a question's own text are spelled as text.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        start, end, self.image = tokenizer.convert_tokens_to_ids([START, END, IMAGE])
        text = self.encode([f"system\n{SYSTEM}", "user\n", "assistant\n", "\n", "\nuser\n"])
        system, user, assistant, newline, _ = text
        self.header = [start, *system, end, *newline, start, *user]
        """Tokens before the image."""
        self._asked = (end, *newline, start, *assistant)
        self._next = (*newline, start, *user)
        self._end = (end,)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of each text, without any marks."""
        if not texts:
            return []
        return self._tokenizer(list(texts), add_special_tokens=False, split_special_tokens=True)["input_ids"]

    def spans(self, turns: Turns, *, num_images: int) -> Iterator[Span]:
        """A conversation after the prefix.

        With one image, which stands in the prefix, the first question follows it on a new line; with several, each
        stands where the text has its mark.
        """
        for number, (question, answer) in enumerate(turns):
            if number:
                yield Span(marks=self._next)
            lead = "\n" if num_images == 1 and number == 0 else ""
            parts = (lead + question).split(IMAGE_MARK) if num_images > 1 else [lead + question]
            for part_number, part in enumerate(parts):
                if part_number:
                    yield Span(is_image=True)
                if part:
                    yield Span(text=part)
            yield Span(marks=self._asked)
            yield Span(text=answer, is_target=True)
            yield Span(marks=self._end, is_target=True)

    def tokens(
        self, spans: Sequence[Span], texts: Iterator[list[int]], image_tokens: Sequence[int]
    ) -> tuple[list[int], list[bool]]:
        """Tokens of a conversation, and which of them are targets.

        Args:
            spans: the conversation.
            texts: what `encode` made of the spans' texts, in order; as many are taken as the spans have.
            image_tokens: how many tokens each image within the text takes.
        """
        ids: list[int] = []
        targets: list[bool] = []
        images = iter(image_tokens)
        for span in spans:
            part = [self.image] * next(images) if span.is_image else list(span.marks) or next(texts)
            ids += part
            targets += [span.is_target] * len(part)
        return ids, targets
