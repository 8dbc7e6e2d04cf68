"""What a run costs, as far as it can be counted without a clock: modules, requests, and hashed bytes.

The numbers are what it takes today. A change that needs more of them should be worth it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cachi2ish.cache import hashing
from tests.cli.conftest import Person
from tests.support.command_line import clean_environment
from tests.support.distributions import core_metadata, make_sdist

FRUITS = ("apple", "banana", "cherry")

#: Modules beside those that Python itself imports at its start.
MOST_FOR_HELP = 120
MOST_IN_A_SECOND_RUN = 295


@pytest.fixture
def lock(person: Person) -> Person:
    sdists = {name: make_sdist(name, "1.0") for name in FRUITS}
    for name, sdist in sdists.items():
        person.index.add(name, sdist)
    pins = (f"{name}==1.0 --hash=sha256:{sdist.sha256}\n" for name, sdist in sdists.items())
    person.writes("requirements.txt", "".join(pins))
    person.writes("pyproject.toml", '[project]\nname = "basket"\nversion = "1.0"\n')
    return person


def imported(person: Person, *arguments: str) -> set[str]:
    """The modules that a process of its own imports."""
    environ = clean_environment(person.home, **person.environ)
    command = [sys.executable, "-X", "importtime", *arguments]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    lines = (line.removeprefix("import time:").split("|") for line in done.stderr.splitlines() if "|" in line)
    return {name.strip() for *_, name in lines}


def test_help_imports_what_it_prints_with(lock: Person) -> None:
    modules = imported(lock, "-m", "cachi2ish", "--help") - imported(lock, "-c", "pass")
    tops = {name.partition(".")[0] for name in modules}
    assert not tops & {"git", "msgspec", "packaging", "pydantic", "requests", "ssl", "urllib3", "yaml"}
    assert len(modules) <= MOST_FOR_HELP, len(modules)


def test_a_second_run_imports_nothing_for_the_network_and_for_archives(lock: Person) -> None:
    assert lock.fetches().code == 0
    command = ("-m", "cachi2ish", "fetch-deps", "--source", str(lock.source), "--output", str(lock.output))
    modules = imported(lock, *command, "pip") - imported(lock, "-c", "pass")
    tops = {name.partition(".")[0] for name in modules}
    assert not tops & {
        "email",
        "git",
        "isal",
        "pip_requirements_parser",
        "pydantic",
        "requests",
        "tarfile",
        "urllib3",
        "yaml",
    }
    assert not modules & {"cachi2ish.simple_api.json_pages", "cachi2ish.sdists.archive_reader"}
    assert len(modules) <= MOST_IN_A_SECOND_RUN, len(modules)


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The lengths of all that is hashed to see whether a file is the right one."""
    lengths: list[int] = []
    update = hashing.Hashes.update

    def counting(self: hashing.Hashes, chunk: bytes | memoryview) -> None:
        lengths.append(len(chunk))
        update(self, chunk)

    with monkeypatch.context() as patched:
        patched.setattr(hashing.Hashes, "update", counting)
        yield lengths


def test_a_file_is_hashed_once_in_each_run(lock: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    with counted(monkeypatch) as first:
        assert lock.fetches().code == 0
    size = sum(file.stat().st_size for file in (lock.output / "deps/pip").iterdir())
    lock.index.forget_requests()
    with counted(monkeypatch) as second:
        assert lock.fetches().code == 0
    assert sum(first) == sum(second) == size
    assert lock.index.requests == ()


def test_a_first_run_asks_once_for_each_page_and_each_file(lock: Person) -> None:
    assert lock.fetches().code == 0
    assert len(lock.index.paths) == len(set(lock.index.paths)) == 2 * len(FRUITS)


def test_a_first_run_opens_no_more_connections_than_it_has_files_and_a_second_none(lock: Person) -> None:
    assert lock.fetches().code == 0
    opened = lock.index.connections
    assert opened <= 2 * len(FRUITS)  # on one host; those that are free are used again
    assert lock.fetches().code == 0
    assert lock.index.connections == opened


#: Prints how many bytes its only child has read from files, by the kernel's count.
_READ = """
import pathlib, re, subprocess, sys
subprocess.run(sys.argv[1:], check=True, capture_output=True)
print(re.search("rchar: ([0-9]+)", pathlib.Path("/proc/self/io").read_text())[1])
"""


def read_by(person: Person) -> int:
    """Fetch once more; return how many bytes were read."""
    places = ("--source", str(person.source), "--output", str(person.output))
    command = [sys.executable, "-c", _READ, sys.executable, "-m", "cachi2ish", "fetch-deps", *places, "pip"]
    environ = clean_environment(person.home, **person.environ)
    return int(subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="the kernel does not count what is read")
@pytest.mark.parametrize("build_requires", ["setuptools", "meson-python"])  # the second adds something by rule
def test_each_byte_of_a_file_is_read_twice_at_most_to_look_at_it_and_to_copy_it(
    lock: Person, build_requires: str
) -> None:
    read_by(lock)  # what Python compiles is not read again
    sizes, firsts, seconds = [], [], []
    for number, padding in enumerate((10_000, 4_000_000)):
        lock.environ["CACHI2ISH_CACHE_DIR"] = str(lock.home / f"cache{number}")
        files = {
            "PKG-INFO": core_metadata("date", f"{number}.0").replace("2.1", "2.2"),  # speaks for the wheel
            "pyproject.toml": f'[build-system]\nrequires = ["{build_requires}"]\n',
        }
        sdist = make_sdist("date", f"{number}.0", files=files, padding=padding)
        lock.index.add("date", sdist)
        lock.writes("requirements.txt", f"date=={number}.0 {sdist.hash_option()}\n")
        sizes.append(len(sdist.content))
        firsts.append(read_by(lock))
        seconds.append(read_by(lock))
    more = sizes[1] - sizes[0]
    assert firsts[1] - firsts[0] <= 2.1 * more
    assert seconds[1] - seconds[0] <= 2.1 * more
