"""A commit as a source archive: its files, those of its submodules, and what its version is computed from."""

from __future__ import annotations

import re
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import IO

from cachi2ish.git.clone import Clone, fetch_history
from cachi2ish.git.dotgit import Unlike, index_file, metadata_files, write_pack
from cachi2ish.git.objects import (
    FOLDER,
    LINK,
    LONGEST_TARGET,
    SUBMODULE,
    Entry,
    Objects,
    facts,
    history,
    objects,
    replaced,
    safe_link,
    tags,
    target_of,
    tree,
)
from cachi2ish.git.submodules import submodules
from cachi2ish.git.tar import Member, file_member, gzip_stored, tar

NAME = b".git_archival.txt"

_PLACEHOLDER = b"$Format:"
_DESCRIBE = re.compile(rb"%\(describe(?::(?P<options>[^)$\n]*))?\)")
_MATCH = re.compile(r"(match|exclude)=([^,]+)")

#: How much of the commit's name setuptools-scm puts into a version (since its version 9; before, git decided).
_DIGITS = 9

#: What setuptools-scm itself asks for.
_DEFAULT_MATCH = ("--match=*[0-9]*",)


def filled_in(clone: Clone, template: bytes | None, date: str) -> bytes | None:
    """Return the file, or None where the project's own has no placeholders and is to stay.

    template: the project's own file, None where it has none. date: the commit's.
    """
    if template is not None and _PLACEHOLDER not in template:
        return None
    commit = clone.subject.commit
    lines = [f"node: {commit}", f"node-date: {date}"]
    name = _describe(clone, _patterns(template))
    if name is not None:
        lines.append(f"describe-name: {name}")
    here = (f"--points-at={commit}", "--sort=refname", "--format=%(refname:strip=2)", "refs/tags")
    refs = clone.git("for-each-ref", *here).decode("utf-8", "replace").split()
    if refs:
        lines.append("ref-names: " + ", ".join(f"tag: {ref}" for ref in refs))
    return "".join(f"{line}\n" for line in lines).encode()


def _patterns(template: bytes | None) -> tuple[str, ...]:
    declared = _DESCRIBE.search(template or b"")
    if declared is None:
        return _DEFAULT_MATCH
    options = (declared["options"] or b"").decode("utf-8", "replace")
    return tuple(f"--{option}={pattern}" for option, pattern in _MATCH.findall(options))


def _describe(clone: Clone, patterns: tuple[str, ...]) -> str | None:
    # The whole name is asked for and shortened here: git would shorten it by what this clone happens to hold.
    commit = clone.subject.commit
    said = clone.attempt("describe", "--tags", "--long", "--abbrev=40", *patterns, commit)
    if said is None:
        return None
    tag, distance, _ = said.rsplit("-", 2)
    return tag if distance == "0" else f"{tag}-{distance}-g{commit[:_DIGITS]}"


_CHUNK = 1 << 20

#: Bytes of a project's own ``.git_archival.txt``; a real one has some hundred.
_LARGEST_TEMPLATE = 1 << 16


@contextmanager
def archived(clone: Clone, *, top: str, subdirectory: str | None, whole: bool) -> Iterator[Iterator[bytes]]:
    """Make the archive of the clone's commit; the chunks can be read inside the context.

    top: its only folder. subdirectory: where the project stands in it. whole: the history is there already.
    Raises `GitError`.
    """
    with ExitStack() as resources:
        entries = tree(clone)
        folders = _project_folders(clone, entries, subdirectory)
        members = list(_submodule_members(clone, entries, resources, count(1)))
        if not whole:
            fetch_history(clone)
        commits, named = history(clone), tags(clone)
        known = facts(clone)
        wanted = {known.root, *commits, *(oid for _, oid in named)}
        wanted |= {entry.oid for entry in entries if entry.mode != SUBMODULE}
        found = resources.enter_context(objects(clone, wanted))
        versions = _version_files(clone, entries, found, folders, known.date)
        absent = _unsafe_links(clone, entries, found, b"")
        members += _tree_members(entries, found, b"", leave_out=absent | versions.keys())
        members += [file_member(path, content) for path, content in versions.items()]
        tracked = {entry.path for entry in entries}
        small = metadata_files(
            clone.subject.commit,
            {**replaced(clone, known, found), **dict(named)},
            found,
            _shallow(clone).intersection(commits),
            versions.keys() - tracked,
        )
        members += [file_member(path, content) for path, content in small.items()]
        unlike = Unlike(rewritten=versions.keys() & tracked, absent=absent)
        members.append(file_member(b".git/index", index_file(entries, unlike)))
        packed = resources.enter_context(tempfile.TemporaryFile(dir=clone.directory))
        members += _pack_members(found, packed)
        yield gzip_stored(tar(top, members, known.time))


def _project_folders(clone: Clone, entries: tuple[Entry, ...], subdirectory: str | None) -> frozenset[bytes]:
    # setuptools-scm looks for its file where the project stands, or at the root if it is told to.
    if subdirectory is None or not (path := subdirectory.strip("/").encode()) or path == b".":
        return frozenset({b""})
    if not any(entry.path == path and entry.mode == FOLDER for entry in entries):
        known = sorted(e.path.decode("utf-8", "replace") for e in entries if e.path.endswith(b"pyproject.toml"))
        raise clone.subject.error(
            f"commit {clone.subject.commit} has no folder {subdirectory!r}",
            f"there is {', '.join(known[:3])}" if known else "check #subdirectory=",
        )
    return frozenset({b"", path + b"/"})


def _submodule_members(
    clone: Clone, entries: tuple[Entry, ...], resources: ExitStack, numbers: Iterator[int]
) -> Iterator[Member]:
    for path, inner in submodules(clone, entries, resources, numbers):
        files = tree(inner)
        found = resources.enter_context(objects(inner, {e.oid for e in files if e.mode != SUBMODULE}))
        prefix = path + b"/"
        unsafe = _unsafe_links(inner, files, found, prefix)
        yield from _tree_members(files, found, prefix, leave_out=unsafe)
        for member in _submodule_members(inner, files, resources, numbers):
            yield replace(member, path=prefix + member.path)


def _unsafe_links(clone: Clone, entries: tuple[Entry, ...], found: Objects, prefix: bytes) -> set[bytes]:
    links = (entry for entry in entries if entry.mode == LINK)
    return {one.path for one in links if not safe_link(prefix + one.path, target_of(clone, one, found))}


def _tree_members(
    entries: tuple[Entry, ...],
    found: Objects,
    prefix: bytes,
    *,
    leave_out: set[bytes],
) -> Iterator[Member]:
    for entry in entries:
        path = prefix + entry.path
        if entry.path in leave_out:
            continue
        if entry.mode in {FOLDER, SUBMODULE}:
            yield Member(path=path, kind=tarfile.DIRTYPE, permissions=0o755)
        elif entry.mode == LINK:
            yield Member(
                path=path, kind=tarfile.SYMTYPE, permissions=0o777, target=found.read(entry.oid, LONGEST_TARGET)
            )
        else:
            yield Member(
                path=path,
                kind=tarfile.REGTYPE,
                permissions=entry.permissions,
                size=found.stored[entry.oid].size,
                chunks=partial(found.chunks, entry.oid),
            )


def _version_files(
    clone: Clone,
    entries: tuple[Entry, ...],
    found: Objects,
    folders: frozenset[bytes],
    date: str,
) -> dict[bytes, bytes]:
    at = {entry.path: entry for entry in entries}
    files = {}
    for folder in folders:
        path = folder + NAME
        entry = at.get(path)
        if entry is not None and entry.mode in {FOLDER, LINK, SUBMODULE}:
            continue
        template = None if entry is None else found.read(entry.oid, _LARGEST_TEMPLATE + 1)
        if template is not None and len(template) > _LARGEST_TEMPLATE:
            continue  # whatever it is, it is no file to fill in
        content = filled_in(clone, template, date)
        if content is not None:
            files[path] = content
    return files


def _pack_members(found: Objects, packed: IO[bytes]) -> Iterator[Member]:
    pack = write_pack(found, packed)
    packed.flush()
    folder = b".git/objects/pack/" + pack.name.encode()
    for path in (b".git", b".git/info", b".git/objects", b".git/objects/pack", b".git/refs"):
        yield Member(path=path, kind=tarfile.DIRTYPE, permissions=0o755)
    yield file_member(folder + b".idx", pack.index)
    yield Member(
        path=folder + b".pack",
        kind=tarfile.REGTYPE,
        permissions=0o644,
        size=pack.size,
        chunks=partial(_read_again, packed),
    )


def _read_again(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while chunk := file.read(_CHUNK):
        yield chunk


def _shallow(clone: Clone) -> frozenset[str]:
    # Only where the repository is a shallow clone itself.
    boundary = Path(clone.directory, "shallow")
    return frozenset(boundary.read_text(encoding="ascii").split()) if boundary.exists() else frozenset()
