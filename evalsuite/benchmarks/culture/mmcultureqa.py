"""MMCultureQA: open answers about photos in English and three varieties of Arabic (SemEval 2027, task 6, text track).

Reference: mmcultureqa-semeval27/mmcultureqa, the baseline and the format of submissions (commits 1795fd3 and 366fb93).
The official score is BERTScore, whose model is not published. The score here is ROUGE-L; the run writes the file for a
submission.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence

import orjson

from evalsuite.benchmarks.base import Benchmark, Row, Score, found_images
from evalsuite.data.side_images import ImageFiles
from evalsuite.data.source import Source, Split
from evalsuite.metrics.captions.rouge_l import rouge_l
from evalsuite.metrics.captions.script_words import script_words
from evalsuite.metrics.fidelity import fidelity

TRACKS = {
    "en": "English",
    "msa": "Modern Standard Arabic",
    "arz": "Egyptian Arabic",
    "ajp": "Levantine Arabic",
}
"""Names of varieties in the prompt, by track."""


def prompt(row: Row) -> str:
    """Return the question with the instruction of the baseline."""
    return (
        f"{row['question']}\nAnswer the question about the image in one or two sentences, in {TRACKS[row['split']]}. "
        "Give only the answer."
    )


def language(row: Row) -> str:
    """Return the language of a row: Arabic for its varieties."""
    return "en" if row["split"] == "en" else "ar"


def score(row: Row, answer: str) -> Score:
    """Return ROUGE-L of an answer, as the robust score. There is no reference."""
    code = language(row)
    words = script_words(answer, code)
    return Score(
        reference=None,
        robust=rouge_l(words, [script_words(row["answer"], code)]),
        answer=" ".join(words) or None,
        more={"language fidelity": fidelity(answer, code)},
    )


def no_score(row: Row, answer: str) -> Score:
    """Return the score of an answer to a question whose right answer is not published."""
    return Score(reference=None, robust=None, answer=answer.strip() or None)


def drop(row: Row) -> str | None:
    """Return why a row is not scored."""
    return None if row["answer"] else "no answer in the data"


def submission(rows: Sequence[Row], answers: Sequence[str]) -> str:
    """Return the lines of a submission: one for each id, with the answers of all tracks."""
    by_id: dict[str, dict[str, str]] = defaultdict(dict)
    for row, answer in zip(rows, answers, strict=True):
        by_id[row["id"]][row["split"]] = answer.strip()
    return "".join(f"{orjson.dumps({'id': name, 'answers': found}).decode()}\n" for name, found in by_id.items())


def facets(row: Row) -> Mapping[str, str]:
    """Return variety, country and category of a row."""
    found = {name: str(row[name]) for name in ("country", "category", "subcategory") if row.get(name)}
    return {"variety": TRACKS[row["split"]]} | found


NO_BERTSCORE = (
    "BERTScore is not computed, because its model is not published. The organizers compute it from prediction.zip of "
    "the run, which is uploaded to the page of the task."
)
ROUGE_INSTEAD = "ROUGE-L is not comparable with official scores."
NO_SYSTEM = "The baseline sends the system's message of Qwen2.5-Omni. This run sends none."
SOURCE = Source(repo="QCRI/MMCQA-SemEval27")


def _benchmark(split: str) -> Benchmark:
    return Benchmark(
        name="mmcultureqa",
        title="MMCultureQA, dev",
        groups=("culture",),
        source=SOURCE,
        splits={track: Split(config=f"qa_mena_{track}", name=split) for track in TRACKS},
        columns={"id": "str", "image": "str", "question": "str"}
        | dict.fromkeys(("country", "category", "subcategory"), "str?"),
        # One archive has the images of all tracks.
        side_images=ImageFiles(
            source=SOURCE, archive=f"archives/images_mena_{split}.zip", paths=lambda row: [row["image"]]
        ),
        images=found_images,
        prompt=prompt,
        score=score,
        has_reference=False,
        drop=drop,
        answers=lambda row: [row["answer"]],
        item=lambda row: row["id"],
        # Tracks share images and meaning.
        cluster=lambda row: row["id"],
        language=language,
        facets=facets,
        max_tokens=64,
        metric="ROUGE-L, not the official score",
        submission=submission,
        unverified=("The model of the official score, which is BERTScore F1 by track.",),
        deviations=(NO_BERTSCORE, ROUGE_INSTEAD, NO_SYSTEM),
    )


DEV = dataclasses.replace(_benchmark("dev"), columns={**_benchmark("dev").columns, "answer": "str"})
DEVTEST = dataclasses.replace(
    _benchmark("devtest"),
    name="mmcultureqa_devtest",
    title="MMCultureQA, devtest, for submission only",
    groups=(),
    score=no_score,
    drop=lambda row: None,
    answers=lambda row: [],
    metric="scored by the organizers only",
    deviations=(NO_BERTSCORE, NO_SYSTEM),
)
BENCHMARKS = (DEV, DEVTEST)
