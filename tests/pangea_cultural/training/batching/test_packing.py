"""Packed rows: loss and gradients equal those of separate rows."""

import copy
import dataclasses
import os
import re
import signal
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
import torch

from pangea_cultural.dataset.sources.types import Conversation
from pangea_cultural.model import build
from pangea_cultural.model.attention import grouped
from pangea_cultural.model.attention.grouped import groups_of
from pangea_cultural.model.attention.masks import PADDING, block_mask, dense_mask, is_causal, row_multiple, visible
from pangea_cultural.model.modeling import IGNORE_INDEX
from pangea_cultural.training.batching.chat_template import ChatTemplate
from pangea_cultural.training.batching.collate import Collator
from pangea_cultural.training.batching.dataset import StepDataset, counts, step_loader
from pangea_cultural.training.batching.images import ImageTokenCounter
from pangea_cultural.training.batching.mixture import QuestionChunk
from pangea_cultural.training.batching.packing import Segment, distribute, pack_rows, row_length
from pangea_cultural.training.data.types import Group
from pangea_cultural.utils.images import read_size
from tests.helpers import tiny
from tests.helpers.packed_rows import batch_of, lengths_of, rows_of
from tests.pangea_cultural.training import flex


def make_conversation(number, *turns):
    return Conversation(f"c{number}", "en", turns)


CONVERSATIONS = (
    make_conversation(1, ("Which country is this?", "Peru")),
    make_conversation(2, ("What is its capital?", "Lima"), ("And its continent?", "South America")),
    make_conversation(3, ("What is this called?", "the flag of Peru")),
)
TWO_IMAGES = make_conversation(4, ("Compare <image> with <image>: which is red?", "the first one"))


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for number in range(3):
        tiny.image("Q1", number).save(folder / f"{number}.png")
    # With this grid beside the tiny model's two, an image that is nearly a square has more tiles than a wide one.
    tiny.image("Q1", 0).resize((128, 64)).save(folder / "0.png")
    model, processor = tiny.model_and_processor()
    model.config.image_grid_pinpoints.append([128, 128])
    processor.image_processor.image_grid_pinpoints = model.config.image_grid_pinpoints
    for parameter in build.unused_vision_parameters(model):
        parameter.requires_grad_(False)
    return model.double(), processor, folder


@pytest.fixture(scope="module")
def groups(parts):
    """Groups with images of three sizes, without an image, and with two images in one conversation."""
    folder = parts[2]
    paths = [folder / f"{number}.png" for number in range(3)]
    one_each = [Group(0, (path,), CONVERSATIONS[: 3 - n]) for n, path in enumerate(paths)]
    return [*one_each, Group(0, (), CONVERSATIONS[:2]), Group(0, (paths[1], paths[0]), (TWO_IMAGES,))]


def collator_for(processor, **options):
    return Collator(processor, keys={(0, "en"): 0}, **options)


def loss_and_gradients(model, batch):
    model.zero_grad()
    batch = {k: v.to(model.dtype) if torch.is_tensor(v) and v.is_floating_point() else v for k, v in batch.items()}
    loss = model(**batch).loss
    loss.backward()
    return loss.item(), {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


def assert_equal(one, other):
    assert one[0] == pytest.approx(other[0], rel=1e-6)
    assert one[1].keys() == other[1].keys()
    for name, gradient in one[1].items():
        assert torch.allclose(gradient, other[1][name], rtol=1e-6, atol=1e-8), name


@pytest.mark.parametrize("max_length", [4096, 210])
@pytest.mark.parametrize("weighting", ["token", "question", "sqrt"])
def test_packed_rows_equal_separate_rows(parts, groups, weighting, max_length):
    """Check one row for all groups, and short rows that split groups."""
    model, processor, _ = parts
    collator = collator_for(processor, weighting=weighting)
    packed = batch_of(collator, groups, processor, max_length=max_length)
    apart = batch_of(collator, groups, processor, how="rows")
    assert len(packed["input_ids"]) == (1 if max_length == 4096 else 6) and len(apart["input_ids"]) == 9
    assert_equal(loss_and_gradients(model, packed), loss_and_gradients(model, apart))


@pytest.mark.parametrize("weighting", ["token", "sqrt"])
def test_image_of_two_sources_is_shared(parts, weighting):
    """Loss and gradients equal those of separate rows, and the image passes once."""
    model, processor, folder = parts
    sources = [Group(n, (folder / "1.png",), CONVERSATIONS[2 * n : 2 * n + 2]) for n in range(2)]
    lengths = [lengths_of([group], processor) for group in sources]
    chunks = [QuestionChunk(n, n, 0, np.arange(len(group.conversations)), n > 0) for n, group in enumerate(sources)]
    collator = Collator(processor, keys={(0, "en"): 0, (1, "en"): 1}, weighting=weighting)
    results = []
    for packing in ("shared", "rows"):
        rows = pack_rows(chunks, lengths, packing=packing, max_length=4096)
        groups = [[_of_segment(sources[segment.chunk.source], segment) for segment in row] for row in rows]
        batch = collator(rows, groups, [])
        assert len(batch["pixel_values"]) == len(rows) == (1 if packing == "shared" else 3)
        assert sorted(set(batch.pop("keys").tolist())) == [0, 1]
        assert counts(rows, lengths)["image_tokens"] == len(rows) * lengths[0].image[0]
        results.append(loss_and_gradients(model, batch))
    assert_equal(*results)


def _of_segment(group, segment):
    return dataclasses.replace(group, conversations=tuple(group.conversations[n] for n in segment.conversations))


def test_questions_of_both_sources_are_skipped_with_a_broken_image(parts):
    _, processor, folder = parts
    (folder / "cut.png").write_bytes((folder / "1.png").read_bytes()[:500])
    groups = [Group(n, (folder / "cut.png",), CONVERSATIONS[:1]) for n in range(2)]
    chunks = [QuestionChunk(n, n, 0, np.arange(1)) for n in range(2)]
    row = [Segment(chunk, np.arange(1), 90, 2, chunk.number > 0) for chunk in chunks]
    skipped = []
    batch = collator_for(processor)([row], [groups], skipped)
    assert batch["normalizer"] == 0 and skipped == [[str(folder / "cut.png"), "not a readable image"]]


@pytest.mark.parametrize("max_length", [4096, 210])
def test_packed_rows_equal_separate_rows_in_float32(parts, groups, max_length):
    """Check the dtype of training: the loss to 1e-6, every gradient to 2e-6 of its norm.

    The largest difference measured was 9.6e-7. Separate rows alone differ by up to 1.4e-6 from their float64 result.
    A bias of all keys changes no attention, except through the rotation. Its gradient is mostly rounding error, so it
    is compared to the norm of the keys' weights.
    """
    model, processor, _ = parts
    model, collator = copy.deepcopy(model).float(), collator_for(processor)
    loss, packed = loss_and_gradients(model, batch_of(collator, groups, processor, max_length=max_length))
    expected, apart = loss_and_gradients(model, batch_of(collator, groups, processor, how="rows"))
    assert loss == pytest.approx(expected, rel=1e-6)
    assert packed.keys() == apart.keys()
    for name, gradient in packed.items():
        norm = apart[name.replace("k_proj.bias", "k_proj.weight")].norm()
        assert gradient.dtype == torch.float32 and (gradient - apart[name]).norm() < 2e-6 * norm, name


def test_images_with_fewer_tiles_are_padded(parts, groups):
    """Check that the images of the other tests differ in tiles, and that padding leaves the tiles unchanged."""
    _, processor, _ = parts
    pixels = batch_of(collator_for(processor), groups[:2], processor)["pixel_values"]
    alone = [batch_of(collator_for(processor), [group], processor)["pixel_values"][0] for group in groups[:2]]
    assert sorted(map(len, alone)) == [3, 5] and pixels.shape[1] == 5
    for image, tiles in zip(pixels, alone, strict=True):
        assert torch.equal(image[: len(tiles)], tiles) and not image[len(tiles) :].any()


def test_packed_rows_equal_the_plain_transformers_model(parts, groups):
    """Compare with each question alone in the original forward pass, with a plain causal mask."""
    model, processor, _ = parts
    collator = collator_for(processor)
    packed = loss_and_gradients(model, batch_of(collator, groups, processor))
    model.zero_grad()
    total, count = 0.0, 0
    for group in groups:
        for conversation in group.conversations:
            single = dataclasses.replace(group, conversations=(conversation,))
            batch = batch_of(collator, [single], processor)
            inputs = {k: batch[k] for k in ("input_ids", "pixel_values", "image_sizes") if k in batch}
            if "pixel_values" in inputs:
                inputs["pixel_values"] = inputs["pixel_values"].double()
            logits = super(type(model), model).forward(**inputs).logits[:, :-1].flatten(0, 1)
            targets = batch["labels"][:, 1:].flatten()
            total = total + torch.nn.functional.cross_entropy(
                logits, targets, ignore_index=IGNORE_INDEX, reduction="sum"
            )
            count += int((targets != IGNORE_INDEX).sum())
    (total / count).backward()
    apart = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    assert_equal(packed, ((total / count).item(), apart))


@pytest.mark.parametrize("wrong", ["conversation", "group"])
def test_loss_changes_without_a_part_of_the_mask(parts, groups, wrong):
    """Check that the equalities above can fail: conversations or groups that see each other change the loss."""
    model, processor, _ = parts
    batch = batch_of(collator_for(processor), groups[:2], processor)
    right, _ = loss_and_gradients(model, batch)
    segments = batch["segments"].clone()
    segments[:, 1 if wrong == "conversation" else 0] = 0
    assert abs(right - loss_and_gradients(model, batch | {"segments": segments})[0]) > 1e-4


def test_micro_batches_sum_to_the_full_batch(parts, groups):
    model, processor, _ = parts
    collator = collator_for(processor)
    full = batch_of(collator, groups, processor)
    model.zero_grad()
    total = sum(
        loss_with_accumulated_gradients(
            model, batch_of(collator, [group], processor) | {"normalizer": full["normalizer"]}
        )
        for group in groups
    )
    accumulated = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    assert_equal((total, accumulated), loss_and_gradients(model, full))


def loss_with_accumulated_gradients(model, batch):
    batch = {k: v.double() if torch.is_tensor(v) and v.is_floating_point() else v for k, v in batch.items()}
    loss = model(**batch).loss
    loss.backward()
    return loss.item()


def test_process_without_rows_gives_the_projector_zero_gradients(parts):
    model, processor, _ = parts
    batch = collator_for(processor)([], [], [])
    assert batch.pop("normalizer") == 0 and not len(batch.pop("keys"))
    loss, gradients = loss_and_gradients(model, batch | {"normalizer": 7.0})
    assert loss == 0
    assert "model.multi_modal_projector.linear_1.weight" in gradients
    assert not any(gradient.any() for gradient in gradients.values())


def test_dense_and_block_mask_are_equal(parts, groups):
    _, processor, _ = parts
    segments = batch_of(collator_for(processor), groups, processor, max_length=230)["segments"]
    allowed = visible(segments)
    assert torch.equal(dense_mask(segments, torch.float32)[:, 0] == 0, allowed)
    mask = block_mask(segments)
    length = segments.shape[-1]
    for row in range(len(segments)):
        query, key = torch.meshgrid(torch.arange(length), torch.arange(length), indexing="ij")
        assert torch.equal(
            mask.mask_mod(torch.full_like(query, row), torch.zeros_like(query), query, key), allowed[row]
        )
    assert (segments[:, 0] == PADDING).any(), "rows have unequal lengths"


def test_rows_with_one_conversation_need_no_mask(parts, groups):
    """Check rows of unequal length: padding at the end needs no mask."""
    model, processor, _ = parts
    batch = batch_of(collator_for(processor), groups, processor, how="rows")
    assert is_causal(batch["segments"]) and (batch["segments"][:, 0] == PADDING).any()
    assert not is_causal(batch_of(collator_for(processor), groups[:1], processor)["segments"])
    assert not is_causal(batch_of(collator_for(processor), groups[3:], processor)["segments"])
    masks = []
    hook = model.model.language_model.layers[0].self_attn.register_forward_pre_hook(
        lambda _, args, options: masks.append(options["attention_mask"]), with_kwargs=True
    )
    loss_and_gradients(model, batch)
    hook.remove()
    assert masks == [None]


def test_flex_attention_on_padded_rows_equals_the_dense_mask(parts, groups, monkeypatch):
    """Loss and gradients, of rows whose lengths are not multiples of a block. Padding is masked."""
    model, processor, _ = parts
    plain, padded = (
        batch_of(collator_for(processor, pad_to_multiple_of=number), groups, processor, max_length=210)
        for number in (1, row_multiple("flex_attention"))
    )
    assert plain["input_ids"].shape[1] % 128 and padded["input_ids"].shape == (6, 256)
    flex.unfused(monkeypatch)
    expected = loss_and_gradients(model, plain)
    model.set_attn_implementation({"text_config": "flex_attention"})
    try:
        assert_equal(loss_and_gradients(model, padded), expected)
    finally:
        model.set_attn_implementation({"text_config": "sdpa"})


@pytest.mark.parametrize(("how", "max_length"), [("shared", 4096), ("shared", 210), ("rows", 4096)])
def test_grouped_attention_equals_the_dense_mask(parts, groups, monkeypatch, how, max_length):
    """Check one row of all groups, rows of unequal length with padding, and rows without a shared prefix."""
    model, processor, _ = parts
    batch = batch_of(collator_for(processor), groups, processor, how=how, max_length=max_length)
    expected = loss_and_gradients(model, batch)
    calls = Mock(side_effect=grouped.sdpa_attention_forward)
    monkeypatch.setattr(grouped, "sdpa_attention_forward", calls)
    monkeypatch.setattr(grouped, "GROUP_PAIRS", 0)
    model.set_attn_implementation({"text_config": grouped.GROUPED})
    try:
        assert_equal(loss_and_gradients(model, batch), expected)
    finally:
        model.set_attn_implementation({"text_config": "sdpa"})
    layers, rows = model.config.text_config.num_hidden_layers, len(batch["input_ids"])
    assert calls.call_count == layers if how == "rows" else calls.call_count > rows * layers


def test_groups_of_short_rows_are_one_call(parts, groups):
    _, processor, _ = parts
    segments = batch_of(collator_for(processor), groups, processor, max_length=210)["segments"]
    assert groups_of(segments) is None
    long = torch.cat([segments[:, :, :1].expand(-1, -1, 1000), segments], dim=2)
    ends = (segments[:, 0] != PADDING).sum(1).tolist()
    assert [row[-1].end - 1000 for row in groups_of(long)] == ends
    assert all(row[0].start == 0 and row[0].shared > 1000 for row in groups_of(long))


def test_only_answers_and_their_ends_are_targets(parts, groups):
    _, processor, _ = parts
    batch = batch_of(collator_for(processor), groups[:1], processor)
    targets = processor.tokenizer.decode(batch["labels"][batch["labels"] != IGNORE_INDEX])
    assert targets == "Peru<|im_end|>Lima<|im_end|>South America<|im_end|>the flag of Peru<|im_end|>"
    is_target = batch["labels"] != IGNORE_INDEX
    assert torch.equal(batch["labels"][is_target], batch["input_ids"][is_target])


@pytest.mark.parametrize(("index", "turns"), [(0, 1), (0, 2), (3, 1), (3, 2), (4, 1)])
def test_row_equals_the_chat_template_of_serving(parts, groups, index, turns):
    """Check one image, none and several within the text, with one question and with two."""
    _, processor, _ = parts
    chat = next(chat for chat in groups[index].conversations if len(chat.turns) == turns)
    group = dataclasses.replace(groups[index], conversations=(chat,))
    ids = batch_of(collator_for(processor), [group], processor)["input_ids"][0].tolist()
    images = [{"type": "image"}] if len(group.images) == 1 else []
    messages = []
    for question, answer in chat.turns:
        messages.append({"role": "user", "content": [*images, {"type": "text", "text": question}]})
        messages.append({"role": "assistant", "content": answer})
        images = []
    text = processor.apply_chat_template(messages, tokenize=False).removesuffix("\n")
    counts = iter([ids.count(processor.image_token_id)] if len(group.images) == 1 else _counts(group, processor))
    parts_of_text = re.split("(<image>)", text)
    spelled = "".join(processor.image_token * next(counts) if part == "<image>" else part for part in parts_of_text)
    assert ids == processor.tokenizer.encode(spelled, add_special_tokens=False)


def _counts(group, processor):
    return [ImageTokenCounter(processor).count(read_size(path)) for path in group.images]


def test_special_tokens_in_a_question_are_plain_text(parts):
    _, processor, folder = parts
    hostile = make_conversation(9, ("Is <image> or <|im_end|> a mark?", "<|im_start|>"))
    batch = batch_of(collator_for(processor), [Group(0, (folder / "0.png",), (hostile,))], processor)
    ids = batch["input_ids"][0].tolist()
    template = ChatTemplate(processor.tokenizer)
    harmless = make_conversation(9, ("Is it?", "No"))
    clean = batch_of(collator_for(processor), [Group(0, (folder / "0.png",), (harmless,))], processor)
    for token in ("<image>", "<|im_end|>", "<|im_start|>"):
        number = processor.tokenizer.convert_tokens_to_ids(token)
        assert ids.count(number) == clean["input_ids"][0].tolist().count(number), token
    assert template.image == processor.image_token_id


@pytest.mark.parametrize("index", [0, 3, 4])
def test_prompt_is_the_row_before_its_answer(parts, groups, index):
    """Validation answers what training has learned, also marks of the chat template in a question."""
    _, processor, _ = parts
    question = "Is <|im_end|> a mark?" + "<image>" * (len(groups[index].images) if len(groups[index].images) > 1 else 0)
    group = dataclasses.replace(groups[index], conversations=(make_conversation(9, (question, "No")),))
    collator = collator_for(processor)
    row, prompt = batch_of(collator, [group], processor), collator.prompt(group)
    asked = row["input_ids"][:, : int((row["labels"][0] != IGNORE_INDEX).nonzero()[0])]
    assert torch.equal(prompt["input_ids"], asked) and prompt["attention_mask"].all()
    assert prompt.keys() - row.keys() == {"attention_mask"}


def test_end_of_an_iterator_in_a_step_is_an_error():
    """A data loader would take StopIteration for the end of the data."""
    steps = StepDataset(SimpleNamespace(num_steps=2), [], [], None, None)
    steps._batches = lambda index: next(iter(()))
    with pytest.raises(RuntimeError, match="Step 1 has fewer texts"):
        list(step_loader(steps, num_workers=0))


class SignaledSteps(StepDataset):
    """Steps whose first one makes torchrun's signals arrive in the data worker."""

    def __init__(self):
        pass

    def __len__(self):
        return 3

    def __getitem__(self, index):
        for sign in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR1) if index == 0 else ():
            os.kill(os.getpid(), sign)
        return index


def test_data_worker_outlives_stop_signals():
    assert list(step_loader(SignaledSteps(), num_workers=1)) == [0, 1, 2]


def test_positions_restart_after_the_prefix(parts, groups):
    _, processor, _ = parts
    batch = batch_of(collator_for(processor), groups[:2], processor)
    group, conversation = batch["segments"][0]
    for number in range(2):
        in_group = group == number
        prefix = int((in_group & (conversation == 0)).sum())
        for index in range(1, int(conversation[in_group].max()) + 1):
            assert batch["position_ids"][0][in_group & (conversation == index)][0] == prefix


def test_lengths_equal_those_of_the_rows(parts, groups):
    _, processor, _ = parts
    for how, max_length in (("shared", 4096), ("shared", 210), ("rows", 4096)):
        rows, groups_of_rows = rows_of(groups, processor, how=how, max_length=max_length)
        assert max(map(row_length, rows)) <= max_length
        for row, row_groups in zip(rows, groups_of_rows, strict=True):
            batch = collator_for(processor)([row], [row_groups], [])
            assert row_length(row) == batch["input_ids"].shape[1]
    assert lengths_of(groups, processor).image[3] == 0


def test_rows_are_filled_by_best_fit(parts, groups):
    """Check that there is at most one row more than necessary, and each question once."""
    _, processor, _ = parts
    many = [dataclasses.replace(group) for group in groups[:3] for _ in range(10)]
    rows, _ = rows_of(many, processor, max_length=600)
    total = sum(map(row_length, rows))
    assert len(rows) <= -(-total // 600) + 1
    packed = sorted((s.chunk.number, int(n)) for row in rows for s in row for n in s.conversations)
    assert packed == [(n, k) for n, group in enumerate(many) for k in range(len(group.conversations))]


@pytest.mark.parametrize(("rows", "processes", "per_device"), [(5, 2, 1), (4, 2, 2), (1, 3, 4), (7, 2, 3), (0, 2, 1)])
def test_processes_get_equal_numbers_of_micro_batches(rows, processes, per_device):
    dealt = distribute(list(range(rows)), processes=processes, per_device_batch_size=per_device)
    assert len({len(batches) for batches in dealt}) == 1
    assert sorted(row for batches in dealt for batch in batches for row in batch) == list(range(rows))
    assert max((len(batch) for batches in dealt for batch in batches), default=0) <= per_device
    sizes = [sum(map(len, batches)) for batches in dealt]
    assert max(sizes) - min(sizes) <= 1


def test_broken_image_is_skipped_and_reported(parts, groups):
    _, processor, folder = parts
    (folder / "broken.png").write_bytes((folder / "0.png").read_bytes()[:500])
    rows, row_groups = rows_of(groups[:2], processor)
    row_groups[0][0] = dataclasses.replace(row_groups[0][0], images=(folder / "broken.png",))
    skipped = []
    batch = collator_for(processor)(rows, row_groups, skipped)
    assert skipped == [[str(folder / "broken.png"), "not a readable image"]]
    assert len(batch["pixel_values"]) == 1
    assert np.isclose(batch["normalizer"], int((batch["labels"] != IGNORE_INDEX).sum()))
