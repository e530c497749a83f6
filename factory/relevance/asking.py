"""Requests about pairs that have no answer yet. Every answer is stored, so that no pair is asked twice."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from factory.relevance import yes_no
from factory.relevance.config import ModelConfig, RelevanceConfig
from factory.relevance.pairs import write_prompts
from factory.store.store import Store
from pangea_cultural.endpoint.address import address
from pangea_cultural.endpoint.chat import ChatPool
from pangea_cultural.endpoint.failures import NoAnswerError
from pangea_cultural.endpoint.messages import question
from pangea_cultural.errors import UserError
from pangea_cultural.utils.console import Reporter

FLUSH_ANSWERS = 256
"""Answers that are stored at once: as many are lost at most if the process is killed."""
MIN_REQUESTS = 100
"""Requests in a row that fail before the rest is given up, and answers before the share of unusable ones counts."""
PAGE = 10_000
TEXT_TOKENS = 8
"""Length of an answer without log-probabilities, which may begin with a quote or a mark."""

TODO = """
CREATE OR REPLACE TEMP TABLE relevance_todo AS
SELECT row_number() OVER (ORDER BY p.image, p.entity) - 1 AS number, p.image, p.entity, p.path, q.prompt
FROM (SELECT DISTINCT image, entity, path FROM relevance_pair) p JOIN relevance_prompt q USING (entity)
ANTI JOIN (
    FROM relevance_answer
    WHERE model = $model AND prompt_version = $prompt_version AND method = $method
          AND (probability IS NOT NULL OR $done)
) a ON a.image = p.image AND a.entity = p.entity AND a.prompt = q.prompt
"""
"""Pairs without an answer. Unless the stage is done, unusable answers count as none: their cause may have been the
server."""
DROP_UNUSABLE = """
DELETE FROM relevance_answer
WHERE model = $model AND prompt_version = $prompt_version AND method = $method AND probability IS NULL
      AND (image, entity) IN (SELECT (image, entity) FROM relevance_todo)
"""


class Request(NamedTuple):
    """A pair to ask about."""

    image: str
    entity: str
    path: str
    prompt: str


Failed = dict[tuple[str, str], str]
"""Reasons of failed requests by image and entity."""


def ask(
    store: Store, model: ModelConfig, limits: RelevanceConfig, folder: Path, reporter: Reporter, *, done: bool = False
) -> Failed:
    """Ask a model about the pairs of the table `relevance_pair` that it has not answered.

    Args:
        store: the store, which gets the answers.
        model: the model.
        limits: shares of failed requests and unusable answers.
        folder: the workspace's folder of images.
        reporter: shows progress.
        done: whether unusable answers of earlier runs are kept.

    Returns:
        The failed requests. The next call sends them again.

    Raises:
        UserError: an endpoint refuses the key, lacks the model or log-probabilities, or too many requests failed.
    """
    write_prompts(store, model.template)
    store.script(TODO + ";" + DROP_UNUSABLE, model.key() | {"done": done})
    total = store.value("SELECT count(*) FROM relevance_todo")
    if not total:
        return {}
    answered = store.value("SELECT count(*) FROM (SELECT DISTINCT image, entity FROM relevance_pair)") - total
    run = _Run(store, model, limits, folder, answered, lambda text: reporter.note(f"relevance: {text}"))
    with reporter.bar(f"relevance: {model.model}", total, "pairs") as bar:
        try:
            asyncio.run(run.ask_all(bar.advance))
        finally:
            run.flush()
    run.check_shares()
    return run.failed


class _Run:
    """The requests to one model, with the counts that can stop them."""

    def __init__(
        self,
        store: Store,
        model: ModelConfig,
        limits: RelevanceConfig,
        folder: Path,
        answered: int,
        note: Callable[[str], None],
    ) -> None:
        self.failed: Failed = {}
        self._store, self._model, self._limits, self._folder = store, model, limits, folder
        self._note = note
        self._rows: list[dict[str, Any]] = []
        self._answered = answered
        """Pairs with an answer of an earlier run."""
        self._requests = self._unusable = self._failed_in_a_row = 0

    async def ask_all(self, advance: Callable[[], None]) -> None:
        """Ask about all pairs of `relevance_todo`, several at a time."""
        model = self._model
        name = model.served_name or model.model
        addresses = [address(url, name, model.api_key_env) for url in model.endpoints]
        requests = self._requests_to_send()
        async with ChatPool(
            addresses, timeout_s=model.timeout_s, concurrency=model.concurrency, note=self._note
        ) as pool:
            await pool.check()

            async def work() -> None:
                for request in requests:  # shared by all workers
                    await self._ask(pool, request)
                    advance()

            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(model.concurrency):
                        group.create_task(work())
            except BaseExceptionGroup as errors:
                raise errors.exceptions[0] from errors

    def _requests_to_send(self) -> Iterator[Request]:
        first = 0
        while rows := self._store.rows(
            "SELECT image, entity, path, prompt FROM relevance_todo WHERE number >= ? AND number < ? ORDER BY number",
            [first, first + PAGE],
        ):
            yield from (Request(*row) for row in rows)
            first += PAGE

    async def _ask(self, pool: ChatPool, request: Request) -> None:
        model = self._model
        self._requests += 1
        try:
            messages = [question(self._folder / request.path, request.prompt)]
            if model.logprobs:
                reply = await pool.chat(messages, max_tokens=1, top_logprobs=model.top_logprobs)
            else:
                reply = await pool.chat(messages, max_tokens=TEXT_TOKENS)
        except (NoAnswerError, OSError) as error:
            kind = error.kind if isinstance(error, NoAnswerError) else "image file cannot be read"
            self.failed[request.image, request.entity] = kind
            self._failed_in_a_row += 1
            if self._failed_in_a_row >= MIN_REQUESTS:
                raise self._too_many_failed() from error
            return
        self._failed_in_a_row = 0
        if model.logprobs and reply.first_tokens is None:
            raise UserError(
                f"{model.model} at {model.endpoints[0]} returns no log-probabilities. Serve it with vLLM, or set "
                "logprobs = false in [relevance]."
            )
        judgment = yes_no.from_tokens(reply) if model.logprobs else yes_no.from_text(reply)
        self._unusable += judgment.probability is None
        pair = {"image": request.image, "entity": request.entity, "prompt": request.prompt}
        self._rows.append(model.key() | pair | judgment._asdict())
        if len(self._rows) >= FLUSH_ANSWERS:
            self.flush()
        if self._requests >= MIN_REQUESTS:
            self._check_unusable()

    def flush(self) -> None:
        """Store the answers that are not stored yet."""
        if self._rows:
            with self._store.transaction():
                self._store.append("relevance_answer", pa.Table.from_pylist(self._rows, schema=ANSWER_SCHEMA))
            self._rows = []

    def check_shares(self) -> None:
        """Stop if too many requests failed or were not answered by yes or no.

        Raises:
            UserError: there are too many.
        """
        if len(self.failed) > self._limits.max_failed * self._total:
            raise self._too_many_failed()
        self._check_unusable()

    def _check_unusable(self) -> None:
        if self._unusable > self._limits.max_unusable * self._total:
            raise UserError(
                f"relevance: {self._unusable:,} of {self._total:,} answers of {self._model.model} are neither yes nor "
                "no. Choose another prompt or model, or raise max_unusable."
            )

    @property
    def _total(self) -> int:
        """Pairs that were asked about in this run or answered in an earlier one."""
        return self._answered + self._requests

    def _too_many_failed(self) -> UserError:
        kinds = ", ".join(f"{kind}: {n:,}" for kind, n in Counter(self.failed.values()).most_common())
        return UserError(
            f"relevance: {len(self.failed):,} of {self._requests:,} requests to {self._model.model} failed ({kinds}). "
            "Repair the endpoint and run this again, or raise max_failed."
        )


ANSWER_SCHEMA = pa.schema(
    [
        ("image", pa.string()),
        ("entity", pa.string()),
        ("model", pa.string()),
        ("prompt_version", pa.string()),
        ("method", pa.string()),
        ("prompt", pa.string()),
        ("probability", pa.float64()),
        ("mass", pa.float64()),
        ("answer", pa.string()),
    ]
)
"""Columns of the table `relevance_answer`."""
