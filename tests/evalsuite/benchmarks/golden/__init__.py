"""Scores of reference harnesses, as compressed JSON.

pangea.json.gz: prompts, scores and means that functions of neulab/Pangea (commit ecc4403, evaluation/lmms-eval) gave
for rows and answers that were made up. A pair with `random` has no score, because the harness draws an option; a pair
with `error` stops it.

worldcuisines.json.gz: logged answers of three models and the published accuracies, from worldcuisines/worldcuisines
(commit d4d1c44, Apache-2.0).
"""

import functools
import gzip
from pathlib import Path
from typing import Any

import orjson

FOLDER = Path(__file__).parent


@functools.cache
def read(name: str) -> Any:
    """Return the content of a file."""
    return orjson.loads(gzip.decompress((FOLDER / f"{name}.json.gz").read_bytes()))


def pairs(task: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the rows of a task of Pangea with the answers and scores that belong to them."""
    scoring = read("pangea")[task]["scoring"]
    return [(scoring["rows"][pair["row"]] | {"number": 0}, pair) for pair in scoring["pairs"]]


def mean_of(task: str, names: list[str], score: Any) -> float:
    """Return the mean score of the pairs with some names."""
    by_name = {pair["id"]: (row, pair) for row, pair in pairs(task)}
    scores = [score(*by_name[name]) for name in names]
    return sum(scores) / len(scores)
