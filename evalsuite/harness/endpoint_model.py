"""A lighteval model that asks an endpoint about images and stores every answer."""

import asyncio
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from lighteval.models.abstract_model import LightevalModel, ModelConfig
from lighteval.models.model_output import ModelResponse
from lighteval.tasks.requests import Doc

from evalsuite.harness import cost
from evalsuite.harness.export.answers import means
from evalsuite.harness.outcomes import require_choice
from evalsuite.metrics.missing import NO_ANSWER
from evalsuite.metrics.reasoning import without_reasoning
from pangea_cultural.endpoint.completion import EMPTY
from pangea_cultural.endpoint.concurrency import CONCURRENCY, gather
from pangea_cultural.endpoint.failures import NoAnswerError
from pangea_cultural.endpoint.messages import question
from pangea_cultural.endpoint.pool import Target
from pangea_cultural.errors import UserError
from pangea_cultural.utils.console import Bar

MOST_FAILURES_IN_A_ROW = 64
"""Failures of the endpoint, without an answer between them, that end a run: as many as there are requests at a time."""


class NoCache:
    """A replacement for lighteval's sample cache, whose keys do not include images."""

    def _init_registry(self, registry: Any) -> None:
        """Do nothing; the pipeline calls this."""


class AskedModel(LightevalModel):
    """A model of which lighteval knows only what its endpoint answers."""

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

    def loglikelihood_rolling(self, docs: list[Doc]) -> list[ModelResponse]:
        """Reject perplexity tasks.

        Raises:
            UserError: always, because endpoints do not compute the perplexity of documents with images.
        """
        raise UserError("Endpoints do not compute the perplexity of documents with images. Remove that task.")


class EndpointModel(AskedModel):
    """The model behind an endpoint. Every answer is appended to a file at once, from which a repeated run resumes.

    Args:
        connect: creates the endpoint's client; called for each batch of documents, in the event loop that uses it.
        name: the model's name.
        answers: JSON Lines file of the answers.
        bar: advanced with every answer.
    """

    def __init__(self, connect: Callable[[], Target], *, name: str, answers: Path, bar: Bar) -> None:
        self.config = ModelConfig(model_name=name)
        self._cache = NoCache()
        self._connect = connect
        self._path = answers
        self._bar = bar
        # An empty answer may be a fault of the server, so that an interrupted run asks for it again.
        self._answers = {key: row for key, row in stored_answers(answers).items() if row.get("ending") != EMPTY}
        self._failures_in_a_row = 0
        self.missing: dict[str, str] = {}
        """Kind of failure of each item without an answer."""

    def greedy_until(self, docs: list[Doc]) -> list[ModelResponse]:
        """Return greedy answers, in the documents' order."""
        # `text` must be a list: lighteval reads only the first letter of a string.
        answers = self._ask_all(docs, self._answer)
        return [ModelResponse(text=[NO_ANSWER if answer is None else answer["text"]]) for answer in answers]

    def loglikelihood(self, docs: list[Doc]) -> list[ModelResponse]:
        """Return mean log-probabilities per token of the documents' choices, in the documents' order."""

        async def ask(endpoint: Target, doc: Doc) -> dict[str, Any]:
            likelihoods = await endpoint.choose(_image(doc), doc.query, doc.choices)
            require_choice([likelihood.mean for likelihood in likelihoods], endpoint.url)
            sums, tokens = zip(*likelihoods, strict=True)
            return {"sums": sums, "tokens": tokens}

        nothing = [math.nan]
        return [
            ModelResponse(logprobs=nothing if answer is None else means(answer)) for answer in self._ask_all(docs, ask)
        ]

    async def _answer(self, endpoint: Target, doc: Doc) -> dict[str, Any]:
        """Return what is stored about the greedy answer to a document, with its `text`."""
        return await ask_text(endpoint, question(_image(doc), doc.query), doc)

    def _ask_all(self, docs: list[Doc], ask: Callable[..., Any]) -> list[dict[str, Any] | None]:
        asyncio.run(self._ask_missing([doc for doc in docs if _key(doc) not in self._answers], ask))
        return [self._answers.get(_key(doc)) for doc in docs]

    async def _ask_missing(self, docs: list[Doc], ask: Callable[..., Any]) -> None:
        if not docs:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        _end_last_line(self._path)
        with self._path.open("ab") as stream:

            async def one(doc: Doc) -> None:
                try:
                    answer = await ask(endpoint, doc)
                except NoAnswerError as error:
                    self._note_failure(_key(doc), error)
                    return
                self._failures_in_a_row = 0
                self._answers[_key(doc)] = answer
                stream.write(orjson.dumps({"item": _key(doc)} | answer, option=orjson.OPT_APPEND_NEWLINE))
                stream.flush()
                self._bar.advance()

            async with self._connect() as endpoint:
                with cost.measured([member.usage for member in endpoint.endpoints], self._path.parent):
                    await gather(one, docs, concurrency=2 * CONCURRENCY * len(endpoint.endpoints))

    def _note_failure(self, key: str, error: NoAnswerError) -> None:
        self.missing[key] = error.kind
        self._failures_in_a_row = self._failures_in_a_row + 1 if error.is_down or error.is_busy else 0
        # The endpoint is down, or stays busy after many pauses. Further requests would wait for the same failure.
        if self._failures_in_a_row == MOST_FAILURES_IN_A_ROW:
            raise error

    @property
    def answers(self) -> dict[str, dict[str, Any]]:
        """The model's answers, by item."""
        return self._answers


async def ask_text(endpoint: Target, message: dict[str, Any], doc: Doc, *, system: str = "") -> dict[str, Any]:
    """Return what is stored about the greedy answer to a message.

    Raises:
        NoAnswerError: the endpoint does not answer.
    """
    answer = await endpoint.reply(message, max_tokens=doc.generation_size, system=system)
    text = without_reasoning(answer.text)
    raw = {} if text == answer.text else {"raw": answer.text}
    return {"text": text, **raw, **({"ending": answer.ending} if answer.ending else {})}


def _key(doc: Doc) -> str:
    return doc.specific["item"]


def _image(doc: Doc) -> bytes | Path | None:
    """Return the file of a document's image.

    Raises:
        NoAnswerError: the file is missing.
    """
    if not doc.images:
        return None
    path = Path(doc.images[0])
    if not path.is_file():
        raise NoAnswerError("image missing", f"There is no image at {path}. Build the export again.")
    return path


def _end_last_line(path: Path) -> None:
    """End a line that a kill truncated, so that the next answer starts a new one."""
    if path.is_file() and not path.read_bytes().endswith(b"\n"):
        with path.open("ab") as stream:
            stream.write(b"\n")


def stored_answers(path: Path) -> dict[str, dict[str, Any]]:
    """Return the answers of an earlier run by item. What a truncated or other line was about is asked again."""
    answers: dict[str, dict[str, Any]] = {}
    if not path.is_file():
        return answers
    for line in path.read_bytes().splitlines():
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(row, dict) and "item" in row:
            answers[row.pop("item")] = row
    return answers
