"""What a training tells about itself: losses by source and language, questions and tokens, speed."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import torch

from pangea_cultural.utils.files import read_json, write_bytes, write_json

COUNTS = ("questions", "tokens", "image_tokens", "image_tokens_apart")


class Losses:
    """Sums of target losses by source and language, on the device where they arise.

    Args:
        keys: each (source, language), as names.
        device: of the losses.
    """

    def __init__(self, keys: Sequence[tuple[str, str]], device: torch.device) -> None:
        self._keys = list(keys)
        # MPS has no float64.
        dtype = torch.float32 if device.type == "mps" else torch.float64
        self.sums = torch.zeros(2, len(keys), dtype=dtype, device=device)
        """[2, keys], losses and how many."""

    def add(self, losses: torch.Tensor, keys: torch.Tensor) -> None:
        """Count targets.

        Args:
            losses: [targets].
            keys: [targets], positions among the keys.
        """
        self.sums[0].index_add_(0, keys, losses.to(self.sums.dtype))
        self.sums[1].index_add_(0, keys, torch.ones_like(losses, dtype=self.sums.dtype))

    def means(self, sums: torch.Tensor) -> dict[str, Any]:
        """Mean loss of a target: of all, by language, by source; what has no target is left out."""
        total, count = sums[0].tolist(), sums[1].tolist()
        return {
            "loss": _mean(total, count, range(len(total))),
            "by_language": self._by(1, total, count),
            "by_source": self._by(0, total, count),
        }

    def _by(self, part: int, total: list[float], count: list[float]) -> dict[str, float | None]:
        names = sorted({key[part] for key in self._keys})
        groups = {name: [n for n, key in enumerate(self._keys) if key[part] == name] for name in names}
        return {name: _mean(total, count, own) for name, own in groups.items() if sum(count[n] for n in own)}


def _mean(total: list[float], count: list[float], chosen: Sequence[int]) -> float | None:
    number = sum(count[n] for n in chosen)
    return sum(total[n] for n in chosen) / number if number else None


class Measures:
    """Counts a stage from its begin, over kills and resumes.

    Args:
        losses: since the last entry of the log.
    """

    def __init__(self, losses: Losses) -> None:
        self.losses = losses
        self.totals: dict[str, float] = {"seconds": 0.0, **dict.fromkeys(COUNTS, 0)}
        self.skipped: dict[str, str] = {}
        """Broken images and why; of this process until a checkpoint, then of all."""
        self._mark = time.monotonic()

    def start_clock(self) -> None:
        """What was done since the last step is not training."""
        self._mark = time.monotonic()

    def step(self, inputs: dict[str, Any]) -> None:
        """Count a step that has been learnt."""
        now = time.monotonic()
        self.totals["seconds"] += now - self._mark
        self._mark = now
        for name in COUNTS:
            self.totals[name] += inputs[name]

    def save(self, path: Path, sums: torch.Tensor, skipped: dict[str, str]) -> None:
        """Keep the state; `sums` and `skipped` are of all processes."""
        write_json(path, {"totals": self.totals, "sums": sums.tolist(), "skipped": skipped})

    def load(self, path: Path, *, is_main: bool) -> None:
        """Go on from a state; what all processes share is counted by the main one."""
        state = read_json(path)
        self.totals = state["totals"]
        if is_main:
            self.losses.sums.copy_(torch.tensor(state["sums"], dtype=self.losses.sums.dtype))
            self.skipped = state["skipped"]


class Log:
    """One line of JSON an entry, in a file that grows with the training."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, entry: dict[str, Any]) -> None:
        """Append an entry; it has a `step`."""
        with self.path.open("ab") as stream:
            stream.write(orjson.dumps(entry) + b"\n")

    def entries(self) -> list[dict[str, Any]]:
        """All entries; a line that was cut off by a kill is not one."""
        lines = self.path.read_bytes().split(b"\n")[:-1] if self.path.is_file() else []
        return [orjson.loads(line) for line in lines]

    def cut(self, step: int) -> None:
        """Forget what came after a step: it will come again."""
        kept = [entry for entry in self.entries() if entry["step"] <= step]
        write_bytes(self.path, b"".join(orjson.dumps(entry) + b"\n" for entry in kept))
