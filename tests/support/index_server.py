"""A real package index on loopback: HTTP/1.1, JSON and HTML, and misbehaviour on demand.

with IndexServer() as index:
    index.add("demo", make_sdist("demo", "1.0"))
    index.script("/simple/demo/", [Fault.status(503)])
    ... fetch from index.index_url ...
    assert [request.path for request in index.requests] == [...]
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, Self
from urllib.parse import quote, unquote, urlsplit

from packaging.utils import NormalizedName, canonicalize_name

from cachi2ish.core.distributions import by_version
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.simple_api.html_pages import write_html, write_html_list
from cachi2ish.simple_api.json_pages import write_json, write_json_list
from cachi2ish.simple_api.negotiation import HTML, JSON, TEXT_HTML, choose_form
from tests.support.distributions import Dist
from tests.support.faulty_http import Answer, Fault, FaultyServer, Request

__all__ = ["Answer", "Fault", "IndexServer", "Request"]

Mode = Literal["json", "html", "both"]
_OFFERED: Mapping[Mode, tuple[str, ...]] = {
    "json": (JSON,),
    "html": (TEXT_HTML,),
    "both": (TEXT_HTML, HTML, JSON),
}


@dataclass
class Project:
    """What the page of a project lists, by file name."""

    name: NormalizedName
    files: dict[str, IndexFile] = field(default_factory=dict)
    status: str = "active"
    reason: str = ""

    def page(self) -> Page:
        return Page(
            project=self.name,
            index="",
            files=tuple(self.files.values()),
            status=self.status,
            status_reason=self.reason,
            versions=tuple(sorted(by_version(self.files, self.name))),
        )


class IndexServer:
    """An index of its own port; a context manager.

    mode: which formats the pages have. credentials: user and password that every request must bring.
    etags, ranges, compress: whether the server knows validators, Range requests and gzip (pages only).
    host: the address where it listens.
    """

    def __init__(
        self,
        *,
        mode: Mode = "both",
        credentials: tuple[str, str] | None = None,
        etags: bool = True,
        ranges: bool = True,
        compress: bool = True,
        host: str = "127.0.0.1",
    ) -> None:
        self.mode: Mode = mode
        self.credentials = credentials
        self.etags, self.ranges, self.compress = etags, ranges, compress
        self._projects: dict[str, Project] = {}
        self._files: dict[str, bytes] = {}
        self._pages: dict[str, Answer] = {}
        self._faults: dict[str, deque[Fault]] = {}
        self._requests: list[Request] = []
        self._lock = threading.Lock()
        self._host = host
        self._server = FaultyServer(self.answer, host)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        self._thread.join()
        if self._server.problems:
            raise ExceptionGroup("the index server failed", self._server.problems)

    @property
    def url(self) -> str:
        """The root of the server, without a slash at the end."""
        return f"http://{self._host}:{self._server.server_port}"

    @property
    def index_url(self) -> str:
        return f"{self.url}/simple/"

    @property
    def index_url_with_credentials(self) -> str:
        user, password = (quote(part, safe="") for part in self.credentials or ("", ""))
        return self.index_url.replace("://", f"://{user}:{password}@")

    @property
    def requests(self) -> tuple[Request, ...]:
        """All requests so far, in the order of their answers."""
        with self._lock:
            return tuple(self._requests)

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(request.path for request in self.requests)

    @property
    def connections(self) -> int:
        """How many connections were accepted, since the server began."""
        return self._server.accepted

    @property
    def written(self) -> int:
        """How many bytes were written to all connections, headers included."""
        return self._server.written

    def forget_requests(self) -> None:
        with self._lock:
            self._requests.clear()

    def add(
        self,
        project: str,
        dist: Dist,
        *,
        upload_time: datetime | str | None = None,
        yanked: str | bool | None = None,
        requires_python: str | None = None,
        digests: tuple[str, ...] = ("sha256",),
        size: bool = True,
        url: str | None = None,
    ) -> str:
        """List a file, and serve it; returns its URL here. ``url``: what the page says instead."""
        self.add_project(project).files[dist.filename] = IndexFile(
            filename=dist.filename,
            url=url or f"../../files/{quote(dist.filename)}",
            hashes=tuple((name, hashlib.new(name, dist.content).hexdigest()) for name in digests),
            requires_python=requires_python,
            yanked=yanked not in {None, False},
            yanked_reason=yanked if isinstance(yanked, str) else "",
            size=len(dist.content) if size else None,
            upload_time=datetime.fromisoformat(upload_time) if isinstance(upload_time, str) else upload_time,
        )
        return self.serve_file(dist)

    def serve_file(self, dist: Dist) -> str:
        """Serve a file that is on no page (or replace what a listed one has); returns its URL."""
        self._files[dist.filename] = dist.content
        return f"{self.url}/files/{quote(dist.filename)}"

    def add_project(self, project: str, *, status: str | None = None, reason: str = "") -> Project:
        """Have a page for a project, at first without files; set its status (PEP 792)."""
        found = self._projects.setdefault(canonicalize_name(project), Project(canonicalize_name(project)))
        if status is not None:
            found.status, found.reason = status, reason
        return found

    def serve_page(self, path: str, body: bytes, content_type: str, **headers: str) -> None:
        """Serve this at ``path``, whatever the index would say there. Header names: ``_`` for ``-``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._pages[path] = Answer(200, body, {"Content-Type": content_type, **named})

    def script(self, path: str, faults: Iterable[Fault]) -> None:
        """Let the next requests for ``path`` (or a URL of this server) go wrong, one fault for each."""
        key = unquote(urlsplit(path).path)
        with self._lock:
            self._faults.setdefault(key, deque()).extend(faults)

    def answer(self, method: str, target: str, headers: Mapping[str, str], connection: int) -> Answer:
        """Decide what a request gets, and write it into the log before a byte goes out."""
        path = unquote(urlsplit(target).path)
        answer = self._right_answer(path, headers)
        with self._lock:
            if self._faults.get(path):
                answer = self._faults[path].popleft().apply(answer)
            sent = 0 if method == "HEAD" else len(answer.sent)
            self._requests.append(Request(method, target, headers, answer.status, sent, connection))
        return answer

    def _right_answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        if self.credentials and headers.get("authorization") != _basic(*self.credentials):
            return Answer(401, b"credentials, please", {"WWW-Authenticate": 'Basic realm="index"'})
        if path in self._pages:
            return self._validated(self._pages[path], headers)
        if path.startswith("/files/"):
            content = self._files.get(path.removeprefix("/files/"))
            return Answer(404, b"no such file") if content is None else self._file(content, headers)
        return self._simple(path, headers)

    def _simple(self, path: str, headers: Mapping[str, str]) -> Answer:
        found = re.fullmatch(r"/simple/(?:([^/]+)(/?))?", path)
        if not found:
            return Answer(404, b"no such page")
        name, slash = found.groups()
        project = self._projects.get(canonicalize_name(name)) if name else None
        if name and not project:
            return Answer(404, b"no such project", {"Content-Type": TEXT_HTML})
        if project and (name != project.name or not slash):
            return Answer(301, headers={"Location": f"/simple/{project.name}/"})
        kind = choose_form(headers.get("accept"), _OFFERED[self.mode])
        if kind is None:
            return Answer(406, b"not in that format")
        if project:
            page = project.page()
            body = write_json(page) if kind == JSON else write_html(page)
        else:
            names = tuple(self._projects)
            body = write_json_list(dict.fromkeys(names)) if kind == JSON else write_html_list(names)
        return self._validated(Answer(200, body, {"Content-Type": kind, "Vary": "Accept"}), headers)

    def _validated(self, answer: Answer, headers: Mapping[str, str]) -> Answer:
        stated = dict(answer.headers)
        if self.etags:
            etag = stated.setdefault("ETag", _etag(answer.body))
            if headers.get("if-none-match") == etag:
                return Answer(304, headers={"ETag": etag})
        if self.compress and "gzip" in headers.get("accept-encoding", ""):
            packed = gzip.compress(answer.body, 1, mtime=0)
            return replace(answer, body=packed, headers={**stated, "Content-Encoding": "gzip"})
        return replace(answer, headers=stated)

    def _file(self, content: bytes, headers: Mapping[str, str]) -> Answer:
        etag = _etag(content)
        stated = {"Content-Type": "application/octet-stream"}
        if self.etags:
            stated["ETag"] = etag
            if headers.get("if-none-match") == etag:
                return Answer(304, headers={"ETag": etag})
        if not self.ranges:
            return Answer(200, content, stated)
        stated["Accept-Ranges"] = "bytes"
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("range", ""))
        if not asked or headers.get("if-range", etag) != etag:
            return Answer(200, content, stated)
        first = int(asked[1])
        last = min(int(asked[2] or len(content)), len(content) - 1)
        if first > last:
            return Answer(416, headers={**stated, "Content-Range": f"bytes */{len(content)}"})
        part = content[first : last + 1]
        return Answer(206, part, {**stated, "Content-Range": f"bytes {first}-{last}/{len(content)}"})


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _etag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:24]}"'
