"""Clients that ask at the same time: requests, lost ones, and times of answers.

python -m tests.perf.serve.serve_load --folder /tmp/serve
"""

import statistics
from pathlib import Path

import click

from serve.server import Server
from tests.helpers import tiny
from tests.perf.serve import clients
from tests.perf.support import record

IMAGES = 200


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="For a checkpoint and logs.")
@click.option("--number", "num_clients", default=64, show_default=True, help="Clients.")
@click.option("--seconds", default=60.0, show_default=True)
def main(folder: Path, num_clients: int, seconds: float) -> None:
    """Ask for a time, and count."""
    folder.mkdir(parents=True, exist_ok=True)
    with Server(tiny.checkpoint(folder / "tiny"), log=folder / "load.log", api_key="key") as server:
        made = clients.bodies(server.model, IMAGES)
        outcome = clients.ask(
            server.url, made, clients=num_clients, seconds=seconds, headers={"Authorization": "Bearer key"}
        )
    ordered = statistics.quantiles(outcome.latencies, n=100)
    figures = {
        "clients": num_clients,
        "requests": outcome.requests,
        "lost": outcome.lost,
        "seconds": outcome.seconds,
        "median_s": ordered[49],
        "p99_s": ordered[98],
    }
    record.write("serve_load", figures)


if __name__ == "__main__":
    main()
