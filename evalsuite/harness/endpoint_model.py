"""A lighteval model that asks an endpoint about images and stores every answer."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from lighteval.models.abstract_model import LightevalModel, ModelConfig
from lighteval.models.model_output import ModelResponse
from lighteval.tasks.requests import Doc

from evalsuite.harness.export_answers import means
from pangea_cultural.endpoint.client import Endpoint, gather
from pangea_cultural.errors import UserError
from pangea_cultural.utils.console import Bar


class NoCache:
    """A replacement for lighteval's sample cache, whose keys do not include images."""

    def _init_registry(self, registry: Any) -> None:
        """Do nothing; the pipeline calls this."""


class EndpointModel(LightevalModel):
    """The model behind an endpoint. Every answer is appended to a file at once, from which a repeated run resumes.

    Args:
        connect: creates the endpoint's client; called for each batch of documents, in the event loop that uses it.
        name: the model's name.
        answers: JSON Lines file of the answers.
        bar: advanced with every answer.
    """

    def __init__(self, connect: Callable[[], Endpoint], *, name: str, answers: Path, bar: Bar) -> None:
        self.config = ModelConfig(model_name=name)
        self._cache = NoCache()
        self._connect = connect
        self._path = answers
        self._bar = bar
        self._answers = _read(answers)

    @property
    def tokenizer(self) -> None:
        """None, because the endpoint tokenizes."""
        return None

    @property
    def add_special_tokens(self) -> bool:
        """False, because the endpoint's chat template adds them."""
        return False

    @property
    def max_length(self) -> int:
        """A large number, because the endpoint rejects texts that are too long."""
        return 1 << 20

    def greedy_until(self, docs: list[Doc]) -> list[ModelResponse]:
        """Return greedy answers, in the documents' order."""
        # `text` must be a list: lighteval reads only the first letter of a string.
        return [ModelResponse(text=[answer["text"]]) for answer in self._ask_all(docs, self._answer)]

    def loglikelihood(self, docs: list[Doc]) -> list[ModelResponse]:
        """Return mean log-probabilities per token of the documents' choices, in the documents' order."""

        async def ask(endpoint: Endpoint, doc: Doc) -> dict[str, Any]:
            likelihoods = await endpoint.choose(_image(doc), doc.query, doc.choices)
            sums, tokens = zip(*likelihoods, strict=True)
            return {"sums": sums, "tokens": tokens}

        return [ModelResponse(logprobs=means(answer)) for answer in self._ask_all(docs, ask)]

    def loglikelihood_rolling(self, docs: list[Doc]) -> list[ModelResponse]:
        """Reject perplexity tasks.

        Raises:
            UserError: always, because endpoints do not compute the perplexity of documents with images.
        """
        raise UserError("Endpoints do not compute the perplexity of documents with images. Remove that task.")

    async def _answer(self, endpoint: Endpoint, doc: Doc) -> dict[str, Any]:
        """Return what is stored about the greedy answer to a document, with its `text`."""
        return {"text": await endpoint.answer(_image(doc), doc.query, max_tokens=doc.generation_size)}

    def _ask_all(self, docs: list[Doc], ask: Callable[..., Any]) -> list[dict[str, Any]]:
        asyncio.run(self._ask_missing([doc for doc in docs if _key(doc) not in self._answers], ask))
        return [self._answers[_key(doc)] for doc in docs]

    async def _ask_missing(self, docs: list[Doc], ask: Callable[..., Any]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        _end_last_line(self._path)
        with self._path.open("ab") as stream:

            async def one(doc: Doc) -> None:
                answer = await ask(endpoint, doc)
                self._answers[_key(doc)] = answer
                stream.write(orjson.dumps({"item": _key(doc)} | answer, option=orjson.OPT_APPEND_NEWLINE))
                stream.flush()
                self._bar.advance()

            async with self._connect() as endpoint:
                await gather(one, docs)

    @property
    def answers(self) -> dict[str, dict[str, Any]]:
        """The model's answers, by item."""
        return self._answers


def _key(doc: Doc) -> str:
    return doc.specific["item"]


def _image(doc: Doc) -> Path | None:
    return Path(doc.images[0]) if doc.images else None


def _end_last_line(path: Path) -> None:
    """End a line that a kill truncated, so that the next answer starts a new one."""
    if path.is_file() and not path.read_bytes().endswith(b"\n"):
        with path.open("ab") as stream:
            stream.write(b"\n")


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """Return the answers of an earlier run by item, without a truncated last line, which is asked again."""
    answers: dict[str, dict[str, Any]] = {}
    if not path.is_file():
        return answers
    for line in path.read_bytes().splitlines():
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        answers[row.pop("item")] = row
    return answers
