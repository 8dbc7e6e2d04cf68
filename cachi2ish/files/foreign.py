"""What somebody else made: a file is read whole, of a bounded size and without waiting for anybody, into a shape.

It may be a named pipe, whose writer never comes; a device, which never ends or does something when it is opened;
or larger than memory. Whoever may write to the place of a file can put such a thing there.

A shape is declared once, as a struct of msgspec, which reads what fits. What it refuses goes to a pydantic model
that is then made of the same declaration: it may still take it (``"5"`` for a number, unless it is strict), or
says all that is wrong, with the places. So pydantic, which takes long to load, is loaded for odd values only::

    class Pin(Struct, frozen=True, forbid_unknown_fields=True):
        name: Annotated[str, Before(checked_name)]
        version: str | None = None

    pin = read({"name": "attrs"}, Pin)

What a type cannot say, `Before` and `After` do for a field, and ``__post_init__`` for a whole struct.
"""

from __future__ import annotations

import errno
import io
import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from msgspec import Struct, ValidationError, convert

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


_MIB = 1 << 20

#: Bytes of a file of text: an input, a lock, a configuration, a record. Of what is longer nothing is read.
LARGEST_TEXT = 16 * _MIB

#: The names by which a process reaches its streams, and devices that are written as streams are.
#: ``/dev/shm`` is not among them: what is kept there are files. The last are those that ``/dev/fd`` leads to, such
#: as ``/proc/12/fd/pipe:[34]`` (proc_pid_fd(5)).
_STREAM = re.compile(
    r"/dev/(?:std(?:in|out|err)|tty\w*|console|null|full|(?:fd|pts)/\d+)|/proc/[^/]+/(?:task/\d+/)?fd/.+", re.ASCII
)


class UnfitFileError(OSError):
    """What is there is not read.

    strerror: the end of a sentence that begins with the file: ``is not a regular file``. hint: what to do.
    errno: ``EFBIG`` for one that is too large.
    """

    hint: str

    def __init__(self, path: Path, problem: str, hint: str, number: int = errno.EINVAL) -> None:
        super().__init__(number, problem, str(path))
        self.hint = hint


def read_foreign(path: Path, most: int = LARGEST_TEXT, *, streams: bool = False) -> bytes:
    """Return the content of a regular file.

    most: bytes. streams: whether the streams of this process may be read too, as a shell passes them
    (``/dev/stdin``, ``<(command)``): a person has to name one.

    Raises `UnfitFileError` for anything else and for a larger file, and any other `OSError` as the system says it.
    """
    # By the real name: /dev/stdin may be a named pipe, which would be opened anew, when its writer may have gone.
    is_stream = streams and names_a_stream(Path(os.path.realpath(path)))
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY
    if not is_stream:
        flags |= os.O_NONBLOCK
        _check(path, path.stat(), most, streams=streams)  # before it is opened: some devices act on that
    descriptor = os.open(path, flags)
    try:
        if not is_stream:
            _check(path, os.fstat(descriptor), most, streams=streams)
        chunks: list[bytes] = []
        size = 0
        while chunk := os.read(descriptor, min(most - size + 1, _MIB)):
            size += len(chunk)
            if size > most:
                raise _too_large(path, size, most)
            chunks.append(chunk)
    finally:
        os.close(descriptor)
    return b"".join(chunks)


def stream_foreign(path: Path) -> Iterator[bytes]:
    """Yield the content of a regular file of any size, piece by piece; raises as `read_foreign` does."""
    _check(path, path.stat(), None, streams=False)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        _check(path, os.fstat(descriptor), None, streams=False)
        while chunk := os.read(descriptor, _MIB):
            yield chunk
    finally:
        os.close(descriptor)


def names_a_stream(path: Path) -> bool:
    """Return whether ``path`` is the name of a stream; the file system is not asked, and no link is followed."""
    return _STREAM.fullmatch(str(path)) is not None


def decode_text(content: bytes, encoding: str = "utf-8") -> str:
    """Return the text, its line ends read as Python reads them; raises `UnicodeDecodeError`."""
    return io.TextIOWrapper(io.BytesIO(content), encoding=encoding).read()


def _check(path: Path, status: os.stat_result, most: int | None, *, streams: bool) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        named = "name a regular file, or a stream such as /dev/stdin"
        hint = named if streams else "put a regular file in its place"
        raise UnfitFileError(path, "is not a regular file", hint)
    if most is not None and status.st_size > most:
        raise _too_large(path, status.st_size, most)


def _too_large(path: Path, size: int, most: int) -> UnfitFileError:
    limit = f"{most} bytes" if most % _MIB else f"{most // _MIB} MiB"
    problem = f"is larger than {limit} ({size} bytes or more), and is not read"
    hint = f"check that it is the file that is meant: such a one has {limit} at most"
    return UnfitFileError(path, problem, hint, errno.EFBIG)


_Shape = TypeVar("_Shape", bound=Struct)

#: The type of a problem that is an `UnfitValueError`; its hint is in the context.
OWN_WORDS = "own_words"


class UnfitValueError(ValueError):
    """A rule refuses a value. ``str()``: the problem, for the user as it stands; hint: what to do, or ""."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.hint = hint


class Before(Struct, frozen=True):
    """Calls ``rule`` with a value before its type is looked at.

    It returns what fits as it is, and anything else as it was meant; it raises `ValueError`. A value that is left
    out is not looked at.
    """

    rule: Callable[[Any], object]


class After(Before, frozen=True):
    """Calls ``rule`` with a value that has the type."""


class WrongShapeError(Exception):
    """A value has not its shape. problems: all that is wrong, in the order of the fields, in pydantic's words."""

    def __init__(self, problems: Sequence[ErrorDetails]) -> None:
        super().__init__(problems)
        self.problems = problems


def read(value: object, shape: type[_Shape], *, strict: bool = False) -> _Shape:
    """Return ``value`` as a ``shape``; raises `WrongShapeError`.

    strict: whether what has another type is refused, though it could be converted.
    """
    try:
        found = convert(value, shape)
        if not _has_rules(shape) or _fits(value, shape):
            return found
    except (ValidationError, ValueError, RecursionError):
        pass
    from cachi2ish.files.explained import read_or_explain  # noqa: PLC0415  (it imports pydantic)

    return read_or_explain(value, shape, strict=strict)


@cache
def _has_rules(hint: Any) -> bool:  # noqa: ANN401  (as typing has it)
    if isinstance(hint, type) and issubclass(hint, Struct):
        return any(map(_has_rules, hints_of(hint).values()))
    marks = getattr(hint, "__metadata__", ())
    return any(isinstance(mark, Before) for mark in marks) or any(map(_has_rules, get_args(hint)))


def _fits(value: Any, hint: Any) -> bool:  # noqa: ANN401  (what was written, and a type as typing has it)
    """Return whether all rules leave ``value``, which has the type, as it is; raises what they raise."""
    if get_origin(hint) is Annotated:
        hint, *marks = get_args(hint)
        if any(isinstance(mark, Before) and mark.rule(value) != value for mark in marks):
            return False
    arms = get_args(hint) if isinstance(hint, UnionType) or get_origin(hint) is Union else (hint,)
    return value is None or all(_fits(*member) for arm in arms for member in _members(value, arm))


def _members(value: Any, hint: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401  (as above)
    origin = get_origin(hint)
    if origin is Annotated:
        yield value, hint
    elif origin in {tuple, list} and isinstance(value, list | tuple):
        yield from ((one, get_args(hint)[0]) for one in value)
    elif origin is dict and isinstance(value, dict):
        yield from ((one, get_args(hint)[1]) for one in value.values())
    elif isinstance(hint, type) and issubclass(hint, Struct) and isinstance(value, dict):
        types = hints_of(hint)
        names = zip(hint.__struct_encode_fields__, hint.__struct_fields__, strict=True)
        yield from ((value[key], types[name]) for key, name in names if key in value)


@cache
def hints_of(shape: type[Struct]) -> dict[str, Any]:
    """Return the types of the fields of a struct, with all that is said of them."""
    return get_type_hints(shape, include_extras=True)


#: Parts of a dotted key. A megabyte of one key takes hours to read; people write four.
MOST_PARTS = 100

#: What has no end is kept as a whole: otherwise each of its quotes would be tried as a beginning.
_STRING = r'"(?:[^"\\\n]|\\.)*"|(?P<endless>"(?:[^"\\\n]|\\.)*)|\'[^\'\n]*\''
_NO_KEY = r"[\r\n,=\[\]{}#]+"
_BLANKS = str.maketrans("", "", " \t")


def read_toml(text: str) -> dict[str, Any]:
    """Return the document; raises `tomllib.TOMLDecodeError`, and `RecursionError` for lists in lists in lists."""
    plain = re.sub(_STRING, r"x\g<endless>", text).translate(_BLANKS)
    # Two dots beside each other are prose in a text of several lines, and no key.
    if any(word.count(".") >= MOST_PARTS and ".." not in word for word in re.split(_NO_KEY, plain)):
        raise tomllib.TOMLDecodeError(f"a key has more than {MOST_PARTS} parts")
    return tomllib.loads(text)
