"""Open a source: read it into a corpus on disk, or reuse the corpus of an earlier run."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import orjson

from pangea_cultural.dataset.export import MANIFEST, Export
from pangea_cultural.errors import UserError
from pangea_cultural.training.data.corpus import Corpus
from pangea_cultural.training.data.corpus_writer import FORMAT, Filters
from pangea_cultural.training.data.rejections import Advance, ReadCallbacks, ReasonCounter
from pangea_cultural.training.data.sources import culturalground, llava_chat, m3ls
from pangea_cultural.training.data.sources import export as export_reader
from pangea_cultural.training.data.sources.config import (
    ChatSource,
    CulturalGroundSource,
    ExportSource,
    FileSource,
    M3lsSource,
    QuestionSource,
    Source,
)
from pangea_cultural.training.data.sources.fields import readable
from pangea_cultural.training.data.sources.json_reader import MEBIBYTE, Watched, mebibytes
from pangea_cultural.training.data.types import SourceRow
from pangea_cultural.utils.console import Reporter

MOST_LISTED = 50
SUFFIXES = (".json", ".jsonl")
"""Of the files that are read where a source is a folder."""
GENERAL = "general.json"
"""What `pcult data synthetic-chat` writes."""


def open_source(
    number: int,
    source: Source,
    workspace: Path,
    cache: Path,
    *,
    languages: tuple[str, ...],
    held_out: frozenset[str],
    reporter: Reporter,
    export: Export | None = None,
) -> Corpus:
    """The corpus of a source: of an earlier call if the data and what is taken of them are the same, or built now.

    Args:
        number: of the source in the recipe, for its groups.
        source: what the recipe says of it.
        workspace: what its paths are relative to.
        cache: folder in which corpora lie, one folder each; what is not used any more may be deleted.
        languages: the recipe's languages; all where none is named.
        held_out: languages that no row that is taken may be in; for a split to validate on, none.
        reporter: shows progress and tells what was dropped.
        export: the opened export of an `ExportSource`; None to open it here.

    Raises:
        UserError: the data is not there or is broken, a row is in a held-out language, or no row is left.
    """
    path = workspace / source.path
    export = (export or Export.open(path)) if isinstance(source, ExportSource) else None
    files = [export.path / MANIFEST] if export else _files(source, path)
    filters = _filters(source, languages)
    digests = _digests(path, files, reporter)
    key = _key(source, path, digests, filters, held_out)
    folder, root = cache / f"{path.stem}-{key[:16]}", _images(source, workspace)
    corpus = Corpus.open(folder, key, source=number, root=root)
    if corpus is None:
        rejected, notes = ReasonCounter(), ReasonCounter()
        with reporter.bar(f"{path.name}: reading", *_length(source, files, export)) as bar:
            corpus = Corpus.build(
                _rows(source, files, root, export, ReadCallbacks(rejected.add, notes.add, bar.advance)),
                folder,
                key=key,
                files=_listed(digests),
                name=str(path),
                filters=filters,
                held_out=held_out,
                rejected=rejected,
                notes=notes,
                source=number,
                root=root,
            )
    reporter.note(_summary(path.name, corpus))
    if not corpus.num_conversations:
        raise UserError(f"{path} has no questions in {', '.join(sorted(filters.languages)) or 'any language'}")
    return corpus


def _files(source: Source, path: Path) -> list[Path]:
    """The files whose content decides what a source holds."""
    if isinstance(source, M3lsSource) and (folders := m3ls.folders(path)):
        _refuse_unfit(source, path)
        return [article for folder in folders for article in m3ls.articles(folder)]
    files = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise _no_data(source, path)
    if isinstance(source, M3lsSource) and m3ls.is_article(files[0]):
        raise UserError(f"{path} is a part of M3LS as published: give the language's folder {files[0].parents[1]}")
    return files


def _no_data(source: Source, path: Path) -> UserError:
    if path.name == GENERAL:
        return UserError(f"no chat data at {path}: `pcult data synthetic-chat {path.parent}` makes some")
    fitting = f"a file there, or a folder with {' or '.join(SUFFIXES)} files"
    if isinstance(source, M3lsSource):
        fitting += f" or unpacked archives (bbc…/{m3ls.ARTICLES})"
    return UserError(f"no {source.type} data at {path}: put {fitting}")


def _refuse_unfit(source: M3lsSource, path: Path) -> None:
    if source.images or source.columns or not source.instruction:
        raise UserError(f"{path} is M3LS as published: give it an instruction, and neither columns nor images")


def _images(source: Source, workspace: Path) -> Path:
    """The folder that paths of images start from."""
    path = workspace / source.path
    if isinstance(source, FileSource) and source.images is not None:
        return workspace / source.images
    return path if path.is_dir() else path.parent


def _filters(source: Source, languages: tuple[str, ...]) -> Filters:
    wanted = frozenset(source.languages or languages)
    if languages:
        wanted &= frozenset(languages)
        if not wanted:
            raise UserError(f"{source.path}: its languages {', '.join(source.languages)} are none of the recipe's")
    if isinstance(source, QuestionSource):
        return Filters(wanted, frozenset(source.regions), frozenset(source.question_types))
    return Filters(wanted)


def _digests(path: Path, files: list[Path], reporter: Reporter) -> dict[str, str]:
    """SHA-256 of each file that decides what a source holds; of an export that is its manifest."""
    with reporter.bar(f"{path.name}: checksum", sum(map(mebibytes, files)), _unit(files)) as bar:
        return {_name(file, path): _sha256(file, bar.advance) for file in files}


def _name(file: Path, path: Path) -> str:
    return readable(file.name if file == path else file.relative_to(path).as_posix())


def _listed(digests: dict[str, str]) -> dict[str, str]:
    """For records and cards: of very many files, one hash of them all."""
    if len(digests) <= MOST_LISTED:
        return digests
    lines = "".join(f"{name} {digest}\n" for name, digest in digests.items())
    return {f"{len(digests):,} files": hashlib.sha256(lines.encode()).hexdigest()}


def _key(source: Source, path: Path, digests: dict[str, str], filters: Filters, held_out: frozenset[str]) -> str:
    """A hash of all that decides what the corpus holds; where images lie and how much is taken do not."""
    content = {
        "format": FORMAT,
        "files": list(digests.items()),
        "source": source.model_dump(mode="json", exclude={"path", "images", "weight", "count", "estimate"}),
        "languages": sorted(filters.languages),
        "held_out": sorted(held_out),
        "images": m3ls.images_there(path) if isinstance(source, M3lsSource) else [],
    }
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _sha256(path: Path, advance: Advance) -> str:
    with io.BufferedReader(Watched(path, advance), MEBIBYTE) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _length(source: Source, files: list[Path], export: Export | None) -> tuple[int, str]:
    """How much there is to read, and of what."""
    if export and isinstance(source, ExportSource):
        return export.manifest["questions"][source.split], "questions"
    return sum(map(mebibytes, files)), _unit(files)


def _unit(files: list[Path]) -> str:
    """What a bar counts; the file of an article is far below one mebibyte, and counts as one."""
    return "articles" if files and m3ls.is_article(files[0]) else "MB"


def _rows(
    source: Source, files: list[Path], root: Path, export: Export | None, callbacks: ReadCallbacks
) -> Iterator[SourceRow]:
    for file in files:
        match source:
            case ExportSource() if export:
                yield from export_reader.read(export, source.split, callbacks)
            case ChatSource():
                yield from llava_chat.read(file, callbacks, default_language=source.default_language)
            case CulturalGroundSource():
                yield from culturalground.read(file, callbacks)
            case M3lsSource(instruction=instruction, default_language=default) if m3ls.is_article(file):
                yield from m3ls.read_article(
                    file, callbacks, root=root, instruction=instruction, default_language=default
                )
            case M3lsSource(columns=columns, instruction=instruction, default_language=default):
                yield from m3ls.read(
                    file, callbacks, columns=columns, instruction=instruction, default_language=default
                )


def _summary(name: str, corpus: Corpus) -> str:
    """What was taken and what was not, in one line."""
    parts = [f"{name}: {corpus.num_conversations:,} conversations in {corpus.num_groups:,} groups"]
    parts += [f"{n:,} dropped: {why} (such as {corpus.examples[why][0]})" for why, n in corpus.rejected.items()]
    return "; ".join(parts + [f"{n:,} taken: {remark}" for remark, n in corpus.notes.items()])
