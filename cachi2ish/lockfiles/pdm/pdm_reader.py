"""``pdm.lock``: packages with the hashes of their files, and with their addresses where they are static."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from cachi2ish.core.messages import excerpt
from cachi2ish.core.pages import IndexFile, digests_of
from cachi2ish.core.requirements import Git, Indexes, Pinned, Purpose, Url
from cachi2ish.core.requirements import Requirement as Locked
from cachi2ish.core.targets.environments import EVERYWHERE, NOWHERE, Environments
from cachi2ish.core.urls import Address
from cachi2ish.errors import Cachi2ishError, LockFileError, Origin, raise_all
from cachi2ish.lockfiles.entries import Entry, expanded, names_a_file, source_folder
from cachi2ish.lockfiles.interface import DEFAULT, Addressed, Lock, Note, Scope, Selection
from cachi2ish.lockfiles.lock_graph import left_out_note
from cachi2ish.lockfiles.pdm.pdm_graph import LOCK_AGAIN, PdmGraph
from cachi2ish.lockfiles.pdm.pdm_model import File, Package, parse_package, parse_top
from cachi2ish.lockfiles.pdm.pdm_project import PdmProject
from cachi2ish.lockfiles.source_tree import read_pyproject
from cachi2ish.lockfiles.toml_locks import RESTORE, open_toml, stale_hashes
from cachi2ish.lockfiles.toml_rewriting import Form, Place, form_in_pdm, lock_text

_KNOWN = ("4.0", "4.3", "4.4", "4.4.1", "4.5.0", "4.5.1")
_LIKE_4_5 = "4.5"


class PdmReader:
    """Reads ``pdm.lock``."""

    def read(
        self,
        source: Path,
        file: str,
        purpose: Purpose,
        environ: Mapping[str, str],
        selection: Selection = DEFAULT,
    ) -> Lock:
        """Return what PDM would install of ``source / file``. See `LockReader.read`."""
        opened = open_toml(source, file)
        _check_version(opened.document, opened.file)
        lock = opened.top(parse_top, LOCK_AGAIN)
        packages, origins = opened.packages(lock.package, parse_package, LOCK_AGAIN)
        project = PdmProject(read_pyproject(opened.tree, opened.folder))
        graph = PdmGraph(opened.file, lock, packages, origins, project)
        return _Reading(graph, purpose, _indexes(project, opened.file, environ), opened.text).lock(selection)


def _check_version(document: Mapping[str, Any], file: str) -> None:
    metadata = document.get("metadata")
    version = metadata.get("lock_version") if isinstance(metadata, dict) else None
    if version not in (*_KNOWN, _LIKE_4_5):
        shown = "has no lock_version" if version is None else f"has the lock_version {excerpt(str(version))}"
        raise LockFileError(
            f"it {shown}, and of pdm.lock the versions {', '.join(_KNOWN)} are known here",
            hint=RESTORE
            if version is None
            else "use a newer cachi2ish, or lock with a PDM that writes a version that is known",
            origin=Origin(file),
        )


def _indexes(project: PdmProject, file: str, environ: Mapping[str, str]) -> Indexes:
    here = posixpath.join(posixpath.dirname(file), "pyproject.toml")
    addresses = tuple(Address(expanded(url, environ, Origin(here))) for url in project.indexes)
    return Indexes(addresses, alone=bool(addresses) and project.replaces_the_public_index)


@dataclass(frozen=True, slots=True)
class _Reading:
    """One file while its packages become requirements."""

    graph: PdmGraph
    purpose: Purpose
    indexes: Indexes
    text: str

    def lock(self, selection: Selection) -> Lock:
        """Return the lock; raises all that is wrong with it at once."""
        graph = self.graph
        groups = graph.groups(selection)
        reached = graph.reached(groups)
        # A package and the same with extras are one file.
        places: dict[tuple[object, ...], int] = {}
        where: dict[int, Environments] = {}
        firsts: dict[int, int] = {}
        for place, here in sorted(reached.items()):
            one = graph.packages[place]
            first = places.setdefault(
                (canonicalize_name(one.name), one.version, one.git, one.url, one.path), place
            )
            firsts[place] = first
            where[first] = where.get(first, NOWHERE) | here
        found: dict[int, Locked] = {}
        notes: list[Note] = []
        warnings: list[str] = []
        errors: list[Cachi2ishError] = []
        for place, here in where.items():
            try:
                found.update((place, one) for one in self._requirement(place, here, notes, warnings))
            except Cachi2ishError as error:
                errors.append(error)
        raise_all(errors)
        notes += left_out_note(graph.file, len(reached), len(graph.packages))
        requirements = tuple(found.values())
        numbers = {place: number for number, place in enumerate(found)}
        files = {file.url: file for one in requirements if isinstance(one, Pinned) for file in one.files}
        direct = {place: found.get(first) for place, first in firsts.items()}
        pythons = {one.requires_python for one in graph.lock.metadata.targets}
        return Lock(
            file=graph.file,
            requirements=requirements,
            index_urls=self.indexes.addresses,
            require_hashes=True,
            texts=(
                lock_text(graph.file, self.text, form_in_pdm, lambda place: self._addressed(place, files, direct)),
            ),
            scope=Scope(requires_python=next(iter(pythons))) if len(pythons) == 1 else Scope(),
            notes=tuple(notes),
            warnings=tuple(warnings),
            stale=tuple(
                stale_hashes(
                    graph.file,
                    graph.lock.metadata.content_hash,
                    graph.project.content_hashes,
                    "content_hash",
                    "pdm lock",
                )
            ),
            needs=lambda: graph.needs(groups, lambda place: numbers.get(firsts.get(place, -1)), len(found)),
        )

    def _addressed(
        self, place: Place, files: Mapping[str, IndexFile], direct: Mapping[int, Locked | None]
    ) -> Addressed | None:
        """Return which file or which direct requirement an address of the text is."""
        number = place.string.path[1]
        one = direct.get(number) if isinstance(number, int) and place.string.path[0] == "package" else None
        if isinstance(one, Url) and one.url.scheme != "file":
            return one
        if isinstance(one, Git) and place.form is Form.PDM_COMMIT:
            # An editable one is no archive, and before 4.3 its hash would stand elsewhere.
            editable = isinstance(number, int) and self.graph.packages[number].editable
            return None if editable or self.graph.lock.metadata.files else one
        return files.get(place.string.value)

    def _requirement(
        self, place: int, where: Environments, notes: list[Note], warnings: list[str]
    ) -> Iterator[Locked]:
        if where == NOWHERE:
            return
        package = self.graph.packages[place]
        entry = Entry(
            name=package.name,
            marker=None if where == EVERYWHERE else where.marker,
            origin=self.graph.origins[place],
            purpose=self.purpose,
            hint=LOCK_AGAIN,
        )
        files = package.files or self.graph.lock.metadata.files.get(f"{package.name} {package.version}", ())
        if package.git is not None:
            yield entry.git(package.git, package.revision or "", package.subdirectory)
        elif package.url is not None:
            if not files:
                raise entry.error("the lock has no hash of its archive")
            url = entry.address(package.url, "source")
            yield entry.archive(url, _hash(files[0]), package.subdirectory)
        elif package.path is not None and names_a_file(package.path):
            if not files:
                raise entry.error("the lock has no hash of its file")
            yield entry.archive(entry.source_file(package.path), _hash(files[0]), package.subdirectory)
        elif package.path is not None:
            notes.append(source_folder(entry, package.path))
        elif not files:
            warnings.append(entry.without_files())
        else:
            yield self._pinned(entry, package, files)

    def _pinned(self, entry: Entry, package: Package, files: Sequence[File]) -> Pinned:
        if package.version is None:
            raise entry.error("it has no version")
        hashes = [entry.hashes(_hash(one), one.file or "its file") for one in files]
        static = all(one.url is not None for one in files)
        return Pinned(
            name=package.name,
            marker=entry.marker,
            origin=entry.origin,
            purpose=entry.purpose,
            version=package.version,
            digests=frozenset(digest for some in hashes for digest in digests_of(some)),
            indexes=self.indexes,
            files=entry.once_each(_static(entry, one) for one in files) if static else (),
        )


def _static(entry: Entry, file: File) -> IndexFile | LockFileError:
    try:
        url = entry.address(file.url or "", "file")
        name = unquote(urlsplit(url).path.rpartition("/")[2])
        return IndexFile(filename=name, url=url, hashes=entry.hashes(_hash(file), name))
    except LockFileError as error:
        return error


def _hash(file: File) -> Mapping[str, str]:
    algorithm, _, value = file.hash.partition(":")
    return {algorithm: value}
