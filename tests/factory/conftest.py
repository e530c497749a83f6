"""Fixtures of the factory: a SPARQL server (Oxigraph) and a finished build of castles."""

import contextlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from factory.audit import audit as auditing
from pangea_cultural.dataset.export import SPLITS, Export, questions_name
from pangea_cultural.utils.files import sha256_file
from tests.helpers import world


class Oxigraph:
    """A running server on this machine."""

    def __init__(self, host):
        self.host = host
        self.url = f"http://{host}/query"

    def load(self, triples):
        """Replace the content of the server by N-Triples."""
        request = urllib.request.Request(f"http://{self.host}/store?default", triples.encode(), method="PUT")
        request.add_header("Content-Type", "application/n-triples")
        urllib.request.urlopen(request, timeout=30).close()


def free_port():
    """Return a port that no server uses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextlib.contextmanager
def serving(log, *options):
    """Run a server with options, and yield its host and port."""
    binary = shutil.which("oxigraph", path=str(Path(sys.executable).parent)) or shutil.which("oxigraph")
    assert binary, "the package oxigraph of the dev extra is missing"
    host = f"127.0.0.1:{free_port()}"
    command = [binary, "serve", "--bind", host, *options]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            _wait(process, host, log)
            yield host
        finally:
            process.terminate()


def _wait(process, host, log):
    """Wait until the server answers."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return Oxigraph(host).load("")
        except OSError:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)


@pytest.fixture(scope="session")
def oxigraph(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("oxigraph") / "log") as host:
        yield Oxigraph(host)


@pytest.fixture(scope="session", autouse=True)
def audited_once():
    """Audit equal question files once: many builds of the tests make the same ones, and an audit takes a third of each.

    The tests of the audit call it themselves.
    """
    results, audit = {}, auditing.audit

    def audit_once(source, **options):
        files = [source / questions_name(split) for split in SPLITS]
        key = *[sha256_file(path) if path.is_file() else "" for path in files], repr(options)
        if key not in results:
            results[key] = audit(source, **options)
        return results[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auditing, "audit", audit_once)
        yield


@pytest.fixture(scope="session")
def castles(tmp_path_factory):
    """A folder with the recipe of `world` in world/ and its build in workspace/; tests leave the build unchanged."""
    folder = tmp_path_factory.mktemp("castles")
    world.build(world.write(folder / "world"), folder / "workspace")
    return folder


@pytest.fixture(scope="session")
def castle_export(castles):
    return Export.open(castles / "workspace/exports/castles")


@pytest.fixture(scope="session")
def in_formats(castle_export, tmp_path_factory):
    """A folder with the castles in each format, by its name."""
    # Most tests of the factory write no other format.
    from factory.exchange.formats.registry import FORMATS
    from tests.factory.exchange import exported

    folder = tmp_path_factory.mktemp("formats")
    for name in FORMATS:
        exported.write(castle_export, name, folder / name)
    return folder
