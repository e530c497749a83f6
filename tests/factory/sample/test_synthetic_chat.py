import re

import pytest
from PIL import Image

from factory.sample import synthetic_chat
from pangea_cultural.errors import UserError
from pangea_cultural.utils.files import read_json


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("general")
    synthetic_chat.write_synthetic_chat(folder, languages=synthetic_chat.known_languages(), num_images=160, seed=1)
    return folder


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def colors(path):
    """Return the named colors in an image. Shapes have no antialiasing, so the colors are exact."""
    shown = set(Image.open(path).get_flattened_data())
    return {name for name, value in synthetic_chat.COLORS.items() if value in shown}


def test_output_is_llava_chat_json(written):
    rows = read_json(written / "general.json")
    assert len(rows) == 160 and len({row["id"] for row in rows}) == 160
    assert [row["language"] for row in rows[:8]] == synthetic_chat.known_languages()
    for row in rows:
        turns = row["conversations"]
        assert 1 <= len(turns) / 2 <= 3 and len(turns) % 2 == 0
        assert [turn["from"] for turn in turns] == ["human", "gpt"] * (len(turns) // 2)
        assert [turn["value"].startswith("<image>\n") for turn in turns] == [True] + [False] * (len(turns) - 1)
        assert len({turn["value"] for turn in turns[::2]}) == len(turns) // 2, "nothing is asked twice"
        assert (written / row["image"]).is_file()
    assert len(list((written / "images").iterdir())) == 160, "there are no other files"


def test_answers_match_the_image(written):
    rows = [row for row in read_json(written / "general.json") if row["language"] == "en"]
    checked = 0
    for row in rows:
        shown = colors(written / row["image"])
        for question, answer in zip(row["conversations"][::2], row["conversations"][1::2], strict=True):
            question, answer = question["value"].removeprefix("<image>\n"), answer["value"]
            if question.startswith("How many"):
                assert ["one", "two", "three", "four"].index(answer) + 1 == len(shown)
            elif question.startswith("What colour"):
                assert answer in shown
            else:
                assert re.fullmatch(r"Which shape is (\w+)\?", question)[1] in shown
                assert answer in synthetic_chat.SHAPES
            checked += 1
    assert checked > 20


def test_equal_seeds_give_equal_files(tmp_path, written):
    synthetic_chat.write_synthetic_chat(
        tmp_path / "a", languages=synthetic_chat.known_languages(), num_images=160, seed=1
    )
    assert files(tmp_path / "a") == files(written)
    synthetic_chat.write_synthetic_chat(
        tmp_path / "b", languages=synthetic_chat.known_languages(), num_images=160, seed=2
    )
    assert files(tmp_path / "b") != files(written)


def test_interrupted_overwrite_leaves_no_json(tmp_path, monkeypatch):
    synthetic_chat.write_synthetic_chat(tmp_path, languages=["en"], num_images=3, seed=1)

    def killed(path, content):
        raise KeyboardInterrupt

    monkeypatch.setattr(synthetic_chat, "write_bytes", killed)
    with pytest.raises(KeyboardInterrupt):
        synthetic_chat.write_synthetic_chat(tmp_path, languages=["en"], num_images=3, seed=2)
    assert not (tmp_path / "general.json").exists()


def test_every_language_has_all_templates():
    for code, words in synthetic_chat._templates().items():
        for name in ("colors", "as_quality"):
            assert words.get(name, words["colors"]).keys() == synthetic_chat.COLORS.keys(), code
        assert words["shapes"].keys() == words["color_of"].keys() == set(synthetic_chat.SHAPES), code
        assert len(words["numbers"]) == len(set(words["shapes"].values())) == 4, code
        assert len(set(words["colors"].values())) == len(synthetic_chat.COLORS), code
        assert "{color}" in words["shape_with"], code


def test_language_without_templates_is_an_error(tmp_path):
    with pytest.raises(UserError, match="Known: de, en"):
        synthetic_chat.write_synthetic_chat(tmp_path / "x", languages=["en", "zh"], num_images=3, seed=0)
    assert not (tmp_path / "x").exists()
