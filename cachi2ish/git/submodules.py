"""Submodules: other repositories at pinned commits (gitsubmodules(7)), as pip checks them out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from msgspec import Struct

from cachi2ish.core.urls import split
from cachi2ish.git.clone import Clone, cloned, fetch_commit
from cachi2ish.git.git_errors import MADE_TO_DO_HARM, subject
from cachi2ish.git.objects import SUBMODULE, Entry

_MODULES = b".gitmodules"

_FOR_ITS_AUTHORS = "the repository cannot be checked out by pip either; report it to its authors"

#: Submodules of a commit, with theirs. The largest projects that pip builds have some dozens; each is fetched.
MOST_SUBMODULES = 200


class _Statement(Struct, frozen=True):
    """What ``.gitmodules`` says about a path (gitmodules(5))."""

    url: str | None
    update: str | None


def submodules(
    clone: Clone, entries: tuple[Entry, ...], resources: ExitStack, numbers: Iterator[int]
) -> Iterator[tuple[bytes, Clone]]:
    """Fetch the submodules in ``entries``; yield where each stands and its clone, which lives in ``resources``.

    Without ``.gitmodules`` there is nothing to fetch and ``update = none`` switches one off, as for
    ``git submodule update``. numbers: 1, 2 and so on, for all submodules of one archive. Raises `GitError`.
    """
    links = [entry for entry in entries if entry.mode == SUBMODULE]
    if not links or not any(entry.path == _MODULES for entry in entries):
        return
    declared = _statements(clone)
    for link in links:
        statement = declared.get(link.path, _Statement(None, None))
        shown = link.path.decode("utf-8", "backslashreplace")
        if statement.update == "none":
            continue
        if not statement.url:
            raise clone.subject.error(
                f".gitmodules of {clone.subject.remote.url} has no address for the submodule {shown}",
                _FOR_ITS_AUTHORS,
            )
        if split(statement.url) is None:
            raise clone.subject.error(
                f".gitmodules of {clone.subject.remote.url}: the address of the submodule {shown} is no valid URL",
                _FOR_ITS_AUTHORS,
            )
        if next(numbers) > MOST_SUBMODULES:
            raise clone.subject.error(f"it has more than {MOST_SUBMODULES} submodules", MADE_TO_DO_HARM)
        inner = subject(
            f"{clone.subject.label}, submodule {shown}",
            clone.subject.remote.submodule(statement.url),
            link.oid,
            clone.subject.origin,
            (clone.subject.remote,),
        )
        opened = resources.enter_context(cloned(clone.command, inner, clone.directory))
        fetch_commit(opened)
        yield link.path, opened


def _statements(clone: Clone) -> dict[bytes, _Statement]:
    blob = f"{clone.subject.commit}:{_MODULES.decode()}"
    sections: dict[bytes, dict[bytes, bytes]] = {}
    # Without includes: they would name files of this machine.
    said = clone.git("config", "--no-includes", "--blob", blob, "-z", "--list")
    for record in said.split(b"\0"):
        key, _, value = record.partition(b"\n")
        section, _, name = key.rpartition(b".")
        if section.startswith(b"submodule."):
            sections.setdefault(section, {})[name] = value
    return {
        facts[b"path"].rstrip(b"/"): _Statement(_text(facts.get(b"url")), _text(facts.get(b"update")))
        for facts in sections.values()
        if b"path" in facts
    }


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "surrogateescape")
