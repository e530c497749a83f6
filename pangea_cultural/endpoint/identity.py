"""The identity of the model behind an endpoint, asked from the endpoint itself.

`pcult serve` names a second model beside the first, whose name has digests of the checkpoint's files. Other servers do
not tell their weights. They are told apart by the model's name, the server's version and answers to a few probes.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from pangea_cultural.endpoint.failures import NoAnswerError
from pangea_cultural.errors import UserError
from pangea_cultural.utils.files import read_json, sha256_file

if TYPE_CHECKING:
    from pangea_cultural.endpoint.client import Endpoint
    from pangea_cultural.endpoint.pool import Target

RECORD = "training.json"
WEIGHTS = "*.safetensors"
FILES = ("*.json", "*.jinja", "*.model", "*.txt")
"""Further files of a checkpoint that answers depend on, except for the record of its training."""
DIGITS = 32
"""Digits of each digest in a name: 128 bits."""
_ALIAS = re.compile(rf"(?P<model>.+)@(?P<weights>[0-9a-f]{{{DIGITS}}})\.(?P<files>[0-9a-f]{{{DIGITS}}})", re.DOTALL)
PROBES = (
    "Write the numbers from one to ten.",
    "What is the capital of Japan?",
    "Was ist auf einer Speisekarte zu lesen?",
    "请用一句话介绍你自己。",
    "Translate into Swahili: good morning, teacher.",
    "اذكر ثلاثة أنواع من الفاكهة.",
)
"""Questions whose answers tell two models apart that have the same name."""
PROBE_TOKENS = 24
REJECTED = frozenset(("status 400", "status 422"))
"""Kinds of failure of a request that the endpoint will always reject."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Facts that an endpoint states about its model."""

    model: str
    """The model's name in requests."""
    weights: str | None = None
    """Digest of the weights; None if the endpoint does not tell it."""
    files: str | None = None
    """Digest of configuration, tokenizer and chat template; None if the endpoint does not tell it."""
    server: str | None = None
    """Version of the server; None if the endpoint does not tell it."""
    probes: tuple[str, ...] = ()
    """Answers to the probes, if the endpoint does not tell its weights."""

    def parts(self) -> list[Any]:
        """Return all that tells this model from another one, for a fingerprint."""
        return [self.model, self.weights, self.files, self.server, list(self.probes)]

    def record(self) -> dict[str, Any]:
        """Return the identity for a file of results. Probes are a digest, because answers can be long."""
        probes = hashlib.sha256(orjson.dumps(self.probes)).hexdigest() if self.probes else None
        return {
            "model": self.model,
            "weights": self.weights,
            "files": self.files,
            "server": self.server,
            "probes_sha256": probes,
        }


def digest(files: Mapping[str, str]) -> str:
    """Return the digest of files by their names and SHA-256."""
    lines = "".join(f"{name} {value}\n" for name, value in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:DIGITS]


def alias(model: str, checkpoint: Path) -> str:
    """Return the second name under which a checkpoint is served: the first one with the digests of its files."""
    weights = {path.name: sha256_file(path) for path in sorted(checkpoint.glob(WEIGHTS))}
    names = {path for pattern in FILES for path in checkpoint.glob(pattern) if path.name != RECORD}
    files = {path.name: sha256_file(path) for path in sorted(names)}
    return f"{model}@{digest(weights)}.{digest(files)}"


def identity_of(connect: "Callable[[], Target]") -> Identity:
    """Ask an endpoint, or several of the same model, for the identity; call it where no event loop runs.

    Raises:
        UserError: an endpoint does not answer, refuses the key or serves no model; or they serve different models.
    """

    async def ask() -> Identity:
        async with connect() as target:
            first, *others = target.endpoints
            identity = await identify(first)
            for other in others:
                if await identify(other) != identity:
                    raise UserError(f"{first.url} and {other.url} serve different models. Evaluate them one by one.")
            return identity

    return asyncio.run(ask())


async def identify(endpoint: "Endpoint") -> Identity:
    """Ask an endpoint for its identity.

    Raises:
        UserError: the endpoint does not answer, refuses the key or serves no model.
    """
    model = await endpoint.model()
    server = await endpoint.server_version()
    for name in await endpoint.models():
        match = _ALIAS.fullmatch(name)
        if match and match["model"] == model:
            return Identity(model=model, weights=match["weights"], files=match["files"], server=server)
    # One after another: in a batch, rounding can change an answer.
    probes = tuple([await _probe(endpoint, text) for text in PROBES])
    return Identity(model=model, server=server, probes=probes)


async def _probe(endpoint: "Endpoint", text: str) -> str:
    """Return the answer to a probe. An endpoint that rejects questions without an image is told by that."""
    try:
        return await endpoint.answer(None, text, max_tokens=PROBE_TOKENS)
    except NoAnswerError as error:
        if error.kind not in REJECTED:
            raise
        return f"rejected: {error.kind}"


def training_record(checkpoints: Iterable[Path], identity: Identity) -> dict[str, Any]:
    """Return the record of the training of a model: that of the checkpoint with the same weights; empty if none has.

    Args:
        checkpoints: folders of checkpoints on this machine. Their names do not matter.
        identity: what the endpoint says about its model.
    """
    if identity.weights is None:
        return {}
    for folder in checkpoints:
        record = _record(folder / RECORD)
        if record.get("weights_sha256") and digest(record["weights_sha256"]) == identity.weights:
            return record
    return {}


def _record(path: Path) -> dict[str, Any]:
    try:
        record = read_json(path)
    except (OSError, orjson.JSONDecodeError):
        return {}
    return record if isinstance(record, dict) and isinstance(record.get("weights_sha256", {}), dict) else {}


async def require_same(target: "Target", known: Identity) -> None:
    """Compare endpoints that tell their weights with what they were when a run began.

    Raises:
        UserError: another model answers now, or no endpoint answers.
    """
    if known.weights is None:
        return
    answered, failure = 0, None
    for endpoint in target.endpoints:
        try:
            if await identify(endpoint) != known:
                raise UserError(f"{endpoint.url} has changed its model during the run. Run the command again.")
            answered += 1
        except NoAnswerError as error:
            # The others have answered for it.
            failure = error
    if failure is not None and not answered:
        raise failure
