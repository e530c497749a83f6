"""The inputs of a training run that are opened once: its exports and held-out languages."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pangea_cultural.dataset import withdrawn_data_sets, withdrawn_rows
from pangea_cultural.dataset.export import Export
from pangea_cultural.errors import UserError
from pangea_cultural.training.data.corpus_writer import HELD_OUT_ADVICE
from pangea_cultural.training.recipe import Recipe
from pangea_cultural.utils.files import read_json
from pangea_cultural.workspace import Workspace


@dataclass(frozen=True)
class TrainingInputs:
    """A recipe in a workspace, with its exports open.

    Args:
        recipe: the recipe.
        workspace: root of the recipe's paths.
        exports: exports of the sources and of the validation, by their path in the recipe.
        held_out_languages: languages that no training row may be in.
    """

    recipe: Recipe
    workspace: Path
    exports: dict[Path, Export]
    held_out_languages: frozenset[str]

    @classmethod
    def open(cls, recipe: Recipe, workspace: Path) -> "TrainingInputs":
        """Open the exports of a recipe.

        Raises:
            UserError: an export is missing or has withdrawn rows, or the recipe trains on a held-out language.
        """
        paths = [source.path for source in recipe.sources if source.type == "export"]
        exports = {path: Export.open(workspace / path) for path in paths}
        held_out = {code for path in paths for code in exports[path].held_out_languages} | {*recipe.held_out_languages}
        for code in recipe.languages:
            if code in held_out:
                raise UserError(f"The recipe contains the held-out language {code}. {HELD_OUT_ADVICE}")
        if recipe.validation:
            path = recipe.validation.path
            exports[path] = exports.get(path) or Export.open(workspace / path)
        for export in exports.values():
            withdrawn_rows.require_none(export, Workspace(workspace).withdrawals)
        for source in recipe.sources:
            if source.type != "export":
                withdrawn_data_sets.require_none(workspace / source.path, Workspace(workspace).withdrawals)
        return cls(recipe, workspace, exports, frozenset(held_out))

    @property
    def training_exports(self) -> list[tuple[Export, str]]:
        """Exports that are trained on, each with its split."""
        return [(self.exports[source.path], source.split) for source in self.recipe.sources if source.type == "export"]

    @property
    def base_record(self) -> dict[str, Any]:
        """The record of the base checkpoint's own training; empty if there is none."""
        path = self.workspace / self.recipe.model.checkpoint / "training.json"
        return read_json(path) if self.recipe.model.checkpoint and path.is_file() else {}
