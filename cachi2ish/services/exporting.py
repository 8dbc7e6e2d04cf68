"""The lock of the input as a requirements file, beside the output."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from cachi2ish.core.outputs import ProjectFile, text_digest
from cachi2ish.errors import InputError, UsageError
from cachi2ish.files.interface import SourceFiles
from cachi2ish.lockfiles.interface import Exporter, LockText
from cachi2ish.services.fetch.input.package_input import RequestInput
from cachi2ish.services.fetch.reading import Reading


class Export(Struct, frozen=True):
    """A requirements file to write. path: absolute. text: what it will hold, and its direct requirements."""

    path: Path
    text: LockText

    def write(self, files: SourceFiles) -> None:
        """Write it; raises `StorageError`."""
        files.replace(self.path, self.text.text.encode())

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


def check_export(path: Path, request: RequestInput) -> None:
    """Raise `UsageError` or `InputError` where ``path`` cannot be what the input is exported to."""
    if path.suffix != ".txt":
        raise UsageError(f"{path} is to be a requirements file", hint="name it *.txt")
    locks = [package.lockfile for package in request.packages]
    if len(locks) != 1 or locks[0] is None:
        count = "no package" if not locks else f"{len(locks)} packages" if len(locks) > 1 else "no lock file"
        raise InputError(
            f"--export writes what one lock file asks for, and the input has {count}",
            hint='name a lock file: uv, or {"type": "pip", "lockfile": "uv.lock"}; export each by itself',
        )


def export_of(reading: Reading, path: Path, exporter: Exporter) -> Export:
    """Return the export of the one lock of an input that `check_export` has let pass."""
    path = path.absolute()
    return Export(path, exporter(reading.packages[0].locks[0], path.name))
