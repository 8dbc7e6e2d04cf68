"""The argument of ``fetch-deps``: which of its forms it has, and what it asks for.

It is a bare type (``pip``), a JSON object, a JSON list, ``{"packages": […], "flags": […]}``, or the path of a
file that holds any of these; or the path of a requirements file or a lock file, which is then one package.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from stat import S_IFDIR
from typing import TYPE_CHECKING

from cachi2ish.core.messages import excerpt, shortened
from cachi2ish.errors import InputError, Origin
from cachi2ish.files.foreign import UnfitFileError, decode_text, read_foreign
from cachi2ish.files.user_files import is_file, kind_of
from cachi2ish.services.fetch.input.package_input import KNOWN_TYPES, TYPE, RequestInput, validated

if TYPE_CHECKING:
    from pydantic import JsonValue

_BARE_TYPE = r"[A-Za-z][A-Za-z0-9_-]*\Z"

#: Names of files that are no input, and that an input names, beside those of lock files.
_REQUIREMENTS = r".*\.(?:txt|in)\Z"

#: The requirements file that a package has where its input names none.
_DEFAULT = "requirements.txt"

#: What JSON begins with.
_JSON = ("{", "[", '"')

#: What the input is called where it stood on the command line.
_ARGUMENT = "the input"


def read_input(
    argument: str,
    source: Path = Path(),
    lock_names: Sequence[str] = (),
    on_message: Callable[[str], None] = lambda _message: None,
) -> RequestInput:
    """Return what ``argument`` asks for; raises one `InputError` or an `ErrorGroup` of them.

    source: where a requirements file or a lock file has to be. lock_names: how lock files are called, as patterns
    (`fnmatch`). on_message: as for `input_of_files`.
    """
    text = argument.strip().removeprefix("\ufeff")
    if text and text not in KNOWN_TYPES and any(kind_of(base / text) == S_IFDIR for base in (source, Path())):
        raise InputError(
            f"the input {shortened(text)!r} is a folder",
            hint='for the package in it, give --source and pip, or a JSON object whose "path" is the folder',
        )
    if re.match(_BARE_TYPE, text) and (text == TYPE or not is_file(Path(text))):
        return validated({"packages": [{"type": text}]}, place=_ARGUMENT)
    if text.startswith(_JSON):
        return validated(_parse(text, _ARGUMENT), place=_ARGUMENT)
    if _is_locked(text, lock_names):
        return input_of_files([text], source, lock_names, on_message)
    return _from_file(text)


def input_of_files(
    files: Sequence[str],
    source: Path,
    lock_names: Sequence[str] = (),
    on_message: Callable[[str], None] = lambda _message: None,
) -> RequestInput:
    """Return the input of one package with these requirements files, or with a lock file among them.

    The package is at the root of the source. A single file of the name that a package has by default is that of
    the package in its folder, which may have a ``requirements-build.txt`` beside it.
    files: relative to ``source``, or else to the current directory, and inside ``source`` either way.
    lock_names: as for `read_input`. on_message: is called with a line that says which package is meant.
    Raises `InputError`.
    """
    found: list[str] = []
    for file in files:
        inside = _in_source(file, source)
        if inside is None:
            raise InputError(
                f"{shortened(file)!r} is no file in the source directory {source.absolute()}",
                hint="give its path relative to the source directory, which --source names, or to the current one",
            )
        found.append(inside)
    locks = [file for file in found if _is_lock(file, lock_names)]
    if len(locks) > 1:
        raise InputError(
            f"a package has one lock file, not {len(locks)}", hint="list a package for each in the input"
        )
    keys: dict[str, JsonValue] = {"lockfile": locks[0]} if locks else {}
    folder, slash, name = found[0].rpartition("/")
    if slash and len(found) == 1 and (locks or name == _DEFAULT):
        on_message(f"{found[0]} is taken for the package in {folder}, with what lies beside it")
        keys = {"path": folder, "lockfile": name} if locks else {"path": folder}
    elif requirements := [file for file in found if file not in locks]:
        keys["requirements_files"] = [*requirements]
    return validated({"type": TYPE, **keys}, place=_ARGUMENT)


def refuse_empty(packages: Sequence[object]) -> None:
    """Raise `InputError` for an input that lists no package: it may have got lost on its way here."""
    if not packages:
        raise InputError(
            "the input lists no package, so that nothing would be fetched",
            hint="""list one, such as {"type": "pip"}; --allow-empty makes an output without files""",
        )


def _is_lock(name: str, lock_names: Sequence[str]) -> bool:
    return any(fnmatchcase(Path(name).name, pattern) for pattern in lock_names)


def _is_locked(name: str, lock_names: Sequence[str]) -> bool:
    """Return whether a path is that of a requirements file or a lock file, and of no file with an input in it."""
    path = Path(name)
    if _is_lock(name, lock_names):
        return True
    if not re.match(_REQUIREMENTS, path.name):
        return False
    if not is_file(path):
        return True  # it may be one below the source
    try:
        content = read_foreign(path).decode("utf-8-sig", "replace").strip()
    except OSError:
        return False
    return content != TYPE and not content.startswith(_JSON)


def _in_source(file: str, source: Path) -> str | None:
    """Return the path of a file relative to ``source``, as the input has it; None where it is not there."""
    for base in (source, Path()):
        path = base / file
        if not os.path.lexists(path):
            continue
        # The folder's own links are followed, and not that of the file: its name says what it is.
        real = Path(os.path.realpath(path.parent), path.name)
        inside = os.path.relpath(real, os.path.realpath(source))
        if inside != os.pardir and not inside.startswith(os.pardir + os.sep):
            return Path(inside).as_posix()
    return None


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
    bare = re.match(_BARE_TYPE, content)
    return validated({"packages": [{"type": content}]} if bare else _parse(content, name), place=name)


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
    if not text.startswith(_JSON):
        return "name a requirements file that is not called *.txt or *.in with -r; JSON begins with { or ["
    return 'write names and texts in it between quotation marks ("…")'


def _object(pairs: Sequence[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} stands twice in one JSON object")
        found[key] = value
    return found
