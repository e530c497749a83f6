"""A data set in the layout of TextVQA, for `pcult eval --data` and for lmms-eval."""

import io
import random
from pathlib import Path

import datasets
from PIL import Image

from tests.evalsuite.benchmarks import made
from tests.perf.support.images import jpeg

REPO = "lmms-lab/textvqa"
NOUNS = ("brand", "number", "first word", "city", "price", "street", "team", "date", "title", "color of the letters")
SIZE = (1152, 864)
"""Width and height of an image: one megapixel."""
SMALL = (48, 36)
LMMS_TASK = """
task: textvqa_perf
dataset_path: parquet
dataset_kwargs:
  data_files:
    validation: {file}
test_split: validation
output_type: generate_until
doc_to_visual: !function utils.textvqa_doc_to_visual
doc_to_text: !function utils.textvqa_doc_to_text
doc_to_target: answers
generation_kwargs:
  max_new_tokens: {tokens}
  temperature: 0
process_results: !function utils.textvqa_process_results
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
lmms_eval_specific_kwargs:
  default:
    pre_prompt: ""
    post_prompt: "\\nAnswer the question using a single word or phrase."
"""


def write(folder: Path, questions: int, images: int, *, small: bool = False) -> None:
    """Write questions about images.

    Args:
        folder: gets `lmms-lab/textvqa`.
        questions: number of rows.
        images: number of different images, each of about a megapixel.
        small: use images of 48 x 36 pixels.
    """
    rng = random.Random(0)
    files = [_small(rng) if small else jpeg(rng, SIZE) for _ in range(images)]
    rows = [
        {
            "image_id": f"{number % images:016x}",
            "question_id": number,
            "question": f"What is the {NOUNS[number % len(NOUNS)]} on sign {number}?",
            "image": made.file(files[number % images]),
            "answers": ["dakota"] * 10,
        }
        for number in range(questions)
    ]
    text, texts = datasets.Value("string"), [datasets.Value("string")]
    kinds = {"image_id": text, "question_id": datasets.Value("int32"), "question": text, "answers": texts}
    features = datasets.Features(kinds | {"image": datasets.Image()})
    made.write(folder, REPO, {("default", "validation"): rows}, features)


def write_lmms_task(folder: Path, data: Path, tokens: int) -> None:
    """Write the same questions as a task of lmms-eval, with the functions of its own TextVQA.

    Args:
        folder: gets the task; for `--include_path`.
        data: folder of `write`.
        tokens: longest answer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (file,) = (data / REPO).rglob("*.parquet")
    folder.joinpath("task.yaml").write_text(LMMS_TASK.format(file=file.resolve(), tokens=tokens))
    folder.joinpath("utils.py").write_text("from lmms_eval.tasks.textvqa.utils import *\n")


def _small(rng: random.Random) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", SMALL, tuple(rng.randrange(256) for _ in range(3))).save(buffer, "JPEG")
    return buffer.getvalue()
