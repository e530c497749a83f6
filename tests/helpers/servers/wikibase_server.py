"""HTTP server with the entity API of a Wikibase (`wbgetentities`)."""

import contextlib
import http.server
import urllib.parse

import orjson

from tests.helpers.servers.in_thread import handler_in_thread


class WikibaseServer:
    """The API. `calls` has the ids of each call, `faults` the answers that replace the next ones."""

    def __init__(self, documents, redirects=None):
        self.documents = {row["id"]: row for row in documents}
        self.redirects = redirects or {}
        self.calls, self.agents, self.faults = [], [], []

    def answer(self, form):
        ids = form["ids"].split("|")
        self.calls.append(ids)
        if len(ids) > 50 or len(form.get("languages", "").split("|")) > 50:
            return {"error": {"code": "toomanyvalues", "info": "Too many values supplied"}}
        invalid = [name for name in ids if not name.startswith("Q")]
        if invalid:
            info = f"Could not find such an entity (Invalid id: {invalid[0]})"
            return {"error": {"code": "no-such-entity", "info": info}}
        return {"entities": {name: self._entity(name, form) for name in ids}, "success": 1}

    def _entity(self, name, form):
        target = self.redirects.get(name, name)
        if target not in self.documents:
            return {"id": name, "missing": ""}
        row = self.documents[target]
        labels = row.get("labels", {})
        codes = form["languages"].split("|") if "languages" in form else labels
        entity = row | {"labels": {code: label for code, label in labels.items() if code in codes}}
        if "sitelinks" in form["props"].split("|"):
            sites = form["sitefilter"].split("|")
            entity["sitelinks"] = {site: link for site, link in row.get("sitelinks", {}).items() if site in sites}
        else:
            entity.pop("sitelinks", None)
        return entity | ({"redirects": {"from": name, "to": target}} if name in self.redirects else {})

    @contextlib.contextmanager
    def running(self):
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                server.agents.append(self.headers["User-Agent"])
                content = server.faults.pop(0) if server.faults else server.answer(form)
                body = orjson.dumps(content)
                self.send_response(200)
                self.send_header("Content-Type", "application/json; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        with handler_in_thread(Handler) as port:
            self.host = f"127.0.0.1:{port}"
            self.url = f"http://{self.host}/w/api.php"
            yield self
