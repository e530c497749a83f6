"""Judging of answers: a judge behind an endpoint is asked about each of them, and its texts are kept.

RUN/benchmarks/NAME/judgments.jsonl has the judge's texts by the hash of judge and question, so that a repeated run
asks only for those that are missing. Without a readable verdict, an answer has no score.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import orjson

from evalsuite.benchmarks.base import Row
from evalsuite.benchmarks.judging import Judging, Verdict
from evalsuite.harness import cost
from pangea_cultural.endpoint.client import Endpoint
from pangea_cultural.endpoint.concurrency import gather
from pangea_cultural.endpoint.failures import NoAnswerError
from pangea_cultural.endpoint.identity import Identity, identity_of
from pangea_cultural.utils.console import Bar

KINDS = ("reference", "robust")
COUNTS = ("n", "missing", "clusters")
"""Keys of a figure that are shown although its value is withheld."""
NOT_READABLE = "verdict not readable"
MOST_MISSING = 0.02
"""Largest share of missing verdicts with which a figure is shown."""


@dataclass(frozen=True, kw_only=True)
class Judge:
    """A model behind an endpoint that judges answers."""

    connect: Callable[[], Endpoint]
    """Creates the client of the endpoint; called in the event loop that uses it."""
    identity: Identity

    @classmethod
    def ask(cls, connect: Callable[[], Endpoint]) -> Self:
        """Ask an endpoint for its identity.

        Raises:
            UserError: the endpoint does not answer, refuses the key or serves no model.
        """
        return cls(connect=connect, identity=identity_of(connect))

    def key(self, judging: Judging, question: str) -> str:
        """Return the name of a question in the file of judgments."""
        parts = (self.identity.parts(), judging.system, judging.max_tokens, question)
        return hashlib.sha256(repr(parts).encode()).hexdigest()


class Judged(NamedTuple):
    """Verdicts of a judge about the answers of a benchmark."""

    verdicts: Mapping[str, Verdict | None]
    """Verdicts by item; None for one that is missing."""
    texts: Mapping[str, str]
    """Texts of the judge by item."""
    record: dict[str, Any]
    """Part of results.json about the judge."""


def judge_answers(
    judge: Judge, judging: Judging, answers: Sequence[tuple[str, Row, str]], folder: Path, bar: Bar
) -> Judged:
    """Ask a judge about answers, except for those that it was asked about before.

    Args:
        judge: the judge.
        judging: the benchmark's question to it.
        answers: item, row and answer.
        folder: folder of the benchmark's run.
        bar: advanced with every new text.

    Raises:
        UserError: the endpoint refuses the key, or does not serve the model.
    """
    path = folder / "judgments.jsonl"
    questions = {item: judging.prompt(row, answer) for item, row, answer in answers}
    keys = {item: judge.key(judging, question) for item, question in questions.items()}
    texts = _read(path)
    wanted = {keys[item]: question for item, question in questions.items() if keys[item] not in texts}
    failures = asyncio.run(_ask(judge, judging, wanted, texts, path, bar))
    verdicts = {item: judging.read(texts[key]) if key in texts else None for item, key in keys.items()}
    missing = Counter(failures.get(keys[item], NOT_READABLE) for item, verdict in verdicts.items() if verdict is None)
    record = {
        "identity": judge.identity.record(),
        "url": _without_secrets(judge),
        "system": judging.system,
        "prompt": next(iter(questions.values()), ""),
        "max_tokens": judging.max_tokens,
        "temperature": 0,
        "reference_model": judging.reference_model,
        "judgments": len(verdicts),
        "missing": dict(missing),
    }
    return Judged(verdicts, {item: texts[key] for item, key in keys.items() if key in texts}, record)


def _without_secrets(judge: Judge) -> str:
    # A URL can have a user's name and password.
    url = judge.connect().url
    scheme, mark, rest = url.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}"


async def _ask(
    judge: Judge, judging: Judging, wanted: Mapping[str, str], texts: dict[str, str], path: Path, bar: Bar
) -> dict[str, str]:
    """Ask the questions, add the judge's texts to the known ones, and return the kinds of failures by question."""
    failures: dict[str, str] = {}
    if not wanted:
        return failures
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as stream:

        async def one(key: str) -> None:
            message = {"role": "user", "content": wanted[key]}
            try:
                reply = await endpoint.reply(message, max_tokens=judging.max_tokens, system=judging.system)
            except NoAnswerError as error:
                failures[key] = f"judge: {error.kind}"
                return
            texts[key] = reply.text
            stream.write(orjson.dumps({"key": key, "text": reply.text}, option=orjson.OPT_APPEND_NEWLINE))
            stream.flush()
            bar.advance()

        async with judge.connect() as endpoint:
            with cost.measured([endpoint.usage], path.parent, of=cost.JUDGE):
                await gather(one, list(wanted))
    return failures


def _read(path: Path) -> dict[str, str]:
    """Return the judge's texts of earlier runs, without a truncated last line, which is asked again."""
    texts: dict[str, str] = {}
    if not path.is_file():
        return texts
    content = path.read_bytes()
    if content and not content.endswith(b"\n"):
        content = content[: content.rfind(b"\n") + 1]
        path.write_bytes(content)
    for line in content.splitlines():
        row = orjson.loads(line)
        texts[row["key"]] = row["text"]
    return texts


def withhold(figures: Sequence[dict[str, Any]], answers: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return figures without those that miss more than two percent of their verdicts.

    Args:
        figures: the figures of a judged benchmark.
        answers: the answers that they are computed from.
    """
    return [_withheld(row, [answer for answer in answers if _belongs(answer, row)]) for row in figures]


def _belongs(answer: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    name = row["languages"]
    if row["group"] != "*":
        return bool(answer["language"] == name)
    return bool(answer["language"] != "en" if name == "mul" else answer["group"] == name)


def _withheld(row: dict[str, Any], answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    missing = sum(answer["robust"] is None for answer in answers)
    if missing <= MOST_MISSING * len(answers):
        return row
    scores = {kind: {key: value if key in COUNTS else None for key, value in row[kind].items()} for kind in KINDS}
    return row | scores | {"withheld": missing}
