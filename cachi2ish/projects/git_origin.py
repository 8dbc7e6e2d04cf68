"""The last resort for a name: what the repository is called that the source was checked out from.

The name is the last part of the origin's address without ``.git``; for a package in a sub-directory its path
follows, with ``-`` for ``/``: ``pkg/a`` in ``https://host/group/repo.git`` is ``repo-pkg-a``. No version is
derived from git.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from cachi2ish.core.inventory import VcsOrigin
from cachi2ish.projects.interface import StatedMetadata


def read(vcs: VcsOrigin | None, path: str) -> StatedMetadata:
    """Return the name that a repository and the sub-path in it make, None without a repository."""
    repository = None if vcs is None else _repository(vcs.url)
    if repository is None:
        return StatedMetadata(None, None)
    parts = [part for part in path.split("/") if part not in {"", "."}]
    return StatedMetadata("-".join([repository, *parts]), None)


def _repository(url: str) -> str | None:
    path = re.split(r"[?#]", url, maxsplit=1)[0].removesuffix("/").removesuffix("/.git").rstrip("/")
    without_scheme = path.partition("://")[2] or path
    # ":" parts host and path in git's short form, git@host:repo.git; a bare host has no repository's name
    segments = re.split(r"[/:]", without_scheme)
    if "://" in path and len(segments) == 1:
        return None
    return unquote(segments[-1]).removesuffix(".git") or None
