"""An HTTP proxy that opens tunnels (CONNECT), and a TLS server with a certificate of its own."""

import http.server
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading

import pytest

from tests.helpers.servers.in_thread import serving


class _Served:
    """A part of servers: they serve in a thread inside the `with` block."""

    def __enter__(self):
        self._serving = serving(self)
        self._serving.__enter__()
        return self

    def __exit__(self, *exception):
        self._serving.__exit__(*exception)
        self.server_close()


class TunnelProxy(_Served, socketserver.ThreadingTCPServer):
    """A proxy on this machine. It leads every tunnel to one server, as if that had the address asked for."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, target, status="200 OK"):
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.target, self.status = target, status
        self.requests = []
        """First lines of requests, each with its headers."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Tunnel(socketserver.StreamRequestHandler):
    rbufsize = 0

    def handle(self):
        lines = []
        while line := self.rfile.readline().strip():
            lines.append(line.decode())
        self.server.requests.append((lines[0], dict(line.split(": ", 1) for line in lines[1:])))
        self.wfile.write(f"HTTP/1.1 {self.server.status}\r\n\r\n".encode())
        if not self.server.status.startswith("200"):
            return
        with socket.create_connection(self.server.target) as upstream:
            back = threading.Thread(target=_copy, args=(upstream, self.connection), daemon=True)
            back.start()
            _copy(self.connection, upstream)
            back.join(5)


def _copy(source, target):
    try:
        while content := source.recv(65536):
            target.sendall(content)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class TlsServer(_Served, http.server.ThreadingHTTPServer):
    """A server with one answer, and a certificate for `host` in the file `certificate`."""

    def __init__(self, folder, host, content_type, content):
        program = shutil.which("openssl")
        if program is None:
            pytest.skip("no openssl on this machine")
        self.certificate, key = folder / "certificate.pem", folder / "key.pem"
        command = [program, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={host}"]
        command += ["-addext", f"subjectAltName=DNS:{host}", "-keyout", str(key), "-out", str(self.certificate)]
        subprocess.run(command, check=True, capture_output=True)
        super().__init__(("127.0.0.1", 0), _Answer)
        self.content_type, self.content, self.hosts = content_type, content, []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, request, client_address):
        """Ignore clients that refuse the certificate."""


class _Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.hosts.append(self.headers["Host"])
        self.send_response(200)
        self.send_header("Content-Type", self.server.content_type)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, *arguments):
        """Print nothing."""
