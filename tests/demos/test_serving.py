"""Pages in the background: hosts, headers, the folder of uploads, logins."""

import asyncio
import http.client
import json
import signal
import socket
import threading
import time
import types
from pathlib import Path

import gradio as gr
import pytest

from demos import requests, serving, waiting
from demos.logins import MOST_FAILURES, PERIOD_S, Logins
from demos.protection import Protection
from demos.requests import MOST_BYTES
from pangea_cultural.errors import UserError


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def opened():
    with pytest.MonkeyPatch.context() as patch, serving.private_folder() as folder:
        patch.setenv("GRADIO_SSR_MODE", "True")
        with gr.Blocks(analytics_enabled=False, delete_cache=(1, 1)) as blocks:
            gr.File()
        port = free_port()
        options = {"css": "", "theme": serving.theme(), "hosts": ["demo.example.org"]}
        serving.launch(blocks, host="127.0.0.1", port=port, allowed=[], **options)
        yield folder, port, blocks
        blocks.close()
    assert not folder.exists()


def fetch(port, host, method="GET", path="/", body=None, headers=()):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body, {"Host": host, **dict(headers)})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def test_page_answers_its_own_names_only(opened):
    port = opened[1]
    assert fetch(port, "evil.example")[0] == 421
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", "demo.example.org"):
        status, headers, body = fetch(port, host)
        assert status == 200 and b"gradio" in body
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers.get_all("x-content-type-options") == ["nosniff"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/config", {}, 200),
        ("GET", "/gradio_api/startup-events", {}, 200),
        ("GET", "/gradio_api/info", {}, 404),
        ("GET", "/openapi.json", {}, 404),
        ("GET", "/gradio_api/proxy=http://127.0.0.1:9/", {}, 404),
        ("POST", "/gradio_api/run/predict", {}, 404),
        ("POST", "/gradio_api/call/predict", {}, 404),
        ("POST", "/run/predict", {}, 404),
        ("POST", "//gradio_api/run/predict", {}, 404),
        ("POST", "/gradio_api/%72un/predict", {}, 404),
        ("POST", "/gradio_api/component_server", {}, 404),
        ("POST", "/gradio_api/queue/join", {"Content-Length": str(MOST_BYTES + 1)}, 413),
        ("POST", "/gradio_api/queue/join", {"Transfer-Encoding": "chunked"}, 411),
        ("POST", "/gradio_api/upload", {"Content-Length": "36000001"}, 413),
        ("POST", "/gradio_api/upload", {"Origin": "http://evil.example"}, 403),
        ("POST", "/gradio_api/upload", {"Origin": "http://127.0.0.1:9"}, 403),
        ("POST", "/gradio_api/upload", {"Origin": "null"}, 403),
        ("POST", "/gradio_api/upload", {"Origin": "http://[::1"}, 403),
        ("GET", "/config", {"Origin": "http://localhost:9"}, 403),
        ("POST", "/gradio_api/reset", {"Origin": "https://demo.example.org"}, 422),
        ("POST", "/gradio_api/reset", {"Origin": "http://127.0.0.1:{port}"}, 422),
    ],
)
def test_page_answers_only_what_its_own_script_asks(opened, method, path, headers, status):
    port = opened[1]
    headers = {"Content-Length": "0"} | {name: value.format(port=port) for name, value in headers.items()}
    if "Transfer-Encoding" in headers:
        del headers["Content-Length"]
    assert fetch(port, f"127.0.0.1:{port}", method, path, headers=headers)[0] == status


def test_uploads_cannot_fill_the_disk(opened, monkeypatch):
    folder, port, _ = opened
    (folder / "large").mkdir()
    (folder / "large/file").write_bytes(bytes(9000))
    for most, status in ((8000, 503), (13_000, 400)):
        monkeypatch.setattr(requests, "MOST_STORED_BYTES", most)
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        assert fetch(port, "127.0.0.1", "POST", "/gradio_api/upload", b"x" * 100, kind)[0] == status


@pytest.mark.parametrize(
    ("host", "is_allowed"),
    [
        ("127.0.0.1", True),
        ("[::1]:7860", True),
        ("192.168.0.7:7860", True),
        ("LOCALHOST", True),
        ("localhost.", True),
        ("localhost.evil.example", False),
        ("evil.example@localhost", False),
        ("localhost:7860/x", False),
        ("", False),
        ("127.0.0.1.evil.example", False),
    ],
)
def test_hosts_are_allowed_by_their_whole_name(host, is_allowed):
    assert Protection(None).allows(host) is is_allowed


def test_uploads_are_private_and_deleted_while_the_page_is_open(opened):
    folder, port, _ = opened
    assert folder.stat().st_mode & 0o077 == 0
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.txt"\r\n\r\nsecret\r\n--x--\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    status, _, answer = fetch(port, "127.0.0.1", "POST", "/gradio_api/upload", body, kind)
    (name,) = json.loads(answer)
    assert status == 200 and Path(name).is_relative_to(folder)
    end = time.monotonic() + 20
    while Path(name).exists() and time.monotonic() < end:
        time.sleep(0.2)
    assert not Path(name).exists()


def test_environment_does_not_switch_on_other_servers(opened):
    assert opened[2].ssr_mode is False and opened[2].run_history is False


def test_too_many_wrong_passwords_have_to_wait(tmp_path):
    (tmp_path / "logins").write_text("# people\nann: right: one \n\nbob:other\n", "utf-8-sig")
    now = [0.0]
    logins = Logins.read(tmp_path / "logins")
    logins._clock = lambda: now[0]
    assert logins.accepts("ann", "right: one") and not logins.accepts("ann", "") and not logins.accepts("eve", "")
    for _ in range(MOST_FAILURES):
        assert not logins.accepts("ann", "wrong")
    assert not logins.accepts("ann", "right: one"), "it has to wait"
    assert logins.accepts("bob", "other"), "others are not locked out"
    now[0] += PERIOD_S + 1
    assert logins.accepts("ann", "right: one")


def test_one_visitor_does_not_fill_the_queue(monkeypatch):
    """An address is that of the browser, also behind a proxy on this machine."""
    monkeypatch.setattr(waiting, "MOST_OF_A_SESSION", 2)
    monkeypatch.setattr(waiting, "MOST_OF_AN_ADDRESS", 3)
    began, go = threading.Event(), threading.Event()

    def answer():
        began.set()
        go.wait()

    with serving.private_folder(), gr.Blocks(analytics_enabled=False) as blocks:
        gr.Button().click(answer, None, None, concurrency_limit=1)
    port = free_port()
    serving.launch(blocks, host="127.0.0.1", port=port, allowed=[], css="", theme=serving.theme())

    def join(session, address):
        body = json.dumps({"data": [], "fn_index": 0, "session_hash": session})
        headers = {"Content-Type": "application/json", "X-Forwarded-For": address}
        return fetch(port, "127.0.0.1", "POST", "/gradio_api/queue/join", body, headers)[0]

    try:
        assert join("first", "192.0.2.1") == 200 and began.wait(60)
        assert [join("a", "192.0.2.1") for _ in range(3)] == [200, 200, 503]
        assert [join(session, "192.0.2.1") for session in "bc"] == [200, 503]
        assert join("a", "192.0.2.2") == 503, "a session has its limit at any address"
        assert [join(session, f"2001:db8::{session}") for session in "1234"] == [200, 200, 200, 503]
        assert join("5", "2001:db8:0:1::1") == 200
    finally:
        go.set()
        blocks.close()


def test_visitor_with_a_login_is_known_by_it():
    def request(host):
        return types.SimpleNamespace(client=types.SimpleNamespace(host=host) if host else None)

    assert waiting.visitor(request("192.0.2.1"), "ann") == waiting.visitor(request("192.0.2.2"), "ann")
    assert waiting.visitor(request("::ffff:192.0.2.1"), None) == waiting.visitor(request("192.0.2.1"), None)
    assert waiting.visitor(request("fe80::1%eth0"), None) == waiting.visitor(request("fe80::2"), None)
    assert waiting.visitor(request(""), None) == waiting.visitor(request(None), None)
    assert waiting.visitor(request("ann"), None) != waiting.visitor(request(None), "ann")


@pytest.mark.parametrize("text", ["", "# none", "ann", "ann:", ":secret", b"\xff\xfe\x00"])
def test_file_of_logins_without_logins_is_an_error(text, tmp_path):
    (tmp_path / "logins").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match="NAME:PASSWORD"):
        Logins.read(tmp_path / "logins")


def test_page_ends_with_the_problem_of_its_server():
    with gr.Blocks(analytics_enabled=False) as blocks:
        pass
    with pytest.raises(UserError, match="has ended"):
        serving.wait(blocks, lambda: "The server has ended.")


def test_page_ends_while_a_visitor_waits(monkeypatch, capfd):
    """A thread of the server that still runs at the end of Python prints errors of other libraries."""
    monkeypatch.setattr(serving, "END_S", 0.2)
    began, ended = threading.Event(), threading.Event()

    async def answer():
        try:
            began.set()
            yield "one"
            await asyncio.sleep(600)
        finally:
            ended.set()

    with serving.private_folder(), gr.Blocks(analytics_enabled=False) as blocks:
        gr.Button().click(answer, None, gr.Textbox())
    port = free_port()
    serving.launch(blocks, host="127.0.0.1", port=port, allowed=[], css="", theme=serving.theme())
    body, kind = json.dumps({"data": [], "fn_index": 0, "session_hash": "a"}), {"Content-Type": "application/json"}
    assert fetch(port, "127.0.0.1", "POST", "/gradio_api/queue/join", body, kind)[0] == 200
    stream = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    stream.request("GET", "/gradio_api/queue/data?session_hash=a")
    assert stream.getresponse().status == 200 and began.wait(60)
    server_close, before = blocks.server.close, signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(blocks.server, "close", lambda: (signal.raise_signal(signal.SIGINT), server_close()))
    serving.stop(blocks)
    blocks.server.thread.join(60)
    assert signal.getsignal(signal.SIGINT) is before
    stream.close()
    assert ended.wait(60) and not blocks.server.thread.is_alive()
    assert "Traceback" not in capfd.readouterr().err


def test_page_with_logins_is_closed_to_others(tmp_path):
    (tmp_path / "logins").write_text("ann:right\n")
    with serving.private_folder(), gr.Blocks(title="A & B", analytics_enabled=False) as blocks:
        pass
    port = free_port()
    options = {"css": "", "theme": serving.theme(), "auth": Logins.read(tmp_path / "logins").accepts}
    serving.launch(blocks, host="127.0.0.1", port=port, allowed=[], **options)

    def login(password):
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return fetch(port, "127.0.0.1", "POST", "/login", f"username=ann&password={password}", kind)

    assert fetch(port, "127.0.0.1", path="/config")[0] == 401
    assert b"<title>A &amp; B</title>" in fetch(port, "127.0.0.1", path="/")[2]
    status, headers, _ = login("right")
    cookie = {"Cookie": headers["set-cookie"].split(";")[0]}
    assert status == 200 and fetch(port, "127.0.0.1", path="/config", headers=cookie)[0] == 200
    assert {login("wrong")[0] for _ in range(MOST_FAILURES)} == {400} and login("right")[0] == 400
    blocks.close()
