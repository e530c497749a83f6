"""Questions per second in training: with shared images, with a row per question, and with TRL.

    python -m tests.perf.training.train_throughput --folder /tmp/throughput [--prefix 2340]

All three train the same LLaVA-NeXT (tests/perf/support/moderate_model.py) in float32, from the same folder, on the same
conversations (tests/perf/support/chat_data.py) with 1 to 16 questions per image. An image has about 600 tokens, or
2,340 as in Pangea; a question with its answer has 40 to 60. The first two are `pcult train` with both packings. TRL's
`SFTTrainer` cannot pack images: it has a row per question.

Equal for all: questions per step, threads, a frozen vision tower, no gradient checkpointing, batches built in the
training process, and a loss on the answers alone. Before the timing, the targets of all rows are counted on both sides
and have to be equally many. TRL gets its best: rows are grouped by length and nothing is truncated or saved. TRL and
separate rows have the number of rows per pass that was fastest in a trial of each on this machine.

Speed is measured from the end of the first step to the end of the last, without start, compilation and first
allocations. The three take turns for each number of questions. Every measurement is a separate process; its peak memory
includes loading and, for `pcult`, writing the checkpoint. `data_path_ratio` is the speed of building batches alone, in
one thread, divided by the speed at which training with shared images consumes them. It is the lowest of all numbers of
questions. `share_of_token_bound` is the speed relative to separate rows, divided by how many times as many tokens those
have: 1 if time followed tokens alone.
"""

import json
import shutil
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from tests.perf.support import chat_data, peers, process, record

BATCH_QUESTIONS = 16
THREADS = 2
TEXT_TOKENS = {1: 150, 8: 600, 16: 1000}
"""Tokens beside the image in a row, at most, by questions per image; each row holds one image."""
STEPS = {600: {1: 4, 8: 14, 16: 22}, 2340: {1: 3, 8: 6, 16: 8}}
"""Steps with shared images, by tokens of an image and questions per image: half a minute or more after the first."""
ROW_STEPS = {600: 3, 2340: 2}
"""Steps with a row per question, which take equally long for any number of questions per image."""
TRIAL_ROWS = {600: (1, 2, 4), 2340: (1,)}
"""Rows per pass to try. A row of 2,400 tokens fills a pass."""
TRIAL_STEPS = 2
METHODS = ("shared", "rows", "trl")
RECIPE = """
name = "{name}"
num_threads = {threads}
[model]
checkpoint = "model"
[[sources]]
type = "chat"
path = "chat/{file}"
[[stages]]
name = "answers"
trainable = ["projector", "language_model"]
{length}
[stages.optimizer]
learning_rate = 1e-5
[stages.batch]
global_batch_size = {batch}
max_questions_per_image = {questions}
packing = "{packing}"
max_length = {max_length}
[stages.memory]
per_device_batch_size = {rows}
[stages.checkpoint]
logging_steps = 1
save_steps = 1000000
"""


@dataclass(frozen=True)
class Run:
    """One case to measure.

    Args:
        method: one of METHODS.
        questions: an image.
        steps: of training.
        rows: in a forward pass.
    """

    method: str
    questions: int
    steps: int = 1
    rows: int = 1

    @property
    def name(self) -> str:
        """Return the name of its recipe, checkpoint and messages."""
        return f"{self.method}-k{self.questions}-rows{self.rows}"


class Bench:
    """Commands to measure, and the folder in which they run.

    Args:
        folder: for the model, the data and TRL's environment.
        prefix: tokens of an image, a key of STEPS.
        has_peer: whether TRL is measured.
    """

    def __init__(self, folder: Path, prefix: int, has_peer: bool) -> None:
        self._folder, self._prefix = folder, prefix
        self._trl = peers.environment(folder / "trl", "trl", share_packages=True) if has_peer else None

    def prepare(self) -> None:
        """Write the checkpoint and enough conversations for each run to use every one at most once."""
        shutil.rmtree(self._workspace, ignore_errors=True)
        for questions, steps in STEPS[self._prefix].items():
            images = -(-max(steps, ROW_STEPS[self._prefix]) * BATCH_QUESTIONS // questions)
            chat_data.write(self._workspace / "chat", images=images, questions_per_image=questions, seed=questions)
        model = [str(self._workspace / "model"), "--prefix", str(self._prefix)]
        self._run("model", [sys.executable, "-m", "tests.perf.support.moderate_model", *model])

    def fastest_rows(self, method: str) -> int:
        """Return the number of rows per forward pass that is fastest."""
        first, *others = TRIAL_ROWS[self._prefix]
        if not others:
            return first
        speeds = {n: self.train(Run(method, 8, TRIAL_STEPS, n))["questions_per_s"] for n in (first, *others)}
        return max(speeds, key=speeds.__getitem__)

    def train(self, run: Run) -> dict[str, float]:
        """Return the questions per second after the first step, and the peak memory."""
        result, peak_gb = self._run(
            run.name, self._trl_command(run) if run.method == "trl" else self._pcult_command(run)
        )
        log = result["log"] if run.method == "trl" else result["stages"][-1]["log"]
        questions, seconds = (log[-1][key] - log[0][key] for key in ("questions", "seconds"))
        figures = {"questions_per_s": questions / seconds, "seconds": seconds, "peak_gb": peak_gb}
        if run.method != "trl":
            figures["tokens_per_question"] = result["stages"][-1]["tokens"] / result["stages"][-1]["questions"]
        click.echo(f"{run.name}: {figures}", err=True)
        return figures

    def data_path(self, run: Run) -> dict[str, float]:
        """Return the time for building all batches of a run, and their tokens and targets."""
        recipe = self._recipe(run, "epochs = 1")
        command = [sys.executable, "-m", "tests.perf.training.data_path", str(recipe), str(self._workspace)]
        return self._run(f"{run.name}-data", command)[0]

    def counts(self, questions: int) -> dict[str, Any]:
        """Return the tokens and targets of both sides for the same rows, and TRL's version.

        Raises:
            ClickException: they do not have a loss on equally many tokens.
        """
        run = Run("rows", questions)
        pcult = self.data_path(run)
        trl = self._run(f"trl-k{questions}-count", self._trl_command(run, "--count"))[0]
        if pcult["targets"] != trl["targets"]:
            raise click.ClickException(f"{pcult['targets']} targets in the project's rows, {trl['targets']} in TRL's")
        counts = {key: pcult[key] for key in ("questions", "targets", "tokens")}
        return counts | {"tokens_trl": trl["tokens"], "trl": trl["version"]}

    @property
    def _workspace(self) -> Path:
        return self._folder / "workspace"

    def _pcult_command(self, run: Run) -> list[str]:
        recipe = self._recipe(run, f"steps = {run.steps}")
        command = [sys.executable, "-m", "pangea_cultural", "train", str(recipe), "--workspace", str(self._workspace)]
        return [*command, "--restart", "--overwrite", "--json", "--quiet"]

    def _recipe(self, run: Run, length: str) -> Path:
        path = self._folder / f"{run.name}.toml"
        path.write_text(
            RECIPE.format(
                name=run.name,
                threads=THREADS,
                file=f"k{run.questions}.json",
                length=length,
                batch=BATCH_QUESTIONS,
                questions=run.questions,
                packing=run.method,
                max_length=self._prefix + TEXT_TOKENS[run.questions],
                rows=run.rows,
            )
        )
        return path

    def _trl_command(self, run: Run, *options: str) -> list[str]:
        settings = {"steps": run.steps, "batch-questions": BATCH_QUESTIONS, "rows": run.rows, "threads": THREADS}
        arguments = [f"--{name}={value}" for name, value in settings.items()]
        program, conversations = (
            Path(__file__).parents[1] / "support/trl_peer.py",
            self._workspace / f"chat/k{run.questions}.json",
        )
        # -P: do not import modules from the program's folder.
        return [
            str(self._trl),
            "-P",
            str(program),
            str(self._workspace / "model"),
            str(conversations),
            *arguments,
            *options,
        ]

    def _run(self, name: str, command: list[str]) -> tuple[Any, float]:
        """Run a command and return the JSON that it prints, and its peak memory in GB."""
        output, log = (self._folder / f"{name}.{suffix}" for suffix in ("json", "log"))
        with output.open("wb") as stdout, log.open("wb") as stderr:
            try:
                peak_gb = process.peak_gb(command, stdout=stdout, stderr=stderr)
            except click.ClickException as error:
                raise click.ClickException(f"{error.message}\n{log.read_text()[-2000:]}") from error
        return json.loads(output.read_bytes() or "null"), peak_gb


@click.command()
@click.option(
    "--folder", type=click.Path(path_type=Path), required=True, help="For the model, the data and TRL's venv."
)
@click.option("--rounds", default=1, show_default=True, help="The medians count.")
@click.option("--prefix", type=click.Choice([*STEPS]), default=600, show_default=True, help="Tokens of an image.")
@click.option("--peer/--no-peer", "has_peer", default=True, show_default=True, help="Measure TRL as well.")
def main(folder: Path, rounds: int, prefix: int, has_peer: bool) -> None:
    """Measure training."""
    bench = Bench(folder.resolve(), prefix, has_peer)
    bench.prepare()
    counts = bench.counts(8) if has_peer else {}
    methods = METHODS if has_peer else METHODS[:2]
    rows = {method: bench.fastest_rows(method) for method in methods[1:]}
    runs: dict[str, list[dict[str, float]]] = {}
    for _ in range(rounds):
        for questions, steps in STEPS[prefix].items():
            # With one question per image, both packings have the same rows, and so the same rows per pass.
            shared = Run("shared", questions, steps, rows["rows"] if questions == 1 else 1)
            runs.setdefault(f"shared k{questions}", []).append(bench.train(shared))
            for method in methods[1:]:
                run = Run(method, questions, ROW_STEPS[prefix], rows[method])
                runs.setdefault(f"{method} k{questions}", []).append(bench.train(run))
    data_paths = {questions: bench.data_path(Run("shared", questions)) for questions in TEXT_TOKENS}
    medians = {name: _median(repeats) for name, repeats in runs.items()}
    details = {"counts": counts, "rows_in_a_pass": rows, "runs": runs}
    details["data_path"] = {str(questions): run for questions, run in data_paths.items()}
    record.write(f"train_throughput_{prefix}", figures(medians, data_paths), details=details)
    click.echo(markdown(medians))


def _median(runs: list[dict[str, float]]) -> dict[str, float]:
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def figures(medians: dict[str, dict[str, float]], data_paths: dict[int, dict[str, float]]) -> dict[str, float]:
    """Return the figures of the benchmark."""
    speeds = {name: run["questions_per_s"] for name, run in medians.items()}
    ratios = {
        f"ratio_vs_{method}_k{questions}": speeds[f"shared k{questions}"] / speeds[f"{method} k{questions}"]
        for method in METHODS[1:]
        for questions in TEXT_TOKENS
        if f"{method} k{questions}" in speeds
    }
    for questions in TEXT_TOKENS:
        tokens = [medians[f"{method} k{questions}"]["tokens_per_question"] for method in ("rows", "shared")]
        ratios[f"share_of_token_bound_k{questions}"] = ratios[f"ratio_vs_rows_k{questions}"] * tokens[1] / tokens[0]
    peaks = {
        f"peak_gb_{method}_k8": medians[f"{method} k8"]["peak_gb"] for method in METHODS if f"{method} k8" in medians
    }
    data_path = {n: run["questions"] / run["seconds"] / speeds[f"shared k{n}"] for n, run in data_paths.items()}
    return ratios | peaks | {"data_path_ratio": min(data_path.values())}


def markdown(medians: dict[str, dict[str, float]]) -> str:
    """Print questions per second and peak memory, with a row per number of questions per image."""
    methods = [method for method in METHODS if f"{method} k1" in medians]
    lines = [" | ".join(["| questions per image", *methods]) + " |", "|---" * (len(methods) + 1) + "|"]
    for questions in TEXT_TOKENS:
        runs = [medians[f"{method} k{questions}"] for method in methods]
        cells = [f"{run['questions_per_s']:.2f} ({run['peak_gb']:.1f} GB)" for run in runs]
        lines.append(" | ".join([f"| {questions}", *cells]) + " |")
    return "\n".join(["Questions per second (peak memory)", "", *lines])


if __name__ == "__main__":
    main()
