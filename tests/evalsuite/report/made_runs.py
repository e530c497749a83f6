"""Folders of finished runs of published benchmarks and of an export, with made answers."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from evalsuite.metrics.accuracy import CONTROLS, accuracies
from evalsuite.metrics.language_figures import language_figures
from pangea_cultural.utils.files import write_json

GROUPS = {"de": "trained", "ar": "trained", "nl": "held-out", "uk": "held-out"}
COST = {"requests": 9, "prompt_tokens": 90, "answer_tokens": 18, "seconds": 2.5, "peak_memory_bytes": 512_000_000}
COST |= {"judge_requests": 7, "judge_prompt_tokens": 70, "judge_answer_tokens": 0, "judge_seconds": 1.5}
ANCHOR = {"model": "Pangea-7B", "part": "mul", "value": 57.2, "source": "the paper", "same_protocol": False}


def published_answers(name, seed, *, number=40, languages=GROUPS, share=0.6, text="Wer ist das?"):
    """Return the answers to a benchmark. Runs with other seeds have other answers to the same questions."""
    rng = np.random.default_rng(seed)
    rows = []
    for code, group in languages.items():
        for item, value in enumerate(rng.random(number)):
            right = float(value < share)
            rows.append(
                {
                    "item": f"{name}:{code}/{item}",
                    "id": str(item),
                    "task": f"{name}:{code}",
                    "language": code,
                    "group": group,
                    "cluster": str(item),
                    "facets": [{"name": "country", "value": ("Peru", "Chad")[item % 2]}],
                    "prompt": f"{text} {item}",
                    "choices": ["Anna", "Beno"],
                    "right": ["A", "Anna"],
                    "images": [f"hash {item}"],
                    "prediction": "A" if right else text,
                    "extracted": "A" if right else None,
                    "parsed": bool(right) or item % 3 > 0,
                    "guessed": False,
                    "reference": right if item % 5 else 1 - right,
                    "robust": right,
                    "more": [],
                    "chance": 0.25,
                    "ending": "" if item % 7 else "refused",
                    "error": "",
                    "verdict": None,
                }
            )
    return rows


def export_answers(seed, *, number=12, text="Welches Land ist das?"):
    """Return the answers to an export, under all conditions."""
    rng = np.random.default_rng(seed)
    rows = []
    for code in GROUPS:
        for item in range(number):
            for condition in ("image", *CONTROLS):
                right = bool(rng.random() < (0.8 if condition == "image" else 0.4))
                rows.append(
                    {
                        "id": f"{code}-{item}",
                        "split": "test",
                        "question_type": "choice",
                        "language": code,
                        "region": ("peru", "chad")[item % 2],
                        "entity": f"Q{item}",
                        "property": "P17",
                        "question": f"{text} {item}",
                        "choices": ["Peru", "Chad", "Fiji", "Togo"],
                        "answers": ["Peru"],
                        "shared": item % 2 == 0,
                        "condition": condition,
                        "image": f"images/{item}.png" if condition in ("image", "blind") else "",
                        "prediction": "Peru" if right else "Chad",
                        "correct": right,
                        "correct_by_sum": right,
                        "ending": "",
                    }
                )
    return rows


def part_of(name, rows, figures):
    """Return the part of results.json about a benchmark, with its figures."""
    return {
        "name": name,
        "title": name.upper(),
        "metric": "accuracy",
        "version": 1,
        "max_tokens": 16,
        "other_max_tokens": {},
        "data": {"repo": f"org/{name}", "pinned": "1f2e", "folder": None, "read": {"all": "1f2e"}},
        "questions": len(rows),
        "asked": len(rows) + 1,
        "missing": {"timeout": 1},
        "endings": {"refused": sum(row.get("ending") == "refused" for row in rows)},
        "selection": {"languages": [], "max_questions": None, "seed": 0},
        "dropped": {},
        "judged": name == "xchat",
        "judge": None,
        "submission": None,
        "reference_errors": 0,
        "figures": figures,
        "prompt": rows[0]["prompt"],
        "unverified": [],
        "deviations": [],
        "anchors": [ANCHOR] if name == "cvqa" else [],
    }


def write(folder, benchmarks=(), *, export=None, model="m", statements=("Trained in: German, Arabic.",)):
    """Write a run.

    Args:
        folder: folder of the run.
        benchmarks: answers by benchmark.
        export: answers to an export.
        model: name of the model.
        statements: sentences about it.
    """
    results = {
        "model": model,
        "identity": {"model": model, "weights": "1f" * 16, "files": "2f" * 16, "server": "0.32"},
        "statements": list(statements),
        "weights_sha256": None,
        "splits": [],
        "figures": [],
        "versions": {"lighteval": "0.13.0"},
        "benchmarks": [],
    }
    folder.mkdir(parents=True)
    for name, rows in dict(benchmarks).items():
        part = folder / "benchmarks" / name
        (part / "examples").mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(rows), part / "answers.parquet")
        Image.new("RGB", (40, 30), (200, 30, 30)).save(part / "examples/0.jpg")
        write_json(part / "examples.json", [{"item": row["item"], "images": ["0.jpg"]} for row in rows[:6]])
        write_json(part / "cost.json", COST)
        figures = language_figures([row | {"more": {}} for row in rows])
        results["benchmarks"].append(part_of(name, rows, figures))
    if export is not None:
        pq.write_table(pa.Table.from_pylist(export), folder / "answers.parquet")
        trained = [code for code, group in GROUPS.items() if group == "trained"]
        write_json(folder / "examples.json", {"examples": [], "credits": []})
        manifest = {"questions": {"test": 9}, "entities": 3, "images": 4, "recipe": {"name": "sample"}}
        results |= {
            "splits": ["test"],
            "choose_by": "likelihood",
            "max_questions": 12,
            "seed": 0,
            "languages": {"trained": trained, "held_out": ["nl", "uk"]},
            "figures": accuracies(export, trained),
            "export": manifest | {"path": "exports/sample", "manifest_sha256": "3f"},
            "training": {},
            "missing": {},
            "endings": {},
            "asked": len(export),
        }
    write_json(folder / "results.json", results)
    return folder
