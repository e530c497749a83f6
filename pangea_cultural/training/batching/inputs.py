"""The inputs of a training run that are opened once: its exports and held-out languages."""

from dataclasses import dataclass
from pathlib import Path

from pangea_cultural.dataset.export import Export
from pangea_cultural.errors import UserError
from pangea_cultural.training.data.corpus_writer import HELD_OUT_ADVICE
from pangea_cultural.training.recipe import Recipe


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
            UserError: an export is missing, or the recipe trains on a held-out language.
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
        return cls(recipe, workspace, exports, frozenset(held_out))
