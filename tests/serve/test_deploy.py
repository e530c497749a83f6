"""Examples of deployments: containers, a service of systemd, tasks of SLURM."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from pangea_cultural.cli.main import pcult
from serve.vllm_flags import DRAIN_S

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "serve/deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
SERVICES = COMPOSE["services"]


def parse(words):
    """Parse a command of `pcult` as the command line does. Files need not exist."""
    name, *arguments = words
    command = pcult.get_command(None, name)
    # Variables of the shell stand for texts.
    command.make_context(name, [re.sub(r"\$\{?\w+[^}]*\}?", "8000", word) for word in arguments])


@pytest.mark.parametrize("name", SERVICES)
def test_command_of_a_container_has_options_that_exist(name, tmp_path):
    key = tmp_path / "demo-key"
    key.write_text("secret")
    parse([word.replace("/run/secrets/demo-key", str(key)) for word in SERVICES[name]["command"]])


@pytest.mark.parametrize("name", SERVICES)
def test_container_has_no_rights_that_it_does_not_need(name):
    service = SERVICES[name]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert service["user"].split(":")[0] not in ("", "0") and "no-new-privileges:true" in service["security_opt"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    writable = [volume for volume in service["volumes"] if not volume.endswith(":ro")]
    assert all(volume.endswith("/logs:/workspace/logs") for volume in writable)
    assert not any("key" in value.lower() for value in service.get("environment", []))


def test_containers_have_the_secrets_that_are_defined():
    used = {name for service in SERVICES.values() for name in service.get("secrets", [])}
    assert used == set(COMPOSE["secrets"]) and all("file" in secret for secret in COMPOSE["secrets"].values())
    for service in SERVICES.values():
        paths = {word.partition("=")[2] for word in service["command"] if "/run/secrets/" in word}
        assert paths == {f"/run/secrets/{name}" for name in service.get("secrets", [])}


def test_container_sees_changes_of_the_file_of_keys():
    """A file that is mounted itself stays the old one when an editor or --new-key replaces it: removed keys live on."""
    (keys,) = [word.partition("=")[2] for word in SERVICES["serve"]["command"] if word.startswith("--keys=")]
    folders = [volume.split(":")[-2:] for volume in SERVICES["serve"]["volumes"]]
    assert [str(Path(keys).parent), "ro"] in folders
    docs = (ROOT / "docs/deployment.md").read_text("utf-8")
    assert "--keys secrets/keys/keys.txt" in docs and "secrets}/keys:/run/keys" in (DEPLOY / "compose.yaml").read_text()


def test_running_requests_may_end_before_a_container_or_service_is_killed():
    unit = (DEPLOY / "pcult-serve.service").read_text("utf-8")
    grace = int(SERVICES["serve"]["stop_grace_period"].rstrip("s")), int(re.search(r"TimeoutStopSec=(\d+)", unit)[1])
    assert min(grace) > DRAIN_S + 10


def test_image_copies_only_what_it_needs():
    dockerfile = (DEPLOY / "Dockerfile").read_text("utf-8")
    assert "USER 10001:10001" in dockerfile and "requirements-cpu.lock" in dockerfile
    # The packages are installed as in `make setup`, which tests run on.
    install = "--no-deps --requirement requirements-cpu.lock"
    assert install in dockerfile and install in (ROOT / "Makefile").read_text("utf-8")
    first, *kept = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line[:1] not in "#"]
    assert first == "*"
    names = [line.removeprefix("!") for line in kept if line.startswith("!")]
    assert all((ROOT / name).exists() for name in names) and not {"tests", "pcult-workspace"} & set(names)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_unit_is_valid():
    done = subprocess.run(["systemd-analyze", "verify", DEPLOY / "pcult-serve.service"], capture_output=True, text=True)
    lines = [line for line in done.stderr.splitlines() if "is not executable" not in line]
    assert lines == []


def test_command_of_the_unit_has_options_that_exist():
    unit = (DEPLOY / "pcult-serve.service").read_text("utf-8").replace("\\\n", " ")
    _, *words = shlex.split(re.search(r"ExecStart=(.*)", unit)[1])
    assert "--keys" in words
    parse(words)


def test_task_of_slurm_writes_the_address_of_its_endpoint(tmp_path):
    """A program stands for `pcult` and prints its arguments, whose options are those of the command."""
    program = tmp_path / "bin/pcult"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    environment = {"PATH": f"{program.parent}:/usr/bin:/bin", "SLURM_ARRAY_TASK_ID": "3"}
    out = tmp_path / "endpoints"
    subprocess.run(["bash", DEPLOY / "endpoints.sbatch", "model", "keys.txt", out], check=True, env=environment)
    words = (out / "3.json").read_text().splitlines()
    parse(words)
    assert words[:2] == ["serve", "model"] and words[words.index("--host") + 1] not in ("0.0.0.0", "--port")
    assert words[words.index("--workspace") + 1] == str(out / "3") and "--json" in words
