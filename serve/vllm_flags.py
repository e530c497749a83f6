"""Flags and environment variables of vLLM for a checkpoint."""

import itertools
import json
import os
from collections.abc import Sequence
from typing import Any

from pangea_cultural.model import IMAGE_BACKEND
from serve.gateway.settings import CONNECTOR, MAX_IMAGES, Settings
from serve.machine import on_cpu

MAX_LENGTH = 8192
"""Maximum sequence length in tokens. A large image takes up to 2,928 tokens of a 7B model."""
MAX_TEXT = 500_000
CHARACTERS_PER_TOKEN = 32
"""Characters of a text for each position of the model. Longer texts never fit."""
MAX_QUEUED = 1024
"""Requests of all keys at a time. vLLM answers further ones with status 503."""
DRAIN_S = 30
"""Seconds in which running requests may end after SIGTERM."""
MIDDLEWARE = "serve.gateway.in_vllm.VllmGateway"
OWN_FLAGS = {
    "--host": "--host",
    "--port": "--port",
    "--uds": "--host and --port",
    "--api-key": "--keys or --api-key-file",
    "--model": "CHECKPOINT",
}
"""Flags of vLLM that `pcult serve` sets itself, with its own options for them."""
NOT_PASSED = ("VLLM_API_KEY", "PYTHONOPTIMIZE")
"""Variables that vLLM does not get: its key, which the gateway checks, and one that removes its checks by `assert`."""
REPLICAS = "--data-parallel-size"
PARALLEL = (REPLICAS, "--tensor-parallel-size", "--pipeline-parallel-size", "--distributed-executor-backend")
"""Flags that need worker processes."""
SHORT = {"-dp": REPLICAS, "-tp": PARALLEL[1], "-pp": PARALLEL[2]}
"""Short names of flags that are read here."""
COMPILING = ("--no-enforce-eager", "--compilation-config")
"""Flags by which vLLM compiles the model. Short forms begin with `-O` and `-cc`."""
FEW_CORES = 2
"""Cores of a CPU up to which the engine has no worker process."""


def positions(config: dict[str, Any]) -> int:
    """Return the positions of a checkpoint's language model."""
    return config["text_config"]["max_position_embeddings"]


def most_text(config: dict[str, Any]) -> int:
    """Return the characters that the texts of a request may have."""
    return min(MAX_TEXT, CHARACTERS_PER_TOKEN * positions(config))


def flags(config: dict[str, Any], settings: Settings, further: Sequence[str] = ()) -> list[str]:
    """Return the command-line flags of vLLM's server for a checkpoint, on this machine.

    Args:
        config: content of the checkpoint's config.json.
        settings: settings of the gateway.
        further: flags of the user. They are last, so that they win.
    """
    # Answers are greedy unless a caller asks otherwise. vLLM would sample, up to the end of the context.
    defaults = {"temperature": 0.0, "max_new_tokens": settings.max_tokens}
    common = [
        f"--max-model-len={min(MAX_LENGTH, positions(config))}",
        # The image processor of the training, which gives the same pixels. See pangea_cultural/model/__init__.py.
        f"--mm-processor-kwargs={json.dumps({'backend': IMAGE_BACKEND})}",
        f"--limit-mm-per-prompt={json.dumps({'image': MAX_IMAGES, 'video': 0, 'audio': 0})}",
        # In GiB, in this process and in that of the engine. vLLM's default is 4.
        "--mm-processor-cache-gb=1",
        # vLLM's defaults for every checkpoint: the settings of published ones differ.
        "--generation-config=vllm",
        f"--override-generation-config={json.dumps(defaults)}",
        f"--middleware={MIDDLEWARE}",
        f"--max-num-queued-reqs={MAX_QUEUED}",
        f"--shutdown-timeout={DRAIN_S}",
        "--no-enable-log-requests",
        # The gateway writes the access log.
        "--disable-uvicorn-access-log",
    ]
    return [*common, *(_cpu_flags() if on_cpu() else ()), *further]


def own_flag(further: Sequence[str]) -> str | None:
    """Return the first flag of the user that `pcult serve` must set itself; None if there is none."""
    return next((name for flag in further for name in OWN_FLAGS if _names(flag, name)), None)


def value_of(further: Sequence[str], name: str) -> str | None:
    """Return the value of a flag, as `--name value` or `--name=value`; None if it is not there."""
    found = None
    for flag, following in itertools.zip_longest(further, further[1:]):
        if _names(flag, name):
            _, equals, value = flag.partition("=")
            found = value if equals else following
    return found


def _names(flag: str, name: str) -> bool:
    """Return whether vLLM reads a text as this flag.

    It accepts underscores in place of hyphens, and the beginning of a name. It refuses a beginning that several flags
    have.
    """
    written = flag.partition("=")[0].replace("_", "-")
    if written in SHORT:
        return SHORT[written] == name
    return len(written) > len("--") and written.startswith("--") and name.startswith(written)


def replica_flags(number: int) -> tuple[str, ...]:
    """Return the flags for several copies of a model behind one address."""
    return (f"{REPLICAS}={number}",) if number > 1 else ()


def replicas(further: Sequence[str]) -> int:
    """Return the number of copies of the model that flags ask for."""
    number = value_of(further, REPLICAS) or "1"
    return int(number) if number.isdecimal() else 1  # vLLM rejects other texts


def _cpu_flags() -> list[str]:
    return [
        # The precision of the training. On most CPUs, bfloat16 is not faster.
        "--dtype=float32",
        # Compilation takes longer than it saves for a model that is small enough for a CPU.
        "--enforce-eager",
        # Skip the test run with the largest possible batch of images at the start.
        "--skip-mm-profiling",
        "--max-num-seqs=64",
    ]


def _without_compiler(further: Sequence[str]) -> dict[str, str]:
    """Return the variable by which nothing is compiled on a CPU, unless the user wants it.

    With `--enforce-eager`, vLLM still compiles the code of log-probabilities. That takes 10 seconds on an idle machine
    at the first start, and needs a C++ compiler.
    """
    asked = any(flag.startswith(("-O", "-cc")) or _names(flag, name) for flag in further for name in COMPILING)
    return {"TORCHDYNAMO_DISABLE": "1"} if on_cpu() and not asked else {}


def _without_worker(further: Sequence[str]) -> dict[str, str]:
    """Return the variables by which the engine computes in its own process, on a machine of few cores; else none.

    A worker process would import vLLM once more, and waits by spinning. vLLM would give it one thread as well.
    """
    if not on_cpu() or len(os.sched_getaffinity(0)) > FEW_CORES or any(value_of(further, name) for name in PARALLEL):
        return {}
    return {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "OMP_NUM_THREADS": "1"}


def environment(settings: Settings, further: Sequence[str] = ()) -> dict[str, str]:
    """Return the environment of vLLM's server.

    Variables that the user has set are kept, except for those without which the gateway would not protect the server.

    Args:
        settings: settings of the gateway.
        further: flags of the user.
    """
    defaults = {
        **_without_compiler(further),
        **_without_worker(further),
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        # In GiB: enough for 64 short conversations with a small model.
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_LOGGING_LEVEL": "WARNING",
        "TOKENIZERS_PARALLELISM": "false",
        # Behind the gateway's limits, for requests that it does not see.
        "VLLM_MAX_IMAGE_PIXELS": str(settings.max_pixels),
        "VLLM_MAX_N_SEQUENCES": "8",
        "VLLM_MAX_COMPLETION_PROMPTS": "64",
    }
    kept = {name: value for name, value in os.environ.items() if name not in NOT_PASSED}
    return defaults | kept | {"VLLM_MEDIA_CONNECTOR": CONNECTOR} | settings.environment()
