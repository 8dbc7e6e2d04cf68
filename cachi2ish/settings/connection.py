"""How to speak HTTP, from all sources: certificates, credentials, patience."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from cachi2ish import __version__
from cachi2ish.core.urls import Address
from cachi2ish.errors import InputError
from cachi2ish.files.user_files import is_file, kind_of
from cachi2ish.http.interface import HttpSettings
from cachi2ish.settings.flags import Source
from cachi2ish.settings.hermeto import HermetoSettings
from cachi2ish.settings.network_flags import KeyringProvider
from cachi2ish.settings.pip_settings import pip_number

_DEFAULTS = HttpSettings(user_agent="")

#: The program that pip and uv ask too.
_KEYRING = "keyring"

#: The values of pip's ``--keyring-provider`` for which it is asked; pip's default, ``auto``, is nobody's wish.
_PIP_ASKS = frozenset({"subprocess", "import"})


class Connection(Struct, frozen=True):
    """The settings, and notes on what cannot be followed."""

    http: HttpSettings
    notes: tuple[str, ...] = ()


def connection_settings(
    options: Source,
    file: Source,
    hermeto: HermetoSettings,
    pip: Mapping[str, str],
    environ: Mapping[str, str],
    home: Path,
    connections: int,
) -> Connection:
    """Return how to speak HTTP; raises `InputError` for a value that makes no sense."""
    ca_bundle, named_by = _ca_bundle(pip, environ)
    keyring, notes = _keyring(options, file, pip, environ)
    retries, least_speed = hermeto.max_retries, options.flags.least_speed
    if least_speed is None:
        least_speed = file.flags.least_speed
    http = HttpSettings(
        user_agent=f"cachi2ish/{__version__} python/{platform.python_version()}",
        ca_bundle=ca_bundle,
        ca_bundle_from=named_by,
        client_cert=pip.get("client-cert"),
        proxy=Address(pip["proxy"]) if "proxy" in pip else None,
        netrc=_netrc(environ, home),
        keyring=keyring,
        credentials=tuple(Address(one) for one in (hermeto.proxy_credentials,) if one),
        connect_timeout=hermeto.connect_timeout or _DEFAULTS.connect_timeout,
        read_timeout=hermeto.read_timeout or pip_number(pip, "timeout", _DEFAULTS.read_timeout),
        least_speed=_DEFAULTS.least_speed if least_speed is None else least_speed,
        retries=int(pip_number(pip, "retries", _DEFAULTS.retries)) if retries is None else retries,
        connections=connections,
    )
    return Connection(http, notes)


def _ca_bundle(pip: Mapping[str, str], environ: Mapping[str, str]) -> tuple[str | None, str]:
    """Return the certificates to trust, and what names them."""
    for name, value in _bundles(pip, environ):
        if value:
            if not kind_of(Path(value)):
                raise InputError(
                    f"{name} is {value!r}, which does not exist",
                    hint="give the file with the certificates of the authorities that you trust",
                )
            return value, name
    return None, ""


def _bundles(pip: Mapping[str, str], environ: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    yield "PIP_CERT" if environ.get("PIP_CERT") else "pip's setting cert", pip.get("cert")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        yield name, environ.get(name)


def _netrc(environ: Mapping[str, str], home: Path) -> str | None:
    if named := environ.get("NETRC"):
        return named
    return next((str(file) for file in (home / ".netrc", home / "_netrc") if is_file(file)), None)


def _keyring(
    options: Source, file: Source, pip: Mapping[str, str], environ: Mapping[str, str]
) -> tuple[str | None, tuple[str, ...]]:
    """Return the program that knows passwords, None for none, and notes."""
    for source in (options, file):
        if source.flags.keyring_provider is not None:
            if source.flags.keyring_provider is KeyringProvider.DISABLED:
                return None, ()
            program = _program(environ)
            if program is None:
                raise source.error(
                    f"{source.name('keyring_provider')} is subprocess, and no program {_KEYRING} is on PATH",
                    hint="install it where PATH finds it, as with: pipx install keyring",
                )
            return program, ()
    provider = pip.get("keyring-provider", "").strip()
    if provider not in _PIP_ASKS:
        return None, ()
    program = _program(environ)
    note = f"pip's setting keyring-provider is {provider}, and no program {_KEYRING} is on PATH: it is not asked"
    return program, () if program else (note,)


def _program(environ: Mapping[str, str]) -> str | None:
    return shutil.which(_KEYRING, path=environ.get("PATH", ""))
