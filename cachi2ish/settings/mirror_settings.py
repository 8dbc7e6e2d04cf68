"""The settings of the mirror, from options, environment and the configuration file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from msgspec.structs import replace
from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from cachi2ish.core.messages import excerpt
from cachi2ish.core.urls import BEARER, BEARER_TOKEN, Address
from cachi2ish.errors import InputError
from cachi2ish.http.interface import HttpSettings
from cachi2ish.settings.buckets import Bucket, database_at
from cachi2ish.settings.flags import Flags, Source
from cachi2ish.settings.mirror_flags import (
    DEFAULT_HOST,
    DEFAULT_LOCAL_SIZE,
    DEFAULT_MEMORY,
    DEFAULT_PORT,
    WantedCoverage,
)
from cachi2ish.settings.settings import config_source, load_settings
from cachi2ish.settings.token_files import client_tokens, tokens_in
from cachi2ish.settings.values import InvalidValueError, path_of

_REGISTRY_NAME = re.compile("[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")

#: Seconds. A client waits for the answer, and asks again itself.
_CONNECT, _READ, _PATIENCE = 5.0, 20.0, 2.0

#: Seconds for which a registry is left alone that could not be reached.
_LOST_FOR = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorSettings:
    """What a mirror works with.

    database: of the history, with its credentials; None for a file in the directory. files: where all machines
    have them; None for the directory. local_size: bytes that the directory may have of them then.
    registries: addresses by name, with the mirror's own credentials where it has any; PyPI is among them only
    where something stands in for it. private, first_seen: names of registries. tokens: None where anybody may
    come in. open: whether other machines may come in without one. follow: whether a server looks at what is due.
    """

    directory: Path
    database: Address | None
    files: Bucket | None
    local_size: int
    host: str
    port: int
    registries: Mapping[str, Address] = field(repr=False)
    private: frozenset[str]
    first_seen: frozenset[str]
    exempt: frozenset[NormalizedName]
    observed_only: bool
    tokens: tuple[str, ...] | None = field(repr=False)
    open: bool
    memory: int
    follow: bool
    http: HttpSettings


def load_mirror_settings(
    flags: Flags, environ: Mapping[str, str], home: Path | None, now: datetime
) -> MirrorSettings:
    """Resolve all settings of the mirror; raises `InputError` for a value that makes no sense.

    The connection has the settings of every other command, but no credentials out of the user's files: what the
    mirror fetches with them would be everybody's.
    """
    sources = (Source(flags), config_source(flags))
    settings = load_settings(flags.replaced(no_cache=True, offline=False), environ, home, now)
    registries = _with_tokens(_registries(sources), sources)
    private = _names(sources, "mirror_private", registries)
    first_seen = _names(sources, "mirror_first_seen", registries)
    merged = _merged(sources)
    token_file = merged.mirror_token_file
    if token_file is not None and private:
        raise InputError(
            f"{', '.join(sorted(private))} is private, and a file of tokens is named: there is one Authorization"
            " header, and a token would go to the registry",
            hint="let a proxy decide who may ask, and say --open; or write a user name and a password into the"
            " address of the registry, and leave --private out",
        )
    return MirrorSettings(
        directory=merged.mirror_directory or _default_directory(environ, home),
        database=_database(sources),
        files=_files(sources),
        local_size=DEFAULT_LOCAL_SIZE if merged.mirror_local_size is None else merged.mirror_local_size,
        host=merged.mirror_host or DEFAULT_HOST,
        port=DEFAULT_PORT if merged.mirror_port is None else merged.mirror_port,
        registries=registries,
        private=private,
        first_seen=first_seen,
        exempt=_projects(sources),
        observed_only=merged.mirror_require_coverage is WantedCoverage.OBSERVED,
        tokens=None if token_file is None else client_tokens(token_file),
        open=bool(merged.mirror_open),
        memory=DEFAULT_MEMORY if merged.mirror_memory is None else merged.mirror_memory,
        follow=merged.mirror_follow is not False,
        http=replace(
            settings.http,
            credentials=tuple(registries.values()),
            netrc=None,
            keyring=None,
            connect_timeout=min(_CONNECT, settings.http.connect_timeout),
            read_timeout=min(_READ, settings.http.read_timeout),
            retries=min(1, settings.http.retries),
            backoff_limit=_PATIENCE,
            lost_for=_LOST_FOR,
        ),
    )


def mirror_directory(flags: Flags, environ: Mapping[str, str], home: Path | None) -> Path:
    """Return where history and files are kept, whether it is there or not; raises `InputError`."""
    return _merged((Source(flags), config_source(flags))).mirror_directory or _default_directory(environ, home)


def mirror_database(flags: Flags) -> Address | None:
    """Return the address of the database of the history, with its credentials; None for a file in the directory.

    Raises `InputError` for what is no address of PostgreSQL.
    """
    return _database((Source(flags), config_source(flags)))


def mirror_files(flags: Flags) -> Bucket | None:
    """Return where all machines have their files, None for the directory; raises `InputError`."""
    return _files((Source(flags), config_source(flags)))


def _database(sources: Iterable[Source]) -> Address | None:
    source = next((one for one in sources if one.flags.mirror_database is not None), None)
    if source is None:
        return None
    try:
        return database_at(source.flags.mirror_database or "")
    except InputError as error:
        raise source.error(f"{source.name('mirror_database')}: {error.problem}", error.hint or "") from None


def _files(sources: Iterable[Source]) -> Bucket | None:
    source = next((one for one in sources if one.flags.mirror_files is not None), None)
    if source is None:
        return None
    try:
        return Bucket.parse(source.flags.mirror_files or "")
    except InputError as error:
        raise source.error(f"{source.name('mirror_files')}: {error.problem}", error.hint or "") from None


def _merged(sources: Iterable[Source]) -> Flags:
    """Return the single values of the strongest source that has them."""
    found: dict[str, object] = {}
    for source in sources:
        for name in (
            "mirror_directory",
            "mirror_host",
            "mirror_port",
            "mirror_require_coverage",
            "mirror_token_file",
            "mirror_open",
            "mirror_memory",
            "mirror_local_size",
            "mirror_follow",
        ):
            value = getattr(source.flags, name)
            if value is not None:
                found.setdefault(name, value)
    return Flags(**found)  # type: ignore[arg-type]  # each is the value of its own field


def _default_directory(environ: Mapping[str, str], home: Path | None) -> Path:
    from platformdirs import user_data_path

    if home is None and not environ.get("XDG_DATA_HOME"):
        raise InputError(
            "the home directory is not known, so there is no place for the mirror",
            hint="set HOME, or name a place with --directory",
        )
    return user_data_path("cachi2ish", appauthor=False) / "mirror"


def _registries(sources: Iterable[Source]) -> dict[str, Address]:
    """Return the registries of the strongest source that names any."""
    source = next((one for one in sources if one.flags.mirror_registry), None)
    found: dict[str, Address] = {}
    for text in source.flags.mirror_registry if source else ():
        name, _, url = text.partition("=")
        address = Address(url.strip())
        assert source is not None  # noqa: S101  (it has this text)
        place = source.name("mirror_registry")
        if not _REGISTRY_NAME.fullmatch(name):
            without = Address(text.strip())
            if without.is_web:  # an equals sign may stand in its query
                raise source.error(
                    f"{place}: {without.redacted!r} has no name",
                    "write a name before the address: NAME=URL; its pages are below /r/NAME/ then",
                )
            raise source.error(
                f"{place}: {excerpt(name)!r} is no name of a registry",
                "write NAME=URL; a name has small letters, digits and hyphens",
            )
        if not url.strip():
            raise source.error(
                f"{place}: {excerpt(name)!r} has no address",
                f"write the address of its index behind the name: {name}=https://host/simple/",
            )
        if not address.is_web:
            raise source.error(
                f"{place}: {address.redacted!r}, the address of {name}, is not the address of an index",
                "write it as https://host/simple/",
            )
        if name in found:
            raise source.error(f"{place}: {name} is named twice", "give each registry a name of its own")
        found[name] = address
    return found


def _with_tokens(registries: dict[str, Address], sources: Iterable[Source]) -> dict[str, Address]:
    """Return the registries, those with a token of their own for the mirror with it."""
    source = next((one for one in sources if one.flags.mirror_registry_token), None)
    if source is None:
        return registries
    found = dict(registries)
    place = source.name("mirror_registry_token")
    for text in source.flags.mirror_registry_token:
        name, _, path = text.partition("=")
        if name not in registries:
            known = ", ".join(sorted(registries)) or "none"
            raise source.error(
                f"{place}: there is no registry {excerpt(name)!r} with an address", f"with one there are: {known}"
            )
        if found[name].split_userinfo()[1]:
            raise source.error(f"{place}: {name} has a login already", "leave the user out of its address")
        file = _file_of(path, source)
        [token, *more] = tokens_in(file, place) or ("",)
        if more or not re.fullmatch(BEARER_TOKEN, token):
            raise InputError(
                f"{place}: {file} has {'more than one token' if more else 'no token'}",
                hint="write the token of the registry into it, on one line",
            )
        found[name] = found[name].with_login(BEARER, token)
    return found


def _file_of(text: str, source: Source) -> Path:
    try:
        path = path_of(text.strip())
    except InvalidValueError as error:
        raise source.error(f"{source.name('mirror_registry_token')}: {error}", "write NAME=FILE") from None
    return path if source.file is None else source.file.parent / path


def _names(sources: Iterable[Source], setting: str, registries: Mapping[str, Address]) -> frozenset[str]:
    source = next((one for one in sources if getattr(one.flags, setting)), None)
    if source is None:
        return frozenset()
    names: tuple[str, ...] = getattr(source.flags, setting)
    for name in names:
        if name not in registries and name != "pypi":
            known = ", ".join(sorted({"pypi", *registries}))
            raise source.error(
                f"{source.name(setting)}: there is no registry {excerpt(name)!r}", f"the registries are {known}"
            )
    return frozenset(names)


def _projects(sources: Iterable[Source]) -> frozenset[NormalizedName]:
    source = next((one for one in sources if one.flags.mirror_exempt), None)
    found = set()
    for name in source.flags.mirror_exempt if source else ():
        try:
            found.add(canonicalize_name(name, validate=True))
        except InvalidName:
            assert source is not None  # noqa: S101  (it has this name)
            raise source.error(
                f"{source.name('mirror_exempt')}: {excerpt(name)!r} is no name of a project"
            ) from None
    return frozenset(found)
