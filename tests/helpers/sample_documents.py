"""Entity documents of the embedded sample."""

from importlib import resources

import orjson

SAMPLE = [
    orjson.loads(line)
    for line in resources.files("factory").joinpath("sample/entities.jsonl").read_text("utf-8").splitlines()
]
