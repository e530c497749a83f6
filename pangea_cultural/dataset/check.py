"""The check of an export: integrity, splits, held-out languages, licenses and the limit of the audit."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pyarrow.compute as pc

from pangea_cultural.dataset import withdrawal, withdrawn_rows
from pangea_cultural.dataset.damage import damage
from pangea_cultural.dataset.export import MANIFEST, SPLITS, Export
from pangea_cultural.dataset.leaks import leaks
from pangea_cultural.dataset.tables import STATEMENTS
from pangea_cultural.dataset.withdrawal import WithdrawalList, few
from pangea_cultural.errors import ImageError
from pangea_cultural.reference import licenses
from pangea_cultural.utils.files import sha256_file

NO_ATTRIBUTION = "license asks to name the author, but no author is given"


def check(export: Export, withdrawn: WithdrawalList | None = None) -> list[str]:
    """Return the problems of an export, one line each; empty for a valid export.

    The check reads only the export's files and a list of withdrawals, not the store:

    - the manifest and the tables can be read and have their columns (see `damage`);
    - every file has the hash of the manifest;
    - no language, image, entity or name leaks into `train` (see `leaks`);
    - every image has a file whose content has the hash in its name;
    - every image has a free license: its code and its name are in the license table, with an author if it asks for one;
    - no guesser that sees only texts is right more often than the recipe allows (`[audit] max_guesser`);
    - no row, no image and no statement is on the list of withdrawals.

    Args:
        export: the export.
        withdrawn: list of withdrawals; by default that of the workspace that the export lies in.

    Raises:
        UserError: the list cannot be read.
    """
    if withdrawn is None:
        withdrawn = withdrawal.read(withdrawal.beside(export.path))
    if problems := damage(export):
        return problems  # the other checks need all files
    try:
        return [*_problems(export), *_withdrawn(export, withdrawn)]
    except OSError as error:
        return [f"{error.filename}: cannot be read ({error.strerror})"]


def _problems(export: Export) -> list[str]:
    return [
        *_wrong_hashes(export),
        *leaks(export),
        *_bad_images(export),
        *_bad_licenses(export),
        *_bad_statements(export),
        *_guessable_answers(export.manifest),
    ]


def _wrong_hashes(export: Export) -> Iterator[str]:
    for name, digest in export.manifest["files"].items():
        path = export.file(name)
        if path is None:
            yield f"{MANIFEST}: {name!r} is not a file of the export"
        elif not path.is_file():
            yield f"{name}: missing"
        elif sha256_file(path) != digest:
            yield f"{name}: content differs from the manifest"


def _bad_images(export: Export) -> Iterator[str]:
    known = set()
    for row in export.images().to_pylist():
        known.add(row["image"])
        path = export.file(row["image"], below="images")
        if path is None:
            yield f"{row['image']}: not below images/"
        elif not path.is_file():
            yield f"{row['image']}: missing"
        elif sha256_file(path) != path.stem:
            yield f"{row['image']}: content differs from its name"
    for split in SPLITS:
        for image in sorted(set(pc.unique(export.table(split)["image"]).to_pylist()) - known - {""}):
            yield f"{split}: image {image} is not in images.parquet"


def _bad_licenses(export: Export) -> Iterator[str]:
    """Yield one line for each kind of wrong license, with the names of the licenses and one of the images."""
    names: dict[str, set[str]] = defaultdict(set)
    images: dict[str, list[str]] = defaultdict(list)
    for row in export.images().to_pylist():
        if problem := _license_problem(row):
            images[problem.reason].append(row["image"])
            names[problem.reason].add(problem.detail)
    for reason in sorted(images):
        some = ", ".join(map(repr, sorted(filter(None, names[reason]))[:5]))
        listed = f" ({some})" if some else ""
        yield f"images.parquet: {reason}{listed}: {len(images[reason])} images, such as {min(images[reason])}"


def _bad_statements(export: Export) -> Iterator[str]:
    """Yield one line for each kind of wrong license among the statements of own knowledge."""
    places: dict[str, list[str]] = defaultdict(list)
    for row in export.statements().to_pylist():
        # Of a text, the source may be named in place of an author.
        problem = _license_problem(row | {"attribution": row["source"]})
        if problem:
            places[problem.reason].append(f"{row['file']}:{row['line']}")
    for reason, found in sorted(places.items()):
        yield f"{STATEMENTS}: {reason}: {len(found)} rows, such as {min(found)}"


def _license_problem(row: dict[str, Any]) -> ImageError | None:
    """Return why an image must not be published, if so. A code without a free license behind it does not count."""
    code, name = row.get("license_code") or "", row["license"] or ""
    try:
        license = licenses.find(name, code)
    except ImageError as error:
        return error
    if not licenses.is_code(code):
        return ImageError(licenses.UNKNOWN, f"code {code}" if code else f"{name} without a code")
    if license.attribution and not (row.get("attribution") or row.get("author")):
        return ImageError(NO_ATTRIBUTION, code)
    return None


def _withdrawn(export: Export, withdrawn: WithdrawalList) -> Iterator[str]:
    """Yield one line for each withdrawal that the export still has. The list of its manifest counts as well."""
    items = tuple(withdrawal.of_manifest(export.manifest).merged(withdrawn))
    found = withdrawn_rows.in_export(export, items) if items else withdrawn_rows.Concerned()
    for item in items:
        if rows := found.rows[item.name]:
            yield f"{item.name}: withdrawn, but {rows:,} rows have it"
    if found.images:
        yield f"images.parquet: {len(found.images):,} withdrawn images, such as {min(found.images)}"
    if found.statements:
        yield f"{STATEMENTS}: {found.statements.total():,} withdrawn statements ({few([*found.statements])})"


def _guessable_answers(manifest: dict[str, Any]) -> Iterator[str]:
    """Compare the audit that the build put into the manifest with the limit of its recipe."""
    limit, figures = manifest["recipe"].get("audit", {}).get("max_guesser"), manifest.get("audit")
    if limit is None:
        return
    if figures is None:
        yield f"{MANIFEST}: audit is missing, but the recipe limits it (max_guesser)"
    elif figures["accuracy"] is not None and figures["accuracy"] > limit:
        yield (
            f"questions: a guesser without images ({figures['guesser']}) is right in {figures['accuracy']:.1%} of the "
            f"choice questions, but the recipe allows {limit:.1%} (max_guesser)"
        )
