"""Files of JSON lines or JSON arrays, filled from Arrow columns without a Python object for each row."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from factory.exchange.target import HashingFile, Target


def json_members(members: Mapping[str, str]) -> str:
    """Return arguments of the SQL function `concat` that make the members of a JSON object.

    DuckDB writes a text that repeats once if it is alone, and not if it is in a struct.

    Args:
        members: SQL expressions of the values by key.
    """
    return ", ',', ".join(f"""'"{key}":', to_json({value})""" for key, value in members.items())


def text_bytes(column: pa.StringArray) -> memoryview:
    """Return the joined texts of a column without nulls, as the bytes that Arrow holds."""
    _, offsets, data = column.buffers()
    if data is None:
        return memoryview(b"")
    is_large = pa.types.is_large_string(column.type)
    positions = memoryview(offsets).cast("q") if is_large else memoryview(offsets).cast("i")
    return memoryview(data)[positions[column.offset] : positions[column.offset + len(column)]]


def groups(batch: pa.RecordBatch, key: str) -> Iterator[tuple[Any, pa.RecordBatch]]:
    """Iterate over the rows of a batch by the values of a column, in the order of their first row."""
    for value in pc.unique(batch[key]):
        yield value.as_py(), batch.filter(pc.equal(batch[key], value))


class ArrayFile:
    """A JSON array whose elements come as texts that start with a comma and a line break."""

    def __init__(self, file: HashingFile) -> None:
        self._file = file
        self._is_empty = True

    def write(self, elements: pa.StringArray) -> None:
        """Append elements."""
        content = text_bytes(elements)
        if self._is_empty and content:
            self._file.write(b"[")
            content, self._is_empty = content[1:], False
        self._file.write(content)

    def end(self) -> None:
        """Close the array."""
        self._file.write(b"[]\n" if self._is_empty else b"\n]\n")


@contextlib.contextmanager
def array_file(target: Target, name: str) -> Iterator[ArrayFile]:
    """Yield a new file with a JSON array."""
    with target.open(name) as file:
        array = ArrayFile(file)
        yield array
        array.end()


class LineFiles:
    """Several files of JSON lines that are filled in turn. Use it as a context manager."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._stack = contextlib.ExitStack()
        self._files: dict[str, HashingFile] = {}

    def __enter__(self) -> "LineFiles":
        return self

    def __exit__(self, *exception: Any) -> None:
        self._stack.__exit__(*exception)

    def write(self, name: str, lines: pa.StringArray) -> None:
        """Append lines, each with its line break."""
        if name not in self._files:
            self._files[name] = self._stack.enter_context(self._target.open(name))
        self._files[name].write(text_bytes(lines))
