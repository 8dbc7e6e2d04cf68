"""The members of an archive, one after another, whatever its format; nothing is written anywhere."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import posixpath
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

from cachi2ish.core.distributions import is_wheel, sdist_extension
from cachi2ish.errors import DistributionError, StorageError
from cachi2ish.sdists.forward import Budget, Forward, Limits, TooLargeError

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: What the standard library's readers raise for bytes that are no archive, beside their own classes.
_BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
)

_HEAD = 512

#: Bytes that are read of a compressed file at once.
_PORTION = 1 << 16

#: Members of a zip archive between two looks at the clock.
_LISTED_AT_ONCE = 64

_LZIP = b"LZIP"


@dataclass(frozen=True, slots=True)
class Member:
    """A file. parts: its path, normalised and below the archive; size: as the archive states it.

    read: returns the content; to be called before the next member is asked for. is_link: it is a link or a device,
    of which nothing is read: where it leads does not matter, since nothing is unpacked by it.
    """

    parts: tuple[str, ...]
    size: int
    read: Callable[[], bytes] = field(repr=False)
    is_link: bool = False


@contextmanager
def reading(path: Path, filename: str, budget: Budget, ending: str = "") -> Iterator[Iterator[Member]]:
    """Open an archive and iterate over its files, in its order.

    ending: of a zip archive, files with another ending may be passed over.
    Raises `DistributionError` for anything but a sound archive, inside the context too, and `StorageError`
    for a file that cannot be opened.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        problem = f"{filename} cannot be read ({error.strerror})"
        raise StorageError(problem, cause=(path, error.errno)) from error
    with file:
        try:
            yield from _opened(file, filename, budget, ending)
        except TooLargeError as error:
            raise DistributionError(
                f"{filename} is larger than any distribution should be: {error}",
                hint="it may have been made to do harm; look at it before you use it",
            ) from None
        except _BROKEN as error:
            raise DistributionError(
                f"{filename} cannot be read as an archive: {_reason(file, error)}",
                hint="download it again, or ask its publisher for another file",
            ) from None


def _opened(file: IO[bytes], filename: str, budget: Budget, ending: str) -> Iterator[Iterator[Member]]:
    head = file.read(_HEAD)
    file.seek(0)
    if head.startswith(_LZIP):
        raise DistributionError(
            f"{filename} is compressed with lzip, which neither Python nor pip can read",
            hint="ask for a version that is published as .tar.gz or .zip",
        )
    # As pip: zip by the name or by the content, everything else is tar.
    if is_wheel(filename) or sdist_extension(filename) == ".zip" or head.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(file) as archive:
            yield _zip_members(archive, budget, ending)
        return
    with _decompressed(file, head, budget) as content:
        forward = Forward(content, budget)
        with tarfile.open(fileobj=forward, mode="r:") as archive:
            yield _tar_members(archive, forward, budget)


@contextmanager
def _decompressed(file: IO[bytes], head: bytes, budget: Budget) -> Iterator[IO[bytes]]:
    # By the content, not by the name: pip insists on the name for some endings and not for others.
    if head.startswith(b"\x1f\x8b"):
        with gzip.GzipFile(fileobj=file, mode="rb") as content:
            yield content  # type: ignore[misc]
    elif head.startswith(b"BZh"):
        with bz2.BZ2File(file) as content:
            yield content
    elif head.startswith((b"\xfd7zXZ\x00", b"\x5d\x00\x00")):
        with io.BufferedReader(_Lzma(file, budget)) as content:
            yield content
    else:
        yield file


class _Lzma(io.RawIOBase):
    """Decompresses xz and lzma, one stream after the other, with a decoder of bounded memory.

    A file names the size of its dictionary itself, up to 4 GB, and `lzma.LZMAFile` makes it.
    """

    def __init__(self, file: IO[bytes], budget: Budget) -> None:
        super().__init__()
        self._file = file
        self._limit = budget.limits.decoder
        self._decoder = lzma.LZMADecompressor(memlimit=self._limit)

    def close(self) -> None:
        """Let go of the decoder: what was read may be kept, by an error for one, and its memory is large."""
        if not self.closed:
            del self._decoder
        super().close()

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill ``buffer`` with what comes next; 0 at the end of the last stream."""
        view = memoryview(buffer)
        while True:
            if self._decoder.eof:
                rest = (self._decoder.unused_data or self._file.read(_PORTION)).lstrip(b"\0")
                if not rest:
                    return 0
                self._decoder = lzma.LZMADecompressor(memlimit=self._limit)
                content = self._decoder.decompress(rest, len(view))
            else:
                data = self._file.read(_PORTION) if self._decoder.needs_input else b""
                if self._decoder.needs_input and not data:
                    raise EOFError("it ends before its end-of-stream marker")
                content = self._decoder.decompress(data, len(view))
            if content:
                view[: len(content)] = content
                return len(content)


def _tar_members(archive: tarfile.TarFile, forward: Forward, budget: Budget) -> Iterator[Member]:
    count = 0
    while (info := archive.next()) is not None:
        count += 1
        _count(count, budget.limits)
        if len(archive.pax_headers) > budget.limits.keys:
            raise TooLargeError(f"its headers set more than {budget.limits.keys} keys")
        # tarfile keeps all that it has seen, which a stream has no use for.
        archive.members.clear()  # type: ignore[attr-defined]
        if not info.isdir() and (parts := _parts(info.name)):
            content = partial(_tar_content, archive, forward, info, budget.limits)
            yield Member(parts, info.size, content, is_link=not info.isreg())


def _tar_content(archive: tarfile.TarFile, forward: Forward, info: tarfile.TarInfo, limits: Limits) -> bytes:
    if info.size > limits.piece:
        raise TooLargeError(f"{info.name!r} has {info.size} bytes")
    content = archive.extractfile(info)
    if content is None:
        return b""
    before, forward.most = forward.most, limits.piece
    try:
        with content:
            return content.read(info.size)
    finally:
        forward.most = before


def _zip_members(archive: zipfile.ZipFile, budget: Budget, ending: str) -> Iterator[Member]:
    infos = archive.infolist()
    _count(len(infos), budget.limits)
    for number, info in enumerate(infos):
        if number % _LISTED_AT_ONCE == 0:  # to ask the clock takes longer than to look at a name
            budget.check()
        if not info.filename.endswith(ending) and ".." not in info.filename:
            continue
        kind = info.external_attr >> 28  # the type bits of a Unix mode; 0o12 is a symbolic link
        if not info.is_dir() and (parts := _parts(info.filename)):
            content = partial(_zip_content, archive, info, budget.limits)
            yield Member(parts, info.file_size, content, is_link=kind not in {0, 0o10})


def _zip_content(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limits: Limits) -> bytes:
    with archive.open(info) as content:
        data = content.read(limits.piece + 1)  # the stated size is only stated
    if len(data) > limits.piece:
        raise TooLargeError(f"{info.filename!r} has more than {limits.piece} bytes")
    return data


def _count(count: int, limits: Limits) -> None:
    if count > limits.members:
        raise TooLargeError(f"it has more than {limits.members} members")


def _parts(name: str) -> tuple[str, ...]:
    # As pip: a leading slash is dropped, a path that leaves the archive is an error.
    normal = posixpath.normpath(name.replace("\\", "/").lstrip("/"))
    parts = tuple(part for part in normal.split("/") if part != ".")
    if parts[:1] == ("..",):
        raise ValueError(f"its member {name!r} lies outside of it")
    return parts


def _reason(file: IO[bytes], error: BaseException) -> str:
    file.seek(0)
    head = file.read(_HEAD).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html", b"<?xml")):
        return "it is a web page (a login page or an error page, perhaps)"
    if not head:
        return "it is empty"
    said = str(error).strip().rstrip(".")
    return "".join(c if c.isprintable() else " " for c in said[:200]) or type(error).__name__
