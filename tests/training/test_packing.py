"""The shared picture: packed rows are worth as much as separate ones, in loss and in every gradient."""

import pytest
import torch

from pangea_cultural.model.packed import IGNORED
from pangea_cultural.training.collate import AnswerBatches
from pangea_cultural.training.mixture import Conversation, Group
from pangea_cultural.training.packing import Packer
from tests import tiny


def talk(number, *turns):
    return Conversation(f"c{number}", "en", turns)


TALKS = (
    talk(1, ("Which country is this?", "Peru")),
    talk(2, ("What is its capital?", "Lima"), ("And its continent?", "South America")),
    talk(3, ("What is this called?", "the flag of Peru")),
)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(3):
        tiny.picture("Q1", number).save(folder / f"{number}.png")
    model, processor = tiny.model_and_processor()
    return model.double(), AnswerBatches(processor), folder


def loss_and_gradients(model, batch):
    model.zero_grad()
    batch = {k: v.double() if v.is_floating_point() else v for k, v in batch.items() if k != "num_questions"}
    if "attention_mask" in batch:
        batch["attention_mask"] = batch["attention_mask"].clamp(min=torch.finfo(torch.float32).min)
    loss = model(**batch).loss
    loss.backward()
    return loss.item(), {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


def batch_of(collate, groups):
    return collate(list(enumerate(groups)))


def test_packed_rows_equal_separate_rows(parts):
    model, collate, folder = parts
    pictures = [folder / f"{number}.png" for number in range(3)]
    packed = [Group(0, path, TALKS[: 3 - n]) for n, path in enumerate(pictures)] + [Group(0, None, TALKS[:2])]
    separate = [Group(0, group.image, (one,)) for group in packed for one in group.conversations]
    together, apart = (loss_and_gradients(model, batch_of(collate, groups)) for groups in (packed, separate))
    assert together[0] == pytest.approx(apart[0], rel=1e-6)
    assert together[1].keys() == apart[1].keys()
    for name, gradient in together[1].items():
        assert torch.allclose(gradient, apart[1][name], rtol=1e-6, atol=1e-8), name


def test_without_the_mask_the_loss_would_be_another(parts):
    """The equality above can fail: conversations that see each other have another loss."""
    model, collate, folder = parts
    batch = batch_of(collate, [Group(0, folder / "0.png", TALKS)])
    right, _ = loss_and_gradients(model, dict(batch))
    length = batch["input_ids"].shape[1]
    causal = torch.full((length, length), torch.finfo(torch.float32).min).triu(1)
    wrong, _ = loss_and_gradients(model, batch | {"attention_mask": causal[None, None]})
    assert abs(right - wrong) > 1e-4


def test_the_order_of_conversations_does_not_matter(parts):
    model, collate, folder = parts
    first = loss_and_gradients(model, batch_of(collate, [Group(0, folder / "0.png", TALKS)]))[0]
    second = loss_and_gradients(model, batch_of(collate, [Group(0, folder / "0.png", TALKS[::-1])]))[0]
    assert first == pytest.approx(second, rel=1e-6)


def test_only_answers_and_their_ends_are_learnt():
    words = tiny.tokenizer()
    row = Packer(words).row(TALKS, num_image_tokens=5)
    learnt = words.decode([token for token in row.labels if token != IGNORED])
    assert learnt == "Peru<|im_end|>Lima<|im_end|>South America<|im_end|>the flag of Peru<|im_end|>"
    assert all(label in (IGNORED, token) for label, token in zip(row.labels, row.input_ids, strict=True))


def test_a_packed_row_is_the_chat_template_cut_at_the_picture():
    words = tiny.tokenizer()
    row = Packer(words).row(TALKS[:1], num_image_tokens=1)
    messages = [
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Which country is this?"}]},
        {"role": "assistant", "content": "Peru"},
    ]
    text = words.apply_chat_template(messages, tokenize=False)
    assert row.input_ids == words.encode(text.removesuffix("\n"), add_special_tokens=False)


def test_positions_restart_after_the_prefix():
    row = Packer(tiny.tokenizer()).row(TALKS, num_image_tokens=5)
    prefix = row.segments.count(0)
    starts = [row.segments.index(number) for number in (1, 2, 3)]
    assert [row.position_ids[start] for start in starts] == [prefix] * 3
