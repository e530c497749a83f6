"""Contents of stores and exports, and the differences between two builds."""

from collections import Counter

from factory.store.store import Store
from tests.helpers.world import pcult_json

TABLES = ("entity", "entity_region", "claim", "label", "image", "entity_image", "value_text", "item", "question")
TABLES += ("split", "rejection", "relevance", "relevance_answer", "slice", "candidate", "read_document")


def files(folder):
    """Return every file of a folder with its bytes, by relative path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def contents(workspace, export="castles"):
    """Return every table of the store as sorted rows, and every file of the export with its bytes."""
    with Store.open(workspace / "store.duckdb", read_only=True) as store:
        tables = {name: store.rows(f"SELECT * FROM {name} ORDER BY ALL") for name in TABLES}
        tables["stage"] = store.rows("SELECT name, position, done, inputs, kept FROM stage ORDER BY ALL")
    return tables, files(workspace / "exports" / export)


def differences(workspace, other):
    """Return a short line for each row and file in which two builds differ."""
    (tables, exported), (other_tables, other_exported) = contents(workspace), contents(other)
    lines = []
    for name, rows in tables.items():
        for sign, more, less in (("-", rows, other_tables[name]), ("+", other_tables[name], rows)):
            lines += [f"{sign} {name} {row}"[:300] for row, times in _minus(more, less).items() for _ in range(times)]
    names = sorted(exported.keys() | other_exported.keys())
    return lines + [f"file {name}" for name in names if exported.get(name) != other_exported.get(name)]


def _minus(rows, others):
    """Return the rows beyond those of the others, with their number: a repeated row differs from a single one."""
    return Counter(map(repr, rows)) - Counter(map(repr, others))


def sums(workspace):
    """Return the stages of a build, after checking that their numbers add up."""
    stages = pcult_json("data", "stats", "--workspace", workspace)["stages"]
    reasons = pcult_json("data", "reject-reasons", "--workspace", workspace)
    for row in stages:
        assert row["inputs"] == row["kept"] + row["rejected"], row
        rejected = [r["items"] for r in reasons if (r["stage"], r["unit"]) == (row["stage"], row["unit"])]
        assert sum(rejected) == row["rejected"], row
        parts = [r["items"] for r in reasons if r["stage"] == row["stage"] and r["unit"] != row["unit"]]
        assert sum(parts) == row["dropped parts"], row
    return {row["stage"]: row for row in stages}
