"""What is said of a trained model: the record for programs, and the model card for people."""

import platform
import resource
import sys
from importlib.metadata import version

from pangea_cultural.languages import language
from pangea_cultural.training.recipe import Recipe

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
    if recipe.model.size:
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
    stages = "\n".join(
        f"- {stage.name}: {stage.objective}, {stage.steps} steps of {stage.pictures} pictures, trains "
        f"{', '.join(stage.train)}"
        for stage in recipe.stages
    )
    said = "\n".join(f"- {sentence}" for sentence in statements(recipe, held_out))
    base = recipe.model.checkpoint or f"from scratch, size `{recipe.model.size}`"
    return (
        f"\n# {recipe.name}\n\nA CulturalPangea checkpoint (LLaVA-NeXT: CLIP tower, connector, Qwen2), {base}.\n\n"
        f"## To know before use\n\n{said}\n\n## Data\n\n{sources}\n\n## Training\n\nSeed {recipe.seed}.\n\n{stages}\n"
    )
