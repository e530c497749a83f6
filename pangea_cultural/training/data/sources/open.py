"""Opening of a source: read it into a corpus on disk, or reuse the corpus of an earlier run."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import orjson

from pangea_cultural.dataset.export import Export
from pangea_cultural.dataset.sources import culturalground, llava_chat, m3ls
from pangea_cultural.dataset.sources.rejections import ReadCallbacks, ReadReport
from pangea_cultural.dataset.sources.types import SourceRow
from pangea_cultural.dataset.withdrawal import WITHDRAWN
from pangea_cultural.errors import UserError
from pangea_cultural.training.data.corpus import Corpus
from pangea_cultural.training.data.corpus_writer import FORMAT, CorpusSpec, Filters
from pangea_cultural.training.data.sources import export
from pangea_cultural.training.data.sources.config import (
    ChatSource,
    CulturalGroundSource,
    ExportSource,
    M3lsSource,
    QuestionSource,
    Source,
)
from pangea_cultural.training.data.sources.files import SourceFiles, locate
from pangea_cultural.utils.console import Reporter

MAX_LISTED_FILES = 50


@dataclass(frozen=True)
class SourceContext:
    """Folders, languages and reporter that the sources of a recipe share."""

    workspace: Path
    """Root of the sources' paths."""
    cache: Path
    """Folder of the corpora, one subfolder each. Unused subfolders may be deleted."""
    reporter: Reporter
    languages: tuple[str, ...] = ()
    """Languages of the recipe; empty for all."""
    held_out_languages: frozenset[str] = frozenset()
    """Languages that no kept row may have; empty for a validation split."""
    exports: Mapping[Path, Export] = field(default_factory=dict)
    """Exports that are already open, by path of their source."""
    withdrawn_images: frozenset[str] = frozenset()
    """SHA-256 of images that no row may show. Rows of other sources than exports are rejected."""


def open_source(source: Source, context: SourceContext, index: int = 0) -> Corpus:
    """Open the corpus of a source. An earlier corpus is reused if data and settings are unchanged.

    Args:
        source: configuration of the source.
        context: folders, languages and reporter.
        index: index of the source in the recipe, stored in its groups.

    Raises:
        UserError: the data is missing or broken, a row is in a held-out language, or no row is left.
    """
    files = locate(source, context.workspace, context.exports.get(source.path))
    filters = _filters(source, context.languages)
    digests = files.digests(context.reporter)
    spec = CorpusSpec(
        key=_key(source, files.path, digests, filters, context),
        name=str(files.path),
        files=_listed(digests),
        filters=filters,
        held_out_languages=context.held_out_languages,
        source=index,
        image_root=files.image_root,
    )
    folder = context.cache / f"{files.path.stem}-{spec.key[:16]}"
    corpus = Corpus.open(folder, spec)
    if corpus is None:
        report = ReadReport()
        with context.reporter.bar(f"{files.path.name}: reading", *files.num_steps(source)) as bar:
            callbacks = report.callbacks(bar.advance)
            rows = _unless_withdrawn(_rows(source, files, filters, callbacks), context.withdrawn_images, callbacks)
            corpus = Corpus.build(rows, folder, spec, report)
    context.reporter.note(_summary(files.path.name, corpus))
    if not corpus.num_conversations:
        languages = ", ".join(sorted(filters.languages)) or "any language"
        raise UserError(f"{files.path} has no questions in {languages}. Change `languages`, or remove the source.")
    return corpus


def _filters(source: Source, languages: tuple[str, ...]) -> Filters:
    wanted = frozenset(source.languages or languages)
    if languages:
        wanted &= frozenset(languages)
        if not wanted:
            raise UserError(
                f"{source.path}: none of its languages {', '.join(source.languages)} is a language of the recipe. "
                "Change `languages` in the source or in the recipe."
            )
    if isinstance(source, QuestionSource):
        return Filters(wanted, frozenset(source.regions), frozenset(source.question_types))
    return Filters(wanted)


def _listed(digests: dict[str, str]) -> dict[str, str]:
    """Return the files to list in records and model cards; a single hash stands for more than MAX_LISTED_FILES."""
    if len(digests) <= MAX_LISTED_FILES:
        return digests
    lines = "".join(f"{name} {digest}\n" for name, digest in digests.items())
    return {f"{len(digests):,} files": hashlib.sha256(lines.encode()).hexdigest()}


def _key(source: Source, path: Path, digests: dict[str, str], filters: Filters, context: SourceContext) -> str:
    """Return a hash of everything that decides the corpus: not the image folder, nor the share of the source."""
    content = {
        "format": FORMAT,
        "files": list(digests.items()),
        "source": source.model_dump(mode="json", exclude={"path", "images", "weight", "count", "estimate"}),
        "languages": sorted(filters.languages),
        "held_out": sorted(context.held_out_languages),
        "images": m3ls.image_inventory(path) if isinstance(source, M3lsSource) else [],
    }
    if context.withdrawn_images and not isinstance(source, ExportSource):
        content["withdrawn"] = sorted(context.withdrawn_images)
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _unless_withdrawn(
    rows: Iterator[SourceRow], images: frozenset[str], callbacks: ReadCallbacks
) -> Iterator[SourceRow]:
    """Yield the rows without withdrawn images, as far as files are named by their hash. Exports were checked before."""
    for row in rows:
        if images and any(PurePosixPath(image).stem in images for image in row.images):
            callbacks.reject(WITHDRAWN, row.conversation.id)
        else:
            yield row


def _rows(source: Source, files: SourceFiles, filters: Filters, callbacks: ReadCallbacks) -> Iterator[SourceRow]:
    for file in files.files:
        match source:
            case ExportSource():
                assert files.export is not None
                yield from export.read(files.export, source, filters, callbacks)
            case ChatSource():
                yield from llava_chat.read(file, callbacks, default_language=source.default_language)
            case CulturalGroundSource():
                yield from culturalground.read(file, callbacks)
            case M3lsSource() if m3ls.is_article(file):
                yield from m3ls.read_article(
                    file,
                    callbacks,
                    root=files.image_root,
                    instruction=source.instruction,
                    default_language=source.default_language,
                )
            case M3lsSource():
                yield from m3ls.read(
                    file,
                    callbacks,
                    columns=source.columns,
                    instruction=source.instruction,
                    default_language=source.default_language,
                )


def _summary(name: str, corpus: Corpus) -> str:
    """Return one line about kept and rejected rows."""
    parts = [f"{name}: {corpus.num_conversations:,} conversations in {corpus.num_groups:,} groups"]
    parts += [f"{n:,} rejected: {reason} (e.g. {corpus.examples[reason][0]})" for reason, n in corpus.rejected.items()]
    return "; ".join(parts + [f"{n:,} kept: {remark}" for remark, n in corpus.notes.items()])
