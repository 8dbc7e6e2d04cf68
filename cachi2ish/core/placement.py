"""Where a file goes below the output directory, and what it is called there.

Files of an index keep their names, since pip finds them by name. Archives from a URL or from git get a name
that carries their digest or commit: their own (``main.zip``, ``v1.2.tar.gz``) says nothing and collides.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from cachi2ish.core.distributions import is_wheel, plain_name, sdist_extension
from cachi2ish.core.requirements import Git, Url
from cachi2ish.core.urls import Address
from cachi2ish.errors import LockFileError

#: Below the output directory; flat, since pip's ``--find-links`` does not look into folders.
DEPS = "deps/pip"

#: Also below it: pages that list what is in `DEPS`, as an index does.
PAGES = "deps/simple"

#: Also below it: constraints of what is built in a stage of its own.
CONSTRAINTS = "deps/constraints"

#: The way from the page of a project to the files.
FILES_FROM_PAGES = "../../pip/"

#: What `name_of_url` and `name_of_git` make.
_DIRECT = r"(?P<project>[a-z0-9-]+?)-(?:url-[a-z0-9_]+-[0-9a-f]+|git-[0-9a-f]{40})\.[a-z0-9.]+"


def url_basename(url: Address) -> str:
    """Return the last segment of the path of ``url``, with percent-encoding undone; "" where it is no URL."""
    return unquote(url.path.rsplit("/", 1)[-1])


def name_of_url(requirement: Url) -> str:
    """Return the file name of a URL requirement; raises `LockFileError` where it is no distribution's."""
    basename = url_basename(requirement.url)
    if not plain_name(basename):
        raise LockFileError(
            f"{requirement.name} @ URL ends in {basename!r}, which cannot be a file name",
            hint="use an address whose last part is the name of the archive",
            origin=requirement.origin,
        )
    if is_wheel(basename):
        return basename
    extension = sdist_extension(basename)
    if extension is None:
        raise LockFileError(
            f"{requirement.name} @ URL ends in {basename!r}, no wheel and no archive that pip reads",
            hint="use an address that ends in .whl, .tar.gz, .zip or another archive's ending",
            origin=requirement.origin,
        )
    name = f"{requirement.project}-url-{requirement.digest.algorithm}-{requirement.digest.value}{extension}"
    if not plain_name(name):
        raise LockFileError(
            f"{requirement.name} @ URL has a digest too long for a file name",
            hint="state its sha256",
            origin=requirement.origin,
        )
    return name


def name_of_git(requirement: Git) -> str:
    """Return the file name of the archive of a git commit."""
    return f"{requirement.project}-git-{requirement.commit}.tar.gz"


def project_of(filename: str) -> str | None:
    """Return the name of the project that a URL or git requirement's file is of; None for any other file."""
    if is_wheel(filename):
        return filename.partition("-")[0]
    found = re.fullmatch(_DIRECT, filename)
    return found["project"] if found else None
