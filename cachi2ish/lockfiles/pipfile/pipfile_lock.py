"""``Pipfile.lock`` of pipenv: sections of pins with hashes; an index tells where their files are."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from packaging.utils import canonicalize_name

from cachi2ish.core.messages import did_you_mean, excerpt, shortened
from cachi2ish.core.pages import digests_of
from cachi2ish.core.requirements import Git, Indexes, Pinned, Purpose, Requirement, Url
from cachi2ish.core.targets.environments import EVERYWHERE, environments_of
from cachi2ish.core.urls import Address
from cachi2ish.errors import Cachi2ishError, LockFileError, Origin, raise_all
from cachi2ish.lockfiles.entries import Entry, expanded, names_a_file, source_folder
from cachi2ish.lockfiles.interface import DEFAULT, EVERYTHING, Addressed, Lock, LockText, Needs, Note, Selection
from cachi2ish.lockfiles.lock_graph import chosen
from cachi2ish.lockfiles.pipfile.json_rewriting import json_places, json_restored
from cachi2ish.lockfiles.pipfile.pipfile_hash import changes_of_pipfile
from cachi2ish.lockfiles.pipfile.pipfile_model import Meta, Package, Top
from cachi2ish.lockfiles.source_tree import SourceTree
from cachi2ish.lockfiles.toml_locks import RESTORE, decode, refuse_damage, undone

_SPEC = 6

_TABLE = re.compile(r'"([^"\\]*)"\s*:\s*\{')

_AGAIN = "lock again with `pipenv lock`; if that writes the same, tell its makers"

#: The section that pipenv installs without being asked.
_DEFAULT = "default"

#: What people and the Pipfile call the sections.
_ALIASES = {"dev": "develop", "dev-packages": "develop", "packages": _DEFAULT}


class PipfileLockReader:
    """Reads ``Pipfile.lock``."""

    def read(
        self,
        source: Path,
        file: str,
        purpose: Purpose,
        environ: Mapping[str, str],
        selection: Selection = DEFAULT,
    ) -> Lock:
        """Return what pipenv would install of ``source / file``. See `LockReader.read`."""
        tree = SourceTree(Path(os.path.realpath(source)))
        file = tree.name_of(file, "")
        text = undone(tree, file, decode(tree.read(file), file), json_restored)
        document = _parse(text, file)
        try:
            meta = msgspec.convert(document, Top).meta
        except msgspec.ValidationError as error:
            raise LockFileError(shortened(str(error)), hint=_AGAIN, origin=Origin(file)) from None
        if meta.pipfile_spec != _SPEC:
            raise LockFileError(
                f"its pipfile-spec is {excerpt(str(meta.pipfile_spec))}, and only {_SPEC} is known here",
                hint="use a newer cachi2ish, or lock with a pipenv that writes a version that is known",
                origin=Origin(file),
            )
        sections = {name: table for name, table in document.items() if name != "_meta"}
        reading = _Reading(file, text, _lines(text, sections), meta, purpose, environ)
        return reading.lock(
            sections,
            _chosen(sections, selection, file),
            tuple(changes_of_pipfile(tree, file, meta.hash.get("sha256", ""))),
        )


def _parse(text: str, file: str) -> Mapping[str, Any]:
    refuse_damage(text, file, broken=False)
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        refuse_damage(text, file)
        problem = f"it is no JSON, in column {error.colno}: {error.msg}"
        raise LockFileError(problem, hint=RESTORE, origin=Origin(file, error.lineno)) from None
    except (ValueError, RecursionError):  # a number that Python does not read, and lists in lists
        raise LockFileError("it cannot be read as JSON", hint=RESTORE, origin=Origin(file)) from None
    if not isinstance(document, dict):
        raise LockFileError("it is no JSON object", hint=RESTORE, origin=Origin(file))
    return document


def _chosen(sections: Mapping[str, Any], selection: Selection, file: str) -> tuple[str, ...]:
    """Return the sections that are taken, in their order; raises `InputError` for names that are not there."""
    by_name = {canonicalize_name(name): name for name in sections}
    more = chosen("group", [_ALIASES.get(one, one) for one in selection.groups], by_name, file)
    named_not = [_ALIASES.get(one, one) for one in selection.no_groups if one != EVERYTHING]
    left_out = chosen("group", named_not, by_name, file)
    return tuple(name for key, name in by_name.items() if key in {_DEFAULT, *more}.difference(left_out))


def _lines(text: str, sections: Collection[str]) -> Mapping[tuple[str, str], int]:
    """Return the lines on which packages begin, by section and name."""
    found: dict[tuple[str, str], int] = {}
    line, seen, section = 1, 0, ""
    met: set[str] = set()
    for match in _TABLE.finditer(text):
        line += text.count("\n", seen, match.start())
        seen = match.start()
        name = match[1]
        if name in sections and name not in met:
            section = name
            met.add(name)
        else:
            found.setdefault((section, name), line)
    return found


@dataclass(frozen=True, slots=True)
class _Reading:
    """One file while it is read. lines: of packages, by section and name."""

    file: str
    text: str
    lines: Mapping[tuple[str, str], int]
    meta: Meta
    purpose: Purpose
    environ: Mapping[str, str] = field(repr=False)

    def lock(self, sections: Mapping[str, Any], taken: tuple[str, ...], stale: tuple[LockFileError, ...]) -> Lock:
        """Return the lock; raises all that is wrong with it at once."""
        requirements: dict[tuple[object, ...], Requirement] = {}
        wanting: dict[tuple[object, ...], set[str]] = {}
        notes: list[Note] = []
        warnings: list[str] = []
        errors: list[Cachi2ishError] = []
        for section in taken:
            table = sections[section]
            if not isinstance(table, dict):
                errors.append(self._error(f"{excerpt(section)} is no table of packages", Origin(self.file)))
                continue
            for name, value in table.items():
                try:
                    key = self._add(section, name, value, requirements, notes, warnings)
                    wanting.setdefault(key, set()).add(section)
                except Cachi2ishError as error:
                    errors.append(error)
        raise_all(errors)
        python = self.meta.requires.get("python_full_version") or self.meta.requires.get("python_version")
        if python:
            notes.append(f"{self.file}: pipenv has written it for Python {excerpt(python)}, on one machine")
        found = tuple(requirements.values())
        return Lock(
            file=self.file,
            requirements=found,
            index_urls=tuple(
                dict.fromkeys(url for one in found if isinstance(one, Pinned) for url in one.indexes.addresses)
            ),
            require_hashes=True,
            texts=(
                LockText(self.file, self.text, tuple(self._addressed(sections, requirements)), only_fetched=True),
            ),
            notes=tuple(notes),
            warnings=tuple(warnings),
            stale=stale,
            # Which of them need others, pipenv does not write down.
            needs=lambda: Needs(
                {number: frozenset(wanting[key]) for number, key in enumerate(requirements)},
                frozenset(range(len(found))),
                frozenset(),
            ),
        )

    def _addressed(
        self, sections: Mapping[str, Any], requirements: Mapping[tuple[object, ...], Requirement]
    ) -> Iterator[Addressed | None]:
        """Yield which direct requirement each address of the text is."""
        for place in json_places(self.text):
            section, name, _ = place.string.path
            try:
                package = msgspec.convert(sections[section][name], Package)
            except (KeyError, TypeError, msgspec.ValidationError):  # a key that stands twice; a section not taken
                yield None
                continue
            one = requirements.get(_key(name, package))
            yield one if isinstance(one, Url | Git) and not package.editable else None  # that is no archive

    def _add(
        self,
        section: str,
        name: str,
        value: object,
        requirements: dict[tuple[object, ...], Requirement],
        notes: list[Note],
        warnings: list[str],
    ) -> tuple[object, ...]:
        origin = Origin(self.file, self.lines.get((section, name)))
        try:
            package = msgspec.convert(value, Package)
            where = environments_of(package.markers or None)
        except msgspec.ValidationError as error:
            raise self._error(f"{excerpt(name)}: {shortened(str(error))}", origin) from None
        except (ValueError, RecursionError) as error:
            reason = str(error).partition("\n")[0] or "it is nested too deeply"
            raise self._error(f"{excerpt(name)}: its markers cannot be read: {reason}", origin) from None
        key = _key(name, package)
        if key in requirements:  # of another section, where it is needed too
            before = environments_of(requirements[key].marker)
            where, origin = before | where, requirements[key].origin
        marker = None if where == EVERYWHERE else where.marker
        entry = Entry(name=name, marker=marker, origin=origin, purpose=self.purpose, hint=_AGAIN)
        if package.path is not None and not names_a_file(package.path):
            notes.append(source_folder(entry, package.path))
        elif package.version is None or package.version.startswith("=="):
            requirements[key] = self._requirement(entry, package)
        elif marker is None:
            raise entry.error(f"{excerpt(package.version)!r} pins no version")
        else:
            warnings.append(
                f"{origin}: {excerpt(name)} is left out: pipenv has not locked it, as its machine does not need it"
                f" ({shortened(marker)})"
            )
        return key

    def _requirement(self, entry: Entry, package: Package) -> Requirement:
        if package.git is not None:
            return entry.git(package.git, package.ref or "", package.subdirectory)
        address = package.file or package.path
        if address is not None:
            if not package.hashes:
                raise entry.error(
                    "the lock has no hash of its archive", 'write its hash into the lock: "hashes": ["sha256:…"]'
                )
            of_web = "://" in address and not address.startswith("file:")
            url = entry.address(address, "file") if of_web else entry.source_file(address.removeprefix("file://"))
            return entry.archive(url, _hash(package.hashes[0]), package.subdirectory)
        if package.version is None:
            raise entry.error("it comes from nowhere that is known here")
        hashes = [entry.hashes(_hash(one), "its file") for one in package.hashes]
        if not hashes:
            raise entry.error("the lock has no hash of it")
        return Pinned(
            name=entry.name,
            marker=entry.marker,
            origin=entry.origin,
            purpose=entry.purpose,
            version=package.version.lstrip("=").strip(),
            digests=frozenset(digest for some in hashes for digest in digests_of(some)),
            indexes=self._indexes(entry, package.index),
        )

    def _indexes(self, entry: Entry, name: str | None) -> Indexes:
        sources = self.meta.sources
        named = [one for one in sources if name is None or one.name == name]
        if sources and not named:
            known = [one.name for one in sources if one.name]
            raise entry.error(
                f"its index {excerpt(name or '')!r} is none of the sources of the lock",
                did_you_mean(name or "", known, "name the source in the Pipfile, and lock again"),
            )
        urls = (expanded(one.url, self.environ, Origin(self.file)) for one in named)
        addresses = tuple(Address(entry.address(url, "index")) for url in urls)
        return Indexes(addresses, alone=bool(addresses))

    @staticmethod
    def _error(problem: str, origin: Origin) -> LockFileError:
        return LockFileError(problem, hint=_AGAIN, origin=origin)


def _key(name: str, package: Package) -> tuple[object, ...]:
    return canonicalize_name(name), package.version, package.git, package.file, package.path


def _hash(text: str) -> Mapping[str, str]:
    algorithm, _, value = text.partition(":")
    return {algorithm: value}
