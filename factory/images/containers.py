"""Removal of metadata from image files without decoding them: EXIF, XMP, texts, color profiles, hidden images.

The pixels stay the same, bit by bit. Only parts that the pixels need are kept, so unknown metadata does not pass.
"""

import struct
from collections.abc import Iterator

MAX_SCANS = 200
"""Scans of a progressive JPEG. Encoders write about ten; each takes the time of a whole image."""
_IN_DATA = frozenset({0x00, 0xFF, *range(0xD0, 0xD8)})
"""Bytes that follow FF inside the coded data of a JPEG: escaped data, padding, restarts."""
_EOI = 0xD9
_JPEG_DROPPED = frozenset({*range(0xE1, 0xEE), 0xEF, 0xFE})
"""Application data and comments. APP0 (JFIF) and APP14 (Adobe) tell how colors are coded."""
_PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_WEBP_KEPT = frozenset({b"VP8X", b"VP8 ", b"VP8L", b"ALPH"})
_WEBP_METADATA_FLAGS = 0x20 | 0x08 | 0x04 | 0x02
"""Bits of VP8X that announce a profile, EXIF, XMP and an animation."""


class ContainerError(ValueError):
    """A file whose structure is not understood."""


def without_metadata(content: bytes) -> bytes:
    """Return a JPEG, PNG or WebP file without its metadata.

    Raises:
        ContainerError: the file's structure is not understood.
    """
    try:
        if content.startswith(b"\xff\xd8"):
            return b"".join(_jpeg(content))
        if content.startswith(b"\x89PNG\r\n\x1a\n"):
            return b"".join(_png(content))
        if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
            return _webp(content)
    except (struct.error, IndexError) as error:
        raise ContainerError("truncated") from error
    raise ContainerError("unknown format")


def num_scans(content: bytes) -> int:
    """Return an upper bound of the scans of a JPEG."""
    return content.count(b"\xff\xda")


def _jpeg(content: bytes) -> Iterator[bytes]:
    """Yield the kept parts of a JPEG, to the end of its first image."""
    yield content[:2]
    position = 2
    while True:
        start = _next_marker(content, position)
        yield content[position:start]  # Coded data after a scan's header.
        if start == len(content):
            return  # No end marker: decoders accept that.
        marker = content[start + 1]
        if marker == _EOI:
            yield b"\xff\xd9"
            return
        (length,) = struct.unpack_from(">H", content, start + 2)
        position = start + 2 + length
        if length < 2 or position > len(content):
            raise ContainerError("truncated")
        if marker not in _JPEG_DROPPED:
            yield content[start:position]


def _next_marker(content: bytes, position: int) -> int:
    """Return the position of the next marker of a JPEG, or of its end."""
    # A search for one byte is ten times as fast as a regular expression.
    while (position := content.find(b"\xff", position)) >= 0 and position + 1 < len(content):
        if content[position + 1] not in _IN_DATA:
            return position
        position += 1
    return len(content)


def _png(content: bytes) -> Iterator[bytes]:
    yield content[:8]
    position = 8
    while True:
        (length,) = struct.unpack_from(">I", content, position)
        kind = content[position + 4 : position + 8]
        end = position + 12 + length
        if end > len(content):
            raise ContainerError("truncated")
        if kind in _PNG_KEPT:
            yield content[position:end]
        elif kind[:1].isupper():
            raise ContainerError("unknown critical chunk")
        if kind == b"IEND":
            return
        position = end


def _webp(content: bytes) -> bytes:
    parts: list[bytes] = []
    position = 12
    while position + 8 <= len(content):
        kind = content[position : position + 4]
        (length,) = struct.unpack_from("<I", content, position + 4)
        end = position + 8 + length + length % 2
        if position + 8 + length > len(content):
            raise ContainerError("truncated")
        chunk = content[position:end]
        if kind == b"ANMF":
            raise ContainerError("animation")
        if kind == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] & ~_WEBP_METADATA_FLAGS]) + chunk[9:]
        if kind in _WEBP_KEPT:
            parts.append(chunk)
        position = end
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body
