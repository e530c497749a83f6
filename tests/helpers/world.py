"""A small data set for tests: documents, images and a recipe, in files as a user has them."""

import contextlib
import io
from pathlib import Path
from typing import NamedTuple

import orjson
import pytest
from click.testing import CliRunner
from PIL import Image

from pangea_cultural.cli import main, pcult

COUNTRIES = {"Q17": "Japan", "Q142": "France", "Q183": "Germany", "Q38": "Italy", "Q155": "Brazil", "Q114": "Kenya"}
GERMAN = {
    "Q17": "Japan",
    "Q142": "Frankreich",
    "Q183": "Deutschland",
    "Q38": "Italien",
    "Q155": "Brasilien",
    "Q114": "Kenia",
}
DUTCH = {
    "Q17": "Japan",
    "Q142": "Frankrijk",
    "Q183": "Duitsland",
    "Q38": "Italië",
    "Q155": "Brazilië",
    "Q114": "Kenia",
}


def snak(value_type, value):
    return {"snaktype": "value", "datavalue": {"type": value_type, "value": value}}


def item(target, rank="normal"):
    return {"type": "statement", "rank": rank, "mainsnak": snak("wikibase-entityid", {"id": target})}


def text(value):
    return {"type": "statement", "rank": "normal", "mainsnak": snak("string", value)}


def year(value):
    moment = {
        "time": f"+{value}-00-00T00:00:00Z",
        "precision": 9,
        "calendarmodel": "http://www.wikidata.org/entity/Q1985727",
    }
    source = {"snaks": {"P248": [snak("wikibase-entityid", {"id": "Q36578"})]}}
    return {"type": "statement", "rank": "normal", "mainsnak": snak("time", moment), "references": [source]}


def labels(**by_language):
    return {code: {"language": code, "value": value} for code, value in by_language.items()}


def documents():
    """Yield six countries with a castle each, and three entities to reject. One castle has a deprecated country."""
    for n, (qid, name) in enumerate(COUNTRIES.items()):
        yield {
            "type": "item",
            "id": qid,
            "lastrevid": 100 + n,
            "labels": labels(en=name, de=GERMAN[qid], nl=DUTCH[qid]),
            "claims": {"P31": [item("Q6256")]},
        }
        countries = [item(qid)] + ([item("Q155", "deprecated")] if qid == "Q17" else [])
        yield {
            "type": "item",
            "id": f"Q900{n}",
            "lastrevid": 200 + n,
            "labels": labels(en=f"Castle {n}", de=f"Schloss {n}", nl=f"Kasteel {n}"),
            "claims": {
                "P31": [item("Q23413")],
                "P17": countries,
                "P571": [year(1600 + n)],
                "P18": [text(f"Castle {n} a.png")],
                "P373": [text(f"Castle {n}")],
            },
        }
    yield {"type": "item", "id": "Q5000", "labels": labels(en="nowhere"), "claims": {"P31": [item("Q23413")]}}
    yield {
        "type": "item",
        "id": "Q5001",
        "labels": labels(en="list"),
        "claims": {"P31": [item("Q13406463")], "P17": [item("Q17")]},
    }
    yield {
        "type": "item",
        "id": "Q5002",
        "labels": labels(en="no photo"),
        "claims": {"P17": [item("Q17")], "P571": [year(1700)]},
    }


SOURCE = """
[[sources]]
type = "dump"
path = "dump.json"
"""
RECIPE = """
name = "castles"
languages = ["en", "de", "nl"]
held_out_languages = ["nl"]
properties = ["P17", "P571"]
[images]
max_per_entity = 5
[[images.sources]]
type = "folder"
path = "images/images.jsonl"
[split]
dev = 0.15
test = 0.2
unseen_categories = ["By another artist"]
"""


def write(folder: Path) -> Path:
    """Write dump, images and recipe; return the recipe's path."""
    rows = [*documents()]
    # Two broken lines, as in real dumps: a truncated one, and one that is not an item.
    rows[3:3] = [b'{"type": "item", "id": "Q6000", "labels": {', b'{"type": "property", "id": "P31"}']
    images = folder / "images"
    images.mkdir(parents=True)
    listing = []
    for n in range(len(COUNTRIES)):
        for k, letter in enumerate("abcde"):
            name = f"Castle {n} {letter}.png"
            Image.new("RGB", (40 + k, 30 + n), (20 * n, 40 * k, 90)).save(images / name)
            categories = [f"Castle {n}"] + (["By another artist"] if letter == "e" else [])
            row = {"file": name, "title": name, "author": "A. Painter", "license": "CC0-1.0", "categories": categories}
            listing.append(orjson.dumps(row))
    (images / "images.jsonl").write_bytes(b"\n".join(listing))
    return lay_out(folder, RECIPE, rows)


PHOTOS = """
[[images.sources]]
type = "folder"
path = "photos.jsonl"
"""


def with_photos(folder: Path, documents) -> list[dict]:
    """Give each document a photo of its own, in the list that PHOTOS names. Return the documents."""
    folder.mkdir(parents=True, exist_ok=True)
    illustrated, listing = [], []
    for number, document in enumerate(documents):
        name = f"{document['id']}.png"
        color = (number % 256, number // 256, 90)
        Image.new("RGB", (16, 12), color).save(folder / name)
        listing.append(orjson.dumps({"file": name, "title": name, "author": "A. Painter", "license": "CC0-1.0"}))
        illustrated.append(document | {"claims": document["claims"] | {"P18": [text(name)]}})
    (folder / "photos.jsonl").write_bytes(b"\n".join(listing))
    return illustrated


def lay_out(folder: Path, recipe: str, documents) -> Path:
    """Write a dump of documents (or of raw lines) and a recipe that reads it; return the recipe's path."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = (row if isinstance(row, bytes) else orjson.dumps(row) for row in documents)
    dump, content = folder / "dump.json", b"[\n" + b",\n".join(lines) + b"\n]\n"
    if not dump.exists() or dump.read_bytes() != content:  # a rewritten file counts as changed
        dump.write_bytes(content)
    (folder / "recipe.toml").write_text(recipe + SOURCE)
    return folder / "recipe.toml"


def build(recipe, workspace, *options):
    """Run `pcult build` in this process; return its output."""
    return run("build", recipe, "--workspace", workspace, "--quiet", *options)


def run(*arguments):
    """Run `pcult` in this process; return its output."""
    result = CliRunner().invoke(pcult, [*map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def pcult_json(*arguments):
    """Run a command with --json in this process; return its result."""
    result = CliRunner().invoke(pcult, [*map(str, arguments), "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return orjson.loads(result.stdout)


class Finished(NamedTuple):
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str


def finish(*arguments):
    """Run `pcult` in this process, as its script does.

    A process of its own would take two seconds to import everything again.
    """
    # Streams with a buffer: JSON is written as bytes.
    output, errors = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors), pytest.raises(SystemExit) as ended:
        main([*map(str, arguments)])
    return Finished(ended.value.code or 0, *(stream.buffer.getvalue().decode() for stream in (output, errors)))


def error_of(*arguments):
    """Run a command in this process that ends with code 1 and one line of error; return the line."""
    finished = finish(*arguments)
    assert finished.returncode == 1, finished.stderr
    assert finished.stderr.count("\n") == 1, finished.stderr
    return finished.stderr
