"""``.build-config.json``: how an output directory tells later commands what to set and what to rewrite.

The keys that Hermeto's readers know (``environment_variables``, ``project_files`` with ``abspath`` and
``template``) have their form; what is ours stands beside them. Read leniently: Hermeto's own files are
understood, and unknown keys are skipped.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import NODEFAULT, Struct, structs, to_builtins

from cachi2ish.core.as_of import RecordedDates
from cachi2ish.core.outputs import BuildConfig, EnvironmentVariable, OutputRecord, ProjectFile
from cachi2ish.errors import InputError, Origin
from cachi2ish.files.foreign import UnfitFileError, WrongShapeError, read, read_foreign

#: The name of the file, at the top of every output directory.
BUILD_CONFIG = ".build-config.json"

#: The digest of the whole file with an empty seal in it. It tells a changed file, and is no signature.
_SEAL = re.compile(rb'"seal": "([0-9a-f]{64})"')
_EMPTY_SEAL = b'"seal": ""'


class _Variable(Struct, frozen=True):
    name: str
    value: str


class _File(Struct, frozen=True):
    abspath: str
    template: str
    path: str = ""
    sha256: str = ""
    urls: tuple[str, ...] = ()


class _Dates(Struct, frozen=True):
    path: str
    uploaded_before: str | None
    overrides: dict[str, str | None] = {}


class _Tool(Struct, frozen=True):
    version: str = ""
    index_dates: tuple[_Dates, ...] = ()
    files: tuple[str, ...] | None = None
    record: OutputRecord | None = None
    seal: str | None = None


class _Config(Struct, frozen=True):
    environment_variables: tuple[_Variable, ...] = ()
    project_files: tuple[_File, ...] = ()
    cachi2ish: _Tool = _Tool()


def render_build_config(config: BuildConfig) -> Iterator[bytes]:
    """Yield the content of the file: the same bytes for the same facts, whatever their order.

    It is made twice: once with an empty seal, for the digest, and once with the seal.
    A path that is not UTF-8 is in Python's form (PEP 383), and its stray surrogates are written as JSON escapes.
    """
    wire = _Config(
        environment_variables=tuple(
            _Variable(name=variable.name, value=variable.value)
            for variable in sorted(set(config.environment_variables))
        ),
        project_files=tuple(
            _File(abspath=file.abspath, template=file.template, path=file.path, sha256=file.sha256, urls=file.urls)
            for file in sorted(set(config.project_files))
        ),
        cachi2ish=_Tool(
            version=config.tool_version,
            index_dates=tuple(
                _Dates(path=one.path, uploaded_before=one.uploaded_before, overrides=dict(one.overrides))
                for one in config.index_dates
            ),
            files=None if config.files is None else tuple(sorted(config.files)),
        ),
    )
    content = to_builtins(wire)
    own = content["cachi2ish"]
    if config.files is None:
        del own["files"]
    del own["record"], own["seal"]
    if config.record is not None:
        own |= {"record": config.record, "seal": ""}
    try:
        pieces, seal = _indented, _digest(_indented(content))
    except (UnicodeEncodeError, OverflowError):  # half of a surrogate pair, or a number that nobody counts to
        pieces, seal = _escaped, _digest(_escaped(content))
    if config.record is not None:
        own["seal"] = seal
    yield from pieces(content)


def _digest(pieces: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def _escaped(content: Mapping[str, Any]) -> Iterator[bytes]:
    own = {name: _without_defaults(value) for name, value in content["cachi2ish"].items()}
    text = json.dumps({**content, "cachi2ish": own}, indent=2, ensure_ascii=False)
    yield f"{text}\n".encode("utf-8", "backslashreplace")


#: So many elements of a list are put together at once: one by one takes four times as long, and more make larger
#: pieces (200 files: 26 KB) and save nothing.
_ELEMENTS = 200


def _indented(content: Mapping[str, Any]) -> Iterator[bytes]:
    """Yield what `_escaped` does, in pieces: with thousands of files it has a megabyte, and more as objects."""
    yield from _rendered(content, b"\n")
    yield b"\n"


def _rendered(value: object, margin: bytes) -> Iterator[bytes]:
    """Yield the JSON of ``value``. margin: what begins a line."""
    inner = margin + b"  "
    if isinstance(value, Struct):
        value = _declared(value)
    if isinstance(value, Mapping) and value:
        before = b"{"
        for name, one in value.items():
            yield b"%b%b%b: " % (before, inner, msgspec.json.encode(name))
            yield from _rendered(one, inner)
            before = b","
        yield margin + b"}"
    elif isinstance(value, list | tuple) and value:
        before = b"["
        if len(value) < _ELEMENTS:
            for one in value:
                yield before + inner
                yield from _rendered(one, inner)
                before = b","
        else:
            for start in range(0, len(value), _ELEMENTS):
                some = _without_defaults(tuple(value[start : start + _ELEMENTS]))
                text = msgspec.json.format(msgspec.json.encode(some), indent=2)
                # Without the brackets, and the line break before the last: the pieces are one list.
                yield before + text[1:-2].replace(b"\n", margin)
                before = b","
        yield margin + b"]"
    else:
        yield msgspec.json.encode(value)


def _without_defaults(value: object) -> object:
    """Return what JSON has for a record: keys that say what is so by default are left out."""
    if isinstance(value, tuple):
        return [_without_defaults(one) for one in value]
    if not isinstance(value, Struct):
        return value
    return {name: _without_defaults(one) for name, one in _declared(value).items()}


def _declared(value: Struct) -> dict[str, object]:
    pairs = ((name, getattr(value, name), default) for name, default in _DEFAULTS[type(value)] or ())
    return {name: one for name, one, default in pairs if one != default}


class _Defaults(dict[type[Any], tuple[tuple[str, object], ...] | None]):
    """The fields of each part of a record with their defaults; None for what is no such part."""

    def __missing__(self, kind: type[Any]) -> tuple[tuple[str, object], ...] | None:
        found: tuple[tuple[str, object], ...] | None = None
        if issubclass(kind, Struct):
            factories = ((one, one.default_factory) for one in structs.fields(kind))
            found = tuple((one.name, one.default if make is NODEFAULT else make()) for one, make in factories)
        self[kind] = found
        return found


_DEFAULTS = _Defaults()


def read_build_config(directory: Path) -> BuildConfig:
    """Return what stands in the file of an output directory.

    One of the keys that Hermeto's readers know may be missing, as they permit, and not both: no prefetch writes
    such a file, and a build would go without its environment. A `ProjectFile` that Hermeto wrote has an empty
    ``path``, and the tool's version is then empty too.
    Raises `InputError` where the file is missing, cannot be read, or does not say what it should.
    """
    path = directory / BUILD_CONFIG
    return _parse(_content(directory, path), path)


def is_as_written(directory: Path) -> bool:
    """Return whether the file has a seal, and the bytes that were sealed; raises as `read_build_config`."""
    content = _content(directory, directory / BUILD_CONFIG)
    found = _SEAL.search(content)
    if found is None:
        return False
    before = content[: found.start()] + _EMPTY_SEAL + content[found.end() :]
    return hashlib.sha256(before).hexdigest() == found[1].decode()


def _content(directory: Path, path: Path) -> bytes:
    try:
        return read_foreign(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(
            f"{directory} is no output of fetch-deps: it has no {BUILD_CONFIG}",
            hint="run fetch-deps first, and name the directory that its --output named",
        ) from error
    except UnfitFileError as error:
        hint = "name an output that fetch-deps has written"
        raise InputError(f"{path} {error.strerror}", hint=hint) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no path"
        raise InputError(f"{path} cannot be read: {reason}", hint="check the rights of the directory") from error


def _parse(content: bytes, path: Path) -> BuildConfig:
    # The standard library's reader, since pydantic's refuses the escapes of stray surrogates.
    try:
        written = json.loads(content)
        wire = read(written, _Config)
    except WrongShapeError as error:
        first = error.problems[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise _damaged(path, f"{place}: {first['msg']}") from error
    except RecursionError as error:
        raise _damaged(path, "it is nested too deeply") from error
    except ValueError as error:  # no JSON, or no UTF-8
        raise _damaged(path, str(error)) from error
    if not written.keys() & {"environment_variables", "project_files"}:
        raise _damaged(path, "it has neither environment_variables nor project_files")
    return BuildConfig(
        tool_version=wire.cachi2ish.version,
        environment_variables=tuple(
            EnvironmentVariable(variable.name, variable.value) for variable in wire.environment_variables
        ),
        project_files=tuple(
            ProjectFile(
                path=file.path, abspath=file.abspath, template=file.template, urls=file.urls, sha256=file.sha256
            )
            for file in wire.project_files
        ),
        index_dates=tuple(
            RecordedDates(one.path, one.uploaded_before, tuple(one.overrides.items()))
            for one in wire.cachi2ish.index_dates
        ),
        files=wire.cachi2ish.files,
        record=wire.cachi2ish.record,
    )


def _damaged(path: Path, reason: str) -> InputError:
    return InputError(
        f"the file is damaged: {reason}", hint="run fetch-deps again to write it anew", origin=Origin(str(path))
    )
