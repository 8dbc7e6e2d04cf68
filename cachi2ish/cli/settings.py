"""Everything that is settled before a command begins: options, environment and pip's settings in one value.

Precedence: the command line (which reads ``CACHI2ISH_…`` variables too), then pip's variables, then pip's
configuration files, then the defaults of other tools (``REQUESTS_CA_BUNDLE``, ``SSL_CERT_FILE``, ``NETRC``).
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cachi2ish import __version__
from cachi2ish.cli.pip_configuration import read_pip_configuration
from cachi2ish.core.addresses import redact, split
from cachi2ish.core.requirements import IndexOptions
from cachi2ish.errors import InputError
from cachi2ish.net.interface import HttpSettings

#: As many connections as saturate a line of 400 Mbit/s at 30 ms; more only burden the index.
DEFAULT_CONCURRENCY = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What was said on the command line. None and empty: nothing."""

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    cache_dir: Path | None = None
    no_cache: bool = False
    concurrency: int = DEFAULT_CONCURRENCY


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a run works with. cache_dir: None for no cache; notes: settings that are seen and not followed."""

    indexes: IndexOptions
    http: HttpSettings
    cache_dir: Path | None
    concurrency: int
    environ: Mapping[str, str] = field(repr=False)
    notes: tuple[str, ...] = ()


def load_settings(flags: Flags, environ: Mapping[str, str], home: Path) -> Settings:
    """Bring together what the user has said; raises `InputError` for a value that makes no sense."""
    pip = read_pip_configuration(environ, home)
    notes: list[str] = []
    return Settings(
        indexes=IndexOptions(
            index_url=_index(flags.index_url or pip.get("index-url"), "--index-url"),
            extra_index_urls=_extra_indexes(flags, pip, notes),
            trusted_hosts=tuple(pip.get("trusted-host", "").split()),
        ),
        http=HttpSettings(
            user_agent=f"cachi2ish/{__version__} python/{platform.python_version()}",
            ca_bundle=_ca_bundle(pip, environ),
            client_cert=pip.get("client-cert"),
            proxy=pip.get("proxy"),
            netrc=_netrc(environ, home),
            read_timeout=_number(pip, "timeout", HttpSettings(user_agent="").read_timeout),
            retries=int(_number(pip, "retries", HttpSettings(user_agent="").retries)),
            connections=flags.concurrency,
        ),
        cache_dir=None if flags.no_cache else flags.cache_dir or _default_cache_dir(),
        concurrency=flags.concurrency,
        environ=environ,
        notes=(*notes, *_not_followed(pip)),
    )


def _index(url: str | None, option: str) -> str | None:
    if url is None:
        return None
    parts = split(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InputError(
            f"{option} is {redact(url)!r}, which is not the address of an index",
            hint="give an http or https address such as https://host/simple/",
        )
    return url


def _extra_indexes(flags: Flags, pip: Mapping[str, str], notes: list[str]) -> tuple[str, ...]:
    if flags.extra_index_urls:
        return tuple(filter(None, (_index(url, "--extra-index-url") for url in flags.extra_index_urls)))
    kept = []
    for url in pip.get("extra-index-url", "").split():
        parts = split(url)
        if parts is not None and parts.scheme in {"http", "https"} and parts.hostname:
            kept.append(url)
        else:
            notes.append(
                f"pip's setting extra-index-url names {redact(url)}, which is not an http(s) index: not asked"
            )
    return tuple(kept)


def _not_followed(pip: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(
        f"pip's setting {option} is not followed: everything is fetched from indexes"
        for option in ("find-links", "no-index")
        if pip.get(option)
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
    if not 0 <= number < 1e6:  # noqa: PLR2004  (more than ten days is a mistake, as are infinity and NaN)
        raise InputError(f"pip's setting {option} is {text!r}, which is not a number of seconds or tries")
    return number


def _default_cache_dir() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("cachi2ish", appauthor=False)
