"""A bare repository for the time of one fetch: a commit, and what its version is computed from.

The commit is fetched by its name and alone. Then come the commits behind it and the tags, without their trees
and files (a partial clone with ``--filter=tree:0``; a server that does not filter sends more, as to pip).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from msgspec.structs import replace as replaced

from cachi2ish.files.scratch import scratch_directory
from cachi2ish.git.command import Access, CommandError, GitCommand
from cachi2ish.git.git_errors import Subject

#: Refusals of a commit by its name, not of the commit: the client's word (protocol v0), JGit's, and dumb HTTP's.
_ONLY_BY_BRANCH = re.compile(
    r"(?i)unadvertised object|want [0-9a-f]+ not valid|dumb http transport|does not support (shallow|--depth)"
    r"|shallow (capabilities|requests)",
)

#: Git's word for "all of it" (git-fetch(1), ``--unshallow``), which works for complete histories too.
_INFINITE_DEPTH = "--depth=2147483647"

_FETCH = (
    "fetch",
    "--progress",
    "--no-tags",
    "--no-recurse-submodules",
    "--no-write-fetch-head",
    "--force",
)


@dataclass(frozen=True, slots=True)
class Clone:
    """A bare repository. access: what its remote may be reached by."""

    directory: Path
    command: GitCommand
    subject: Subject
    access: Access

    def git(self, *arguments: str) -> bytes:
        """Return what a command that reaches no network prints; raises `GitError`."""
        try:
            return self.command.output(arguments, cwd=self.directory)
        except CommandError as failure:
            raise self.subject.explain(failure) from None

    def attempt(self, *arguments: str) -> str | None:
        """Return what a command prints, without its final newline, or None where it fails."""
        try:
            return self.command.output(arguments, cwd=self.directory).decode("utf-8", "surrogateescape").strip()
        except CommandError:
            return None

    def stream(self, *arguments: str, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        """Run a command on files; raises `GitError`."""
        try:
            self.command.run(arguments, cwd=self.directory, stdin=stdin, stdout=stdout)
        except CommandError as failure:
            raise self.subject.explain(failure) from None

    def fetch(self, *arguments: str) -> None:
        """Fetch from the remote; raises `CommandError`."""
        self.command.fetching()
        self.command.run((*_FETCH, *arguments), cwd=self.directory, access=self.access)


@contextmanager
def cloned(command: GitCommand, subject: Subject, scratch: Path | None) -> Iterator[Clone]:
    """Make an empty clone in ``scratch`` and remove it afterwards; raises `GitError`."""
    with scratch_directory("cachi2ish-git-", scratch) as folder:
        clone = Clone(folder, command, subject, subject.remote.access)
        clone.git("init", "--quiet", "--bare", "--template=", "--object-format=sha1", ".")
        yield replace(clone, access=_own_ssh(clone))


def _own_ssh(clone: Clone) -> Access:
    # An ssh command in the user's git settings must not lose against the default that never asks.
    if not clone.subject.remote.by_ssh or "GIT_SSH_COMMAND" in clone.command.environ:
        return clone.access
    configured = clone.attempt("config", "--get", "core.sshCommand")
    environ = {**clone.access.environ, "GIT_SSH_COMMAND": configured} if configured else clone.access.environ
    return replaced(clone.access, environ=environ)


def fetch_commit(clone: Clone) -> bool:
    """Fetch the commit with its files; return whether its history came with it.

    Raises `GitError`: the repository cannot be reached, or it does not have the commit.
    """
    try:
        clone.fetch("--depth=1", "origin", clone.subject.commit)
    except CommandError as refusal:
        if not _ONLY_BY_BRANCH.search(refusal.said):
            raise clone.subject.explain(refusal) from None
    else:
        _check(clone)
        return False
    _fetch(clone, "origin", "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
    _check(clone)
    return True


def fetch_history(clone: Clone) -> None:
    """Fetch the commits behind the commit, and all tags; raises `GitError`."""
    tags = "+refs/tags/*:refs/tags/*"
    _fetch(clone, _INFINITE_DEPTH, "--filter=tree:0", "origin", clone.subject.commit, tags)


def _fetch(clone: Clone, *arguments: str) -> None:
    try:
        clone.fetch(*arguments)
    except CommandError as failure:
        raise clone.subject.explain(failure) from None


def _check(clone: Clone) -> None:
    commit = clone.subject.commit
    kind = clone.attempt("cat-file", "-t", commit)
    if kind is None:
        raise clone.subject.no_such_commit()
    if kind == "tag":
        meant = clone.attempt("rev-parse", f"{commit}^{{}}")
        raise clone.subject.error(
            f"{commit} is a tag, not a commit", f"name the commit that it points to: {meant}"
        )
    if kind != "commit":
        raise clone.subject.error(f"{commit} is a {kind}, not a commit", "name a commit")
