"""Balance: the questions that a recipe drops so that frequent groups count less.

Sampling is that of multilingual training: a group of n questions keeps a number proportional to n^T (Arivazhagan et
al., "Massively Multilingual Neural Machine Translation in the Wild", 2019; Xue et al., "mT5", 2021, with T = 0.3). No
question is repeated: the smallest group keeps all, and the others are reduced to its measure. The same seed drops the
same questions.

Whole items are dropped before wrong options are drawn. A value that is dropped only as an answer would be a wrong
option too often, and could be ruled out.
"""

from collections.abc import Mapping
from importlib import resources

import pyarrow as pa

from factory.questions.config import DIMENSIONS, BalanceConfig
from factory.store.store import Store

REASONS = {name: f"balance by {name}" for name in DIMENSIONS}
IN_LANGUAGES = ("answers_of_questions", "answers_of_choices")
"""Views of the answers of a language: of all questions, and of choice questions."""
SCRIPTS = (
    *("rows", "groups", "items", "quota", "answers", "answers_of_items", *IN_LANGUAGES),
    *("answer_excess", "languages", "language_excess", "drop_excess"),
)
"""Query files in sql/balance/."""
ITEM_GROUPS = {"region": "i.region", "property": "a.property"}
"""Columns of the dimensions whose groups are made of items."""


def kept(counts: Mapping[str, int], temperature: float, smallest: float) -> dict[str, int]:
    """Return how many questions each group keeps.

    Args:
        counts: number of questions by group.
        temperature: exponent T, from 0 (equal groups) to 1 (all questions).
        smallest: groups of fewer questions than this share of the mean keep all, and do not reduce the others.
    """
    least = smallest * sum(counts.values()) / len(counts) if counts else 0
    reducing = [count for count in counts.values() if count >= least]
    if not reducing:
        return dict(counts)
    # The factor at which the smallest of them keeps all.
    factor = min(reducing) ** (1 - temperature)
    return {name: min(count, round(factor * count**temperature)) for name, count in counts.items()} | {
        name: count for name, count in counts.items() if count < least
    }


def drop_items(store: Store, config: BalanceConfig, held_out: list[int], seed: int) -> None:
    """Choose items to drop, by region and property, before wrong options are drawn.

    Args:
        store: has the tables of the questions after `facts.sql`.
        config: the recipe's table.
        held_out: numbers of the variants in held-out languages.
        seed: seed of the draws.
    """
    dimensions = [name for name in ITEM_GROUPS if name in config.by]
    if not dimensions:
        return
    store.script(read("rows"), {"splits": list(config.splits), "held_out": held_out})
    for name in dimensions:
        column = ITEM_GROUPS[name]
        groups = dict(store.rows(read("groups").replace("GROUP_COLUMN", column)))
        _register(store, kept(groups, config.temperature, config.smallest))
        query = read("items").replace("GROUP_COLUMN", column)
        store.execute(query, {"seed": str(seed), "reason": REASONS[name], "dimension": name})
    store.execute("DROP TABLE item_rows")


def drop_answers(store: Store, config: BalanceConfig, seed: int) -> None:
    """Choose items to drop so that no answer has more than a quarter, before wrong options are drawn.

    The table `comparable` has the items that can have wrong options, with the class that they share.
    """
    if "answer" in config.by:
        store.execute(read("quota"))
        for name in ("answers", "answers_of_items"):
            _find_answers(store, name, seed)
            store.execute(
                "INSERT INTO dropped_item SELECT item, $reason FROM excess ORDER BY item", {"reason": REASONS["answer"]}
            )


def drop_questions(store: Store, config: BalanceConfig, seed: int) -> None:
    """Drop drawn questions: those of frequent languages, and answers that are still too frequent in a language."""
    if "language" in config.by:
        splits = {"splits": list(config.splits)}
        counts = dict(store.rows(read("languages"), splits))
        _register(store, kept(counts, config.temperature, config.smallest))
        store.script(read("language_excess"), splits | {"seed": str(seed)})
        _drop_excess(store, REASONS["language"])
    if "answer" in config.by:
        # What is dropped for one view can make another answer too frequent in the other one.
        while sum([_drop_answers(store, name, seed) for name in IN_LANGUAGES]):
            pass


def _drop_answers(store: Store, name: str, seed: int) -> int:
    """Drop the questions of too frequent answers of a view. Return their number."""
    _find_answers(store, name, seed)
    return _drop_excess(store, REASONS["answer"])


def _find_answers(store: Store, name: str, seed: int) -> None:
    """Write what too frequent answers of a view have beyond a quarter into the table `excess`."""
    store.execute(read(name))
    store.script(read("answer_excess"), {"seed": str(seed)})


def _drop_excess(store: Store, reason: str) -> int:
    """Drop the questions of the table `excess`. Return their number."""
    number = store.value("SELECT count(*) FROM excess")
    store.script(read("drop_excess"), {"reason": reason})
    return number


def _register(store: Store, numbers: Mapping[str, int]) -> None:
    """Write the numbers to keep into the table `quota`."""
    table = pa.table({"name": pa.array([*numbers], pa.string()), "quota": pa.array([*numbers.values()], pa.int64())})
    store.connection.register("registered", table)
    store.execute("CREATE OR REPLACE TEMP TABLE quota AS FROM registered")
    store.connection.unregister("registered")


def read(name: str) -> str:
    """Return a query file."""
    return resources.files("factory.questions").joinpath(f"sql/balance/{name}.sql").read_text("utf-8")
