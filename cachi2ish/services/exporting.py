"""The lock of the input as a requirements file, beside the output."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

from msgspec import Struct

from cachi2ish.core.digests import any_strong
from cachi2ish.core.outputs import ProjectFile, text_digest
from cachi2ish.core.requirements import Pinned, Purpose
from cachi2ish.errors import InputError, LockFileError, UsageError, raise_all
from cachi2ish.files.interface import ResultKind, SourceFiles
from cachi2ish.lockfiles.interface import Exporter, Lock, LockText
from cachi2ish.services.fetch.input.package_input import RequestInput
from cachi2ish.services.fetch.reading import DEFAULT_FILES, Reading

#: As `cachi2ish.lockfiles.pip.requirements_writer` begins it.
EXPORT = ResultKind(
    "export",
    lambda beginning: re.match(rb"# Of .*, by cachi2ish\. Install it with --no-deps\.\n", beginning) is not None,
)


class Export(Struct, frozen=True):
    """A requirements file to write. path: absolute. text: what it will hold, and its direct requirements."""

    path: Path
    text: LockText

    def write(self, files: SourceFiles) -> None:
        """Write it; raises `StorageError`."""
        files.write_result(self.path, self.text.text.encode(), EXPORT)

    def recorded(self, source: Path, template: str, urls: tuple[str, ...]) -> ProjectFile:
        """Return it as a file that ``inject-files`` rewrites: relative to the source where it is below that."""
        inside = self.path.is_relative_to(source)
        return ProjectFile(
            path=self.path.relative_to(source).as_posix() if inside else "",
            abspath=str(self.path),
            template=template,
            urls=urls,
            sha256=text_digest(self.text.text),
        )


def check_export(path: Path, request: RequestInput, output: Path) -> None:
    """Raise `UsageError` or `InputError` where ``path`` cannot be what the input is exported to.

    output: the directory that the run makes anew.
    """
    if path.suffix != ".txt":
        raise UsageError(f"{path} is to be a requirements file", hint="name it *.txt")
    locks = [package.lockfile for package in request.packages]
    if len(locks) != 1 or locks[0] is None:
        count = "no package" if not locks else f"{len(locks)} packages" if len(locks) > 1 else "no lock file"
        raise InputError(
            f"--export writes what one lock file asks for, and the input has {count}",
            hint='name a lock file: uv, or {"type": "pip", "lockfile": "uv.lock"}; export each by itself',
        )
    real, folder = Path(os.path.realpath(path)), Path(os.path.realpath(path.parent))
    if real.is_relative_to(os.path.realpath(output)):
        raise UsageError(f"{path} is in the output, which is made anew", hint="export to a place beside it")
    if not folder.is_dir():
        raise UsageError(f"{path.parent} is no directory to export to", hint="make it, or name another one")
    if real.is_dir():
        raise UsageError(f"{path} is a directory, and no file to export to", hint="name the file in it")
    if not os.access(real if real.exists() else folder, os.W_OK):
        raise UsageError(f"{path} cannot be written", hint="check the rights, or name another place")


def export_of(reading: Reading, source: Path, path: Path, exporter: Exporter) -> Export:
    """Return the export of the one lock of an input that `check_export` has let pass.

    Raises `UsageError` where ``path`` is a file that is read, and `LockFileError` for a lock of which pip would
    refuse the export.
    """
    path = path.absolute()
    (package,) = reading.packages
    here = {file for lock in package.locks for file in (lock.file, *(text.file for text in lock.texts))}
    here.add((PurePosixPath(package.main.path) / DEFAULT_FILES[Purpose.BUILD]).as_posix())  # the next run reads it
    if os.path.realpath(path) in {os.path.realpath(source / file) for file in here}:
        raise UsageError(f"{path} is a file that fetch-deps reads", hint="export to another name")
    lock = package.locks[0]
    _refuse_bare_pins(lock)
    return Export(path, exporter(lock, path.name))


def _refuse_bare_pins(lock: Lock) -> None:
    """Raise `LockFileError` for pins without a digest beside others: pip then wants one of each."""
    bare = [one for one in lock.requirements if isinstance(one, Pinned) and not any_strong(one.digests)]
    if not bare or len(bare) == sum(isinstance(one, Pinned) for one in lock.requirements):
        return
    hint = "lock them from an index that states hashes, or leave --export out"
    raise_all(
        LockFileError(
            f"{one} has no digest, and others have: pip takes no such file", hint=hint, origin=one.origin
        )
        for one in bare
    )
