"""Clients of the benchmark of throughput, each started as a process of its own.

python -m tests.perf.evalsuite.throughput_clients pcult --endpoint URL --data DIR --out DIR
python -m tests.perf.evalsuite.throughput_clients bare --endpoint URL --data DIR --out DIR
"""

import asyncio
import os
import time
from dataclasses import replace
from pathlib import Path

import aiohttp
import click
import orjson
import pyarrow.parquet as pq

from evalsuite.benchmarks.mainstream import textvqa
from evalsuite.benchmarks.registry import PUBLISHED
from evalsuite.harness.published_model import message
from pangea_cultural.cli.main import pcult
from pangea_cultural.endpoint.client import model_name
from pangea_cultural.utils.files import write_json
from tests.perf.evalsuite.textvqa_data import REPO
from tests.perf.support.http_clock.sitecustomize import cpu_s, peak_gb

CONCURRENCY = 64


@click.command()
@click.argument("client", type=click.Choice(["pcult", "bare"]))
@click.option("--endpoint", required=True)
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--max-tokens", default=16, show_default=True)
def main(client: str, endpoint: str, data: Path, out: Path, max_tokens: int) -> None:
    """Ask all questions of the data set."""
    if client == "bare":
        write_json(Path(os.environ["HTTP_CLOCK"]), asyncio.run(bare(endpoint, data, out, max_tokens)))
        return
    PUBLISHED["textvqa"] = replace(textvqa.TEXTVQA, max_tokens=max_tokens)
    arguments = ["eval", "--endpoint", endpoint, "--tasks", "textvqa", "--data", data, "--workspace", out, "--quiet"]
    pcult([str(argument) for argument in [*arguments, "--out", out / "run", "--timeout", 600]], standalone_mode=False)
    rows = pq.read_table(out / "run/benchmarks/textvqa/answers.parquet", columns=["id", "prediction"]).to_pylist()
    write_json(out / "answers.json", {row["id"]: row["prediction"] for row in rows})


async def bare(endpoint: str, data: Path, out: Path, max_tokens: int) -> dict:
    """Send requests that are ready before the first one; return what the clock of httpx returns."""
    name = await asyncio.to_thread(model_name, endpoint)
    (file,) = (data / REPO).rglob("*.parquet")
    rows = pq.read_table(file).to_pylist()
    bodies = [
        orjson.dumps(
            {
                "model": name,
                "messages": [message(textvqa.prompt(row), [row["image"]["bytes"]])],
                "max_tokens": max_tokens,
                "temperature": 0,
            }
        )
        for row in rows
    ]
    slots, answers, failed = asyncio.Semaphore(CONCURRENCY), {}, 0
    began, cpu_began = time.monotonic(), cpu_s()
    headers = {"Content-Type": "application/json"}
    timeout = aiohttp.ClientTimeout(total=600)
    connector = aiohttp.TCPConnector(limit=CONCURRENCY)
    async with aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout) as session:

        async def send(row: dict, body: bytes) -> None:
            nonlocal failed
            async with slots, session.post(f"{endpoint}/chat/completions", data=body) as response:
                failed += response.status != 200
                answers[str(row["question_id"])] = (await response.json())["choices"][0]["message"]["content"]

        await asyncio.gather(*map(send, rows, bodies))
    seconds, cpu_seconds = time.monotonic() - began, cpu_s() - cpu_began
    write_json(out / "answers.json", answers)
    return {
        "requests": len(bodies),
        "failed": failed,
        "bytes": sum(map(len, bodies)),
        "bodies": [body.decode() for body in bodies[:8]],
        "seconds": seconds,
        "cpu_s": cpu_seconds,
        "peak_gb": peak_gb(),
    }


if __name__ == "__main__":
    main()
