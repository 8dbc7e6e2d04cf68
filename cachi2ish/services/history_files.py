"""Files of the user that the mirror reads and writes: its history, and lists of projects."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from cachi2ish.core.messages import excerpt
from cachi2ish.errors import InputError, Origin, StorageError
from cachi2ish.files.interface import ResultKind, SourceFiles, Writer

#: Bytes of one line of a history: a project of 100,000 files has some 60 MB.
LONGEST_LINE = 256 * 1024 * 1024

#: What stands before an extra, a version, a marker, an address, a comment or a line that goes on.
_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?=$|[\[(<>=!~;@#\\])")


def _is_history(beginning: bytes) -> bool:
    try:
        first = zlib.decompressobj(wbits=31).decompress(beginning, max_length=len(_FIRST))
    except zlib.error:
        return False
    return first == _FIRST


#: What a history begins with, once it is unpacked.
_FIRST = b'{"format":"cachi2ish history '

HISTORY = ResultKind("history", _is_history)


class _Hashed:
    """Passes on what is written, and hashes it: a pipe cannot be read again."""

    def __init__(self, file: Writer) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def write(self, content: bytes) -> int:
        self.digest.update(content)
        return self._file.write(content)

    def flush(self) -> None:
        """Do nothing: gzip asks for it."""


def write_history(
    files: SourceFiles, path: Path, export: Callable[[Callable[[bytes], object]], str]
) -> tuple[str, str]:
    """Write what ``export`` gives to ``path``, packed (gzip); return what it returns, and the file's digest.

    The packed bytes are the same for the same history and the same zlib. Raises `InputError` where something else
    is at ``path``, and `StorageError`.
    """
    with files.writing_result(path, HISTORY) as file:
        hashed = _Hashed(file)
        with gzip.GzipFile(filename="", fileobj=hashed, mode="wb", mtime=0) as packed:
            digest = export(packed.write)
    return digest, f"sha256:{hashed.digest.hexdigest()}"


def read_history(path: Path) -> Iterator[bytes]:
    """Yield the lines of a history. Raises `InputError` for a file that is none, and `StorageError`."""
    try:
        with path.open("rb") as file, gzip.GzipFile(fileobj=file, mode="rb") as packed:
            while line := packed.readline(LONGEST_LINE + 1):
                if len(line) > LONGEST_LINE:
                    raise InputError(f"{path} has a line that is too long for a history")
                yield line
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            f"{path} is no history: {error}", hint="name a file that mirror export has made"
        ) from error
    except OSError as error:
        raise StorageError(
            f"{path} cannot be read: {error.strerror or error}", hint="name a file that mirror export has made"
        ) from error


def project_names(texts: Iterator[str] | list[str], file: str = "") -> list[NormalizedName]:
    """Return the names in lines that have one each, in requirements too; raises `InputError` for what is none.

    Comments, options and empty lines are passed over.
    """
    found = []
    for number, text in enumerate(texts, 1):
        line = text.strip()
        if not line or line.startswith(("#", "-")):
            continue
        name = _NAME.match(line)
        try:
            found.append(canonicalize_name(name[1].rstrip("._-") if name else line, validate=True))
        except InvalidName:
            origin = Origin(file, number) if file else None
            raise InputError(f"{excerpt(line)!r} is no name of a project", origin=origin) from None
    return found


def lines_of(path: Path) -> list[str]:
    """Return the lines of a text. Raises `InputError`."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(f"{path} cannot be read: {reason}", hint="check --requirement") from error
