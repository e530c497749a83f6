"""The start and stop of the server, with a stub in place of vLLM; test_serving.py starts the real one."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import click
import psutil
import pytest

from pangea_cultural.cli import serving
from pangea_cultural.errors import UserError
from pangea_cultural.utils import child_process
from pangea_cultural.workspace import Workspace
from serve import logs, vllm_flags
from serve.cli import example
from serve.gateway.keys import digest_of
from serve.gateway.settings import Settings
from serve.logs import new_log
from serve.server import VLLM_MODULE, Server
from tests.helpers.processes import still_running
from tests.helpers.servers import vllm_stub


@pytest.fixture
def checkpoint(tmp_path):
    return vllm_stub.write_checkpoint(tmp_path / "checkpoints/tiny")


@pytest.fixture
def stub(tmp_path, monkeypatch):
    """Hides vLLM behind the stub, in this process and its children."""
    monkeypatch.setenv("PYTHONPATH", vllm_stub.install(tmp_path / "stub", VLLM_MODULE))


def test_host_that_others_reach_needs_keys(checkpoint, tmp_path):
    for host in ("0.0.0.0", "::"):
        with pytest.raises(UserError, match=f"Other machines reach {host}, and requests need no key. Make one"):
            Server(checkpoint, log=tmp_path / "log", host=host)
        assert Server(checkpoint, log=tmp_path / "log", host=host, api_key="x").settings.has_keys


def test_port_in_use_is_rejected(checkpoint, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=f"Port {port} is in use"):
            Server(checkpoint, log=tmp_path / "log", port=port)


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("192.0.2.1", "192.0.2.1 is not an address of this machine. Choose another with --host"),
        ("no-such-host.invalid", "is not the name of a machine. Choose an address of this one with --host"),
    ],
)
def test_host_of_another_machine_is_said(checkpoint, tmp_path, host, message):
    with pytest.raises(UserError, match=message):
        Server(checkpoint, log=tmp_path / "log", host=host)


def test_ipv6_address_is_in_brackets_in_the_url(checkpoint, tmp_path):
    server = Server(checkpoint, log=tmp_path / "log", host="::1")
    assert server.url == f"http://[::1]:{server.port}/v1"


def test_each_start_has_its_own_log_and_the_newest_are_kept(tmp_path):
    for number in range(30):
        path = tmp_path / f"vllm-old-{number}.log"
        path.touch()
        os.utime(path, (number, number))
    (tmp_path / "mine.log").touch()
    new = new_log(tmp_path)
    assert not new.exists() and new.parent == tmp_path
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {"mine.log", *(f"vllm-old-{number}.log" for number in range(11, 30))}


def test_log_of_a_running_server_is_bounded(stub, checkpoint, tmp_path, monkeypatch):
    """A client could fill the disk with warnings about its requests."""
    monkeypatch.setattr(logs, "MAX_BYTES", 1000)
    log = tmp_path / "vllm-1.log"
    with Server(checkpoint, log=log) as server:
        descriptor = Path(f"/proc/{server.pid}/fd/1")
        with descriptor.open("ab") as output:  # the file, not the open description of the server
            output.write(b"x" * 2000)
        flags = Path(f"/proc/{server.pid}/fdinfo/1").read_text().split("flags:")[1].split()[0]
        assert int(flags, 8) & os.O_APPEND, "otherwise the emptied file would begin with a hole"
        logs.bound(log)
        logs.bound(log)
    assert log.stat().st_size < 1000 and (tmp_path / "vllm-1.log.1").stat().st_size >= 2000
    monkeypatch.setattr(logs, "MOST_LOGS", 1)
    assert new_log(tmp_path) and not (tmp_path / "vllm-1.log.1").exists()


def test_start_error_quotes_the_first_error_of_the_log(stub, tmp_path):
    broken = vllm_stub.write_checkpoint(tmp_path / "broken", weights=vllm_stub.BROKEN_WEIGHTS)
    expected = rf"vLLM did not start: safetensors\.SafetensorError: header too large\. See {tmp_path}/log"
    with pytest.raises(UserError, match=expected), Server(broken, log=tmp_path / "log"):
        pass


def test_key_is_passed_as_its_digest(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("VLLM_API_KEY", "secret")
    server = Server(checkpoint, log=tmp_path / "log", api_key="secret")
    environment = vllm_flags.environment(server.settings)
    assert server.settings.has_keys and digest_of("secret") in environment["PCULT_GATEWAY"]
    assert not any("secret" in text for text in (*environment.values(), *server.command()))


def test_variables_of_the_user_are_kept(monkeypatch):
    own = {"VLLM_CPU_KVCACHE_SPACE": "3", "VLLM_LOGGING_LEVEL": "DEBUG", "HF_HUB_OFFLINE": "0", "VLLM_OTHER": "x"}
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("VLLM_MEDIA_CONNECTOR", "http")
    monkeypatch.setenv("PYTHONOPTIMIZE", "1")
    environment = vllm_flags.environment(Settings())
    assert {name: environment[name] for name in own} == own
    assert environment["VLLM_MEDIA_CONNECTOR"] == "pcult", "without it, URLs of any host would be fetched"
    assert "PYTHONOPTIMIZE" not in environment, "with it, vLLM would not check what it checks by assert"


@pytest.mark.parametrize(
    ("cores", "on_cpu", "flags", "has_worker"),
    [
        (2, True, [], False),
        (4, True, [], True),
        (2, False, [], True),
        (2, True, ["-tp=2"], True),
        (2, True, ["--data-parallel", "2"], True),
        (2, True, ["--max-model-len", "100"], False),
    ],
)
def test_engine_has_no_worker_process_on_few_cores(monkeypatch, cores, on_cpu, flags, has_worker):
    monkeypatch.delenv("VLLM_ENABLE_V1_MULTIPROCESSING", raising=False)
    monkeypatch.setattr(vllm_flags, "on_cpu", lambda: on_cpu)
    monkeypatch.setattr(vllm_flags.os, "sched_getaffinity", lambda _: set(range(cores)))
    environment = vllm_flags.environment(Settings(), flags)
    assert (environment.get("VLLM_ENABLE_V1_MULTIPROCESSING") != "0") == has_worker


@pytest.mark.parametrize(
    ("on_cpu", "flags", "compiles"),
    [
        (True, [], False),
        (True, ["--max-model-len=100"], False),
        (True, ["--no-enforce-eager"], True),
        (True, ["--compilation_config={}"], True),
        (True, ["-O3"], True),
        (False, [], True),
    ],
)
def test_a_cpu_needs_no_compiler(monkeypatch, on_cpu, flags, compiles):
    monkeypatch.delenv("TORCHDYNAMO_DISABLE", raising=False)
    monkeypatch.setattr(vllm_flags, "on_cpu", lambda: on_cpu)
    assert ("TORCHDYNAMO_DISABLE" not in vllm_flags.environment(Settings(), flags)) == compiles


def test_flags_of_the_user_win(checkpoint, tmp_path):
    own = ["--max-model-len", "100", "--ssl-certfile=a.pem", "--served-model-name", "other"]
    server = Server(checkpoint, log=tmp_path / "log", flags=own)
    assert server.command()[-len(own) :] == own
    assert server.url.startswith("https://") and server.model == "other"


def test_flags_are_read_in_all_forms_that_vllm_accepts(checkpoint, tmp_path):
    """Otherwise the server would be asked for its health by the wrong protocol, until the time is over."""
    server = Server(checkpoint, log=tmp_path / "log", flags=["--ssl_certfile", "a.pem", "--served-model=other"])
    assert server.url.startswith("https://") and server.model == "other"
    assert [vllm_flags.replicas(flags) for flags in (["-dp", "2"], ["-dp=3"], ["--data_parallel_size=4"])] == [2, 3, 4]
    assert vllm_flags.replicas(["--data-parallel-size-local", "2"]) == 1


def test_example_request_is_valid_in_a_shell(tmp_path):
    """The shell parses it, and the body that curl would send is JSON with the image."""
    (tmp_path / "image.png").write_bytes(b"png")
    (tmp_path / "curl").write_text('#!/bin/sh\nfor last; do :; done\nprintf %s "$last"\n')
    (tmp_path / "curl").chmod(0o755)
    name = """x'; touch hacked; '"\\$(touch hacked)`touch hacked`é"""
    line = example("http://127.0.0.1:8000/v1", name, has_keys=True)
    result = subprocess.run(f"PATH={tmp_path}:$PATH; {line}", shell=True, cwd=tmp_path, capture_output=True, text=True)
    body = json.loads(result.stdout)
    assert body["messages"][0]["content"][0]["image_url"]["url"] == "data:image/png;base64,cG5n"
    assert body["model"] == name and not (tmp_path / "hacked").exists()


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_all_workers(stub, checkpoint, tmp_path, sign):
    command = [sys.executable, "-m", "pangea_cultural", "serve", str(checkpoint), "--port", "0"]
    server = subprocess.Popen(
        [*command, "--workspace", str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        # A process in a shell's background ignores Ctrl-C, and its children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert "Serving tiny at http://127.0.0.1:" in server.stdout.readline()
    assert len(list((tmp_path / "logs").glob("vllm-*.log"))) == 1
    family = psutil.Process(server.pid).children(recursive=True)
    assert len(family) == 2, "vLLM and its worker"
    server.send_signal(sign)
    assert server.wait(60) == 0
    assert still_running(family) == []


def test_end_of_vllm_ends_the_command_with_an_error(stub, checkpoint, tmp_path):
    command = [sys.executable, "-m", "pangea_cultural", "serve", str(checkpoint), "--port", "0", "--json", "--quiet"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*command, "--workspace", str(tmp_path)], text=True, **pipes) as server:
        served = json.loads(server.stdout.readline())
        assert served["curl"].startswith(f"curl {served['url']}/chat/completions ")
        vllm, worker = psutil.Process(server.pid).children(recursive=True)
        vllm.kill()
        assert server.wait(60) == 1
        assert server.stderr.read().startswith("Error: vLLM ended unexpectedly. See ")
    assert still_running([vllm, worker]) == []


def test_served_checkpoint_is_stopped_after_the_block(stub, checkpoint, tmp_path):
    before = set(psutil.Process().children(recursive=True))
    with serving.open_endpoint(None, checkpoint, Workspace(tmp_path), api_key=None, quiet=True, wait_s=0) as served:
        assert served.model == "tiny" and served.url.startswith("http://127.0.0.1:") and not served.has_ended
        family = [child for child in psutil.Process().children(recursive=True) if child not in before]
        assert len(family) == 3, "pcult serve, vLLM and its worker"
    assert still_running(family) == [] and served.has_ended


def test_failed_serve_exits_with_its_code(stub, tmp_path, capfd):
    broken = vllm_stub.write_checkpoint(tmp_path / "broken", weights=vllm_stub.BROKEN_WEIGHTS)
    with pytest.raises(click.exceptions.Exit) as failed, serving.serve(broken, Workspace(tmp_path), quiet=True):
        pass
    assert failed.value.exit_code == 1
    assert capfd.readouterr().err.count("\n") == 1, "pcult serve has printed the error"


SERVING_PARENT = """
import sys, time
from pathlib import Path
from pangea_cultural.cli import serving
from pangea_cultural.workspace import Workspace
with serving.serve(Path(sys.argv[1]), Workspace(Path(sys.argv[2])), quiet=True):
    print("serving", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals the death of a parent")
def test_killed_parent_leaves_no_server(stub, checkpoint, tmp_path):
    command = [sys.executable, "-c", SERVING_PARENT, str(checkpoint), str(tmp_path)]
    parent = psutil.Popen(command, stdout=subprocess.PIPE, env=os.environ)
    assert parent.stdout.readline() == b"serving\n"
    family = parent.children(recursive=True)
    assert len(family) == 3, "pcult serve, vLLM and its worker"
    parent.kill()
    parent.wait()
    assert still_running(family) == []


PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, sys.argv[1], str(os.getpid()), "/bin/sleep", "60"], start_new_session=True)
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals the death of a parent")
def test_child_ends_with_its_killed_parent():
    parent = subprocess.Popen([sys.executable, "-c", PARENT, child_process.__file__], stdout=subprocess.PIPE)
    orphan = psutil.Process(int(parent.stdout.readline()))
    while orphan.name() != "sleep":
        time.sleep(0.02)
    parent.kill()
    parent.wait()
    assert still_running([orphan]) == []
