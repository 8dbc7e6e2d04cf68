"""Small things from outside that ask for much: the program needs less than 500 MB and 20 s for each of them.

Memory is the peak of what is resident, with the interpreter and all libraries, of the program and of each process
that it starts (git). Time is processor time of each of these, and the kernel ends one that needs more.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cachi2ish.exit_codes import ExitCode
from tests.cli.conftest import Person
from tests.sdists.test_bombs import BOMBS as ARCHIVES
from tests.sdists.test_bombs import entry, file_name, many_files, with_dictionary, zipped
from tests.support.distributions import Dist, core_metadata
from tests.support.git_server import GitServer, Link, Repository
from tests.support.program import PROGRAM, environment, weigh

MEMORY = 500_000_000
SECONDS = 20

#: As a shell counts it: 128 and SIGXCPU.
_LIMITED = ("/bin/sh", "-c", f'ulimit -t {SECONDS}; exec "$@"', "sh")


def run_bounded(person: Person, *, source: Path | None = None) -> tuple[int, str]:
    """Fetch, within the bounds; return the exit code and what was said."""
    command = (*_LIMITED, *PROGRAM, "fetch-deps", "--source", source or person.source, "--output", person.output)
    environ = {**environment(person.home, person.environ), "TMPDIR": str(person.home)}
    done, peak = weigh((*command, json.dumps({"type": "pip", "allow_binary": True})), environ)
    assert peak < MEMORY, f"{peak / 1e6:.0f} MB"
    assert done.returncode in set(ExitCode), (done.returncode, done.stderr[-500:])
    assert done.returncode != ExitCode.INTERNAL, done.stderr[-2000:]
    assert [path.name for path in person.home.iterdir() if path.name.startswith("cachi2ish-")] == []
    return done.returncode, done.stderr


FILE = b'{"filename":"fig-1.0.tar.gz","url":"https://h.test/fig-1.0.tar.gz","hashes":{}%s},'


def json_page(files: bytes, more: bytes = b"") -> bytes:
    return b'{"meta":{"api-version":"1.0"},"name":"fig"%s,"files":[%s]}' % (more, files.rstrip(b","))


def html_page(content: bytes) -> bytes:
    return b"<!DOCTYPE html><title>Links for fig</title>" + content


MB = 1_000_000
PAGES: dict[str, Callable[[], tuple[bytes, str]]] = {
    "empty lists": lambda: (json_page(b"[]," * (63 * MB)), "json"),
    "empty lists that fit": lambda: (json_page(b"[]," * (13 * MB)), "json"),
    "empty lists that no one counts": lambda: (json_page(b"[]," * (2 * MB)), "json"),
    "files of the version": lambda: (json_page((FILE % b"") * (190 * MB // 80)), "json"),
    "files of the version that fit": lambda: (json_page((FILE % b"") * (7 * MB // 80)), "json"),
    "a text of astral characters": lambda: (json_page(b"", b',"x":"%s"' % ("😀" * (9 * MB)).encode()), "json"),
    "a wide text beside a wrong value": lambda: (
        json_page(b"1,", b',"x":"%s"' % ("x" * (39 * MB) + "😀").encode()),
        "json",
    ),
    "Requires-Python": lambda: (json_page(FILE % (b',"requires-python":"%s"' % (b">=3," * (12 * MB)))), "json"),
    "keys": lambda: (json_page(FILE % b"".join(b',"%x":0' % n for n in range(4 * MB))), "json"),
    "one link": lambda: (html_page(b'<a href="fig-1.0.tar.gz"' + b' a="b"' * (6 * MB) + b">x</a>"), "html"),
    "one long link": lambda: (html_page(b'<a href="fig-1.0.tar.gz?' + b"a" * (39 * MB) + b'">x</a>'), "html"),
    "links of the wanted name": lambda: (
        html_page(b'<a href="../fig-1.0.tar.gz">fig-1.0.tar.gz</a>' * (12 * MB // 50)),
        "html",
    ),
    "half links": lambda: (html_page(b"<a " * (13 * MB)), "html"),
    "a wide text in HTML": lambda: (html_page(("x" * (39 * MB) + "😀").encode()), "html"),
    "an alphabet that takes its time": lambda: (
        html_page(b"a" * (7 * MB) + b"-" + b"b" * MB),
        "html; charset=punycode",
    ),
    "zeros": lambda: (bytes(190 * MB), "html"),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_asks_for_much(person: Person, name: str) -> None:
    body, kind = PAGES[name]()
    prefix = "application/vnd.pypi.simple.v1+" if kind == "json" else "text/"
    person.index.serve_page("/simple/fig/", body, prefix + kind)
    person.writes("requirements.txt", "fig==1.0\n")
    code, said = run_bounded(person)
    assert code in {ExitCode.UNAVAILABLE, ExitCode.NETWORK}, said


def zeros_first() -> bytes:
    """PKG-INFO behind nearly 8 GB of zeros."""
    return ARCHIVES["8 GB of zeros.tar.gz"]()


def interpolation() -> Iterator[bytes]:
    yield entry("fig-1.0/setup.cfg", INTERPOLATION.encode())


INTERPOLATION = (
    "[metadata]\nname = fig\na0 = x\n"
    + "".join(f"a{n + 1} = {f'%(a{n})s' * 10}\n" for n in range(30))
    + "version = %(a30)s\n"
)

MORE_ARCHIVES: dict[str, Callable[[], bytes]] = {
    "200,000 files without PKG-INFO.tar.gz": lambda: zipped(part for _ in range(2) for part in many_files()),
    "values that hold one another ten times.tar.gz": lambda: zipped(interpolation()),
}


@pytest.mark.parametrize("name", [*ARCHIVES, *MORE_ARCHIVES])
def test_an_archive_that_asks_for_much(person: Person, name: str) -> None:
    content = {**ARCHIVES, **MORE_ARCHIVES}[name]()
    dist = Dist(file_name(name), content)
    person.index.add("demo", dist)
    person.writes("requirements.txt", f"demo==1.0 {dist.hash_option()}\n")
    code, said = run_bounded(person)
    assert code == ExitCode.DISTRIBUTION, said


def test_many_archives_that_are_refused_when_their_decompressor_has_all_its_memory(person: Person) -> None:
    """A decompressor has 96 MiB, and each of the errors is kept until the end."""
    zeros = with_dictionary(bytes(101 * MB), 29)
    for number in range(6):
        root = f"fig{number}-1.0"
        twice = [entry(f"{root}/PKG-INFO", core_metadata(name, "1.0").encode()) for name in ("fig", "evil")]
        content = lzma.compress(b"".join(twice) + entry(f"{root}/zeros", size=100 * MB)[:512]) + zeros
        person.index.add(f"fig{number}", Dist(f"{root}.tar.xz", content))
    person.writes("requirements.txt", "".join(f"fig{number}==1.0\n" for number in range(6)))
    for run in ("downloaded", "of the cache"):
        code, said = run_bounded(person)
        assert code == ExitCode.DISTRIBUTION, run
        assert said.count("says more than once what it is: fig 1.0, evil 1.0") == 6


def test_a_setup_cfg_that_names_itself(person: Person) -> None:
    person.writes("requirements.txt", "")
    person.writes("setup.cfg", INTERPOLATION)
    code, said = run_bounded(person)
    assert code == ExitCode.INPUT, said


def test_a_link_of_a_repository_that_leads_to_600_mb(
    person: Person, repository: Repository, server: GitServer
) -> None:
    commit = repository.commit({"l": Link("a" * (600 * MB)), "pyproject.toml": "[project]\nname='fig'\n"})
    person.writes("requirements.txt", f"fig @ git+{server.url('fig.git')}@{commit}\n")
    code, said = run_bounded(person)
    assert code == ExitCode.GIT, said


@pytest.mark.parametrize(
    ("counts", "codes"),
    [
        ((1000, 95), {ExitCode.OK, ExitCode.DISTRIBUTION}),  # the latter where a busy machine needs too long
        ((1000, 101), {ExitCode.GIT}),
        ((1000,) * 5, {ExitCode.GIT}),
    ],
)
def test_a_folder_of_a_repository_that_holds_itself_many_times(
    person: Person, repository: Repository, server: GitServer, counts: tuple[int, ...], codes: set[int]
) -> None:
    """Nearly as many names as are taken, some more, and more than a disk has room for."""
    below = repository.git("hash-object", "-w", "--stdin", content=b"x")
    mode = b"100644"
    for count in counts:
        content = b"".join(b"%s %03d\0%s" % (mode, n, bytes.fromhex(below)) for n in range(count))
        below = repository.git("hash-object", "-t", "tree", "--literally", "-w", "--stdin", content=content)
        mode = b"40000"
    commit = repository.commit_tree(below, reference="refs/heads/main")
    person.writes("requirements.txt", f"fig @ git+{server.url('fig.git')}@{commit}\n")
    assert run_bounded(person)[0] in codes


def test_a_folder_of_a_repository_with_three_million_names(
    person: Person, repository: Repository, server: GitServer
) -> None:
    blob = bytes.fromhex(repository.git("hash-object", "-w", "--stdin", content=b"x"))
    content = b"".join(b"100644 %07d\0%s" % (n, blob) for n in range(3 * MB))
    tree = repository.git("hash-object", "-t", "tree", "--literally", "-w", "--stdin", content=content)
    commit = repository.commit_tree(tree, reference="refs/heads/main")
    person.writes("requirements.txt", f"fig @ git+{server.url('fig.git')}@{commit}\n")
    code, said = run_bounded(person)
    assert code == ExitCode.GIT, said
