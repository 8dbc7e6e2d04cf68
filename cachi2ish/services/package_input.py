"""The argument of ``fetch-deps``: from text to the packages that it asks for.

It is a bare type (``pip``), a JSON object, a JSON list, ``{"packages": […], "flags": […]}``, or the path of a
file that holds any of these. Everything that is wrong with it is told at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue, StrictStr, ValidationError

from cachi2ish.errors import Cachi2ishError, InputError, Origin, raise_all

#: Flags that Hermeto knows; all concern other package managers.
_FOREIGN_FLAGS = ("cgo-disable", "dev-package-managers", "force-gomod-tidy", "gomod-vendor", "gomod-vendor-check")

_BARE_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z")

_TYPE = "pip"


def _boolean(value: object) -> object:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _list(value: object) -> object:
    if not isinstance(value, list):
        raise ValueError("not a list")  # noqa: TRY004  (pydantic turns ValueError into a message)
    return tuple(value)


_Files = Annotated[tuple[StrictStr, ...] | None, BeforeValidator(_list)]


class PackageInput(BaseModel):
    """One package of the input, as the user wrote it.

    path: the folder of the package, relative to the source directory.
    requirements_files, requirements_build_files: relative to ``path``; None where they are left out.
    allow_binary: take wheels beside sdists.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    type: Literal["pip"]
    path: StrictStr = "."
    requirements_files: _Files = None
    requirements_build_files: _Files = None
    allow_binary: Annotated[bool, BeforeValidator(_boolean)] = False


class RequestInput(BaseModel):
    """The whole input: packages in the order given, and flags, none of which concerns pip."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    packages: tuple[PackageInput, ...]
    flags: tuple[StrictStr, ...] = ()


def read_input(argument: str) -> RequestInput:
    """Return what ``argument`` asks for; raises one `InputError` or an `ErrorGroup` of them."""
    text = argument.strip().removeprefix("\ufeff")
    if _BARE_TYPE.match(text) and (text == _TYPE or not Path(text).is_file()):
        return _validated({"packages": [{"type": text}]}, place="the input")
    if text.startswith(("{", "[", '"')):
        return _validated(_parse(text, "the input"), place="the input")
    return _from_file(text)


def _from_file(name: str) -> RequestInput:
    try:
        content = Path(name).read_text(encoding="utf-8-sig").strip() if name else ""
    except FileNotFoundError:
        shown = name if len(name) <= 60 else f"{name[:57]}..."  # noqa: PLR2004  (a line, not a page)
        raise InputError(
            f"the input {shown!r} is neither a package type, nor JSON, nor a file that exists",
            hint="""give pip, a JSON object such as '{"type": "pip"}' (quoted for the shell), or a file's path""",
        ) from None
    except UnicodeDecodeError:
        raise InputError("the file is not UTF-8 text", hint="save it as UTF-8", origin=Origin(name)) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"the input file {name[:200]!r} cannot be read: {reason}") from None
    if not content:
        raise InputError(
            "the input is empty",
            hint="""give pip, a JSON object such as '{"type": "pip"}', or the path of a file that holds one""",
            origin=Origin(name) if name else None,
        )
    if _BARE_TYPE.match(content):
        return _validated({"packages": [{"type": content}]}, place=name)
    return _validated(_parse(content, name), place=name)


def _parse(text: str, place: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{place} is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}",
            hint="quote the whole argument for the shell with '…', and names and texts in it with \"…\"",
        ) from None
    except RecursionError:
        raise InputError(f"{place} is not valid JSON: it is nested too deeply") from None
    except ValueError as error:
        raise InputError(f"{place}: {error}") from None
    return value


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
    errors: list[Cachi2ishError] = list(_foreign_types(value))
    try:
        request = RequestInput.model_validate(value)
    except ValidationError as error:
        errors.extend(_told(error, place, skip_types=bool(errors)))
        raise_all(errors)
        raise
    errors.extend(_foreign_flags(request.flags))
    raise_all(errors)
    return request


def _foreign_types(value: JsonValue) -> Iterable[InputError]:
    packages = value.get("packages") if isinstance(value, dict) else None
    if not isinstance(packages, list):
        return
    stated = (package.get("type") for package in packages if isinstance(package, dict))
    foreign = sorted({kind for kind in stated if isinstance(kind, str) and kind != _TYPE})
    if foreign:
        meant = any(get_close_matches(kind.lower(), [_TYPE, "pypi", "python"], cutoff=0.6) for kind in foreign)
        yield InputError(
            f"cachi2ish prefetches packages of type pip, not {', '.join(foreign)}",
            hint='did you mean "pip"?' if meant else "take these out of the input, and prefetch them with Hermeto",
        )


def _foreign_flags(flags: Iterable[str]) -> Iterable[InputError]:
    for flag in flags:
        if flag not in _FOREIGN_FLAGS:
            yield InputError(f"{flag!r} is not a flag", hint=_nearest(flag, _FOREIGN_FLAGS, "leave flags out"))


def _told(error: ValidationError, place: str, *, skip_types: bool) -> Iterable[InputError]:
    for detail in error.errors(include_url=False, include_context=False):
        path = detail["loc"]
        where = f"{place}, {_dotted(path)}" if path else place
        key = next((part for part in reversed(path) if isinstance(part, str)), "")
        if skip_types and key == "type" and detail["type"] == "literal_error":
            continue
        if path and isinstance(path[-1], int) and key in _MEMBERS:
            key = _MEMBERS[key]
        yield _sentence(detail["type"], where, key, detail["input"], in_package=len(path) > 1)


def _sentence(kind: str, where: str, key: str, value: object, *, in_package: bool) -> InputError:
    if kind == "extra_forbidden":
        known = tuple((PackageInput if in_package else RequestInput).model_fields)
        return InputError(
            f"{where}: unknown key {key!r}", hint=_nearest(key, known, f"the keys are {', '.join(known)}")
        )
    if kind == "missing":
        return InputError(f"{where} is missing", hint='state it, for example "type": "pip"')
    wanted = _WANTED.get(key, """a JSON object such as {"type": "pip"}""")
    if value is None and key in _WANTED:
        return InputError(f"{where} is null", hint=f"give {wanted}, or leave the key out for the default")
    return InputError(f"{where}: {_shown(value)} is not {wanted}", hint=f"give {wanted}")


_WANTED: Mapping[str, str] = {
    "type": 'the text "pip"',
    "path": "a folder relative to the source directory, as text",
    "requirements_files": "a list of file names (an empty list for none)",
    "requirements_build_files": "a list of file names (an empty list for none)",
    "allow_binary": "true or false",
    "packages": "a list of packages",
    "flags": "a list of texts",
    "file": "a file name, as text",
    "flag": "a text",
}

#: What the members of a list are called in `_WANTED`.
_MEMBERS: Mapping[str, str] = {
    "requirements_files": "file",
    "requirements_build_files": "file",
    "packages": "package",
    "flags": "flag",
}


def _nearest(word: str, known: Iterable[str], otherwise: str) -> str:
    found = get_close_matches(word.lower(), list(known), n=1, cutoff=0.5)
    return f"did you mean {found[0]!r}?" if found else otherwise


def _dotted(path: Iterable[str | int]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004  (a line, not a page)
