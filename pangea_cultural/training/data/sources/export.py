"""A reader of exports, one split at a time."""

from collections.abc import Iterator

import pyarrow.parquet as pq

from pangea_cultural.dataset import question as vqa
from pangea_cultural.dataset.export import Export
from pangea_cultural.errors import UserError
from pangea_cultural.training.data import reasons
from pangea_cultural.training.data.rejections import ReadCallbacks
from pangea_cultural.training.data.sources.fields import RowError, image
from pangea_cultural.training.data.types import Conversation, SourceRow

BATCH_ROWS = 4096


def read(export: Export, split: str, callbacks: ReadCallbacks) -> Iterator[SourceRow]:
    """Iterate over the questions of a split.

    Args:
        export: the export.
        split: one of `export.SPLITS`; only `train` is for training.
        callbacks: called for rejected rows, and for each batch with its number of questions.

    Raises:
        UserError: a row of `train` is in a held-out language of the export. The export is then wrong, whatever
            languages are wanted.
    """
    held_out_languages = frozenset(export.held_out_languages if split == "train" else ())
    with pq.ParquetFile(export.path / f"questions-{split}.parquet") as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=vqa.QUESTION_SCHEMA.names):
            for question in map(vqa.from_row, batch.to_pylist()):
                if question.language in held_out_languages:
                    raise UserError(
                        f"{export.path}: row {question.id} of train is in the held-out language {question.language}. "
                        "Build the export again."
                    )
                try:
                    yield source_row(question)
                except RowError as error:
                    callbacks.reject(str(error), question.id)
            callbacks.advance(batch.num_rows)


def source_row(question: vqa.Question) -> SourceRow:
    """Return the row of a question. The answer to an English question for a label is the image's caption.

    Raises:
        RowError: the answer is not among the choices, or the image path is invalid.
    """
    if question.question_type == "choice" and question.answer not in question.choices:
        raise RowError(reasons.ANSWER_NOT_A_CHOICE)
    turns = ((question.prompt(), question.target()),)
    is_caption = question.property == "label" and question.language == "en"
    return SourceRow(
        Conversation(question.id, question.language, turns, question.region, question.question_type),
        (image(question.image),) if question.image else (),
        question.answer if is_caption else "",
    )
