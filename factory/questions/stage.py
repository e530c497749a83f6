"""The stage `questions`: templates combined with facts. The queries are in sql/, in the order of `run`."""

from importlib import resources
from typing import Any

import pyarrow as pa

from factory.questions import balance, draws, value_names
from factory.questions.config import NO_BALANCE, BalanceConfig
from factory.questions.lexicon import vocabularies
from factory.questions.lexicon.rows import MODEL
from factory.questions.variants import region_scopes, variants
from factory.questions.wordings import asked, variant_texts, wordings
from factory.reference.entity_types import broad_classes
from factory.reference.properties import BIRTH, HUMAN, NAME, SEX
from factory.scope import Scope
from factory.store.store import Store
from factory.wikidata.qualifiers import COUNTRY, ENDED, OTHER_TIME
from pangea_cultural.reference.ids import OWN, OWN_TEXT
from pangea_cultural.reference.regions import ambiguous_states, region, regions
from pangea_cultural.utils.console import Reporter

# Reasons to drop a fact.
SENSITIVE = "sensitive about a person"
PRIVATE = "private: a living person"
QUALIFIED_ONLY = "no value without a qualifier that limits it"
NO_REFERENCE = "no reference"
"""No right date or number has a reference that names a source. The recipe's key `referenced` asks for one."""
CONTRADICTION = "values that contradict each other"
INSTITUTION = "date or owner of an institution or of its building"
OPENING = "inception on the day of the opening"
OWN_NAME = "value with the entity's own name"
ONLY_BROAD = "class that says no more than the type of the entity"
ENTITIES_DIFFER = "entities of the image differ"
NOT_ALONE = "image of a person with others, or of a grave, by its file name"
NAME_NOT_ASKED = "name of an entity whose type has no question about it"
# Reasons to drop questions.
HELD_OUT_LANGUAGE = "held-out language on a training image"
"""Train must not have the question, and its image is in no other split."""
NO_NAME = "answer without a name in the language"
NAMED_BY_MODEL = "answer named by a model, outside train"
NO_TEMPLATE = "no template"
ANSWER_IN_QUESTION = "answer in the question"
TOO_FEW_WRONG_OPTIONS = "fewer than three wrong options"
UNKNOWN_PERSON = "no wrong options for a person of unknown sex or birth"
HELD_OUT_NAME = "answer is the name of a held-out entity"
"""The recipe drops such questions from train (`[split] held_out_names`)."""
BELOW = "image below the relevance threshold"
UNANSWERED = "image without an answer about its relevance"

SCRIPTS = ("names", "facts", "relevance", "leaks", "held_out_names", "pools", "batches", "options", "fill")
"""Query files in sql/. The last two run once per range."""
CHUNK_ITEMS = 60_000
"""Items of a range: with 39 languages about two million open questions, in less than 2 GB."""
PAST = (ENDED, OTHER_TIME)
"""Limits of claims that are true of the past."""
GENERIC_CLASSES = {
    "Q35120": "entity",
    "Q488383": "object",
    "Q151885": "concept",
    "Q5127848": "class",
    "Q16889133": "class",
    "Q19361238": "Wikidata metaclass",
    "Q24017414": "first-order class",
    "Q1454986": "physical system",
    "Q223557": "physical object",
    "Q4406616": "concrete object",
    "Q7184903": "abstract entity",
}
"""Classes of nearly everything. Values that share only these are not comparable."""
PAST_COUNTRIES = {"Q3024240": "historical country", "Q19953632": "former administrative territorial entity"}
SOVEREIGN_STATE = "Q3624078"
NEAR = {"years": 372 * 40, "share": 0.15, "today": 2030, "ratio": 4, "generations": 372 * 60}
"""Distance of a wrong time: 40 years, or 15 % of its age. Ratio of a wrong quantity to the right one. Distance of the
births of two people: 60 years."""
CLOSE_BIRTHS = 20
"""Years between dates of birth that still tell when someone lived."""
INSTITUTIONS = (
    *("Q33506", "Q207694", "Q17431399", "Q16735822", "Q3329412", "Q1970365", "Q588140", "Q2772772", "Q1863818"),
    *("Q2087181", "Q12104174", "Q18704634", "Q1007870", "Q7075", "Q22806", "Q166118", "Q16917", "Q180370"),
)
"""Museums, libraries, archives and hospitals, which are houses and institutions."""
MORE_THAN_ONE = (
    r"(?:^|[^\p{L}])("
    # With, against, and, sides of the image.
    r"and|und|et|with|mit|met|avec|con|vs|versus|against|tegen|gegen|contre|contra"
    r"|left|right|links|rechts|gauche|droite|\((?:l|r|m|li|re)\)"
    r"|group|gruppe|groupe|family|familie|famille|familia|wedding|hochzeit|mariage|team"
    r"|tomb|tombstone|grave|gravestone|tombe|tombeau|grab|grabmal|grabstein|tumba|tomba|grób|могила|cenotaph"
    r")(?:[^\p{L}]|$)"
)
"""Words in the name of a file, in lower case, for an image of several people or of a grave."""
QUANTITY_MARGIN = 0.02
"""Share by which a wrong quantity differs from a right one at least."""


def run(
    store: Store,
    scope: Scope,
    reporter: Reporter,
    *,
    drop_held_out_names: bool = False,
    balanced: BalanceConfig = NO_BALANCE,
    threshold: float = 0.0,
) -> tuple[int, int]:
    """Create all questions. Return the numbers of possible and of created questions.

    A fact of an image makes two possible questions in each language, an open one and a choice one.

    Args:
        store: has the entities, images, splits, and the table `relevance`.
        scope: names the languages and properties.
        reporter: shows progress.
        drop_held_out_names: whether train loses questions whose answer is the name of a held-out entity.
        balanced: questions to drop for balance.
        threshold: least probability that an image shows its entity; 0 asks about all images.
    """
    value_names.write(store, scope)
    _register(store, scope)
    parameters = _parameters(scope) | {"drop_names": drop_held_out_names, "threshold": threshold}
    for name in ("names", "facts", "relevance", "leaks", "held_out_names"):
        store.script(read(name), parameters)
    balance.drop_items(store, balanced, parameters["held_out"], scope.seed)
    store.script(read("pools"), parameters)
    balance.drop_answers(store, balanced, scope.seed)
    store.script(read("batches"), parameters)
    items = store.value("SELECT count(*) FROM item")
    _draw_options(store, items)
    fill = read("fill")
    with reporter.bar("questions", items, "facts of images") as bar:
        for first in range(0, items, CHUNK_ITEMS):
            last = min(first + CHUNK_ITEMS, items)
            store.script(fill, parameters | {"first": first, "last": last})
            bar.advance(last - first)
    balance.drop_questions(store, balanced, scope.seed)
    _reject_questions(store)
    _drop_temporary(store)
    created = store.value("SELECT count(*) + count(wrong1) FROM drawn_question")
    return 2 * items * len(scope.languages), created


def read(name: str) -> str:
    """Return a query file."""
    return resources.files("factory.questions").joinpath(f"sql/{name}.sql").read_text("utf-8")


def _register(store: Store, scope: Scope) -> None:
    """Fill the tables of wordings, and make those that the queries read besides the store's."""
    forms = variants(scope)
    asked_rows = asked(scope)
    for name, rows in (
        ("asked", asked_rows),
        ("wording", wordings(asked_rows, forms)),
        ("variant", variant_texts(forms)),
    ):
        if rows.num_rows:
            store.append(name, rows)
    scopes = region_scopes(scope)
    same = [(item, row.qid) for row in regions().values() if row.qid for item in row.also]
    pairs = same + [(qid, item) for item, qid in same]
    temporary = {
        "region_scope": pa.table(
            {"region": pa.array([*scopes], pa.string()), "scope": pa.array([*scopes.values()], pa.int32())}
        ),
        "same_region": pa.table({"item": [item for item, _ in pairs], "same": [same for _, same in pairs]}),
        "lexicon_class": vocabularies.table(),
        "generic_class": pa.table({"class": [*GENERIC_CLASSES]}),
    }
    for name, table in temporary.items():
        store.connection.register("registered", table)
        store.execute(f"CREATE TEMP TABLE {name} AS FROM registered")
        store.connection.unregister("registered")
    # Items and questions that the recipe drops. The former are not wrong options either.
    store.execute("CREATE TEMP TABLE dropped_item (item INTEGER, reason VARCHAR)")
    store.execute("CREATE TEMP TABLE dropped_name (item INTEGER, variant INTEGER, reason VARCHAR)")
    store.execute(
        """CREATE TEMP TABLE wording_size AS
           SELECT asked, variant, len(asks) AS asks, len(says) AS says FROM wording"""
    )


def _parameters(scope: Scope) -> dict[str, Any]:
    return {
        "seed": str(scope.seed),
        "name": NAME,
        "own": OWN,
        "own_text": OWN_TEXT,
        "past": list(PAST),
        "living_people": scope.living_people,
        "referenced": list(scope.referenced),
        "regions_today": [region(slug).qid for slug in regions()],
        "past_countries": [*PAST_COUNTRIES],
        "past_states": [*ambiguous_states()],
        "sovereign_state": SOVEREIGN_STATE,
        "country": COUNTRY,
        "margin": QUANTITY_MARGIN,
        "institutions": list(INSTITUTIONS),
        "institution": INSTITUTION,
        "name_not_asked": NAME_NOT_ASKED,
        "not_alone": NOT_ALONE,
        "more_than_one": MORE_THAN_ONE,
        "human": HUMAN,
        "sex": SEX,
        "birth": BIRTH,
        "close_births": CLOSE_BIRTHS,
        "opening": OPENING,
        "own_name": OWN_NAME,
        "only_broad": ONLY_BROAD,
        "broad_classes": sorted(broad_classes()),
        "sensitive": SENSITIVE,
        "private": PRIVATE,
        "qualified_only": QUALIFIED_ONLY,
        "no_reference": NO_REFERENCE,
        "contradiction": CONTRADICTION,
        "entities_differ": ENTITIES_DIFFER,
        "held_out": [row.number for row in variants(scope) if row.language in scope.held_out_languages],
        "held_out_language": HELD_OUT_LANGUAGE,
        "no_name": NO_NAME,
        "by_model": MODEL,
        "named_by_model": NAMED_BY_MODEL,
        "no_template": NO_TEMPLATE,
        "answer_in_question": ANSWER_IN_QUESTION,
        "held_out_name": HELD_OUT_NAME,
        "below": BELOW,
        "unanswered": UNANSWERED,
    }


def _draw_options(store: Store, items: int) -> None:
    """Draw candidates for wrong options, and choose among them range by range."""
    drawn = draws.draw(store.table("SELECT * EXCLUDE value FROM item_pool ORDER BY item"))
    store.connection.register("candidate", drawn)
    options = read("options")
    for first in range(0, items, CHUNK_ITEMS):
        store.script(options, NEAR | {"first": first, "last": first + CHUNK_ITEMS})
    store.connection.unregister("candidate")


def _reject_questions(store: Store) -> None:
    """Record how many questions each reason dropped, by property and language."""
    store.execute(
        """INSERT INTO rejection (stage, item, reason, items)
           SELECT 'questions', concat_ws(' ', property, language) AS questions_of, reason, sum(questions)
           FROM (
               FROM tally
               UNION ALL BY NAME SELECT asked, variant, reason, 2 AS questions
               FROM dropped_question JOIN item USING (item)
               UNION ALL BY NAME
               SELECT asked, variant, if(value IN (SELECT value FROM person_value WHERE sex IS NULL OR born IS NULL),
                                         $unknown, $few) AS reason, 1 AS questions
               FROM drawn_question JOIN item USING (item) WHERE wrong1 IS NULL
           ) JOIN asked USING (asked) JOIN variant USING (variant)
           GROUP BY questions_of, reason ORDER BY ALL""",
        {"unknown": UNKNOWN_PERSON, "few": TOO_FEW_WRONG_OPTIONS},
    )


def _drop_temporary(store: Store) -> None:
    for (name,) in store.rows("SELECT table_name FROM duckdb_tables() WHERE temporary"):
        store.execute(f'DROP TABLE "{name}"')
