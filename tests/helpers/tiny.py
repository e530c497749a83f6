"""A tiny checkpoint with random weights, and an export with a few images."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from pangea_cultural.dataset import export, question
from pangea_cultural.reference.languages import languages
from pangea_cultural.utils.files import sha256_file, write_json

TEXTS = [row.native for row in languages().values()] + [
    "Which country does this flag belong to?",
    "Japan",
    "Deutschland",
] * 5
COLORS = {"Q1": (200, 30, 30), "Q2": (30, 160, 60), "Q3": (40, 60, 200), "Q4": (230, 200, 40), "Q5": (20, 20, 20)}
NAMES = {
    "en": dict(zip(COLORS, ("Peru", "Chad", "Fiji", "Togo", "Cuba"), strict=True)),
    "de": dict(zip(COLORS, ("Peru", "Tschad", "Fidschi", "Togo", "Kuba"), strict=True)),
    "nl": dict(zip(COLORS, ("Peru", "Tsjaad", "Fiji", "Togo", "Cuba"), strict=True)),
}
ASK = {"en": "Which country is this?", "de": "Welches Land ist das?", "nl": "Welk land is dit?"}


def tokenizer():
    from pangea_cultural.model import tokenizer

    return tokenizer.train(TEXTS, vocab_size=600, max_length=2048)


def model_and_processor(seed=0):
    from pangea_cultural.model import build, processor

    trained = tokenizer()
    model = build.build("tiny", trained, seed=seed)
    return model, processor.build_processor(model.config, trained)


def checkpoint(folder: Path) -> Path:
    """Return a checkpoint with random weights."""
    from pangea_cultural.model.checkpoint import save_checkpoint

    model, processor = model_and_processor()
    save_checkpoint(model, processor, folder, card="\n# random\n", license="apache-2.0")
    return folder


def image(entity: str, number: int) -> Image.Image:
    """Return a colored image with noise. Each number has its own size."""
    noise = np.random.default_rng([int(entity[1:]), number]).integers(-20, 20, (70 + 7 * number, 120 - 11 * number, 3))
    return Image.fromarray(np.clip(np.array(COLORS[entity]) + noise, 0, 255).astype("uint8"))


def write_export(folder: Path, *, held_out_languages=("nl",)) -> export.Export:
    """Write five entities with four images each: two in train, one each in dev and test."""
    (folder / "images").mkdir(parents=True)
    rows = {split: [] for split in export.SPLITS}
    credits = []
    for entity in COLORS:
        for number, split in enumerate(("train", "train", "dev", "test")):
            path = folder / "images" / "new.png"
            image(entity, number).save(path)
            name = f"images/{hashlib.sha256(path.read_bytes()).hexdigest()}.png"
            path.rename(folder / name)
            credits.append(
                {
                    "image": name,
                    "file": f"{entity} {number}.png",
                    "entity": entity,
                    "author": "<b>A & B</b>",
                    "license": "CC0",
                    "license_url": "",
                    "source": "tests",
                    "width": 1,
                    "height": 1,
                }
            )
            for language in NAMES:
                if split != "train" or language not in held_out_languages:
                    rows[split] += _questions(entity, name, language)
    files = {}
    for split, table in rows.items():
        path = folder / f"questions-{split}.parquet"
        pq.write_table(pa.Table.from_pylist(table, schema=question.QUESTION_SCHEMA), path)
        files[path.name] = sha256_file(path)
    pq.write_table(pa.Table.from_pylist(credits), folder / "images.parquet")
    write_json(
        folder / export.MANIFEST,
        {
            "format": export.FORMAT,
            "held_out_languages": list(held_out_languages),
            "recipe": {"name": "colors"},
            "questions": {split: len(table) for split, table in rows.items()},
            "entities": len(COLORS),
            "images": len(credits),
            "files": files,
        },
    )
    return export.Export.open(folder)


def _questions(entity, image, language):
    names = NAMES[language]
    head = {"language": language, "region": "japan", "entity": entity, "image": image, "template": "t"}
    answer = {"answer": names[entity], "answers": [names[entity]], "sentence": f"{names[entity]}."}
    head |= {"entity_type": "object", "instruction": "?"}
    head |= {"template_question": "", "template_sentence": "", "rewritten_by": ""}
    stem = f"{entity}-{language}-{image[7:15]}"
    options = [names[entity], *[names[other] for other in COLORS if other != entity][:3]]
    asked = {"property": "P17", "question": ASK[language]}
    yield {"id": f"{stem}-open", "question_type": "open", "choices": [], **head, **answer, **asked}
    yield {"id": f"{stem}-choice", "question_type": "choice", "choices": sorted(options), **head, **answer, **asked}
    if language == "en":
        named = {"property": "label", "question": "What is this called?"}
        yield {"id": f"{stem}-label", "question_type": "open", "choices": [], **head, **answer, **named}
