"""The examples for systemd and Slurm: they are valid, and their commands have only options that exist."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from serve.cli import serve

FOLDER = Path(__file__).parents[2] / "deploy"


@pytest.mark.parametrize("name", ["pcult-serve.service", "serve.sbatch"])
def test_options_exist(name):
    text = (FOLDER / name).read_text().replace("\\\n", " ")
    (command,) = re.findall(r"^(?:ExecStart=\S*|exec )pcult serve (.*)$", text, re.MULTILINE)
    known = {flag for option in serve.params for flag in option.opts}
    used = {word for word in command.split() if word.startswith("--")}
    assert {"--host", "--keys", "--workspace"} <= used <= known


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_unit_is_valid(tmp_path):
    unit = tmp_path / "pcult-serve.service"
    text = (FOLDER / unit.name).read_text()
    unit.write_text(re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", text))
    result = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


def test_script_waits_for_the_endpoint(tmp_path):
    """A program in place of pcult prints its arguments: each task has a file and a workspace of its own."""
    program = tmp_path / "bin/pcult"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    environment = {"PATH": f"{program.parent}:/usr/bin:/bin", "SLURM_ARRAY_TASK_ID": "3"}
    out = tmp_path / "endpoints"
    subprocess.run([FOLDER / "serve.sbatch", "model", "keys.txt", out], check=True, env=environment)
    words = (out / "3.json").read_text().split()
    assert words[:2] == ["serve", "model"] and words[words.index("--host") + 1] not in ("0.0.0.0", "--port")
    assert words[words.index("--workspace") + 1] == str(out / "3") and "--json" in words
