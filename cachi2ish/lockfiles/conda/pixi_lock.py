"""``pixi.lock``: environments, and for each platform of them packages of conda and of PyPI, by address."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from yaml.nodes import Node

from cachi2ish.core.messages import excerpt
from cachi2ish.core.requirements import Purpose
from cachi2ish.core.urls import redact
from cachi2ish.errors import LockFileError, Origin
from cachi2ish.lockfiles.conda.conda_lock import groups_taken
from cachi2ish.lockfiles.conda.conda_packages import CondaLock, PipPackage
from cachi2ish.lockfiles.conda.yaml_nodes import (
    entries,
    line_of,
    listed,
    open_yaml,
    refuse_version,
    refuse_without,
    text_of,
    value_of,
)
from cachi2ish.lockfiles.interface import DEFAULT, Lock, Selection

_KNOWN = ("4", "5", "6")
_DEFAULT = "default"
_AGAIN = "lock again with `pixi lock`; if that writes the same, tell its makers"


class PixiReader:
    """Reads ``pixi.lock``. Its environments are groups, of which ``default`` is taken without being asked."""

    def read(
        self,
        source: Path,
        file: str,
        purpose: Purpose,
        environ: Mapping[str, str],  # noqa: ARG002
        selection: Selection = DEFAULT,
    ) -> Lock:
        """Return what is of PyPI in ``source / file``. See `LockReader.read`."""
        file, document = open_yaml(source, file)
        refuse_version(document, _KNOWN, file)
        refuse_without(document, ("environments", "packages"), file)
        environments = dict(entries(value_of(document, "environments")))
        taken = groups_taken(selection, {*environments, _DEFAULT}, _DEFAULT, file)
        known = {_location(one): one for one in listed(value_of(document, "packages"))}
        wanted = [
            (group, platform, item)
            for group in sorted(taken)
            for platform, items in entries(value_of(environments.get(group), "packages"))
            for item in listed(items)
        ]
        lock = CondaLock(file, purpose, _AGAIN, frozenset(platform for _, platform, _ in wanted))
        of_conda: list[str] = []
        for group, platform, item in wanted:
            location = text_of(value_of(item, "pypi"))
            if location is None:
                of_conda.append(_conda_name(text_of(value_of(item, "conda")) or ""))
                continue
            package = known.get(location)
            name = text_of(value_of(package, "name"))
            if package is None or not name:
                raise LockFileError(
                    f"the package {excerpt(redact(location))!r} of an environment is not in it",
                    hint=_AGAIN,
                    origin=Origin(file, line_of(item)),
                )
            lock.add(
                PipPackage(
                    name,
                    text_of(value_of(package, "version")),
                    location,
                    text_of(value_of(package, "sha256")),
                    Origin(file, line_of(package)),
                ),
                platform,
                group,
            )
        return lock.lock(of_conda)


def _location(package: Node) -> str:
    """Return the address of a package of PyPI, or its path: of the key ``pypi``; before 6, ``url`` or ``path``."""
    if text_of(value_of(package, "kind")) == "pypi":
        return text_of(value_of(package, "url")) or text_of(value_of(package, "path")) or ""
    return text_of(value_of(package, "pypi")) or ""


def _conda_name(url: str) -> str:
    """Return the name of a package of conda, whose file is called ``name-version-build.conda``."""
    name = url.rpartition("/")[2]
    return name.rsplit("-", 2)[0] if name.count("-") > 1 else name or "one without a name"
