"""Losses by source and language, and the log after an interrupt."""

import pytest
import torch

from pangea_cultural.training.loop.metrics import Log, LossAccumulator, TrainingMetrics

KEYS = [("export", "de"), ("export", "en"), ("chat", "en")]


def losses():
    accumulator = LossAccumulator(KEYS, torch.device("cpu"))
    accumulator.add(torch.tensor([1.0, 2.0, 3.0, 6.0]), torch.tensor([0, 0, 1, 2]))
    return accumulator


def test_losses_are_means_over_targets():
    means = losses().means(losses().sums)
    assert means["loss"] == pytest.approx(3.0)
    assert means["by_language"] == {"de": 1.5, "en": 4.5}
    assert means["by_source"] == {"chat": 6.0, "export": 2.0}


def test_keys_without_targets_have_no_mean():
    accumulator = LossAccumulator(KEYS, torch.device("cpu"))
    assert accumulator.means(accumulator.sums) == {"loss": None, "by_language": {}, "by_source": {}}


def test_saved_state_is_loaded_exactly(tmp_path):
    first = TrainingMetrics(losses())
    first.count_step({"questions": 3, "tokens": 70, "image_tokens": 40, "unshared_image_tokens": 120})
    first.losses.sums[0, 0] += 1 / 3
    first.save(tmp_path / "state.json", first.losses.sums, {"a.png": "image missing"}, processes=2)
    second = TrainingMetrics(LossAccumulator(KEYS, torch.device("cpu")))
    assert second.load(tmp_path / "state.json", is_main=True) == 2
    assert torch.equal(second.losses.sums, first.losses.sums)
    assert second.totals == first.totals and second.skipped == {"a.png": "image missing"}


def test_only_the_main_process_loads_the_sums(tmp_path):
    first = TrainingMetrics(losses())
    first.save(tmp_path / "state.json", first.losses.sums, {}, processes=1)
    second = TrainingMetrics(LossAccumulator(KEYS, torch.device("cpu")))
    second.load(tmp_path / "state.json", is_main=False)
    assert not second.losses.sums.any()


def test_truncated_log_has_no_later_and_no_partial_entries(tmp_path):
    log = Log(tmp_path / "log.jsonl")
    for step in (10, 20, 30):
        log.write({"step": step})
    with log.path.open("ab") as stream:
        stream.write(b'{"step": 4')
    assert [entry["step"] for entry in log.entries()] == [10, 20, 30]
    log.truncate(20)
    log.write({"step": 30})
    assert [entry["step"] for entry in log.entries()] == [10, 20, 30]
