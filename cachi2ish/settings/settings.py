"""The settings of a run, from options, environment and files.

Precedence: the command line (which reads ``CACHI2ISH_…`` variables too), then ``HERMETO_…`` variables, then the
configuration file, then pip's variables, then pip's configuration files, then the defaults of other tools
(``REQUESTS_CA_BUNDLE``, ``SSL_CERT_FILE``, ``NETRC``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from msgspec import Struct, field

from cachi2ish.core.as_of import PackageDates
from cachi2ish.core.modes import Mode, SbomKind
from cachi2ish.core.requirements import IndexOptions
from cachi2ish.core.structs import repr_without
from cachi2ish.core.urls import Address
from cachi2ish.errors import InputError
from cachi2ish.http.interface import HttpSettings
from cachi2ish.settings.config_file import CONFIG_FILE, read_config_file, user_directory
from cachi2ish.settings.connection import connection_settings
from cachi2ish.settings.flags import Flags, Source
from cachi2ish.settings.hermeto import is_hermetos, read_hermeto_settings
from cachi2ish.settings.index_dates import default_dates
from cachi2ish.settings.moved_hosts import moved_hosts
from cachi2ish.settings.network_flags import DEFAULT_CONCURRENCY, MOST_CONCURRENT
from cachi2ish.settings.pip_settings import PipSettings, not_followed, pip_extra_indexes, read_pip_configuration
from cachi2ish.settings.values import InvalidValueError, parse_epoch

_INDEX_HINT = "give an http or https address such as https://host/simple/"

#: Below it there can be no file.
_NOWHERE = Path(os.devnull)


class Settings(Struct, frozen=True, kw_only=True):
    """What a run works with.

    dates: of packages that have none of their own. now: what durations count back from.
    cache_dir: None for no cache. cache_key: the file with the key to its catalogue, None for the user's own.
    index_proxy: the address that stands in for the public index, None for none; ``http`` has its credentials.
    offline: whether the cache is all there is; ``cache_dir`` is never None then.
    dry_run: whether nothing is written.
    require_fresh: whether a lock file that does not fit its project any more is an error.
    moved_hosts: the index that has the files which locks name at a host.
    sbom_kind, source_date: the format of the bill of materials, and the creation time of an SPDX document.
    drop_in: whether the program stands in for Hermeto.
    git_timeout: seconds that one run of git may take, None for any number while it reports progress.
    notes: settings that are seen and not followed. remarks: settings that are of no concern here.
    """

    indexes: IndexOptions
    dates: PackageDates
    now: datetime
    http: HttpSettings
    cache_dir: Path | None
    cache_key: Path | None
    offline: bool
    dry_run: bool
    concurrency: int
    environ: Mapping[str, str]
    require_fresh: bool = False
    moved_hosts: Mapping[str, Address] = field(default_factory=dict)
    mode: Mode = Mode.STRICT
    sbom_kind: SbomKind = SbomKind.CYCLONEDX
    source_date: datetime | None = None
    drop_in: bool = False
    index_proxy: Address | None = None
    git_timeout: float | None = None
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    __repr__ = repr_without("environ")


def load_settings(flags: Flags, environ: Mapping[str, str], home: Path | None, now: datetime) -> Settings:
    """Resolve all settings, the stronger sources first; raises `InputError` for a value that makes no sense.

    home: None where nobody knows it (a container's user without a name): then no file of it is looked for.
    now: aware; what a duration counts back from.
    """
    options, file = Source(flags), config_source(flags)
    cache_dir = _cache_dir(flags, file.flags, homeless=_homeless(environ, home))
    home = home or _NOWHERE
    pip = read_pip_configuration(environ, home)
    from_hermeto = read_hermeto_settings(flags.config_file, environ, home, drop_in=flags.drop_in)
    hermeto = from_hermeto.settings
    limit = min(hermeto.concurrency_limit or 0, MOST_CONCURRENT)
    concurrency = flags.concurrency or limit or file.flags.concurrency or DEFAULT_CONCURRENCY
    sbom_kind = flags.sbom_output_type or file.flags.sbom_output_type or SbomKind.CYCLONEDX
    extra_indexes, notes = _extra_indexes(options, file, pip)
    connection = connection_settings(options, file, hermeto, pip, environ, home, concurrency)
    return Settings(
        indexes=IndexOptions(
            index_url=_index_url(options, file, pip),
            extra_index_urls=extra_indexes,
            trusted_hosts=tuple(pip.get("trusted-host", "").split()),
        ),
        dates=default_dates(options, file, now),
        now=now,
        http=connection.http,
        cache_dir=cache_dir,
        cache_key=flags.cache_key or file.flags.cache_key,
        offline=_offline(flags, file.flags, cache_dir),
        dry_run=flags.dry_run,
        require_fresh=bool(file.flags.require_fresh if flags.require_fresh is None else flags.require_fresh),
        moved_hosts=moved_hosts(options, file),
        concurrency=concurrency,
        environ=environ,
        mode=flags.mode or hermeto.mode or file.flags.mode or Mode.STRICT,
        sbom_kind=sbom_kind,
        source_date=_source_date(environ) if sbom_kind is SbomKind.SPDX else None,
        drop_in=flags.drop_in,
        index_proxy=None if hermeto.proxy_url is None else Address(hermeto.proxy_url),
        git_timeout=hermeto.subprocess_timeout,
        notes=(*notes, *connection.notes, *not_followed(pip), *from_hermeto.notes),
        remarks=from_hermeto.remarks,
    )


def _index_url(options: Source, file: Source, pip: Mapping[str, str]) -> Address | None:
    for source in (options, file):
        if source.flags.index_url is not None:
            return _index(source.flags.index_url, source, "index_url")
    url = pip.get("index-url")
    if not url:
        return None
    address = Address(url)
    if not address.is_web:
        raise InputError(_not_an_index("pip's setting index-url", address), hint=_INDEX_HINT)
    return address


def _extra_indexes(options: Source, file: Source, pip: PipSettings) -> tuple[tuple[Address, ...], tuple[str, ...]]:
    """Return the extra indexes of the strongest source, and notes on those of pip that are left out."""
    for source in (options, file):
        if source.flags.extra_index_url:
            return tuple(_index(url, source, "extra_index_url") for url in source.flags.extra_index_url), ()
    return pip_extra_indexes(pip)


def _index(url: str, source: Source, setting: str) -> Address:
    address = Address(url)
    if not address.is_web:
        raise source.error(_not_an_index(source.name(setting), address), _INDEX_HINT)
    return address


def _not_an_index(place: str, address: Address) -> str:
    return f"{place} is {address.redacted!r}, which is not the address of an index"


def cache_directory(flags: Flags, environ: Mapping[str, str], home: Path | None) -> Path:
    """Return where the cache is, whether it is there and used or not; raises `InputError`.

    home: None where nobody knows it.
    """
    if flags.cache_dir:
        return flags.cache_dir
    return _cache_place(config_source(flags).flags, homeless=_homeless(environ, home))


def cache_key(flags: Flags) -> Path | None:
    """Return the file with the key to the catalogue of the cache, None for the user's own; raises `InputError`."""
    return flags.cache_key or config_source(flags).flags.cache_key


def _homeless(environ: Mapping[str, str], home: Path | None) -> bool:
    return home is None and not environ.get("XDG_CACHE_HOME")


def config_source(flags: Flags) -> Source:
    """Return the settings of the configuration file; raises `InputError` where it makes no sense."""
    path = flags.config_file or _default_config_file()
    if is_hermetos(flags.config_file, drop_in=flags.drop_in):
        return Source(Flags(), path)
    return read_config_file(path, required=flags.config_file is not None)


def _cache_dir(flags: Flags, file: Flags, *, homeless: bool) -> Path | None:
    if flags.no_cache:
        return None
    if flags.cache_dir:
        return flags.cache_dir
    if file.no_cache or (homeless and flags.dry_run and not file.cache_dir):
        return None
    return _cache_place(file, homeless=homeless)


def _cache_place(file: Flags, *, homeless: bool) -> Path:
    if file.cache_dir:
        return file.cache_dir
    if homeless:
        raise InputError(
            "the home directory is not known, so there is no place for the cache",
            hint="set HOME, or name a place with --cache-dir, or do without with --no-cache",
        )
    return user_directory("cache")


def _offline(flags: Flags, file: Flags, cache_dir: Path | None) -> bool:
    offline = bool(file.offline if flags.offline is None else flags.offline)
    if offline and cache_dir is None:
        raise InputError(
            "without a network everything comes from the cache, and there is to be none",
            hint="leave --offline or --no-cache out (both may stand in the configuration file too), or name a"
            " cache with --cache-dir",
        )
    return offline


def _source_date(environ: Mapping[str, str]) -> datetime | None:
    """Return the instant of ``SOURCE_DATE_EPOCH`` (reproducible-builds.org), None where it is not set or empty."""
    text = environ.get("SOURCE_DATE_EPOCH", "").strip()
    if not text:
        return None
    try:
        return parse_epoch(text)
    except InvalidValueError as error:
        raise InputError(f"SOURCE_DATE_EPOCH is {error}", hint=error.hint) from None


def _default_config_file() -> Path:
    return user_directory("config") / CONFIG_FILE
