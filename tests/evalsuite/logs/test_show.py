"""One question of a run, as it was sent and answered."""

import hashlib
import shutil
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from evalsuite.data.images import reference_bytes, squeezed_bytes
from evalsuite.logs.show import find
from pangea_cultural.cli.main import pcult
from pangea_cultural.dataset import withdrawal
from pangea_cultural.dataset.withdrawal import WithdrawalList, WithdrawnImage
from pangea_cultural.errors import UserError
from tests.evalsuite.benchmarks import made, made_files
from tests.evalsuite.harness.test_suite import Endpoint, evaluate
from tests.helpers import tiny

NAMES = ("marvl", "kaleidoscope", "mtvqa")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    made.marvl(folder)
    made_files.kaleidoscope(folder)
    made_files.mtvqa(folder)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("run")
    export = tiny.write_export(tmp_path_factory.mktemp("data") / "export")
    results = evaluate(folder / "run", data, export=export, names=NAMES)
    return Path(results["run"])


def test_published_question_has_the_image_that_was_sent(run):
    (row,) = find(run, "marvl:sw/1")
    assert row["prompt"].startswith("sw 1: true?") and row["raw"] == row["prediction"] == "Yes."
    assert (row["reference"], row["robust"], row["extracted"], row["language"]) == (0, 0, "yes", "sw")
    assert row["right"] == ["false"]
    (image,) = row["images"]
    assert Path(image).read_bytes() == reference_bytes(made.jpeg(1)) and Path(image).suffix == ".jpg"
    assert Path(image).stem == hashlib.sha256(Path(image).read_bytes()).hexdigest()


def test_an_image_that_was_withdrawn_is_not_written_again(run):
    (image,) = map(Path, find(run, "marvl:sw/1")[0]["images"])
    image.unlink()
    listed = withdrawal.beside(run)
    for hashes in ({"images": (image.stem,)}, {"sha1": (hashlib.sha1(reference_bytes(made.jpeg(1))).hexdigest(),)}):
        WithdrawalList(withdrawn=(WithdrawnImage(**hashes),)).write(listed)
        try:
            (row,) = find(run, "marvl:sw/1")
        finally:
            listed.unlink()
        assert (row["images"], row["note"]) == ([], "An image was withdrawn.") and not image.exists()


def test_squeezed_images_and_system_message_are_shown(run):
    (row,) = find(run, "kaleidoscope:all/2")
    assert row["system"].startswith("You are a helpful assistant who answers") and len(row["images"]) == 2
    expected = squeezed_bytes(made.jpeg(151, size=(30, 60)), (512, 512))
    assert Path(row["images"][1]).read_bytes() == expected
    assert find(run, "kaleidoscope:all/1")[0]["images"] == [], "the question has no image"


def test_one_of_several_questions_of_a_row_is_shown(run):
    (row,) = find(run, "mtvqa:all/2.1")
    assert row["prompt"].startswith("Qui ?\n") and row["language"] == "fr" and len(row["images"]) == 1


def test_question_of_an_export_is_shown_in_every_condition(run):
    results = orjson.loads((run / "results.json").read_bytes())
    assert results["export"]["path"]
    name = pq.read_table(run / "answers.parquet")["id"][0].as_py()
    rows = find(run, name)
    conditions = {row["condition"]: row for row in rows}
    assert {"image", "text", "gray"} <= set(conditions)
    assert Path(conditions["image"]["images"][0]).is_file() and conditions["text"]["images"] == []
    assert conditions["image"]["robust"] in (0, 1) and conditions["image"]["right"]


def test_lettered_question_of_an_export_is_shown_as_it_was_sent_and_answered(tmp_path, data, monkeypatch):
    monkeypatch.setattr(Endpoint, "has_likelihoods", False)
    monkeypatch.setattr(Endpoint, "text", lambda self, text: "<think>Hm.</think>B." if "\nA. " in text else "Peru")
    export = tiny.write_export(tmp_path / "export")
    run = Path(evaluate(tmp_path / "run", data, export=export, names=())["run"])
    table = pq.read_table(run / "answers.parquet").to_pylist()
    name = next(row["id"] for row in table if row["choices"])
    rows = {row["condition"]: row for row in find(run, name)}
    assert "\nB. " in rows["image"]["prompt"] and rows["image"]["raw"] == "<think>Hm.</think>B."
    assert rows["image"]["extracted"] in rows["image"]["prompt"]
    assert rows["frequent"]["raw"] == rows["frequent"]["extracted"] and "\nB. " not in rows["frequent"]["prompt"]


def test_data_that_is_gone_or_changed_is_said(run, data, monkeypatch):
    path = data / "neulab/PangeaBench-marvl/data/tr-00000-of-00001.parquet"
    content = path.read_bytes()
    jpeg = made.jpeg
    try:
        path.unlink()
        (row,) = find(run, "marvl:tr/0")
        assert row["images"] == [] and row["note"].startswith("The images are not available (")
        monkeypatch.setattr(made, "jpeg", lambda number: jpeg(number + 500))
        made.marvl(data, ("tr",))
        (row,) = find(run, "marvl:tr/0")
        assert row["images"] == [] and row["note"] == "The data set has another image now."
    finally:
        monkeypatch.undo()
        made.marvl(data)
        path.write_bytes(content)


@pytest.mark.parametrize("name", ["marvl:sw/99", "nothing", "../x", ""])
def test_unknown_question_names_others(run, name):
    with pytest.raises(UserError, match="Unknown question"):
        find(run, name)


@pytest.mark.parametrize("name", ["marvl:sw/0", "nothing"])
def test_run_without_answers_says_so(run, tmp_path, name):
    shutil.copy(run / "results.json", tmp_path / "results.json")
    with pytest.raises(UserError, match=r" has no answers\. Repeat the evaluation with the same settings to ask"):
        find(tmp_path, name)


def test_folder_without_a_run_is_one_line(tmp_path):
    with pytest.raises(UserError, match="is not a finished run"):
        find(tmp_path, "marvl:sw/0")


def test_command_prints_what_was_sent_and_read(run):
    result = CliRunner().invoke(pcult, ["eval", "show", str(run), "marvl:sw/0"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    for line in (
        "marvl:sw/0 (sw)",
        "raw answer: Yes.",
        "extracted: yes",
        "right: true",
        "reference score: 1.0",
        "robust score: 1.0",
    ):
        assert line in result.output
    assert "image: " in result.output and "prompt: sw 0" in result.output
    result = CliRunner().invoke(pcult, ["eval", "show", str(run), "marvl:sw/0", "--json"], catch_exceptions=False)
    assert orjson.loads(result.output)[0]["robust"] == 1
