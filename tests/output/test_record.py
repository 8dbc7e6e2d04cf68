"""The record of an output: what was asked for, which files it became, and whether it is as it was written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cachi2ish.core.outputs import (
    BuildConfig,
    OutputRecord,
    RecordedLock,
    RecordedPackage,
    RecordedRequirement,
    RecordedTarget,
)
from cachi2ish.output.build_config import BUILD_CONFIG, is_as_written, read_build_config
from tests.output.conftest import config_text

RECORD = OutputRecord(
    packages=(
        RecordedPackage(
            path="service",
            build_requires=("flit_core",),
            targets=(RecordedTarget(python="3.13", platform="macosx_14_0_arm64", abi="cp313t"),),
        ),
    ),
    locks=(
        RecordedLock(
            path="service",
            file="service/requirements.txt",
            hash_mode=True,
            no_binary=("apple",),
            requirements=(
                RecordedRequirement(
                    requirement="apple[red]==1.0",
                    marker="os_name == 'posix'",
                    file="service/more.txt",
                    line=3,
                    files=("apple-1.0.tar.gz",),
                ),
                RecordedRequirement(
                    requirement="fig",
                    file="service/requirements.txt",
                    files=("fig-git-0.tar.gz",),
                    direct=True,
                    subdirectory="python",
                ),
            ),
        ),
        RecordedLock(path="service", file="service/requirements-build.txt", build=True),
    ),
    digests=(("apple-1.0.tar.gz", "0" * 64), ("fig-git-0.tar.gz", "1" * 64)),
    bom="2" * 64,
)
CONFIG = BuildConfig("1", record=RECORD)


def written(folder: Path, content: bytes) -> Path:
    (folder / BUILD_CONFIG).write_bytes(content)
    return folder


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    text = config_text(CONFIG)
    output = written(tmp_path, text.encode())
    assert read_build_config(output) == CONFIG
    assert is_as_written(output)
    assert json.loads(text)["cachi2ish"]["record"]["locks"][1] == {
        "path": "service",
        "file": "service/requirements-build.txt",
        "build": True,
    }


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"apple[red]==1.0", b"apple[red]==1.1"), (b"\n", b"\r\n"), (b'"seal": "', b'"seal": "0')],
)
def test_no_byte_of_it_can_change_unseen(tmp_path: Path, before: bytes, after: bytes) -> None:
    content = config_text(CONFIG).encode()
    assert not is_as_written(written(tmp_path, content.replace(before, after, 1)))


def test_a_config_without_a_record_has_no_seal(tmp_path: Path) -> None:
    text = config_text(BuildConfig("1"))
    assert "seal" not in text
    assert "record" not in text
    assert not is_as_written(written(tmp_path, text.encode()))


def test_a_path_that_is_no_text_keeps_the_seal(tmp_path: Path) -> None:
    odd = OutputRecord(packages=(RecordedPackage(path="caf\udce9"),))
    text = config_text(BuildConfig("1", record=odd))
    output = written(tmp_path, text.encode("utf-8", "backslashreplace"))
    assert is_as_written(output)
    config = read_build_config(output)
    assert config.record is not None
    assert config.record.packages == odd.packages
