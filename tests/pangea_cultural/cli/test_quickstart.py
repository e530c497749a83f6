"""The quickstart: the whole walk on the real sample, with few training steps and few questions."""

import subprocess
import sys
import time

import orjson
import psutil
import pytest

from pangea_cultural.cli.workflows.quickstart import SUMMARY
from pangea_cultural.dataset.check import check
from pangea_cultural.dataset.export import Export
from tests.helpers.processes import is_running, still_running

pytestmark = pytest.mark.serving


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    workspace = tmp_path_factory.mktemp("quickstart")
    command = [sys.executable, "-m", "pangea_cultural", "quickstart", "--workspace", str(workspace)]
    done = subprocess.run([*command, "--steps", "30", "--max-questions", "4"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return workspace, done.stdout, orjson.loads((workspace / "quickstart.json").read_bytes())


def commands(walk):
    """The children that have become their command: one that is still on the way ends for another reason."""
    return [child for child in walk.children() if child.cmdline()[1:4] == ["-m", "pangea_cultural", "build"]]


def test_a_quickstart_that_is_killed_takes_its_command_with_it(tmp_path):
    """Or the next one would train beside it."""
    words = ["quickstart", "--workspace", str(tmp_path), "--quiet"]
    walk = psutil.Popen([sys.executable, "-m", "pangea_cultural", *words], stdout=subprocess.DEVNULL)
    patience = time.monotonic() + 60
    while not (children := commands(walk)) and is_running(walk) and time.monotonic() < patience:
        time.sleep(0.05)
    walk.kill()
    walk.wait()
    assert children, "it has begun no command"
    assert still_running(children) == []


def test_the_summary_ends_with_what_to_try_next(walked):
    workspace, printed, _ = walked
    assert "4-way choice" in printed and "blind" in printed
    assert "with their English names" in printed.replace("\n", " ")
    assert f"pcult demo --workspace {workspace}\n" in printed
    assert f"Report: {workspace}/runs/tiny-test-unseen/report.html" in printed


def test_the_figures_are_kept(walked):
    _, _, kept = walked
    assert [row["name"] for row in kept["accuracy"]] == [name for name, _ in SUMMARY]
    assert all(row["choice_n"] > 0 and row["choice_blind"] is not None for row in kept["accuracy"][:3])
    assert set(kept["seconds"]) == {"factory", "training", "serving", "evaluation", "report", "total"}
    assert kept["seconds"]["factory"] < 60
    assert 5e8 < kept["peak_memory_bytes"] < 8e9
    assert len(kept["commands"]) == 7 and kept["commands"][0].startswith("pcult build sample")


def test_held_out_languages_and_images_stayed_out_of_training(walked):
    workspace, _, kept = walked
    export = Export.open(workspace / "exports/sample")
    assert check(export) == []
    assert export.held_out_languages == ["nl", "uk", "ms"]
    record = orjson.loads((workspace / "checkpoints/tiny/training.json").read_bytes())
    assert record["weights_sha256"] == kept["weights_sha256"]
    assert record["languages"] == ["en", "de", "es", "ru", "id"]


def test_the_report_is_there(walked):
    workspace, _, _ = walked
    page = (workspace / "runs/tiny-test-unseen/report.html").read_text("utf-8")
    assert page.count("data:image/png;base64") >= 8
