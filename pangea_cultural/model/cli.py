"""`pcult convert`."""

from pathlib import Path

import click

from pangea_cultural.cli.options import json_option
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
