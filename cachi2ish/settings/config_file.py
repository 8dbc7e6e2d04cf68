"""cachi2ish's own configuration file: the options that a person or a site always gives.

TOML, with the options' names as keys. What cannot be understood is refused: a misspelled key would otherwise
be a setting that silently does not hold.
"""

from __future__ import annotations

import os
import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from cachi2ish.core.messages import did_you_mean
from cachi2ish.errors import InputError, Origin, raise_all
from cachi2ish.files.foreign import UnfitFileError, decode_text, read_foreign
from cachi2ish.settings.flags import SETTINGS, Flags, Source
from cachi2ish.settings.values import InvalidValueError, Setting, key_of

#: Its name in the user's configuration directory.
CONFIG_FILE = "config.toml"

_CHECK = "check --config-file and CACHI2ISH_CONFIG_FILE"

#: The user's directories (XDG Base Directory Specification): a variable, and a place below the home directory.
_DIRECTORIES = {"cache": ("XDG_CACHE_HOME", ".cache"), "config": ("XDG_CONFIG_HOME", ".config")}

#: The names of the settings that it may have, by key.
_NAMES = {key_of(name): name for name, setting in SETTINGS.items() if setting.toml is not None}


def user_directory(kind: Literal["cache", "config"]) -> Path:
    """Return the program's own among the user's directories for caches or configuration.

    platformdirs knows it on every platform. On Linux one look at the environment tells, and platformdirs would be
    nine more modules for it.
    """
    variable, usual = _DIRECTORIES[kind]
    if sys.platform == "linux":
        for root in (os.environ.get(variable, ""), str(Path(os.environ.get("HOME", ""), usual))):
            if root.startswith("/"):
                return Path(root, "cachi2ish")
    from platformdirs import user_cache_path, user_config_path

    path_of = user_cache_path if kind == "cache" else user_config_path
    return path_of("cachi2ish", appauthor=False)


def read_config_file(file: Path, *, required: bool) -> Source:
    """Return the settings in ``file``: none where it is not there and not ``required``.

    Raises `InputError` with file, and line where the TOML is at fault; all unknown and bad keys at once.
    """
    try:
        text = decode_text(read_foreign(file, streams=True))
    except (FileNotFoundError, NotADirectoryError) as error:
        if not required:
            return Source(Flags(), file)
        raise InputError(
            f"the configuration file {file} does not exist",
            hint=_CHECK,
        ) from error
    except UnfitFileError as error:
        raise InputError(f"the configuration file {file} {error.strerror}", hint=error.hint) from None
    except UnicodeDecodeError:
        raise InputError("the configuration file is not UTF-8 text", origin=Origin(str(file))) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"the configuration file {file} cannot be read: {reason}", hint=_CHECK) from None
    try:
        return Source(_flags(tomllib.loads(text), file), file)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(str(error), file) from None
    except RecursionError:
        raise _not_toml("it is nested too deeply", file) from None


def _not_toml(message: str, file: Path) -> InputError:
    # The parser tells the line in its message; as an attribute only since Python 3.14.
    found = re.search(r" \(at line (\d+), column \d+\)$", message)
    return InputError(
        f"this is not valid TOML: {message[: found.start()] if found else message}",
        hint="write key = value, and texts between quotation marks",
        origin=Origin(str(file), int(found[1]) if found else None),
    )


def _flags(content: Mapping[str, object], file: Path) -> Flags:
    values: dict[str, object] = {}
    errors: list[InputError] = []
    for key, name in _NAMES.items():
        if key in content:
            setting = SETTINGS[name]
            try:
                values[name] = _value(setting, content[key], file)
            except InvalidValueError:
                # The value is not shown: it may be an address with a password in it.
                errors.append(
                    InputError(
                        f"the value of {key} is not {setting.wanted}",
                        hint=f"give {setting.wanted}",
                        origin=Origin(str(file)),
                    )
                )
    for key in content:
        if key not in _NAMES:
            hint = did_you_mean(key.replace("_", "-"), _NAMES, f"the keys are {', '.join(_NAMES)}")
            errors.append(InputError(f"unknown key {key!r}", hint=hint, origin=Origin(str(file))))
    raise_all(errors)
    return Flags(**values)  # type: ignore[arg-type]  # a setting's reader gives what its field holds


def _value(setting: Setting, value: object, file: Path) -> object:
    """Return the value of a field; raises `InvalidValueError`."""
    read = setting.toml(value) if setting.toml is not None else None
    if read is None or isinstance(read, bool):
        return read
    if isinstance(read, tuple):
        return tuple(setting.parse(text) for text in read)
    parsed = setting.parse(read)
    # A path is relative to the file that has it, since that may be read from anywhere.
    return file.parent / parsed if isinstance(parsed, Path) else parsed
