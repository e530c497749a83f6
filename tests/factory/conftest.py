"""A real SPARQL server for the factory's tests: Oxigraph, with the RDF that a test gives it."""

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest


class Oxigraph:
    """A running server on this machine."""

    def __init__(self, host):
        self.host = host
        self.url = f"http://{host}/query"

    def load(self, triples):
        """Replace everything that the server holds by N-Triples."""
        request = urllib.request.Request(f"http://{self.host}/store?default", triples.encode(), method="PUT")
        request.add_header("Content-Type", "application/n-triples")
        urllib.request.urlopen(request, timeout=30).close()


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(scope="session")
def oxigraph(tmp_path_factory):
    binary = shutil.which("oxigraph", path=str(Path(sys.executable).parent)) or shutil.which("oxigraph")
    assert binary, "the package oxigraph of the dev extra is not installed"
    host = f"127.0.0.1:{free_port()}"
    log = tmp_path_factory.mktemp("oxigraph") / "log"
    with log.open("wb") as output, subprocess.Popen([binary, "serve", "-b", host], stdout=output, stderr=output) as run:
        try:
            server = Oxigraph(host)
            for _ in range(200):
                assert run.poll() is None, log.read_text()
                try:
                    server.load("")
                    break
                except OSError:
                    time.sleep(0.05)
            yield server
        finally:
            run.terminate()
