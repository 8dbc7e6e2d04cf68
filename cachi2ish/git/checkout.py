"""Where a checkout comes from: read with GitPython, as files, so that nothing of the repository is ever run.

No git process means no hook, no file system monitor, and no refusal of a checkout that another user owns
(``safe.directory``): reading two text files is safe whoever wrote them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cachi2ish.core.inventory import VcsOrigin
from cachi2ish.errors import GitError
from cachi2ish.git.command import Access, CommandError, GitCommand
from cachi2ish.git.remotes import normalised

if TYPE_CHECKING:
    from git import Repo


def origin_of_checkout(source: Path, command: GitCommand) -> VcsOrigin | None:
    """Return the remote ``origin`` (or the only remote) and the commit of the checkout that holds ``source``.

    The address is the one in the repository's own settings: the user's ``url.<base>.insteadOf`` says how this
    machine reaches it, not what it is. None where there is no checkout, no remote, or no commit.
    Raises `GitError` for settings that cannot be read.
    """
    start = Path(os.path.realpath(source))
    if not any((folder / ".git").exists() for folder in (start, *start.parents)):
        return None  # without the import, which takes longer than the rest of a small run
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
    return VcsOrigin(url=normalised(url), commit=commit) if url and commit else None


def _make_importable() -> None:
    # GitPython refuses to be imported where there is no git command, which reading files does not need.
    # This variable is its only switch, and it looks at it once, at import.
    if "git" not in sys.modules:
        os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")


def _remote_url(repository: Repo) -> str | None:
    with repository.config_reader("repository") as settings:
        found: dict[str, str] = {}
        for section in settings.sections():
            if section.startswith('remote "') and settings.has_option(section, "url"):
                found[section[len('remote "') : -1]] = str(settings.get(section, "url"))
    if "origin" in found:
        return found["origin"]
    return next(iter(found.values())) if len(found) == 1 else None


def _head(repository: Repo, command: GitCommand) -> str | None:
    from git import SymbolicReference  # noqa: PLC0415

    try:
        return str(SymbolicReference.dereference_recursive(repository, "HEAD"))
    except ValueError:
        return _head_by_command(Path(repository.git_dir), command)


def _head_by_command(directory: Path, command: GitCommand) -> str | None:
    # References in a reftable (git 2.45) are not files that GitPython reads. rev-parse runs no hook; that the
    # directory may belong to another user is allowed for this one command.
    access = Access(config=(("safe.directory", "*"), ("safe.bareRepository", "all")))
    arguments = [f"--git-dir={directory}", "rev-parse", "--verify", "--quiet", "HEAD^{commit}"]
    try:
        return command.output(arguments, cwd=directory, access=access).decode().strip() or None
    except (CommandError, subprocess.SubprocessError):
        return None
