"""``poetry.lock``: packages with the names and hashes of their files, whose addresses an index tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from cachi2ish.core.messages import excerpt
from cachi2ish.core.pages import digests_of
from cachi2ish.core.requirements import Git, Indexes, Pinned, Purpose, Requirement, Url
from cachi2ish.core.urls import Address
from cachi2ish.errors import Cachi2ishError, LockFileError, Origin, raise_all
from cachi2ish.lockfiles.entries import Entry, source_folder
from cachi2ish.lockfiles.interface import DEFAULT, Addressed, Lock, Note, Scope, Selection
from cachi2ish.lockfiles.lock_graph import left_out_note
from cachi2ish.lockfiles.poetry.poetry_constraints import alternatives_of, python_marker
from cachi2ish.lockfiles.poetry.poetry_graph import LOCK_AGAIN, PoetryGraph
from cachi2ish.lockfiles.poetry.poetry_model import (
    File,
    Package,
    parse_package,
    parse_top,
)
from cachi2ish.lockfiles.poetry.poetry_project import PoetryProject
from cachi2ish.lockfiles.source_tree import read_pyproject
from cachi2ish.lockfiles.toml_locks import RESTORE, open_toml, stale_hashes
from cachi2ish.lockfiles.toml_rewriting import Place, form_in_poetry, lock_text

#: The versions that are read; from 2.1 on, each package says which groups need it, and where.
_KNOWN = ("1.1", "2.0", "2.1")
_WITH_GROUPS = "2.1"


class PoetryReader:
    """Reads ``poetry.lock``."""

    def read(
        self,
        source: Path,
        file: str,
        purpose: Purpose,
        environ: Mapping[str, str],  # noqa: ARG002
        selection: Selection = DEFAULT,
    ) -> Lock:
        """Return what Poetry would install of ``source / file``. See `LockReader.read`."""
        opened = open_toml(source, file)
        file = opened.file
        version = _version(opened.document, file)
        lock = opened.top(parse_top, LOCK_AGAIN)
        packages, origins = opened.packages(lock.package, parse_package, LOCK_AGAIN)
        project = PoetryProject(read_pyproject(opened.tree, opened.folder))
        if version != _WITH_GROUPS and not project.document:
            raise LockFileError(
                f"in version {version}, only pyproject.toml says which packages are wanted, and there is none",
                hint="keep the two together, or lock with Poetry 2",
                origin=Origin(file),
            )
        graph = PoetryGraph(file, lock, packages, origins, project, with_groups=version == _WITH_GROUPS)
        return _lock(graph, selection, purpose, opened.text)


def _version(document: Mapping[str, Any], file: str) -> str:
    metadata = document.get("metadata")
    version = metadata.get("lock-version") if isinstance(metadata, dict) else None
    if version not in _KNOWN:
        shown = "has no lock-version" if version is None else f"has the lock-version {excerpt(str(version))}"
        raise LockFileError(
            f"it {shown}, and of poetry.lock the versions {', '.join(_KNOWN)} are known here",
            hint=RESTORE
            if version is None
            else "use a newer cachi2ish, or lock with a Poetry that writes a version that is known",
            origin=Origin(file),
        )
    return str(version)


def _lock(graph: PoetryGraph, selection: Selection, purpose: Purpose, text: str) -> Lock:
    reached = graph.reached(selection)
    found: dict[int, Requirement] = {}
    notes: list[Note] = []
    warnings: list[str] = []
    errors: list[Cachi2ishError] = []
    for place, where in sorted(reached.items()):
        package = graph.packages[place]
        entry = Entry(
            name=package.name, marker=where.marker, origin=graph.origins[place], purpose=purpose, hint=LOCK_AGAIN
        )
        files = package.files or graph.lock.metadata.files.get(package.name, ())
        try:
            if package.source is not None and package.source.type == "directory":
                notes.append(source_folder(entry, package.source.url))
            elif not files and (package.source is None or package.source.type == "legacy"):
                warnings.append(entry.without_files())
            else:
                found[place] = _requirement(entry, package, files)
        except Cachi2ishError as error:
            errors.append(error)
    raise_all(errors)
    notes += left_out_note(graph.file, len(reached), len(graph.packages))
    requirements = tuple(found.values())
    numbers = {place: number for number, place in enumerate(found)}
    return Lock(
        file=graph.file,
        requirements=requirements,
        index_urls=tuple(
            dict.fromkeys(url for one in requirements if isinstance(one, Pinned) for url in one.indexes.addresses)
        ),
        require_hashes=True,
        texts=(lock_text(graph.file, text, form_in_poetry, partial(_addressed, found)),),
        scope=_scope(graph.lock.metadata.python_versions),
        notes=tuple(notes),
        warnings=tuple(warnings),
        stale=tuple(
            stale_hashes(
                graph.file,
                graph.lock.metadata.content_hash,
                graph.project.content_hashes,
                "content-hash",
                "poetry lock",
            )
        ),
        needs=lambda: graph.needs(selection, numbers),
    )


def _addressed(found: Mapping[int, Requirement], place: Place) -> Addressed | None:
    """Return which direct requirement an address of the text is."""
    number = place.string.path[1]
    one = found.get(number) if isinstance(number, int) else None
    # Poetry builds no folder in a file.
    return one if isinstance(one, Url | Git) and one.subdirectory is None else None


def _requirement(entry: Entry, package: Package, files: Sequence[File]) -> Requirement:
    source = package.source
    kind = source.type if source is not None else ""
    if source is None or kind == "legacy":
        hashes = [entry.hashes(_hash(one), one.file) for one in files]
        return Pinned(
            name=package.name,
            marker=entry.marker,
            origin=entry.origin,
            purpose=entry.purpose,
            version=package.version,
            digests=frozenset(digest for some in hashes for digest in digests_of(some)),
            indexes=Indexes((Address(entry.address(source.url, "index")),), alone=True) if source else Indexes(),
        )
    if kind == "git":
        return entry.git(source.url, source.resolved_reference or source.reference or "", source.subdirectory)
    if kind in {"url", "file"}:
        if not files:
            raise entry.error("the lock has no hash of its archive")
        url = entry.address(source.url, "source") if kind == "url" else entry.source_file(source.url)
        return entry.archive(url, _hash(files[0]), source.subdirectory)
    raise entry.error(f"it comes from {excerpt(kind)!r}, which is not known here")


def _hash(file: File) -> Mapping[str, str]:
    algorithm, _, value = file.hash.partition(":")
    return {algorithm: value}


def _scope(python_versions: str) -> Scope:
    alternatives = alternatives_of(python_versions) or ()
    if len(alternatives) == 1:
        return Scope(requires_python=str(alternatives[0]) or None)
    marker = python_marker(python_versions)
    return Scope(environments=(marker,) if marker else ())
