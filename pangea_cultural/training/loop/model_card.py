"""The text of the model card of a trained model."""

from typing import Any

from pangea_cultural.reference.languages import language
from pangea_cultural.training.recipe import Recipe, Stage


def statements(recipe: Recipe, languages: list[str], held_out_languages: list[str], base: dict[str, Any]) -> list[str]:
    """Return facts that are needed to interpret the model's scores, one sentence each.

    Args:
        recipe: the recipe.
        languages: codes of the languages of the training questions.
        held_out_languages: codes of the languages without training questions.
        base: record of the base checkpoint's training, if there is one.
    """
    sentences = [f"Trained in: {_names(languages)}."]
    if held_out_languages:
        sentences.append(f"Held out: {_names(held_out_languages)}; no training row is in these languages.")
    if recipe.model.from_scratch:
        sentences.append(
            "Trained from scratch: the tokenizer has seen the texts of all languages of the export, held-out ones "
            "included (strings only, no images)."
        )
    if any(stage.objective == "contrastive" for stage in recipe.stages):
        sentences.append(
            "The vision tower was pre-trained on the training images of the entities with their English names, in "
            "place of CLIP's pre-training."
        )
    if base.get("withdrawn"):
        names = ", ".join([*base["withdrawn"]][:3])
        sentences.append(f"The base checkpoint was trained on rows that were withdrawn later, such as {names}.")
    return sentences


def _names(codes: list[str]) -> str:
    return ", ".join(language(code).name for code in codes)


def text(recipe: Recipe, statements: list[str], data: dict[str, dict[str, str]], records: list[dict[str, Any]]) -> str:
    """Return the text of a model card, without metadata.

    Args:
        recipe: the recipe.
        statements: facts that are needed to interpret the model's scores.
        data: SHA-256 of the files of each source, by source and file name.
        records: records of the stages.
    """
    facts = "\n".join(f"- {sentence}" for sentence in statements)
    sources = "\n".join(
        f"- {name}: `{file}`, SHA-256 `{digest}`" for name, files in data.items() for file, digest in files.items()
    )
    stages = "\n".join(map(_stage, recipe.stages, records))
    return (
        f"\n# {recipe.name}\n\nA CulturalPangea checkpoint (LLaVA-NeXT: CLIP vision tower, projector, Qwen2), "
        f"{_base(recipe)}.\n\n## Before you use this model\n\n{facts}\n\n## Data\n\n{sources}\n\n## Training\n\n"
        f"Seed {recipe.seed}.\n\n{stages}\n"
    )


def _base(recipe: Recipe) -> str:
    model = recipe.model
    if model.checkpoint:
        bits = ", the linear layers of its language model in 4 bits (NF4)" if model.load_in_4bit else ""
        return f"trained from `{model.checkpoint}`{bits}"
    if model.vision_tower:
        return f"trained from vision tower `{model.vision_tower}` and language model `{model.language_model}`"
    return f"trained from scratch, size `{model.size}`"


def _stage(stage: Stage, record: dict[str, Any]) -> str:
    """Return a line about a stage."""
    length = f"{stage.steps} steps" if stage.steps else f"{stage.epochs} epochs"
    unit = "images" if stage.objective == "contrastive" else "questions"
    parts = ", ".join(stage.trainable) + (f" (adapters of rank {stage.lora.rank})" if stage.lora else "")
    passes = ", ".join(f"{number:.2f} over {name}" for name, number in record["passes"].items())
    return (
        f"- {stage.name}: {stage.objective}, {length} of {stage.batch.global_batch_size} {unit}, learning rate "
        f"{stage.optimizer.learning_rate:g}, {_optimizer(stage)}, trains {parts}; passes: {passes}{_ending(record)}"
    )


def _optimizer(stage: Stage) -> str:
    """Return the optimizer, with the dtype of trained weights if it is not float32."""
    dtype = stage.optimizer.weight_dtype
    return stage.optimizer.optim + ("" if dtype == "float32" else f" on {dtype} weights")


def _ending(record: dict[str, Any]) -> str:
    """Return how a stage has ended, if it ended early or took its best weights."""
    text, best = "", record.get("best")  # absent in records of earlier versions
    if record.get("stopped_early"):
        text += f"; ended after {record['steps']} of {record['planned_steps']} steps: {record['stopped_early']}"
    if best and best["is_taken"]:
        text += f"; weights of step {best['step']}, with the lowest {best['metric']} ({best['loss']:.4f})"
    return text
