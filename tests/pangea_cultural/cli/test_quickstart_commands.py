"""The commands of the quickstart and its summary, with canned results in place of the commands."""

import contextlib

import pytest

from pangea_cultural.cli.workflows import quickstart
from pangea_cultural.cli.workflows.runner import WorkflowRunner
from pangea_cultural.utils.console import Reporter
from pangea_cultural.workspace import Workspace
from tests.helpers import tiny

FIGURE = {
    "split": "test",
    "group": "trained",
    "subset": "all",
    "language": "*",
    "question_type": "choice",
    "image": {"n": 8, "accuracy": 0.75},
    "blind": {"n": 8, "accuracy": 0.25},
    "text": {"n": 8, "accuracy": 0.375},
    "strongest": {"control": "text", "n": 8, "gain": 0.375, "stderr": 0.1},
}
RESULTS = {
    "train": {"stages": [{"stage": "answers", "questions": 120}], "weights_sha256": {"model.safetensors": "1f"}},
    "eval": {
        "run": "runs/tiny-test",
        "report": "runs/tiny-test/report.html",
        "figures": [FIGURE],
        "statements": ["Trained in: English."],
    },
}


class CannedRunner(WorkflowRunner):
    """A runner that returns results without running commands."""

    def pcult(self, *arguments, as_json=True):
        self.commands.append(" ".join(map(str, arguments)))
        if arguments[0] == "build":
            return {"export": str(self.workspace.exports / "mine")}
        return RESULTS.get(arguments[0])

    @contextlib.contextmanager
    def serve(self, checkpoint):
        self.commands.append(f"serve {checkpoint}")
        yield "http://127.0.0.1:8000/v1"
        self.commands.append("stop")


@pytest.fixture
def finished(tmp_path):
    tiny.write_export(tmp_path / "exports/mine")
    runner = CannedRunner(Workspace(tmp_path), Reporter(quiet=True))
    result = quickstart.run_pipeline(runner, ("my.toml", "--contact", "me"), seed=3, steps=30, max_questions=4)
    return tmp_path, runner, result


def test_pipeline_runs_commands_in_order(finished):
    root, runner, _ = finished
    common = f"--workspace {root} --seed 3"
    evaluate = "eval --endpoint http://127.0.0.1:8000/v1 --tasks export --export mine"
    assert runner.commands == [
        f"build my.toml --contact me {common}",
        f"data synthetic-chat {root}/exports/general --seed 3",
        f"data check {root}/exports/mine",
        f"train tiny {common} --overwrite --data mine --steps 30",
        f"serve {root}/checkpoints/tiny",
        f"{evaluate} {common} --max-questions 4 --split test",
        "stop",
    ]
    assert list(runner.seconds) == ["factory", "training", "serving", "evaluation"]


def test_result_has_the_rows_of_the_summary(finished):
    _, _, result = finished
    assert result["data"] == "mine" and result["report"] == "runs/tiny-test/report.html"
    assert result["questions_trained"] == {"answers": 120}
    trained, *others = result["accuracy"]
    assert (trained["choice_image"], trained["choice_blind"], trained["choice_n"]) == (0.75, 0.25, 8)
    assert trained["choice_control"] == 0.375
    assert trained["open_image"] is trained["open_control"] is None and trained["open_n"] == 0
    assert all(row["choice_n"] == 0 for row in others)


def test_printed_summary_ends_with_commands_for_the_export(finished, capsys):
    root, _, result = finished
    result |= {"seconds": {"total": 12.0}, "peak_memory_bytes": 2e9}
    quickstart.print_summary(result, Workspace(root))
    printed = capsys.readouterr().out
    assert "75.0" in printed and "37.5" in printed and "Report: runs/tiny-test/report.html" in printed
    assert f"pcult demo --workspace {root} --data mine\n" in printed
    assert f"--workspace {root}\n" in printed.split("pcult data show Q", 1)[1]
