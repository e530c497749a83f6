"""Contents of a store and its export, and the differences of two builds."""

from collections import Counter

from factory.store.store import Store

TABLES = ("entity", "entity_region", "claim", "label", "image", "entity_image", "template", "value_text", "question")
TABLES += ("split", "rejection", "slice", "candidate")


def contents(workspace, export="castles"):
    """Return every table as sorted rows, and every file of the export with its bytes."""
    with Store.open(workspace / "store.duckdb", read_only=True) as store:
        tables = {name: store.rows(f"SELECT * FROM {name} ORDER BY ALL") for name in TABLES}
        tables["stage"] = store.rows("SELECT name, position, done, inputs, kept FROM stage ORDER BY ALL")
    folder = workspace / "exports" / export
    files = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    return tables, files


def differences(workspace, other):
    """Return a short line for each row and file in which two builds differ."""
    (tables, files), (other_tables, other_files) = contents(workspace), contents(other)
    found = []
    for name, rows in tables.items():
        for sign, more, less in (("-", rows, other_tables[name]), ("+", other_tables[name], rows)):
            found += [f"{sign} {name} {row}"[:300] for row, times in _minus(more, less).items() for _ in range(times)]
    names = sorted(files.keys() | other_files.keys())
    return found + [f"file {name}" for name in names if files.get(name) != other_files.get(name)]


def _minus(rows, others):
    """Return the rows that the others lack, with their number: duplicates count."""
    return Counter(map(repr, rows)) - Counter(map(repr, others))
