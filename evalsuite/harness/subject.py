"""The model that is evaluated: how to reach it, what it is, and what the record of its training says."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pangea_cultural.endpoint.identity import Identity, identity_of, training_record
from pangea_cultural.endpoint.pool import Target

UNKNOWN = "unknown"
"""Group of the languages of a model whose training is not known."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A model behind an endpoint, or behind several."""

    connect: Callable[[], Target]
    """Creates the client of the endpoint; called in the event loop that uses it."""
    identity: Identity
    """Facts that the endpoint states about its model."""
    training: dict[str, Any]
    """The training.json of the checkpoint with these weights; empty if there is none here."""

    @classmethod
    def ask(cls, connect: Callable[[], Target], checkpoints: Iterable[Path]) -> Self:
        """Ask an endpoint for its identity, and look for the training record of its weights.

        Args:
            connect: creates the client of the endpoint.
            checkpoints: folders of checkpoints on this machine.

        Raises:
            UserError: the endpoint does not answer, refuses the key or serves no model.
        """
        identity = identity_of(connect)
        return cls(connect=connect, identity=identity, training=training_record(checkpoints, identity))

    @property
    def model(self) -> str:
        """The model's name at the endpoint."""
        return self.identity.model

    def language_group(self, code: str) -> str:
        """Return `trained` or `held-out` by the record of the training, `unknown` without one."""
        trained = self.training.get("languages")
        if not trained:
            return UNKNOWN
        return "trained" if code in trained else "held-out"

    @property
    def statements(self) -> list[str]:
        """Facts that are needed to interpret the scores, one sentence each."""
        if self.training:
            return list(self.training.get("statements", []))
        if self.identity.weights is not None:
            return ["No record of the training of these weights was found: the languages of the training are unknown."]
        return [
            "The endpoint does not tell its weights: it was identified by the model's name, the server's version and "
            f"answers to {len(self.identity.probes)} probes. The languages of the training are unknown."
        ]

    def about(self) -> dict[str, Any]:
        """Return what results.json says about the model."""
        return {
            "model": self.model,
            "identity": self.identity.record(),
            "statements": self.statements,
            "weights_sha256": self.training.get("weights_sha256"),
        }
