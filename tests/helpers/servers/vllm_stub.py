"""A package named `vllm` that starts at once: it prints, has one worker process and answers with status 200."""

import os
from pathlib import Path

WEIGHTS = (2).to_bytes(8, "little") + b"{}"
BROKEN_WEIGHTS = b"not weights"
MODULE = """
import http.server, pathlib, subprocess, sys

flags = dict(flag[2:].split("=", 1) for flag in sys.argv[1:] if "=" in flag)
print("INFO starting", flush=True)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
if pathlib.Path(flags["model"], "model.safetensors").read_bytes() == b"not weights":
    print("(APIServer pid=1) WARNING This can cause fd limit errors like `OSError: [Errno 24] Too many open files`.")
    print("(EngineCore pid=2) ERROR [core.py:1]     raise SafetensorError('header too large')")
    print("(EngineCore pid=2) ERROR [core.py:1] safetensors.SafetensorError: header too large")
    print("RuntimeError: Engine core initialization failed. See root cause above.", flush=True)
    sys.exit(1)

class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

http.server.HTTPServer((flags["host"], int(flags["port"])), Health).serve_forever()
"""


def install(folder: Path, module: str) -> str:
    """Write the stub of vLLM's `module` below a folder; return a PYTHONPATH on which it hides the real vLLM."""
    path = folder / Path(*module.split(".")).with_suffix(".py")
    path.parent.mkdir(parents=True)
    path.write_text(MODULE)
    for package in path.relative_to(folder).parents[:-1]:
        (folder / package / "__init__.py").touch()
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])


def write_checkpoint(folder: Path, *, weights: bytes = WEIGHTS) -> Path:
    """Write the files that `pcult serve` requires of a checkpoint."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"text_config": {"max_position_embeddings": 2048}}')
    for name in ("tokenizer.json", "processor_config.json", "chat_template.jinja"):
        (folder / name).write_text("{}")
    (folder / "model.safetensors").write_bytes(weights)
    return folder
