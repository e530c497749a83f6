"""Our own exports, split by split."""

from collections.abc import Iterator

import pyarrow.parquet as pq

from pangea_cultural.dataset import question as vqa
from pangea_cultural.dataset.export import Export
from pangea_cultural.errors import UserError
from pangea_cultural.training.data.rejections import ReadCallbacks
from pangea_cultural.training.data.sources.fields import RowError, image
from pangea_cultural.training.data.types import Conversation, SourceRow

BATCH_ROWS = 4096


def read(export: Export, split: str, callbacks: ReadCallbacks) -> Iterator[SourceRow]:
    """The questions of a split.

    Args:
        export: the export.
        split: `train`, or one of `export.SPLITS` to validate on.
        callbacks: is told of rows that are not usable, and of questions.

    Raises:
        UserError: a row of `train` is in a language that the export says it holds out. Whichever languages are wanted,
            such an export is not what it says.
    """
    held_out = frozenset(export.held_out_languages if split == "train" else ())
    with pq.ParquetFile(export.path / f"questions-{split}.parquet") as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=vqa.QUESTION_SCHEMA.names):
            for question in map(vqa.from_row, batch.to_pylist()):
                if question.language in held_out:
                    leaked = f"row {question.id} of train is in the held-out language {question.language}"
                    raise UserError(f"{export.path}: {leaked}: build the export again")
                try:
                    yield _row(question)
                except RowError as reason:
                    callbacks.reject(str(reason), question.id)
            callbacks.advance(batch.num_rows)


def _row(question: vqa.Question) -> SourceRow:
    if question.question_type == "choice" and question.answer not in question.choices:
        raise RowError("answer is not among the options")
    turns = ((question.prompt(), question.target()),)
    names = question.property == "label" and question.language == "en"
    return SourceRow(
        Conversation(question.id, question.language, turns, question.region, question.question_type),
        (image(question.image),) if question.image else (),
        question.answer if names else "",
    )
