"""Both sides of the benchmark have the same conversations, text and targets."""

import ast
from pathlib import Path

import orjson
import pytest

from pangea_cultural.model.processor import build_processor
from pangea_cultural.model.tokenizer import CHAT_TEMPLATE
from pangea_cultural.training.batching.chat_template import ChatTemplate
from pangea_cultural.training.batching.images import ImageTokenCounter
from tests.perf.support import chat_data, moderate_model, peers


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    path = chat_data.write(tmp_path_factory.mktemp("chat"), images=2, questions_per_image=4, seed=0)
    return path.parent, orjson.loads(path.read_bytes())


@pytest.fixture(scope="module")
def words():
    return moderate_model.words()


def peer_template():
    """Return the template of TRL's side. It is read from the source, because TRL is not installed."""
    tree = ast.parse(Path(chat_data.__file__).with_name("trl_peer.py").read_text())
    found = [n.value for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "TEMPLATE"]
    return ast.literal_eval(found[0])


def messages(row):
    question, answer = (part["value"].removeprefix("<image>\n") for part in row["conversations"])
    asked = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}
    return [asked, {"role": "assistant", "content": [{"type": "text", "text": answer}]}]


def our_tokens(row, words):
    question, answer = (part["value"].removeprefix("<image>\n") for part in row["conversations"])
    template = ChatTemplate(words)
    spans = list(template.spans(((question, answer),), num_images=1))
    texts = template.encode([span.text for span in spans if span.text])
    return template.tokens(spans, iter(texts), ())


def test_every_image_has_its_questions(rows):
    folder, made = rows
    images = [row["image"] for row in made]
    assert [images.count(name) for name in dict.fromkeys(images)] == [4, 4]
    assert all((folder / name).is_file() for name in images)


def test_the_same_seed_gives_the_same_bytes(rows, tmp_path):
    folder, made = rows
    again = chat_data.write(tmp_path, images=2, questions_per_image=4, seed=0)
    assert orjson.loads(again.read_bytes()) == made
    assert all((tmp_path / row["image"]).read_bytes() == (folder / row["image"]).read_bytes() for row in made)


def test_a_question_has_forty_to_sixty_tokens_and_a_image_about_six_hundred(rows, words):
    assert all(40 <= len(our_tokens(row, words)[0]) <= 60 for row in rows[1])
    assert 590 <= ImageTokenCounter(build_processor(moderate_model.config(words), words)).count((720, 960)) <= 630


def test_the_peer_writes_the_same_text(rows, words):
    made = build_processor(moderate_model.config(words), words)
    for row in rows[1]:
        ours = made.apply_chat_template(messages(row), chat_template=CHAT_TEMPLATE)
        assert made.apply_chat_template(messages(row), chat_template=peer_template()) == ours


def test_the_peer_has_a_loss_on_the_same_tokens(rows, words):
    """Return a row's tokens as TRL's collator builds them, without the last newline, which has no loss."""
    for row in rows[1]:
        ids, targets = our_tokens(row, words)
        theirs = words.apply_chat_template(
            messages(row), chat_template=peer_template(), return_dict=True, return_assistant_tokens_mask=True
        )
        marked = [token for token, mark in zip(theirs["input_ids"], theirs["assistant_masks"], strict=True) if mark]
        assert marked == [token for token, is_target in zip(ids, targets, strict=True) if is_target]
        assert theirs["input_ids"][-len(ids) - 1 : -1] == ids


def test_an_environment_beside_ours_sees_our_packages(tmp_path, monkeypatch):
    monkeypatch.setattr(peers.subprocess, "run", lambda command, check: None)
    site = peers._site_packages(tmp_path)
    site.mkdir(parents=True)
    peers.environment(tmp_path, "trl", beside_ours=True)
    assert Path(site.joinpath("ours.pth").read_text().strip(), "torch").is_dir()
