"""Files of runs that are damaged, edited or of another version: one line, not a bug."""

import orjson
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from pangea_cultural.cli.main import pcult
from pangea_cultural.errors import UserError
from tests.evalsuite.report import made_runs


def without(name):
    def change(run):
        results = orjson.loads((run / "results.json").read_bytes())
        for figure in results["figures"]:
            figure.pop(name, None)
        results.pop(name, None)
        (run / "results.json").write_bytes(orjson.dumps(results))

    return change


def written(file, content):
    return lambda run: (run / file).write_bytes(content)


def without_column(name):
    def change(run):
        path = run / "answers.parquet"
        pq.write_table(pq.read_table(path).drop([name]), path)

    return change


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        (without("words"), "lacks words"),
        (without("strongest"), "lacks strongest"),
        (without("figures"), "lacks figures"),
        (written("results.json", b"[]"), "has no results"),
        (written("results.json", b'{"a":'), "unexpected end"),
        (written("answers.parquet", b"PAR1 nonsense PAR1"), "Parquet"),
        (without_column("correct"), "lacks correct"),
    ],
    ids=["control", "strongest", "figures", "list", "truncated", "no parquet", "no column"],
)
@pytest.mark.parametrize("command", [["report"], ["eval", "show"]], ids=["report", "show"])
def test_unusable_run_is_one_line(tmp_path, command, change, fact):
    run = made_runs.write(tmp_path / "run", {}, export=made_runs.export_answers(1, number=2), model="m")
    change(run)
    error = CliRunner().invoke(pcult, [*command, str(run), *(["de-0"] if "show" in command else [])]).exception
    assert isinstance(error, UserError) and fact in str(error) and "of another version" in str(error)


def test_report_about_a_run_without_its_answers_is_one_line(tmp_path):
    run = made_runs.write(tmp_path / "run", {}, export=made_runs.export_answers(1, number=2), model="m")
    (run / "answers.parquet").unlink()
    assert isinstance(CliRunner().invoke(pcult, ["report", str(run)]).exception, UserError)
