"""The workspace: folders of stores, images, exports, checkpoints and runs."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pangea_cultural.errors import UserError

DEFAULT = Path("pcult-workspace")


@dataclass(frozen=True)
class Workspace:
    """One folder with the results of builds, trainings and evaluations."""

    root: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(self.root).absolute())

    def create(self) -> Self:
        """Create the folder if it does not exist; return the workspace.

        Raises:
            UserError: the folder cannot be created or written to.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"Cannot create the workspace {self.root}: {error.strerror}. Choose another with --workspace."
            ) from error
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise UserError(f"No permission to write to the workspace {self.root}. Choose another with --workspace.")
        return self

    @property
    def store(self) -> Path:
        """The DuckDB file of the factory."""
        return self.root / "store.duckdb"

    @property
    def counts(self) -> Path:
        """The copy of the store's counts that a running build writes."""
        return self.root / "store.counts.json"

    @property
    def withdrawals(self) -> Path:
        """The list of images, entities, claims and licenses that no data set may use."""
        return self.root / "withdrawn.json"

    @property
    def images(self) -> Path:
        """Images, named by the hash of their content."""
        return self.root / "images"

    @property
    def exports(self) -> Path:
        """Exported data sets, one folder each."""
        return self.root / "exports"

    @property
    def checkpoints(self) -> Path:
        """Trained models, one folder each."""
        return self.root / "checkpoints"

    @property
    def training_cache(self) -> Path:
        """Corpora and measurements of training data. It may be deleted between runs."""
        return self.root / "cache" / "training"

    @property
    def runs(self) -> Path:
        """Evaluations, one folder each."""
        return self.root / "runs"

    @property
    def logs(self) -> Path:
        """Output of servers and child processes."""
        return self.root / "logs"
