"""Exports, checkpoints and runs of a workspace that have withdrawn rows."""

import contextlib
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pangea_cultural.dataset import training_rows, withdrawn_data_sets, withdrawn_rows
from pangea_cultural.dataset.export import MANIFEST, SPLITS, Export
from pangea_cultural.dataset.manifest import DESCRIPTION
from pangea_cultural.dataset.withdrawal import WithdrawalList, Withdrawn, WithdrawnImage
from pangea_cultural.dataset.withdrawn_rows import Concerned, Matcher
from pangea_cultural.errors import UserError
from pangea_cultural.utils.files import read_json, sha256_file
from pangea_cultural.workspace import Workspace

RECORD = "training.json"
ANSWERS, EXAMPLES, EXAMPLE_IMAGES = "answers.parquet", "examples.json", "examples"
"""Files of a run and of its benchmarks, as `evalsuite.harness` names them."""
FROM_EXPORT, FROM_ROWS, FROM_BASE, UNKNOWN = "its export", "its record of rows", "its base checkpoint", "unknown"
"""Evidence for the rows of a checkpoint."""


@dataclass
class Found:
    """An export, checkpoint or run with withdrawn rows."""

    name: str
    path: Path
    concerned: Concerned
    evidence: str = ""
    """Origin of the rows of a checkpoint; `unknown` if its data is not there any more."""
    checkpoints: list[str] = field(default_factory=list)
    """Concerned checkpoints that a run evaluated, or that a checkpoint was trained from."""

    def as_json(self) -> dict[str, Any]:
        """Return the content for programs."""
        rows = self.concerned
        result: dict[str, Any] = {"name": self.name, "path": str(self.path), "rows": rows.total}
        result |= {"by_split": dict(rows.splits), "by_withdrawal": dict(rows.rows), "images": sorted(rows.images)}
        result |= {"statements": rows.statements.total()} if rows.statements else {}
        result |= {"evidence": self.evidence} if self.evidence else {}
        return result | ({"checkpoints": self.checkpoints} if self.checkpoints else {})


@dataclass
class Reach:
    """Everything outside of the store that withdrawals concern."""

    exports: list[Found]
    checkpoints: list[Found]
    runs: list[Found]
    problems: list[str]
    """Exports and runs that cannot be read, one line each."""
    clean_manifests: frozenset[str] = frozenset()
    """SHA-256 of the manifests of exports without withdrawn rows."""
    copies: tuple[Path, ...] = ()
    """Withdrawn images that runs have as they were sent."""

    def names(self) -> set[str]:
        """Return the names of withdrawals that something has."""
        found = (*self.exports, *self.checkpoints, *self.runs)
        return {name for entry in found for name in (*entry.concerned.rows, *entry.concerned.statements)}


def find(workspace: Workspace, items: Sequence[Withdrawn], licensed: Iterable[tuple[str, str]] = ()) -> Reach:
    """Search the files of a workspace.

    Args:
        workspace: the workspace.
        items: the withdrawals.
        licensed: hashes of further images, with the names of their withdrawals.
    """
    problems: list[str] = []
    hashes: dict[str, list[str]] = defaultdict(list)
    for item in items:
        for digest in item.images if isinstance(item, WithdrawnImage) else ():
            hashes[digest].append(item.name)
    for digest, name in licensed:
        hashes[digest].append(name)
    exports, manifests = _exports(workspace, items, hashes, problems)
    problems += _data_sets(workspace, items)
    checkpoints = _with_derived(workspace, list(_checkpoints(workspace, items, hashes, manifests, problems)))
    runs = list(_runs(workspace, items, hashes, checkpoints, problems))
    clean = frozenset(digest for digest, entry in manifests.items() if not entry.concerned)
    copies = tuple(_copies(workspace, items, hashes))
    return Reach([entry for entry in exports if entry.concerned], checkpoints, runs, problems, clean, copies)


def of_export(export: Export, items: Sequence[Withdrawn]) -> Reach:
    """Search a single export."""
    found = Found(export.path.name, export.path, withdrawn_rows.in_export(export, items))
    return Reach([found] if found.concerned else [], [], [], [])


def _exports(
    workspace: Workspace, items: Sequence[Withdrawn], hashes: dict[str, list[str]], problems: list[str]
) -> tuple[list[Found], dict[str, Found]]:
    """Return all exports, and the train rows of each by the hash of its manifest."""
    exports, manifests = [], {}
    for manifest in sorted(workspace.exports.glob(f"*/{MANIFEST}")):
        try:
            export = Export.open(manifest.parent)
            found = Found(manifest.parent.name, manifest.parent, withdrawn_rows.in_export(export, items))
            for path, names in withdrawn_rows.withdrawn_images(export, items).items():
                hashes[PurePosixPath(path).stem] += names
        except (UserError, OSError, ValueError, KeyError, pa.ArrowException) as error:
            problems.append(_unreadable(manifest.parent, error))
            continue
        exports.append(found)
        manifests[sha256_file(manifest)] = found
    return exports, manifests


def _data_sets(workspace: Workspace, items: Sequence[Withdrawn]) -> Iterator[str]:
    """Yield a line for each data set in another format beside the exports that has or may have withdrawn rows."""
    for description in sorted(workspace.exports.glob(f"*/{DESCRIPTION}")):
        folder = description.parent
        if (folder / MANIFEST).is_file():
            continue
        try:
            names = withdrawn_data_sets.problem(folder, WithdrawalList(withdrawn=tuple(items)))
        except UserError as error:
            yield str(error)
            continue
        if names:
            advice = "Write it again with `pcult data export --overwrite`."
            yield f"{folder} has or may have withdrawn data: {names}. {advice}"


def _checkpoints(
    workspace: Workspace,
    items: Sequence[Withdrawn],
    hashes: dict[str, list[str]],
    manifests: dict[str, Found],
    problems: list[str],
) -> Iterator[Found]:
    """Yield the checkpoints that were trained on withdrawn rows, or whose training data is unknown."""
    for path in sorted(workspace.checkpoints.glob(f"*/{RECORD}")):
        record = _json(path)
        digests = _manifests(record)
        rows = path.parent / training_rows.FILE
        concerned, evidence = Concerned(), UNKNOWN
        if record and all(digest in manifests for digest in digests):
            concerned, evidence = _of_exports(record, [manifests[digest] for digest in digests], items), FROM_EXPORT
        elif rows.is_file():
            short = {digest[: training_rows.HASH_DIGITS]: names for digest, names in hashes.items()}
            try:
                found = Concerned()
                Matcher(items, short).count(withdrawn_rows.batches(rows, training_rows.COLUMNS), found, "train")
                concerned, evidence = found, FROM_ROWS
            except (UserError, KeyError) as error:
                problems.append(_unreadable(path.parent, error))
        if concerned or evidence == UNKNOWN:
            yield Found(path.parent.name, path.parent, concerned, evidence)


def _with_derived(workspace: Workspace, found: list[Found]) -> list[Found]:
    """Return checkpoints with those that were trained from a concerned one, directly or through others."""
    by_path = {entry.path.resolve(): entry for entry in found}
    records = sorted(workspace.checkpoints.glob(f"*/{RECORD}"))
    named = {path.parent: _base(_json(path)) for path in records}
    bases = {path: (workspace.root / name).resolve() for path, name in named.items() if name}
    for _ in bases:  # a chain has at most as many
        for path, origin in bases.items():
            source, known = by_path.get(origin), by_path.get(path.resolve())
            if source and source.evidence != UNKNOWN and (known is None or known.evidence == UNKNOWN):
                by_path[path.resolve()] = Found(path.name, path, Concerned(), FROM_BASE, [source.name])
    return sorted(by_path.values(), key=lambda entry: entry.name)


def _base(record: dict[str, Any]) -> str:
    """Return the checkpoint that a training started from, as its recipe names it; empty for none."""
    recipe = record.get("recipe")
    model = recipe.get("model") if isinstance(recipe, dict) else None
    return str(model.get("checkpoint") or "") if isinstance(model, dict) else ""


def _manifests(record: dict[str, Any]) -> list[str]:
    """Return the hashes of the manifests of the exports that a checkpoint was trained on."""
    data = record.get("data")
    sources = data.values() if isinstance(data, dict) else ()
    return [files[MANIFEST] for files in sources if isinstance(files, dict) and MANIFEST in files]


def _of_exports(record: dict[str, Any], exports: Sequence[Found], items: Sequence[Withdrawn]) -> Concerned:
    """Return the rows of the splits that a training read."""
    recipe = record.get("recipe")
    sources = recipe.get("sources") if isinstance(recipe, dict) else None
    tables = [source for source in sources if isinstance(source, dict)] if isinstance(sources, list) else []
    named = [source.get("split", "train") for source in tables if source.get("type") == "export"]
    splits = [split for split in SPLITS if split in named] or ["train"]
    total = Concerned()
    for found in exports:
        part = withdrawn_rows.in_export(Export.open(found.path), items, splits) if found.concerned else Concerned()
        total.rows += part.rows
        total.splits += part.splits
        total.images |= part.images
    # Images of other splits were not trained on.
    return total if total.total else Concerned()


def _runs(
    workspace: Workspace,
    items: Sequence[Withdrawn],
    hashes: dict[str, list[str]],
    checkpoints: Sequence[Found],
    problems: list[str],
) -> Iterator[Found]:
    """Yield the runs that asked withdrawn questions, or evaluated a checkpoint that was trained on some."""
    weights = {
        found.name: _json(found.path / RECORD).get("weights_sha256")
        for found in checkpoints
        if found.evidence != UNKNOWN
    }
    for path in sorted(workspace.runs.glob("*/results.json")):
        results = _json(path)
        used = [name for name, digests in weights.items() if digests and digests == results.get("weights_sha256")]
        concerned = Concerned()
        try:
            _count_answers(path.parent / ANSWERS, items, hashes, concerned)
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            problems.append(_unreadable(path.parent, error))
        if concerned or used:
            yield Found(path.parent.name, path.parent, concerned, checkpoints=used)


def _copies(workspace: Workspace, items: Sequence[Withdrawn], hashes: dict[str, list[str]]) -> Iterator[Path]:
    """Yield the files of withdrawn images that runs of published benchmarks have.

    `pcult eval show` writes them as they were sent. The examples of the report are smaller: the answers name their
    images.
    """
    originals = {digest for item in items if isinstance(item, WithdrawnImage) for digest in item.sha1}
    for folder in sorted(workspace.runs.glob("*/benchmarks/*")):
        for path in sorted(folder.glob("images/*")):
            if path.is_file() and (hashes.get(path.stem) or (originals and _sha1(path) in originals)):
                yield path
        yield from _examples(folder, hashes)


def _examples(folder: Path, hashes: dict[str, list[str]]) -> Iterator[Path]:
    """Yield the images of the examples of a benchmark that are withdrawn. Garbled files have none."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        shown = {row["item"]: row["images"] for row in read_json(folder / EXAMPLES)}
        if not any(shown.values()):
            return
        for answer in pq.read_table(folder / ANSWERS, columns=["item", "images"]).to_pylist():
            if any(digest in hashes for digest in answer["images"]):
                yield from (
                    folder / EXAMPLE_IMAGES / PurePosixPath(name).name for name in shown.get(answer["item"], ())
                )


def _sha1(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.sha1(usedforsecurity=False)).hexdigest()


def _count_answers(path: Path, items: Sequence[Withdrawn], hashes: dict[str, list[str]], found: Concerned) -> None:
    """Count the answers of a run. A withdrawn image can also be that of a blind question."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=[*_ANSWERS, "split"]):
            images = {
                image: names for image in pc.unique(batch["image"]).to_pylist() if (names := _names(image, hashes))
            }
            for split in pc.unique(batch["split"]).to_pylist():
                part = batch.filter(pc.equal(batch["split"], split))
                Matcher(items, images).count([part], found, split)


_ANSWERS = ("entity", "property", "image", "answers", "choices")


def _names(image: str, hashes: dict[str, list[str]]) -> list[str]:
    return hashes.get(PurePosixPath(image).stem, [])


def _unreadable(path: Path, error: Exception) -> str:
    return f"{path}: cannot be read ({' '.join(str(error).split())[:200]})"


def _json(path: Path) -> dict[str, Any]:
    """Return a JSON object, empty if it cannot be read."""
    try:
        content = read_json(path)
    except (OSError, orjson.JSONDecodeError):
        return {}
    return content if isinstance(content, dict) else {}
