"""Synthetic exports as tables: fair ones, and ones with a planted fault."""

import random

import pyarrow as pa

from pangea_cultural.dataset.export import SPLITS

LANGUAGES = ("en", "fr", "ru")
SHARES = {"train": 0.6, "dev": 0.1, "test": 0.15, "unseen": 0.15}


def value(number):
    """A name that tells nothing: its letters depend on the number only."""
    draw = random.Random(f"name {number}")
    return "".join(draw.choice("abcdefghiklmnoprstuvwz") for _ in range(6)).capitalize()


def rows(
    seed,
    *,
    values=24,
    entities=48,
    images=12,
    languages=LANGUAGES,
    property="P1",
    options=lambda draw, answer, values: draw.sample([v for v in values if v != answer], 3),
    pool=None,
    answers=None,
    place=lambda draw, options: draw.randrange(4),
    wording=lambda draw: draw.choice("12"),
):
    """Rows by split. `options` returns the wrong ones of a question, `place` the place of the right one."""
    draw = random.Random(seed)
    pool = pool or [value(number) for number in range(values)]
    answers = answers or pool
    result = {split: [] for split in SPLITS}
    for entity in range(entities):
        answer = answers[entity % len(answers)]
        for image in range(images):
            split = draw.choices(list(SHARES), list(SHARES.values()))[0]
            wrong = options(draw, answer, pool)
            for language in languages:
                choices = draw.sample(wrong, len(wrong))
                choices.insert(place(draw, choices), answer)
                common = {
                    "language": language,
                    "region": "japan",
                    "entity": f"Q{entity + 1}",
                    "property": property,
                    "image": f"images/{property}-{entity}-{image}.png",
                    "answer": answer,
                    "answers": [answer],
                }
                number = wording(draw)
                common["question"] = f"Wording {number} of {property}?"
                common["template"] = f"{language}/{property}/building/{number}"
                stem = f"{property}-{language}-{entity}-{image}"
                result[split].append(common | {"id": f"{stem}-open", "question_type": "open", "choices": []})
                result[split].append(common | {"id": f"{stem}-choice", "question_type": "choice", "choices": choices})
    return result


def tables(*several):
    """Tables by split of the rows of one or several calls of `rows`."""
    texts = [
        "id",
        "question_type",
        "language",
        "region",
        "entity",
        "property",
        "image",
        "question",
        "answer",
        "template",
    ]
    schema = pa.schema(
        [(name, pa.string()) for name in texts] + [(name, pa.list_(pa.string())) for name in ("answers", "choices")]
    )
    return {
        split: pa.Table.from_pylist([row for rows in several for row in rows[split]], schema=schema) for split in SPLITS
    }
