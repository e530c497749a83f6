"""Losses by source and language, and the log that survives a kill."""

import pytest
import torch

from pangea_cultural.training.loop.metrics import Log, LossAccumulator, TrainingMetrics

KEYS = [("export", "de"), ("export", "en"), ("chat", "en")]


def losses():
    made = LossAccumulator(KEYS, torch.device("cpu"))
    made.add(torch.tensor([1.0, 2.0, 3.0, 6.0]), torch.tensor([0, 0, 1, 2]))
    return made


def test_losses_are_means_over_targets():
    means = losses().means(losses().sums)
    assert means["loss"] == pytest.approx(3.0)
    assert means["by_language"] == {"de": 1.5, "en": 4.5}
    assert means["by_source"] == {"chat": 6.0, "export": 2.0}


def test_what_has_no_target_has_no_mean():
    made = LossAccumulator(KEYS, torch.device("cpu"))
    assert made.means(made.sums) == {"loss": None, "by_language": {}, "by_source": {}}


def test_the_state_comes_back_to_the_bit(tmp_path):
    first = TrainingMetrics(losses())
    first.count_step({"questions": 3, "tokens": 70, "image_tokens": 40, "image_tokens_apart": 120})
    first.losses.sums[0, 0] += 1 / 3
    first.save(tmp_path / "state.json", first.losses.sums, {"a.png": "image missing"})
    second = TrainingMetrics(LossAccumulator(KEYS, torch.device("cpu")))
    second.load(tmp_path / "state.json", is_main=True)
    assert torch.equal(second.losses.sums, first.losses.sums)
    assert second.totals == first.totals and second.skipped == {"a.png": "image missing"}


def test_only_the_main_process_goes_on_with_the_sums(tmp_path):
    first = TrainingMetrics(losses())
    first.save(tmp_path / "state.json", first.losses.sums, {})
    second = TrainingMetrics(LossAccumulator(KEYS, torch.device("cpu")))
    second.load(tmp_path / "state.json", is_main=False)
    assert not second.losses.sums.any()


def test_the_log_forgets_what_will_come_again_and_a_line_that_was_cut_off(tmp_path):
    log = Log(tmp_path / "log.jsonl")
    for step in (10, 20, 30):
        log.write({"step": step})
    with log.path.open("ab") as stream:
        stream.write(b'{"step": 4')
    assert [entry["step"] for entry in log.entries()] == [10, 20, 30]
    log.truncate(20)
    log.write({"step": 30})
    assert [entry["step"] for entry in log.entries()] == [10, 20, 30]
