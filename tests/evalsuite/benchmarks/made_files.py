"""Small data sets in the published schemas whose images or rows are in files of their own, or that need a judge."""

import base64
import csv
import zipfile
from pathlib import Path

import datasets
import orjson

from tests.evalsuite.benchmarks.made import encoded, file, jpeg, write, write_card


def archive(path: Path, members: dict[str, bytes]) -> None:
    """Write a ZIP archive."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as opened:
        for name, content in members.items():
            opened.writestr(name, content)


def afri_mcqa(folder: Path) -> None:
    """Write Afri-MCQA: a question that can be asked in each language, one with a doubled answer, one without any."""
    from evalsuite.benchmarks.culture.afri_mcqa import LANGUAGES

    text = datasets.Value("string")
    names = ("ID", "Country", "Language", "Category", "self_made", "eng_question", "native_question")
    names += ("correct_en", "wrong_en_o1", "wrong_en_o2", "wrong_en_o3")
    names += ("correct_native", "wrong_native_o1", "wrong_native_o2", "wrong_native_o3")
    features = datasets.Features(dict.fromkeys(names, text) | {"image": datasets.Image()})
    values = [
        ("What is this?", "nini?", "cloth", "pot", "drum", "hat", "kente", "ahina", "atumpan", "kyɛ"),
        ("Who?", "hena?", "king", "King", "child", "nan", "ɔhene", "ɔhene", "abofra", None),
        ("Why?", "nan", "rain", "sun", "wind", "dust", "osu", "awia", "mframa", "mfuturu"),
    ]
    splits = {
        (f"{language}_dev", "dev"): [
            {
                "ID": f"{language}_{number}",
                "Country": "Ghana",
                "Language": language,
                "Category": "Clothing",
                "self_made": "yes",
                "eng_question": row[0],
                "native_question": row[1],
                **dict(zip(names[7:], row[2:], strict=True)),
                "image": file(jpeg(100 + number)),
            }
            for number, row in enumerate(values)
        ]
        for language in LANGUAGES
    }
    write(folder, "Atnafu/Afri-MCQA", splits, features)


def merlin_rare(folder: Path) -> None:
    """Write MERLIN-Rare: two mentions in a headline with one image."""
    from evalsuite.benchmarks.culture.merlin_rare import MEASURES

    text = datasets.Value("string")
    names = ("Article Title", "Entity Name", "Wikidata ID", "English Wikipedia Title", "Image Filename")
    measures = {name: datasets.Value("int64") for name in MEASURES}
    measures |= {f"{name}_percentile": datasets.Value("float64") for name in MEASURES}
    measures |= {f"rare_{name}": datasets.Value("bool") for name in MEASURES}
    features = datasets.Features(dict.fromkeys(names, text) | {"Image Name": datasets.Image()} | measures)
    splits = {
        (code, "test"): [
            dict(zip(names, (f"{code} news", title, f"Q{number}", title, "a.jpg"), strict=True))
            | {"Image Name": file(jpeg(110))}
            | dict.fromkeys(MEASURES, number)
            | {f"{name}_percentile": 2.5 for name in MEASURES}
            | {f"rare_{name}": place % 2 == number for place, name in enumerate(MEASURES)}
            for number, title in enumerate(("Peru", "Cusco (city)"))
        ]
        for code in ("hi", "id", "ja", "ta", "vi")
    }
    write(folder, "neulab/merlin-rare", splits, features)


def textvqa(folder: Path) -> None:
    """Write TextVQA: ten answers to each of two questions about one image."""
    text, texts = datasets.Value("string"), [datasets.Value("string")]
    features = datasets.Features(
        {
            "image_id": text,
            "question_id": datasets.Value("int32"),
            "question": text,
            "question_tokens": texts,
            "image": datasets.Image(),
            "image_width": datasets.Value("int32"),
            "image_height": datasets.Value("int32"),
            "flickr_original_url": text,
            "flickr_300k_url": text,
            "answers": texts,
            "image_classes": texts,
            "set_name": text,
            "ocr_tokens": texts,
        }
    )
    base = {"image_id": "003a8ae2ef43b901", "image_width": 48, "image_height": 36, "set_name": "val"}
    rows = [
        base
        | {
            "question_id": 34602 + number,
            "question": question,
            "question_tokens": question.split(),
            "image": file(jpeg(120)),
            "flickr_original_url": "",
            "flickr_300k_url": "",
            "answers": answers,
            "image_classes": ["Sign"],
            "ocr_tokens": ["DAKOTA"],
        }
        for number, (question, answers) in enumerate(
            [
                ("what is the brand of this Camera?", ["dakota"] * 7 + ["nikon", "dakota digital", "we"]),
                ("What Time is it?", ["5:41", "5:41"] + ["8:00"] * 8),
            ]
        )
    ]
    write(folder, "lmms-lab/textvqa", {("default", "validation"): rows}, features)


def mtvqa(folder: Path) -> None:
    """Write MTVQA: two questions about an image in each language, one with an apostrophe, and unreadable ones."""
    text = datasets.Value("string")
    features = datasets.Features({"image": datasets.Image(), "id": text, "lang": text, "qa_pairs": text})
    pairs = [{"question": "Quel prix ?", "answer": "1.5"}, {"question": "Qui ?", "answer": "L'Oréal"}]
    codes = ("AR", "DE", "FR", "IT", "JA", "KO", "RU", "TH", "VI")
    rows = [
        {"image": file(jpeg(130 + place)), "id": f"{place}", "lang": code, "qa_pairs": str(pairs)}
        for place, code in enumerate(codes)
    ]
    rows.append({"image": file(jpeg(139)), "id": "9", "lang": "FR", "qa_pairs": "[{'question': "})
    write(folder, "ByteDance/MTVQA", {("default", "test"): rows}, features)


def mmmb(folder: Path) -> None:
    """Write MMMB: TSV files with images as base64, three options, and a quotation mark in a text."""
    for name in ("ar", "cn", "en", "pt", "ru", "tr"):
        path = folder / f"AIDC-AI/Parrot-dataset/mmmb/mmmb_{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as stream:
            rows = csv.writer(stream, delimiter="\t")
            rows.writerow(["index", "question", "A", "B", "C", "D", "answer", "category", "image"])
            for number in range(2):
                image = base64.b64encode(jpeg(140 + number)).decode()
                options = ["12", f'{name} "two"', "14", "" if number else "15"]
                rows.writerow([number, f"{name}: how\tmany?", *options, "B", "counting", image])


def kaleidoscope(folder: Path) -> None:
    """Write Kaleidoscope: a question with an image, one without, options that are images, and unreadable options."""
    repo = folder / "CohereLabs/kaleidoscope"
    base = {"country": "Peru", "level": "High School", "category_en": "Biology", "image_information": "useful"}
    base |= {"general_category_en": "STEM", "image_type": "diagram", "answer": 1}
    rows = [
        {"language": "hr", "question": "Što je to?", "options": ["stanica", "list"], "image": "data/a/1.png"},
        {"language": "en", "question": "What is it?", "options": ["cell", "leaf", "root"], "image": None},
        {"language": "en", "question": "Which one?", "options": ["data/a/1.png", "data/a/2.png"], "image": "None"},
        {"language": "fa", "question": "این چیست؟", "options": [], "image": None},
    ]
    repo.mkdir(parents=True, exist_ok=True)
    features = datasets.Features(
        dict.fromkeys(("language", "question", "image", "country", "level", "category_en"), datasets.Value("string"))
        | dict.fromkeys(("general_category_en", "image_type", "image_information"), datasets.Value("string"))
        | {"options": [datasets.Value("string")], "answer": datasets.Value("int64")}
    )
    write(folder, "CohereLabs/kaleidoscope", {("default", "train"): [base | row for row in rows]}, features)
    alpha = encoded(datasets.Image().decode_example(file(jpeg(150))).convert("RGBA"), "PNG")
    members = {"final_data/data/a/1.png": alpha, "final_data/data/a/2.png": jpeg(151, size=(30, 60))}
    archive(repo / "data.zip", members)


def ravenea(folder: Path) -> None:
    """Write RAVENEA: rows in an archive, with two questions about one image and one about another."""
    labeled = ["A. temple", "B. tomb", "C. school", "D. inn"]
    rows = [
        {
            "file_name": f"./ravenea/images/{country}.jpg",
            "country": country,
            "task_type": "cvqa",
            "questions": [f"{country}: which {number}?" for number in range(count)],
            "options": [labeled] * count,
            "answers": ["B", "D"][:count],
            "human_captions": ["a"],
            "category": "Buildings",
            "enwiki_ids": ["enwiki/1"],
            "culture_relevance": [1],
            "generate_caption": "a",
        }
        for country, count in (("India", 2), ("Korea", 1))
    ]
    content = b"\n".join(orjson.dumps(row) for row in rows)
    members = {"ravenea/cvqa_downstream.jsonl": content}
    members |= {f"ravenea/images/{row['country']}.jpg": jpeg(160 + place) for place, row in enumerate(rows)}
    archive(folder / "jaagli/ravenea/ravenea.zip", members)


def mmcultureqa(folder: Path) -> None:
    """Write MMCultureQA: the same two images in four tracks. The split devtest has no answers."""
    repo = "QCRI/MMCQA-SemEval27"
    text = datasets.Value("string")
    questions = {"en": "What is it?", "msa": "ما هذا؟", "arz": "ايه ده؟", "ajp": "شو هاد؟"}
    answers = {"en": "A coffee pot.", "msa": "إنها دلة قهوة.", "arz": "دي دلة قهوة.", "ajp": "هاي دلة قهوة."}
    for split in ("dev", "devtest"):
        has_answer = split == "dev"
        features = datasets.Features(
            dict.fromkeys(("id", "image", "question", *(("answer",) if has_answer else ())), text)
        )
        ids = [f"{split}{number}" * 8 for number in range(2)]
        splits = {
            (f"qa_mena_{track}", split): [
                {"id": name, "image": f"images/{name}.jpg", "question": question}
                | ({"answer": answers[track]} if has_answer else {})
                for name in ids
            ]
            for track, question in questions.items()
        }
        write(folder, repo, splits, features)
        archive(
            folder / repo / f"archives/images_mena_{split}.zip",
            {f"images/{name}.jpg": jpeg(170 + place) for place, name in enumerate(ids)},
        )
    tracks = [(f"qa_mena_{track}", split) for track in questions for split in ("dev", "devtest")]
    write_card(folder / repo, tracks)


def xchat(folder: Path) -> None:
    """Write xChatBench: five instances of each task, as the code repository has them."""
    from evalsuite.benchmarks.mainstream.xchat import FOLDER, LANGUAGES, TASKS

    rubric = {"criteria": "Is it right?"} | {f"score{number}_description": f"grade {number}" for number in range(1, 6)}
    for language in LANGUAGES:
        for place, task in enumerate(TASKS):
            path = folder / f"neulab/Pangea/{FOLDER}/{language}/{task}"
            path.mkdir(parents=True, exist_ok=True)
            rows = [
                {
                    "capability": "vision",
                    "task": task,
                    "instance_idx": number,
                    "system_prompt": "You are helpful.",
                    "input": f"{language} {task} {number}?",
                    "reference_answer": "An answer.",
                    "score_rubric": rubric,
                    "atomic_checklist": ["a", "b"],
                    "background_knowledge": [],
                }
                for number in range(2)
            ]
            (path / "data.json").write_bytes(orjson.dumps(rows))
            for number in range(2):
                (path / f"{number}.jpg").write_bytes(jpeg(180 + 2 * place + number))


def llava_bench(folder: Path) -> None:
    """Write Multilingual LLaVA-Bench: a question of each category about one image."""
    text = datasets.Value("string")
    names = ("question_id", "question", "caption", "gpt_answer", "category", "image_id")
    features = datasets.Features(dict.fromkeys(names, text) | {"image": datasets.Image()})
    splits = {
        ("default", code): [
            {
                "question_id": str(number),
                "question": "What can be seen in this photo of the harbor?",
                "caption": "A harbor with two boats.",
                "gpt_answer": "There are two boats in the harbor.",
                "category": category,
                "image_id": "001.jpg",
                "image": file(jpeg(210)),
            }
            for number, category in enumerate(("conv", "detail", "complex"))
        ]
        for code in ("ar", "bn", "zh", "en", "fr", "hi", "ja", "ru", "es", "ur")
    }
    write(folder, "neulab/PangeaBench-multilingual-llava-bench", splits, features)


def aya_vision_bench(folder: Path) -> None:
    """Write Aya Vision Bench: a question about two images, and one without a reference answer."""
    from evalsuite.benchmarks.mainstream.aya_vision_bench import LANGUAGES

    text = datasets.Value("string")
    names = ("image_source", "image_source_category", "prompt", "reference", "language")
    features = datasets.Features(
        dict.fromkeys(names, text) | {"index": datasets.Value("int64"), "image": datasets.List(datasets.Image())}
    )
    splits = {
        (code, "test"): [
            {
                "image": [file(jpeg(220)), file(jpeg(221))][: 2 - number],
                "image_source": "https://example.org",
                "image_source_category": "Captioning",
                "index": number,
                "prompt": f"{code}: what do they show?",
                "reference": None if number else "Two maps.",
                "language": code,
            }
            for number in range(2)
        ]
        for code in LANGUAGES
    }
    write(folder, "CohereLabs/AyaVisionBench", splits, features)


ALL = (
    *(afri_mcqa, merlin_rare, textvqa, mtvqa, mmmb, kaleidoscope, ravenea, mmcultureqa),
    *(xchat, llava_bench, aya_vision_bench),
)
