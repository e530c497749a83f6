"""Starting a server that cannot start: one clear line each."""

import asyncio
import socket
import subprocess
import sys
import time

import psutil
import pytest

from pangea_cultural.endpoint.client import MAX_IMAGE_BYTES, Endpoint, data_url
from pangea_cultural.errors import UserError
from pangea_cultural.utils import child_process
from serve import vllm_flags
from serve.cli import example
from serve.server import Server
from tests.helpers.processes import outliving


def test_a_folder_without_a_checkpoint_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match=r"tokenizer.json, processor_config.json, \*.safetensors missing"):
        Server(tmp_path, log=tmp_path / "log")
    with pytest.raises(UserError, match="No checkpoint at"):
        Server(tmp_path / "none", log=tmp_path / "log")


def test_a_port_in_use_is_refused(workspace, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=f"Port {port} is in use"):
            Server(workspace / "checkpoints/tiny", log=tmp_path / "log", port=port)


def test_a_broken_checkpoint_quotes_the_log(workspace, tmp_path):
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(workspace / "checkpoints/tiny", broken)
    (broken / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(UserError, match=r"vLLM did not start: .*whole log"), Server(broken, log=tmp_path / "log"):
        pass


def test_no_endpoint_says_how_to_start_one():
    async def ask():
        async with Endpoint("http://127.0.0.1:9/v1", timeout_s=2) as endpoint:
            await endpoint.answer(None, "Hello")

    with pytest.raises(UserError, match="pcult serve"):
        asyncio.run(ask())


def test_a_huge_image_is_not_sent():
    with pytest.raises(UserError, match="Make it smaller"):
        data_url(b"x" * (MAX_IMAGE_BYTES + 1))


def test_the_key_goes_through_the_environment(workspace):
    config = vllm_flags.check_checkpoint(workspace / "checkpoints/tiny")
    assert vllm_flags.environment("secret")["VLLM_API_KEY"] == "secret"
    assert not any("secret" in flag for flag in vllm_flags.flags(config))


def test_the_example_can_be_pasted(tmp_path):
    """The shell parses it, and the body that curl would send is JSON with the image."""
    (tmp_path / "image.png").write_bytes(b"png")
    (tmp_path / "curl").write_text('#!/bin/sh\nfor last; do :; done\nprintf %s "$last"\n')
    (tmp_path / "curl").chmod(0o755)
    line = example("http://127.0.0.1:8000/v1", "tiny", None)
    result = subprocess.run(f"PATH={tmp_path}:$PATH; {line}", shell=True, cwd=tmp_path, capture_output=True, text=True)
    import json

    body = json.loads(result.stdout)
    assert body["messages"][0]["content"][0]["image_url"]["url"] == "data:image/png;base64,cG5n"


@pytest.mark.serving
def test_ctrl_c_stops_all_workers(workspace):
    import signal

    import psutil

    command = [sys.executable, "-m", "pangea_cultural", "serve", str(workspace / "checkpoints/tiny"), "--port", "0"]
    server = subprocess.Popen(
        [*command, "--workspace", str(workspace / "other")],
        stdout=subprocess.PIPE,
        text=True,
        # What runs in a shell's background ignores Ctrl-C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert "Serving tiny at http://127.0.0.1:" in server.stdout.readline()
    family = psutil.Process(server.pid).children(recursive=True)
    assert family
    server.send_signal(signal.SIGINT)
    assert server.wait(60) == 0
    assert outliving(family) == []


PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, sys.argv[1], str(os.getpid()), "/bin/sleep", "60"], start_new_session=True)
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has died")
def test_a_killed_parent_leaves_no_server_behind():
    parent = subprocess.Popen([sys.executable, "-c", PARENT, child_process.__file__], stdout=subprocess.PIPE)
    orphan = psutil.Process(int(parent.stdout.readline()))
    while orphan.name() != "sleep":
        time.sleep(0.02)
    parent.kill()
    parent.wait()
    assert outliving([orphan]) == []
