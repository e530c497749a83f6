"""Training metrics and the JSON Lines log: losses by source and language, questions, tokens and speed."""

import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, cast

import orjson
import torch

from pangea_cultural.utils.files import read_json, write_bytes, write_json

COUNTS = ("questions", "tokens", "image_tokens", "unshared_image_tokens")


class LossAccumulator:
    """Sums of target losses by source and language, on the device of the losses.

    Args:
        keys: (source, language) pairs, as names.
        device: device of the losses.
    """

    def __init__(self, keys: Sequence[tuple[str, str]], device: torch.device) -> None:
        self._keys = list(keys)
        # MPS has no float64.
        dtype = torch.float32 if device.type == "mps" else torch.float64
        self.sums = torch.zeros(2, len(keys), dtype=dtype, device=device)
        """[2, keys], sums of losses and numbers of targets."""

    def add(self, losses: torch.Tensor, keys: torch.Tensor) -> None:
        """Add the losses of targets.

        Args:
            losses: [targets].
            keys: [targets], index of each target's key.
        """
        self.sums[0].index_add_(0, keys, losses.to(self.sums.dtype))
        self.sums[1].index_add_(0, keys, torch.ones_like(losses, dtype=self.sums.dtype))

    def means(self, sums: torch.Tensor) -> dict[str, Any]:
        """Return the mean loss of a target: of all, by language and by source. Keys without targets are left out.

        Args:
            sums: [2, keys], such as `self.sums` summed over processes.
        """
        total, count = sums[0].tolist(), sums[1].tolist()
        return {
            "loss": _mean(total, count, range(len(total))),
            "by_language": self._means_by(1, total, count),
            "by_source": self._means_by(0, total, count),
        }

    def _means_by(self, position: int, total: list[float], count: list[float]) -> dict[str, float | None]:
        """Return the mean losses of equal names at a position of the key."""
        names = sorted({key[position] for key in self._keys})
        groups = {name: [n for n, key in enumerate(self._keys) if key[position] == name] for name in names}
        return {name: _mean(total, count, group) for name, group in groups.items() if sum(count[n] for n in group)}


def _mean(total: list[float], count: list[float], indices: Sequence[int]) -> float | None:
    targets = sum(count[n] for n in indices)
    return sum(total[n] for n in indices) / targets if targets else None


class TrainingMetrics:
    """Totals of a stage since its first step, kept across resumes.

    Args:
        losses: losses since the last log entry.
    """

    def __init__(self, losses: LossAccumulator) -> None:
        self.losses = losses
        self.totals: dict[str, float] = {"seconds": 0.0, **dict.fromkeys(COUNTS, 0)}
        self.skipped: dict[str, str] = {}
        """Broken images and reasons: of this process, and of all processes up to the resumed checkpoint."""
        self._last_step_at = time.monotonic()

    def restart_clock(self) -> None:
        """Exclude the time since the last step from `seconds`."""
        self._last_step_at = time.monotonic()

    @property
    def skipped_steps(self) -> int:
        """Steps that changed nothing, because gradients overflowed float16."""
        return int(self.totals.get("skipped_steps", 0))

    def count_step(self, inputs: dict[str, Any], *, is_skipped: bool = False) -> None:
        """Add the time and the counts of a finished step."""
        if is_skipped:
            self.totals["skipped_steps"] = self.skipped_steps + 1
        now = time.monotonic()
        self.totals["seconds"] += now - self._last_step_at
        self._last_step_at = now
        for name in COUNTS:
            self.totals[name] += inputs[name]

    def save(self, path: Path, sums: torch.Tensor, skipped: dict[str, str], *, processes: int) -> None:
        """Write the state; `sums` and `skipped` are of all processes."""
        write_json(path, {"totals": self.totals, "sums": sums.tolist(), "skipped": skipped, "processes": processes})

    def load(self, path: Path, *, is_main: bool) -> int | None:
        """Read the state. Sums and broken images of all processes go to the main one.

        Returns:
            The number of processes that saved it; None if an earlier version did.
        """
        state = read_json(path)
        self.totals = state["totals"]
        if is_main:
            self.losses.sums.copy_(torch.tensor(state["sums"], dtype=self.losses.sums.dtype))
            self.skipped = state["skipped"]
        return cast(int | None, state.get("processes"))


class Log:
    """A JSON Lines file with an entry per line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, entry: dict[str, Any]) -> None:
        """Append an entry; it has a `step`."""
        with self.path.open("ab") as stream:
            stream.write(orjson.dumps(entry) + b"\n")

    def entries(self) -> list[dict[str, Any]]:
        """Return all entries, without a partial last line."""
        lines = self.path.read_bytes().split(b"\n")[:-1] if self.path.is_file() else []
        return [orjson.loads(line) for line in lines]

    def truncate(self, step: int, validated: Collection[int] = ()) -> None:
        """Remove the entries that will be written again: those after a step, and validations of other steps."""
        kept = [
            entry
            for entry in self.entries()
            if entry["step"] <= step and ("validation" not in entry or entry["step"] in validated)
        ]
        write_bytes(self.path, b"".join(orjson.dumps(entry) + b"\n" for entry in kept))
