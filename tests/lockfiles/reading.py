"""What the tests of this room share: a source tree in one call, and errors as text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cachi2ish.core.requirements import Pinned, Purpose
from cachi2ish.errors import Cachi2ishError, leaves
from cachi2ish.lockfiles.interface import Lock
from cachi2ish.lockfiles.pip.requirements_reader import PipRequirementsReader

A, B, C = ("a" * 64, "b" * 64, "c" * 64)
HASH_A, HASH_B, HASH_C = (f"--hash=sha256:{digits}" for digits in (A, B, C))
COMMIT = "0123456789abcdef0123456789abcdef01234567"
GIT = f"git+https://git.example/org/repo.git@{COMMIT}"
ZIP = "https://files.example/foo-1.0.zip"


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def read(
    root: Path,
    files: Mapping[str, str | bytes] | str | bytes,
    *,
    environ: Mapping[str, str] | None = None,
    file: str = "requirements.txt",
) -> Lock:
    write(root, files if isinstance(files, Mapping) else {file: files})
    return PipRequirementsReader().read(root, file, Purpose.RUNTIME, environ or {})


def errors_of(
    root: Path,
    files: Mapping[str, str | bytes] | str | bytes,
    *,
    environ: Mapping[str, str] | None = None,
) -> list[Cachi2ishError]:
    try:
        lock = read(root, files, environ=environ)
    except Cachi2ishError as error:
        return list(leaves(error))
    message = f"no error, but {lock}"
    raise AssertionError(message)


def names(lock: Lock) -> list[str]:
    return [str(requirement) for requirement in lock.requirements]


def pins(lock: Lock) -> list[Pinned]:
    return [requirement for requirement in lock.requirements if isinstance(requirement, Pinned)]
