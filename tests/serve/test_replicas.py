"""Two replicas behind one address. The start takes minutes on two cores, so `make test` leaves this out."""

import asyncio
import os
import re
import signal
import time
import urllib.request

import psutil
import pytest

from pangea_cultural.endpoint.client import Endpoint
from pangea_cultural.endpoint.concurrency import gather
from pangea_cultural.endpoint.failures import NoAnswerError
from serve.server import Server
from serve.vllm_flags import replica_flags

pytestmark = [
    pytest.mark.serving,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not os.environ.get("PCULT_REPLICAS"), reason="set PCULT_REPLICAS=1, see tests/README.md"),
]


def answered(server):
    """Return the number of answers of each replica."""
    with urllib.request.urlopen(server.url.removesuffix("/v1") + "/metrics") as response:
        text = response.read().decode()
    lines = re.findall(r'vllm:request_success_total\{engine="(\d)".*finished_reason="(?:stop|length)".*\} (\S+)', text)
    found = {}
    for engine, number in lines:
        found[engine] = found.get(engine, 0) + float(number)
    return found


def ask(server, number):
    async def run():
        async with Endpoint(server.url) as endpoint:
            return await gather(lambda n: endpoint.answer(None, f"Hello {n}", max_tokens=3), range(number))

    return asyncio.run(run())


def test_replicas_share_requests_and_end_together(workspace, tmp_path):
    with Server(workspace / "checkpoints/tiny", log=tmp_path / "vllm.log", flags=replica_flags(2)) as server:
        before = answered(server)
        assert before == {"0": 2, "1": 2}, "both have had the first requests"
        assert len(ask(server, 40)) == 40
        gained = {engine: number - before[engine] for engine, number in answered(server).items()}
        assert sum(gained.values()) == 40 and min(gained.values()) > 5

        family = psutil.Process(server.pid).children(recursive=True)
        (replica,) = [child for child in family if "EngineCore_DP1" in " ".join(child.cmdline())]
        replica.send_signal(signal.SIGKILL)
        deadline = time.monotonic() + 60
        while server.poll() is None and time.monotonic() < deadline:
            time.sleep(0.5)
        assert server.poll() is not None, "a service manager sees that it has ended"
        with pytest.raises(NoAnswerError):
            ask(server, 1)
