"""Stand-in for the HTTP API of the Hugging Face hub: repositories, commits, large files and ranges, with faults."""

import asyncio
import base64
import contextlib
import hashlib
import json

import yaml
from aiohttp import web

from tests.helpers.servers.in_thread import apps_in_thread

LARGE_BYTES = 2_000
"""Files of this size and more are large: they are sent to the storage, not in the commit."""
TOKEN = "hf_secretsecretsecret"


@contextlib.contextmanager
def asked(monkeypatch):
    """Let huggingface_hub ask a new hub, in this process and in children. It yields the hub."""
    with HubServer().running() as server:
        for name, value in {"ENDPOINT": server.url, "TOKEN": TOKEN, "HUB_OFFLINE": "0", "HUB_DISABLE_XET": "1"}.items():
            monkeypatch.setenv(f"HF_{name}", value)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        yield server


DATA_SET_KEYS = {"license", "language", "configs", "task_categories"}
"""Metadata of the card of a data set."""


class HubServer:
    """The hub. `requests` has method and path of each request."""

    def __init__(self):
        self.repositories, self.objects, self.requests, self.ranges = {}, {}, [], []
        self.private = set()
        self.fail_upload_after = None
        """Number of large files after which uploads are refused."""
        self.break_downloads_at = None
        """Number of bytes after which downloads of large files break off."""
        self.sizes, self.padding, self.redirect, self.answer = {}, 0, "", None
        """Sizes that files pretend to have by path, bytes that follow each file, address that files are moved to, and
        the answer in place of a commit's description."""
        self.read_only = set()
        """Repositories that the token may not write to."""
        self.refuses_commits = False
        """True if no commit is taken."""
        self.holds_commits = False
        """True while no commit is answered."""
        self.tokens = []
        """Authorization of each request."""
        self.damage = False
        """True if large files are sent with a changed byte."""

    def app(self):
        app = web.Application(client_max_size=1 << 30, middlewares=[self._log])
        repository = "{user}/{name}"
        app.router.add_get("/api/whoami-v2", self._whoami)
        app.router.add_post("/api/repos/create", self._create)
        app.router.add_post("/api/validate-yaml", self._validate)
        for kind, git in (("datasets", "/datasets"), ("models", "")):
            app.router.add_get(f"/api/{kind}/{repository}", self._info)
            app.router.add_get(f"/api/{kind}/{repository}/auth-check/write", self._may_write)
            app.router.add_get(f"/api/{kind}/{repository}/revision/{{revision}}", self._info)
            app.router.add_get(f"/api/{kind}/{repository}/tree/{{revision}}", self._tree)
            app.router.add_post(f"/api/{kind}/{repository}/preupload/{{revision}}", self._preupload)
            app.router.add_post(f"/api/{kind}/{repository}/commit/{{revision}}", self._commit)
            app.router.add_post(f"{git}/{repository}.git/info/lfs/objects/batch", self._batch)
        app.router.add_put("/storage/{oid}", self._put)
        app.router.add_post("/storage/{oid}/verify", self._verify)
        app.router.add_get(f"/datasets/{repository}/resolve/{{revision}}/{{path:.+}}", self._resolve)
        return app

    @web.middleware
    async def _log(self, request, handler):
        self.requests.append((request.method, request.path))
        self.tokens.append(request.headers.get("Authorization"))
        name = f"{request.match_info.get('user')}/{request.match_info.get('name')}"
        is_allowed = request.headers.get("Authorization") == f"Bearer {TOKEN}"
        if "/storage/" not in request.path and not is_allowed:
            if request.method in ("POST", "PUT") or "whoami" in request.path:
                return self._error(401, "", "Invalid username or password.")
            if name in self.private:
                return self._error(401, "RepoNotFound", "Repository not found")
        return await handler(request)

    @staticmethod
    def _error(status, code, message):
        headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
        return web.json_response({"error": message}, status=status, headers=headers)

    def _commits(self, request):
        return self.repositories.get(f"{request.match_info['user']}/{request.match_info['name']}")

    def _files(self, request):
        """Return commit and files of a revision; None if there is no such one."""
        commits = self._commits(request)
        revision = request.match_info.get("revision", "main")
        if revision == "main" and commits:
            return list(commits.items())[-1]
        return (revision, commits[revision]) if commits and revision in commits else None

    async def _whoami(self, request):
        return web.json_response({"type": "user", "name": "user", "auth": {"type": "access_token"}})

    async def _create(self, request):
        form = await request.json()
        name = f"{form.get('organization') or 'user'}/{form['name']}"
        git = "" if form.get("type") == "model" else "/datasets"
        url = f"http://{request.host}{git}/{name}"
        if name in self.repositories:
            return web.json_response({"error": "exists", "url": url}, status=409)
        self.repositories[name] = {"0" * 40: {}}
        if form.get("visibility") == "private":
            self.private.add(name)
        return web.json_response({"url": url})

    async def _may_write(self, request):
        name = f"{request.match_info['user']}/{request.match_info['name']}"
        return self._error(403, "", "Forbidden") if name in self.read_only else web.json_response({})

    async def _validate(self, request):
        """Check the metadata of a card, as far as the hub documents it."""
        form = await request.json()
        _, head, _ = form["content"].split("---\n", 2)
        data = yaml.safe_load(head)
        needed = {"license", "library_name"} if form["repoType"] == "model" else DATA_SET_KEYS
        missing = needed - set(data)
        errors = [{"message": f"{name} is missing"} for name in missing]
        return web.json_response({"errors": errors, "warnings": []}, status=400 if errors else 200)

    def _url(self, request, name):
        return f"http://{request.host}/datasets/{name}"

    async def _info(self, request):
        if self._commits(request) is None:
            return self._error(404, "RepoNotFound", "Repository not found")
        found = self._files(request)
        if found is None:
            return self._error(404, "RevisionNotFound", "Invalid rev id")
        if self.answer is not None:
            return web.json_response(self.answer)
        siblings = [{"rfilename": path} for path in found[1]]
        name = f"{request.match_info['user']}/{request.match_info['name']}"
        return web.json_response(
            {"id": name, "sha": found[0], "tags": [], "siblings": siblings} | {"private": name in self.private}
        )

    async def _tree(self, request):
        _, files = self._files(request)
        entries = []
        for path, (oid, content) in sorted(files.items()):
            size = self.sizes.get(path, len(self.objects.get(oid, content)))
            entry = {"type": "file", "path": path, "oid": oid, "size": size}
            if content is None:
                entry |= {"oid": "1" * 40, "lfs": {"oid": oid, "size": entry["size"], "pointerSize": 130}}
            entries.append(entry)
        return web.json_response(entries)

    async def _preupload(self, request):
        files = (await request.json())["files"]
        modes = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["size"] >= LARGE_BYTES else "regular",
                "shouldIgnore": False,
            }
            for file in files
        ]
        return web.json_response({"files": modes})

    async def _batch(self, request):
        objects = []
        for entry in (await request.json())["objects"]:
            url = f"http://{request.host}/storage/{entry['oid']}"
            actions = {"upload": {"href": url}, "verify": {"href": f"{url}/verify"}}
            objects.append(entry | ({} if entry["oid"] in self.objects else {"actions": actions}))
        return web.json_response({"transfer": "basic", "objects": objects})

    async def _put(self, request):
        content = await request.read()
        if self.fail_upload_after is not None and len(self.objects) >= self.fail_upload_after:
            return web.Response(status=400, text="storage is out of order")
        if hashlib.sha256(content).hexdigest() != request.match_info["oid"]:
            return web.Response(status=400, text="wrong hash")
        self.objects[request.match_info["oid"]] = content
        return web.Response()

    async def _verify(self, request):
        return web.Response(status=200 if request.match_info["oid"] in self.objects else 404)

    async def _commit(self, request):
        if self.refuses_commits:
            return self._error(400, "", f"No space is left for {request.headers['Authorization']}")
        while self.holds_commits:
            await asyncio.sleep(0.01)
        commits = self._commits(request)
        files = dict(list(commits.values())[-1])
        for line in (await request.text()).splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                content = base64.b64decode(value["content"])
                files[value["path"]] = (hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest(), content)
            elif entry["key"] == "lfsFile":
                assert value["oid"] in self.objects, "a commit names files that have arrived"
                files[value["path"]] = (value["oid"], None)
            elif entry["key"] == "deletedFile":
                files.pop(value["path"])
        oid = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        commits.pop(oid, None)
        commits[oid] = files
        name = f"{request.match_info['user']}/{request.match_info['name']}"
        url = f"{self._url(request, name)}/commit/{oid}"
        return web.json_response({"success": True, "commitOid": oid, "commitUrl": url, "hookOutput": ""})

    async def _resolve(self, request):
        found = self._files(request)
        if found is None:
            return self._error(404, "RevisionNotFound", "Invalid rev id")
        commit, files = found
        oid, content = files[request.match_info["path"]]
        is_large = content is None
        content = self.objects[oid] if is_large else content
        if is_large and self.damage:
            content = content[:-1] + bytes([content[-1] ^ 1])
        headers = {"X-Repo-Commit": commit, "ETag": f'"{oid}"', "Accept-Ranges": "bytes"}
        headers |= {"X-Linked-Etag": f'"{oid}"', "X-Linked-Size": str(len(content))} if is_large else {}
        status, start = 200, 0
        if "Range" in request.headers:
            self.ranges.append((request.match_info["path"], request.headers["Range"]))
            start = int(request.headers["Range"].removeprefix("bytes=").split("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            status = 206
        body = content[start:]
        if self.redirect and is_large:
            return web.Response(status=302, headers=headers | {"Location": f"{self.redirect}/{oid}"})
        if self.padding and request.method == "GET":
            return await self._endless(request, headers, body)
        if request.method == "HEAD":
            return web.Response(headers=headers | {"Content-Length": str(len(body))})
        if not is_large or self.break_downloads_at is None or len(body) <= self.break_downloads_at:
            return web.Response(status=status, body=body, headers=headers)
        response = web.StreamResponse(status=status, headers=headers | {"Content-Length": str(len(body))})
        await response.prepare(request)
        await response.write(body[: self.break_downloads_at])
        request.transport.close()
        return response

    async def _endless(self, request, headers, body):
        """Send a file and then more, without a length."""
        response = web.StreamResponse(headers=headers)
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(body + bytes(self.padding))
        return response

    @contextlib.contextmanager
    def running(self):
        """Serve on a free port in a thread."""
        with apps_in_thread(self.app()) as (port,):
            self.url = f"http://127.0.0.1:{port}"
            yield self
