from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachi2ish.errors import DistributionError
from cachi2ish.projects.project_reader import SourceTreeReader
from cachi2ish.sdists.archive_reader import ArchiveReader
from cachi2ish.sdists.forward import Limits
from tests.support.distributions import make_sdist, make_wheel

LIMITS = Limits(total=1 << 24, piece=1 << 20)
NO_METADATA = {"pyproject.toml": '[project]\nname = "demo"\nversion = "1.0"\n', "a.py": "x = 1\n"}
ARCHIVES = {
    **{e: make_sdist("demo", "1.0", e) for e in (".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tar.lzma", ".tar")},
    **{e + " of a site": make_sdist("demo", "1.0", e, files=NO_METADATA) for e in (".tar.gz", ".zip", ".tar")},
    "wheel": make_wheel("demo", "1.0"),
}


def survives(content: bytes, filename: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "blob")
        path.write_bytes(content)
        problem = f"{filename}: none"
        try:
            ArchiveReader(SourceTreeReader(), limits=LIMITS).identify(path, filename)
        except DistributionError as error:
            problem = str(error)
        assert problem.startswith(filename)
        assert folder not in problem


@pytest.mark.parametrize("kind", ARCHIVES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_truncated_archive_is_a_distribution_error_or_nothing(kind: str, data: st.DataObject) -> None:
    dist = ARCHIVES[kind]
    survives(dist.content[: data.draw(st.integers(0, len(dist.content)))], dist.filename)


@pytest.mark.parametrize("kind", ARCHIVES)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_flipped_bytes_are_a_distribution_error_or_nothing(kind: str, data: st.DataObject) -> None:
    dist = ARCHIVES[kind]
    content = bytearray(dist.content)
    flips = st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(1, 255)), min_size=1, max_size=8)
    for position, change in data.draw(flips):
        content[position] ^= change
    survives(bytes(content), dist.filename)


@pytest.mark.parametrize(
    "filename", ["demo-1.0.tar.gz", "demo-1.0.zip", "demo-1.0.tar", "demo-1.0-py3-none-any.whl"]
)
@settings(max_examples=30, deadline=None)
@given(
    head=st.sampled_from([b"", b"\x1f\x8b\x08", b"PK\x03\x04", b"BZh9", b"\xfd7zXZ\x00", b"\x5d\x00\x00"]),
    rest=st.binary(),
)
def test_noise_is_a_distribution_error_or_nothing(filename: str, head: bytes, rest: bytes) -> None:
    survives(head + rest, filename)
