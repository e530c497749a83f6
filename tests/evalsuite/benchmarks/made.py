"""Small data sets in the published schemas, with images, as the hub has them."""

import base64
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import orjson
from PIL import Image

Rows = list[dict[str, Any]]


def jpeg(number: int, *, size: tuple[int, int] = (48, 36), **options: Any) -> bytes:
    """Return a JPEG file with noise. Each number has its own pixels."""
    pixels = np.random.default_rng(number).integers(0, 255, (*size[::-1], 3)).astype("uint8")
    return encoded(Image.fromarray(pixels), "JPEG", **options)


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    """Return an image as a file."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def file(content: bytes) -> dict[str, Any]:
    """Return an image as Parquet files of the hub hold it."""
    return {"bytes": content, "path": "image.jpg"}


def write(folder: Path, repo: str, splits: dict[tuple[str, str], Rows], features: datasets.Features) -> None:
    """Write splits, by configuration and name, as Parquet files with the card that names them."""
    for (config, split), rows in splits.items():
        path = folder / repo / (f"data/{split}" if config == "default" else f"{config}/{split}")
        path.parent.mkdir(parents=True, exist_ok=True)
        table = datasets.Dataset.from_list(rows, features=features)
        table.to_parquet(f"{path}-00000-of-00001.parquet")
    write_card(folder / repo, splits)


def write_card(folder: Path, splits: Iterable[tuple[str, str]]) -> None:
    """Write the README of a data set, whose header names the files of each split."""
    splits = list(splits)
    lines = ["---", "configs:"]
    for config in dict.fromkeys(config for config, _ in splits):
        lines += [f"- config_name: {config}", "  data_files:"]
        for owner, split in splits:
            if owner == config:
                place = "data" if config == "default" else config
                lines += [f"  - split: '{split}'", f"    path: {place}/{split}-*"]
    (folder / "README.md").write_text("\n".join([*lines, "---", ""]))


def marvl(folder: Path, languages: tuple[str, ...] = ("id", "sw", "ta", "tr", "zh", "en"), count: int = 3) -> None:
    """Write MaRVL with NLVR2."""
    features = datasets.Features(
        {
            "id": datasets.Value("string"),
            "image": datasets.Image(),
            "conversations": [{"from": datasets.Value("string"), "value": datasets.Value("string")}],
        }
    )
    splits = {
        ("default", code): [
            {
                "id": f"{code}-{number}",
                "image": file(jpeg(number)),
                "conversations": [
                    {"from": "human", "value": f"<image>\n{code} {number}: true? Answer yes or no."},
                    {"from": "gpt", "value": ("true", "false")[number % 2]},
                ],
            }
            for number in range(count)
        ]
        for code in languages
    }
    write(folder, "neulab/PangeaBench-marvl", splits, features)


def xgqa(folder: Path, languages: tuple[str, ...] = ("bn", "de", "en", "id", "ko", "pt", "ru", "zh")) -> None:
    """Write xGQA: two questions about one image in each language."""
    features = datasets.Features(
        {"image": datasets.Image(), "question": datasets.Value("string"), "answer": datasets.Value("string")}
    )
    splits = {
        ("default", code): [
            {"image": file(jpeg(7)), "question": f"{code}: red? ", "answer": "yes"},
            {"image": file(jpeg(7)), "question": f"{code}: who?", "answer": "man"},
        ]
        for code in languages
    }
    write(folder, "neulab/PangeaBench-xgqa", splits, features)


def cvqa(folder: Path) -> None:
    """Write CVQA: questions in Igbo and Breton, and one without a label."""
    text, texts = datasets.Value("string"), [datasets.Value("string")]
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "ID": text,
            "Subset": text,
            "Question": text,
            "Translated Question": text,
            "Options": texts,
            "Translated Options": texts,
            "Label": datasets.Value("int64"),
            "Category": text,
            "Image Type": text,
            "Image Source": text,
            "License": text,
        }
    )
    rows = [
        {
            "image": file(jpeg(20 + number)),
            "ID": f"59{number}",
            "Subset": str(subset),
            "Question": f"Gịnị bụ {number}?",
            "Translated Question": f"What is {number}?",
            "Options": ["ji", "akpu", "fio", "garri"],
            "Translated Options": ["yam", "fufu", "fio", "gari"],
            "Label": label,
            "Category": "Cooking and food",
            "Image Type": "Self",
            "Image Source": "",
            "License": "CC0",
        }
        for number, (subset, label) in enumerate(
            [(("Igbo", "Nigeria"), 1), (("Igbo", "Nigeria"), 3), (("Breton", "France"), 0), (("Breton", "France"), -1)]
        )
    ]
    write(folder, "afaji/cvqa", {("default", "test"): rows}, features)


def maxm(folder: Path) -> None:
    """Write MaXM: two questions about one image in each language. Images are structs and not of the type Image."""
    text = datasets.Value("string")
    features = datasets.Features(
        {
            "image": {"bytes": datasets.Value("binary"), "path": text},
            "image_id": text,
            "question": text,
            "answers": [text],
        }
    )
    splits = {
        ("default", code): [
            {"image": file(jpeg(30)), "image_id": "0a1b", "question": f"{code} color?", "answers": ["red", "Red"]},
            {"image": file(jpeg(30)), "image_id": "0a1b", "question": f"{code} two?", "answers": ["true"]},
        ]
        for code in ("en", "fr", "hi", "iw", "ro", "th", "zh")
    }
    write(folder, "neulab/PangeaBench-maxm", splits, features)


def m3exam(folder: Path) -> None:
    """Write M3Exam: images as base64 text, with no, one and two places in the question."""
    text = datasets.Value("string")
    columns = ["question_text", "answer_text", "language", "level", "subject", "subject_category", "year"]
    features = datasets.Features(
        dict.fromkeys(columns, text)
        | {name: [text] for name in ("background_description", "options")}
        | {"id": datasets.Value("int64")}
        | {f"image_{number}": text for number in range(10)}
    )
    pieces = ["Which field is the largest?", "See (image)[image-0.jpg].", "(image)[image-0.jpg] (image)[image-1.jpg]?"]
    splits = {
        ("default", language): [
            {
                "question_text": piece,
                "background_description": ["A plan."] if number else [],
                "answer_text": "2",
                "options": ["A. hall", "B. bath", "C. roof"],
                "language": language,
                "level": "mid",
                "subject": "x",
                "subject_category": "math",
                "year": "2021",
                "id": number,
                **{f"image_{place}": "None" for place in range(10)},
                **{f"image_{place}": base64.b64encode(jpeg(40 + place)).decode() for place in range(max(number, 1))},
            }
            for number, piece in enumerate(pieces)
        ]
        for language in ("afrikaans", "chinese", "english", "italian", "portuguese", "thai", "vietnamese")
    }
    write(folder, "neulab/PangeaBench-m3exam", splits, features)


def xmmmu(folder: Path) -> None:
    """Write xMMMU and MMMU: a transparent image, an open question, and options that are not readable."""
    text = datasets.Value("string")
    columns = ["id", "question", "options", "question_type", "answer", "subfield"]
    images = {f"image_{number}": datasets.Image() for number in range(1, 8)}
    features = datasets.Features(dict.fromkeys(columns, text) | images)
    alpha = encoded(Image.new("RGBA", (40, 30), (200, 10, 10, 0)), "PNG")
    base = {"question_type": "multiple-choice", "subfield": "", **dict.fromkeys(images)}
    splits = {
        ("default", code): [
            base
            | {
                "id": "validation_Art_1",
                "question": f"{code}: who made <image 1> and <image 2>?",
                "options": "['Anna', 'Beno']",
                "answer": "B",
                "image_1": file(alpha),
                "image_2": file(jpeg(50)),
            },
            base
            | {
                "id": "validation_Physics_2",
                "question": "<image 1> How long?",
                "options": "[]",
                "question_type": "open",
                "answer": "12",
                "image_1": file(jpeg(51)),
            },
            base | {"id": "validation_Math_3", "question": "?", "options": "['a", "answer": "A"},
        ]
        for code in ("ar", "en", "fr", "hi", "id", "ja", "pt")
    }
    write(folder, "neulab/PangeaBench-xmmmu", splits, features)
    write(folder, "lmms-lab/MMMU", {("default", "validation"): splits["default", "en"]}, features)


def xm100(folder: Path) -> None:
    """Write XM100: the same two photos in each language."""
    from evalsuite.benchmarks.culture.xm100 import LANGUAGES

    text = datasets.Value("string")
    features = datasets.Features({"image": datasets.Image(), "image_id": text, "caption": text})
    splits = {
        ("default", code): [
            {"image": file(jpeg(60 + number)), "image_id": f"{number}a", "caption": f"{code} flag {number}"}
            for number in range(2)
        ]
        for code in LANGUAGES
    }
    write(folder, "neulab/PangeaBench-xm100", splits, features)


def merlin(folder: Path) -> None:
    """Write MERLIN: a mention, and one of an entity without an article."""
    text = datasets.Value("string")
    names = ("Article Title", "Entity Name", "Wikidata ID", "English Wikipedia Title")
    features = datasets.Features(dict.fromkeys(names, text) | {"Image Name": datasets.Image()})
    splits = {
        (code, "train"): [
            dict(zip(names, (f"{code} news", "Peru", f"Q{number}", title), strict=True))
            | {"Image Name": file(jpeg(70 + number))}
            for number, title in enumerate(("Peru (country)", "NIL"))
        ]
        for code in ("hi", "id", "ja", "ta", "vi")
    }
    write(folder, "neulab/merlin", splits, features)


def worldcuisines(folder: Path) -> None:
    """Write WorldCuisines: questions as JSON lines, and the photos of dishes in a data set of their own."""
    varieties = ("en", "ja_casual", "ja_formal", "yo", "nan")
    for config in ("task1", "task2"):
        rows = [
            {
                "qa_id": f"{config}-{dish}",
                "lang": variety,
                "food_id": dish,
                "prompt_id": "1",
                "prompt_type": "1" if config == "task1" else "2",
                "multi_choice_prompt": "Which?\n1. a\n2. b\n3. c\n4. d\n5. e\n\n"
                "Print only the answer with a single answer id (1,2,3,4,5).",
                "open_ended_prompt": "Which?\n\nPrint only the answer.",
                "image_url": f"https://example.org/{dish}.jpg",
                "answer": f"{variety} dish",
                "multi_choice_answer": dish + 1,
                "task": config,
                "lang_status": "H",
            }
            for dish in range(2)
            for variety in varieties
        ]
        path = folder / f"worldcuisines/vqa/{config}/test_small-0.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\n".join(orjson.dumps(row) for row in rows))
    write_card(folder / "worldcuisines/vqa", [("task1", "test_small"), ("task2", "test_small")])
    features = datasets.Features(
        {"name": datasets.Value("string")}
        | {f"image{number}": datasets.Image() for number in (1, 2)}
        | {f"image{number}_url": datasets.Value("string") for number in (1, 2)}
    )
    dishes = [
        {
            "name": "dish",
            "image1": file(jpeg(80)),
            "image1_url": "https://example.org/0.jpg",
            "image2": file(jpeg(81)),
            "image2_url": "https://example.org/1.jpg",
        }
    ]
    write(folder, "worldcuisines/food-kb", {("default", "main"): dishes}, features)


def alm_bench(folder: Path) -> None:
    """Write ALM-Bench: multiple choice with options in the answer, true-false, and an answer that needs a judge."""
    text = datasets.Value("string")
    names = ("ID", "Language", "Category", "Question_Type", "English_Question", "English_Answer")
    names += ("Translated_Question", "Translated_Answer", "Image_Url")
    features = datasets.Features({"file_name": datasets.Image()} | dict.fromkeys(names, text))
    rows = [
        {
            "file_name": file(jpeg(90 + number)),
            "ID": f"090_90_03_00{number} ",
            "Language": language,
            "Category": "Festivals",
            "Question_Type": kind,
            "English_Question": "?",
            "English_Answer": "?",
            "Translated_Question": "Was?",
            "Translated_Answer": answer,
            "Image_Url": "",
        }
        for number, (language, kind, answer) in enumerate(
            [
                ("German", "Multiple Choice Questions", "Dirndl (Optionen: Dirndl, Lederhosen, Sari, Kimono)"),
                ("German", "Multiple Choice Questions", "Dirndl"),
                ("German", "True False Question", "Wahr"),
                ("Hawaiian", "True False Question", "ʻOiaʻiʻo"),
                ("Egyptian Arabic", "Short Questions", "نعم"),
            ]
        )
    ]
    write(folder, "MBZUAI/ALM-Bench", {("default", "test"): rows}, features)


def everything(folder: Path) -> Path:
    """Write all data sets and return their folder."""
    from tests.evalsuite.benchmarks import made_files

    own = (alm_bench, cvqa, m3exam, marvl, maxm, merlin, worldcuisines, xgqa, xm100, xmmmu)
    for make in (*own, *made_files.ALL):
        make(folder)
    return folder
