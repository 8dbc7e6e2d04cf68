"""pip's own settings, as far as they decide what is fetched and how: a pip user has them already.

Configuration files are read where pip reads them, later ones overriding earlier ones: global, user, the
environment's, ``PIP_CONFIG_FILE``; then the ``PIP_…`` variables. Keys may be spelled with ``-`` or ``_``; the
section ``[download]`` is stronger than ``[global]``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from cachi2ish.core.urls import Address
from cachi2ish.errors import InputError, Origin
from cachi2ish.files.foreign import UnfitFileError, decode_text, read_foreign

_SECTIONS = ("global", "download")

#: pip's settings that have no effect here, and what to do instead.
_NOT_FOLLOWED = {
    "find-links": "everything is fetched from indexes",
    "no-index": "everything is fetched from indexes",
    **dict.fromkeys(
        ("constraint", "require-hashes", "no-binary", "only-binary"), "state it in the requirements file"
    ),
    "uploaded-prior-to": "state the date with --index-date",
}

#: More seconds (eleven days) or tries than this are a mistake.
_MOST = 1e6


class PipSettings(dict[str, str]):
    """pip's settings by option name (``index-url``), values as its files and variables spell them.

    places: the file or the variable of each.
    """

    def __init__(self) -> None:
        super().__init__()
        self.places: dict[str, str] = {}

    def take(self, settings: Mapping[str, str], place: str) -> None:
        """Take what is set at a place that is stronger than all before it."""
        self.update(settings)
        self.places.update(dict.fromkeys(settings, place))


def read_pip_configuration(environ: Mapping[str, str], home: Path) -> PipSettings:
    """Return pip's settings. Raises `InputError` for a configuration file that pip could not read either."""
    found = PipSettings()
    for file in _files(environ, home):
        found.take(_read(file), str(file))
    for name, value in environ.items():
        if name.startswith("PIP_") and name != "PIP_CONFIG_FILE" and value:
            key = name.removeprefix("PIP_").lower().replace("_", "-")
            # pip has --default-timeout as another spelling of --timeout.
            found.take({key.removeprefix("default-") if key == "default-timeout" else key: value}, name)
    return found


def _files(environ: Mapping[str, str], home: Path) -> Iterator[Path]:
    explicit = environ.get("PIP_CONFIG_FILE")
    if explicit == os.devnull:
        return  # for pip, this means no configuration files at all
    for folder in reversed(environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":")):
        if folder:
            yield Path(folder) / "pip" / "pip.conf"
    yield Path("/etc/pip.conf")
    yield home / ".pip" / "pip.conf"
    yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"
    yield Path(environ.get("VIRTUAL_ENV") or sys.prefix) / "pip.conf"
    if explicit:
        yield Path(explicit)


def _read(file: Path) -> dict[str, str]:
    try:
        content = read_foreign(file, streams=True)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return {}
    except OSError as error:
        raise _unreadable(file, error) from None
    import configparser  # most machines have no such file

    parser = configparser.RawConfigParser()
    try:
        parser.read_string(decode_text(content), source=str(file))
    except (UnicodeDecodeError, configparser.Error) as error:
        raise _unreadable(file, error) from None
    return {
        key.replace("_", "-"): value
        for section in _SECTIONS
        if parser.has_section(section)
        for key, value in parser.items(section)
    }


def _unreadable(file: Path, error: Exception) -> InputError:
    if isinstance(error, UnfitFileError):
        reason = f"it {error.strerror}"
    else:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
    return InputError(
        f"pip's configuration cannot be read: {reason}",
        hint="mend the file, or set PIP_CONFIG_FILE=/dev/null to leave it out",
        origin=Origin(str(file)),
    )


def pip_number(pip: Mapping[str, str], option: str, default: float) -> float:
    """Return a number of seconds or tries; raises `InputError`."""
    text = pip.get(option)
    if text is None:
        return default
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number < _MOST:  # infinity and NaN are not
        raise InputError(f"pip's setting {option} is {text!r}, which is not a number of seconds or tries")
    return number


def pip_extra_indexes(pip: PipSettings) -> tuple[tuple[Address, ...], tuple[str, ...]]:
    """Return the extra indexes that HTTP reaches, and a note for each other one."""
    addresses = tuple(map(Address, pip.get("extra-index-url", "").split()))
    return tuple(one for one in addresses if one.is_web), tuple(
        f"pip's setting extra-index-url in {pip.places['extra-index-url']} names {one}, which is not an http(s)"
        " index: not asked"
        for one in addresses
        if not one.is_web
    )


def not_followed(pip: PipSettings) -> tuple[str, ...]:
    """Return a note for each setting that has no effect here."""
    return tuple(
        f"pip's setting {option} in {pip.places[option]} is not followed: {because}"
        for option, because in _NOT_FOLLOWED.items()
        if pip.get(option)
    )
