"""A reader of exports, one split at a time."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from pangea_cultural.dataset import question as vqa
from pangea_cultural.dataset import tables
from pangea_cultural.dataset.export import Export
from pangea_cultural.dataset.sources import reasons
from pangea_cultural.dataset.sources.fields import RowError, image, is_blank
from pangea_cultural.dataset.sources.rejections import ReadCallbacks
from pangea_cultural.dataset.sources.types import Conversation, SourceRow
from pangea_cultural.errors import UserError
from pangea_cultural.reference.ids import NAME
from pangea_cultural.training.data.corpus_writer import Filters
from pangea_cultural.training.data.sources.config import ExportSource
from pangea_cultural.utils.files import sha256_file
from pangea_cultural.utils.sampling import hash_key

BATCH_ROWS = 4096
CAPTION_LANGUAGE = "en"
"""Captions are English, whatever languages are trained."""


def read(export: Export, source: ExportSource, filters: Filters, callbacks: ReadCallbacks) -> Iterator[SourceRow]:
    """Iterate over the questions of a split that the filters keep, and over those that give captions.

    Most rows of an export are in languages that a recipe does not have. To make objects of them takes most of the time.

    Args:
        export: the export.
        source: names the split and the style of the answers.
        filters: questions to keep.
        callbacks: called for rejected rows, and for each batch with its number of questions.

    Raises:
        UserError: the file is not the one of the manifest, or a row of `train` is in a held-out language of the export.
            The export is then wrong, whatever languages are wanted.
    """
    split = source.split
    held_out_languages = frozenset(export.held_out_languages if split == "train" else ())
    path = export.questions_file(split)
    if sha256_file(path) != export.manifest["files"].get(path.name):
        raise UserError(f"{path} has changed since the export was written. Run `pcult data check {export.path}`.")
    for batch in tables.batches(path, BATCH_ROWS, vqa.QUESTION_SCHEMA.names):
        tables.require_filled(batch, path, tables.QUESTION_NEEDED)
        _require_trained(batch, held_out_languages, export)
        for question in map(vqa.from_row, _kept(batch, filters, callbacks).to_pylist()):
            try:
                yield source_row(question, source)
            except RowError as error:
                callbacks.reject(str(error), question.id)
        callbacks.advance(batch.num_rows)


def _require_trained(batch: pa.RecordBatch, held_out_languages: frozenset[str], export: Export) -> None:
    wrong = batch.filter(pc.is_in(batch["language"], pa.array(sorted(held_out_languages), pa.string())))
    if wrong.num_rows:
        row, language = wrong["id"][0].as_py(), wrong["language"][0].as_py()
        raise UserError(
            f"{export.path}: row {row} of train is in the held-out language {language}. Build the export again."
        )


def _kept(batch: pa.RecordBatch, filters: Filters, callbacks: ReadCallbacks) -> pa.RecordBatch:
    """Return the rows that the filters keep or that give captions, and count the others by reason."""
    for column, wanted, reason in filters.by_column():
        if wanted:
            is_caption = pc.and_(pc.equal(batch["property"], NAME), pc.equal(batch["language"], CAPTION_LANGUAGE))
            is_kept = pc.or_(pc.is_in(batch[column], pa.array(sorted(wanted), pa.string())), is_caption)
            for id in batch["id"].filter(pc.invert(is_kept)).to_pylist():
                callbacks.reject(reason, id)
            batch = batch.filter(is_kept)
    return batch


def source_row(question: vqa.Question, source: ExportSource) -> SourceRow:
    """Return the row of a question. The answer to an English question for a label is the image's caption.

    Raises:
        RowError: question or answer is blank, the answer is not among the choices, or the image path is invalid.
    """
    if question.question_type == "choice" and question.answer not in question.choices:
        raise RowError(reasons.ANSWER_NOT_A_CHOICE)
    style = _style(question, source)
    target = question.target(style)
    if is_blank(question.question) or is_blank(question.answer) or is_blank(target):
        raise RowError(reasons.EMPTY_TEXT)
    turns = ((question.prompt(style, instructed=source.instructions), target),)
    is_caption = question.property == NAME and question.language == CAPTION_LANGUAGE
    return SourceRow(
        Conversation(question.id, question.language, turns, question.region, question.question_type),
        (image(question.image),) if question.image else (),
        question.answer if is_caption else "",
    )


def _style(question: vqa.Question, source: ExportSource) -> vqa.AnswerStyle:
    if source.answer_style != "both":
        return source.answer_style
    return "sentence" if hash_key(f"answer style {question.id}")[0] % 2 else "short"
