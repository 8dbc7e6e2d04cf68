"""``pylock.toml`` (PEP 751): each package names its files, an archive or a commit, so no index is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from packaging.pylock import Package, Pylock, PylockValidationError
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from cachi2ish.core.messages import excerpt, shortened
from cachi2ish.core.requirements import Pinned, Purpose, Requirement
from cachi2ish.core.targets.markers import Selection as Members
from cachi2ish.core.targets.markers import settle
from cachi2ish.core.urls import without_fragment
from cachi2ish.errors import Cachi2ishError, InputError, LockFileError, Origin, raise_all
from cachi2ish.lockfiles.entries import Entry, source_folder
from cachi2ish.lockfiles.interface import DEFAULT, EVERYTHING, Addressed, Lock, Needs, Note, Scope, Selection
from cachi2ish.lockfiles.lock_graph import chosen, with_all_reached
from cachi2ish.lockfiles.pylock_package import requirement_of
from cachi2ish.lockfiles.toml_locks import lines_of, open_toml
from cachi2ish.lockfiles.toml_rewriting import Place, form_in_pylock, lock_text

#: The versions of the format that are known, the newest last.
_KNOWN = ("1.0",)

_PIPENV = "pipenv"

#: Characters of what the reader of the standard says: a marker may be of any length.
_LONGEST = 300


class PylockReader:
    """Reads ``pylock.toml``."""

    def read(
        self,
        source: Path,
        file: str,
        purpose: Purpose,
        environ: Mapping[str, str],  # noqa: ARG002
        selection: Selection = DEFAULT,
    ) -> Lock:
        """Return the packages of ``source / file`` that its default groups, and those of ``selection``, need.

        See `LockReader.read`.
        """
        opened = open_toml(source, file)
        file, document = opened.file, opened.document
        lock = _Reading(file, purpose, str(document.get("created-by", "")))
        warnings = lock.check_version(document)
        try:
            return lock.read(opened.text, document, warnings, selection)
        except Cachi2ishError as error:
            if lock.created_by != _PIPENV or isinstance(error, InputError):
                raise
            raise LockFileError(
                "pipenv wrote it, and not by the standard (PEP 751): no installer reads it",
                hint="take what Pipfile.lock says: `pipenv requirements --hash > requirements.txt`",
                origin=Origin(file),
            ) from error


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

    def read(self, text: str, document: dict[str, Any], warnings: tuple[str, ...], selection: Selection) -> Lock:
        """Return the lock; raises all that is wrong with it at once."""
        errors: list[Cachi2ishError] = []
        document["lock-version"] = _KNOWN[-1]
        packages = document.get("packages")
        listed = packages if isinstance(packages, list) else []
        top = self._top({**document, "packages": [] if isinstance(packages, list) else packages}, errors)
        raise_all(errors if top is None and selection != DEFAULT else ())
        members = _members(top, selection, self.file)
        lines = lines_of(text, "packages", len(listed))
        found: dict[int, Requirement] = {}
        notes: list[Note] = []
        left: list[str] = []
        for number, table in enumerate(listed):
            origin = Origin(self.file, lines[number])
            try:
                entry = self._entry(table, number, origin, members)
                if entry is None:
                    left.append(table["name"])
                elif entry[1].directory is not None:
                    notes.append(source_folder(entry[0], entry[1].directory.path))
                else:
                    found[number] = requirement_of(*entry)
            except Cachi2ishError as error:
                errors.append(error)
        raise_all(errors)
        if left:
            notes.append(
                f"{self.file}: left out, since {_WHY_LEFT if selection == DEFAULT else _NOT_SELECTED}:"
                f" {', '.join(dict.fromkeys(left))}"
            )
        if self.created_by == "pip":
            notes.append(f"{self.file}: pip lock has written it, for the Python and the machine that it ran on")
        pinned = [one for one in found.values() if isinstance(one, Pinned)]
        return Lock(
            file=self.file,
            requirements=tuple(found.values()),
            index_urls=tuple(dict.fromkeys(url for one in pinned for url in one.indexes.addresses)),
            require_hashes=True,
            texts=(lock_text(self.file, text, form_in_pylock, partial(_addressed, found)),),
            scope=_scope(top) if top else None,
            notes=tuple(notes),
            warnings=warnings,
            needs=lambda: _needs(listed, tuple(found)),
        )

    def _top(self, document: Mapping[str, Any], errors: list[Cachi2ishError]) -> Pylock | None:
        try:
            return Pylock.from_dict(document)
        except (PylockValidationError, ValueError, RecursionError) as error:
            errors.append(self._invalid(error, "", Origin(self.file)))
            return None

    def _entry(
        self,
        table: Any,  # noqa: ANN401  (whatever stands there)
        number: int,
        origin: Origin,
        members: Members,
    ) -> tuple[Entry, Package] | None:
        """Return a package, or None where what is selected does not need it; raises `LockFileError`."""
        head = {"lock-version": _KNOWN[-1], "created-by": self.created_by}
        name = table.get("name") if isinstance(table, dict) else None
        label = excerpt(name) if isinstance(name, str) else f"packages[{number}]"
        try:
            (package,) = Pylock.from_dict({**head, "packages": [table]}).packages
            left = True if package.marker is None else settle(package.marker, members)
        except (PylockValidationError, ValueError, RecursionError) as error:
            raise self._invalid(error, label, origin) from None
        if left is False:
            return None
        entry = Entry(
            name=package.name,
            marker=left if isinstance(left, str) else None,
            origin=origin,
            purpose=self.purpose,
            hint=self.hint,
        )
        return entry, package

    def _invalid(self, error: Exception, label: str, origin: Origin) -> LockFileError:
        context = (error.context or "") if isinstance(error, PylockValidationError) else ""
        message = error.message if isinstance(error, PylockValidationError) else str(error)
        reason = (message.splitlines() or [type(error).__name__])[0]
        place = ", ".join(filter(None, (label, context.removeprefix("packages[0]").removeprefix("."))))
        return LockFileError(f"{place}: {shortened(reason)[:_LONGEST]}", hint=self.hint, origin=origin)


def _needs(listed: Sequence[Any], places: Sequence[int]) -> Needs:
    """Return who needs what, as far as packages say so (``dependencies``). places: of requirements."""
    by_name: dict[str, list[int]] = {}
    for number, place in enumerate(places):
        by_name.setdefault(canonicalize_name(listed[place]["name"]), []).append(number)

    def needed(number: int) -> Iterator[int]:
        declared = listed[places[number]].get("dependencies")
        for one in declared if isinstance(declared, list) else ():
            name = one.get("name") if isinstance(one, dict) else None
            for other in by_name.get(canonicalize_name(name), ()) if isinstance(name, str) else ():
                if one.get("version") in (None, listed[places[other]].get("version")):
                    yield other

    # What nobody needs is direct, which the standard does not say.
    edges = {(one, other) for one in range(len(places)) for other in needed(one) if other != one}
    return with_all_reached(Needs({}, frozenset(), frozenset(edges)), len(places))


def _addressed(found: Mapping[int, Requirement], place: Place) -> Addressed | None:
    """Return which file or which direct requirement an address of the text is."""
    number = place.string.path[1]
    one = found.get(number) if isinstance(number, int) else None
    if not isinstance(one, Pinned):
        return one
    value = without_fragment(place.string.value)
    return next((file for file in one.files if file.url == value), None)


_WHY_LEFT = "no default group needs them and no extra is selected"
_NOT_SELECTED = "no group or extra that is taken needs them"


def _members(top: Pylock | None, selection: Selection, file: str) -> Members:
    """Return the groups and extras that are taken; raises `InputError` for names that the file lacks."""
    if top is None:
        return {"extras": frozenset[str](), "dependency_groups": frozenset[str]()}
    defaults = top.default_groups or ()
    known = {*(top.dependency_groups or ()), *defaults}
    left_out = chosen("group", [one for one in selection.no_groups if one != EVERYTHING], known, file)
    groups = {
        *(() if EVERYTHING in selection.no_groups else defaults),
        *chosen("group", selection.groups, known, file),
    }
    return {
        "extras": frozenset(chosen("extra", selection.extras, top.extras or (), file)),
        "dependency_groups": frozenset(groups.difference(left_out)),
    }


def _scope(top: Pylock) -> Scope:
    return Scope(
        requires_python=str(top.requires_python) if top.requires_python else None,
        environments=tuple(str(marker) for marker in top.environments or ()),
    )
