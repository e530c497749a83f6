"""`pcult convert` and `pcult push`."""

from pathlib import Path

import click

from pangea_cultural.cli.options import json_option, quiet_option
from pangea_cultural.cli.output import print_json


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--tokenizer", type=click.Path(path_type=Path), help="Folder of the tokenizer, if SOURCE has none.")
@click.option("--overwrite", is_flag=True, help="Replace TARGET if it exists.")
@json_option
def convert(source: Path, target: Path, tokenizer: Path | None, overwrite: bool, as_json: bool) -> None:
    """Convert an original LLaVA-NeXT checkpoint to the hub's layout, or back.

    SOURCE is a folder in one of the two layouts. TARGET is the new folder in the other layout: the same weights with
    other names.

    \b
    Example:
      pcult convert Pangea-7B Pangea-7B-hf
    """
    from pangea_cultural.model.convert import convert as run

    record = run(source, target, tokenizer=tokenizer, overwrite=overwrite)
    if as_json:
        print_json(record)
        return
    click.echo(
        f"Checkpoint: {target} ({record['direction']}: {record['tensors']} tensors, {record['bytes'] / 1e9:.2f} GB in "
        f"{record['shards']} files)"
    )


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument("repository", metavar="USER/NAME")
@click.option("--public", is_flag=True, help="Let the model be public. Without it, the repository has to be private.")
@json_option
@quiet_option
def push(checkpoint: Path, repository: str, public: bool, as_json: bool, quiet: bool) -> None:
    """Upload a checkpoint to the Hugging Face hub, with its card and its record.

    A new repository is private. The token is read from HF_TOKEN, or else from `hf auth login`. Another hub's address is
    read from HF_ENDPOINT. After an interruption, files that have arrived are not sent again.

    \b
    Example:
      pcult push pcult-workspace/checkpoints/tiny me/my-model
    """
    from pangea_cultural.model import push as pushing

    pushing.require_checkpoint(checkpoint)
    prepared = pushing.prepare(repository, private=not public, allow="--public", quiet=quiet)
    commit = pushing.push(checkpoint, prepared)
    if as_json:
        print_json({"repository": prepared.name, "commit": commit})
        return
    click.echo(f"Pushed: {prepared.name} at {commit}")
