"""The process that looks into archives for `ReadingProcesses`: it is asked over a pipe, and answers over another.

It loads next to nothing, so that it is there in no time: no msgspec, no pathlib, no dataclasses. A message is
a list of byte strings, each with its length in front of it, and their number in front of all.
"""

from __future__ import annotations

import os
import signal
import struct
import time
from collections.abc import Sequence
from typing import IO

from cachi2ish.sdists.forward import Budget, Limits
from cachi2ish.sdists.shortcut import find_members_at

_NUMBER = struct.Struct("!I")

#: What an answer begins with: whether something was found out by simple means.
_FOUND, _UNKNOWN = b"found", b"unknown"


_TEXT = ("utf-8", "surrogateescape")


class BrokenMessageError(Exception):
    """The other side has ended within a message, or says something else than it should."""


def serve() -> None:
    """Answer until nobody asks any more."""
    # A terminal interrupts both processes. This one ends with the pipe, when the other one has ended.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with os.fdopen(0, "rb") as questions, os.fdopen(1, "wb") as answers:
        while message := receive(questions):
            send(answers, _answer(*message))


def question(path: str, folder: tuple[str, ...], names: Sequence[str], budget: Budget) -> list[bytes]:
    """Return the question after the members that `find_members_at` would find."""
    limits = budget.limits
    numbers = f"{limits.members} {limits.total} {limits.metadata} {limits.unpacked} {budget.seconds_left}"
    return [os.fsencode(path), numbers.encode(), "/".join(folder).encode(*_TEXT), *(_bytes(one) for one in names)]


def _answer(path: bytes, numbers: bytes, folder: bytes, *names: bytes) -> list[bytes]:
    members, total, metadata, unpacked, seconds = numbers.split()
    limits = Limits(
        members=int(members),
        total=int(total),
        metadata=int(metadata),
        unpacked=int(unpacked),
        seconds=float(seconds),
    )
    since = time.thread_time()
    texts = [name.decode(*_TEXT) for name in names]
    found = find_members_at(path, tuple(folder.decode(*_TEXT).split("/")) if folder else (), texts, Budget(limits))
    spent = str(time.thread_time() - since).encode()
    if found is None:
        return [_UNKNOWN, spent]
    pairs = (part for name, contents in found.items() for one in contents for part in (_bytes(name), one))
    return [_FOUND, spent, *pairs]


def read_answer(answer: Sequence[bytes], names: Sequence[str]) -> tuple[float, dict[str, list[bytes]] | None]:
    """Return the seconds that were spent, and what was found; raises `BrokenMessageError`."""
    try:
        kind, spent, *pairs = answer
        found: dict[str, list[bytes]] = {name: [] for name in names}
        for name, content in zip(pairs[::2], pairs[1::2], strict=True):
            found[name.decode(*_TEXT)].append(content)
        return float(spent), found if kind == _FOUND else None
    except (ValueError, KeyError):
        raise BrokenMessageError from None


def send(stream: IO[bytes], message: Sequence[bytes]) -> None:
    """Write a message. Raises `OSError`."""
    stream.write(_NUMBER.pack(len(message)))
    for one in message:
        stream.write(_NUMBER.pack(len(one)))
        stream.write(one)
    stream.flush()


def receive(stream: IO[bytes]) -> list[bytes]:
    """Return the next message, nothing where there is none. Raises `OSError` and `BrokenMessageError`."""
    start = stream.read(_NUMBER.size)
    if not start:
        return []
    return [_exactly(stream, _number(_exactly(stream, _NUMBER.size))) for _ in range(_number(start))]


def _number(packed: bytes) -> int:
    if len(packed) != _NUMBER.size:
        raise BrokenMessageError
    number: int = _NUMBER.unpack(packed)[0]
    return number


def _exactly(stream: IO[bytes], size: int) -> bytes:
    content = stream.read(size)
    if len(content) != size:
        raise BrokenMessageError
    return content


def _bytes(text: str) -> bytes:
    return text.encode(*_TEXT)
