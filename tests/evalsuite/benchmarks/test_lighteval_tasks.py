"""The benchmarks as tasks of lighteval, which runs them with its own reading of data sets."""

import dataclasses
import types
from collections import defaultdict

import numpy as np
import pytest

from evalsuite import benchmarks
from evalsuite.benchmarks.registry import GROUPS, NAMES, PUBLISHED, resolve
from evalsuite.data.images import opened
from evalsuite.harness import pipeline
from pangea_cultural.errors import UserError
from tests.evalsuite.benchmarks import made


@pytest.fixture(scope="module")
def table():
    pipeline.prepare()
    return {task.name: task for task in benchmarks.TASKS_TABLE}


def test_table_has_one_task_for_each_split(table):
    tasks = defaultdict(list)
    for name in table:
        tasks[name.split(":")[0]].append(name.split(":")[1])
    absent = {"kaleidoscope", "ravenea", "mmcultureqa", "mmcultureqa_devtest", "mtvqa", "mmmb"}
    absent |= {"xchat", "llava_bench", "aya_vision_bench"}
    assert list(tasks) == [name for name in PUBLISHED if name not in absent]
    assert tasks["worldcuisines"] == tasks["worldcuisines_open"] == ["dish", "origin"]
    assert tasks["marvl"] == ["id", "sw", "ta", "tr", "zh"] and tasks["cvqa"] == ["all"]
    assert {name: len(tasks[name]) for name in ("xm100", "xgqa", "m3exam")} == {"xm100": 36, "xgqa": 8, "m3exam": 7}
    assert {name: table[name].generation_size for name in ("m3exam:chinese", "m3exam:thai", "maxm:fr")} == {
        "m3exam:chinese": 32,
        "m3exam:thai": 16,
        "maxm:fr": 64,
    }


def test_names_of_scores_are_unique_among_benchmarks(table):
    owners = defaultdict(set)
    for name, task in table.items():
        names = [metric.metric_name for metric in task.metrics]
        assert len(set(names)) == len(names) >= 2
        for metric in names:
            owners[metric].add(name.split(":")[0])
    assert all(len(benchmarks) == 1 for benchmarks in owners.values())
    assert set.union(*owners.values()) == {name.split(":")[0] for name in table}


def test_lighteval_finds_the_tasks_by_the_name_of_the_module(table):
    from lighteval.tasks.registry import Registry

    registry = Registry(tasks="marvl:sw,xm100:no", custom_tasks="evalsuite.benchmarks")
    assert {name.split("|")[0] for name in registry.load_tasks()} == {"marvl:sw", "xm100:no"}


def one_answer(answer):
    """Return a lighteval model with one answer to everything, and the list of what it is asked."""
    from lighteval.models.abstract_model import LightevalModel, ModelConfig
    from lighteval.models.model_output import ModelResponse

    asked = []

    class OneAnswer(LightevalModel):
        tokenizer, add_special_tokens, max_length = None, False, 1 << 20

        def __init__(self):
            self.config = ModelConfig(model_name="one-answer")
            self._cache = types.SimpleNamespace(_init_registry=lambda registry: None)

        def greedy_until(self, docs):
            asked.extend(docs)
            return [ModelResponse(text=[answer]) for _ in docs]

        def loglikelihood(self, docs):
            raise NotImplementedError

        def loglikelihood_rolling(self, docs):
            raise NotImplementedError

    return OneAnswer(), asked


@pytest.mark.parametrize(
    ("name", "make", "answer", "expected"),
    [
        ("marvl:sw", made.marvl, "ndiyo", {"reference": 0, "robust": 2 / 3, "unparsed": 0}),
        ("maxm:fr", made.maxm, "red", {"reference": 0.5, "robust": 0.5, "unparsed": 0}),
        ("m3exam:thai", made.m3exam, "B", {"reference": 1, "robust": 1, "unparsed": 0}),
        ("xm100:de", made.xm100, "de flag", {"reference": None, "robust": None, "unparsed": 0}),
    ],
)
def test_lighteval_asks_with_images_and_scores(table, tmp_path, name, make, answer, expected):
    """The data set is local, and the model gives one answer."""
    make(tmp_path)
    module = types.ModuleType("local")
    module.TASKS_TABLE = [dataclasses.replace(table[name], hf_repo=str(tmp_path / table[name].hf_repo))]
    model, asked = one_answer(answer)
    scores = pipeline.run(module, model, tmp_path / "lighteval")[name]
    assert asked and all(image.mode == "RGB" for doc in asked for image in doc.images)
    for kind, value in expected.items():
        found = scores[f"{name.split(':')[0]}_{kind}"]
        assert 0 < found < 1 if value is None else found == pytest.approx(value)


def test_lighteval_asks_with_images_of_another_data_set(table, tmp_path, monkeypatch):
    made.worldcuisines(tmp_path)
    # Folders of these names stand for the hub.
    monkeypatch.chdir(tmp_path)
    module = types.ModuleType("local")
    module.TASKS_TABLE = [table["worldcuisines:dish"]]
    model, asked = one_answer("2")
    scores = pipeline.run(module, model, tmp_path / "lighteval")["worldcuisines:dish"]
    assert scores["worldcuisines_reference"] == scores["worldcuisines_robust"] == 0.5
    assert len(asked) == 10
    expected = {np.asarray(opened(made.jpeg(number))).tobytes() for number in (80, 81)}
    assert {np.asarray(image).tobytes() for doc in asked for image in doc.images} == expected
    assert len({id(image) for doc in asked for image in doc.images}) == 2, "rows share the images"


def test_groups_and_names_are_resolved_in_order_without_repetitions():
    assert resolve(["xgqa", "culture", "marvl"])[:1] == ("xgqa",)
    assert len(resolve(["all", "culture"])) == len(NAMES)
    assert set(GROUPS["culture"]) & set(GROUPS["mainstream"]) == set()
    assert set(GROUPS["held-out"]) < set(NAMES)
    with pytest.raises(UserError, match=r"Unknown benchmark 'marvel'\. Did you mean marvl"):
        resolve(["marvel"])
