"""The script that stands for what a team writes itself brings the right files, or none."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.least import Least
from benchmarks.looking import look
from benchmarks.pins import pins_in
from benchmarks.script import Script
from tests.support.distributions import make_sdist, make_wheel
from tests.support.index_server import IndexServer

PEAR = make_sdist("pear", "1.0")


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer() as server:
        for dist in (PEAR, make_sdist("pear", "2.0"), make_wheel("pear", "1.0")):
            server.add("pear", dist)
        yield server


def test_pins_are_read_with_their_digests() -> None:
    text = f"# pins\npear==1.0 \\\n    --hash=sha256:{'a' * 64} \\\n    --hash=sha256:{'b' * 64}\nplum==2\n"
    assert pins_in(text) == {"pear": {"a" * 64, "b" * 64}, "plum": frozenset()}


def test_the_sdist_with_the_pinned_digest_is_fetched(index: IndexServer, tmp_path: Path) -> None:
    Script(index.index_url, tmp_path).run({"pear": frozenset({PEAR.sha256})})
    (file,) = tmp_path.iterdir()
    assert (file.name, file.read_bytes()) == (PEAR.filename, PEAR.content)


def test_a_file_that_was_changed_ends_the_script(index: IndexServer, tmp_path: Path) -> None:
    index.serve_file(replace(PEAR, content=b"something else"))
    with pytest.raises(ValueError, match="is not what the page says"):
        Script(index.index_url, tmp_path).run({"pear": frozenset({PEAR.sha256})})


def test_the_least_program_fetches_the_same_and_names_each_file_to_look_into(
    index: IndexServer, tmp_path: Path
) -> None:
    paths = io.StringIO()
    Least(index.index_url, tmp_path, paths).run({"pear": frozenset({PEAR.sha256})})
    (file,) = tmp_path.iterdir()
    assert (file.read_bytes(), paths.getvalue()) == (PEAR.content, f"{file}\n")


def test_the_least_program_looks_at_all_of_an_sdist(tmp_path: Path) -> None:
    path = PEAR.write(tmp_path)
    assert look(str(path)) == len(gzip.decompress(PEAR.content))
    path.write_bytes(PEAR.content[:-20])
    assert 0 < look(str(path)) < len(gzip.decompress(PEAR.content)) + 1
    path.write_bytes(b"no archive")
    assert look(str(path)) == 0
