"""Knowledge source: own entities from CSV and Parquet files, in the order of their ids.

First come the rows that are wrong by themselves, then the entities. Both are numbered, so that an interrupted build
resumes. Rows that do not fit others about their entity are rejected with it.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from factory.entities.base import Batch, Origin, OwnEntity
from factory.knowledge.config import KnowledgeConfig
from factory.knowledge.files import Files
from factory.knowledge.grouping import PHOTO, Group, group
from factory.knowledge.sorting import Rejected, SortedRows, Stated
from factory.scope import Scope
from factory.store.store import Rejection
from factory.wikidata.entity import Claim, Entity
from pangea_cultural.errors import ImageError
from pangea_cultural.reference import licenses

BATCH_ENTITIES = 500
BATCH_REJECTIONS = 10_000
ROW = "row"
"""Unit of the rejections: a row is a part of an entity's document."""


class KnowledgeSource:
    """The entities of all own files of a recipe. Rows about one entity can be in several of them.

    Args:
        configs: the recipe's tables of own knowledge.
        name: name of the source in the store.
        scope: languages and properties of the recipe.
        scratch: folder for temporary data; by default that of the system.

    Raises:
        UserError: a folder has no such file.
    """

    def __init__(
        self, configs: Sequence[KnowledgeConfig], name: str, scope: Scope, scratch: Path | None = None
    ) -> None:
        self._files = Files(configs)
        self._scope, self._scratch = scope, scratch
        self.name = name
        self.size_bytes = sum(file.path.stat().st_size for file in self._files.files)

    def batches(self, is_candidate: Callable[[bytes], object], *, start: int = 0) -> Iterator[Batch]:
        """Yield rejected rows and entities after number `start`. All are candidates, because the user chose the files.

        Raises:
            UserError: a file cannot be read.
        """
        with SortedRows(self._files, self._scope, self._scratch) as rows:
            for batch in self._batches(rows, start):
                batch.bytes_read = self.size_bytes
                yield batch

    def _batches(self, rows: SortedRows, start: int) -> Iterator[Batch]:
        wrong = rows.num_rejected
        batch = Batch(last=start)
        for row in rows.rejected(start) if start < wrong else ():
            batch.rejections.append(_rejection(row))
            batch.last += 1
            if len(batch.rejections) == BATCH_REJECTIONS:
                yield batch
                batch = Batch(last=batch.last)
        for name, stated, rest in rows.entities(max(0, start - wrong)):
            batch.last += 1
            found = group(name, stated)
            batch.own.append(_own_entity(batch.last, found, self._scope))
            batch.rejections += map(_rejection, [*found.rejected, *rest])
            if len(batch.own) == BATCH_ENTITIES:
                yield batch
                batch = Batch(last=batch.last)
        if batch.own or batch.rejections:
            yield batch


def _rejection(row: Rejected) -> Rejection:
    return Rejection(row.place, row.reason, row.detail, unit=ROW)


def _own_entity(number: int, found: Group, scope: Scope) -> OwnEntity:
    claims = [
        Claim(name, ordinal, True, "normal", value, value_type, referenced=has_source)
        for ordinal, (name, value_type, value, has_source) in enumerate(found.claims)
    ]
    entity = Entity(
        id=found.entity,
        revision=None,
        labels=found.labels,
        claims=claims,
        regions=tuple(found.regions),
        entity_type=found.entity_type,
    )
    texts = [Entity(id=name, revision=None, labels=labels, claims=[]) for name, labels in found.texts.items()]
    return OwnEntity(number, entity, texts, [_origin(found.entity, *used) for used in found.used])


def _origin(entity: str, row: Stated, name: str, value: str) -> Origin:
    said = row.statement
    try:
        code = licenses.find(said.license).code
    except ImageError:
        code = ""  # of an image, which the stage `images` judges
    text = said.value if said.value_type == "text" and name != PHOTO else ""
    language = said.language if text else ""
    terms = (said.author, said.source, said.license, code)
    return Origin(entity, name, value, language, text, row.file, row.line, *terms)
