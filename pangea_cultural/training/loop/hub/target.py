"""The repository of the hub that a run pushes to."""

import shlex
import shutil
from pathlib import Path

from pangea_cultural.errors import UserError
from pangea_cultural.model import push
from pangea_cultural.training.loop.hub.checkpoints import CheckpointUploads, staged
from pangea_cultural.training.recipe import Recipe
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.hub.access import HubError
from pangea_cultural.utils.hub.upload import Repository


class HubTarget:
    """The hub as a run sees it: `push_to_hub` of the recipe. Only the main process uses it.

    transformers' own `push_to_hub` is not used. It would send the output folder with our checkpoints, which are not
    models, in a thread that keeps a stopped run from ending, and nothing that finds out before a training that the
    repository cannot be written.

    Args:
        recipe: the recipe.
        checkpoint: folder of the finished model.
        work: work folder of the run.
        reporter: shows progress.
    """

    def __init__(self, recipe: Recipe, checkpoint: Path, work: Path, reporter: Reporter) -> None:
        self._recipe = recipe
        self._checkpoint = checkpoint
        self._work = work
        self._reporter = reporter
        self._repository: Repository | None = None
        self._uploads: CheckpointUploads | None = None

    def prepare(self) -> None:
        """Create the repository, or check that it can be written, before hours of training.

        Raises:
            UserError: it cannot.
        """
        recipe = self._recipe
        shutil.rmtree(staged(self._work), ignore_errors=True)  # of a run that was killed
        if not recipe.push_to_hub:
            return
        name, private = recipe.hub_model_id or recipe.name, recipe.hub_private_repo
        self._repository = push.prepare(name, private=private, allow="hub_private_repo = false", quiet=True)
        if recipe.hub_strategy != "end":
            keeps_all = recipe.hub_strategy == "all_checkpoints"
            self._uploads = CheckpointUploads(
                self._repository.name, keeps_all=keeps_all, work=self._work, note=self._reporter.note
            )

    def push_checkpoint(self, checkpoint: Path) -> None:
        """Start to upload a complete checkpoint, if the recipe wants it."""
        if self._uploads:
            self._uploads.start(checkpoint)

    def push_result(self) -> None:
        """Upload the finished model.

        Raises:
            UserError: the hub did not take it; the message has the command to try again.
        """
        if self._repository is None:
            return
        if self._uploads:
            self._uploads.finish()
        name = self._repository.name
        try:
            commit = push.push(self._checkpoint, self._repository)
        except UserError as error:
            fact = error.fact if isinstance(error, HubError) else str(error).rstrip(".")
            public = [] if self._recipe.hub_private_repo else ["--public"]
            command = shlex.join(["pcult", "push", str(self._checkpoint), name, *public])
            raise UserError(f"The model is complete but not pushed: {fact}. Push it with `{command}`.") from error
        self._reporter.note(f"Pushed: {name} at {commit}")

    def close(self) -> None:
        """End a running upload."""
        if self._uploads:
            self._uploads.stop()
