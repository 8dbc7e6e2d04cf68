"""Everything that is settled before a command begins: options, environment and pip's settings in one value.

Precedence: the command line (which reads ``CACHI2ISH_…`` variables too), then ``HERMETO_…`` variables, then the
configuration file, then pip's variables, then pip's configuration files, then the defaults of other tools
(``REQUESTS_CA_BUNDLE``, ``SSL_CERT_FILE``, ``NETRC``).
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cachi2ish import __version__
from cachi2ish.core.as_of import PackageDates
from cachi2ish.core.inventory import Mode, SbomKind
from cachi2ish.core.requirements import IndexOptions
from cachi2ish.core.urls import redact, split_web
from cachi2ish.errors import InputError, Origin, UsageError
from cachi2ish.http.interface import HttpSettings
from cachi2ish.settings.config_file import CONFIG_FILE, ConfigFile, read_config_file
from cachi2ish.settings.flags import DEFAULT_CONCURRENCY, MOST_CONCURRENT, Flags
from cachi2ish.settings.hermeto_settings import HermetoSettings, is_hermetos, read_hermeto_settings
from cachi2ish.settings.index_dates import default_dates
from cachi2ish.settings.pip_settings import read_pip_configuration
from cachi2ish.settings.source_date import source_date

#: More seconds (eleven days) or tries than this are a mistake.
_MOST = 1e6

_DEFAULTS = HttpSettings(user_agent="")

#: Below it there can be no file.
_NOWHERE = Path(os.devnull)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a run works with.

    dates: of packages that state none. now: what their durations count back from. cache_dir: None for no cache.
    index_proxy: the address that stands in for the public index, None for none; ``http`` has its credentials.
    offline: whether the cache is all there is; ``cache_dir`` is never None then.
    dry_run: whether nothing is written.
    sbom_kind, source_date: the format of the bill of materials, and the time that SPDX says it was made at.
    drop_in: whether the program stands in for Hermeto.
    git_timeout: seconds that one run of git may take, None for any number while it tells of progress.
    notes: settings that are seen and not followed. remarks: settings that are of no concern here.
    """

    indexes: IndexOptions
    dates: PackageDates
    now: datetime
    http: HttpSettings
    cache_dir: Path | None
    offline: bool
    dry_run: bool
    concurrency: int
    environ: Mapping[str, str] = field(repr=False)
    mode: Mode = Mode.STRICT
    sbom_kind: SbomKind = SbomKind.CYCLONEDX
    source_date: datetime | None = None
    drop_in: bool = False
    index_proxy: str | None = None
    git_timeout: float | None = None
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def load_settings(flags: Flags, environ: Mapping[str, str], home: Path | None, now: datetime) -> Settings:
    """Bring together what the user has said; raises `InputError` for a value that makes no sense.

    home: None where nobody knows it (a container's user without a name): then no file of it is looked for.
    now: aware; what a duration counts back from.
    """
    path, stated = _stated(flags)
    cache_dir = _cache_dir(flags, stated, path, homeless=_homeless(environ, home))
    home = home or _NOWHERE
    pip = read_pip_configuration(environ, home)
    told = read_hermeto_settings(flags.config_file, environ, home, drop_in=flags.drop_in)
    hermeto = told.settings
    limit = min(hermeto.concurrency_limit or 0, MOST_CONCURRENT)
    concurrency = flags.concurrency or limit or stated.concurrency or DEFAULT_CONCURRENCY
    sbom_kind = flags.sbom_output_type or SbomKind(stated.sbom_output_type or SbomKind.CYCLONEDX)
    notes: list[str] = []
    return Settings(
        indexes=IndexOptions(
            index_url=_index_url(flags, stated, path, pip),
            extra_index_urls=_extra_indexes(flags, stated, path, pip, notes),
            trusted_hosts=tuple(pip.get("trusted-host", "").split()),
        ),
        dates=default_dates(flags.index_date, flags.index_date_missing, stated, path, now),
        now=now,
        http=_http(pip, hermeto, _netrc(environ, home), _ca_bundle(pip, environ), concurrency),
        cache_dir=cache_dir,
        offline=_offline(flags, stated, cache_dir),
        dry_run=flags.dry_run,
        concurrency=concurrency,
        environ=environ,
        mode=flags.mode or hermeto.mode or Mode(stated.mode or Mode.STRICT),
        sbom_kind=sbom_kind,
        source_date=source_date(environ) if sbom_kind is SbomKind.SPDX else None,
        drop_in=flags.drop_in,
        index_proxy=hermeto.proxy_url,
        git_timeout=hermeto.subprocess_timeout,
        notes=(*notes, *_not_followed(pip), *told.notes),
        remarks=told.remarks,
    )


def _http(
    pip: Mapping[str, str], hermeto: HermetoSettings, netrc: str | None, ca_bundle: str | None, connections: int
) -> HttpSettings:
    retries = hermeto.max_retries
    return HttpSettings(
        user_agent=f"cachi2ish/{__version__} python/{platform.python_version()}",
        ca_bundle=ca_bundle,
        client_cert=pip.get("client-cert"),
        proxy=pip.get("proxy"),
        netrc=netrc,
        credentials=tuple(filter(None, (hermeto.proxy_credentials,))),
        connect_timeout=hermeto.connect_timeout or _DEFAULTS.connect_timeout,
        read_timeout=hermeto.read_timeout or _number(pip, "timeout", _DEFAULTS.read_timeout),
        retries=int(_number(pip, "retries", _DEFAULTS.retries)) if retries is None else retries,
        connections=connections,
    )


def _index_url(flags: Flags, stated: ConfigFile, file: Path, pip: Mapping[str, str]) -> str | None:
    if flags.index_url is not None:
        return _index(flags.index_url, "--index-url", UsageError)
    if stated.index_url:
        return _index(stated.index_url, "index-url", InputError, Origin(str(file)))
    pips = pip.get("index-url")
    return _index(pips, "pip's setting index-url", InputError) if pips else None


def _index(url: str, place: str, kind: type[InputError], origin: Origin | None = None) -> str:
    if split_web(url) is None:
        raise kind(
            f"{place} is {redact(url)!r}, which is not the address of an index",
            hint="give an http or https address such as https://host/simple/",
            origin=origin,
        )
    return url


def _extra_indexes(
    flags: Flags, stated: ConfigFile, file: Path, pip: Mapping[str, str], notes: list[str]
) -> tuple[str, ...]:
    if flags.extra_index_urls:
        return tuple(_index(url, "--extra-index-url", UsageError) for url in flags.extra_index_urls)
    if stated.extra_index_url:
        origin = Origin(str(file))
        return tuple(_index(url, "extra-index-url", InputError, origin) for url in stated.extra_index_url)
    kept = []
    for url in pip.get("extra-index-url", "").split():
        if split_web(url) is not None:
            kept.append(url)
        else:
            notes.append(
                f"pip's setting extra-index-url names {redact(url)}, which is not an http(s) index: not asked"
            )
    return tuple(kept)


def _not_followed(pip: Mapping[str, str]) -> tuple[str, ...]:
    why = {
        "find-links": "everything is fetched from indexes",
        "no-index": "everything is fetched from indexes",
        **dict.fromkeys(
            ("constraint", "require-hashes", "no-binary", "only-binary"), "state it in the requirements file"
        ),
        "uploaded-prior-to": "state the date with --index-date",
    }
    return tuple(
        f"pip's setting {option} is not followed: {because}" for option, because in why.items() if pip.get(option)
    )


def _ca_bundle(pip: Mapping[str, str], environ: Mapping[str, str]) -> str | None:
    names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
    stated = (("pip's setting cert", pip.get("cert")), *((name, environ.get(name)) for name in names))
    for name, value in stated:
        if value:
            if not Path(value).exists():
                raise InputError(
                    f"{name} is {value!r}, which does not exist",
                    hint="give the file with the certificates of the authorities that you trust",
                )
            return value
    return None


def _netrc(environ: Mapping[str, str], home: Path) -> str | None:
    stated = environ.get("NETRC")
    if stated:
        return stated
    return next((str(file) for file in (home / ".netrc", home / "_netrc") if file.is_file()), None)


def _number(pip: Mapping[str, str], option: str, default: float) -> float:
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


def cache_directory(flags: Flags, environ: Mapping[str, str], home: Path | None) -> Path:
    """Return where the cache is, whether it is there and used or not; raises `InputError`.

    home: None where nobody knows it.
    """
    if flags.cache_dir:
        return flags.cache_dir
    path, stated = _stated(flags)
    return _cache_place(stated, path, homeless=_homeless(environ, home))


def _homeless(environ: Mapping[str, str], home: Path | None) -> bool:
    return home is None and not environ.get("XDG_CACHE_HOME")


def _stated(flags: Flags) -> tuple[Path, ConfigFile]:
    path = flags.config_file or _default_config_file()
    if is_hermetos(flags.config_file, drop_in=flags.drop_in):
        return path, ConfigFile()
    return path, read_config_file(path, required=flags.config_file is not None)


def _cache_dir(flags: Flags, stated: ConfigFile, config_file: Path, *, homeless: bool) -> Path | None:
    if flags.no_cache:
        return None
    if flags.cache_dir:
        return flags.cache_dir
    if stated.no_cache or (homeless and flags.dry_run and not stated.cache_dir):
        return None
    return _cache_place(stated, config_file, homeless=homeless)


def _cache_place(stated: ConfigFile, config_file: Path, *, homeless: bool) -> Path:
    from platformdirs import user_cache_path

    if stated.cache_dir:
        # Relative to the file that says it, since that may be read from anywhere.
        return config_file.parent / Path(stated.cache_dir).expanduser()
    if homeless:
        raise InputError(
            "the home directory is not known, so there is no place for the cache",
            hint="set HOME, or name a place with --cache-dir, or do without with --no-cache",
        )
    return user_cache_path("cachi2ish", appauthor=False)


def _offline(flags: Flags, stated: ConfigFile, cache_dir: Path | None) -> bool:
    offline = stated.offline if flags.offline is None else flags.offline
    if offline and cache_dir is None:
        raise InputError(
            "without a network everything comes from the cache, and there is to be none",
            hint="leave --offline or --no-cache out (both may stand in the configuration file too), or name a"
            " cache with --cache-dir",
        )
    return offline


def _default_config_file() -> Path:
    from platformdirs import user_config_path

    return user_config_path("cachi2ish", appauthor=False) / CONFIG_FILE
