"""Reads what people send: a lock, as a file or as lines, within limits. Nothing of it is kept."""

from __future__ import annotations

import asyncio
import re
import tempfile
from concurrent.futures import Executor
from functools import partial
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qsl

from msgspec import Struct
from starlette.requests import ClientDisconnect, Request

from cachi2ish.core.messages import excerpt
from cachi2ish.core.requirements import Pinned, Purpose
from cachi2ish.errors import Cachi2ishError, InputError, UnknownLockError, leaves
from cachi2ish.lockfiles.interface import Lock, LockFiles
from cachi2ish.mirror.pins import MOST_PINS, Pin, Pins, plain_pins
from cachi2ish.mirror.server.replies import Refused

#: Bytes of a form with all that is in it, and seconds for them.
MOST_BYTES = 2_000_000
MOST_SECONDS = 30.0

#: Errors of a lock that are shown.
_SHOWN = 10

#: Fields of a form; there are five.
_MOST_FIELDS = 20

#: Bytes of the head of a part of a form, and of the header that says of which type it is.
_LONGEST_HEAD = 2000

#: A parameter, as browsers and curl write it (RFC 7578, 4.2): what RFC 2231 adds is read by nobody here.
_PARAMETER = re.compile(r'[ \t]*;[ \t]*([^\s;="]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))')
_ESCAPED = re.compile(r'\\(["\\])')

#: A line that includes another file.
_OTHER_FILE = re.compile(rb"[ \t]*(?:-[rc]|--requirement\b|--constraint\b)")

_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")

#: Files that are requirements files, whatever they are called before that.
_REQUIREMENTS = (".txt", ".in")


class UploadError(Exception):
    """What was sent cannot be taken."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text

    def refused(self) -> Refused:
        """Return the answer. The rest of the body is not read, so the connection ends with it."""
        return Refused(self.status, self.text, {"connection": "close"})


class Form(Struct, frozen=True):
    """The fields of a form by name, and the file that came with it. file: its name and its content."""

    fields: dict[str, str]
    file: tuple[str, bytes] | None = None


async def read_form(request: Request, executor: Executor) -> Form:
    """Return what was sent. executor: takes it to pieces. Raises `UploadError`."""
    kind, parameters = _with_parameters(request.headers.get("content-type", ""))
    if kind not in {"multipart/form-data", "application/x-www-form-urlencoded"}:
        raise UploadError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send a form (multipart/form-data)")
    body = await _body(request)
    read = partial(_parts, body, parameters.get("boundary", "")) if "multipart" in kind else partial(_pairs, body)
    return await asyncio.get_running_loop().run_in_executor(executor, read)


async def _body(request: Request) -> bytes:
    too_long = UploadError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a lock may have {MOST_BYTES:,} bytes here, and no more"
    )
    declared = request.headers.get("content-length", "0")
    if not declared.isdigit() or int(declared[:12]) > MOST_BYTES:
        raise too_long
    body = bytearray()
    try:
        async with asyncio.timeout(MOST_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise too_long
    except TimeoutError:
        raise UploadError(HTTPStatus.REQUEST_TIMEOUT, "the form took too long to arrive") from None
    except ClientDisconnect:
        raise UploadError(HTTPStatus.BAD_REQUEST, "the form broke off") from None
    return bytes(body)


def _unreadable() -> UploadError:
    return UploadError(HTTPStatus.BAD_REQUEST, "the form cannot be read")


def _with_parameters(header: str) -> tuple[str, dict[str, str]]:
    """Return a value in small letters, and its parameters by name. Raises `UploadError`."""
    if len(header) > _LONGEST_HEAD:
        raise _unreadable()
    value = header.partition(";")[0]
    found, place, end = {}, len(value), len(header.rstrip(" \t;"))
    while place < end:
        match = _PARAMETER.match(header, place)
        if match is None:
            raise _unreadable()
        name, quoted, token = match.groups()
        found[name.lower()] = token if quoted is None else _ESCAPED.sub(r"\1", quoted)
        place = match.end()
    return value.strip().lower(), found


def _pairs(body: bytes) -> Form:
    try:
        return Form(dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)))
    except ValueError:
        raise _unreadable() from None


def _parts(body: bytes, boundary: str) -> Form:
    """Read a form with files (RFC 7578)."""
    try:
        delimiter = b"\r\n--" + boundary.encode("ascii")
    except UnicodeEncodeError:
        raise _unreadable() from None
    first, *parts = (b"\r\n" + body).split(delimiter, _MOST_FIELDS + 2)
    if not boundary or first or not parts or not parts[-1].startswith(b"--"):
        raise _unreadable()
    fields: dict[str, str] = {}
    file = None
    for part in parts[:-1]:
        head, found, content = part.partition(b"\r\n\r\n")
        disposition = _disposition(head)
        if not found or "name" not in disposition:
            raise _unreadable()
        filename = disposition.get("filename")
        if filename is None:
            fields[disposition["name"]] = content.decode("utf-8", "replace")
        elif filename:
            file = filename.replace("\\", "/").rpartition("/")[2], content
    return Form(fields, file)


def _disposition(head: bytes) -> dict[str, str]:
    if len(head) > _LONGEST_HEAD:
        raise _unreadable()
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            return _with_parameters(value)[1]
    return {}


def read_pins(locks: LockFiles, form: Form) -> Pins:
    """Return the pins of a form: of its file, else of its lines (``pins``). Raises `UploadError`."""
    name, content = form.file or ("requirements.txt", form.fields.get("pins", "").encode())
    plain = plain_pins(content) if name.endswith(_REQUIREMENTS) else None
    if plain is not None and _FILE_NAME.fullmatch(name):
        return plain
    if form.file is not None and not content.strip():
        raise UploadError(HTTPStatus.UNPROCESSABLE_ENTITY, f"{excerpt(name)} is empty")
    if not content.strip():
        raise UploadError(HTTPStatus.BAD_REQUEST, "choose a file, or write lines such as requests==2.31.0")
    if _FILE_NAME.fullmatch(name) is None:
        raise UploadError(HTTPStatus.BAD_REQUEST, f"a lock is not called {excerpt(name)!r}")
    try:
        lock = _read(locks, name, content)
    except Cachi2ishError as error:
        found = leaves(error)
        lines = [f"{one}" + (f" ({hint})" if (hint := _hint_here(one)) else "") for one in found[:_SHOWN]]
        if len(found) > _SHOWN:
            lines.append(f"and {len(found) - _SHOWN} more")
        raise UploadError(HTTPStatus.UNPROCESSABLE_ENTITY, "\n".join(lines)) from None
    return _pins(lock)


def _hint_here(error: Cachi2ishError) -> str | None:
    """Return what to do about an error: there is no input here that could name files."""
    if isinstance(error, UnknownLockError):
        return "of requirements files the names end with .txt or .in here"
    return None if isinstance(error, InputError) else error.hint


def _read(locks: LockFiles, name: str, content: bytes) -> Lock:
    # In an empty folder of its own, so that it can include nothing; no variable of this process is put into it.
    with tempfile.TemporaryDirectory(prefix="cachi2ish-upload-") as folder:
        place = Path(folder).resolve()
        if name.endswith(_REQUIREMENTS):
            _refuse_other_files(content)
            (place / "requirements.txt").write_bytes(content)
            return locks.read_requirements(place, "requirements.txt", Purpose.RUNTIME, {})
        (place / name).write_bytes(content)
        return locks.read_lock(place, name, {})


def _refuse_other_files(content: bytes) -> None:
    for number, line in enumerate(content.splitlines(), start=1):
        if _OTHER_FILE.match(line):
            text = f"line {number} includes another file, which is not sent with it: send one that has all pins"
            raise UploadError(HTTPStatus.UNPROCESSABLE_ENTITY, text)


def _pins(lock: Lock) -> Pins:
    pins: dict[tuple[str, str], Pin] = {}
    others = []
    for one in lock.requirements:
        if isinstance(one, Pinned):
            of_files = (pair for file in one.files for pair in file.hashes)
            digests = [(digest.algorithm, digest.value) for digest in one.digests] or of_files
            allowed = frozenset(value for algorithm, value in digests if algorithm == "sha256")
            pins.setdefault((one.project, one.version), Pin(one.project, one.version, allowed))
        else:
            others.append(str(one))
    others += [str(one) for one in lock.notes]
    if len(pins) > MOST_PINS:
        raise UploadError(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"it has {len(pins):,} pins, and {MOST_PINS:,} is the most here"
        )
    if not pins:
        raise UploadError(HTTPStatus.UNPROCESSABLE_ENTITY, "it pins no version of any project")
    return Pins(tuple(sorted(pins.values(), key=lambda pin: (pin.project, pin.version))), tuple(others))
