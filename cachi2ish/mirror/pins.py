"""The pins of a lock; read here where the lock has nothing else, and as they stand in an address."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct
from packaging.markers import InvalidMarker
from packaging.utils import NormalizedName, canonicalize_name

from cachi2ish.core.targets.dependency_specifiers import read_marker

#: Pins of one lock.
MOST_PINS = 1000


class Pin(Struct, frozen=True, order=True):
    """A project at one version. sha256: of the files that the lock allows; empty for any."""

    project: NormalizedName
    version: str
    sha256: frozenset[str] = frozenset()


class Pins(Struct, frozen=True):
    """The pins of a lock, by name, and what else is in it as sentences."""

    pins: tuple[Pin, ...]
    others: tuple[str, ...] = ()


#: The end of a line, with a comment before it. Nothing here goes back over what it has matched: no other thread
#: runs meanwhile.
_END = r"[ \t]*+(?:(?<!\S)#[^\\\n\r\v\f\x1c-\x1e]*+)?(?:\r?\n|\Z)"

#: A word of a marker.
_WORD = r"[a-z_()0-9.<>=!~'\"]++"

#: A line of a lock as tools write it: nothing, or a pin with its marker and its digests.
_PLAIN = re.compile(
    r"[ \t]*+(?:([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)"
    r"==([0-9]{1,9}(?:\.[0-9]{1,9})*+(?:(?:a|b|rc|\.post|\.dev)[0-9]{1,9})?)"
    rf"(?:[ \t]*+;[ \t]*+({_WORD}(?:\x20++{_WORD})*+))?"
    rf"((?:[ \t]++(?:\\\r?\n[ \t]*+)?--hash=sha256:[^ \t\\\n]{{64}})*+))?{_END}"
)
_DIGEST = re.compile("--hash=sha256:(.{64})")


def plain_pins(content: bytes) -> Pins | None:
    """Return the pins of a requirements file that has nothing but pins as tools write them, once each.

    None for any other one: the reader of requirements files tells what it has, and what is wrong with it. It would
    find the same in this one, in five to twenty times as long.
    """
    # An encoding may be named in the first two lines (PEP 263).
    if not content.isascii() or any(b"coding" in line for line in content.split(b"\n", 2)[:2]):
        return None
    text, place = content.decode(), 0
    found: dict[NormalizedName, Pin] = {}
    markers: set[str] = set()
    all_digests: list[str] = []
    while place < len(text):
        line = _PLAIN.match(text, place)
        if line is None or line.end() == place:
            return None
        place = line.end()
        name, version, marker, hashes = line.groups()
        if name is None:
            continue
        project = canonicalize_name(name)
        if project in found or len(found) == MOST_PINS:
            return None
        if marker is not None:
            markers.add(marker)
        digests = _DIGEST.findall(hashes)
        all_digests += digests
        found[project] = Pin(project, version, frozenset(digests))
    hashed = {bool(one.sha256) for one in found.values()}
    if "".join(all_digests).encode().translate(None, b"0123456789abcdef"):
        return None
    if len(hashed) != 1 or not all(map(_is_marker, markers)):
        return None
    return Pins(tuple(sorted(found.values(), key=lambda pin: pin.project)))


def _is_marker(text: str) -> bool:
    try:
        read_marker(text)
    except InvalidMarker:
        return False
    return True


def pins_in_query(text: str) -> str:
    """Return the pins of an address (``name==1.0,other==2.0``) as the lines of a requirements file."""
    return "\n".join(one for one in re.split(r"[,\s]+", text) if one and not one.startswith("-"))


def query_of(pins: Iterable[Pin]) -> str:
    """Return the pins as they stand in an address."""
    return ",".join(f"{pin.project}=={pin.version}" for pin in pins)
