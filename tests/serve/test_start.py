"""The checks of `pcult serve` before it starts vLLM, and its options."""

import datetime
import json

import orjson
import pytest
from aiohttp import web
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from pangea_cultural.errors import UserError
from serve import advisories, machine, vllm_flags
from serve.checkpoint import check_checkpoint, float32_bytes
from serve.cli import serve
from serve.gateway.keys import parsed
from serve.gateway.limits import check_rate
from serve.tls import check_certificate
from serve.warm_up import REPLICA_HEADER, warm_up
from tests.helpers.servers import vllm_stub
from tests.helpers.servers.in_thread import apps_in_thread


@pytest.fixture
def checkpoint(tmp_path):
    return vllm_stub.write_checkpoint(tmp_path / "tiny")


def weights(**shapes):
    """Return a safetensors file of bfloat16 weights with these numbers of values."""
    header, end = {}, 0
    for name, number in shapes.items():
        header[name] = {"dtype": "BF16", "shape": [number], "data_offsets": [end, end + 2 * number]}
        end += 2 * number
    content = json.dumps(header).encode()
    return len(content).to_bytes(8, "little") + content + bytes(end)


def test_complete_checkpoint_is_accepted(checkpoint):
    assert check_checkpoint(checkpoint)["text_config"]


@pytest.mark.parametrize("name", ["tokenizer.json", "processor_config.json", "model.safetensors", "config.json"])
def test_missing_file_is_named(checkpoint, name):
    (checkpoint / name).unlink()
    with pytest.raises(UserError, match=name.replace("model.", r"\*.").replace(".", r"\.") + " missing"):
        check_checkpoint(checkpoint)


def test_missing_checkpoint_is_said(tmp_path):
    with pytest.raises(UserError, match="No checkpoint at"):
        check_checkpoint(tmp_path / "none")


def test_missing_shard_is_named(checkpoint):
    (checkpoint / "model.safetensors.index.json").write_text('{"weight_map": {"a": "model-00002.safetensors"}}')
    with pytest.raises(UserError, match=r"model-00002.safetensors missing"):
        check_checkpoint(checkpoint)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", '{"model_type": "llava_qwen"}', "Convert it with `pcult convert .*tiny .*tiny-hf`"),
        ("config.json", "[]", "config.json is not a JSON object"),
        ("config.json", '{"model_type": "llama"}', "describes no LLaVA-NeXT model"),
        ("model.safetensors", weights(**{"model.mm_projector.0.weight": 1}), "Convert it with `pcult convert"),
        ("model.safetensors", weights(**{"model.vision_tower.x": 1}), "which vLLM does not load. Save the checkpoint"),
        ("model.safetensors", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    ],
)
def test_checkpoint_that_vllm_cannot_load_is_refused(checkpoint, name, content, message):
    (checkpoint / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=message):
        check_checkpoint(checkpoint)


def test_chat_template_may_be_in_any_of_four_files(checkpoint):
    (checkpoint / "chat_template.jinja").unlink()
    with pytest.raises(UserError, match="no chat template"):
        check_checkpoint(checkpoint)
    for name in ("tokenizer_config.json", "processor_config.json"):
        (checkpoint / name).write_text('{"chat_template": "{{ messages }}"}')
        check_checkpoint(checkpoint)
        (checkpoint / name).write_text("{}")


def test_memory_for_weights_in_float32_is_required(checkpoint, monkeypatch):
    (checkpoint / "model.safetensors").write_bytes(weights(**{"language_model.lm_head.weight": 1000}))
    assert float32_bytes(checkpoint) == 4000
    monkeypatch.setattr(machine, "on_cpu", lambda: True)
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    machine.require_memory(checkpoint, 5 * 10**9)
    with pytest.raises(UserError, match=r"needs about 4 GB of memory in float32, and 1\.0 GB are free\. End other"):
        machine.require_memory(checkpoint, 10**9)
    with pytest.raises(UserError, match=r"about 8 GB .* choose fewer --replicas"):
        machine.require_memory(checkpoint, 5 * 10**9, replicas=2)


def test_missing_vllm_is_said_with_the_command_for_this_machine(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "find_spec", lambda name: None)
    monkeypatch.setattr(machine, "GPU_DEVICES", ())
    with pytest.raises(UserError, match=r"not installed\. Run: pip install --no-deps -r requirements-cpu\.lock"):
        machine.require_vllm()
    monkeypatch.setattr(machine, "GPU_DEVICES", (str(tmp_path),))
    with pytest.raises(UserError, match="pangea-cultural"):
        machine.require_vllm()


def test_full_disk_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "LEAST_DISK", 2**62)
    with pytest.raises(UserError, match="MB left"):
        machine.require_disk(tmp_path / "logs")


def test_open_advisories_of_a_version_are_named():
    assert "CVE-2026-130686" in advisories.line("0.32.0") and "fixed in 0.33.0" in advisories.line("0.32.0")
    assert "the gateway refuses what they need" in advisories.line("0.32.0")
    old = advisories.line("0.19.0")
    assert "not closed by the gateway: CVE-2026-41523, CVE-2026-44222" in old and "CVE-2026-34756" not in old
    assert advisories.line("0.33.0") == advisories.line("") == advisories.line("dev") == ""
    ids = [advisory.id for advisory in advisories.known()]
    assert len(ids) == len(set(ids)) and all(id.startswith("CVE-") for id in ids)


def test_rate_is_checked():
    check_rate("600/minute")
    for rate in ("fast", "0.5", "600", "600/fortnight"):
        with pytest.raises(UserError, match="is not a rate"):
            check_rate(rate)


def run(*arguments):
    return CliRunner().invoke(serve, [*map(str, arguments)])


def test_new_key_is_printed_once(tmp_path):
    file = tmp_path / "keys"
    result = run("--new-key", "anna", "--keys", file)
    assert result.exit_code == 0 and len(result.stdout.strip()) > 40 and result.stdout.count("\n") == 1
    assert [key.name for key in parsed(file)] == ["anna"] and result.stdout.strip() not in file.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--new-key", "anna"], "--new-key needs --keys FILE"),
        ([], "Missing argument 'CHECKPOINT'"),
        (["tiny", "other"], "unexpected extra argument"),
        (["tiny", "--", "--seed=3", "--port=9"], "--port is not passed to vLLM. Use --port before --"),
        (["tiny", "--", "--hos", "0.0.0.0"], "--host is not passed to vLLM"),
        (["tiny", "--", "--api_key=x"], "--api-key is not passed to vLLM"),
        (["tiny", "--", "--api-key", "x"], "--api-key is not passed to vLLM. Use --keys or --api-key-file"),
    ],
)
def test_wrong_use_is_said(arguments, message):
    result = run(*arguments)
    assert result.exit_code == 2 and message in result.output


def pem(folder, name):
    """Write a key with a certificate of itself, and return both paths."""
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    paths = [folder / f"{name}.{end}" for end in ("crt", "key", "locked", "both")]
    for path, content in zip(paths, (certificate, plain, locked, certificate + plain), strict=True):
        path.write_bytes(content)
    return paths


def test_certificate_that_cannot_be_used_is_said_before_the_start(tmp_path):
    """vLLM would say so after it has loaded the model, or ask for a password."""
    certificate, key, locked, both = pem(tmp_path, "a")
    _, other, *_ = pem(tmp_path, "b")
    for flags in ([], [f"--ssl-certfile={certificate}", "--ssl_keyfile", str(key)], ["--ssl-certfile", str(both)]):
        check_certificate(flags)
    wrong = [(certificate, other), (certificate, locked), (certificate, tmp_path / "none"), (key, key), (tmp_path, key)]
    for pair in wrong:
        with pytest.raises(UserError, match="cannot be used with the key"):
            check_certificate([f"--ssl-certfile={pair[0]}", f"--ssl-keyfile={pair[1]}"])
    with pytest.raises(UserError, match="--ssl-keyfile has no certificate"):
        check_certificate([f"--ssl-keyfile={key}"])
    with pytest.raises(UserError, match="--ssl-cert-reqs is not possible here"):
        check_certificate(["--ssl-certfile", str(both), "--ssl-cert-reqs=2"])


@pytest.mark.parametrize("content", ["", "# none\n", "anna secret\n", None])
def test_file_without_keys_is_refused(tmp_path, checkpoint, content):
    file = tmp_path / "keys"
    if content is not None:
        file.write_text(content)
    result = run(checkpoint, "--keys", file, "--workspace", tmp_path)
    assert isinstance(result.exception, UserError) and "--new-key NAME" in str(result.exception)


def test_settings_and_flags_reach_vllm(tmp_path, checkpoint, monkeypatch):
    """The command line of `pcult serve` as the server gets it; the last flags are the user's."""
    from serve import server

    made = []

    def start(self):
        made.append(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(server.Server, "__enter__", start)
    monkeypatch.setenv("VLLM_API_KEY", "secret")
    options = ["--rate", "9/second", "--concurrency", 3, "--max-tokens", 50, "--allow-media-domain", "example.org"]
    run(checkpoint, "--port", 0, "--workspace", tmp_path, *options, "--", "--max-model-len", "100")
    (started,) = made
    settings = started.settings
    assert (settings.rate, settings.concurrency, settings.max_tokens) == ("9/second", 3, 50)
    assert settings.media_domains == ("example.org",) and settings.has_keys and started.api_key == "secret"
    assert settings.access_log.startswith(str(tmp_path / "logs/vllm-"))
    assert started.command()[-2:] == ["--max-model-len", "100"]
    assert orjson.loads(settings.environment()["PCULT_GATEWAY"])["max_tokens"] == 50


def test_each_replica_has_the_first_requests():
    asked = []

    async def chat(request):
        asked.append((request.headers.get(REPLICA_HEADER), "prompt_logprobs" in await request.json()))
        return web.json_response({})

    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    with apps_in_thread(app) as (port,):
        warm_up(f"http://127.0.0.1:{port}/v1", "m", None)
        warm_up(f"http://127.0.0.1:{port}/v1", "m", None, replicas=2)
    assert asked == [(replica, last) for replica in (None, "0", "1") for last in (False, True)]


def test_number_of_replicas_is_that_of_the_last_flag():
    assert vllm_flags.replica_flags(1) == () and vllm_flags.replicas(()) == 1
    own = ("--data-parallel-size", "3")
    assert vllm_flags.replicas(vllm_flags.replica_flags(2)) == 2
    assert vllm_flags.replicas((*vllm_flags.replica_flags(2), *own)) == 3
