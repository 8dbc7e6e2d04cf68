"""Constraints of the user's: what build requirements may be, as pip's ``--build-constraint`` takes it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from packaging.requirements import InvalidRequirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from cachi2ish.core.messages import excerpt
from cachi2ish.core.targets.dependency_specifiers import read_requirement
from cachi2ish.errors import Cachi2ishError, InputError, LockFileError, Origin, raise_all
from cachi2ish.files.foreign import UnfitFileError, decode_text, read_foreign

_NOT_IN_NAMES = re.compile(r"[^\w.+-]+")

_CHECK = 'check --constraint, or "build_constraint_files" of the input'

_CONTINUED = re.compile(r"\\\r?\n")
_OPTIONS = re.compile(r"(?:^|\s)--\w.*$|(?:^|\s)#.*$")


def read_constraints(paths: Iterable[Path]) -> Mapping[str, SpecifierSet]:
    """Return what the files say of each project, by normalised name; raises all that is wrong with them."""
    found: dict[str, SpecifierSet] = {}
    errors: list[Cachi2ishError] = []
    for path in paths:
        for number, line in enumerate(_lines(path), start=1):
            text = _OPTIONS.sub("", line).strip()
            if not text:
                continue
            try:
                one = read_requirement(text)
            except InvalidRequirement:
                problem = f"{excerpt(text)!r} is no constraint"
                hint = "write one a line, such as setuptools<81"
                errors.append(LockFileError(problem, hint=hint, origin=Origin(str(path), number)))
                continue
            project = canonicalize_name(one.name)
            found[project] = found.get(project, SpecifierSet()) & one.specifier
    raise_all(errors)
    return found


def file_of_stage(name: str) -> str:
    """Return what the constraints of a stage are called: that of a project of the user's names a folder."""
    return f"{_NOT_IN_NAMES.sub('-', name)}.constraints.txt"


def admits(constraints: Mapping[str, SpecifierSet], project: str, version: str) -> bool:
    """Return whether a version may be used; of a project with a constraint, one that cannot be read may not."""
    specifiers = constraints.get(project)
    try:
        return specifiers is None or specifiers.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return False


def _lines(path: Path) -> list[str]:
    try:
        text = decode_text(read_foreign(path), "utf-8-sig")
    except UnfitFileError as error:
        raise InputError(f"the constraints file {path} {error.strerror}", hint=error.hint) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"the constraints file {path} cannot be read: {reason}", hint=_CHECK) from None
    # A line that is continued counts as one, and the lines behind it keep their numbers.
    return _CONTINUED.sub(" ", text).splitlines()
