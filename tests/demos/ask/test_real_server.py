"""Streamed answers of a real vLLM server."""

import asyncio
import contextlib
import time
import urllib.request

import pytest
from PIL import Image

from demos.ask import answers
from demos.ask.answers import Target


@pytest.mark.serving
def test_a_closed_stream_ends_the_work_of_vllm(server, tmp_path):
    image = tmp_path / "image.png"
    Image.new("RGB", (64, 64), "red").save(image)

    def metric(name):
        request = urllib.request.Request(
            server.url.removesuffix("/v1") + "/metrics", headers={"Authorization": f"Bearer {server.api_key}"}
        )
        with urllib.request.urlopen(request, timeout=20) as response:
            lines = response.read().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    async def ask(most):
        target = Target(server.url, server.model, server.api_key)
        async with contextlib.aclosing(
            answers.stream(target, [{"role": "user", "content": "Tell me all."}], image)
        ) as stream:
            return [await anext(stream) for _ in range(most)]

    before = metric("vllm:generation_tokens_total")
    assert len(asyncio.run(ask(2))) == 2
    end = time.monotonic() + 10
    while metric("vllm:num_requests_running") and time.monotonic() < end:
        time.sleep(0.1)
    assert metric("vllm:num_requests_running") == 0
    assert metric("vllm:generation_tokens_total") - before < answers.MAX_TOKENS
