"""``conda-lock.yml``: packages for each platform, some of them for pip, with address and hash."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cachi2ish.core.requirements import Purpose
from cachi2ish.errors import LockFileError, Origin
from cachi2ish.lockfiles.conda.conda_packages import CondaLock, PipPackage
from cachi2ish.lockfiles.conda.yaml_nodes import (
    line_of,
    listed,
    open_yaml,
    refuse_version,
    refuse_without,
    text_of,
    value_of,
)
from cachi2ish.lockfiles.interface import DEFAULT, EVERYTHING, Lock, Selection
from cachi2ish.lockfiles.lock_graph import chosen

_KNOWN = ("1",)
_MAIN = "main"
_AGAIN = "lock again with `conda-lock`; if that writes the same, tell its makers"


class CondaLockReader:
    """Reads ``conda-lock.yml``. Its categories are groups, of which ``main`` is taken without being asked."""

    def read(
        self,
        source: Path,
        file: str,
        purpose: Purpose,
        environ: Mapping[str, str],  # noqa: ARG002
        selection: Selection = DEFAULT,
    ) -> Lock:
        """Return what is for pip in ``source / file``. See `LockReader.read`."""
        file, document = open_yaml(source, file)
        refuse_version(document, _KNOWN, file)
        refuse_without(document, ("package",), file)
        packages = listed(value_of(document, "package"))
        categories = {text_of(value_of(one, "category")) or _MAIN for one in packages}
        taken = groups_taken(selection, categories | {_MAIN}, _MAIN, file)
        platforms = value_of(value_of(document, "metadata"), "platforms")
        lock = CondaLock(file, purpose, _AGAIN, frozenset(filter(None, map(text_of, listed(platforms)))))
        of_conda: list[str] = []
        for one in packages:
            origin = Origin(file, line_of(one))
            group = text_of(value_of(one, "category")) or _MAIN
            name = text_of(value_of(one, "name"))
            if not name:
                raise LockFileError("a package has no name", hint=_AGAIN, origin=origin)
            if group not in taken:
                continue
            if text_of(value_of(one, "manager")) != "pip":
                of_conda.append(name)
                continue
            package = PipPackage(
                name,
                text_of(value_of(one, "version")),
                text_of(value_of(one, "url")) or "",
                text_of(value_of(value_of(one, "hash"), "sha256")),
                origin,
            )
            lock.add(package, text_of(value_of(one, "platform")) or "", group)
        return lock.lock(of_conda)


def groups_taken(selection: Selection, known: set[str], default: str, file: str) -> set[str]:
    """Return the groups that are taken; raises `InputError` for names that are not there."""
    by_default = set() if EVERYTHING in selection.no_groups else {default}
    left_out = chosen("group", [one for one in selection.no_groups if one != EVERYTHING], known, file)
    return (by_default | set(chosen("group", selection.groups, known, file))).difference(left_out)
