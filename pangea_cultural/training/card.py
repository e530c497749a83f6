"""What is said of a trained model: the record for programs, and the model card for people."""

import platform
import resource
import sys
from importlib.metadata import version

from pangea_cultural.languages import language
from pangea_cultural.training.recipe import Recipe, Stage

PACKAGES = ("pangea-cultural", "torch", "transformers", "tokenizers")


def environment() -> dict:
    """Versions and machine, for the record."""
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def peak_memory_bytes() -> int:
    """The most memory that this process has held so far."""
    # Linux counts kilobytes, macOS bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def statements(recipe: Recipe, held_out: list[str]) -> list[str]:
    """What a reader must know before believing a number of this model, one sentence each."""
    names = ", ".join(language(code).name for code in recipe.languages) or "those of the data"
    said = [f"Trained in: {names}."]
    if held_out:
        said.append(
            f"Held out: {', '.join(language(code).name for code in held_out)}; no training row is in these languages."
        )
    if recipe.model.from_scratch:
        said.append(
            "Trained from scratch: the tokenizer has seen the texts of all languages of the export, held-out ones "
            "included (strings only, no pictures)."
        )
    if any(stage.objective == "contrastive" for stage in recipe.stages):
        said.append(
            "The pre-training of the tower has seen the training pictures of the data's entities with their English "
            "names: it stands in for a CLIP that already knows them."
        )
    return said


def card(recipe: Recipe, held_out: list[str], data: dict[str, str]) -> str:
    """The text of a model card."""
    sources = "\n".join(f"- `{name}`, manifest SHA-256 `{digest[:16]}`" for name, digest in data.items())
    stages = "\n".join(map(_stage, recipe.stages))
    said = "\n".join(f"- {sentence}" for sentence in statements(recipe, held_out))
    start = recipe.model
    parts = f"tower `{start.tower}` and language model `{start.language_model}`"
    base = start.checkpoint or (parts if start.tower else f"from scratch, size `{start.size}`")
    return (
        f"\n# {recipe.name}\n\nA CulturalPangea checkpoint (LLaVA-NeXT: CLIP tower, connector, Qwen2), {base}.\n\n"
        f"## To know before use\n\n{said}\n\n## Data\n\n{sources}\n\n## Training\n\nSeed {recipe.seed}.\n\n{stages}\n"
    )


def _stage(stage: Stage) -> str:
    """A line about a stage."""
    long = f"{stage.steps} steps" if stage.steps else f"{stage.epochs} epochs"
    what = "pictures" if stage.objective == "contrastive" else "questions"
    trained = ", ".join(stage.train) + (f" (adapters of rank {stage.lora.rank})" if stage.lora else "")
    return (
        f"- {stage.name}: {stage.objective}, {long} of {stage.batch_questions} {what}, learning rate "
        f"{stage.learning_rate:g}, trains {trained}"
    )
