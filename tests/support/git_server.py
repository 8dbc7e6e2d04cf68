"""A real git server on loopback, and repositories built in the test, commit by commit."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote

_DATE = 1_700_000_000
_DAY = 86_400

FILE, EXECUTABLE, LINK, SUBMODULE = "100644", "100755", "120000", "160000"


def git_environment(**more: str) -> dict[str, str]:
    """What git needs, and nothing of the caller's settings."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.devnull,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "A. Author",
        "GIT_AUTHOR_EMAIL": "author@example.test",
        "GIT_COMMITTER_NAME": "A. Author",
        "GIT_COMMITTER_EMAIL": "author@example.test",
        **more,
    }


@dataclass(frozen=True)
class Link:
    """A symbolic link as the content of a path."""

    target: str


@dataclass(frozen=True)
class Executable:
    """An executable file as the content of a path."""

    content: str


@dataclass(frozen=True)
class Submodule:
    """Another repository's commit as the content of a path; ``.gitmodules`` is a file like others."""

    commit: str


Content = str | bytes | Link | Executable | Submodule | None


@dataclass
class Repository:
    """A bare repository; every commit is one day after the one before, so that object names are fixed."""

    path: Path
    commits: int = 0

    def git(self, *arguments: str, content: bytes | None = None, environ: Mapping[str, str] | None = None) -> str:
        run = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            input=content,
            capture_output=True,
            check=True,
            env=git_environment(**(environ or {})),
        )
        return run.stdout.decode("utf-8", "surrogateescape").strip()

    def commit(self, files: Mapping[str, Content], message: str = "work", *, branch: str = "main") -> str:
        """Change ``files`` (None removes one) on ``branch``, and return the new commit."""
        reference = f"refs/heads/{branch}"
        parent = self.git("for-each-ref", "--format=%(objectname)", reference)
        self.commits += 1
        person = f"A. Author <author@example.test> {self._date}"
        stream = f"commit {reference}\nmark :1\nauthor {person}\ncommitter {person}\n".encode()
        stream += _data(f"{message}\n".encode())
        stream += f"from {parent}\n".encode() if parent else b""
        stream += b"".join(_change(path, what) for path, what in files.items())
        return self.git("fast-import", "--quiet", content=stream + b"get-mark :1\ndone\n")

    def commit_tree(self, tree: str, message: str = "work", *, parent: str = "", reference: str = "") -> str:
        """Commit a tree as it is, and let ``reference`` point to it."""
        self.commits += 1
        parents = ["-p", parent] if parent else []
        commit = self.git("commit-tree", tree, "-m", message, *parents, environ=self._dates())
        if reference:
            self.git("update-ref", reference, commit)
        return commit

    def tag(self, name: str, target: str = "main", *, message: str | None = None) -> None:
        annotated = ["-a", "-m", message] if message is not None else []
        self.git("tag", *annotated, name, target, environ=self._dates())

    @property
    def _date(self) -> str:
        return f"{_DATE + self.commits * _DAY} +0100"

    def _dates(self) -> dict[str, str]:
        return {"GIT_AUTHOR_DATE": self._date, "GIT_COMMITTER_DATE": self._date}


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _change(path: str, what: Content) -> bytes:
    """One line, and perhaps the content, in the language of git-fast-import(1)."""
    if what is None:
        return f"D {path}\n".encode()
    if isinstance(what, Submodule):
        return f"M {SUBMODULE} {what.commit} {path}\n".encode()
    mode = LINK if isinstance(what, Link) else EXECUTABLE if isinstance(what, Executable) else FILE
    text = what.target if isinstance(what, Link) else what.content if isinstance(what, Executable) else what
    return f"M {mode} inline {path}\n".encode() + _data(text if isinstance(text, bytes) else text.encode())


def make_repository(path: Path) -> Repository:
    """Create an empty bare repository, which the server lets everybody read."""
    path.mkdir(parents=True)
    repository = Repository(path)
    repository.git("init", "--quiet", "--bare", "--initial-branch=main", "--template=", ".")
    repository.git("config", "uploadpack.allowFilter", "true")
    return repository


@dataclass(frozen=True)
class Request:
    """A request as the server saw it. authorization: the header, decoded where it is Basic."""

    method: str
    path: str
    authorization: str | None
    service: bytes = field(repr=False)


class GitServer(ThreadingHTTPServer):
    """Serves the repositories below ``root`` by git's smart HTTP protocol.

    password: ``user:password`` without which nobody is served. redirect: send everybody to another base
    address. protocols: whether version 2 is spoken, or only the first one.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root = root
        self.password: str | None = None
        self.redirect: str | None = None
        self.protocols = True
        self.requests: list[Request] = []

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def url(self, repository: str, userinfo: str = "") -> str:
        return f"http://{userinfo}{'@' if userinfo else ''}{self.host}/{repository}"


class _Handler(BaseHTTPRequestHandler):
    server: GitServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def _serve(self) -> None:
        body = self._body()
        given = self.headers.get("Authorization")
        if given and given.startswith("Basic "):
            given = base64.b64decode(given.removeprefix("Basic ")).decode()
        self.server.requests.append(Request(self.command, self.path, given, body))
        if self.server.redirect is not None:
            self._answer(302, {"Location": self.server.redirect + self.path})
        elif self.server.password is not None and given != self.server.password:
            self._answer(401, {"WWW-Authenticate": 'Basic realm="git"'})
        else:
            self._backend(body)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _backend(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        run = subprocess.run(
            ["git", "http-backend"],
            input=body,
            capture_output=True,
            check=False,
            env=git_environment(
                GIT_PROJECT_ROOT=str(self.server.root),
                GIT_HTTP_EXPORT_ALL="1",
                PATH_INFO=unquote(path),
                QUERY_STRING=query,
                REQUEST_METHOD=self.command,
                CONTENT_TYPE=self.headers.get("Content-Type", ""),
                CONTENT_LENGTH=str(len(body)),
                HTTP_CONTENT_ENCODING=self.headers.get("Content-Encoding", ""),
                GIT_PROTOCOL=self.headers.get("Git-Protocol", "") if self.server.protocols else "",
                REMOTE_ADDR="127.0.0.1",
            ),
        )
        head, _, content = run.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        status = int(headers.pop("Status", "200").split()[0])
        self._answer(status, headers, content)

    def _answer(self, status: int, headers: Mapping[str, str], content: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def git_server(root: Path) -> Iterator[GitServer]:
    """Run a server for the repositories in ``root``."""
    with GitServer(root) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
