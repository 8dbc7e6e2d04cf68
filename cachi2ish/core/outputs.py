"""What is where in an output directory, and what that tells the commands that come after.

Files of an index keep their names, since pip finds them by name. Archives from a URL or from git get a name
that carries their digest or commit: their own (``main.zip``, ``v1.2.tar.gz``) says nothing and collides.

Variables to set and files to rewrite are templates in which ``${output_dir}`` stands for the place where the build
will see the directory.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any
from urllib.parse import unquote

from msgspec import Struct

from cachi2ish.core.as_of import RecordedDates
from cachi2ish.core.distributions import is_wheel, plain_name, sdist_extension
from cachi2ish.core.requirements import Git, Url
from cachi2ish.core.structs import repr_without
from cachi2ish.core.urls import Address
from cachi2ish.errors import LockFileError

OUTPUT_DIR = "${output_dir}"

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


class EnvironmentVariable(Struct, frozen=True, order=True):
    """A variable for the build. value: a template; where it begins with ``file://`` the directory is quoted."""

    name: str
    value: str


class ProjectFile(Struct, frozen=True, order=True):
    """A requirements file in which direct addresses are to be replaced.

    path: relative to the source directory, POSIX. abspath: where it stood when it was read.
    template: the whole file rewritten, credentials removed (what Hermeto's readers expect).
    urls: the replacement for each URL or git requirement, in the order of the text; templates.
    sha256: of the text that ``urls`` counts in, in UTF-8: a file that has changed since is not rewritten.
    """

    path: str
    abspath: str
    template: str
    urls: tuple[str, ...] = ()
    sha256: str = ""

    __repr__ = repr_without("template")


def text_digest(text: str) -> str:
    """Return the sha256 that `ProjectFile` keeps of a text (stray bytes and halves of pairs included)."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class RecordedRequirement(Struct, frozen=True, order=True, kw_only=True, gc=False):
    """A requirement of a lock file, and the files of the output that it may be.

    requirement: without marker (PEP 508) and address: ``core[toml]==1.0``. file, line: where it stands.
    files: names; in hash mode those alone whose digests the lock file has, whoever they were fetched for.
    direct: it has an address, which ``inject-files`` points at the one file. subdirectory: what of that is built.
    """

    requirement: str
    marker: str | None = None
    file: str
    line: int | None = None
    files: tuple[str, ...] = ()
    direct: bool = False
    subdirectory: str | None = None


class RecordedLock(Struct, frozen=True, order=True, kw_only=True):
    """A lock file that is installed, or whose files are there for building.

    path: of its package. hash_mode: pip takes nothing that it does not pin with a digest. no_binary, only_binary:
    as pip has them, sorted.
    """

    path: str
    file: str
    build: bool = False
    hash_mode: bool = False
    no_binary: tuple[str, ...] = ()
    only_binary: tuple[str, ...] = ()
    requirements: tuple[RecordedRequirement, ...] = ()


class RecordedTarget(Struct, frozen=True, order=True, kw_only=True):
    """A target of the input, as `cachi2ish.core.targets.machine.Target.parse` reads one."""

    python: str
    platform: str
    implementation: str = "cp"
    abi: str | None = None


class RecordedPackage(Struct, frozen=True, kw_only=True):
    """A package of the input.

    build_requires: what it declares to be built with; empty where it is not built.
    build: all that its files say of how it is built (`cachi2ish.build.facts.SdistFacts`), as JSON has it.
    tools: programs that the targets have, sorted.
    """

    path: str
    build_requires: tuple[str, ...] = ()
    targets: tuple[RecordedTarget, ...] = ()
    build: dict[str, Any] = {}
    tools: tuple[str, ...] = ()

    def __hash__(self) -> int:
        return hash(self.path)  # equal ones have equal paths; what is of JSON has no hash


class OutputRecord(Struct, frozen=True, kw_only=True):
    """What ``verify`` holds an output against.

    digests: name and sha256 of each file in ``deps/pip``. bom: sha256 of the bill of materials.
    pages: of the tree of pages (`cachi2ish.simple_api.page_tree.tree_digest`); empty where there is none.
    """

    packages: tuple[RecordedPackage, ...] = ()
    locks: tuple[RecordedLock, ...] = ()
    digests: tuple[tuple[str, str], ...] = ()
    bom: str = ""
    pages: str = ""


class BuildConfig(Struct, frozen=True):
    """The content of ``.build-config.json``.

    tool_version: of the cachi2ish that wrote it. index_dates: of the packages that have one. files: the paths of
    those below ``deps``, in the output; None where it does not say (Hermeto's does not).
    record: what the input names and what became of it; None where it does not say.
    """

    tool_version: str
    environment_variables: tuple[EnvironmentVariable, ...] = ()
    project_files: tuple[ProjectFile, ...] = ()
    index_dates: tuple[RecordedDates, ...] = ()
    files: tuple[str, ...] | None = None
    record: OutputRecord | None = None


#: What makes pip install from the output directory and from nowhere else.
PIP_ENVIRONMENT = (
    EnvironmentVariable("PIP_FIND_LINKS", f"{OUTPUT_DIR}/deps/pip"),
    EnvironmentVariable("PIP_NO_INDEX", "true"),
)

#: The same for ``uv pip``. It has no variable for --no-index, and offline it still believes what its cache holds
#: of the default index; where that is the folder itself, which has no pages, there is nothing to believe.
UV_ENVIRONMENT = (
    EnvironmentVariable("UV_DEFAULT_INDEX", f"file://{OUTPUT_DIR}/deps/pip"),
    EnvironmentVariable("UV_FIND_LINKS", f"file://{OUTPUT_DIR}/deps/pip"),
    EnvironmentVariable("UV_OFFLINE", "true"),
)

#: The same for PDM, which reads pages and none of pip's variables. pipenv reads pip's.
PDM_ENVIRONMENT = (EnvironmentVariable("PDM_PYPI_URL", f"file://{OUTPUT_DIR}/deps/simple"),)

#: What an output sets beside `PIP_ENVIRONMENT`, unless pip's alone is wanted.
OTHER_TOOLS_ENVIRONMENT = (*PDM_ENVIRONMENT, *UV_ENVIRONMENT)


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
