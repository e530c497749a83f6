"""The guesser that learns from words. It learns from a sample of the questions that the other guessers learn from."""

from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from pangea_cultural.dataset.guesser import features, ranker
from pangea_cultural.dataset.guesser.features import Asked

ASKED_SHARE = 0.5
"""Questions to ask for each one that the classifier learns from."""
Rows = dict[str, Any]
"""Columns of questions, as arrays of objects."""
COLUMNS = "number, fold, language, property, entity_type, question, choices, answer"


def ask(connection: duckdb.DuckDBPyConnection, *, seed: int, sample: int) -> dict[str, int]:
    """Fill the table `words_credit` for a sample of the table `asked`. Return the numbers of both samples."""
    connection.execute("CREATE TABLE words_credit (number BIGINT, credit INTEGER)")
    learned = _sample(connection, "(SELECT 0 AS number, * FROM learned_row)", sample)
    asked = _sample(connection, "asked", max(1, int(sample * ASKED_SHARE)))
    for options in sorted({len(choices) for choices in asked["choices"]}):
        _ask_all(connection, _of_length(learned, options), _of_length(asked, options), seed)
    return {"words_learned": len(learned["fold"]), "words_asked": len(asked["fold"])}


def _ask_all(connection: duckdb.DuckDBPyConnection, learned: Rows, asked: Rows, seed: int) -> None:
    """Ask questions with equal numbers of options, each by a model that may have learned from its fold."""
    if not len(learned["fold"]):
        return
    pairs, tested = ranker.pairs(_asked(learned), _right(learned)), features.matrix(_asked(asked))
    options = len(asked["choices"][0])
    for fold in sorted(set(asked["fold"])):
        rows = np.flatnonzero(asked["fold"] == fold)
        known = _may_learn(learned["fold"], fold)
        if not known.any():
            continue
        weights = ranker.learn(pairs[np.repeat(known, options - 1)], seed)
        scores = tested[(rows[:, None] * options + np.arange(options)).ravel()] @ weights
        credits = _credits(scores.reshape(-1, options), _right(_where(asked, rows)))
        connection.register("found", pa.table({"number": pa.array(asked["number"][rows].tolist()), "credit": credits}))
        connection.execute("INSERT INTO words_credit FROM found")
        connection.unregister("found")


def _may_learn(folds: Any, fold: int) -> Any:
    """Return which rows a fold learns from: by split, those of train; by folds, also those of the other folds."""
    return folds == -1 if fold < 0 else folds != fold


def _credits(scores: Any, right: Any) -> Any:
    """Return the credits of a guess at the highest score, shared between equal ones."""
    best = scores == scores.max(axis=1, keepdims=True)
    hit = best[np.arange(len(scores)), right]
    return np.where(hit, 60 // best.sum(axis=1), 0).astype(np.int32)


def _right(rows: Rows) -> Any:
    pairs = zip(rows["choices"], rows["answer"], strict=True)
    return np.array([list(choices).index(answer) for choices, answer in pairs], np.int64)


def _asked(rows: Rows) -> Asked:
    return Asked.of(rows["property"], rows["language"], rows["entity_type"], rows["question"], rows["choices"])


def _sample(connection: duckdb.DuckDBPyConnection, rows: str, count: int) -> Rows:
    """Return the columns of a sample of questions, the same one for a seed."""
    drawn = f"SELECT *, md5((SELECT seed FROM seed) || '|' || id) AS draw FROM {rows}"
    query = f"SELECT {COLUMNS} FROM ({drawn}) ORDER BY draw LIMIT {count}"
    table = connection.sql(query).to_arrow_table()
    return {name: _objects(table[name].to_pylist()) for name in table.column_names}


def _objects(values: list[Any]) -> Any:
    """Return an array of one dimension, also of lists."""
    result = np.empty(len(values), object)
    result[:] = values
    return result


def _of_length(rows: Rows, options: int) -> Rows:
    return _where(rows, np.array([len(choices) == options for choices in rows["choices"]], bool))


def _where(rows: Rows, chosen: Any) -> Rows:
    return {name: values[chosen] for name, values in rows.items()}
