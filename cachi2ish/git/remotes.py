"""Addresses of repositories: what git is given, what is shown, and whose credentials go where."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from msgspec import Struct

from cachi2ish.core.structs import repr_without
from cachi2ish.core.urls import Address
from cachi2ish.git.command import Access

#: ``user@host:path``, which is ssh (git-clone(1), "Git URLs"): no slash before the first colon.
_SCP = r"(?P<authority>(?:[^@/:\s]+@)?(?:\[[^\]\s]+\]|[^@/:\s\[\]]+)):(?!//)(?P<path>[^\s].*)"

_HTTP = frozenset({"http", "https"})

#: What may be reached for a requirement from the network. ``git`` is here for submodules, pinned by their
#: commit; ``ext`` runs commands and ``file`` reads this machine, so neither is.
_NETWORK = frozenset({"http", "https", "ssh", "git"})

_HELPER = (
    '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n"'
    ' "$CACHI2ISH_GIT_USERNAME" "$CACHI2ISH_GIT_PASSWORD"; }; f'
)


class Credential(Struct, frozen=True):
    """A user name and password that belong to one scheme, host and port. base: that, as a URL."""

    base: str
    username: str
    password: str

    __repr__ = repr_without("username", "password")


class Remote(Struct, frozen=True):
    """A repository to fetch from. url: without user name and password.

    local: whether files of this machine may be read.
    credential: what the user's address holds, to be sent to its own host only.
    """

    url: Address
    local: bool
    credential: Credential | None = None

    @property
    def by_ssh(self) -> bool:
        """Whether git runs ssh for it."""
        text = self.url.with_credentials
        return text.startswith("ssh://") or ("://" not in text and re.fullmatch(_SCP, text) is not None)

    @property
    def access(self) -> Access:
        """What git may reach and is told for this remote."""
        protocols = _NETWORK | {"file"} if self.local else _NETWORK
        config = [("remote.origin.url", self.url.with_credentials)]
        environ: dict[str, str] = {}
        if self.credential is not None:
            # Git asks a helper for this scheme, host and port only. An address that states a password is
            # answered by it alone; one that states only a user name (or a token in its place) leaves the
            # user's own helpers to go first.
            if self.credential.password:
                config.append((f"credential.{self.credential.base}.helper", ""))
            config.append((f"credential.{self.credential.base}.username", self.credential.username))
            config.append((f"credential.{self.credential.base}.helper", _HELPER))
            environ = {
                "CACHI2ISH_GIT_USERNAME": self.credential.username,
                "CACHI2ISH_GIT_PASSWORD": self.credential.password,
            }
        return Access(protocols, tuple(config), environ)

    def submodule(self, url: str) -> Remote:
        """Return where a submodule comes from whose ``.gitmodules`` says ``url`` (gitmodules(5)).

        ``./`` and ``../`` are relative to this repository. The credential goes along to its own host only.
        """
        whole = _relative(self.url.with_credentials, url) if url.startswith(("./", "../")) else url
        other = remote(Address(whole), local=self.local)
        if (
            other.credential is None
            and self.credential is not None
            and _base(other.url.with_credentials) == self.credential.base
        ):
            other = Remote(other.url, other.local, self.credential)
        return other


def remote(url: Address, *, local: bool = False) -> Remote:
    """Return what git is to be given for ``url``, with its credentials taken out."""
    parts = urlsplit(url.with_credentials)
    userinfo, at, host = parts.netloc.rpartition("@")
    if not at:
        return Remote(url, local)
    username, _, password = userinfo.partition(":")
    if parts.scheme == "ssh":  # the user name is part of the address; ssh takes no password from it
        return Remote(Address(urlunsplit(parts._replace(netloc=f"{username}@{host}"))), local)
    bare = urlunsplit(parts._replace(netloc=host))
    secret = (unquote(username), unquote(password))
    if parts.scheme not in _HTTP or any(character in "\r\n\0" for text in secret for character in text):
        return Remote(Address(bare), local)
    return Remote(Address(bare), local, Credential(_base(bare), *secret))


def normalised(url: str) -> str:
    """Return the address of a remote as a URL without credentials: ``git@host:path`` becomes ``ssh://``."""
    if "://" not in url and (scp := re.fullmatch(_SCP, url)):
        path = scp["path"]
        url = f"ssh://{scp['authority']}/{quote(path.lstrip('/'), safe='/~%+@:,;=!$&()*')}"
    parts = urlsplit(url)
    if parts.scheme.endswith("ssh") and parts.password is not None:
        userinfo, _, host = parts.netloc.rpartition("@")
        url = urlunsplit(parts._replace(netloc=f"{userinfo.partition(':')[0]}@{host}"))
    return Address(url).redacted


#: Characters from which on a user name may be a token, for which some servers want any password.
_SHORTEST_TOKEN = 8


def secrets(remotes: Iterable[Remote]) -> frozenset[str]:
    """Return the texts that no message may hold: passwords, and user names that may be tokens.

    A short one beside a password is a name, and stands in other words as well.
    """
    texts: set[str] = set()
    for credential in (entry.credential for entry in remotes if entry.credential is not None):
        texts |= {credential.password} if credential.password else set()
        if not credential.password or len(credential.username) >= _SHORTEST_TOKEN:
            texts |= {credential.username} if credential.username else set()
    return frozenset(texts | {quote(text, safe="") for text in texts})


def _base(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"


def _relative(base: str, relative: str) -> str:
    head, separator, path = base.rpartition("://")
    host, slash, folder = path.partition("/")
    segments = [segment for segment in folder.split("/") if segment]
    for segment in relative.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in {"", "."}:
            segments.append(segment)
    return f"{head}{separator}{host}{slash}{'/'.join(segments)}"
