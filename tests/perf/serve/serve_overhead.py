"""The gateway's time for a request, and questions per second compared with vLLM alone.

    python -m tests.perf.serve.serve_overhead --folder /tmp/serve

The time of a request is that of the gateway before an application that answers at once, less that of the application:
50 keys, a rate, and the access log are on. vLLM has the same flags with and without the gateway; both take turns.
"""

import asyncio
import statistics
import time
from pathlib import Path
from typing import Any

import click

from serve.gateway.guard import Gateway
from serve.gateway.keys import digest_of
from serve.gateway.settings import Settings
from serve.server import Server
from serve.vllm_flags import MIDDLEWARE
from tests.helpers import tiny
from tests.perf.serve import clients
from tests.perf.support import record
from tests.serve.gateway.asgi import KEY, chat

REQUESTS = 5000
ROUNDS = 5
KEYS = 50
CLIENTS = 32


class BareServer(Server):
    """vLLM with the flags of `pcult serve`, without the gateway."""

    def command(self) -> list[str]:
        """Return the command without the middleware."""
        return [part for part in super().command() if part != f"--middleware={MIDDLEWARE}"]

    def environment(self) -> dict[str, str]:
        """Return the environment with vLLM's own reader of images."""
        return super().environment() | {"VLLM_MEDIA_CONNECTOR": "http"}


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="For a checkpoint and logs.")
@click.option("--questions", default=400, show_default=True)
@click.option("--only-gateway", is_flag=True, help="Measure only the time of a request, without vLLM.")
def main(folder: Path, questions: int, only_gateway: bool) -> None:
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
    rates: dict[type[Server], list[float]] = {Server: [], BareServer: []}
    checkpoint = tiny.checkpoint(folder / "tiny")
    for kind in (BareServer, Server, Server, BareServer):
        rates[kind].append(rate(kind, checkpoint, folder, questions))
        click.echo(f"{kind.__name__}: {rates[kind][-1]:.1f} questions/s")
    figures["ratio_vs_bare_vllm"] = statistics.mean(rates[Server]) / statistics.mean(rates[BareServer])
    record.write("serve_overhead", figures, details={kind.__name__: values for kind, values in rates.items()})


def rate(kind: type[Server], checkpoint: Path, folder: Path, questions: int) -> float:
    """Return questions per second of a server: the median of three rounds with new images each."""
    made = clients.bodies("tiny", 4 * questions)
    with kind(checkpoint, log=folder / f"{kind.__name__}.log", api_key=KEY if kind is Server else None) as server:
        clients.ask(server.url, made[:questions], clients=CLIENTS, key=KEY)
        found = []
        for number in range(1, 4):
            part = made[number * questions : (number + 1) * questions]
            outcome = clients.ask(server.url, part, clients=CLIENTS, key=KEY)
            if outcome.lost:
                raise click.ClickException(f"{outcome.lost} requests without an answer")
            found.append(questions / outcome.seconds)
    return statistics.median(found)


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
    """Return the seconds of many requests, one after another."""
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

    began = time.perf_counter()
    for _ in range(REQUESTS):
        await app(dict(scope), receive, send)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
