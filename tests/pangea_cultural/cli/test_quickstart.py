"""The quickstart on the real sample, with few training steps and few questions."""

import subprocess
import sys
import time

import orjson
import psutil
import pytest

from factory.pipeline import OPTIONAL
from pangea_cultural.cli.workflows.quickstart import SUMMARY
from pangea_cultural.dataset.check import check
from pangea_cultural.dataset.export import Export
from tests.helpers.processes import is_running, still_running
from tests.helpers.store_contents import sums

pytestmark = [pytest.mark.serving, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workspace = tmp_path_factory.mktemp("quickstart")
    command = [sys.executable, "-m", "pangea_cultural", "quickstart", "--workspace", str(workspace)]
    done = subprocess.run([*command, "--steps", "6", "--max-questions", "2"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return workspace, done.stdout, orjson.loads((workspace / "quickstart.json").read_bytes())


def commands(quickstart):
    """Return the children that run their command; one that still runs the launcher ends for another reason."""
    return [child for child in quickstart.children() if child.cmdline()[1:4] == ["-m", "pangea_cultural", "build"]]


def test_killed_quickstart_ends_its_command(tmp_path):
    """Otherwise a second quickstart would train beside it."""
    arguments = ["quickstart", "--workspace", str(tmp_path), "--quiet"]
    quickstart = psutil.Popen([sys.executable, "-m", "pangea_cultural", *arguments], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not (children := commands(quickstart)) and is_running(quickstart) and time.monotonic() < deadline:
        time.sleep(0.05)
    quickstart.kill()
    quickstart.wait()
    assert children, "it runs a command"
    assert still_running(children) == []


def test_summary_ends_with_commands_to_try(finished):
    workspace, printed, _ = finished
    assert "4-way choice" in printed and "blind" in printed
    assert "with their English names" in " ".join(printed.split())
    assert f"pcult demo --workspace {workspace}\n" in printed
    assert f"Report: {workspace}/runs/tiny-test-unseen/report.html" in printed


def test_results_are_written(finished):
    _, _, results = finished
    assert [row["name"] for row in results["accuracy"]] == [name for name, _ in SUMMARY]
    assert all(row["choice_n"] > 0 and row["choice_blind"] is not None for row in results["accuracy"][:3])
    assert set(results["seconds"]) == {"factory", "training", "serving", "evaluation", "total"}
    # Half a million questions in 39 languages and their audit take half a minute on an idle machine.
    assert results["seconds"]["factory"] < 240
    assert 5e8 < results["peak_memory_bytes"] < 8e9
    assert len(results["commands"]) == 6 and results["commands"][0].startswith("pcult build sample")
    assert results["commands"][-1].startswith("pcult eval "), "it writes the report"


def test_numbers_of_the_sample_add_up(finished):
    workspace, _, _ = finished
    assert all(row["inputs"] > 0 for name, row in sums(workspace).items() if name not in OPTIONAL)


def test_training_excludes_held_out_languages_and_test_images(finished):
    workspace, _, results = finished
    export = Export.open(workspace / "exports/sample")
    assert check(export) == []
    assert export.held_out_languages == ["nl", "uk", "ms"]
    record = orjson.loads((workspace / "checkpoints/tiny/training.json").read_bytes())
    assert record["weights_sha256"] == results["weights_sha256"]
    assert record["languages"] == ["en", "de", "es", "ru", "id"]


def test_report_contains_images(finished):
    workspace, _, _ = finished
    page = (workspace / "runs/tiny-test-unseen/report.html").read_text("utf-8")
    assert page.count("data:image/jpeg;base64") >= 8
