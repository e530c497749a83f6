"""Rows of an export, of a checkpoint's training data or of a run that withdrawals concern, found in the files alone."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pangea_cultural.dataset import tables, withdrawal, withdrawn_statements
from pangea_cultural.dataset.export import SPLITS, Export
from pangea_cultural.dataset.titles import normalized
from pangea_cultural.dataset.withdrawal import (
    Withdrawn,
    WithdrawnClaim,
    WithdrawnEntity,
    WithdrawnImage,
    WithdrawnLicense,
)
from pangea_cultural.errors import UserError
from pangea_cultural.reference.ids import NAME

BATCH_ROWS = 65_536
COLUMNS = ("entity", "property", "image", "answer", "answers", "choices")
"""Columns that are read. Only `entity` and `image` are needed."""


@dataclass
class Concerned:
    """Rows and images that withdrawals concern."""

    rows: Counter[str] = field(default_factory=Counter)
    """Number of rows by the name of the withdrawal."""
    images: set[str] = field(default_factory=set)
    """Paths of images that are withdrawn, or show a withdrawn entity."""
    splits: Counter[str] = field(default_factory=Counter)
    """Number of rows by split; a row of two withdrawals counts once."""
    statements: Counter[str] = field(default_factory=Counter)
    """Number of statements of own knowledge by the name of the withdrawal; each counts once."""

    @property
    def total(self) -> int:
        """Number of rows."""
        return self.splits.total()

    def __bool__(self) -> bool:
        return bool(self.total or self.images or self.statements)

    def named(self) -> str:
        """Return the names of a few withdrawals with their rows, or the number of images that no row shows."""
        if self.rows:
            return withdrawal.few([f"{name} ({rows:,} rows)" for name, rows in self.rows.most_common()])
        if self.images:
            return f"{len(self.images):,} images"
        return withdrawal.few([f"{name} ({number:,} statements)" for name, number in self.statements.most_common()])


class Matcher:
    """Finds the rows of tables that withdrawals concern.

    Args:
        items: the withdrawals.
        images: the names of the withdrawals of each withdrawn image, by its path or hash.
        pairs: names of withdrawn claims that say that an image shows an entity, by image and entity.
        licensed: entities and claims of statements under withdrawn licenses, with the names of the licenses.
    """

    def __init__(
        self,
        items: Sequence[Withdrawn],
        images: Mapping[str, Sequence[str]],
        pairs: Mapping[tuple[str, str], str] | None = None,
        licensed: Sequence[tuple[Withdrawn, str]] = (),
    ) -> None:
        self.images = images
        self._pairs = pairs or {}
        self._entities: dict[str, list[tuple[Withdrawn, str]]] = defaultdict(list)
        self._names: dict[str, list[str]] = defaultdict(list)
        self._paths: dict[str, list[str]] = defaultdict(list)
        for item, name in (*((item, item.name) for item in items), *licensed):
            if isinstance(item, WithdrawnEntity | WithdrawnClaim):
                self._entities[item.entity].append((item, name))
            if isinstance(item, WithdrawnEntity):
                for digest in item.names:
                    self._names[digest].append(name)
                for path in item.paths:
                    self._paths[path].append(name)
        self._subjects = {*self._entities, *(path.split()[0] for path in self._paths)}
        self._found_names: dict[str, list[str]] = {}

    def count(self, batches: Iterable[pa.RecordBatch], found: Concerned, split: str = "") -> None:
        """Add the rows of a split to what was found. The column `questions` has the number of a row's questions."""
        for batch in batches:
            for row in self._candidates(batch).to_pylist():
                if names := self._withdrawals(row):
                    weight = row.get("questions", 1)
                    found.splits[split] += weight
                    found.rows.update(dict.fromkeys(names, weight))
                    if row["image"] and self._shows(row):
                        found.images.add(row["image"])

    def mask(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Return whether each row is withdrawn."""
        numbered = batch.append_column("row", pa.array(range(batch.num_rows), pa.int32()))
        rows = [row["row"] for row in self._candidates(numbered).to_pylist() if self._withdrawals(row)]
        return pc.is_in(numbered["row"], value_set=pa.array(rows, pa.int32()))

    def _shows(self, row: dict[str, Any]) -> bool:
        """Return whether a row's image is withdrawn, or its subject, or that the image shows it."""
        image, subjects = row["image"], self._entities.get(row["entity"], ())
        is_withdrawn = image in self.images or (image, row["entity"]) in self._pairs
        return is_withdrawn or any(isinstance(item, WithdrawnEntity) for item, _ in subjects)

    def _candidates(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows with a withdrawn image, entity or name: few, so that Python can look at each."""
        mask = pc.or_(
            pc.is_in(batch["image"], value_set=pa.array(self.images, pa.string())),
            pc.is_in(batch["entity"], value_set=pa.array(self._subjects, pa.string())),
        )
        if self._names:
            for column in ("answers", "choices"):
                if column in batch.schema.names:
                    mask = pc.or_(mask, self._naming(batch[column]))
        return batch.filter(mask)

    def _naming(self, lists: pa.Array) -> pa.Array:
        """Return for each list of texts whether it has a withdrawn name."""
        texts = pc.list_flatten(lists)
        named = pa.array([text for text in pc.unique(texts).to_pylist() if self._withdrawn_name(text)], pa.string())
        rows = pc.list_parent_indices(lists).filter(pc.is_in(texts, value_set=named))
        return pc.is_in(pa.array(range(len(lists)), rows.type), value_set=pc.unique(rows))

    def _withdrawn_name(self, text: str) -> list[str]:
        if text not in self._found_names:
            self._found_names[text] = self._names.get(withdrawal.name_hash(text), [])
        return self._found_names[text]

    def _withdrawals(self, row: dict[str, Any]) -> set[str]:
        """Return the names of the withdrawals of a row."""
        names = set(self.images.get(row["image"], ()))
        if (pair := (row["image"], row["entity"])) in self._pairs:
            names.add(self._pairs[pair])
        names.update(self._paths.get(f"{row['entity']} {row.get('property', '')}", ()))
        for item, name in self._entities.get(row["entity"], ()):
            if isinstance(item, WithdrawnEntity) or _is_about(row, item):
                names.add(name)
        if self._names:
            texts = {*row.get("answers", ()), *row.get("choices", ())}
            names.update(name for text in texts for name in self._withdrawn_name(text))
        return names


def _is_about(row: dict[str, Any], claim: Withdrawn) -> bool:
    """Return whether a row is about a claim. The answers decide, if both the row and the list have them."""
    assert isinstance(claim, WithdrawnClaim)
    if not claim.concerns(row.get("property", "")):
        return False
    if not (claim.value and claim.names and "answers" in row):
        return True
    return any(withdrawal.name_hash(text) in claim.names for text in row["answers"])


def in_export(export: Export, items: Sequence[Withdrawn], splits: Sequence[str] = SPLITS) -> Concerned:
    """Return the rows and images of an export that withdrawals concern."""
    matcher = matcher_of(export, items)
    found = concerned(export, items, matcher)
    for split in splits:
        matcher.count(batches(export.questions_file(split)), found, split)
    return found


def concerned(export: Export, items: Sequence[Withdrawn], matcher: "Matcher") -> Concerned:
    """Return the images and statements that withdrawals concern, without rows."""
    statements = withdrawn_statements.withdrawals(export.statements(), items)
    return Concerned(images=set(matcher.images), statements=Counter(statements.values()))


def matcher_of(export: Export, items: Sequence[Withdrawn]) -> "Matcher":
    """Return the matcher of an export.

    Of a claim that the export's build knew only images are looked for: the answer to a question is another value now.
    """
    licensed = withdrawn_statements.of_licenses(export.statements(), items)
    new = {item.key for item in withdrawal.WithdrawalList(withdrawn=tuple(items)).missing_in(export.manifest)}
    claims = [item for item in items if isinstance(item, WithdrawnClaim)]
    items = [item for item in items if item.key in new or not isinstance(item, WithdrawnClaim)]
    # A name can be that of another entity, which the build knew to tell apart.
    items = [item if item.key in new else _without_names(item) for item in items]
    return Matcher(items, withdrawn_images(export, items), _pairs(export, claims), licensed)


def names_in(export: Export, entities: Iterable[str]) -> dict[str, set[str]]:
    """Return the hashes of entities' names, as far as the export asks for them."""
    wanted, found = pa.array(sorted(set(entities)), pa.string()), defaultdict[str, set[str]](set)
    for split in SPLITS if len(wanted) else ():
        for batch in batches(export.questions_file(split)):
            rows = batch.filter(pc.and_(pc.equal(batch["property"], NAME), pc.is_in(batch["entity"], wanted)))
            for row in rows.select(["entity", "answers"]).to_pylist():
                found[row["entity"]].update(map(withdrawal.name_hash, row["answers"]))
    return found


def _pairs(export: Export, claims: Iterable[WithdrawnClaim]) -> dict[tuple[str, str], str]:
    """Return the names of the claims whose value is the title of an image, by image and entity."""
    by_title: dict[str, list[WithdrawnClaim]] = defaultdict(list)
    for claim in claims:
        if claim.value:
            by_title[normalized(claim.value)].append(claim)
    rows = export.images().to_pylist() if by_title else []
    return {
        (row["image"], claim.entity): claim.name
        for row in rows
        for claim in by_title.get(normalized(row.get("file") or ""), ())
    }


def named_in(export: Export, path: Path | None = None) -> str:
    """Return which withdrawals of a list an export has, for a message; empty for none.

    What its build knew is not in it, so that in most cases no row is read.

    Args:
        export: the export.
        path: list of another workspace than the one that the export lies in, whose list counts as well.
    """
    withdrawn = withdrawal.read(withdrawal.beside(export.path))
    if path is not None:
        withdrawn = withdrawal.read(path).merged(withdrawn)
    new = withdrawn.missing_in(export.manifest)
    found = in_export(export, new) if new else None
    return found.named() if found else ""


def require_none(export: Export, path: Path | None = None) -> None:
    """Check an export against lists, see `named_in`.

    Raises:
        UserError: the export has withdrawn rows.
    """
    if names := named_in(export, path):
        raise UserError(f"{export.path} has withdrawn data: {names}. Run `pcult build` again.")


def _without_names(item: Withdrawn) -> Withdrawn:
    return item.model_copy(update={"names": (), "paths": ()}) if isinstance(item, WithdrawnEntity) else item


def withdrawn_images(export: Export, items: Sequence[Withdrawn]) -> dict[str, list[str]]:
    """Return the withdrawn images of an export: names of the withdrawals by path."""
    by_title: dict[str, list[str]] = defaultdict(list)
    by_hash: dict[str, list[str]] = defaultdict(list)
    for item in items:
        if isinstance(item, WithdrawnImage):
            if item.file:
                by_title[item.file].append(item.name)
            for digest in item.images:
                by_hash[digest].append(item.name)
    terms = [item for item in items if isinstance(item, WithdrawnLicense)]
    found: dict[str, list[str]] = {}
    for row in export.images().to_pylist():
        names = {
            *by_title.get(normalized(row.get("file") or ""), ()),
            *by_hash.get(PurePosixPath(row["image"]).stem, ()),
            *(item.name for item in terms if item.covers(row.get("license_code") or "", row["license"] or "")),
        }
        if names:
            found[row["image"]] = sorted(names)
    return found


def batches(path: Path, columns: Sequence[str] = COLUMNS) -> Iterator[pa.RecordBatch]:
    """Yield the columns of a Parquet file that tell what its rows are about."""
    with tables.readable(path), pq.ParquetFile(path) as file:
        names = [name for name in columns if name in file.schema_arrow.names]
    for batch in tables.batches(path, BATCH_ROWS, names):
        tables.require_filled(batch, path, names)
        yield batch
