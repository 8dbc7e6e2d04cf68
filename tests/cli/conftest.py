"""A user with a project, an index and a place for the output."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.command_line import Outcome, run
from tests.support.git_server import GitServer, Repository, git_server, make_repository
from tests.support.index_server import IndexServer


@dataclass
class Person:
    """Somebody at a shell: a home with a cache, a source tree, an output directory, an index to ask."""

    home: Path
    source: Path
    output: Path
    index: IndexServer
    environ: dict[str, str] = field(default_factory=dict)

    def writes(self, name: str, text: str | bytes) -> Path:
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def runs(self, *arguments: str | Path) -> Outcome:
        return run(*arguments, home=self.home, environ=self.environ)

    def fetches(self, package_input: str = "pip", *options: str | Path) -> Outcome:
        return self.runs("fetch-deps", "--source", self.source, "--output", self.output, *options, package_input)

    def deps(self) -> list[str]:
        folder = self.output / "deps" / "pip"
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    source, home = tmp_path / "source", tmp_path / "home"
    source.mkdir()
    home.mkdir()
    with IndexServer() as index:
        yield Person(home, source, tmp_path / "out", index, {"PIP_INDEX_URL": index.index_url})


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below ``folder`` with its content."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A git repository without a commit; `server` has it."""
    return make_repository(tmp_path / "git" / "fig.git")


@pytest.fixture
def server(repository: Repository) -> Iterator[GitServer]:
    """A git server on loopback."""
    with git_server(repository.path.parent) as running:
        yield running


@pytest.fixture(autouse=True)
def _signals_are_heard() -> Iterator[None]:
    """Programs inherit it where whoever runs the tests has signals ignored: nohup, the background of a script."""
    ignored = [one for one in (signal.SIGINT, signal.SIGHUP) if signal.getsignal(one) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)
