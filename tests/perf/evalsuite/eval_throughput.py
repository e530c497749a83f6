"""Throughput of an evaluation, compared with a bare client and with lmms-eval.

    python -m tests.perf.evalsuite.eval_throughput --folder /tmp/throughput

The server is a real vLLM with a small model, on one core; the clients have another one. Caches of prefixes and images
are off, because the second client of a round would profit from them. `--memory` compares the peak memory of evaluations
of 500 and of 20,000 questions instead.
"""

import base64
import io
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import orjson
from PIL import Image, ImageChops

from pangea_cultural.utils.files import read_json
from serve.server import Server
from tests.helpers import tiny
from tests.perf.evalsuite import textvqa_data
from tests.perf.support import peers, record

LMMS_EVAL = "lmms-eval==0.7.3"
SERVER_CORE, CLIENT_CORE = 0, 1
TOKENS = 16
ORDER = ("bare", "pcult", "lmms-eval", "lmms-eval, tuned")
LMMS_SETTINGS = {"lmms-eval": (32, "PNG"), "lmms-eval, tuned": (64, "JPEG")}
"""Requests at a time and format of images: the defaults, and what its users set for speed."""
CLIENTS = "tests.perf.evalsuite.throughput_clients"
CLOCK = Path(__file__).parents[1] / "support/http_clock"
NUM_SMALL, NUM_LARGE = 500, 20_000


UNCACHED = ("--no-enable-prefix-caching", "--mm-processor-cache-gb=0")


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="For data and environments; 4 GB.")
@click.option("--questions", default=500, show_default=True)
@click.option("--images", default=250, show_default=True, help="Number of different images.")
@click.option("--rounds", default=3, show_default=True, help="Rounds, each in one order and in the opposite one.")
@click.option("--memory", is_flag=True, help="Compare the memory for 500 and for 20,000 questions.")
def main(folder: Path, questions: int, images: int, rounds: int, memory: bool) -> None:
    """Ask the same questions with each client in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    os.sched_setaffinity(0, {SERVER_CORE})
    with Server(tiny.checkpoint(folder / "tiny"), log=folder / "vllm.log", flags=UNCACHED) as server:
        if memory:
            compare_memory(folder, server.url)
            return
        python = peers.environment(folder / "lmms-eval", LMMS_EVAL, share_packages=True)
        shutil.rmtree(folder / "data", ignore_errors=True)
        textvqa_data.write(folder / "data", questions, images)
        textvqa_data.write_lmms_task(folder / "task", folder / "data", TOKENS)
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in ORDER}
        for number in range(rounds):
            for place, name in enumerate([*ORDER, *reversed(ORDER)]):
                out = folder / f"out/{number}-{place}"
                runs[name].append(run(name, folder, out, server, python))
                click.echo(f"{name}: {runs[name][-1]['seconds']:.1f} s")
    require_equal_requests(runs)
    record.write("eval_throughput", figures(runs, questions), details=details(runs))


def run(name: str, folder: Path, out: Path, server: Server, python: Path) -> dict[str, Any]:
    """Ask all questions with a client; return its clock, its answers and its peak memory."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    clock = out / "clock.json"
    settings = {"HTTP_CLOCK": str(clock), "PYTHONPATH": f"{CLOCK}:{Path.cwd()}", "HF_HUB_OFFLINE": "1"}
    if name in LMMS_SETTINGS:
        concurrency, image_format = LMMS_SETTINGS[name]
        settings |= {"LMMS_IMAGE_ENCODE_FORMAT": image_format, "OPENAI_API_KEY": "none", "WANDB_MODE": "disabled"}
        model = f"model={server.model},base_url={server.url},api_key=none,timeout=600,num_concurrent={concurrency}"
        command = [python, "-m", "lmms_eval", "--model", "openai", "--model_args", model, "--tasks", "textvqa_perf"]
        command += ["--include_path", folder / "task", "--batch_size", 1, "--log_samples", "--output_path", out]
    else:
        command = [sys.executable, "-m", CLIENTS, name, "--endpoint", server.url]
        command += ["--data", folder / "data", "--out", out, "--max-tokens", TOKENS]
    pinned = ["env", *[f"{key}={value}" for key, value in settings.items()], "taskset", "-c", CLIENT_CORE, *command]
    with (out / "log").open("wb") as log:
        subprocess.run([str(part) for part in pinned], stdout=log, stderr=subprocess.STDOUT, check=True)
    return read_json(clock) | {"answers": answers(out)}


def answers(out: Path) -> dict[str, str]:
    """Return the answers of a client by question."""
    if (out / "answers.json").exists():
        return read_json(out / "answers.json")
    (samples,) = out.rglob("*samples*.jsonl")
    rows = [orjson.loads(line) for line in samples.read_bytes().splitlines()]
    # One answer is a text, several are a list.
    return {str(row["doc_id"]): row["filtered_resps"] for row in rows}


def require_equal_requests(runs: dict[str, list[dict[str, Any]]]) -> None:
    """Compare the first requests of all clients: texts, tokens, and pixels unless JPEG was encoded again.

    Raises:
        ClickException: a client asks something else, or a request failed.
    """
    expected = {text: image for text, image, _ in map(_parts, runs["bare"][0]["bodies"])}
    for name, clocks in runs.items():
        for clock in clocks:
            if clock["failed"]:
                raise click.ClickException(f"{clock['failed']} requests of {name} failed.")
            for text, image, limits in map(_parts, clock["bodies"]):
                lossy = name == "lmms-eval, tuned"
                same = text not in expected or lossy or not ImageChops.difference(image, expected[text]).getbbox()
                if not same or limits != (TOKENS, 0):
                    raise click.ClickException(f"{name} asks something else.")


def _parts(body: str) -> tuple[str, Image.Image, tuple[int, float]]:
    request = orjson.loads(body)
    first, second = request["messages"][0]["content"]
    content = base64.b64decode(first["image_url"]["url"].partition(",")[2])
    limits = (request["max_tokens"], request["temperature"])
    return second["text"], Image.open(io.BytesIO(content)).convert("RGB"), limits


def figures(runs: dict[str, list[dict[str, Any]]], questions: int) -> dict[str, float]:
    """Return speeds and ratios, from medians of all runs of a client."""
    seconds = {name: statistics.median(clock["seconds"] for clock in clocks) for name, clocks in runs.items()}
    found = {f"questions_per_s, {name}": questions / value for name, value in seconds.items()}
    ratios = {f"speed relative to {name}": seconds[name] / seconds["pcult"] for name in ORDER if name != "pcult"}
    equal = [
        # lmms-eval strips answers.
        statistics.mean(answers[key].strip() == text.strip() for key, text in runs["bare"][0]["answers"].items())
        for answers in (runs[name][0]["answers"] for name in ("pcult", "lmms-eval"))
    ]
    return found | ratios | {"equal answers, pcult": equal[0], "equal answers, lmms-eval": equal[1]}


def details(runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return times, processor time of the client for a question, memory and bytes of each client."""
    return {
        name: {
            "seconds": [round(clock["seconds"], 2) for clock in clocks],
            "client_cpu_ms": round(1000 * statistics.median(c["cpu_s"] / c["requests"] for c in clocks), 1),
            "peak_gb": round(max(clock["peak_gb"] for clock in clocks), 2),
            "mb_sent": round(clocks[0]["bytes"] / 1e6, 1),
        }
        for name, clocks in runs.items()
    }


def compare_memory(folder: Path, url: str) -> None:
    """Measure the peak memory of evaluations of few and of many questions about small images."""
    peaks = []
    for count in (NUM_SMALL, NUM_LARGE):
        data, out = folder / f"data-{count}", folder / f"memory-{count}"
        for path in (data, out):
            shutil.rmtree(path, ignore_errors=True)
        textvqa_data.write(data, count, 250, small=True)
        clock = folder / f"memory-{count}.json"
        settings = ["env", f"HTTP_CLOCK={clock}", f"PYTHONPATH={CLOCK}:{Path.cwd()}", "taskset", "-c", CLIENT_CORE]
        command = [*settings, sys.executable, "-m", CLIENTS, "pcult", "--endpoint", url, "--data", data, "--out", out]
        subprocess.run([str(part) for part in [*command, "--max-tokens", 1]], check=True)
        peaks.append(read_json(clock)["peak_gb"])
    ratio = {"peak_gb_500": peaks[0], "peak_gb_20000": peaks[1], "ratio": peaks[1] / peaks[0]}
    record.write("eval_memory", ratio)


if __name__ == "__main__":
    main()
