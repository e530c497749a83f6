"""HTTP server like Wikimedia Commons: its API on one port, its files on another, and faults.

Faults are names of http_faults.py. They are given for a file or for the API (key `api`), or drawn by seed. With
`faults={"A.jpg": ["503", "reset"]}` the first two requests for the file fail. A name that ends in `!` repeats forever.
"""

import asyncio
import collections
import dataclasses
import functools
import hashlib
import io
import random
import re
import time
import urllib.parse

from aiohttp import web
from PIL import Image

from factory.images.base import THUMBNAIL_WIDTHS
from tests.helpers.servers.http_faults import FAULTS, TRANSIENT
from tests.helpers.servers.in_thread import apps_in_thread


@dataclasses.dataclass(frozen=True, kw_only=True)
class File:
    """A file of the wiki."""

    title: str
    width: int = 1600
    height: int = 1200
    mime: str = "image/jpeg"
    mediatype: str = "BITMAP"
    categories: tuple[str, ...] = ()
    license: str = "cc-by-sa-4.0"
    license_name: str = "CC BY-SA 4.0"
    metadata: dict = dataclasses.field(default_factory=dict, hash=False)
    size_bytes: int | None = None
    older_versions: bool = False
    image: str = ""
    """Content of the image. Files with equal text have equal bytes."""


@functools.lru_cache(maxsize=5000)
def small_image(file: File, width: int) -> bytes:
    """Return a tiny JPEG that depends on the file's content and width. Tests do not check pixels."""
    digest = hashlib.sha256(f"{file.image or file.title} {width}".encode()).digest()
    buffer = io.BytesIO()
    Image.frombytes("RGB", (4, 2), digest[:24]).resize((48, 32), 0).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


class CommonsServer:
    """The server in a thread. Use it as a context manager."""

    def __init__(
        self, files=(), *, redirects=None, faults=None, fault_share=0.0, seed=0, latency_s=0.0, content=small_image
    ):
        self.files = {file.title: file for file in files}
        self.redirects = redirects or {}
        self.faults = {key: list(names) for key, names in (faults or {}).items()}
        self.fault_share = fault_share
        self.seed = seed
        self.latency_s = latency_s
        self.content = content
        self.retry_after_s = 1
        self.api_answers = 50
        """Number of files in one answer for a category."""
        self.answers = []
        """Next answers of the API, in place of its own."""
        self.requests = []
        """Port, path with query, User-Agent and time of each request."""
        self.connections = set()
        """Addresses of the clients' connections."""
        self.last_answer = 0.0
        self.at_once = collections.Counter()
        self.most_at_once = collections.Counter()
        self._asked = collections.Counter()

    def __enter__(self):
        apps = []
        for handler in (self._api, self._file):
            apps.append(web.Application(middlewares=[self._counted], client_max_size=10_000_000))
            apps[-1].router.add_route("*", "/{path:.*}", handler)
        self._serving = apps_in_thread(*apps)
        self.api_port, self.file_port = self._serving.__enter__()
        return self

    def __exit__(self, *exception):
        return self._serving.__exit__(*exception)

    @property
    def api(self):
        return f"http://127.0.0.1:{self.api_port}/w/api.php"

    @property
    def hosts(self):
        return [f"127.0.0.1:{self.api_port}", f"127.0.0.1:{self.file_port}"]

    def paths(self, port=None):
        return [path for where, path, *_ in self.requests if port in (None, where)]

    def original(self, file):
        name = file.title.replace(" ", "_")
        digest = hashlib.md5(name.encode()).hexdigest()
        folder = f"{digest[0]}/{digest[:2]}"
        return f"http://127.0.0.1:{self.file_port}/wikipedia/commons/{folder}/{urllib.parse.quote(name)}"

    def thumbnail(self, file, width):
        original = self.original(file)
        return original.replace("/commons/", "/commons/thumb/") + f"/{width}px-{original.rpartition('/')[2]}"

    @web.middleware
    async def _counted(self, request, handler):
        port = request.transport.get_extra_info("sockname")[1]
        self.requests.append((port, request.path_qs, request.headers.get("User-Agent"), time.monotonic()))
        self.connections.add(request.transport.get_extra_info("peername"))
        self.at_once[port] += 1
        self.most_at_once[port] = max(self.most_at_once[port], self.at_once[port])
        try:
            await asyncio.sleep(self.latency_s)
            return await handler(request)
        finally:
            self.at_once[port] -= 1
            self.last_answer = time.monotonic()

    # Files

    async def _file(self, request):
        if request.path.startswith("/loop"):
            raise web.HTTPFound(f"/loop/{len(self.requests)}")
        match = re.fullmatch(r"/wikipedia/commons/(thumb/)?./../([^/]+)(?:/(?:.*page1-)?(\d+)px-.*)?", request.path)
        file = self.files.get(match[2].replace("_", " ")) if match else None
        if file is None:
            raise web.HTTPNotFound
        width = int(match[3]) if match[1] else file.width
        if match[1] and (width not in THUMBNAIL_WIDTHS or (width >= file.width and file.mime != "image/svg+xml")):
            return web.Response(status=400, text="Use thumbnail steps listed on https://w.wiki/GHai")
        content = self.content(file, width)
        fault = self._fault(file.title, request.path)
        if fault:
            return await FAULTS[fault](self, request, content)
        return web.Response(body=content, content_type="image/jpeg")

    def _fault(self, key, path):
        listed = self.faults.get(key, [])
        if listed:
            return listed[0][:-1] if listed[0].endswith("!") else listed.pop(0)
        attempt = self._asked[path]
        self._asked[path] += 1
        chance = random.Random(f"{self.seed} {path} {attempt}")
        return chance.choice(TRANSIENT) if chance.random() < self.fault_share else None

    # The API

    async def _api(self, request):
        asked = dict(request.query) | dict(await request.post())
        fault = self._fault("api", f"api {len(self.requests)}")
        if fault:
            return await FAULTS[fault](self, request, b"{}")
        if self.answers:
            return web.json_response(self.answers.pop(0))
        if "generator" in asked:
            return web.json_response(self._category(asked))
        return web.json_response(self._titles(asked))

    def _titles(self, asked):
        titles = asked["titles"].split("|")
        assert len(titles) <= 50
        query, pages, answer = {}, [], {}
        for title in titles:
            name = title.removeprefix("File:").replace("_", " ")
            if f"File:{name}" != title:
                query.setdefault("normalized", []).append({"fromencoded": False, "from": title, "to": f"File:{name}"})
            if name in self.redirects and asked.get("redirects"):
                query.setdefault("redirects", []).append({"from": f"File:{name}", "to": f"File:{self.redirects[name]}"})
                name = self.redirects[name]
            file = self.files.get(name)
            pages.append(self._page(file, asked) if file else {"ns": 6, "title": f"File:{name}", "missing": True})
            if file and file.older_versions:
                answer["continue"] = {"iistart": "2010-01-01T00:00:00Z", "continue": "||"}
        # MediaWiki answers in its own order.
        query["pages"] = sorted(pages, key=lambda page: hashlib.md5(page["title"].encode()).digest())
        return answer | {"batchcomplete": True, "query": query}

    def _category(self, asked):
        name = asked["gcmtitle"].removeprefix("Category:")
        files = sorted((f for f in self.files.values() if name in f.categories), key=lambda f: f.title)
        start = int(asked.get("gcmcontinue", "0"))
        end = start + min(int(asked["gcmlimit"]), self.api_answers)
        answer = {"batchcomplete": True}
        if end < len(files):
            answer["continue"] = {"gcmcontinue": str(end), "continue": "gcmcontinue||"}
        if files:
            answer["query"] = {"pages": [self._page(file, asked) for file in reversed(files[start:end])]}
        return answer

    def _page(self, file, asked):
        width = int(asked["iiurlwidth"])
        tracking = "?utm_source=commons.wikimedia.org&utm_campaign=imageinfo&utm_content="
        original = self.original(file)
        name = original.rpartition("/")[2]
        thumb = self.thumbnail(file, width)
        thumb += {"image/svg+xml": ".png", "image/tiff": ".jpg"}.get(file.mime, "")
        scaled = width < file.width or file.mime == "image/svg+xml"
        content = self.content(file, file.width)
        metadata = {
            "Artist": '<a href="//commons.wikimedia.org/wiki/User:A" title="User:A">A. Photographer</a>',
            "Credit": '<span class="int-own-work" lang="en">Own work</span>',
            "License": file.license,
            "LicenseShortName": file.license_name,
            "LicenseUrl": "https://creativecommons.org/licenses/by-sa/4.0",
            "Restrictions": "",
            "Categories": "|".join(file.categories),
            "DateTimeOriginal": "2019-05-01",
        } | file.metadata
        wanted = asked["iiextmetadatafilter"].split("|")
        info = {
            "timestamp": "2020-01-01T00:00:00Z",
            "size": file.size_bytes or len(content),
            "width": file.width,
            "height": file.height,
            "thumburl": (thumb if scaled else original) + tracking + ("thumbnail" if scaled else "thumbnail_unscaled"),
            "thumbwidth": width,
            "url": f"{original}{tracking}original",
            "descriptionurl": f"https://commons.wikimedia.org/wiki/File:{name}",
            "sha1": hashlib.sha1(content).hexdigest(),
            "mime": file.mime,
            "mediatype": file.mediatype,
            "extmetadata": {
                key: {"value": value, "source": "commons-desc-page", "hidden": ""}
                for key, value in metadata.items()
                if key in wanted
            },
        }
        return {"pageid": 1, "ns": 6, "title": f"File:{file.title}", "imagerepository": "local", "imageinfo": [info]}
