"""Peak memory of `pcult convert`, which should be that of one file of weights.

    python -m tests.perf.training.convert --folder /tmp/convert

Converts a LLaVA-NeXT of 3 GB in bfloat16, in files of at most 0.3 GB, to the original layout and back. All bytes have
to be equal afterwards. `peak_gb` is the peak of the process. `one_file_peak_gb` is the peak for a model of one layer,
which is one file. Most of both is torch and transformers.
"""

import shutil
import sys
from pathlib import Path

import click
import torch

from pangea_cultural.model import checkpoint
from pangea_cultural.utils.files import read_json, sha256_file
from tests.perf.support import moderate_model, process, record

SHARD_BYTES = 300_000_000
LAYERS = {"small": 1, "large": 24}
HIDDEN = 2048


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="For the checkpoints; 8 GB.")
@click.option("--make", type=click.Choice(list(LAYERS)), hidden=True, help="Write a checkpoint only.")
def main(folder: Path, make: str | None) -> None:
    """Convert there and back."""
    if make:
        write(folder / make, LAYERS[make])
        return
    shutil.rmtree(folder, ignore_errors=True)
    results = {}
    for size in LAYERS:
        process.peak_gb([sys.executable, "-m", "tests.perf.training.convert", "--folder", str(folder), "--make", size])
        there = pcult(folder / size, folder / f"{size}-original")
        back = pcult(folder / f"{size}-original", folder / f"{size}-back")
        assert weights(folder / size) == weights(folder / f"{size}-back"), "the weights are others"
        results[size] = {"gb": weights_gb(folder / size), "peak_gb_there": there, "peak_gb_back": back}
    figures = {
        "gb": results["large"]["gb"],
        "largest_file_gb": SHARD_BYTES / 1e9,
        "peak_gb": max(results["large"]["peak_gb_there"], results["large"]["peak_gb_back"]),
        "one_file_peak_gb": max(results["small"]["peak_gb_there"], results["small"]["peak_gb_back"]),
    }
    record.write("convert", figures, details=results)


def write(folder: Path, layers: int) -> None:
    """Write a checkpoint with random weights."""
    checkpoint.SHARD_BYTES = SHARD_BYTES
    tokenizer = moderate_model.build_tokenizer()
    settings = moderate_model.config(tokenizer)
    settings.text_config.update({"num_hidden_layers": layers, "hidden_size": HIDDEN, "intermediate_size": 4 * HIDDEN})
    settings.text_config.layer_types = ["full_attention"] * layers
    moderate_model.write(folder, settings, tokenizer, torch.bfloat16)


def pcult(source: Path, target: Path) -> float:
    """Convert and return the peak memory in GB."""
    return process.peak_gb([sys.executable, "-m", "pangea_cultural", "convert", str(source), str(target)])


def weights(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of the files of weights, and the file of each weight."""
    index = folder / checkpoint.INDEX
    weight_map = read_json(index)["weight_map"] if index.is_file() else {}
    return weight_map | {path.name: sha256_file(path) for path in sorted(folder.glob("*.safetensors"))}


def weights_gb(folder: Path) -> float:
    """Return the size of all files of weights, in GB."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors")) / 1e9


if __name__ == "__main__":
    main()
