"""What is said of a trained model: the record for programs, and the model card for people."""

import platform

import torch

from pangea_cultural.reference.languages import language
from pangea_cultural.training.recipe import Recipe, Stage
from pangea_cultural.utils.environment import commit, versions

PACKAGES = (
    *("pangea-cultural", "torch", "transformers", "tokenizers", "accelerate", "numpy", "pillow"),
    *("peft", "deepspeed"),
)
"""Of which what is installed stands in the record."""


def environment() -> dict:
    """Versions and machine, for the record."""
    on_gpu = torch.cuda.is_available()
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": versions(PACKAGES),
        "commit": commit(),
        "device": torch.cuda.get_device_name() if on_gpu else "cpu",
        "cuda": torch.version.cuda if on_gpu else None,
        "peak_device_memory_bytes": torch.cuda.max_memory_allocated() if on_gpu else None,
    }


def statements(recipe: Recipe, languages: list[str], held_out: list[str]) -> list[str]:
    """What a reader must know before believing a number of this model, one sentence each.

    Args:
        recipe: of the training.
        languages: of the questions that it learnt.
        held_out: languages that none of them may be in.
    """
    sentences = [f"Trained in: {', '.join(language(code).name for code in languages)}."]
    if held_out:
        sentences.append(
            f"Held out: {', '.join(language(code).name for code in held_out)}; no training row is in these languages."
        )
    if recipe.model.from_scratch:
        sentences.append(
            "Trained from scratch: the tokenizer has seen the texts of all languages of the export, held-out ones "
            "included (strings only, no images)."
        )
    if any(stage.objective == "contrastive" for stage in recipe.stages):
        sentences.append(
            "The pre-training of the vision tower has seen the training images of the data's entities with their "
            "English names: it stands in for a CLIP that already knows them."
        )
    return sentences


def card(recipe: Recipe, statements: list[str], data: dict[str, dict[str, str]]) -> str:
    """The text of a model card.

    Args:
        recipe: of the training.
        statements: what a reader must know.
        data: SHA-256 of the files of each source.
    """
    sources = "\n".join(
        f"- {name}: `{file}`, SHA-256 `{digest}`" for name, files in data.items() for file, digest in files.items()
    )
    stages = "\n".join(map(_stage, recipe.stages))
    known = "\n".join(f"- {sentence}" for sentence in statements)
    start = recipe.model
    parts = f"vision tower `{start.vision_tower}` and language model `{start.language_model}`"
    base = start.checkpoint or (parts if start.vision_tower else f"from scratch, size `{start.size}`")
    return (
        f"\n# {recipe.name}\n\nA CulturalPangea checkpoint (LLaVA-NeXT: CLIP tower, projector, Qwen2), {base}.\n\n"
        f"## To know before use\n\n{known}\n\n## Data\n\n{sources}\n\n## Training\n\nSeed {recipe.seed}.\n\n{stages}\n"
    )


def _stage(stage: Stage) -> str:
    """A line about a stage."""
    long = f"{stage.steps} steps" if stage.steps else f"{stage.epochs} epochs"
    what = "images" if stage.objective == "contrastive" else "questions"
    trained = ", ".join(stage.trainable) + (f" (adapters of rank {stage.lora.rank})" if stage.lora else "")
    return (
        f"- {stage.name}: {stage.objective}, {long} of {stage.batch.global_batch_size} {what}, learning rate "
        f"{stage.optimizer.learning_rate:g}, trains {trained}"
    )
