"""Where conversations come from: one reader a format, and what a recipe says of a source."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import Field, field_validator, model_validator

from pangea_cultural import config
from pangea_cultural.console import Reporter
from pangea_cultural.errors import UserError
from pangea_cultural.export import MANIFEST
from pangea_cultural.files import sha256_file
from pangea_cultural.languages import language
from pangea_cultural.regions import region
from pangea_cultural.training import corpus
from pangea_cultural.training.corpus import Corpus, Rejections
from pangea_cultural.training.records import Row
from pangea_cultural.training.sources import chat, culturalground, export, m3ls

FORMAT = 1
"""Of what the readers make: a corpus of another one is built anew."""
MEND_HELD_OUT = "leave the language out of the recipe, or build the export without holding it out"


class Assumed(config.Config):
    """What the dry run takes for granted of a source that is not on this machine."""

    questions: int = Field(ge=1)
    pictures: int = Field(ge=0)
    picture_px: tuple[int, int] = (480, 640)
    """Height and width of every picture."""
    question_tokens: int = Field(default=60, ge=1)
    """Tokens of a question with its answer."""
    answer_tokens: int = Field(default=20, ge=1)
    """Of these the answer's, which have a loss."""


class Source(config.Config):
    """Data to learn from."""

    kind: Literal["export", "chat", "culturalground", "m3ls"]
    """An export of ours; LLaVA or PangeaInstruct chat; the published CulturalGround; M3LS."""
    path: Path
    """Relative to the workspace: an export's folder, else a .json or .jsonl file, or a folder of .jsonl files."""
    images: Path | None = None
    """Folder where paths of pictures begin, relative to the workspace; the export's, or the file's folder, if not given."""
    split: Literal["train", "dev", "test", "unseen"] = "train"
    """Of an export."""
    weight: float = Field(default=1.0, gt=0)
    """Share of the questions that come from here, against the other sources' weights, in a stage that counts steps."""
    count: int | None = Field(default=None, ge=1)
    """Questions that come from here in an epoch, in a stage that counts epochs; all of them once if not given."""
    languages: tuple[str, ...] = ()
    """Only these; the recipe's if not given."""
    regions: tuple[str, ...] = ()
    """Only questions about these regions."""
    questions: tuple[Literal["open", "choice", "chat"], ...] = ("open", "choice", "chat")
    """Only these kinds."""
    default_language: str = "en"
    """Of rows that do not say theirs: published data has none where it is English."""
    instruction: str = "Summarise the article in one sentence."
    """What M3LS's articles are followed by."""
    columns: m3ls.Columns = m3ls.Columns()
    """Names of M3LS's columns."""
    assumed: Assumed | None = None

    @field_validator("languages", "regions")
    @classmethod
    def _known(cls, codes: tuple[str, ...], info: Any) -> tuple[str, ...]:
        try:
            if info.field_name == "languages":
                return tuple(language(code).code for code in codes)
            return tuple(region(slug).slug for slug in codes)
        except UserError as error:
            raise ValueError(str(error)) from error

    @model_validator(mode="after")
    def _either(self) -> "Source":
        if self.count is not None and "weight" in self.model_fields_set:
            raise ValueError("give either weight or count")
        return self


def open_source(
    number: int,
    source: Source,
    workspace: Path,
    cache: Path,
    *,
    languages: tuple[str, ...],
    held_out: frozenset[str],
    reporter: Reporter,
) -> Corpus:
    """Open a source; it is read only once, and then lies in the cache.

    Args:
        number: of the source in the recipe.
        source: what the recipe says of it.
        workspace: where its paths begin.
        cache: folder for what was read.
        languages: of the recipe; all where none is named.
        held_out: languages that must not occur.
        reporter: shows how far it is.

    Raises:
        UserError: the source is not there or is not what the recipe says, has nothing that is wanted, or has a row in a
            held-out language.
    """
    path = workspace / source.path
    wanted = source.languages or languages
    key = _key(source, _content_hash(source, path), wanted, held_out)
    images = workspace / source.images if source.images else path if source.kind == "export" else _folder(path)
    folder = cache / f"{source.path.stem}-{key}"
    if not corpus.exists(folder, key):
        rejections = Rejections()
        with reporter.bar(f"reading {source.path.name}", None, "rows") as bar:
            rows = _filtered(_rows(source, path, rejections), source, wanted, held_out, path, rejections)
            corpus.build(_counted(rows, bar), folder, key=key, rejections=rejections)
    opened = Corpus(folder, source=number, images=images)
    if not opened.num_conversations:
        said = ", ".join(f"{count} {reason}" for reason, count in opened.rejected.items()) or "it is empty"
        raise UserError(f"{path} has no question for this recipe: {said}")
    return opened


def _rows(source: Source, path: Path, rejections: Rejections) -> Iterator[Row]:
    if source.kind == "export":
        return export.read(path, source.split)
    if source.kind == "chat":
        return chat.read(path, source.default_language, rejections)
    if source.kind == "culturalground":
        return culturalground.read(path, rejections)
    return m3ls.read(path, source.columns, source.instruction, source.default_language, rejections)


def _filtered(
    rows: Iterator[Row],
    source: Source,
    wanted: tuple[str, ...],
    held_out: frozenset[str],
    path: Path,
    reject: Rejections,
) -> Iterator[Row]:
    for row in rows:
        own = row.conversation
        if wanted and own.language not in wanted:
            reject("language not in the recipe", own.id)
        elif source.regions and own.region not in source.regions:
            reject("region not in the recipe", own.id)
        elif own.kind not in source.questions:
            reject("kind of question not in the recipe", own.id)
        elif own.language in held_out:
            raise UserError(f"{path}: row {own.id} is in the held-out language {own.language}: {MEND_HELD_OUT}")
        else:
            yield row


def _counted(rows: Iterator[Row], bar: Any) -> Iterator[Row]:
    for row in rows:
        bar.advance()
        yield row


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _content_hash(source: Source, path: Path) -> str:
    """Of all that is read.

    Raises:
        UserError: there is nothing to read.
    """
    if source.kind == "export":
        return sha256_file(export.opened(path).path / MANIFEST)
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        hint = f": `pcult data general {path.parent}` makes general questions" if path.name == "general.json" else ""
        raise UserError(f"no data at {path}{hint}")
    return hashlib.sha256("".join(map(sha256_file, files)).encode()).hexdigest()


def _key(source: Source, content: str, wanted: tuple[str, ...], held_out: frozenset[str]) -> str:
    """Names all that a corpus depends on."""
    settings = source.model_dump(mode="json", exclude={"weight", "count", "assumed", "images"})
    text = orjson.dumps([FORMAT, content, settings, sorted(wanted), sorted(held_out)])
    return hashlib.sha256(text).hexdigest()[:16]
