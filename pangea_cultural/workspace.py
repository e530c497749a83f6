"""Where stores, images, exports, checkpoints and runs lie."""

import os
from dataclasses import dataclass
from pathlib import Path

from pangea_cultural.errors import UserError

DEFAULT = Path("pcult-workspace")


@dataclass(frozen=True)
class Workspace:
    """One folder with everything that a build, a training and an evaluation leave behind."""

    root: Path

    @classmethod
    def create(cls, root: Path) -> "Workspace":
        """The workspace at `root`, made if it is not there.

        Raises:
            UserError: the folder cannot be made or written to.
        """
        root = Path(root).absolute()
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"cannot make the workspace {root}: {error.strerror}; choose another with --workspace"
            ) from error
        if not os.access(root, os.W_OK | os.X_OK):
            raise UserError(f"no permission to write to the workspace {root}: choose another with --workspace")
        return cls(root)

    @property
    def store(self) -> Path:
        """The DuckDB file of the factory."""
        return self.root / "store.duckdb"

    @property
    def images(self) -> Path:
        """Images, content-addressed."""
        return self.root / "images"

    @property
    def exports(self) -> Path:
        """Data sets, one folder each."""
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
        """What servers and child processes print."""
        return self.root / "logs"
