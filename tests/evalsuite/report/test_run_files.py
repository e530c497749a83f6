"""Files of runs that are damaged, edited or of another version: one line, not a bug."""

import orjson
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from evalsuite.report.run_files import read_results
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


def with_value(value, *keys):
    """Return a change of a value, as an editor makes it. The last key is a name or a position."""

    def change(run):
        results = orjson.loads((run / "results.json").read_bytes())
        place = results
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value
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


WRONG = [
    (("figures", 0, "image", "accuracy"), "84", "figures[1].image.accuracy: input should be a valid number"),
    (("figures", 1, "image", "high"), None, "figures[2].image: the interval has one end only"),
    (("figures",), {}, "figures: input should be a valid list"),
    (("splits",), ["test", "all"], "splits[2]: input should be 'dev', 'test' or 'unseen'"),
    (("benchmarks", 0, "figures", 0, "n"), None, "benchmarks[1].figures[1].n: input should be a valid integer"),
    (("benchmarks", 0, "name"), "../..", "benchmarks[1].name: '../..' is none of alm_bench"),
    (("benchmarks", 0, "repeats"), None, "benchmarks[1].repeats: input should be a valid dictionary"),
    (("benchmarks",), [3], "benchmarks[1]: input should be a valid dictionary"),
    (("missing",), {"timeout": "3"}, "missing.timeout: input should be a valid integer"),
    (("export", "path"), 3, "export.path: input should be a valid string"),
]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    rows = made_runs.published_answers("cvqa", 1, number=2)
    run = made_runs.write(tmp_path_factory.mktemp("run") / "run", {"cvqa": rows}, export=made_runs.export_answers(1))
    return (run / "results.json").read_bytes()


@pytest.mark.parametrize(("keys", "value", "fact"), WRONG, ids=[fact.split(":")[0] for _, _, fact in WRONG])
def test_value_of_another_type_is_named_with_its_key(tmp_path, results, keys, value, fact):
    path = tmp_path / "results.json"
    path.write_bytes(results)
    assert read_results(tmp_path)
    with_value(value, *keys)(tmp_path)
    with pytest.raises(UserError) as error:
        read_results(tmp_path)
    assert f"{path} is damaged or of another version: {fact}" in str(error.value) and "\n" not in str(error.value)


def test_report_about_a_run_without_its_answers_is_one_line(tmp_path):
    run = made_runs.write(tmp_path / "run", {}, export=made_runs.export_answers(1, number=2), model="m")
    (run / "answers.parquet").unlink()
    assert isinstance(CliRunner().invoke(pcult, ["report", str(run)]).exception, UserError)
