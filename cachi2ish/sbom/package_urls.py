"""Package URLs (purl, ECMA-427), of type ``pypi``: what every format of a bill of materials calls a package by.

The qualifiers say where the package was taken from: ``repository_url`` for an index other than the default
one, ``download_url`` and ``checksum`` for an archive at an address, ``vcs_url`` for a commit. A folder in a
repository is the subpath. Addresses are redacted once more here, since this is what gets published.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote

from packaging.utils import canonicalize_name

from cachi2ish.core.inventory import Dependency, FromGit, FromIndex, FromUrl, MainPackage, VcsOrigin
from cachi2ish.core.messages import as_text
from cachi2ish.core.urls import redact


def of_main_package(package: MainPackage) -> str:
    """Return the package URL of a package of the user's own; without ``vcs_url`` where it is no git checkout."""
    qualifiers = {"vcs_url": vcs_url(package.vcs)} if package.vcs else {}
    subpath = None if package.path == "." else as_text(package.path)
    return _pypi(package.name, package.version, qualifiers, subpath)


def of_dependency(dependency: Dependency) -> str:
    """Return the package URL of a dependency."""
    match dependency.source:
        case FromIndex(index=""):  # where its files came from is all that is known
            file = dependency.files[0]
            checksum = next(digest for digest in file.digests if digest.algorithm == "sha256")
            qualifiers = {"checksum": str(checksum), "download_url": redact(file.url)}
            return _pypi(dependency.name, dependency.version, qualifiers)
        case FromIndex(index=index, default=default):
            qualifiers = {} if default else {"repository_url": redact(index)}
            return _pypi(dependency.name, dependency.version, qualifiers)
        case FromUrl(url=url, digest=digest):
            qualifiers = {"checksum": str(digest), "download_url": redact(url)}
            return _pypi(dependency.name, dependency.version, qualifiers)
        case FromGit(vcs=vcs, subdirectory=subdirectory):
            return _pypi(dependency.name, dependency.version, {"vcs_url": vcs_url(vcs)}, subdirectory)


def vcs_url(vcs: VcsOrigin) -> str:
    """Return a commit as an address in the form that SPDX and pip share: ``git+https://host/x.git@commit``."""
    return f"git+{redact(vcs.url)}@{vcs.commit}"


#: A name and a version of which nothing has to be escaped: nearly all.
_PLAIN = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*@[0-9A-Za-z.]+")


def _pypi(name: str, version: str | None, qualifiers: dict[str, str], subpath: str | None = None) -> str:
    # packageurl lowers the case and replaces "_", but leaves "." and runs of separators (PEP 503).
    plain = f"{canonicalize_name(name)}@{version}"
    if subpath is None and version is not None and _PLAIN.fullmatch(plain):
        pairs = "&".join(
            [f"{key}={_escaped(value)}" for key, value in sorted(qualifiers.items()) if value.strip()]
        )
        return f"pkg:pypi/{plain}{'?' if pairs else ''}{pairs}"
    from packageurl import PackageURL  # noqa: PLC0415  (it takes a fifth of a millisecond for each, and few need it)

    return str(PackageURL("pypi", None, canonicalize_name(name), version, qualifiers, subpath))


@lru_cache(256)  # most are of a few indexes
def _escaped(value: str) -> str:
    return quote(value).replace("%3A", ":")


#: Those that may stand in a path as they are, and the sign of an escape; `quote` leaves the unreserved ones alone.
#: The apostrophe may too; other writers escape it, since it also ends a text in XML.
_URI_CHARACTERS = "%:/?#@!$&()*+,;="

#: Up to an IPv6 address that stands for the host: the one place for brackets.
_BRACKETS = r"(?P<before>[a-z][a-z0-9+.-]*://(?:[^/?#@\[\]]*@)?)\[(?P<host>[0-9A-Fa-f:.]+)\](?=[:/?#]|$)"


def uri(url: str) -> str:
    """Return ``url``, redacted, with everything escaped that may not stand in a URI; it names the same thing."""
    # Servers and git take addresses that RFC 3986 does not; the schemas do not take those, nor their readers a
    # "%" that begins no escape or a second "#".
    address, hash_sign, fragment = redact(url).partition("#")
    whole = f"{address}{hash_sign}{fragment.replace('#', '%23')}"
    complete = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", whole) if "%" in whole else whole
    host = re.match(_BRACKETS, complete) if "[" in complete else None
    if host is None:
        return _quoted(complete)
    return f"{_quoted(host['before'])}[{host['host']}]{_quoted(complete[host.end() :])}"


def _quoted(text: str) -> str:
    return quote(text, safe=_URI_CHARACTERS, errors="replace")
