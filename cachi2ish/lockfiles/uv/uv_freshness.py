"""Whether ``uv.lock`` fits the project: what its members declare now, and declared when it was locked."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from packaging.requirements import InvalidRequirement
from packaging.specifiers import InvalidSpecifier, Specifier, SpecifierSet
from packaging.utils import canonicalize_name, canonicalize_version

from cachi2ish.core.messages import excerpt
from cachi2ish.core.targets.dependency_specifiers import read_requirement
from cachi2ish.errors import LockFileError, Origin
from cachi2ish.lockfiles.source_tree import SourceTree, read_pyproject
from cachi2ish.lockfiles.uv.uv_model import Declared, Package, UvLock

_EXTRA = re.compile(r"""extra == ['"]([^'"]+)['"]""")

#: Where it is declared ("", ``extra:x``, ``group:x``), of which project, and with which extras.
_Key = tuple[str, str, frozenset[str]]
_Specifiers = Mapping[_Key, set[frozenset[str] | None]]


def differences(
    tree: SourceTree, file: str, lock: UvLock, members: Mapping[str, Package]
) -> Iterator[LockFileError]:
    """Yield what a member declares that the lock was made without, or the other way round.

    members: of the workspace, by name. Environment markers are not compared, since uv writes them in a form of
    its own.
    """
    for package in members.values():
        folder = posixpath.normpath(posixpath.join(posixpath.dirname(file), package.source.folder or ""))
        pyproject = read_pyproject(tree, folder)
        project = pyproject.get("project")
        if not isinstance(project, dict) or package.metadata is None:
            continue
        place = posixpath.normpath(posixpath.join(folder, "pyproject.toml"))
        if len(members) == 1 and not _same_python(project.get("requires-python"), lock.requires_python):
            yield _stale(file, place, f"has another requires-python than {lock.requires_python}, with which")
        if {"dependencies", "optional-dependencies"}.intersection(_texts(project.get("dynamic"))):
            continue
        now = _declared_now(project, pyproject)
        then = _declared_then(package)
        for key in sorted({*now, *then}, key=lambda one: (one[1], one[0], sorted(one[2]))):
            there, locked = now.get(key), then.get(key)
            if there is not None and locked is not None and (None in locked or None in there or there == locked):
                continue
            what = "declares" if there is not None else "does not declare"
            yield _stale(file, place, f"{what} {_shown(key, there or locked or set())}")
            break  # one is enough to say so


def _stale(file: str, place: str, difference: str) -> LockFileError:
    linked = difference if difference.endswith("which") else f"{difference}, other than when"
    return LockFileError(
        f"it does not fit {place} any more, which {linked} it was locked",
        hint="run `uv lock`, and commit what it writes",
        origin=Origin(file),
    )


def _shown(key: _Key, specifiers: Iterable[frozenset[str] | None]) -> str:
    where, name, extras = key
    listed = f"[{','.join(sorted(extras))}]" if extras else ""
    versions = ",".join(sorted(one for some in specifiers if some for one in some))
    place = f" ({where.replace(':', ' ')})" if where else ""
    return f"{excerpt(name)}{listed}{excerpt(versions)}{place}"


def _declared_then(package: Package) -> _Specifiers:
    found: dict[_Key, set[frozenset[str] | None]] = defaultdict(set)
    metadata = package.metadata
    lists: list[tuple[str, Iterable[Declared]]] = [("", metadata.requires_dist if metadata else ())]
    lists += [(f"group:{name}", some) for name, some in (metadata.requires_dev if metadata else {}).items()]
    for where, some in lists:
        for one in some:
            extra = _EXTRA.search(one.marker) if not where else None
            place = f"extra:{canonicalize_name(extra[1])}" if extra else where
            key = place, canonicalize_name(one.name), frozenset(map(canonicalize_name, one.extras))
            found[key].add(_specifiers(one.specifier) if one.is_of_index else None)
    return found


def _declared_now(project: Mapping[str, Any], pyproject: Mapping[str, Any]) -> _Specifiers:
    found: dict[_Key, set[frozenset[str] | None]] = defaultdict(set)
    lists = [("", project.get("dependencies"))]
    optional, groups, tool = (
        project.get("optional-dependencies"),
        pyproject.get("dependency-groups"),
        pyproject.get("tool"),
    )
    lists += [(f"extra:{canonicalize_name(name)}", some) for name, some in _items(optional)]
    lists += [(f"group:{canonicalize_name(name)}", _group(name, groups, ())) for name, _ in _items(groups)]
    uv = tool.get("uv") if isinstance(tool, dict) else None
    lists += [("group:dev", uv.get("dev-dependencies") if isinstance(uv, dict) else None)]
    for where, some in lists:
        for text in _texts(some):
            try:
                one = read_requirement(text)
            except InvalidRequirement:
                continue  # uv says so
            key = where, canonicalize_name(one.name), frozenset(map(canonicalize_name, one.extras))
            found[key].add(None if one.url else _specifiers(str(one.specifier)))
    return found


def _group(name: str, groups: object, inside: tuple[str, ...]) -> list[str]:
    found: list[str] = []
    members = dict(_items(groups))
    normalised = {canonicalize_name(one): one for one in members}
    listed = members.get(normalised.get(canonicalize_name(name), ""))
    for one in listed if isinstance(listed, list) else ():
        included = one.get("include-group") if isinstance(one, dict) else None
        if isinstance(one, str):
            found.append(one)
        elif isinstance(included, str) and included not in inside:
            found += _group(included, groups, (*inside, name, included))
    return found


def _items(table: object) -> Iterable[tuple[str, Any]]:
    return table.items() if isinstance(table, dict) else ()


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _specifiers(text: str) -> frozenset[str]:
    try:
        return frozenset(f"{one.operator}{_version(one)}" for one in SpecifierSet(text))
    except InvalidSpecifier:
        return frozenset({text})


def _version(specifier: Specifier) -> str:
    # 1 and 1.0 are one, but for ~=.
    return canonicalize_version(specifier.version, strip_trailing_zero=specifier.operator != "~=").lower()


def _same_python(now: object, then: str | None) -> bool:
    return not isinstance(now, str) or then is None or _specifiers(now) == _specifiers(then)
