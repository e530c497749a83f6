"""The gateway's time for a request, and questions per second compared with vLLM alone.

    python -m tests.perf.serve.serve_overhead --folder /tmp/serve

The time of a request is the processor time of the gateway before an application that answers at once, less that of the
application. 50 keys, a rate and the access log are on. The comparison has one vLLM: a header switches the gateway and
its reader of images off, and rounds with and without it take turns.
"""

import asyncio
import operator
import statistics
import time
from pathlib import Path
from typing import Any

import click
import psutil

from serve.gateway.guard import Gateway
from serve.gateway.keys import digest_of
from serve.gateway.settings import Settings
from serve.server import Server
from serve.vllm_flags import MIDDLEWARE
from tests.helpers import tiny
from tests.perf.serve import clients, toggled
from tests.perf.support import record
from tests.serve.gateway.asgi import KEY, chat

REQUESTS = 1000
ROUNDS = 30
KEYS = 50
CLIENTS = 32


class ToggledServer(Server):
    """vLLM with the gateway, which a header of requests switches off."""

    def command(self) -> list[str]:
        """Return the command with the other middleware."""
        replaced = {f"--middleware={MIDDLEWARE}": f"--middleware={toggled.MIDDLEWARE}"}
        return [replaced.get(part, part) for part in super().command()]

    def environment(self) -> dict[str, str]:
        """Return the environment with the other reader of images."""
        return super().environment() | {"VLLM_MEDIA_CONNECTOR": toggled.NAME}


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="For a checkpoint and logs.")
@click.option("--questions", default=200, show_default=True, help="Questions of a round.")
@click.option("--rounds", default=10, show_default=True, help="Rounds with and without the gateway.")
@click.option("--only-gateway", is_flag=True, help="Measure only the time of a request, without vLLM.")
def main(folder: Path, questions: int, rounds: int, only_gateway: bool) -> None:
    """Measure."""
    folder.mkdir(parents=True, exist_ok=True)
    image = clients.bodies("tiny", 1)[0]
    figures: dict[str, Any] = {
        "microseconds_text": overhead(folder, chat(max_tokens=64, temperature=0)),
        "microseconds_image": overhead(folder, image),
        "kb_image": len(image) / 1000,
    }
    if only_gateway:
        click.echo(figures)
        return
    seconds, processor = compare(tiny.checkpoint(folder / "tiny"), folder, questions, rounds)
    for name, values in (("ratio_vs_bare_vllm", seconds), ("ratio_of_processor_time", processor)):
        # Neighboring rounds are compared: other work changes slowly.
        figures[name] = statistics.median(map(operator.truediv, values["bare"], values["gateway"]))
    record.write("serve_overhead", figures, details={"seconds": seconds, "processor_seconds": processor})


def compare(
    checkpoint: Path, folder: Path, questions: int, rounds: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return seconds, and processor seconds of the server, for rounds with and without the gateway, in turn.

    Each question has an image of its own.
    """
    with_key = {"Authorization": f"Bearer {KEY}"}
    ways = {"bare": {"x-bare": "1"}, "gateway": with_key}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    processor: dict[str, list[float]] = {name: [] for name in ways}
    settings = Settings(access_log=str(folder / "access.jsonl"), rate="1000000/second")
    with ToggledServer(checkpoint, log=folder / "toggled.log", api_key=KEY, settings=settings) as server:
        for number in range(-1, rounds):
            for place, name in enumerate(ways if number % 2 else reversed(ways)):
                made = clients.bodies("tiny", questions, seed=2 * number + place + 2)
                before = processor_seconds(server)
                outcome = clients.ask(server.url, made, clients=CLIENTS, headers=ways[name])
                if outcome.lost:
                    raise click.ClickException(f"{outcome.lost} requests without an answer")
                # The first round is slower than the others.
                if number >= 0:
                    seconds[name].append(outcome.seconds)
                    processor[name].append(processor_seconds(server) - before)
    return seconds, processor


def processor_seconds(server: Server) -> float:
    """Return the processor time of a server and its workers."""
    process = psutil.Process(server.pid)
    times = [member.cpu_times() for member in (process, *process.children(recursive=True))]
    return sum(time.user + time.system for time in times)


def overhead(folder: Path, body: bytes) -> float:
    """Return the microseconds that the gateway adds to a request, as the least of several rounds."""
    digests = tuple((f"key-{number}", digest_of(f"other-{number}")) for number in range(KEYS - 1))
    settings = Settings(
        key_digests=(*digests, ("team", digest_of(KEY))),
        rate="1000000/second",
        access_log=str(folder / "access.jsonl"),
    )
    guarded = Gateway(answer, settings)
    seconds = {app: [asyncio.run(drive(app, body)) for _ in range(ROUNDS)] for app in (answer, guarded)}
    return (min(seconds[guarded]) - min(seconds[answer])) / REQUESTS * 1e6


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """Answer at once, as an application that has read the body."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    content = b'{"choices":[],"usage":{"prompt_tokens":7,"total_tokens":10,"completion_tokens":3}}'
    await send({"type": "http.response.body", "body": content})


async def drive(app: Any, body: bytes) -> float:
    """Return the seconds of processor time of many requests, one after another."""
    headers = [
        (b"host", b"127.0.0.1"),
        (b"content-type", b"application/json"),
        (b"authorization", f"Bearer {KEY}".encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    scope = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "root_path": "", "headers": headers}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        pass

    began = time.process_time()
    for _ in range(REQUESTS):
        await app(dict(scope), receive, send)
    return time.process_time() - began


if __name__ == "__main__":
    main()
