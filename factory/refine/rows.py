"""Questions to rewrite, read from the store in chunks. Questions with equal texts and values are one input."""

from collections import defaultdict
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import resources
from typing import Any

import pyarrow as pa

from factory.refine import folding, prompts
from factory.refine.config import RefineConfig
from factory.refine.guards import NO_ANSWER, Original
from factory.store.store import Store
from pangea_cultural.reference.languages import language

CHUNK_QUESTIONS = 20_000
"""Questions of a chunk: some 40 MB."""
ALL_DRAWS = 2**63
SHARED_LABELS = ("en", "mul")
"""Labels that name an entity in every language."""


@dataclass(frozen=True, kw_only=True)
class Input:
    """Questions with equal texts and values: one request, and one verdict on its answer."""

    key: str
    """Hash of model, prompt and texts."""
    original: Original
    questions: list[tuple[int, int]] = field(default_factory=list)
    """Item and variant of each."""


def read(name: str) -> str:
    """Return a query file."""
    return resources.files("factory.refine").joinpath(f"sql/{name}.sql").read_text("utf-8")


def choose(store: Store, config: RefineConfig) -> int:
    """Make the table `chosen` with the open questions to rewrite. Return their number."""
    parameters = {
        "splits": list(config.splits),
        "languages": list(config.languages),
        "regions": list(config.regions),
        "properties": list(config.properties),
        "below": min(int(config.share * ALL_DRAWS), ALL_DRAWS - 1),
    }
    limited = "" if config.limit is None else f"ORDER BY draw, item, variant LIMIT {config.limit}"
    store.script(read("choose").replace("-- LIMIT", limited), parameters)
    return store.value("SELECT count(*) FROM chosen")


def choose_failed(store: Store) -> int:
    """Make the table `chosen` with the questions whose requests failed. Return their number."""
    store.execute(
        "CREATE OR REPLACE TEMP TABLE chosen AS SELECT item, variant FROM refinement WHERE reason = ?", [NO_ANSWER]
    )
    return store.value("SELECT count(*) FROM chosen")


def ranges(store: Store, after: int = 0) -> list[tuple[int, int]]:
    """Return ranges of items, each with the questions of a chunk: the first item, and the one after the last.

    Args:
        store: has the table `chosen`.
        after: number of items that are done.
    """
    return store.rows(
        """SELECT min(item), max(item) + 1
           FROM (SELECT item, sum(n) OVER (ORDER BY item) // $size AS part
                 FROM (SELECT item, count(*) AS n FROM chosen GROUP BY item))
           WHERE item >= $after GROUP BY part ORDER BY part""",
        {"size": CHUNK_QUESTIONS, "after": after},
    )


def register(store: Store) -> None:
    """Make the tables of label codes and of the forms of languages that the queries read."""
    codes: list[dict[str, Any]] = []
    forms: list[dict[str, Any]] = []
    for number, code, region in store.rows("SELECT variant, language, region FROM variant ORDER BY variant"):
        row = language(code)
        forms.append({"variant": number, "code": row.regional_labels[region][0] if region else code})
        own = dict.fromkeys([*row.labels, *(name for names in row.regional_labels.values() for name in names)])
        cased = row.script in folding.CASED
        for name in dict.fromkeys([*own, *SHARED_LABELS]):
            codes.append({"variant": number, "code": name, "cased": cased or name == "en"})
    for name, rows in (("label_code", codes), ("form_code", forms)):
        store.connection.register("registered", pa.Table.from_pylist(rows))
        store.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM registered")
        store.connection.unregister("registered")


def parameters(config: RefineConfig) -> dict[str, str]:
    """Return the parameters of keys: the model, and the prompt with its text."""
    prompt = prompts.load(config.prompt)
    text = sha256((prompt.system + prompt.user).encode()).hexdigest()
    return {"model": config.model, "prompt": f"{config.prompt} {text}"}


def inputs(store: Store, config: RefineConfig, first: int, last: int) -> list[Input]:
    """Return the inputs of a range of items."""
    grouped: dict[tuple[Any, ...], list[tuple[int, int]]] = defaultdict(list)
    table = store.table(read("rows"), parameters(config) | {"first": first, "last": last})
    for row in table.to_pylist():
        names = tuple(map(tuple, row["names"]))
        texts = (row["key"], row["code"], row["question"], row["sentence"], tuple(row["answers"]), names)
        grouped[texts].append((row["item"], row["variant"]))
    return [
        Input(
            key=key,
            original=Original(language=code, question=question, sentence=sentence, answers=answers, names=names),
            questions=questions,
        )
        for (key, code, question, sentence, answers, names), questions in grouped.items()
    ]
