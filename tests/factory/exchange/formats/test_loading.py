"""Formats as their users load them: `datasets`, `webdataset`, TRL, and the training of this project."""

import hashlib
import io
import json
import shutil
import tarfile

import datasets
import pyarrow.parquet as pq
import pytest
import webdataset
from PIL import Image
from trl.data_utils import is_conversational, prepare_multimodal_messages

from factory.exchange.formats.registry import FORMATS
from pangea_cultural.dataset.export import SPLITS, Export
from pangea_cultural.dataset.question import from_row
from tests.factory.exchange import exported
from tests.helpers import tiny
from tests.helpers.source_rows import conversations, open_corpus


def without_image(row):
    return {key: value for key, value in row.items() if key != "image"}


def by_id(rows):
    return {row["id"]: row for row in rows}


def test_native_layout_loads_with_all_splits(in_formats, castle_export):
    data = datasets.load_dataset(str(in_formats / "native"))
    assert {split: by_id(data[split]) for split in data} == {
        split: by_id(exported.rows(castle_export, split)) for split in SPLITS
    }


def test_parquet_loads_with_all_splits_features_and_images(in_formats, castle_export):
    data = datasets.load_dataset(str(in_formats / "parquet"))
    assert list(data) == list(SPLITS) and data["train"].features["image"] == datasets.Image()
    for split in SPLITS:
        raw = data[split].cast_column("image", datasets.Image(decode=False))
        loaded = [row | {"image": row["image"]["path"]} for row in raw]
        assert by_id(loaded) == by_id(exported.rows(castle_export, split))
        for row in raw:
            digest = hashlib.sha256(row["image"]["bytes"]).hexdigest()
            assert digest in row["image"]["path"]
    assert isinstance(data["unseen"][0]["image"], Image.Image)


def test_parquet_has_the_bytes_of_an_image_once(in_formats, castle_export):
    files = [pq.ParquetFile(path).metadata for path in (in_formats / "parquet/data").iterdir()]
    groups = [file.row_group(number) for file in files for number in range(file.num_row_groups)]
    chunks = [group.column(number) for group in groups for number in range(group.num_columns)]
    size = sum(chunk.total_compressed_size for chunk in chunks if chunk.path_in_schema == "image.bytes")
    images = sum((castle_export.path / row["image"]).stat().st_size for row in castle_export.images().to_pylist())
    dense = sum((castle_export.path / row["image"]).stat().st_size for row in exported.rows(castle_export, "train"))
    assert size < images + dense / 2, (size, images, dense)


def test_parquet_has_equal_images_of_different_names_once(castle_export, tmp_path):
    shutil.copytree(castle_export.path, tmp_path / "export")
    content = b"image" * 4_000
    for path in (tmp_path / "export/images").rglob("*.png"):
        path.unlink()
        path.write_bytes(content)
    exported.write(Export.open(tmp_path / "export"), "parquet", tmp_path / "parquet")
    file = next((tmp_path / "parquet/data").glob("train-*"))
    column = pq.ParquetFile(file).metadata.row_group(0).column(7)
    assert (column.path_in_schema, column.total_compressed_size // len(content)) == ("image.bytes", 1)


def test_webdataset_has_all_questions_of_an_image_in_its_sample(in_formats, castle_export):
    found = {}
    for split in SPLITS:
        files = sorted(map(str, (in_formats / "webdataset").glob(f"{split}-*.tar")))
        rows = []
        for sample in webdataset.WebDataset(files, shardshuffle=False).decode("pil"):
            assert sample["png"].size[0] > 0 and sample["__key__"] in sample["json"]["image"]
            assert {row["image"] for row in sample["json"]["questions"]} == {sample["json"]["image"]}
            rows += sample["json"]["questions"]
        found[split] = by_id(rows)
    assert found == {split: by_id(exported.rows(castle_export, split)) for split in SPLITS}


def test_webdataset_loads_with_datasets(in_formats, castle_export):
    data = datasets.load_dataset(str(in_formats / "webdataset"))
    for split in SPLITS:
        rows = [row for sample in data[split]["json"] for row in sample["questions"]]
        assert by_id(rows) == by_id(exported.rows(castle_export, split))
    assert isinstance(data["test"][0]["png"], Image.Image)


@pytest.mark.parametrize("style", ["short", "sentence", "both"])
def test_messages_are_the_prompts_and_targets_of_training(castle_export, tmp_path, style):
    from pangea_cultural.training.data.sources.config import ExportSource
    from pangea_cultural.training.data.sources.export import source_row

    exported.write(castle_export, "messages", tmp_path / "messages", answer_style=style)
    source = ExportSource(type="export", path="x", answer_style=style)
    for split in SPLITS:
        lines = (tmp_path / f"messages/messages-{split}.jsonl").read_text().splitlines()
        turns = [[message["content"][-1]["text"] for message in json.loads(line)["messages"]] for line in lines]
        rows = [source_row(from_row(row), source) for row in exported.rows(castle_export, split)]
        assert turns == [list(row.conversation.turns[0]) for row in rows]


def test_messages_are_conversations_of_trl_with_their_images(in_formats):
    folder = in_formats / "messages"
    data = datasets.load_dataset(str(folder), split="test")
    data = data.map(lambda row: {"images": [str(folder / image) for image in row["images"]]})
    data = data.cast_column("images", datasets.List(datasets.Image()))
    for row in data:
        assert is_conversational(row)
        messages = prepare_multimodal_messages(row["messages"], row["images"])
        image = messages[0]["content"][0]
        assert (image["type"], image["image"]) == ("image", row["images"][0])
    _, processor = tiny.model_and_processor()
    text = processor.apply_chat_template(row["messages"], tokenize=False)
    assert text.count("<image>") == 1 and row["messages"][1]["content"][0]["text"] in text


def test_training_reads_the_layout_of_culturalground(in_formats, castle_export, tmp_path):
    folder = in_formats / "culturalground"
    for archive in (folder / "CultureGroundImages").iterdir():
        with tarfile.open(archive) as opened:
            opened.extractall(tmp_path / "images", filter="data")
    refined = "CulturalGround-Recipes/CulturalGround-Refined-OE"
    shutil.copytree(folder, tmp_path / "data")
    open_ones, choices = (
        conversations(open_corpus(tmp_path / "data", type="culturalground", path=path, images=tmp_path / "images"))
        for path in (refined, "CulturalGround-MCQs.json")
    )
    rows = exported.rows(castle_export, "train")
    expected = sorted(
        (row["language"], row["region"], row["question"], row["sentence"]) for row in rows if not row["choices"]
    )
    assert sorted((one.language, one.region, *one.turns[0]) for one in open_ones) == expected
    expected = sorted((from_row(row).prompt(), from_row(row).target()) for row in rows if row["choices"])
    assert sorted(one.turns[0] for one in choices) == expected


def test_archives_of_culturalground_have_all_images_by_region(in_formats, castle_export):
    rows = [row for split in SPLITS for row in exported.rows(castle_export, split)]
    for region in {row["region"] for row in rows}:
        with tarfile.open(in_formats / f"culturalground/CultureGroundImages/{region}.tar.gz") as archive:
            found = {member.name: archive.extractfile(member).read() for member in archive}
        images = {row["image"] for row in rows if row["region"] == region}
        assert set(found) == {f"{region}/{image.rsplit('/')[-1]}" for image in images}
        for name, content in found.items():
            assert hashlib.sha256(content).hexdigest() in name
            assert Image.open(io.BytesIO(content)).size


@pytest.mark.parametrize("name", list(FORMATS))
def test_code_of_the_card_loads_the_data(in_formats, monkeypatch, name):
    card = (in_formats / name / "README.md").read_text()
    code = card.split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(in_formats / name)
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    rows = names["data"]
    first = next(iter(rows if name == "webdataset" else rows["train"]))
    assert first["json"]["questions"] if name == "webdataset" else first["id"]
    if name == "messages":
        assert isinstance(first["images"][0], Image.Image)
