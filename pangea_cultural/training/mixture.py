"""What is learnt in which order: pictures with their conversations from several sources, interleaved by a seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pangea_cultural.errors import UserError
from pangea_cultural.export import Export
from pangea_cultural.files import read_json
from pangea_cultural.languages import language
from pangea_cultural.training.recipe import Recipe, Source, Stage

IMAGE_MARK = "<image>"
MEND_HELD_OUT = "leave the language out of the recipe, or build the export without holding it out"


@dataclass(frozen=True, slots=True)
class Conversation:
    """Questions and answers in turn about one picture; later turns see earlier ones."""

    id: str
    language: str
    turns: tuple[tuple[str, str], ...]
    """Question and answer."""


@dataclass(frozen=True, slots=True)
class Group:
    """A picture (or none) and the conversations about it, which do not see each other."""

    source: int
    image: Path | None
    conversations: tuple[Conversation, ...]
    caption: str = ""
    """What the picture shows, in English; empty where nobody says."""


def load(recipe: Recipe, workspace: Path) -> list[list[Group]]:
    """The groups of each source.

    Raises:
        UserError: a source is not there, is not what the recipe says, holds nothing in the recipe's languages, or has
            a row in a held-out language.
    """
    held_out = _held_out(recipe, workspace)
    for code in recipe.languages:
        if code in held_out:
            raise UserError(f"the recipe asks for the held-out language {code}: {MEND_HELD_OUT}")
    sources = []
    for number, source in enumerate(recipe.sources):
        path = workspace / source.path
        read = _export_groups if source.kind == "export" else _chat_groups
        groups = list(read(number, source, path, recipe.languages))
        _refuse_held_out(groups, held_out, path)
        if not groups:
            raise UserError(f"{path} has no questions in {', '.join(recipe.languages) or 'any language'}")
        sources.append(groups)
    return sources


def _held_out(recipe: Recipe, workspace: Path) -> set[str]:
    exports = [workspace / source.path for source in recipe.sources if source.kind == "export"]
    return {code for path in exports for code in Export.open(path).held_out_languages}


def _refuse_held_out(groups: list[Group], held_out: set[str], path: Path) -> None:
    for group in groups:
        for conversation in group.conversations:
            if conversation.language in held_out:
                row = f"row {conversation.id} is in the held-out language {conversation.language}"
                raise UserError(f"{path}: {row}: {MEND_HELD_OUT}")


def _export_groups(number: int, source: Source, path: Path, languages: tuple[str, ...]) -> Iterator[Group]:
    export = Export.open(path)
    conversations: dict[str, list[Conversation]] = {}
    captions: dict[str, str] = {}
    for row in export.questions("train"):
        if row.property == "label" and row.language == "en":
            captions[row.image] = row.answer
        if row.kind in source.questions and (not languages or row.language in languages):
            turns = ((row.prompt(), row.target()),)
            conversations.setdefault(row.image, []).append(Conversation(row.id, row.language, turns))
    for image, rows in sorted(conversations.items()):
        yield Group(number, export.path / image if image else None, tuple(rows), captions.get(image, ""))


def _chat_groups(number: int, _: Source, path: Path, languages: tuple[str, ...]) -> Iterator[Group]:
    """Rows of a LLaVA chat file: one conversation a row, as a group of its own."""
    if not path.is_file():
        raise UserError(f"no chat data at {path}: `pcult data general {path.parent}` makes some")
    for row in read_json(path):
        # Published data has no language where it is English.
        code = language(row.get("language", "en")).code
        if languages and code not in languages:
            continue
        image = path.parent / row["image"] if row.get("image") else None
        yield Group(number, image, (Conversation(str(row["id"]), code, _turns(row, path)),))


def _turns(row: dict, path: Path) -> tuple[tuple[str, str], ...]:
    said = row["conversations"]
    roles = [part["from"] for part in said]
    if len(said) < 2 or roles != ["human", "gpt"] * (len(said) // 2):
        raise UserError(f"{path}: row {row['id']}: conversations must alternate between human and gpt")
    texts = [part["value"].replace(IMAGE_MARK, "").strip() for part in said]
    return tuple(zip(texts[::2], texts[1::2], strict=True))


def plan(sources: list[list[Group]], recipe: Recipe, stage: Stage) -> list[Group]:
    """The groups of a stage in the order of training, batch after batch; the same seed gives the same plan.

    Each source is gone through in shuffled rounds, and so are the questions of each picture: one with sixty questions
    is spread over the rounds, and no question comes again before all of its picture have come.
    """
    # A string seeds by its SHA-512, alike everywhere.
    dice = random.Random(f"{recipe.seed} {stage.name}")
    queues = [_rounds(groups, stage.questions_per_picture, dice) for groups in sources]
    weights = [source.weight for source in recipe.sources]
    picks = dice.choices(range(len(queues)), weights, k=stage.steps * stage.pictures)
    return [next(queues[pick]) for pick in picks]


def _rounds(groups: list[Group], limit: int, dice: random.Random) -> Iterator[Group]:
    waiting: dict[int, list[Conversation]] = {}
    while True:
        for index in dice.sample(range(len(groups)), len(groups)):
            group = groups[index]
            left = waiting.get(index) or dice.sample(group.conversations, len(group.conversations))
            waiting[index] = left[limit:]
            yield Group(group.source, group.image, tuple(left[:limit]), group.caption)
