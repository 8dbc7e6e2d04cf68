"""The argument of ``fetch-deps``: from text to the packages that it asks for.

It is a bare type (``pip``), a JSON object, a JSON list, ``{"packages": […], "flags": […]}``, or the path of a
file that holds any of these. All that is wrong with it is raised at once.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    JsonValue,
    StrictStr,
    ValidationError,
    model_validator,
)

from cachi2ish.core.choose.checks import Policy
from cachi2ish.core.messages import did_you_mean, excerpt, shortened
from cachi2ish.core.requirements import Pinned
from cachi2ish.errors import Cachi2ishError, InputError, Origin, raise_all
from cachi2ish.files.foreign import UnfitFileError, decode_text, read_foreign
from cachi2ish.files.user_files import is_file
from cachi2ish.lockfiles.interface import Lock
from cachi2ish.services.fetch.input_problems import Models, problems
from cachi2ish.services.fetch.target_input import BinaryInput, TargetInput, worded

#: Flags that Hermeto knows; all concern other package managers.
_FOREIGN_FLAGS = ("cgo-disable", "dev-package-managers", "force-gomod-tidy", "gomod-vendor", "gomod-vendor-check")

#: Package types that another tool prefetches.
_TYPES_OF_HERMETO = frozenset(
    {
        "bundler",
        "cargo",
        "generic",
        "gomod",
        "huggingface",
        "maven",
        "npm",
        "pnpm",
        "rpm",
        "uv",
        "yarn",
        "yarn-classic",
    }
)

_BARE_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z")

_TYPE = "pip"

#: Files of such names are locks, and no input.
_PYLOCK = re.compile(r"pylock(?:\.[^.]+)?\.toml\Z")
_REQUIREMENTS = re.compile(r".*\.(?:txt|in)\Z")


def _boolean(value: object) -> object:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _list(value: object) -> object:
    if not isinstance(value, list):
        raise ValueError("not a list")  # noqa: TRY004  (pydantic turns ValueError into a message)
    return tuple(value)


def _date(value: object) -> object:
    if value is not False and not isinstance(value, str):
        raise ValueError("not a date")
    return value


def _not_null(value: object) -> object:
    if value is None:
        raise ValueError("null")
    return value


_Date = Annotated[str | Literal[False], BeforeValidator(_date)]
_Files = Annotated[tuple[StrictStr, ...] | None, BeforeValidator(_list)]


class PackageInput(BaseModel):
    """One package of the input, as the user wrote it.

    path: the folder of the package, relative to the source directory.
    lockfile: a lock file of another format than pip's, relative to ``path``.
    requirements_files, requirements_build_files: relative to ``path``; None where they are left out.
    allow_binary: take wheels beside sdists. binary: which of them; stronger than allow_binary, as in Hermeto.
    targets: the machines to choose for; wheels: the best for each of them, or all that it accepts.
    index_date: as of when indexes are read, as `cachi2ish.core.cutoff.Cutoff.parse` takes it; false for no date.
    index_date_missing: what becomes of files without upload time, on all indexes.
    index_date_overrides: the date of single projects, false for none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    type: Literal["pip"]
    path: StrictStr = "."
    lockfile: Annotated[StrictStr | None, BeforeValidator(_not_null)] = None
    requirements_files: _Files = None
    requirements_build_files: _Files = None
    allow_binary: Annotated[bool, BeforeValidator(_boolean)] = False
    binary: BinaryInput | None = None
    targets: Annotated[tuple[TargetInput, ...] | None, BeforeValidator(_list)] = None
    wheels: Annotated[Literal["best", "all-compatible"] | None, BeforeValidator(_not_null)] = None
    index_date: Annotated[str | Literal[False] | None, BeforeValidator(_date)] = None
    index_date_missing: Annotated[Literal["refuse", "allow"] | None, BeforeValidator(_not_null)] = None
    index_date_overrides: Annotated[dict[StrictStr, _Date] | None, BeforeValidator(_not_null)] = None

    @model_validator(mode="after")
    def _one_way_to_say_which_wheels(self) -> Self:
        if self.targets is None:
            if self.wheels is not None:
                raise worded(
                    '"wheels" says how to choose for "targets", of which there are none', "give targets too"
                )
            return self
        if not self.targets:
            raise worded('"targets" is empty', "name a target, or leave the key out")
        if self.allow_binary or self.binary is not None:
            other = "binary" if self.binary is not None else "allow_binary"
            raise worded(f'"targets" and "{other}" both say which wheels to take', "leave one of them out")
        return self


class RequestInput(BaseModel):
    """The whole input: packages in the order given, and flags, none of which concerns pip."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    packages: tuple[PackageInput, ...]
    flags: tuple[StrictStr, ...] = ()


#: What the input is called where it stood on the command line.
_ARGUMENT = "the input"

_MODELS: Models = {"": RequestInput, "packages": PackageInput, "binary": BinaryInput, "targets": TargetInput}


def read_input(argument: str) -> RequestInput:
    """Return what ``argument`` asks for; raises one `InputError` or an `ErrorGroup` of them."""
    text = argument.strip().removeprefix("\ufeff")
    if _BARE_TYPE.match(text) and (text == _TYPE or not is_file(Path(text))):
        return _validated({"packages": [{"type": text}]}, place=_ARGUMENT)
    if text.startswith(("{", "[", '"')):
        return _validated(_parse(text, _ARGUMENT), place=_ARGUMENT)
    return _from_file(text)


def _from_file(name: str) -> RequestInput:
    try:
        content = decode_text(read_foreign(Path(name), streams=True), "utf-8-sig").strip() if name else ""
    except UnfitFileError as error:
        raise InputError(f"the input file {shortened(name)!r} {error.strerror}", hint=error.hint) from None
    except FileNotFoundError:
        raise InputError(
            f"the input {excerpt(name)!r} is neither a package type, nor JSON, nor a file that exists",
            hint="""give pip, a JSON object such as '{"type": "pip"}' (quoted for the shell), or a file's path""",
        ) from None
    except UnicodeDecodeError:
        raise InputError("the file is not UTF-8 text", hint="save it as UTF-8", origin=Origin(name)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"the input file {shortened(name)!r} cannot be read: {reason}") from None
    if not content:
        hint = """give pip, a JSON object such as '{"type": "pip"}', or the path of a file that holds one"""
        raise InputError("the input is empty", hint=hint, origin=Origin(name) if name else None)
    bare = _BARE_TYPE.match(content)
    return _validated({"packages": [{"type": content}]} if bare else _parse(content, name), place=name)


def _parse(text: str, place: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{place} is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}",
            hint=_json_hint(text, place),
        ) from None
    except RecursionError:
        raise InputError(f"{place} is not valid JSON: it is nested too deeply") from None
    except ValueError as error:
        raise InputError(f"{place}: {error}") from None
    return value


def _json_hint(text: str, place: str) -> str:
    if place == _ARGUMENT:
        return "quote the whole argument for the shell with '…', and names and texts in it with \"…\""
    name, below = Path(place).name, "name a lock file in the input, by its path below --source"
    if _PYLOCK.match(name):
        return f"{below}: {_quoted({'lockfile': place})}"
    if _REQUIREMENTS.match(name) and not text.startswith(("{", "[")):
        return f"{below}: {input_for([place])}"
    return 'write names and texts in it between quotation marks ("…")'


def input_for(requirements_files: Sequence[str]) -> str:
    """Return the input for requirements files, quoted for a shell. Their paths are relative to the source."""
    return _quoted({"requirements_files": list(requirements_files)})


def _quoted(keys: dict[str, JsonValue]) -> str:
    return shlex.quote(json.dumps({"type": _TYPE, **keys}, ensure_ascii=False))


def _object(pairs: Sequence[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} stands twice in one JSON object")
        found[key] = value
    return found


def _validated(value: JsonValue, place: str) -> RequestInput:
    if isinstance(value, list):
        value = {"packages": value}
    elif isinstance(value, str):
        value = {"packages": [{"type": value}]}
    elif isinstance(value, dict) and "packages" not in value:
        value = {"packages": [value]}
    errors: list[Cachi2ishError] = list(_foreign_types(value, place))
    foreign = bool(errors)
    errors.extend(_foreign_flags(value, place))
    try:
        request = RequestInput.model_validate(value)
    except ValidationError as error:
        errors.extend(problems(error, place, _MODELS, skip_types=foreign))
        raise_all(errors)
        raise
    raise_all(errors)
    return request


def _foreign_types(value: JsonValue, place: str) -> Iterable[InputError]:
    packages = value.get("packages") if isinstance(value, dict) else None
    if not isinstance(packages, list):
        return
    types = [package.get("type") if isinstance(package, dict) else None for package in packages]
    foreign = {number: kind for number, kind in enumerate(types) if isinstance(kind, str) and kind != _TYPE}
    if not foreign:
        return
    kinds = sorted(set(foreign.values()))
    places = f" ({place}, {', '.join(f'packages[{number}]' for number in foreign)})" if len(packages) > 1 else ""
    if any(get_close_matches(kind.lower(), [_TYPE, "pypi", "python"], cutoff=0.6) for kind in kinds):
        hint = 'did you mean "pip"?'
    elif _TYPES_OF_HERMETO.issuperset(kinds):
        hint = "take these out of the input, and prefetch them with Hermeto"
    else:
        hint = 'the only type is "pip"'
    yield InputError(f"cachi2ish prefetches packages of type pip, not {', '.join(kinds)}{places}", hint=hint)


def _foreign_flags(value: JsonValue, place: str) -> Iterable[InputError]:
    flags = value.get("flags") if isinstance(value, dict) else None
    for number, flag in enumerate(flags if isinstance(flags, list) else ()):
        if isinstance(flag, str) and flag not in _FOREIGN_FLAGS:
            yield InputError(
                f"{place}, flags[{number}]: {flag!r} is not a flag",
                hint=did_you_mean(flag, _FOREIGN_FLAGS, "leave flags out"),
            )


def policy_of(package: PackageInput) -> Policy:
    """Return what a package of the input allows, before its requirements files have their say."""
    if package.targets is not None:
        targets = tuple(dict.fromkeys(one.target() for one in package.targets))
        return Policy(wheels=True, targets=targets, every_wheel=package.wheels == "all-compatible")
    if package.binary is not None:
        return Policy(wheels=True, binary=package.binary.wheel_filter())
    return Policy(wheels=package.allow_binary)


def policy_warnings(package: PackageInput, place: str, locks: Iterable[Lock]) -> Iterator[str]:
    """Yield what a careful person should look at in the keys that say which wheels."""
    if package.binary is None:
        return
    if package.allow_binary:
        yield f'{place}: "binary" and "allow_binary" are both there: "binary" says which wheels, as in Hermeto'
    wheels = package.binary.wheel_filter()
    for sentence in wheels.unknown_words():
        yield f"{place}.{sentence}"
    pinned = {one.project for lock in locks for one in lock.requirements if isinstance(one, Pinned)}
    for project in sorted((wheels.packages or frozenset()) - pinned):
        yield f"{place}.binary.packages: no pinned requirement is called {project}"
