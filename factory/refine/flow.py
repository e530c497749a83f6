"""The flow of requests: each input is asked once, its answer is checked, and both are written to the store.

Requests do not wait for the end of a batch, nor for the store: the next chunk is read in a thread while the inputs of
the last one are asked. Answers are written a few hundred at a time, and the questions of a chunk when all have a
verdict: `kill -9` loses at most the answers since the last write.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pyarrow as pa

from factory.refine import prompts, rows
from factory.refine.answers import Rewriting, parse
from factory.refine.config import RefineConfig
from factory.refine.guards import NO_ANSWER, UNCHANGED, refusal
from factory.refine.rows import Input
from factory.store.store import Store
from pangea_cultural.endpoint.chat import ChatPool
from pangea_cultural.endpoint.completion import Answer
from pangea_cultural.endpoint.failures import NoAnswerError
from pangea_cultural.errors import UserError
from pangea_cultural.utils.console import Bar

BATCH_ANSWERS = 256
"""Answers of a transaction."""
BATCH_S = 20.0
"""Seconds between two transactions at most: a large model answers slowly."""
AHEAD = 1024
"""Inputs that wait for a request. Below this number, the next chunk is read."""
FEWEST_JUDGED = 50
"""Verdicts before the share of refused answers is judged."""
FIXED_TOKENS, MOST_TOKENS = 64, 1024
"""Limit of an answer's tokens: a fixed part, and one for each byte of the input. No tokenizer takes more."""
RAW_CHARACTERS = 1000
"""Beginning of an answer with a fault that the store keeps."""
Result = TypeVar("Result")


@dataclass
class _Chunk:
    """The questions of a range of items."""

    last: int
    """The item after the range."""
    keys: set[str]
    """Keys of its inputs."""
    waiting: int
    """Inputs without a verdict."""
    rows: list[dict[str, Any]] = field(default_factory=list)
    """Questions with a verdict, for the table `refinement`."""


class Flow:
    """Asks, checks and writes.

    Args:
        store: has the table `chosen`.
        config: names the model and the limits.
        pool: the endpoints.
        bar: shows the progress.
        on_change: called in the transaction that changes questions whose requests had failed. None if the questions
            are asked for the first time.
    """

    def __init__(
        self,
        store: Store,
        config: RefineConfig,
        pool: ChatPool,
        bar: Bar,
        on_change: Callable[[], None] | None = None,
    ) -> None:
        self._store, self._config, self._pool, self._bar, self._on_change = store, config, pool, bar, on_change
        self._prompt = prompts.load(config.prompt)
        self._answers: list[dict[str, Any]] = []
        self._chunks: list[_Chunk] = []
        self._known: dict[str, asyncio.Future[Rewriting | None]] = {}
        """Answers to the inputs of these chunks, by key. None: the request failed."""
        self._written_at = time.monotonic()
        self._reads = False
        """True while a thread uses the store."""
        self._inputs: asyncio.Queue[tuple[_Chunk, Input] | None] = asyncio.Queue(AHEAD)
        self.verdicts: Counter[str] = Counter()
        """Number of inputs by the reason to refuse their answer, which is empty for accepted ones."""
        self.kinds: Counter[str] = Counter()
        """Number of failed requests by kind."""

    async def run(self, ranges: list[tuple[int, int]]) -> None:
        """Work through ranges of items.

        Raises:
            UserError: an endpoint refuses its key, or the share of refused answers is too large.
        """
        tasks = [asyncio.create_task(self._read(ranges))]
        tasks += [asyncio.create_task(self._work()) for _ in range(self._config.concurrency)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._write()  # every answer was paid for

    async def _read(self, ranges: list[tuple[int, int]]) -> None:
        """Read chunk by chunk, and pass on the inputs."""
        for first, last in ranges:
            self._reads = True
            found = await _in_thread(rows.inputs, self._store, self._config, first, last)
            self._reads = False
            chunk = _Chunk(last, {row.key for row in found}, len(found))
            self._chunks.append(chunk)
            self._look_up(chunk.keys)
            if self._is_due():  # small chunks are read one after the other, and nothing is written meanwhile
                self._write()
            for row in found:
                await self._inputs.put((chunk, row))
        await self._inputs.put(None)

    def _look_up(self, keys: set[str]) -> None:
        """Read the answers that the store has. Other chunks can have asked for some."""
        found = self._store.rows(
            """SELECT replace(key::VARCHAR, '-', ''), question, sentence, fault FROM rewrite
               WHERE key IN (SELECT unnest($keys::VARCHAR[])::UUID)""",
            {"keys": sorted(keys - self._known.keys())},
        )
        for key, *texts in found:
            self._known[key] = asyncio.get_running_loop().create_future()
            self._known[key].set_result(Rewriting(*texts))

    async def _work(self) -> None:
        while (taken := await self._inputs.get()) is not None:
            chunk, row = taken
            rewriting = await self._rewriting(row)
            reason = NO_ANSWER if rewriting is None else self._refusal(row, rewriting)
            self.verdicts[reason] += 1
            chunk.rows += [
                {"item": item, "variant": variant, "key": row.key, "reason": reason} for item, variant in row.questions
            ]
            chunk.waiting -= 1
            self._bar.advance(len(row.questions))
            if self._is_due():
                self._write()
            self._judge()
        await self._inputs.put(None)  # for the next worker

    async def _rewriting(self, row: Input) -> Rewriting | None:
        """Return the answer to an input. The first of those with equal texts asks for it, in whatever chunk it is."""
        answer = self._known.get(row.key)
        if answer is None:
            answer = self._known[row.key] = asyncio.get_running_loop().create_future()
            answer.set_result(await self._ask(row))
        return await answer

    async def _ask(self, row: Input) -> Rewriting | None:
        original = row.original
        keep = [names[0] for names in original.kept()]
        messages = self._prompt.messages(original.language, original.question, original.sentence, keep)
        size = len((original.question + original.sentence).encode())
        limit = min(FIXED_TOKENS + size, MOST_TOKENS)
        try:
            reply = await self._pool.chat(messages, max_tokens=limit, schema=prompts.SCHEMA)
        except NoAnswerError as error:
            self.kinds[error.kind] += 1
            return None
        rewriting = parse(reply.text, is_truncated=reply.is_truncated)
        self._answers.append(self._answer(row.key, rewriting, reply))
        return rewriting

    def _answer(self, key: str, rewriting: Rewriting, reply: Answer) -> dict[str, Any]:
        raw = reply.text[:RAW_CHARACTERS].replace("\0", "") if rewriting.fault else ""
        return {
            "key": key,
            "model": self._config.model,
            "prompt": self._config.prompt,
            **rewriting._asdict(),
            "raw": raw,
            "input_tokens": reply.prompt_tokens,
            "output_tokens": reply.answer_tokens,
        }

    def _refusal(self, row: Input, rewriting: Rewriting) -> str:
        return rewriting.fault or refusal(row.original, rewriting, self._prompt.rules)

    def _is_due(self) -> bool:
        """Return whether it is time to write, and no thread uses the store."""
        late = time.monotonic() - self._written_at > BATCH_S
        return not self._reads and (
            late or len(self._answers) >= BATCH_ANSWERS or bool(self._chunks and not self._chunks[0].waiting)
        )

    def _write(self) -> None:
        """Write the answers, and the questions of the chunks that are done, in one transaction."""
        finished = []
        for chunk in self._chunks:
            if chunk.waiting:
                break
            finished.append(chunk)
        if not self._answers and not finished:
            return
        with self._store.transaction():
            if self._answers:
                self._store.append("rewrite", pa.Table.from_pylist(self._answers))
            for chunk in finished:
                self._write_chunk(chunk)
        self._answers.clear()
        del self._chunks[: len(finished)]
        needed = {key for chunk in self._chunks for key in chunk.keys}
        for key in {key for chunk in finished for key in chunk.keys} - needed:
            self._known.pop(key, None)
        self._written_at = time.monotonic()

    def _write_chunk(self, chunk: _Chunk) -> None:
        if self._on_change is None:
            if chunk.rows:
                self._store.append("refinement", pa.Table.from_pylist(chunk.rows))
            self._store.execute("UPDATE stage SET position = ? WHERE name = 'refine'", [chunk.last])
            return
        answered = [row for row in chunk.rows if row["reason"] != NO_ANSWER]
        if answered:
            table = pa.Table.from_pylist(answered)
            self._store.connection.register("answered", table)
            self._store.execute(
                "DELETE FROM refinement r USING answered a WHERE a.item = r.item AND a.variant = r.variant"
            )
            self._store.connection.unregister("answered")
            self._store.append("refinement", table)
            self._on_change()

    def _judge(self) -> None:
        """Stop if too many answers are refused.

        Raises:
            UserError: their share is above that of the recipe.
        """
        judged = self.verdicts.total() - self.verdicts[UNCHANGED]
        refused = judged - self.verdicts[""]
        if judged < FEWEST_JUDGED or refused <= self._config.max_bad_share * judged:
            return
        kinds = self.verdicts + Counter({f"{NO_ANSWER} ({kind})": n for kind, n in self.kinds.items()})
        for reason in ("", UNCHANGED, *([NO_ANSWER] if self.kinds else [])):
            kinds.pop(reason, None)
        named = ", ".join(f"{number} {reason}" for reason, number in kinds.most_common(4))
        raise UserError(
            f"refine: {refused} of {judged} answers are refused ({named}). "
            "Choose another model or prompt, or raise max_bad_share of [refine]."
        )


async def _in_thread(function: Callable[..., Result], *arguments: Any) -> Result:
    """Return the result of a function that runs in a thread. If the task is canceled, the thread still ends first."""
    running = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(running)
    finally:
        await asyncio.wait([running])
