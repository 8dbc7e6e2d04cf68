from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.failures import BenchmarkError
from benchmarks.mirror import Mirror, build
from benchmarks.workload import read_pins
from tests.benchmarks.conftest import Closure
from tests.support.index_server import Fault, IndexServer


def mirrored(closure: Closure, folder: Path) -> Mirror:
    return build(folder, read_pins(closure.requirements), closure.index.index_url, lambda _: None)


def test_the_mirror_has_an_sdist_and_a_wheel_of_each_pin(closure: Closure, tmp_path: Path) -> None:
    mirror = mirrored(closure, tmp_path)
    brought = {each.file.filename: (mirror.site / each.file.path).read_bytes() for each in mirror.held}
    assert brought == {dist.filename: dist.content for dist in (*closure.sdists, *closure.wheels)}
    assert len(closure.index.requests) == 3 + 6


def test_what_is_there_is_not_asked_for_again(closure: Closure, tmp_path: Path) -> None:
    first = mirrored(closure, tmp_path)
    closure.index.forget_requests()
    assert mirrored(closure, tmp_path) == first
    assert closure.index.requests == ()


def test_a_file_that_was_damaged_is_brought_again(closure: Closure, tmp_path: Path) -> None:
    mirror = mirrored(closure, tmp_path)
    damaged = mirror.site / mirror.held[0].file.path
    damaged.write_bytes(b"half of")
    closure.index.forget_requests()
    mirrored(closure, tmp_path)
    assert damaged.read_bytes() == closure.sdists[0].content
    assert len(closure.index.requests) == 1


def test_another_file_than_the_pinned_one_ends_it_and_is_not_kept(closure: Closure, tmp_path: Path) -> None:
    closure.index.script(f"/files/{closure.sdists[0].filename}", [Fault.wrong_bytes()])
    with pytest.raises(BenchmarkError, match=r"another file than apple-1\.0\.tar\.gz"):
        mirrored(closure, tmp_path)
    assert not list((tmp_path / "site").rglob("apple*"))


def test_a_project_that_the_index_does_not_have_is_named_without_credentials(tmp_path: Path) -> None:
    pins = read_pins(f"quince==1 --hash=sha256:{'1' * 64}")
    with IndexServer(credentials=("me", "s3cret")) as index:
        with pytest.raises(BenchmarkError, match="quince") as told:
            build(tmp_path, pins, index.index_url_with_credentials, lambda _: None)
        assert "s3cret" not in str(told.value)
