"""The model that is evaluated: how to reach it, and what its record says about its training."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pangea_cultural.endpoint.client import Endpoint
from pangea_cultural.utils.files import read_json


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A model behind an endpoint."""

    connect: Callable[[], Endpoint]
    """Creates the client of the endpoint; called in the event loop that uses it."""
    model: str
    """The model's name at the endpoint."""
    training: dict[str, Any]
    """The checkpoint's training.json; empty if the checkpoint is unknown."""
    weights: list[list[Any]]
    """The `weights_state` of the checkpoint; empty if the checkpoint is unknown."""

    @classmethod
    def for_checkpoint(cls, checkpoint: Path, **settings: Any) -> Self:
        """Return the model with the training record and the weights state of a checkpoint folder, if it exists."""
        path = checkpoint / "training.json"
        training = read_json(path) if path.is_file() else {}
        return cls(training=training, weights=weights_state(checkpoint), **settings)

    def language_group(self, code: str) -> str:
        """Return `trained` or `held-out` by the record of the training, `unknown` without one."""
        trained = self.training.get("languages")
        if not trained:
            return "unknown"
        return "trained" if code in trained else "held-out"

    def identity(self) -> list[Any]:
        """Return what tells this model from another one, as far as it is known."""
        return [self.model, self.training.get("weights_sha256") or self.weights]


def weights_state(checkpoint: Path) -> list[list[Any]]:
    """Return name, size in bytes and modification time of a checkpoint's weight files.

    They identify the weights without a hash, which takes long for 15 GB.
    """
    files = [(path.name, path.stat()) for path in sorted(checkpoint.glob("*.safetensors"))]
    return [[name, state.st_size, state.st_mtime_ns] for name, state in files]
