"""``pyproject.toml``: the project table (PEP 621), what it leaves to setuptools, and Poetry's own table.

Of what a project is built with, only the lines of the table ``build-system`` are parsed (PEP 518): the rest of the
file does not matter there, and 100 kB can be made so that the standard library needs minutes for them.
"""

from __future__ import annotations

import re
import tomllib
from itertools import islice
from typing import Annotated

from msgspec import Struct, field

from cachi2ish.errors import InputError
from cachi2ish.files.foreign import Before, WrongShapeError, read_toml
from cachi2ish.files.foreign import read as read_shape
from cachi2ish.projects.interface import DeclaredMetadata
from cachi2ish.projects.project_folder import ProjectFolder

FILE = "pyproject.toml"


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _table_or_empty(value: object) -> object:
    # "packages" is a list of names, or the table that says how to find them
    return {} if isinstance(value, list) else value


class _Project(Struct, frozen=True):
    name: str | None = None
    version: str | None = None
    dynamic: list[str] = []


class _Poetry(Struct, frozen=True):
    name: str | None = None
    version: str | None = None


class _Directive(Struct, frozen=True):
    file: Annotated[list[str], Before(_listed)] = []
    attr: str | None = None


class _Dynamic(Struct, frozen=True):
    version: _Directive = _Directive()


class _Find(Struct, frozen=True):
    where: Annotated[list[str], Before(_listed)] = []


class _Packages(Struct, frozen=True):
    find: _Find = _Find()


class _Setuptools(Struct, frozen=True):
    dynamic: _Dynamic = _Dynamic()
    package_dir: dict[str, str] = field(default_factory=dict, name="package-dir")
    packages: Annotated[_Packages, Before(_table_or_empty)] = _Packages()


class _Tool(Struct, frozen=True):
    poetry: _Poetry = _Poetry()
    setuptools: _Setuptools = _Setuptools()


class _Document(Struct, frozen=True):
    project: _Project = _Project()
    tool: _Tool = _Tool()


def read(folder: ProjectFolder) -> DeclaredMetadata:
    """Return what ``pyproject.toml`` states; raises `InputError` with file and line where it is malformed."""
    text = folder.read_text(FILE)
    if text is None:
        return DeclaredMetadata(None, None)
    document = _parse(text, folder)
    project, poetry = document.project, document.tool.poetry
    version = project.version
    if version is None and "version" in project.dynamic:
        version = _dynamic_version(document.tool.setuptools, folder)
    return DeclaredMetadata(project.name or poetry.name, version or poetry.version)


def _dynamic_version(setuptools: _Setuptools, folder: ProjectFolder) -> str | None:
    from cachi2ish.projects.directives import Layout, version_in_files, version_in_module  # noqa: PLC0415

    directive = setuptools.dynamic.version
    if directive.attr is not None:
        layout = Layout(setuptools.package_dir, tuple(setuptools.packages.find.where))
        return version_in_module(folder, directive.attr, layout)
    return version_in_files(folder, directive.file) if directive.file else None


def _parse(text: str, folder: ProjectFolder) -> _Document:
    try:
        return read_shape(read_toml(text), _Document, strict=True)  # a number is no text
    except WrongShapeError as error:
        first = error.problems[0]
        keys = [key for key in first["loc"] if isinstance(key, str)]
        raise InputError(
            f"{'.'.join(keys)} is wrong: {first['msg'][:1].lower()}{first['msg'][1:]}",
            hint="write it as the pyproject.toml specification (PEP 621) says, names and versions in quotes",
            origin=folder.origin(FILE, _line_of(keys, text)),
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"the file is not valid TOML: {_without_place(error)}",
            hint="correct the line; a build would fail on it too",
            origin=folder.origin(FILE, _line_in(error, text)),
        ) from error


def _without_place(error: Exception) -> str:
    message = re.sub(r"\s*\(at (?:line \d+, column \d+|end of document)\)$", "", str(error))
    return " ".join(message.split()).rstrip(".") or type(error).__name__


def _line_in(error: Exception, text: str) -> int | None:
    lines = text.splitlines() or [""]
    if isinstance(error, RecursionError):  # lists in lists: where most of them begin
        return 1 + max(range(len(lines)), key=lambda number: lines[number].count("[") + lines[number].count("{"))
    place = re.search(r"\(at (?:line (\d+), column \d+|end of document)\)$", str(error))
    if place is None:
        return None
    return int(place[1]) if place[1] else len(lines)


def _line_of(keys: list[str], text: str) -> int | None:
    """Return the line of the longest beginning of ``keys`` that a header or an assignment names.

    A parsed document no longer knows its lines; this is good enough to send a person to the right place.
    """
    table, best, found = "", 0, None
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = re.sub(r"[\s\"']", "", line)
        if stripped.startswith("["):
            table = stripped.strip("[").partition("]")[0]
            named = table.split(".")
        else:
            key = stripped.partition("=")[0]
            named = [part for part in f"{table}.{key}".split(".") if part]
        if len(named) > best and keys[: len(named)] == named:
            best, found = len(named), number
    return found


#: What installers take where no table says anything (PEP 518).
IMPLICIT = ("setuptools>=40.8.0",)

#: Characters of the table: many more than any project needs.
_LONGEST_TABLE = 8192

#: Requirements that are read of one table, and the characters of each.
_MOST_REQUIREMENTS = 100
_LONGEST_REQUIREMENT = 300

_HEADER = r"""(?m)^[ \t]*\[[ \t]*(["']?)build-system\1[ \t]*\][ \t]*(?:#[^\n]*)?\r?$"""
_NEXT_HEADER = r"(?m)^[ \t]*\["


def build_requires(pyproject: bytes | None) -> tuple[str, ...]:
    """Return what a project declares to be built with, as it is written.

    pyproject: the file, None where there is none. Empty where nothing can be told: whoever builds it will be.
    """
    if pyproject is None:
        return IMPLICIT
    text = pyproject.decode("utf-8", "replace")
    header = re.search(_HEADER, text)
    if header is None:  # a table that is written in another way is not looked for
        return () if "build-system" in text else IMPLICIT
    rest = text[header.end() :]
    end = re.search(_NEXT_HEADER, rest)
    table = rest[: end.start()] if end else rest
    if len(table) > _LONGEST_TABLE:
        return ()
    try:
        declared = tomllib.loads(table.replace("\r\n", "\n")).get("requires")
    except (ValueError, RecursionError):
        return ()
    listed = declared if isinstance(declared, list) else ()
    texts = (" ".join(one.split()) for one in listed if isinstance(one, str))
    return tuple(islice((one for one in texts if 0 < len(one) <= _LONGEST_REQUIREMENT), _MOST_REQUIREMENTS))


def declares_build_system(pyproject: bytes) -> bool:
    """Return whether the file has such a table: without one, it may hold no more than the settings of tools."""
    return b"build-system" in pyproject
