"""``setup.cfg``: the ``[metadata]`` of setuptools.

It is parsed as setuptools parses it, but not by setuptools: its reader imports a module to read an attribute
that is no literal, changes the working directory of the whole process, and warns on standard error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from configparser import (
    BasicInterpolation,
    ConfigParser,
    DuplicateOptionError,
    DuplicateSectionError,
    Error,
    InterpolationDepthError,
    MissingSectionHeaderError,
)
from configparser import ParsingError as MalformedError

from cachi2ish.errors import InputError
from cachi2ish.projects.directives import Layout, version_in_files, version_in_module
from cachi2ish.projects.interface import DeclaredMetadata
from cachi2ish.projects.project_folder import ProjectFolder

FILE = "setup.cfg"


#: Characters of a value once its ``%(name)s`` are filled in: 600 bytes can mean 10 GB.
_LONGEST_VALUE = 1 << 16

_REFERENCE = re.compile(r"%\(([^)]*)\)s")


class _BoundedInterpolation(BasicInterpolation):
    """Fills in ``%(name)s`` as setuptools does, where what comes of it is of a sane length."""

    def before_get(
        self,
        parser: MutableMapping[str, Mapping[str, str]],
        section: str,
        option: str,
        value: str,
        defaults: Mapping[str, str],
    ) -> str:
        """Return the value; raises `InterpolationDepthError` for one that is too long."""
        lengths: dict[str, float] = {}

        def length(text: str) -> float:
            return len(text) + sum(of(_option(name)) for name in _REFERENCE.findall(text))

        def of(name: str) -> float:
            if name not in lengths:
                lengths[name] = float("inf")  # while it is looked at: what needs itself has no end
                lengths[name] = length(defaults.get(name, ""))
            return lengths[name]

        if length(value) > _LONGEST_VALUE:
            raise InterpolationDepthError(option, section, value[:80])
        return super().before_get(parser, section, option, value, defaults)


def read(folder: ProjectFolder) -> DeclaredMetadata:
    """Return what ``setup.cfg`` states; raises `InputError` with file and line where it is malformed."""
    text = folder.read_text(FILE)
    if text is None:
        return DeclaredMetadata(None, None)
    parser = ConfigParser(interpolation=_BoundedInterpolation())
    parser.optionxform = _option  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text, FILE)
        metadata = _section(parser, "metadata")
        layout = Layout(
            _mapping(_section(parser, "options").get("package_dir", "")),
            tuple(_list(_section(parser, "options.packages.find").get("where", ""))),
        )
    except Error as error:
        raise _malformed(error, folder) from error
    return DeclaredMetadata(metadata.get("name"), _version(metadata.get("version"), layout, folder))


def _option(name: str) -> str:
    # setuptools still reads the older spellings, "Name" and "package-dir"
    return name.lower().replace("-", "_")


def _section(parser: ConfigParser, name: str) -> dict[str, str]:
    if not parser.has_section(name):
        return {}
    wanted = {"name", "version", "package_dir", "where"}  # a stray "%" in another option is no matter here
    return {option: parser.get(name, option) for option in parser.options(name) if option in wanted}


def _version(declared: str | None, layout: Layout, folder: ProjectFolder) -> str | None:
    if declared is None:
        return None
    if declared.startswith("file:"):
        return version_in_files(folder, declared.removeprefix("file:").split(","))
    if declared.startswith("attr:"):
        return version_in_module(folder, declared.removeprefix("attr:"), layout)
    return declared


def _list(value: str) -> list[str]:
    return [part.strip() for part in re.split(r"\n" if "\n" in value else ",", value) if part.strip()]


def _mapping(value: str) -> dict[str, str]:
    pairs = (item.partition("=") for item in _list(value))
    return {key.strip(): folder.strip() for key, _, folder in pairs}


def _malformed(error: Error, folder: ProjectFolder) -> InputError:
    line: int | None = None
    match error:
        case DuplicateOptionError() | DuplicateSectionError() | MissingSectionHeaderError():
            line = error.lineno
        case MalformedError():
            line = error.errors[0][0] if error.errors else getattr(error, "lineno", None)
        case _:
            pass
    return InputError(
        f"the file is not a valid configuration file: {_summary(error)}",
        hint="correct the line; setuptools would fail on it too",
        origin=folder.origin(FILE, line),
    )


def _summary(error: Error) -> str:
    match error:
        case DuplicateOptionError():
            return f"option {error.option!r} of section {error.section!r} is there twice"
        case DuplicateSectionError():
            return f"section {error.section!r} is there twice"
        case MissingSectionHeaderError():
            return "text stands before the first [section]"
        case MalformedError():
            return "a line is neither [section] nor option = value"
        case _:
            return " ".join(str(error).split()).rstrip(".")
