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
def tokenizer():
    return moderate_model.build_tokenizer()


def peer_template():
    """Return the template of TRL's side. It is read from the source, because TRL is not installed."""
    tree = ast.parse(Path(chat_data.__file__).with_name("trl_peer.py").read_text())
    values = [n.value for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "TEMPLATE"]
    return ast.literal_eval(values[0])


def messages(row):
    question, answer = (part["value"].removeprefix("<image>\n") for part in row["conversations"])
    asked = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}
    return [asked, {"role": "assistant", "content": [{"type": "text", "text": answer}]}]


def pcult_tokens(row, tokenizer):
    question, answer = (part["value"].removeprefix("<image>\n") for part in row["conversations"])
    template = ChatTemplate(tokenizer)
    spans = list(template.spans(((question, answer),), num_images=1))
    texts = template.encode([span.text for span in spans if span.text])
    return template.tokens(spans, iter(texts), ())


def test_every_image_has_four_questions(rows):
    folder, written = rows
    images = [row["image"] for row in written]
    assert [images.count(name) for name in dict.fromkeys(images)] == [4, 4]
    assert all((folder / name).is_file() for name in images)


def test_same_seed_writes_the_same_bytes(rows, tmp_path):
    folder, written = rows
    again = chat_data.write(tmp_path, images=2, questions_per_image=4, seed=0)
    assert orjson.loads(again.read_bytes()) == written
    assert all((tmp_path / row["image"]).read_bytes() == (folder / row["image"]).read_bytes() for row in written)


def test_questions_and_images_have_the_documented_lengths(rows, tokenizer):
    assert all(40 <= len(pcult_tokens(row, tokenizer)[0]) <= 60 for row in rows[1])
    processor = build_processor(moderate_model.config(tokenizer), tokenizer)
    assert 590 <= ImageTokenCounter(processor).count((720, 960)) <= 630


def test_trl_template_writes_the_same_text(rows, tokenizer):
    processor = build_processor(moderate_model.config(tokenizer), tokenizer)
    for row in rows[1]:
        expected = processor.apply_chat_template(messages(row), chat_template=CHAT_TEMPLATE)
        assert processor.apply_chat_template(messages(row), chat_template=peer_template()) == expected


def test_trl_has_the_same_target_tokens(rows, tokenizer):
    """Return a row's tokens as TRL's collator builds them, without the last newline, which has no loss."""
    for row in rows[1]:
        ids, targets = pcult_tokens(row, tokenizer)
        encoded = tokenizer.apply_chat_template(
            messages(row), chat_template=peer_template(), return_dict=True, return_assistant_tokens_mask=True
        )
        marked = [token for token, mark in zip(encoded["input_ids"], encoded["assistant_masks"], strict=True) if mark]
        assert marked == [token for token, is_target in zip(ids, targets, strict=True) if is_target]
        assert encoded["input_ids"][-len(ids) - 1 : -1] == ids


def test_environment_shares_packages(tmp_path, monkeypatch):
    monkeypatch.setattr(peers.subprocess, "run", lambda command, check: None)
    site = peers.site_packages(tmp_path)
    site.mkdir(parents=True)
    peers.environment(tmp_path, "trl", share_packages=True)
    assert Path(site.joinpath("packages.pth").read_text().strip(), "torch").is_dir()
