"""``pylock.toml`` (PEP 751): each package names its files, an archive or a commit, so no index is asked."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.pylock import Pylock, PylockValidationError
from packaging.version import InvalidVersion, Version

from cachi2ish.core.messages import excerpt, shortened
from cachi2ish.core.requirements import Pinned, Purpose, Requirement
from cachi2ish.core.targets.markers import Selection, settle
from cachi2ish.errors import Cachi2ishError, LockFileError, Origin, raise_all
from cachi2ish.files.toml_text import read_toml
from cachi2ish.lockfiles.interface import Lock, Scope
from cachi2ish.lockfiles.pylock_package import Entry, requirement_of
from cachi2ish.lockfiles.source_tree import SourceTree

#: The versions of the format that are known, the newest last.
_KNOWN = ("1.0",)

_HEADER = re.compile(r"^[ \t]*\[\[[ \t]*packages[ \t]*\]\]", re.MULTILINE)
_LINE = re.compile(r"\(at line (\d+), column (\d+)\)")

_PIPENV = "pipenv"

#: Characters of what the reader of the standard says: a marker may be of any length.
_LONGEST = 300


class PylockReader:
    """`LockReader` for ``pylock.toml``."""

    names = ("pylock.toml", "pylock.*.toml")

    def read(self, source: Path, file: str, purpose: Purpose, environ: Mapping[str, str]) -> Lock:  # noqa: ARG002
        """Return the packages of ``source / file`` that its default groups need. See `LockReader.read`."""
        tree = SourceTree(Path(os.path.realpath(source)))
        file = tree.name_of(file, "")
        text, document = _parse(tree.read(file), file)
        lock = _Reading(file, purpose, str(document.get("created-by", "")))
        warnings = lock.check_version(document)
        try:
            return lock.read(text, document, warnings)
        except Cachi2ishError as error:
            if lock.created_by != _PIPENV:
                raise
            raise LockFileError(
                "pipenv wrote it, and not by the standard (PEP 751): no installer reads it",
                hint="take what Pipfile.lock says: `pipenv requirements --hash > requirements.txt`",
                origin=Origin(file),
            ) from error


def _parse(content: bytes, file: str) -> tuple[str, dict[str, Any]]:
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise LockFileError(
            f"the file is not UTF-8 text: {error.reason}", hint=_RESTORE, origin=Origin(file, line)
        ) from None
    try:
        return text, read_toml(text)
    except ValueError as error:  # TOMLDecodeError, and a number that Python does not read
        found = _LINE.search(str(error))
        line = int(found[1]) if found else text.rstrip("\n").count("\n") + 1
        where = f", in column {found[2]}" if found else ""
        reason = _LINE.sub("", str(error)).strip().removesuffix(" (at end of document)")
        problem = f"it is no TOML{where}: {reason}"
        raise LockFileError(problem, hint=_RESTORE, origin=Origin(file, line)) from None
    except RecursionError:
        raise LockFileError("it is nested too deeply", hint=_RESTORE, origin=Origin(file)) from None


_RESTORE = "restore it from version control, or lock again"


@dataclass(slots=True)
class _Reading:
    """One file while it is read."""

    file: str
    purpose: Purpose
    created_by: str

    @property
    def hint(self) -> str:
        """What helps against a file that is not as it should be."""
        tool = f" with {excerpt(self.created_by)}" if self.created_by else ""
        return f"lock again{tool}; if that writes the same, tell its makers"

    def check_version(self, document: Mapping[str, Any]) -> tuple[str, ...]:
        """Return a warning for a minor version that is not known; raises for a major one, as PEP 751 has it."""
        declared = document.get("lock-version")
        known = ", ".join(_KNOWN)
        try:
            version = Version(declared) if isinstance(declared, str) else None
        except (InvalidVersion, ValueError):
            version = None
        if version is None:
            problem = "has no lock-version" if declared is None else "has a lock-version that is no version"
            raise LockFileError(
                f"it {problem}, so it is no lock file of PEP 751 (known: {known})",
                hint=self.hint,
                origin=Origin(self.file),
            )
        if version.major != Version(_KNOWN[-1]).major:
            raise LockFileError(
                f"its lock-version is {excerpt(str(version))}, which is not known here (known: {known})",
                hint="use a newer cachi2ish, or lock with a tool that writes a version that is known",
                origin=Origin(self.file),
            )
        if version > Version(_KNOWN[-1]):
            return (f"{self.file} has the lock-version {version}: what is newer in it than {known} is not read",)
        return ()

    def read(self, text: str, document: dict[str, Any], warnings: tuple[str, ...]) -> Lock:
        """Return the lock; raises all that is wrong with it at once."""
        errors: list[Cachi2ishError] = []
        document["lock-version"] = _KNOWN[-1]
        packages = document.get("packages")
        listed = packages if isinstance(packages, list) else []
        top = self._top({**document, "packages": [] if isinstance(packages, list) else packages}, errors)
        selection = {
            "extras": frozenset[str](),
            "dependency_groups": frozenset((top.default_groups if top else None) or ()),
        }
        lines = _lines(text, len(listed))
        requirements: list[Requirement] = []
        notes: list[str] = []
        left: list[str] = []
        for number, table in enumerate(listed):
            origin = Origin(self.file, lines[number])
            try:
                entry = self._entry(table, number, origin, selection)
                if entry is None:
                    left.append(table["name"])
                elif entry.package.directory is not None:
                    notes.append(_directory(entry, entry.package.directory.path))
                else:
                    requirements.append(requirement_of(entry))
            except Cachi2ishError as error:
                errors.append(error)
        raise_all(errors)
        if left:
            notes.append(
                f"{self.file}: left out, since no default group needs them and no extra is selected:"
                f" {', '.join(dict.fromkeys(left))}"
            )
        if self.created_by == "pip":
            notes.append(f"{self.file}: pip lock has written it, for the Python and the machine that it ran on")
        pinned = [one for one in requirements if isinstance(one, Pinned)]
        return Lock(
            file=self.file,
            requirements=tuple(requirements),
            index_urls=tuple(dict.fromkeys(url for one in pinned for url in one.indexes.addresses)),
            require_hashes=True,
            scope=_scope(top) if top else None,
            notes=tuple(notes),
            warnings=warnings,
        )

    def _top(self, document: Mapping[str, Any], errors: list[Cachi2ishError]) -> Pylock | None:
        try:
            return Pylock.from_dict(document)
        except (PylockValidationError, ValueError, RecursionError) as error:
            errors.append(self._invalid(error, "", Origin(self.file)))
            return None

    def _entry(self, table: Any, number: int, origin: Origin, selection: Selection) -> Entry | None:  # noqa: ANN401
        """Return a package, or None where what is selected does not need it; raises `LockFileError`."""
        head = {"lock-version": _KNOWN[-1], "created-by": self.created_by}
        name = table.get("name") if isinstance(table, dict) else None
        label = excerpt(name) if isinstance(name, str) else f"packages[{number}]"
        try:
            (package,) = Pylock.from_dict({**head, "packages": [table]}).packages
            left = True if package.marker is None else settle(package.marker, selection)
        except (PylockValidationError, ValueError, RecursionError) as error:
            raise self._invalid(error, label, origin) from None
        if left is False:
            return None
        return Entry(package, left if isinstance(left, str) else None, origin, self.purpose, self.hint)

    def _invalid(self, error: Exception, label: str, origin: Origin) -> LockFileError:
        context = (error.context or "") if isinstance(error, PylockValidationError) else ""
        message = error.message if isinstance(error, PylockValidationError) else str(error)
        reason = (message.splitlines() or [type(error).__name__])[0]
        place = ", ".join(filter(None, (label, context.removeprefix("packages[0]").removeprefix("."))))
        return LockFileError(f"{place}: {shortened(reason)[:_LONGEST]}", hint=self.hint, origin=origin)


def _lines(text: str, count: int) -> Sequence[int | None]:
    """Return where each package begins; None where they are not written as ``[[packages]]``."""
    found = [text.count("\n", 0, match.start()) + 1 for match in _HEADER.finditer(text)]
    return found if len(found) == count else [None] * count


def _scope(top: Pylock) -> Scope:
    return Scope(
        requires_python=str(top.requires_python) if top.requires_python else None,
        environments=tuple(str(marker) for marker in top.environments or ()),
    )


def _directory(entry: Entry, path: str) -> str:
    """Return the note on a package that is a folder of the source; raises `LockFileError` for one outside."""
    here = posixpath.dirname(entry.origin.file)
    folder = posixpath.normpath(posixpath.join(here, path))
    if posixpath.isabs(folder) or folder.partition("/")[0] == "..":
        raise entry.error(
            f"the directory {excerpt(path)!r} is outside the source, so no build elsewhere has it",
            "move it into the source directory, or lock a published version, an archive or a git commit of it",
        )
    return f"{entry.origin}: {entry.package.name} is not fetched: it is the folder {folder!r} of the source"
