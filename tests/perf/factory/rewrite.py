"""Throughput of rewriting, compared with a bare asyncio client that sends the same prompts to the same server.

    python -m tests.perf.factory.rewrite --folder /tmp/rewrite

The server is a real vLLM with a small model of random weights. The clients share its processor. A usual model on
its own machine leaves more time to its client. The stage also reads questions, checks answers and writes them.
"""

import asyncio
import shutil
import statistics
import time
from pathlib import Path
from typing import Any

import aiohttp
import click

from factory import pipeline
from factory.recipe import load
from factory.refine import prompts, rows
from factory.refine.config import RefineConfig
from factory.refine.flow import FIXED_TOKENS, MOST_TOKENS, Flow
from factory.store.store import Store
from pangea_cultural.config import find
from pangea_cultural.endpoint.address import Address
from pangea_cultural.endpoint.chat import ChatPool
from pangea_cultural.utils.console import Reporter
from pangea_cultural.workspace import Workspace
from serve.server import Server
from tests.helpers import tiny
from tests.perf.support import record

TARGET = 0.95
CONCURRENCY = 64


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="For store and checkpoint; 1 GB.")
@click.option("--questions", default=450, show_default=True, help="Questions to rewrite.")
@click.option("--rounds", default=5, show_default=True, help="Rounds in which the two take turns.")
def main(folder: Path, questions: int, rounds: int) -> None:
    """Send the same prompts with the stage and with a bare client."""
    shutil.rmtree(folder, ignore_errors=True)
    workspace = Workspace(folder / "workspace")
    workspace.create()
    recipe = load(find("recipe", "sample", "factory.recipes"))
    with Store.open(workspace.store) as store:
        task = pipeline.Build(store=store, recipe=recipe, workspace=workspace, reporter=Reporter())
        pipeline.run(task, until="questions")
        with Server(tiny.checkpoint(folder / "tiny"), log=folder / "vllm.log") as server:
            config = RefineConfig(
                model=server.model,
                endpoints=[{"url": server.url}],
                limit=questions,
                max_bad_share=1,
                concurrency=CONCURRENCY,
            )
            rows.register(store)
            rows.choose(store, config)
            bodies = _bodies(store, config)
            times = _take_turns(store, config, server.url, bodies, rounds)
    stage_times, bare = (statistics.median(values) for values in times)
    ratios = [theirs / own for own, theirs in zip(*times, strict=True)]
    figures = {
        "requests": len(bodies),
        "requests_per_s": len(bodies) / stage_times,
        "requests_per_s_bare": len(bodies) / bare,
        # The two runs of a round have the same minute of the machine.
        "ratio_vs_bare_client": statistics.median(ratios),
    }
    record.write("rewrite", figures, details={"ratios": [round(ratio, 3) for ratio in ratios], "target": TARGET})


def _bodies(store: Store, config: RefineConfig) -> list[dict[str, Any]]:
    """Return the requests of the stage."""
    prompt, found = prompts.load(config.prompt), {}
    for first, last in rows.ranges(store):
        for row in rows.inputs(store, config, first, last):
            original = row.original
            keep = [names[0] for names in original.kept()]
            size = len((original.question + original.sentence).encode())
            form = {"name": "answer", "schema": prompts.SCHEMA, "strict": True}
            found[row.key] = {
                "model": config.model,
                "messages": prompt.messages(original.language, original.question, original.sentence, keep),
                "max_tokens": min(FIXED_TOKENS + size, MOST_TOKENS),
                "temperature": 0,
                "response_format": {"type": "json_schema", "json_schema": form},
            }
    return list(found.values())


def _take_turns(
    store: Store, config: RefineConfig, url: str, bodies: list[dict[str, Any]], rounds: int
) -> tuple[list[float], list[float]]:
    """Return the seconds of the stage and of the bare client in each round. The first round is not counted."""
    stage_times, bare = [], []
    for number in range(rounds + 1):
        for name in ("stage", "bare") if number % 2 else ("bare", "stage"):
            seconds = asyncio.run(_rewrite(store, config)) if name == "stage" else asyncio.run(_send(url, bodies))
            if number:
                (stage_times if name == "stage" else bare).append(seconds)
    return stage_times, bare


async def _rewrite(store: Store, config: RefineConfig) -> float:
    for table in ("refinement", "rewrite"):
        store.execute(f"DELETE FROM {table}")
    began = time.monotonic()
    with Reporter(quiet=True).bar("refine", None) as bar:
        addresses = [Address(url=endpoint.url, model=config.model) for endpoint in config.endpoints]
        async with ChatPool(addresses, concurrency=config.concurrency) as pool:
            await Flow(store, config, pool, bar).run(rows.ranges(store))
    return time.monotonic() - began


async def _send(url: str, bodies: list[dict[str, Any]]) -> float:
    began = time.monotonic()
    slots = asyncio.Semaphore(CONCURRENCY)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONCURRENCY)) as session:

        async def send(body: dict[str, Any]) -> str:
            async with slots, session.post(f"{url}/chat/completions", json=body) as response:
                return (await response.json())["choices"][0]["message"]["content"]

        await asyncio.gather(*map(send, bodies))
    return time.monotonic() - began


if __name__ == "__main__":
    main()
