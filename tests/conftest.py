"""Fixtures of several packages: a tiny checkpoint, its export, and one real vLLM server per session."""

import contextlib
import gc

import psutil
import pytest

from pangea_cultural.dataset.export import Export
from pangea_cultural.utils.files import sha256_file, write_json
from tests.helpers import tiny
from tests.helpers.processes import still_running


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Distribute tests by group, slow groups first."""
    from tests.xdist_scheduler import GroupScheduling

    config.option.loadscopereorder = False
    return GroupScheduling(config, log)


def pytest_collection_modifyitems(items):
    """Order tests for several workers; the order within a file stays."""
    from tests.xdist_scheduler import rank

    items.sort(key=lambda item: rank(item.nodeid.partition("::")[0]))


@pytest.fixture(scope="module", autouse=True)
def frozen_imports():
    """Keep what is imported out of garbage collections.

    torch and transformers have a million objects. transformers collects garbage after each training, which takes longer
    than the training of a few steps.
    """
    gc.collect()
    gc.freeze()


def pytest_unconfigure():
    """Let the interpreter collect everything at its end: DuckDB's binding reports what is left as a leak."""
    gc.unfreeze()


@pytest.fixture(scope="session")
def workspace(tmp_path_factory):
    """A workspace with an export and a checkpoint with random weights, whose record names languages of a training.

    The checkpoint was converted to the original layout and back, so that serving it tests converted checkpoints.
    """
    from pangea_cultural.model.convert import convert

    folder = tmp_path_factory.mktemp("workspace")
    tiny.write_export(folder / "exports/sample")
    convert(tiny.checkpoint(folder / "random"), folder / "original")
    checkpoint = folder / "checkpoints/tiny"
    convert(folder / "original", checkpoint)
    weights = {path.name: sha256_file(path) for path in checkpoint.glob("*.safetensors")}
    record = {"languages": ["de", "en"], "statements": ["Trained in: German, English."], "weights_sha256": weights}
    write_json(checkpoint / "training.json", record)
    return folder


@pytest.fixture(scope="session")
def export(workspace) -> Export:
    return Export.open(workspace / "exports/sample")


@pytest.fixture(scope="session")
def server(workspace):
    """A real vLLM server of the checkpoint, with an API key, an access log and a short time for requests to arrive.

    Its engine has no worker process, as by default on two cores: to import vLLM takes 13 seconds of processor time in
    each process.
    """
    from serve.gateway.keys import add_key
    from serve.gateway.settings import Settings
    from serve.logs import access_log
    from serve.server import Server

    with contextlib.ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
            # The log then lists vLLM's routes.
            patch.setenv("VLLM_LOGGING_LEVEL", "INFO")
            checkpoint, log = workspace / "checkpoints/tiny", workspace / "logs/vllm.log"
            keys = workspace / "keys.txt"
            add_key(keys, "first")
            settings = Settings(
                access_log=str(access_log(log)),
                read_s=4,
                keys_file=str(keys),
                media_domains=("localhost:9", "images.invalid"),
            )
            running = stack.enter_context(Server(checkpoint, log=log, api_key="secret", settings=settings))
        family = [psutil.Process(running.pid), *psutil.Process(running.pid).children(recursive=True)]
        yield running
    assert still_running(family) == [], "the server was stopped with its workers"
