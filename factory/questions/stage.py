"""The stage `questions`: templates filled with facts, in SQL (fill.sql)."""

from importlib import resources

import pyarrow as pa

from factory.questions import templates, value_names
from factory.reference.properties import properties
from factory.scope import Scope
from factory.store.store import Store
from pangea_cultural.utils.console import Reporter


def run(store: Store, scope: Scope, reporter: Reporter) -> tuple[int, int]:
    """Make all questions. Returns how many could have been made, an open and a choice one each, and how many were."""
    with reporter.bar("questions", 2, "steps") as bar:
        store.append("template", templates.as_table(scope.languages))
        value_names.write(store, scope)
        bar.advance()
        _fill(store, scope)
        bar.advance()
    made = store.value("SELECT count(*) FROM question")
    dropped = store.value(
        """SELECT coalesce(sum(items), 0)::BIGINT FROM rejection
           WHERE stage = 'questions' AND reason IN ('answer in the question', 'fewer than three wrong options')"""
    )
    return made + dropped, made


def _fill(store: Store, scope: Scope) -> None:
    asked = [properties()[name] for name in scope.properties]
    steps = [(*row.path, None)[:2] if row.path else (row.id, None) for row in asked]
    store.connection.register(
        "asked",
        pa.table(
            {
                "property": pa.array([row.id for row in asked], pa.string()),
                "first": pa.array([step[0] for step in steps], pa.string()),
                "second": pa.array([step[1] for step in steps], pa.string()),
                "sensitive": pa.array([row.sensitive for row in asked], pa.bool_()),
            }
        ),
    )
    parameters = {"seed": str(scope.seed), "images_required": scope.images_required}
    script = resources.files("factory.questions").joinpath("fill.sql").read_text("utf-8")
    store.script(script, parameters)
    store.connection.unregister("asked")
