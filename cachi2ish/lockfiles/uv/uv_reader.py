"""``uv.lock``: a graph of packages, each of which names its files with address and hash, so no index is asked."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from msgspec import Struct

from cachi2ish.core.messages import excerpt
from cachi2ish.core.pages import IndexFile
from cachi2ish.core.requirements import Indexes, Pinned, Purpose, Requirement
from cachi2ish.core.targets.environments import NOWHERE, Environments
from cachi2ish.core.urls import Address, without_fragment
from cachi2ish.errors import Cachi2ishError, LockFileError, Origin, raise_all
from cachi2ish.lockfiles.entries import Entry, source_folder
from cachi2ish.lockfiles.interface import DEFAULT, Addressed, Lock, Note, Scope, Selection
from cachi2ish.lockfiles.lock_graph import left_out_note
from cachi2ish.lockfiles.source_tree import read_pyproject
from cachi2ish.lockfiles.toml_locks import RESTORE, open_toml
from cachi2ish.lockfiles.toml_rewriting import Form, Place, form_in_uv, lock_text
from cachi2ish.lockfiles.uv.uv_freshness import differences
from cachi2ish.lockfiles.uv.uv_graph import LOCK_AGAIN, UvGraph, default_groups_of
from cachi2ish.lockfiles.uv.uv_model import File, Package, parse_package, parse_top

#: The version that is read, and its newest revision. Who reads a version can read all its revisions.
_VERSION, _REVISION = 1, 5

_NUMBER = re.compile(r"\d{1,4}")


class UvReader:
    """Reads ``uv.lock``."""

    def read(
        self,
        source: Path,
        file: str,
        purpose: Purpose,
        environ: Mapping[str, str],  # noqa: ARG002
        selection: Selection = DEFAULT,
    ) -> Lock:
        """Return what uv would install of ``source / file``. See `LockReader.read`."""
        opened = open_toml(source, file)
        warnings = _check_version(opened.document, opened.file)
        top = opened.top(parse_top, LOCK_AGAIN)
        packages, origins = opened.packages(top.package, parse_package, LOCK_AGAIN)
        pyproject = read_pyproject(opened.tree, opened.folder)
        graph = UvGraph(opened.file, top, packages, origins, default_groups_of(pyproject))
        members = {graph.packages[place].name: graph.packages[place] for place in graph.members}
        stale = tuple(differences(opened.tree, opened.file, top, members))
        return _lock(graph, selection, purpose, opened.text, warnings, stale)


def _check_version(document: Mapping[str, Any], file: str) -> tuple[str, ...]:
    version, revision = document.get("version"), document.get("revision", 0)
    if version != _VERSION or isinstance(version, bool):
        shown = "has no version" if version is None else f"has version {excerpt(str(version))}"
        raise LockFileError(
            f"it {shown}, and only version {_VERSION} of uv.lock is known here (revisions 0 to {_REVISION})",
            hint=RESTORE
            if version is None
            else "use a newer cachi2ish, or lock with a uv that writes a version that is known",
            origin=Origin(file),
        )
    if isinstance(revision, int) and revision > _REVISION:
        known = f"{_VERSION}, revision {_REVISION}"
        newer = excerpt(str(revision)) if revision < 10**9 else "a far later one"
        return (f"{file} has the revision {newer}: what is newer in it than version {known} is not read",)
    return ()


def _lock(
    graph: UvGraph,
    selection: Selection,
    purpose: Purpose,
    text: str,
    warnings: tuple[str, ...],
    stale: tuple[LockFileError, ...],
) -> Lock:
    reached: dict[int, Environments] = {}
    wanted = graph.wanted(selection)
    nodes = graph.reached(wanted)
    for node, where in nodes.items():
        reached[node.package] = reached.get(node.package, NOWHERE) | where
    reading = _Reading(graph, purpose, [], list(warnings), [])
    found: dict[int, Requirement] = {}
    for place, where in sorted(reached.items()):
        try:
            found.update((place, one) for one in reading.requirement(place, where))
        except Cachi2ishError as error:
            reading.errors.append(error)
    raise_all(reading.errors)
    reading.notes.extend(left_out_note(graph.file, len(reached), len(graph.packages)))
    pinned = [one for one in found.values() if isinstance(one, Pinned)]
    numbers = {place: number for number, place in enumerate(found)}
    return Lock(
        file=graph.file,
        requirements=tuple(found.values()),
        index_urls=tuple(dict.fromkeys(url for one in pinned for url in one.indexes.addresses)),
        require_hashes=all(one.digests for one in pinned),
        texts=(lock_text(graph.file, text, form_in_uv, _addressed(graph, found)),),
        scope=Scope(graph.lock.requires_python, graph.lock.supported_markers),
        notes=tuple(reading.notes),
        warnings=tuple(reading.warnings),
        stale=stale,
        needs=lambda: graph.needs(wanted, nodes, numbers.get, len(found)),
    )


def _addressed(graph: UvGraph, found: Mapping[int, Requirement]) -> Callable[[Place], Addressed | None]:
    """Return what tells which file or which direct requirement an address of the text is."""
    files = {file.url: file for one in found.values() if isinstance(one, Pinned) for file in one.files}
    direct: dict[str, Addressed] = {}
    for place, one in found.items():
        source = graph.packages[place].source
        address = source.git or source.url
        # uv has no word for a folder in an archive that is a file.
        if address and not isinstance(one, Pinned) and one.subdirectory is None:
            direct[address] = one

    def addressed(place: Place) -> Addressed | None:
        value = place.string.value
        return files.get(without_fragment(value)) if place.form is Form.FILE else direct.get(value)

    return addressed


class _Reading(Struct, frozen=True):
    """One file while its packages become requirements."""

    graph: UvGraph
    purpose: Purpose
    notes: list[Note]
    warnings: list[str]
    errors: list[Cachi2ishError]

    def requirement(self, place: int, where: Environments) -> Iterator[Requirement]:
        """Yield what a package asks for; raises `LockFileError`. A folder of the source becomes a note."""
        package = self.graph.packages[place]
        entry = Entry(
            name=package.name,
            marker=where.marker,
            origin=self.graph.origins[place],
            purpose=self.purpose,
            hint=LOCK_AGAIN,
        )
        source = package.source
        if source.folder is not None:
            folder = source_folder(entry, source.folder)
            if source.virtual is None:
                self.notes.append(folder)
        elif source.git is not None:
            yield _git(entry, source.git)
        elif source.url is not None:
            yield entry.archive(
                entry.address(source.url, "source"), _hashes_of_archive(entry, package), source.subdirectory
            )
        elif source.registry is not None:
            yield from self._pinned(entry, package, source.registry)
        elif source.path is not None:
            yield entry.archive(
                entry.source_file(source.path), _hashes_of_archive(entry, package), source.subdirectory
            )
        else:
            raise entry.error("it comes from nowhere that is known here")

    def _pinned(self, entry: Entry, package: Package, registry: str) -> Iterator[Pinned]:
        if package.version is None:
            raise entry.error("it has no version")
        sdist = [package.sdist] if package.sdist else []
        files = entry.once_each(_file(entry, one, registry) for one in (*sdist, *package.wheels))
        if not files:
            self.warnings.append(entry.without_files())
            return
        proved = all(one.hashes for one in files)
        indexes = (Address(entry.address(registry, "index")),) if "://" in registry else ()
        yield Pinned(
            name=package.name,
            marker=entry.marker,
            origin=entry.origin,
            purpose=self.purpose,
            version=package.version,
            # Else a file that the index states no hash of would have to be one of the others.
            digests=frozenset(digest for one in files for digest in one.digests) if proved else frozenset(),
            indexes=Indexes(indexes, alone=True),
            files=files,
        )


def _file(entry: Entry, file: File, registry: str) -> IndexFile | LockFileError:
    try:
        if file.url is None and file.path is None:
            raise entry.error(f"{excerpt(file.filename or 'a file')!r} has neither address nor path")
        if file.url is None:  # of a folder that is an index
            url = entry.source_file(posixpath.join(registry, file.path or ""))
        else:
            url = entry.address(file.url, "file")
        name = unquote(urlsplit(url).path.rpartition("/")[2])
        algorithm, _, value = (file.hash or "").partition(":")
        return IndexFile(
            filename=name,
            url=url,
            hashes=entry.hashes({algorithm: value}, name) if file.hash is not None else (),
            size=entry.size(file.size, name),
            upload_time=entry.utc(_time(entry, file.upload_time or file.old_time, name)),
        )
    except LockFileError as error:
        return error


def _time(entry: Entry, text: str | None, name: str) -> datetime | None:
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError:
        raise entry.error(f"the upload time {excerpt(text or '')!r} of {excerpt(name)} is no time") from None


def _hashes_of_archive(entry: Entry, package: Package) -> Mapping[str, str]:
    files = [*([package.sdist] if package.sdist else []), *package.wheels]
    found = next((file.hash for file in files if file.hash is not None), None)
    if found is None:
        raise entry.error("the lock has no hash of its archive")
    algorithm, _, value = found.partition(":")
    return {algorithm: value}


def _git(entry: Entry, address: str) -> Requirement:
    try:
        parts = urlsplit(address)
    except ValueError:
        raise entry.error("its repository has no address that is read here") from None
    query = dict(parse_qsl(parts.query))
    url = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    if parts.scheme == "file" and not url.startswith("file://"):
        url = f"file://{parts.path}"
    return entry.git(url, parts.fragment, query.get("subdirectory"))
