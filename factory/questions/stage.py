"""The stage `questions`: templates combined with facts. The queries are in questions.sql."""

from importlib import resources

import pyarrow as pa

from factory.questions import templates, value_names
from factory.reference.properties import properties
from factory.scope import Scope
from factory.store.store import Store
from pangea_cultural.utils.console import Reporter

SENSITIVE = "sensitive about a person"
NO_TEMPLATE = "no template"
ANSWER_IN_QUESTION = "answer in the question"
TOO_FEW_WRONG_OPTIONS = "fewer than three wrong options"


def run(store: Store, scope: Scope, reporter: Reporter) -> tuple[int, int]:
    """Create all questions. Return the numbers of possible and of created questions.

    Each fact with a template makes two possible questions per image and language, an open one and a choice one.
    """
    with reporter.bar("questions", 2, "steps") as bar:
        store.append("template", templates.as_table(scope.languages))
        value_names.write(store, scope)
        bar.advance()
        _create_questions(store, scope)
        bar.advance()
    created = store.value("SELECT count(*) FROM question")
    rejected = store.value(
        """SELECT coalesce(sum(items), 0)::BIGINT FROM rejection
           WHERE stage = 'questions' AND list_contains($reasons, reason)""",
        {"reasons": [ANSWER_IN_QUESTION, TOO_FEW_WRONG_OPTIONS]},
    )
    return created + rejected, created


def _create_questions(store: Store, scope: Scope) -> None:
    rows = [properties()[name] for name in scope.properties]
    steps = [(*row.path, None)[:2] if row.path else (row.id, None) for row in rows]
    store.connection.register(
        "asked",
        pa.table(
            {
                "property": pa.array([row.id for row in rows], pa.string()),
                "first_step": pa.array([first for first, _ in steps], pa.string()),
                "second_step": pa.array([second for _, second in steps], pa.string()),
                "sensitive": pa.array([row.sensitive for row in rows], pa.bool_()),
            }
        ),
    )
    parameters = {
        "seed": str(scope.seed),
        "images_required": scope.images_required,
        "sensitive": SENSITIVE,
        "no_template": NO_TEMPLATE,
        "answer_in_question": ANSWER_IN_QUESTION,
        "too_few_wrong_options": TOO_FEW_WRONG_OPTIONS,
    }
    script = resources.files("factory.questions").joinpath("questions.sql").read_text("utf-8")
    store.script(script, parameters)
    store.connection.unregister("asked")
