"""All stages on the sample with two real models: SmolLM2 rewrites, a tiny model judges images. See tests/README.md."""

import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from factory.questions.stage import BELOW
from factory.store.store import Store
from serve.server import Server
from tests.factory import rewritings
from tests.factory.conftest import free_port
from tests.helpers import world
from tests.helpers.servers import small_llm

QUICKSTART = os.environ.get("PCULT_QUICKSTART", "")
"""Workspace of `pcult quickstart`, with the checkpoint `tiny`."""
THRESHOLD, LIMIT = 0.6, 300
TABLES = """
[relevance]
endpoints = ["{judge.url}"]
model = "{judge.model}"
threshold = {threshold}
[refine]
model = "{name}"
limit = {limit}
max_bad_share = 1
[[refine.endpoints]]
url = "{writer.url}"
"""
pytestmark = [
    pytest.mark.small_llm,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not QUICKSTART, reason="set PCULT_QUICKSTART, see tests/README.md"),
]


def train_judge(workspace: Path) -> Path:
    """Train a relevance model on planted mismatches, unless the workspace has it. Return its checkpoint."""
    folder = workspace / "checkpoints/tiny-relevance"
    if not folder.exists():
        for arguments in (["data", "relevance", "chat", workspace / "exports/relevance"], ["train", "tiny-relevance"]):
            command = [sys.executable, "-m", "pangea_cultural", *map(str, arguments), "--workspace", str(workspace)]
            subprocess.run(command, check=True)
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of a build with both models, and the figures of the judge on images that it was not trained on."""
    folder = tmp_path_factory.mktemp("endpoints")
    workspace = ("--workspace", folder / "workspace")
    weights = small_llm.checkpoint(folder / "smollm2")
    package = Path(str(resources.files("factory")))
    sample = (package / "recipes/sample.toml").read_text("utf-8").replace("../sample", str(package / "sample"))
    with (
        Server(train_judge(Path(QUICKSTART)), log=folder / "judge.log") as judge,
        small_llm.serving(weights, free_port(), folder / "writer.log") as writer,
    ):
        tables = TABLES.format(judge=judge, writer=writer, name=small_llm.NAME, limit=LIMIT, threshold=THRESHOLD)
        (folder / "recipe.toml").write_text(sample + tables, "utf-8")
        world.run("build", folder / "recipe.toml", *workspace)
        calibrate = ("data", "relevance", "calibrate", folder / "recipe.toml", "--planted", 300, "--split", "test")
        return folder, world.pcult_json(*calibrate, *workspace)


def test_the_judge_tells_mismatches_of_images_that_it_was_not_trained_on(built):
    figures = built[1]
    point = next(point for point in figures["thresholds"] if point["threshold"] == THRESHOLD)
    print(figures["auc"], point)
    assert figures["pairs"] > 400 and figures["auc"] > 0.8
    assert point["precision"] > 0.75 and point["recall"] > 0.4


def test_every_input_is_kept_or_dropped_for_a_reason(built):
    with Store.open(built[0] / "workspace/store.duckdb", read_only=True) as store:
        stages = {name: (inputs, kept) for name, inputs, kept in store.rows("SELECT name, inputs, kept FROM stage")}
        dropped = dict(store.rows("SELECT stage, sum(items) FROM rejection WHERE unit = '' GROUP BY stage"))
        below = store.value("SELECT sum(items) FROM rejection WHERE reason = $reason", {"reason": BELOW})
    assert stages["refine"][0] == LIMIT and below > 0
    for name in ("relevance", "questions", "refine"):
        inputs, kept = stages[name]
        assert kept + dropped.get(name, 0) == inputs, name


def test_no_image_below_the_threshold_is_exported_and_no_accepted_text_is_wrong(built):
    export = built[0] / "workspace/exports/sample"
    assert min(pq.read_table(export / "images.parquet")["relevance"].to_pylist()) >= THRESHOLD
    with Store.open(built[0] / "workspace/store.duckdb", read_only=True) as store:
        labels = dict(store.rows("SELECT entity, list(DISTINCT text) FROM label GROUP BY entity"))
        kept = store.value("SELECT kept FROM stage WHERE name = 'refine'")
    accepted = rewritings.accepted(export)
    wrong = [(row, rewritings.faults(row, labels[row.entity])) for row in accepted]
    assert [(row, faults) for row, faults in wrong if faults] == []
    assert len(accepted) == kept
