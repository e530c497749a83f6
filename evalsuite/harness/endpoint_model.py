"""Our model for lighteval: an endpoint that is asked about images, and remembers what it has answered."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from lighteval.models.abstract_model import LightevalModel, ModelConfig
from lighteval.models.model_output import ModelResponse
from lighteval.tasks.requests import Doc

from pangea_cultural.endpoint.client import Endpoint, gather
from pangea_cultural.errors import UserError
from pangea_cultural.utils.console import Bar


class NoCache:
    """Stands where lighteval's pipeline wants its sample cache, which confuses images (it hashes none)."""

    def _init_registry(self, registry: Any) -> None:
        """Called by the pipeline."""


class EndpointModel(LightevalModel):
    """Asks an endpoint. Every answer is appended to a file at once, and read from there when the run is repeated.

    Args:
        connect: makes the endpoint's client; called for each batch of documents, in the event loop that uses it.
        name: the model's name.
        answers: JSON Lines file of the answers so far.
        bar: advanced with every answer.
    """

    def __init__(self, connect: Callable[[], Endpoint], *, name: str, answers: Path, bar: Bar) -> None:
        self.config = ModelConfig(model_name=name)
        self._cache = NoCache()
        self._connect = connect
        self._path = answers
        self._bar = bar
        self._known = _read(answers)

    @property
    def tokenizer(self) -> None:
        """None: the endpoint tokenises."""
        return None

    @property
    def add_special_tokens(self) -> bool:
        """False: the endpoint's chat template adds them."""
        return False

    @property
    def max_length(self) -> int:
        """Not limited here: the endpoint refuses what is too long."""
        return 1 << 20

    def greedy_until(self, docs: list[Doc]) -> list[ModelResponse]:
        """Greedy answers, in the documents' order."""

        async def ask(endpoint: Endpoint, doc: Doc) -> dict:
            text = await endpoint.answer(_image(doc), doc.query, max_tokens=doc.generation_size)
            return {"text": text}

        # `text` must be a list: of a bare string, lighteval takes the first letter.
        return [ModelResponse(text=[found["text"]]) for found in self._ask_all(docs, ask)]

    def loglikelihood(self, docs: list[Doc]) -> list[ModelResponse]:
        """Mean log-probabilities per token of the documents' choices, in the documents' order."""

        async def ask(endpoint: Endpoint, doc: Doc) -> dict:
            found = await endpoint.choose(_image(doc), doc.query, doc.choices)
            return {"logprobs": [likelihood.mean for likelihood in found]}

        return [ModelResponse(logprobs=found["logprobs"]) for found in self._ask_all(docs, ask)]

    def loglikelihood_rolling(self, docs: list[Doc]) -> list[ModelResponse]:
        """Perplexity, which no task of ours asks for.

        Raises:
            UserError: always; an endpoint has no such call for images.
        """
        raise UserError("an endpoint cannot tell the perplexity of a document with images: leave out that task")

    def _ask_all(self, docs: list[Doc], ask: Callable) -> list[dict]:
        asyncio.run(self._ask_missing([doc for doc in docs if _key(doc) not in self._known], ask))
        return [self._known[_key(doc)] for doc in docs]

    async def _ask_missing(self, docs: list[Doc], ask: Callable) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        _end_last_line(self._path)
        with self._path.open("ab") as stream:

            async def one(doc: Doc) -> None:
                found = await ask(endpoint, doc)
                self._known[_key(doc)] = found
                stream.write(orjson.dumps({"item": _key(doc)} | found, option=orjson.OPT_APPEND_NEWLINE))
                stream.flush()
                self._bar.advance()

            async with self._connect() as endpoint:
                await gather(one, docs)

    @property
    def answers(self) -> dict[str, dict]:
        """What the model answered, by item."""
        return self._known


def _key(doc: Doc) -> str:
    return doc.specific["item"]


def _image(doc: Doc) -> Path:
    return Path(doc.images[0])


def _end_last_line(path: Path) -> None:
    """Close a line that a kill has cut off, so that the next answer does not become part of it."""
    if path.is_file() and not path.read_bytes().endswith(b"\n"):
        with path.open("ab") as stream:
            stream.write(b"\n")


def _read(path: Path) -> dict[str, dict]:
    """The answers of an earlier run; a last line that a kill has cut off is left out, and asked again."""
    known: dict[str, dict] = {}
    if not path.is_file():
        return known
    for line in path.read_bytes().splitlines():
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        known[row.pop("item")] = row
    return known
