"""What a tool exports from its own lock file, to judge what is read of it here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cachi2ish.core.requirements import Git, Pinned, Purpose, Url
from cachi2ish.core.requirements import Requirement as Locked
from cachi2ish.core.targets.machine import Target
from cachi2ish.lockfiles.interface import Lock
from cachi2ish.lockfiles.pip.requirements_reader import PipRequirementsReader
from cachi2ish.lockfiles.pip.requirements_writer import as_requirements

#: Machines on which markers are compared: old and new, of each system.
MACHINES = tuple(
    Target.parse(python, platform).marker_environment
    for python in ("3.9.4", "3.10.1", "3.11.7", "3.12.0", "3.13.2")
    for platform in ("manylinux_2_28_x86_64", "musllinux_1_2_aarch64", "macosx_14_0_arm64", "win_amd64")
)

_HASH = re.compile(r"\s--hash=(sha256:[0-9a-f]+)")


@dataclass(frozen=True)
class Line:
    """What is installed, where, and the digests that its file may have."""

    what: str
    marker: str | None
    digests: tuple[str, ...]


def exported(text: str) -> list[Line]:
    """The lines of a requirements file that name something of an index, an address or a commit."""
    return list(_lines(text))


def _lines(text: str) -> Iterator[Line]:
    joined = re.sub(r"[ \t]*\\\n[ \t]*", " ", text)
    for line in joined.splitlines():
        line = re.sub(r"\s+#.*", "", line).strip()  # noqa: PLW2901
        if not line or line.startswith(("#", "-", ".")):
            continue
        digests = tuple(sorted(_HASH.findall(line)))
        one = Requirement(_HASH.sub("", line))
        name = canonicalize_name(one.name)
        what = f"{name} @ {one.url.partition('#')[0]}" if one.url else f"{name}{one.specifier}"
        yield Line(what, str(one.marker) if one.marker else None, digests)


def locked(requirements: Iterable[Locked]) -> list[Line]:
    """What was read of a lock file."""
    found = []
    for one in requirements:
        match one:
            case Pinned():
                what = f"{one.project}=={one.version}"
                digests = tuple(sorted(map(str, one.digests)))
            case Url():
                what, digests = f"{one.project} @ {one.url.with_credentials}", (str(one.digest),)
            case Git():
                what, digests = f"{one.project} @ git+{one.url.with_credentials}@{one.commit}", ()
        found.append(Line(what, one.marker, digests))
    return found


def reexported(lock: Lock) -> list[Line]:
    """What is exported of a lock here; it is read by pip's reader, and by that of this file, and says the same."""
    text = as_requirements(lock, "requirements.txt")
    with TemporaryDirectory() as folder:
        (Path(folder) / text.file).write_text(text.text)
        of_pip = PipRequirementsReader().read(Path(folder), text.file, Purpose.RUNTIME, {}).requirements
    found = exported(text.text)
    assert sorted(map(repr, locked(of_pip))) == sorted(map(repr, found))
    return found


def installed(lines: Iterable[Line]) -> dict[str, set[str]]:
    """What is installed on each of `MACHINES`."""
    found: dict[str, set[str]] = {}
    for machine in MACHINES:
        environment = {**machine, "extra": "", "platform_release": "", "platform_version": ""}
        here = {one.what for one in lines if one.marker is None or Marker(one.marker).evaluate(environment)}
        found[f"{machine['python_full_version']} {machine['sys_platform']} {machine['platform_machine']}"] = here
    return found
