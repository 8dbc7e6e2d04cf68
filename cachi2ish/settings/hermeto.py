"""The settings of Hermeto that a prefetch of Python packages follows, so that a pipeline can keep its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, urlunsplit

from msgspec import Meta, Struct, field

from cachi2ish.core.messages import excerpt
from cachi2ish.core.modes import Mode
from cachi2ish.core.urls import split_web
from cachi2ish.errors import InputError, raise_all
from cachi2ish.files.foreign import Before, WrongShapeError, read
from cachi2ish.files.user_files import is_file
from cachi2ish.settings.hermeto_sources import KEYS, Entries, Entry, from_file, from_variables

_YAML = frozenset({".yaml", ".yml"})

#: Hermeto's own place for the user's file, below the home directory.
_USERS_FILE = Path(".config/hermeto/config.yaml")

#: Hermeto reads these too, from wherever it is started. A source tree might bring them along.
_LOCAL_FILES = (Path("hermeto.yaml"), Path(".hermeto.yaml"))


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a boolean")  # noqa: TRY004  (pydantic turns ValueError into a message)
    return value


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


_Seconds = Annotated[float, Before(_no_boolean), Meta(gt=0, lt=1e6)]
_Count = Annotated[int, Before(_no_boolean), Meta(lt=1_000_000)]


class HermetoSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What holds. None: no source has it. Times in seconds.

    proxy_url: an index that stands in for the public one; proxy_login and proxy_password go to its origin only.
    subprocess_timeout: how long one run of git may take.
    """

    proxy_url: str | None = field(default=None, name="pip.proxy_url")
    proxy_login: str | None = field(default=None, name="pip.proxy_login")
    proxy_password: str | None = field(default=None, name="pip.proxy_password")
    ignore_crates: bool | None = field(default=None, name="pip.ignore_dependencies_crates")
    connect_timeout: _Seconds | None = field(default=None, name="http.connect_timeout")
    read_timeout: _Seconds | None = field(default=None, name="http.read_timeout")
    max_retries: Annotated[_Count, Meta(ge=0)] | None = field(default=None, name="http.max_retries")
    concurrency_limit: Annotated[_Count, Meta(ge=1)] | None = field(default=None, name="runtime.concurrency_limit")
    subprocess_timeout: _Seconds | None = field(default=None, name="runtime.subprocess_timeout")
    mode: Annotated[Mode | None, Before(_lower)] = None

    def __repr__(self) -> str:  # the others are secrets, or may hold one
        return f"{type(self).__name__}(mode={self.mode!r})"

    @property
    def proxy_credentials(self) -> str | None:
        """The address of the proxy with user name and password in it, None where there are none."""
        parts = split_web(self.proxy_url or "")
        if parts is None or self.proxy_login is None:
            return None
        userinfo = f"{quote(self.proxy_login, safe='')}:{quote(self.proxy_password or '', safe='')}"
        return urlunsplit(parts._replace(netloc=f"{userinfo}@{parts.netloc}"))


class FromHermeto(Struct, frozen=True):
    """settings: what holds. remarks: what is none of our business. notes: what is seen and not followed."""

    settings: HermetoSettings
    remarks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def is_hermetos(file: Path | None, *, drop_in: bool) -> bool:
    """Return whether a configuration file has Hermeto's form; under its name, whatever is not called TOML has."""
    return file is not None and (file.suffix in _YAML or (drop_in and file.suffix != ".toml"))


def read_hermeto_settings(
    config_file: Path | None, environ: Mapping[str, str], home: Path, *, drop_in: bool
) -> FromHermeto:
    """Return what Hermeto's variables and files have; variables are stronger, then the file that was named.

    drop_in: whether the program stands in for Hermeto: then the user's own file is read too.
    Raises all that is wrong with them at once, as `InputError`.
    """
    found: list[Entries] = []
    users = home / _USERS_FILE
    if drop_in and is_file(users):
        found.append(from_file(users))
    if config_file is not None and is_hermetos(config_file, drop_in=drop_in):
        found.append(from_file(config_file))
    found.append(from_variables(environ))
    entries = {one.key: one for each in found for one in each.entries if one.value not in (None, "")}
    errors = [error for each in found for error in each.errors]
    try:
        # Most users have none, and to look at the types of all takes longer than the rest of this.
        written = {key: one.value for key, one in entries.items()}
        settings = read(written, HermetoSettings) if written else HermetoSettings()
    except WrongShapeError as error:
        raise_all([*errors, *_invalid(error, entries)])
        raise
    raise_all([*errors, *_proxy_problems(settings)])
    return FromHermeto(settings, tuple(_remarks(found)), tuple(_notes(settings, drop_in=drop_in)))


def _invalid(error: WrongShapeError, entries: Mapping[str, Entry]) -> Iterator[InputError]:
    for key in dict.fromkeys(str(detail["loc"][0]) for detail in error.problems):
        one = entries[key]
        # An address may hold a password.
        shown = "what it says" if key.startswith("pip.") else excerpt(repr(one.value))
        yield InputError(f"{one.name}: {shown} is not {KEYS[key]}", hint=f"give {KEYS[key]}", origin=one.origin)


def _proxy_problems(settings: HermetoSettings) -> Iterator[InputError]:
    if (settings.proxy_login is None) != (settings.proxy_password is None):
        missing = "password" if settings.proxy_password is None else "login"
        yield InputError(
            f"pip.proxy_{missing} is missing: login and password go together",
            hint=f"set HERMETO_PIP__PROXY_{missing.upper()}",
        )
    if settings.proxy_url is None:
        if settings.proxy_login is not None:
            yield InputError("pip.proxy_login is given, and no pip.proxy_url", hint="set HERMETO_PIP__PROXY_URL")
        return
    parts = split_web(settings.proxy_url)
    if parts is None:
        yield InputError("pip.proxy_url is not the address of an index", hint=f"give {KEYS['pip.proxy_url']}")
    elif "@" in parts.netloc:
        yield InputError(
            "pip.proxy_url has credentials in it",
            hint="give them with HERMETO_PIP__PROXY_LOGIN and HERMETO_PIP__PROXY_PASSWORD",
        )


def _remarks(found: list[Entries]) -> Iterator[str]:
    foreign = sorted({name for each in found for name in each.foreign})
    if foreign:
        yield f"of no concern here, since they are about other package managers: {', '.join(foreign)}"


def _notes(settings: HermetoSettings, *, drop_in: bool) -> Iterator[str]:
    if settings.ignore_crates is False:
        yield "pip.ignore_dependencies_crates is false, but crates of Rust extensions are never fetched"
    for file in _LOCAL_FILES:
        if drop_in and is_file(file):
            yield f"{file} in the current directory is not read: name it with --config-file if you trust it"
