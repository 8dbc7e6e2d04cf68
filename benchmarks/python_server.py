"""The mirror behind a small server of threads, where there is no nginx."""

from __future__ import annotations

import itertools
import platform
import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from typing import TextIO
from urllib.parse import unquote, urlsplit

from benchmarks.serving import Plan
from cachi2ish.simple_api.negotiation import JSON, TEXT_HTML, choose_form

_PIECE = 256 * 1024


class PythonServer:
    """HTTP/1.1 with TLS, GET only. It is slower than nginx, and takes processor time from the tools."""

    @property
    def title(self) -> str:
        return f"one in Python {platform.python_version()}, no nginx; TLS, HTTP/1.1"

    @contextmanager
    def serve(self, plan: Plan) -> Iterator[None]:
        plan.state.mkdir(parents=True, exist_ok=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(plan.certificates.server, plan.certificates.key)
        with ExitStack() as stack:
            log = _Log(stack.enter_context(plan.log.open("w", buffering=1)))
            for port in (plan.addresses.page_port, plan.addresses.file_port):
                server = stack.enter_context(_TlsServer(port, plan.site, context, log))
                thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
                thread.start()
                stack.callback(thread.join)
                stack.callback(server.shutdown)
            yield


class _Log:
    """Lines of LOG_FORMAT from many threads; it also numbers the connections."""

    def __init__(self, target: TextIO) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)

    def next_connection(self) -> int:
        with self._lock:
            return next(self._numbers)

    def write(self, connection: int, status: int, sent: int, target: str) -> None:
        with self._lock:
            if not self._target.closed:
                self._target.write(f"{connection} {status} {sent} {target}\n")


class _TlsServer(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False  # clients that keep their connections would be waited for
    request_queue_size = 128

    def __init__(self, port: int, site: Path, context: ssl.SSLContext, log: _Log) -> None:
        self.site, self.context, self.log = site, context, log
        super().__init__(("127.0.0.1", port), _Handler)

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        raw, address = super().get_request()
        # The handshake is left to the connection's own thread: here it would hold up the others.
        wrapped = self.context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
        return wrapped, address

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that hang up: the log has what was answered."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    server: _TlsServer

    def setup(self) -> None:
        super().setup()
        self.connection_number = self.server.log.next_connection()

    def do_GET(self) -> None:
        path, kind, encoding = self._find(unquote(urlsplit(self.path).path))
        size = path.stat().st_size if path.is_file() else 0
        status = 200 if path.is_file() else 404
        self.send_response(status)
        self.send_header("Content-Length", str(size))
        self.send_header("Content-Type", kind)
        self.send_header("Vary", "Accept, Accept-Encoding")
        if encoding:
            self.send_header("Content-Encoding", encoding)
        self.end_headers()
        if status == 200:
            with path.open("rb") as file:
                shutil.copyfileobj(file, self.wfile, _PIECE)
        self.wfile.flush()
        self.server.log.write(self.connection_number, status, size, self.path)

    def log_message(self, *_: object) -> None:
        """Keep the terminal for the results."""

    def _find(self, target: str) -> tuple[Path, str, str]:
        """Find the file for a target, its content type and its encoding."""
        site = self.server.site
        path = site / target.lstrip("/")
        if ".." in path.parts:
            return site / "nothing", "text/plain", ""
        if not target.endswith("/"):
            return path, "application/octet-stream", ""
        asked = choose_form(self.headers.get("Accept"), (TEXT_HTML, JSON))
        wants_json = asked == JSON and not target.startswith("/html/")
        folder = site / "simple" / target.strip("/").rpartition("/")[2]
        page, kind = (folder / "index.json", JSON) if wants_json else (folder / "index.html", TEXT_HTML)
        if "gzip" in self.headers.get("Accept-Encoding", ""):
            return page.with_name(f"{page.name}.gz"), kind, "gzip"
        return page, kind, ""
