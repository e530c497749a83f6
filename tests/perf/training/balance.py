"""Time of the slowest device over the ideal, with the rows of the recipe of the paper. No GPU is needed.

    python -m tests.perf.training.balance

The steps are those of the dry run of `culturalpangea-7b`, with the sizes that it assumes for missing data. Time is
work: tokens, and pairs of positions that attend to each other. Devices meet in every micro-batch, as with FSDP.

| figure | of the slowest device |
|---|---|
| `full_rows` | time over ideal, with rows that are as full as possible, dealt to the devices |
| `time` | time over ideal, with the planner's rows |
| `context_2`, `context_4`, `context_8` | the same, with rows that 2, 4 or 8 devices divide (`context_parallel_size`) |
| `multiple` | the same, with `image_multiple` set to the number of devices |
| `bound` | lower bound of `time` for any plan without divided rows |

The ideal is the work of the step without repeated prefixes, divided by the devices.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import numpy as np

from pangea_cultural import config
from pangea_cultural.errors import UserError
from pangea_cultural.training.batching.balance import Devices, Piece, measured_piece
from pangea_cultural.training.batching.layout import BatchLayout, pair_work
from pangea_cultural.training.batching.mixture import QuestionChunk
from pangea_cultural.training.batching.packing import Lengths, PackedRow, bundles, distribute, pack_rows
from pangea_cultural.training.estimate.inputs import measure, open_sources
from pangea_cultural.training.estimate.layout import StageEstimator
from pangea_cultural.training.estimate.meta_model import build_meta_model
from pangea_cultural.training.recipe import RECIPES, Recipe
from pangea_cultural.utils.console import Reporter
from tests.perf.support import record

RECIPE = "culturalpangea-7b"
DEVICES = (8, 16, 32, 64)
CONTEXTS = (2, 4, 8)
EVERY = 5
"""Distance of the steps that are planned, of the dry run's."""
Step = Sequence[QuestionChunk]


class Recipes:
    """Steps of the recipe.

    Args:
        folder: empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self._recipe = config.load(Recipe, config.find("recipe", RECIPE, RECIPES))
        reporter = Reporter(quiet=True)
        sources = open_sources(self._recipe, folder / "workspace", folder, reporter)
        self._model = build_meta_model(sources.inputs, sources.corpora, folder)
        self._estimator = StageEstimator(sources, measure(sources, self._model, folder, reporter), self._model, 1)
        self.max_length = self._recipe.stages[0].batch.max_length
        self.pair_work = pair_work(self._model.model.config.text_config)

    def steps(self, image_multiple: int) -> tuple[list[Step], list[Lengths]]:
        """Return some steps, and the lengths of the sources.

        Raises:
            UserError: a step has fewer images.
        """
        stage = self._recipe.stages[0]
        batch = stage.batch.model_copy(update={"image_multiple": image_multiple})
        planned = self._estimator.schedule(stage.model_copy(update={"batch": batch}))
        steps = range(0, planned.schedule.num_steps, EVERY)
        return [planned.schedule.step(index) for index in steps], planned.lengths


class Times:
    """Times of plans, as works in tokens.

    Args:
        lengths: lengths of the sources.
        pair_work: work of a pair of positions.
        max_length: tokens per row.
    """

    def __init__(self, lengths: list[Lengths], pair_work: float, max_length: int) -> None:
        self._lengths, self._pair_work, self._max_length = lengths, pair_work, max_length

    def ideal(self, step: Step, devices: int) -> float:
        """Return the work of the step, divided by the devices."""
        return sum(piece.work for piece in self._pieces(step)) / devices

    def planned(self, step: Step, devices: int, context: int = 1) -> float:
        """Return the time with the planner's rows, which `context` devices divide evenly."""
        groups = Devices(devices // context, 1, self._pair_work)
        layout = BatchLayout("shared", context * self._max_length, groups, context)
        return self._time(layout.batches(step, self._lengths)) / context

    def full_rows(self, step: Step, devices: int) -> float:
        """Return the time with rows that are as full as possible."""
        rows = pack_rows(step, self._lengths, packing="shared", max_length=self._max_length)
        return self._time(distribute(rows, processes=devices, per_device_batch_size=1))

    def bound(self, step: Step, devices: int) -> float:
        """Return a lower bound of the time.

        With `extra` more segments than images, some devices have at least `most` segments. Splits make at most
        2 * `extra` of them smaller, down to one question each, and repeat `extra` prefixes.
        """
        pieces = self._pieces(step)
        whole = np.cumsum([0.0, *sorted(piece.work for piece in pieces)])
        smallest = sorted(piece.prefix_work + min(one.work for one in piece.conversations) for piece in pieces)
        prefix, most = min(piece.prefix_work for piece in pieces), -(-len(pieces) // devices)
        bounds = [(most + 1) * smallest[0]]
        for extra in range(most * devices - len(pieces) + 1):
            crowded = len(pieces) + extra - (most - 1) * devices
            split = min(2 * extra, most * crowded, len(pieces))
            fullest = whole[max(0, min(most * crowded, len(pieces)) - split)] + sum(smallest[:split])
            bounds.append(max(fullest / crowded, (whole[-1] + extra * prefix) / devices))
        return max(min(bounds), smallest[-1], whole[-1] / devices)

    def _pieces(self, step: Step) -> list[Piece]:
        whole = bundles(step, self._lengths, "shared", self._max_length)
        return [measured_piece(bundle, self._lengths, self._pair_work) for bundle in whole]

    def _time(self, batches: list[list[list[PackedRow]]]) -> float:
        return sum(max(sum(self._works(rows)) for rows in micro_batch) for micro_batch in zip(*batches, strict=True))

    def _works(self, rows: list[PackedRow]) -> Iterator[float]:
        for segment in (segment for row in rows for segment in row):
            yield measured_piece([segment], self._lengths, self._pair_work).work


@click.command()
def main() -> None:
    """Measure how long devices wait for each other."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        recipes = Recipes(Path(folder))
        for devices in DEVICES:
            steps, lengths = recipes.steps(1)
            times = Times(lengths, recipes.pair_work, recipes.max_length)
            ideal = sum(times.ideal(step, devices) for step in steps)
            for name, time in (("full_rows", times.full_rows), ("time", times.planned), ("bound", times.bound)):
                figures[f"{name}_{devices}"] = float(sum(time(step, devices) for step in steps) / ideal)
            for context in CONTEXTS:
                total = sum(times.planned(step, devices, context) for step in steps)
                figures[f"context_{context}_{devices}"] = float(total / ideal)
            try:
                steps, lengths = recipes.steps(devices)
            except UserError:
                continue  # a step has fewer images than there are devices
            planned = sum(times.planned(step, devices) for step in steps)
            figures[f"multiple_{devices}"] = planned / sum(times.ideal(step, devices) for step in steps)
    record.write("balance", figures)


if __name__ == "__main__":
    main()
