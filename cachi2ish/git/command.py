"""The git command line: run with exactly the environment that was given, never asking, never waiting for ever.

GitPython reads checkouts (see ``checkout``), but does not run the commands that reach a network: its runner adds
the process's own environment to whatever it is given, and puts command lines into its exceptions.
"""

from __future__ import annotations

import io
import math
import os
import re
import resource
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from msgspec import Struct, field

from cachi2ish.core.structs import repr_without

#: Variables that tie git to a repository or make it print what it sends (git(1), "Environment variables").
_DROPPED = (
    r"GIT_(DIR|WORK_TREE|INDEX_FILE|INDEX_VERSION|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|COMMON_DIR"
    r"|NAMESPACE|PREFIX|GRAFT_FILE|SHALLOW_FILE|REPLACE_REF_BASE|QUARANTINE_PATH|CEILING_DIRECTORIES"
    r"|TEMPLATE_DIR|DEFAULT_HASH|DEFAULT_REF_FORMAT|ATTR_\w+|LITERAL_PATHSPECS|\w+_PATHSPECS"
    r"|EXTERNAL_DIFF|PAGER|EDITOR|CURL_VERBOSE|TRACE\w*)"
)

#: What must not happen in a repository of somebody else: hooks, monitors, background work, odd formats.
_CONFIG = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.askPass": "",
    "core.bigFileThreshold": "64m",  # a larger file passes through, and is not held
    "pack.threads": "4",  # each may hold 100 MB
    "gc.auto": "0",
    "maintenance.auto": "false",
    "fetch.recurseSubmodules": "false",
    "fetch.writeCommitGraph": "false",
    "log.showSignature": "false",
    "submodule.recurse": "false",
}

#: Bytes that a command may print. A list of two million commits is shorter.
OUTPUT_LIMIT = 100_000_000

#: Bytes that one process of git may hold, beside the files that it maps. Where there is no such limit (it is that
#: of Linux), there is none.
MEMORY = 2_000_000_000

_CHUNK = 1 << 16
_STDERR_KEPT = 1 << 16
_GRACE_SECONDS = 5.0


class CommandError(Exception):
    """Git failed. It holds what git said, never the command line."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


class MissingGitError(CommandError):
    """There is no git command."""


class StalledError(CommandError):
    """Git said nothing for too long and was ended."""


class OverdueError(CommandError):
    """Git took longer than it may and was ended."""


class OutputLimitError(CommandError):
    """Git printed more than anybody reads: a repository is made to do harm."""


class Access(Struct, frozen=True):
    """What a command may reach. protocols: git's transports. config: git settings, which may hold secrets.

    environ: variables on top of the given ones.
    """

    protocols: frozenset[str] = frozenset()
    config: tuple[tuple[str, str], ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)

    __repr__ = repr_without("config", "environ")


#: Nothing but the repository itself.
NO_ACCESS = Access()


class GitCommand(Struct, frozen=True):
    """Runs git.

    environ: the user's environment (proxies, ``HOME``, ssh agent, credential helpers, …).
    stall_seconds: how long git may be silent before it is ended. timeout: how many seconds it may take in all,
    None for any number. fetching: hears of each run that fetches. memory: bytes that each process of git may hold.
    """

    environ: Mapping[str, str]
    stall_seconds: float
    timeout: float | None = None
    fetching: Callable[[], None] = lambda: None
    memory: int = MEMORY

    __repr__ = repr_without("environ")

    def output(self, arguments: Sequence[str], *, cwd: Path, access: Access = NO_ACCESS) -> bytes:
        """Return what git prints; raises `CommandError`, `OutputLimitError`."""
        printed = io.BytesIO()  # gives away what it holds without a copy

        def keep(chunk: bytes) -> None:
            if printed.tell() + len(chunk) > OUTPUT_LIMIT:
                raise OutputLimitError(f"git printed more than {OUTPUT_LIMIT // 1_000_000} MB")
            printed.write(chunk)

        self._run(arguments, cwd=cwd, access=access, stdin=None, stdout=subprocess.PIPE, on_output=keep)
        return printed.getvalue()

    def run(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path,
        access: Access = NO_ACCESS,
        stdin: IO[bytes] | None = None,
        stdout: IO[bytes] | None = None,
    ) -> None:
        """Run git to its end; raises `CommandError`, `MissingGitError`, `StalledError`, `OverdueError`.

        Whatever interrupts this process ends git too.
        """
        self._run(arguments, cwd=cwd, access=access, stdin=stdin, stdout=stdout)

    def _run(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path,
        access: Access,
        stdin: IO[bytes] | None,
        stdout: IO[bytes] | int | None,
        on_output: Callable[[bytes], None] = lambda _chunk: None,
    ) -> None:
        try:
            process = subprocess.Popen(
                ["git", *arguments],
                cwd=cwd,
                env=self._environment(access),
                stdin=stdin or subprocess.DEVNULL,
                stdout=stdout or subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
        except (FileNotFoundError, PermissionError) as error:
            raise MissingGitError(str(error.strerror)) from error
        with _ended(process):
            _limit_memory(process.pid, self.memory)
            said = self._listen(process, on_output)
            status = process.wait()
        if status:
            raise CommandError(said or f"git ended with status {status}")

    def _listen(self, process: subprocess.Popen[bytes], on_output: Callable[[bytes], None]) -> str:
        """Return what git says while it runs; ``on_output`` is given what it prints, where there is a pipe."""
        # With --progress git reports at least each second of a transfer: silence means that nothing moves.
        assert process.stderr is not None  # noqa: S101
        said = b""
        end = math.inf if self.timeout is None else time.monotonic() + self.timeout
        with selectors.DefaultSelector() as selector:
            for stream in (process.stderr, process.stdout):
                if stream is not None:
                    selector.register(stream, selectors.EVENT_READ)
            while selector.get_map():
                for ready in self._ready(selector, end):
                    chunk = os.read(ready.fd, _CHUNK)
                    if not chunk:
                        selector.unregister(ready.fileobj)
                    elif ready.fileobj is process.stderr:
                        said = (said + chunk)[-_STDERR_KEPT:]
                    else:
                        on_output(chunk)
        return said.decode("utf-8", "replace")

    def _ready(self, selector: selectors.BaseSelector, end: float) -> list[selectors.SelectorKey]:
        left = end - time.monotonic()
        ready = selector.select(min(self.stall_seconds, left)) if left > 0 else []
        if not ready and left <= self.stall_seconds:
            raise OverdueError(f"git was not done after {self.timeout:g} seconds")
        if not ready:
            raise StalledError(f"nothing arrived for {self.stall_seconds:g} seconds")
        return [key for key, _ in ready]

    def _environment(self, access: Access) -> dict[str, str]:
        environ = {name: value for name, value in self.environ.items() if not re.fullmatch(_DROPPED, name)}
        # Where ssh is not otherwise set up, it is told never to ask; server-side silence is noticed by ssh.
        if "GIT_SSH" not in environ:
            environ.setdefault("GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o ServerAliveInterval=30")
        environ.pop("SSH_ASKPASS", None)
        environ |= {
            "LC_ALL": "C",
            "LANGUAGE": "C",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "",
            "SSH_ASKPASS_REQUIRE": "never",
            "GCM_INTERACTIVE": "never",
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_ALLOW_PROTOCOL": ":".join(sorted(access.protocols & _permitted(environ, access.protocols))),
            **access.environ,
        }
        return _with_config(environ, (*_CONFIG.items(), *access.config))


def _permitted(environ: Mapping[str, str], otherwise: frozenset[str]) -> frozenset[str]:
    declared = environ.get("GIT_ALLOW_PROTOCOL")
    return otherwise if declared is None else frozenset(declared.split(":"))


def _with_config(environ: dict[str, str], config: Sequence[tuple[str, str]]) -> dict[str, str]:
    # Settings go through the environment (git 2.31), because every user of the machine can read arguments.
    try:
        count = int(environ.get("GIT_CONFIG_COUNT", "0") or "0")
    except ValueError:
        count = 0
    for number, (key, value) in enumerate(config, start=count):
        environ[f"GIT_CONFIG_KEY_{number}"] = key
        environ[f"GIT_CONFIG_VALUE_{number}"] = value
    environ["GIT_CONFIG_COUNT"] = str(count + len(config))
    return environ


def _limit_memory(pid: int, most: int) -> None:
    # The processes that it starts are limited alike, each by itself.
    with suppress(OSError):  # it has ended, or the system does not let us
        if sys.platform == "linux":
            resource.prlimit(pid, resource.RLIMIT_DATA, (most, most))


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    # SIGTERM first: git then ends its own children (git-remote-https, ssh) and removes its temporary files.
    try:
        yield
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
