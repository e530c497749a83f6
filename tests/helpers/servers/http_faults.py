"""Faults of HTTP servers: handlers that break the response on real sockets."""

import asyncio
import datetime
import email.utils
import functools
import struct
import zlib

from aiohttp import web

BOMB_SIDE_PX = 30_000
TRANSIENT = ("429", "503", "reset", "cut", "cut-chunked", "type", "html", "html-as-jpeg")
"""Faults that a retry recovers from."""


@functools.cache
def png_bomb(side: int = BOMB_SIDE_PX) -> bytes:
    """Return a PNG of some 100 kB that unpacks to 900 million pixels."""
    packer = zlib.compressobj(9)
    row = bytes(1 + (side + 7) // 8)
    data = b"".join(packer.compress(row * 1000) for _ in range(side // 1000)) + packer.flush()

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", data) + chunk(b"IEND", b"")


async def too_many(server, request, content):
    return web.Response(status=429, text="Too many requests", headers={"Retry-After": str(server.retry_after_s)})


async def too_many_until(server, request, content):
    now = datetime.datetime.now(datetime.UTC)
    until = email.utils.format_datetime(now + datetime.timedelta(seconds=server.retry_after_s), usegmt=True)
    headers = {"Retry-After": until, "Date": email.utils.format_datetime(now, usegmt=True)}
    return web.Response(status=429, text="Too many requests", headers=headers)


async def unavailable(server, request, content):
    return web.Response(status=503, text="<html>upstream connect error</html>", content_type="text/html")


async def not_found(server, request, content):
    return web.Response(status=404, text="File not found")


async def no_thumbnail(server, request, content):
    if "/thumb/" not in request.path:
        return web.Response(body=content, content_type="image/jpeg")
    return web.Response(status=500, text="Error creating thumbnail: convert: insufficient memory")


async def reset(server, request, content):
    request.transport.abort()
    return web.Response()


async def cut(server, request, content):
    response = web.StreamResponse(headers={"Content-Length": str(len(content)), "Content-Type": "image/jpeg"})
    await response.prepare(request)
    await response.write(content[: len(content) // 2])
    request.transport.close()
    return response


async def cut_chunked(server, request, content):
    response = web.StreamResponse(headers={"Content-Type": "image/jpeg"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    await response.write(content[: len(content) // 2])
    request.transport.close()
    return response


async def wrong_type(server, request, content):
    return web.Response(body=content, content_type="text/plain")


async def html(server, request, content):
    return web.Response(text="<!DOCTYPE html><title>Wikimedia Error</title>", content_type="text/html")


async def html_as_jpeg(server, request, content):
    return web.Response(body=b"<!DOCTYPE html><title>Wikimedia Error</title>", content_type="image/jpeg")


async def garbage(server, request, content):
    return web.Response(body=content[: len(content) // 2], content_type="image/jpeg")


async def bomb(server, request, content):
    return web.Response(body=png_bomb(), content_type="image/png")


async def huge(server, request, content):
    """Send more than any limit allows, without a Content-Length."""
    response = web.StreamResponse(headers={"Content-Type": "image/jpeg"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    for _ in range(100):
        await response.write(bytes(1_000_000))
    return response


async def loop(server, request, content):
    raise web.HTTPFound("/loop/0")


async def to_private(server, request, content):
    raise web.HTTPFound("http://10.0.0.1/image.jpg")


async def to_localhost(server, request, content):
    raise web.HTTPFound(f"http://localhost:{server.file_port}{request.path}")


async def to_file(server, request, content):
    raise web.HTTPFound("file:///etc/passwd")


async def moved(server, request, content):
    raise web.HTTPMovedPermanently(request.path)


async def drip(server, request, content):
    response = web.StreamResponse(headers={"Content-Length": "100000", "Content-Type": "image/jpeg"})
    await response.prepare(request)
    while True:
        await response.write(b"\xff")
        await asyncio.sleep(0.02)


async def hang(server, request, content):
    await asyncio.sleep(60)


async def maxlag(server, request, content):
    error = {"code": "maxlag", "info": "Waiting for all: 3.45 seconds lagged.", "lag": 3.45}
    return web.json_response({"error": error, "servedby": "mw1"}, headers={"Retry-After": "1"})


async def broken_json(server, request, content):
    return web.Response(text='{"query": {"pages": [', content_type="application/json")


FAULTS = {
    "429": too_many,
    "429-date": too_many_until,
    "503": unavailable,
    "404": not_found,
    "no-thumbnail": no_thumbnail,
    "reset": reset,
    "cut": cut,
    "cut-chunked": cut_chunked,
    "type": wrong_type,
    "html": html,
    "html-as-jpeg": html_as_jpeg,
    "garbage": garbage,
    "bomb": bomb,
    "huge": huge,
    "loop": loop,
    "to-private": to_private,
    "to-localhost": to_localhost,
    "to-file": to_file,
    "moved": moved,
    "drip": drip,
    "hang": hang,
    "maxlag": maxlag,
    "broken-json": broken_json,
}
"""Handlers by name. Each takes the server, the request and the requested content."""
