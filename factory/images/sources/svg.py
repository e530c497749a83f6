"""Rendering of SVG files that may be hostile: they are checked, then rendered in a restricted child process."""

import contextlib
import json
import math
import re
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

from lxml import etree

from factory.images.normalized import MAX_ASPECT, TOO_LONG
from pangea_cultural.errors import ImageError
from pangea_cultural.utils.child_process import tied_to_parent

MAX_SVG_BYTES = 5_000_000
TIMEOUT_S = 20.0
SVG_TOO_LARGE = "drawing too large"
NOT_RENDERED = "drawing cannot be rendered"
LINKED = "drawing refers to another file"
_CHILD = Path(__file__).with_name("svg_child.py")
_LENGTH = re.compile(r"\s*\+?(\d*\.?\d+(?:e[+-]?\d+)?)\s*(px|pt|pc|mm|cm|in|em|ex)?\s*", re.IGNORECASE)


def check(content: bytes) -> str:
    """Return an SVG file as text if it may be rendered.

    Raises:
        ImageError: it is broken, refers to another file, or has an extreme shape.
    """
    try:
        svg = content.decode("utf-8-sig")
        # Entities can hide links and grow without limit.
        if "<!ENTITY" in svg:
            raise ImageError(NOT_RENDERED, "it declares entities")
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
        root = etree.fromstring(svg.encode(), parser)
    except UnicodeDecodeError as error:
        raise ImageError(NOT_RENDERED, "not UTF-8") from error
    except etree.XMLSyntaxError as error:
        raise ImageError(NOT_RENDERED, str(error.msg)) from error
    for element in root.iter(etree.Element):
        for name, value in element.attrib.items():
            is_link = etree.QName(name).localname == "href" and etree.QName(element).localname != "a"
            if is_link and not value.strip().startswith(("#", "data:")):
                raise ImageError(LINKED, value[:200])
    _check_shape(root)
    return svg


def _check_shape(root: etree._Element) -> None:
    box = [_number(part) for part in re.split(r"[\s,]+", root.get("viewBox", "").strip())]
    width = _number(root.get("width", "")) or (box[2] if len(box) == 4 else 0)
    height = _number(root.get("height", "")) or (box[3] if len(box) == 4 else 0)
    if width and height and max(width, height) > MAX_ASPECT * min(width, height):
        raise ImageError(TOO_LONG, f"{width:g} × {height:g}")


def _number(length: str) -> float:
    """Return the number of a length, 0 for a relative or wrong one."""
    match = _LENGTH.fullmatch(length)
    number = float(match[1]) if match else 0.0
    return number if math.isfinite(number) else 0.0


class SvgRenderer:
    """A restricted child process that renders SVG files. It starts on use, and again after it was killed."""

    def __init__(self, *, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def render(self, content: bytes, style: str, width: int) -> bytes:
        """Return an SVG file as PNG with the given width.

        Raises:
            ImageError: it must not be rendered, or rendering fails, takes too long or needs too much memory.
        """
        request = json.dumps({"svg": check(content), "style": style, "width": width}).encode() + b"\n"
        with self._lock:
            answer = self._answer(request)
        if answer[:1] != b"+":
            raise ImageError(NOT_RENDERED, answer[1:].decode("utf-8", "replace")[:200])
        return answer[1:]

    def _answer(self, request: bytes) -> bytes:
        process = self._started()
        assert process.stdin and process.stdout
        try:
            process.stdin.write(request)
            process.stdin.flush()
            deadline = time.monotonic() + self._timeout_s
            length = int.from_bytes(_read(process.stdout, 4, deadline), "big")
            return _read(process.stdout, length, deadline)
        except TimeoutError as error:
            self.close()
            raise ImageError(NOT_RENDERED, f"more than {self._timeout_s:g} s") from error
        except (OSError, EOFError) as error:
            self.close()
            raise ImageError(NOT_RENDERED, "the renderer ended: too much memory, or a bug of it") from error

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            # -P: do not import from the script's folder.
            command = tied_to_parent(sys.executable, "-P", str(_CHILD))
            pipe = subprocess.PIPE
            # Unbuffered, because a timeout needs to know whether bytes wait in the pipe.
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, bufsize=0)
        return self._process

    def close(self) -> None:
        """End the child process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            for stream in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    if stream:
                        stream.close()
            process.wait()

    def __del__(self) -> None:
        self.close()


def _read(stream: IO[bytes], length: int, deadline: float) -> bytes:
    """Read from an unbuffered stream until a deadline.

    Raises:
        EOFError: the stream ends before.
        TimeoutError: the deadline passes before.
    """
    content = bytearray()
    while len(content) < length:
        ready, _, _ = select.select([stream], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError
        part = stream.read(min(1 << 20, length - len(content)))
        if not part:
            raise EOFError
        content += part
    return bytes(content)
