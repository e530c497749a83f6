"""What to train: a recipe, as TOML. Named recipes lie in training/recipes/."""

from importlib import resources
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from pangea_cultural import config
from pangea_cultural.errors import UserError, unknown
from pangea_cultural.languages import language

Part = Literal["tower", "connector", "language_model"]


class Model(config.Config):
    """What the training starts from."""

    size: str = ""
    """Name of a size (model/sizes/): from scratch, with random weights and a tokenizer of its own."""
    checkpoint: str = ""
    """Or a LLaVA-NeXT checkpoint: a folder, or a name on the hub."""
    vocabulary: int = Field(default=2560, ge=300)
    """Size of the tokenizer that is trained for a model from scratch."""

    @model_validator(mode="after")
    def _one_of_two(self) -> "Model":
        if bool(self.size) == bool(self.checkpoint):
            raise ValueError("give either size or checkpoint")
        return self


class Source(config.Config):
    """Data to learn from."""

    kind: Literal["export", "chat"]
    """An export of ours, or a LLaVA chat JSON file."""
    path: Path
    """Relative to the workspace."""
    weight: float = Field(default=1.0, gt=0)
    """Share of the pictures that come from here, against the other sources' weights."""
    questions: tuple[Literal["open", "choice"], ...] = ("open", "choice")
    """Kinds of questions to take from an export."""


class Stage(config.Config):
    """One part of the training, with an optimizer of its own."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    objective: Literal["contrastive", "answers"]
    """`contrastive`: tower patches against names (CLIP's loss). `answers`: next-token loss on the answers."""
    train: tuple[Part, ...] = Field(min_length=1)
    """Parts that learn; the others are frozen and in evaluation mode."""
    steps: int = Field(ge=1)
    pictures: int = Field(ge=1)
    """Pictures in a batch."""
    questions_per_picture: int = Field(default=8, ge=1)
    """At most so many questions share a picture's tokens in one step; further ones come in later steps."""
    vary_pictures: bool = False
    """Change light (and, for `contrastive`, place) of the pictures by a draw each time: few pictures go further."""
    learning_rate: float = Field(gt=0)
    warmup_steps: int = 40
    weight_decay: float = 0.02
    max_gradient_norm: float = 1.0
    save_steps: int = Field(default=200, ge=1)


class Recipe(config.Config):
    """What to train."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    seed: int = 0
    threads: int = Field(default=2, ge=1)
    """Of torch on CPU; sums are rounded alike only with equally many."""
    languages: tuple[str, ...] = ()
    """Languages to learn; all of the sources where none is named."""
    licence: str = "apache-2.0"
    model: Model
    sources: tuple[Source, ...] = Field(min_length=1)
    stages: tuple[Stage, ...] = Field(min_length=1)

    @field_validator("languages")
    @classmethod
    def _known_languages(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(language(code).code for code in codes)
        except UserError as error:
            raise ValueError(str(error)) from error

    def with_steps(self, steps: int | None) -> "Recipe":
        """The recipe with another number of steps in its main stage, which is the last."""
        if steps is None:
            return self
        main = self.stages[-1].model_copy(update={"steps": steps})
        return self.model_copy(update={"stages": (*self.stages[:-1], main)})

    def with_data(self, name: str | None) -> "Recipe":
        """The recipe with another export in the place of its own."""
        if name is None:
            return self
        path = Path("exports") / name
        sources = (s.model_copy(update={"path": path}) if s.kind == "export" else s for s in self.sources)
        return self.model_copy(update={"sources": tuple(sources)})


def find(name: str) -> Path:
    """The file of a recipe: a path, or the name of one that ships with the package.

    Raises:
        UserError: no such file and no such recipe; the message names the recipes there are.
    """
    if name.endswith(".toml") or "/" in name:
        if not Path(name).is_file():
            raise UserError(f"no recipe at {name}")
        return Path(name)
    folder = Path(str(resources.files("pangea_cultural.training") / "recipes"))
    path = folder / f"{name}.toml"
    if not path.is_file():
        raise unknown("recipe", name, (file.stem for file in folder.glob("*.toml")))
    return path
