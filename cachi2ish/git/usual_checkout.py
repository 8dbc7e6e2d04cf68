"""A checkout of the usual form, as ``git clone`` leaves it: remotes and commit, read without GitPython.

GitPython reads every form. To import it takes a tenth of the processor time of a run that finds all in the cache,
and a third of the modules that another library than the standard one brings into it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

#: Settings (git-config(1)) without quotes, escapes, continued lines, and comments behind a value. Case matters to
#: GitPython in some places and to git in others: what both read alike is in lower case.
_SECTION = re.compile(r"\[([a-z]+)(?: \"([\w.:/-]+)\")?\]", re.ASCII)
_SETTING = re.compile(r"[ \t]*([a-z][A-Za-z0-9-]*) = ([!-~](?:[ -~]*[!-~])?)")
_SPECIAL = re.compile(r"[\"\\#;]")

#: They change what else is read: other files, another form of references, other names of objects.
_ELSEWHERE = frozenset({"include", "includeif", "extensions"})

_COMMIT = re.compile("([0-9a-f]{40})\n")
_BRANCH = re.compile(r"ref: (refs/heads/[A-Za-z0-9_][A-Za-z0-9_-]*(?:[./][A-Za-z0-9_][A-Za-z0-9_-]*)*)\n")


class UsualCheckout(Struct, frozen=True):
    """remotes: from names to addresses, in the order of the settings. commit: its full object name."""

    remotes: Mapping[str, str]
    commit: str


def read_usual(directory: Path, text_of: Callable[[Path], str | None]) -> UsualCheckout | None:
    """Return what a ``.git`` folder says; None where it takes GitPython to read it.

    text_of: returns all of a text file in ASCII, or None.
    """
    if not (directory / "objects").is_dir() or not (directory / "refs").is_dir():
        return None
    if (directory / "commondir").exists():
        return None
    remotes = _remotes(text_of(directory / "config"))
    if remotes is None:
        return None
    commit = _commit(directory, text_of)
    return None if commit is None else UsualCheckout(remotes, commit)


def _remotes(settings: str | None) -> Mapping[str, str] | None:
    """Return the remotes that have an address, by name; None for settings of an unusual form."""
    if not settings:
        return None
    found: dict[str, str] = {}
    seen: set[tuple[str, ...]] = set()
    section: tuple[str, ...] = ()
    for line in settings.split("\n"):
        if not line:
            continue
        if opened := _SECTION.fullmatch(line):
            section = opened[1], opened[2] or ""
            if section in seen or opened[1] in _ELSEWHERE:
                return None
            seen.add(section)
            continue
        setting = _SETTING.fullmatch(line)
        if not setting or not section or _SPECIAL.search(setting[2]):
            return None
        if section[0] == "remote" and setting[1].lower() == "url":
            if setting[1] != "url" or not section[1] or section[1] in found:
                return None
            found[section[1]] = setting[2]
    return found


def _commit(directory: Path, text_of: Callable[[Path], str | None]) -> str | None:
    head = text_of(directory / "HEAD") or ""
    if commit := _COMMIT.fullmatch(head):
        return commit[1]
    branch = _BRANCH.fullmatch(head)
    if branch is None or branch[1].endswith(".lock"):
        return None
    commit = _COMMIT.fullmatch(text_of(directory / branch[1]) or "")
    return None if commit is None else commit[1]
