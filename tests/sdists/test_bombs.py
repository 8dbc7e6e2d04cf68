"""Archives that are small and ask for much: each ends as an error or without harm, in bounded memory and time.

Each is read by a process of its own with 500 MB of address space and 20 seconds of processor time.
``tests/cli/test_bombs.py`` gives them to the whole program.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import resource
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.distributions import core_metadata

MEMORY = 500_000_000
SECONDS = 20

IDENTIFY = """
import sys
from pathlib import Path
from cachi2ish.errors import DistributionError
from cachi2ish.projects.project_reader import SourceTreeReader
from cachi2ish.sdists.archive_reader import ArchiveReader
try:
    print(ArchiveReader(SourceTreeReader(), scratch=Path(sys.argv[3])).identify(Path(sys.argv[1]), sys.argv[2]))
except DistributionError as error:
    print("refused:", error)
"""

PKG_INFO = core_metadata("demo", "1.0").encode()


def entry(name: str, content: bytes = b"", size: int | None = None) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = len(content) if size is None else size
    return info.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % 512)


def pax(kind: bytes, content: bytes) -> bytes:
    info = tarfile.TarInfo("header")
    info.type, info.size = kind, len(content)
    return info.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % 512)


def records(first: int, count: int) -> bytes:
    return b"".join(
        f"{len(f'{number:x}') + 5:02d} {number:x}=\n".encode() for number in range(first, first + count)
    )


def many_global_keys() -> Iterator[bytes]:
    for header in range(20):
        yield pax(b"g", records(header * 60_000, 60_000))
    yield entry("demo-1.0/PKG-INFO", PKG_INFO)


def one_long_header() -> Iterator[bytes]:
    yield pax(b"x", records(0, 1_000_000))
    yield entry("demo-1.0/PKG-INFO", PKG_INFO)


def zeros() -> bytes:
    """A member of 8 GB, as bytes that are compressed once and repeated (RFC 1951: blocks after a full flush)."""
    compressor = zlib.compressobj(9, wbits=31)
    start = compressor.compress(entry("demo-1.0/zeros", size=(8 << 30) - 1)[:512]) + compressor.flush(
        zlib.Z_FULL_FLUSH
    )
    block = compressor.compress(bytes(1 << 24)) + compressor.flush(zlib.Z_FULL_FLUSH)
    return start + block * (8 << 6)


def many_pyprojects() -> bytes:
    """A thousand files of one MiB, as bytes that are compressed once and repeated."""
    compressor = zlib.compressobj(9, wbits=31)
    start = compressor.compress(entry("demo-1.0/a.py", b"")) + compressor.flush(zlib.Z_FULL_FLUSH)
    file = entry("demo-1.0/pyproject.toml", b"#" * (1 << 20))
    return start + (compressor.compress(file) + compressor.flush(zlib.Z_FULL_FLUSH)) * 1000


def much_metadata() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(64):
            archive.writestr(f"demo_{number}-1.0.dist-info/METADATA", PKG_INFO + bytes(7 << 20))
    return buffer.getvalue()


def deep_folders() -> Iterator[bytes]:
    for number in range(150):
        path = "/".join(["demo-1.0", str(number), *"d" * 700, "f.py"])
        yield pax(b"x", record("path", path)) + entry("x", b"x")


def record(key: str, value: str) -> bytes:
    text = f" {key}={value}\n"
    size = len(text) + len(str(len(text) + 3))
    return f"{size}{text}".encode()


def many_files() -> Iterator[bytes]:
    for number in range(100_000):
        yield entry(f"demo-1.0/{number % 1000}/{number}.py", b"x")


def zipped(parts: Iterator[bytes]) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=1, mtime=0) as file:
        for part in parts:
            file.write(part)
        file.write(bytes(1024))
    return buffer.getvalue()


def huge_dictionary() -> bytes:
    return with_dictionary(entry("demo-1.0/PKG-INFO", PKG_INFO) + bytes(1024), 39)  # 3 GB


def with_dictionary(content: bytes, code: int) -> bytes:
    """Compress with a small dictionary, and ask for a large one (the .xz file format, 5.3.1).

    It is only the compressor's word, of which the decompressor makes memory.
    """
    small = lzma.compress(content, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 20}])
    at = small.index(b"\x21\x01", 12) + 2
    header = bytearray(small[12 : 12 + (small[12] + 1) * 4])
    header[at - 12] = code
    header[-4:] = lzma_crc(bytes(header[:-4]))
    return small[:12] + bytes(header) + small[12 + len(header) :]


def lzma_crc(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(4, "little")


def limits() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


BOMBS: dict[str, Callable[[], bytes]] = {
    "pax headers with a million keys.tar.bz2": lambda: bz2.compress(b"".join(many_global_keys())),
    "a pax header of 13 MB.tar.bz2": lambda: bz2.compress(b"".join(one_long_header())),
    "8 GB of zeros.tar.gz": zeros,
    "1000 project files of 1 MiB.tar.gz": many_pyprojects,
    "64 files of metadata of 7 MiB.whl": much_metadata,
    "105,000 folders.tar.gz": lambda: zipped(deep_folders()),
    "100,000 files without PKG-INFO.tar.gz": lambda: zipped(many_files()),
    "a dictionary of 3 GB.tar.xz": huge_dictionary,
}


def file_name(bomb: str) -> str:
    """What an index calls the file of ``bomb``, which ends with the kind of its archive."""
    return f"demo-1.0{bomb[bomb.index('.') :]}".replace(".whl", "-py3-none-any.whl")


@pytest.mark.parametrize("name", BOMBS)
def test_an_archive_that_asks_for_much_is_read_in_bounded_memory_and_time(tmp_path: Path, name: str) -> None:
    blob, scratch = tmp_path / "blob", tmp_path / "scratch"
    blob.write_bytes(BOMBS[name]())
    scratch.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", IDENTIFY, str(blob), file_name(name), str(scratch)],
        preexec_fn=limits,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.returncode, done.stderr[-300:])
    assert done.stdout.startswith(("refused: demo-1.0", "None")), done.stdout
    assert list(scratch.iterdir()) == []
