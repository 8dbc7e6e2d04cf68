"""Where a checkout comes from: read from its files, so that nothing of the repository is ever run.

`read_usual` reads what ``git clone`` leaves, and GitPython every other form.

No git process means no hook, no file system monitor, and no refusal of a checkout that another user owns
(``safe.directory``): reading text files is safe whoever wrote them, as long as they are files and no others are
read with them.

One of the usual form, as ``git clone`` leaves it, is read without GitPython, which reads every form: to import
that takes a tenth of the processor time of a run that finds all in the cache.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from cachi2ish.core.inventory import VcsOrigin
from cachi2ish.errors import GitError
from cachi2ish.files.foreign import LARGEST_TEXT
from cachi2ish.git.command import Access, CommandError, GitCommand
from cachi2ish.git.remotes import normalised

if TYPE_CHECKING:
    from git import Repo


#: Settings (git-config(1)) without quotes, escapes, continued lines, and comments behind a value. Case matters to
#: GitPython in some places and to git in others: what both read alike is in lower case.
_SECTION = re.compile(r"\[([a-z]+)(?: \"([\w.:/-]+)\")?\]", re.ASCII)
_SETTING = r"[ \t]*([a-z][A-Za-z0-9-]*) = ([!-~](?:[ -~]*[!-~])?)"
_SPECIAL = r"[\"\\#;]"

#: They change what else is read: other files, another form of references, other names of objects.
_ELSEWHERE = frozenset({"include", "includeif", "extensions"})

_COMMIT = "([0-9a-f]{40})\n"
_BRANCH = r"ref: (refs/heads/[A-Za-z0-9_][A-Za-z0-9_-]*(?:[./][A-Za-z0-9_][A-Za-z0-9_-]*)*)\n"


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
        setting = re.fullmatch(_SETTING, line)
        if not setting or not section or re.search(_SPECIAL, setting[2]):
            return None
        if section[0] == "remote" and setting[1].lower() == "url":
            if setting[1] != "url" or not section[1] or section[1] in found:
                return None
            found[section[1]] = setting[2]
    return found


def _commit(directory: Path, text_of: Callable[[Path], str | None]) -> str | None:
    head = text_of(directory / "HEAD") or ""
    if commit := re.fullmatch(_COMMIT, head):
        return commit[1]
    branch = re.fullmatch(_BRANCH, head)
    if branch is None or branch[1].endswith(".lock"):
        return None
    commit = re.fullmatch(_COMMIT, text_of(directory / branch[1]) or "")
    return None if commit is None else commit[1]


#: That the directory may belong to another user is allowed for commands that run nothing of it.
_ANY_OWNER = Access(config=(("safe.directory", "*"), ("safe.bareRepository", "all")))

#: Bytes of a line that names another file: more than any path.
_LONGEST_LINE = 8192


def origin_of_checkout(source: Path, command: GitCommand) -> VcsOrigin | None:
    """Return the remote ``origin`` (or the only remote) and the commit of the checkout that holds ``source``.

    The address is the one in the repository's own settings: the user's ``url.<base>.insteadOf`` says how this
    machine reaches it, not what it is. None where there is no checkout, no remote, or no commit.
    Raises `GitError` for settings that cannot be read.
    """
    start = Path(os.path.realpath(source))
    found = _place_of(start)
    if found is None:
        return None  # without the import, which takes longer than the rest of a small run
    _refuse_special_files(found)
    usual = read_usual(found, _whole_text_of)
    if usual is not None:
        return _origin(_chosen(usual.remotes), usual.commit)
    _make_importable()
    from git import InvalidGitRepositoryError, NoSuchPathError, Repo  # noqa: PLC0415

    try:
        with Repo(start, search_parent_directories=True, expand_vars=False) as repository:
            url = _remote_url(repository)
            commit = _head(repository, command)
    except (InvalidGitRepositoryError, NoSuchPathError):
        return None
    except Exception as error:  # noqa: BLE001  (GitPython and configparser raise what they like for a bad file)
        reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        raise GitError(
            f"the git checkout that holds the source cannot be read ({reason})",
            hint="check the rights and the content of .git/config and .git/HEAD",
        ) from None
    return _origin(url, commit)


def _origin(url: str | None, commit: str | None) -> VcsOrigin | None:
    return VcsOrigin(url=normalised(url), commit=commit) if url and commit else None


def _chosen(remotes: Mapping[str, str]) -> str | None:
    """Return the address of ``origin``, or of the only remote."""
    if "origin" in remotes:
        return remotes["origin"]
    return next(iter(remotes.values())) if len(remotes) == 1 else None


def time_of_commit(source: Path, command: GitCommand) -> datetime | None:
    """Return when the commit of the checkout that holds ``source`` was made (the committer's time, UTC).

    None where there is no checkout, no commit, or no git command. rev-list runs nothing of the repository.
    """
    start = Path(os.path.realpath(source))
    if _place_of(start) is None:
        return None
    try:
        printed = command.output(
            ["rev-list", "--max-count=1", "--timestamp", "HEAD"], cwd=start, access=_ANY_OWNER
        )
        return datetime.fromtimestamp(int(printed.split()[0]), UTC)
    except (CommandError, subprocess.SubprocessError, IndexError, ValueError, OverflowError, OSError):
        return None  # a time that is not known spoils no prefetch


def _place_of(start: Path) -> Path | None:
    return next((one for folder in (start, *start.parents) if os.path.lexists(one := folder / ".git")), None)


def _refuse_special_files(place: Path) -> None:
    """Raise `GitError` where a file that git or GitPython reads is a pipe or a device: it would be waited for."""
    directory = place
    if not place.is_dir():
        directory = place.parent / _text_of(place).removeprefix("gitdir:").strip()
    common = directory / (_text_of(directory / "commondir").strip() or ".")
    reference = _text_of(directory / "HEAD").removeprefix("ref:").strip()
    for file in (directory / "config.worktree", common / "config", common / "packed-refs"):
        _text_of(file)
    if reference and ".." not in Path(reference).parts:
        _text_of(directory / reference)
        _text_of(common / reference)


def _text_of(file: Path) -> str:
    """Return the beginning of a small text file, and nothing where there is none."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return ""  # whoever needs it says so
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            return ""
        if not stat.S_ISREG(mode):
            raise GitError(
                f"the git checkout that holds the source cannot be read ({file} is not a regular file)",
                hint="check the rights and the content of .git/config and .git/HEAD",
            )
        if os.fstat(descriptor).st_size > LARGEST_TEXT:
            raise GitError(
                f"the git checkout that holds the source cannot be read ({file} is too large)",
                hint=f"check its content: it has more than {LARGEST_TEXT} bytes",
            )
        return os.read(descriptor, _LONGEST_LINE).decode("utf-8", "replace")
    finally:
        os.close(descriptor)


def _whole_text_of(file: Path) -> str | None:
    text = _text_of(file)
    return text if text.isascii() and len(text) < _LONGEST_LINE else None


def _make_importable() -> None:
    # GitPython refuses to be imported where there is no git command, which reading files does not need.
    # This variable is its only switch, and it looks at it once, at import.
    if "git" not in sys.modules:
        os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")


def _remote_url(repository: Repo) -> str | None:
    from git import GitConfigParser  # noqa: PLC0415

    # Without the files that it includes: they may be anybody's, or pipes.
    place = Path(repository.common_dir, "config")
    with GitConfigParser(place, read_only=True, merge_includes=False) as settings:
        found: dict[str, str] = {}
        for section in settings.sections():
            if section.startswith('remote "') and settings.has_option(section, "url"):
                found[section[len('remote "') : -1]] = str(settings.get(section, "url"))
    return _chosen(found)


def _head(repository: Repo, command: GitCommand) -> str | None:
    from git import SymbolicReference  # noqa: PLC0415

    try:
        return str(SymbolicReference.dereference_recursive(repository, "HEAD"))
    except ValueError:
        return _head_by_command(Path(repository.git_dir), command)


def _head_by_command(directory: Path, command: GitCommand) -> str | None:
    # References in a reftable (git 2.45) are not files that GitPython reads. rev-parse runs no hook.
    arguments = [f"--git-dir={directory}", "rev-parse", "--verify", "--quiet", "HEAD^{commit}"]
    try:
        return command.output(arguments, cwd=directory, access=_ANY_OWNER).decode().strip() or None
    except (CommandError, subprocess.SubprocessError):
        return None
