"""Published data sets from a local folder, and what is said if they are missing or changed."""

import datasets
import pyarrow.parquet as pq
import pytest

from evalsuite.data.source import DataSets, Source, Split
from pangea_cultural.errors import UserError
from tests.evalsuite.benchmarks import made

SOURCE = Source(repo="neulab/PangeaBench-xgqa", revision="41e9f2a6610433a949d9ad7b7e0ea9378bbb949b")
COLUMNS = {"image": "image", "question": "str", "answer": "str"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    made.xgqa(folder, ("de", "en"))
    return folder


def test_rows_have_texts_without_images_and_images_on_request(data):
    rows = DataSets(data).open(SOURCE, Split(name="de"), COLUMNS)
    assert list(rows.texts())[1] == {"question": "de: who?", "answer": "man"}
    assert rows.images(1)["image"]["bytes"] == made.jpeg(7)


def test_split_is_opened_once_for_several_benchmarks(data, monkeypatch):
    loaded = []
    load = datasets.load_dataset
    monkeypatch.setattr(
        datasets, "load_dataset", lambda *options, **more: loaded.append(more) or load(*options, **more)
    )
    data_sets = DataSets(data)
    first = data_sets.open(SOURCE, Split(name="de"), {"question": "str"})
    second = data_sets.open(SOURCE, Split(name="de"), COLUMNS)
    assert len(loaded) == 1 and first.identity == second.identity
    assert first.images(0) == {} and second.images(0)["image"]["bytes"]
    with pytest.raises(UserError, match="has no column 'id'"):
        data_sets.open(SOURCE, Split(name="de"), {"id": "str"})


def test_images_are_read_from_one_view_of_the_rows(data, monkeypatch):
    rows = DataSets(data).open(SOURCE, Split(name="de"), COLUMNS)
    monkeypatch.setattr(datasets.Dataset, "select_columns", None)
    monkeypatch.setattr(datasets.Dataset, "remove_columns", None)
    assert [rows.images(number)["image"]["bytes"] for number in (0, 1)] == [made.jpeg(7)] * 2
    assert len(list(rows.texts())) == 2


@pytest.mark.parametrize("damage", ["no rows", "truncated"])
def test_damaged_file_is_one_line_with_the_command_that_replaces_it(tmp_path, damage):
    made.xgqa(tmp_path, ("de",))
    (file,) = tmp_path.rglob("*.parquet")
    if damage == "truncated":
        file.write_bytes(file.read_bytes()[:500])
    else:
        pq.write_table(pq.read_table(file).slice(0, 0), file)
    with pytest.raises(UserError, match=r"default/de of .* has no readable rows \(.*\)\. Download it again with `hf "):
        DataSets(tmp_path).open(SOURCE, Split(name="de"), COLUMNS)


def test_identity_changes_with_the_files(data, tmp_path):
    identities = {DataSets(data).open(SOURCE, Split(name=name), COLUMNS).identity for name in ("de", "en", "de")}
    assert len(identities) == 2 and all(identity.startswith("sha256 ") for identity in identities)


@pytest.mark.parametrize(
    ("source", "split", "columns", "message"),
    [
        (Source(repo="a/b"), Split(name="de"), COLUMNS, r"No data at .*a/b. Download it with `hf download"),
        (SOURCE, Split(name="fr"), COLUMNS, r"has no split fr \(splits: de, en\)"),
        (SOURCE, Split(name="de", config="x"), COLUMNS, "has no readable files of x"),
        (SOURCE, Split(name="de"), COLUMNS | {"id": "str"}, "default/de of .* has no column 'id'"),
        (SOURCE, Split(name="de"), COLUMNS | {"answer": "list"}, "The column 'answer' of .* is string, not list"),
    ],
)
def test_other_data_is_one_line(data, source, split, columns, message):
    with pytest.raises(UserError, match=message) as error:
        DataSets(data).open(source, split, columns)
    assert "\n" not in str(error.value)


def test_gated_data_set_names_its_page(monkeypatch):
    def refuse(*arguments, **options):
        raise datasets.exceptions.DatasetNotFoundError("Dataset 'a/b' is a gated dataset on the Hub. Visit\nthe page")

    monkeypatch.setattr(datasets, "load_dataset_builder", refuse)
    with pytest.raises(UserError, match=r"a/b is gated. Accept its terms at https://huggingface.co/datasets/a/b"):
        DataSets(None).open(Source(repo="a/b"), Split(name="test"), {})
