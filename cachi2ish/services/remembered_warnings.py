"""Warnings that take long to find are remembered for the next run, by a digest of all that they follow from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from hashlib import sha256

from msgspec import json

from cachi2ish.cache.interface import Recollection


def remembered_warnings(
    recollection: Recollection, kind: str, known_by: Iterable[object], find: Callable[[], Iterable[str]]
) -> tuple[str, ...]:
    """Return the warnings that ``find`` makes, which is called only where no earlier run had the same facts.

    kind: which warnings. known_by: all that they follow from, and a number that is raised when rules or words
    change. Of each value its ``repr`` counts, so it has to say everything: no struct with a field that
    `repr_without` hides may be among them, nor in one of them. Each is released when it was looked at, since there
    may be thousands.
    """
    digest = sha256()
    for one in known_by:
        digest.update(f"{one!r}\n".encode(errors="backslashreplace"))
    key = f"{kind}\n{digest.hexdigest()}"
    known = recollection.get(key)
    if known is not None:
        return tuple(json.decode(known, type=list[str]))
    found = tuple(find())
    with suppress(UnicodeEncodeError):  # a name that is not UTF-8: such a run is rare, and finds them again
        recollection.put(key, json.encode(found).decode())
    return found
