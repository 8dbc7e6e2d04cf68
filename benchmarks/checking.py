"""Whether a case brought what it should: each file, byte for byte."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

#: Looks at the output of a case; returns what is wrong or missing there.
Check: TypeAlias = Callable[[Path], Sequence[str]]


def holds_files(expected: Mapping[str, str]) -> Check:
    """Check for files of these names, somewhere below the output, with these sha256."""

    def check(output: Path) -> list[str]:
        found = {path.name: path for path in output.rglob("*") if path.name in expected and path.is_file()}
        return [
            name
            for name, sha256 in expected.items()
            if name not in found or _sha256(found[name].read_bytes()) != sha256
        ]

    return check


def holds_installed(wheels: Sequence[Path]) -> Check:
    """Check that each wheel has been installed into the output (PEP 427), as far as it goes into one folder.

    RECORD is written anew by each installer, and scripts and data of a ``.data`` folder go to other places.
    """

    def check(output: Path) -> list[str]:
        return [problem for wheel in wheels for problem in _not_installed(wheel, output)]

    return check


def _not_installed(wheel: Path, output: Path) -> list[str]:
    wrong = []
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            root, _, rest = member.filename.partition("/")
            if member.is_dir() or root.endswith(".data") or (root.endswith(".dist-info") and rest == "RECORD"):
                continue
            place = output / member.filename
            if not place.is_file() or place.read_bytes() != archive.read(member):
                wrong.append(f"{member.filename} of {wheel.name}")
    return wrong


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
