"""Direct requirements: an archive or wheel at a URL, or a git commit."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, unquote, urlunsplit

from msgspec import Struct
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from cachi2ish.core import urls
from cachi2ish.core.digests import ALGORITHMS, Digest, InvalidDigestError, strong
from cachi2ish.core.distributions import is_wheel, read_name, sdist_extension
from cachi2ish.core.outputs import name_of_url, url_basename
from cachi2ish.core.requirements import Git, Purpose, Url
from cachi2ish.errors import LockFileError, Origin
from cachi2ish.lockfiles.pip.pip_options import DirectAddress, RequirementLine
from cachi2ish.lockfiles.pip.tokens import NAMED

_COMMIT = re.compile(r"[0-9a-f]{40}", re.IGNORECASE)
_HEXADECIMAL = re.compile(r"[0-9a-f]+", re.IGNORECASE)
_SCP_LIKE = re.compile(r"(?:git\+)?[^/:\s@]+@[^/:\s@]+:(?!//)")
_BAD_PORT = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^/\s]*@)?(?:[^/:@\s\[\]]+|\[[^\[\]]*\]):[^/\s]+", re.IGNORECASE)
_SLASH = "write a slash in its place, as in git+ssh://git@host/team/name.git@<commit>; a / in a password is %2F"
_PORT = "write https://host/path or https://host:port/path; percent-encode a password (a / is %2F)"
_NAME = re.compile(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?", re.ASCII)
_EGG = re.compile(rf"({_NAME.pattern})(?:\[[^\[\]]*\])?", re.ASCII)

_GIT_TRANSPORTS = frozenset({"git+https", "git+http", "git+ssh", "git+file"})
_WRITE_NAME = "write it as name @ address (PEP 508)"
_APPEND_NAME = "append #egg=name to the address: an editable takes its name from there"


class DirectLine(Struct, frozen=True):
    """A line with an address. digests: what ``--hash`` states. shown: the line as a message may quote it."""

    content: RequirementLine
    digests: frozenset[Digest]
    purpose: Purpose
    origin: Origin
    shown: str

    def error(self, problem: str, hint: str) -> LockFileError:
        """Return the error for the line."""
        return LockFileError(problem, hint=hint, origin=self.origin)


def read_direct(line: DirectLine) -> Url | Git:
    """Return the URL or git requirement that a line states; raises `LockFileError`."""
    url, shown = line.content.url or "", line.shown
    named = re.match(NAMED, url)
    if named is not None and not _SCP_LIKE.match(url):
        url = url[named.end() :]  # the library leaves the name before a scheme that it does not know
    if _SCP_LIKE.match(url):
        hint = "write it as git+ssh://user@host/path@<commit>"
        raise line.error(f"{shown}: an scp-like git address is no URL", hint)
    parts = urls.split(url)
    if parts is None and _BAD_PORT.match(url):
        problem = f"{shown}: the address is no valid URL: behind the colon that ends the host stands no port"
        raise line.error(problem, _SLASH if url.lower().startswith("git+") else _PORT)
    if parts is None or any(character.isspace() or not character.isprintable() for character in url):
        hint = "percent-encode special characters (a space is %20, an @ in a password is %40)"
        raise line.error(f"{shown}: the address is no valid URL", hint)
    if named is not None and not parts.scheme:
        raise line.error(f"{shown}: the address has no scheme", "write https://…, or git+https://…@<commit>")
    scheme = parts.scheme.lower()
    if scheme in _GIT_TRANSPORTS:
        return _git(line, parts)
    if scheme in {"http", "https"} and parts.hostname:
        return _url(line, parts)
    raise line.error(*_why_refused(scheme, shown))


def _url(line: DirectLine, parts: SplitResult) -> Url:
    content, digests = line.content, line.digests
    address = _address(parts, line)
    basename = url_basename(address.url)
    egg = _egg_name(address, line)
    name = content.name or egg or _name_in(basename)
    if name is None:
        raise _nameless(line)
    requirement = Url(
        name=name,
        extras=content.extras,
        marker=content.marker,
        origin=line.origin,
        purpose=line.purpose,
        url=address.url,
        digest=_the_one(digests | strong(address.digests), digests | set(address.digests), name, line),
        subdirectory=address.subdirectory,
    )
    name_of_url(requirement)  # raises where the address does not end like a distribution
    if is_wheel(basename) and read_name(basename, requirement.project) is None:
        problem = f"{name} @ URL leads to {basename!r}, which is no wheel of {name}"
        raise line.error(problem, "correct the name or the address")
    return requirement


def _the_one(digests: frozenset[Digest], weak_too: frozenset[Digest], name: str, line: DirectLine) -> Digest:
    proving = sorted(strong(digests))
    if len(proving) == 1:
        return proving[0]
    if proving:
        problem = f"{name} @ URL states {len(proving)} different digests for one file"
        hint = "leave exactly one --hash, or one #sha256=… in the address"
    elif weak_too:
        problem = f"{name} @ URL states only {min(weak_too).algorithm}, which proves nothing"
        hint = "state --hash=sha256:<64 hexadecimal digits>"
    else:
        problem = f"{name} @ URL states no digest, so the file could be any"
        hint = "append --hash=sha256:<64 hexadecimal digits>, or #sha256=<digits> to the address"
    raise line.error(problem, hint)


def _git(line: DirectLine, parts: SplitResult) -> Git:
    content = line.content
    address = _address(parts, line)
    egg = _egg_name(address, line)
    name = content.name or egg
    if name is None:
        raise _nameless(line)
    transport = parts.scheme.lower().removeprefix("git+")
    if transport != "file" and (not parts.hostname or parts.hostname.startswith("-")):
        raise line.error(f"{line.shown}: the address names no host", "write git+https://host/path@<commit>")
    if line.digests or address.digests:
        problem = f"{name} @ git states a digest, which a git requirement cannot have"
        hint = "remove the hash: the commit says which files they are, also in hash-checking mode"
        raise line.error(problem, hint)
    path, _, reference = parts.path.rpartition("@") if "@" in parts.path else (parts.path, "", "")
    return Git(
        name=name,
        extras=content.extras,
        marker=content.marker,
        origin=line.origin,
        purpose=line.purpose,
        url=urls.Address(urlunsplit(parts._replace(scheme=transport, path=path, fragment=""))),
        commit=_commit(unquote(reference), name, line),
        subdirectory=address.subdirectory,
    )


def _commit(reference: str, name: str, line: DirectLine) -> str:
    if _COMMIT.fullmatch(reference):
        return reference.lower()
    if not reference:
        problem = f"{name} @ git names no commit"
    elif _HEXADECIMAL.fullmatch(reference):
        problem = f"{name} @ git names the commit {reference!r} with {len(reference)} digits instead of 40"
    else:
        problem = f"{name} @ git names {reference!r}, a branch or tag, which may move"
    hint = "end the address in @ and the full commit: `git ls-remote <repository> <branch or tag>` prints it"
    raise line.error(problem, hint)


def _address(parts: SplitResult, line: DirectLine) -> DirectAddress:
    egg = subdirectory = None
    digests = []
    for item in filter(None, parts.fragment.split("&")):
        key, _, value = item.partition("=")
        if key == "egg":
            egg = egg or value
        elif key == "subdirectory":
            subdirectory = subdirectory or value
        elif key.lower().replace("-", "_") in ALGORITHMS:
            digests.append(_digest(key, value, line))
    if subdirectory and (
        subdirectory.startswith("/") or ".." in unquote(subdirectory).replace("\\", "/").split("/")
    ):
        problem = f"{line.shown}: the subdirectory {subdirectory!r} leads out of the archive"
        raise line.error(problem, "name a folder inside it, relative to its root")
    return DirectAddress(urls.Address(urlunsplit(parts._replace(fragment=""))), egg, subdirectory, tuple(digests))


def _digest(algorithm: str, value: str, line: DirectLine) -> Digest:
    try:
        return Digest.of(algorithm, value)
    except InvalidDigestError as error:
        problem = f"the digest in the address cannot be used: {error}"
        raise line.error(problem, "write it as #sha256=<64 hexadecimal digits>") from None


def _nameless(line: DirectLine) -> LockFileError:
    problem = f"{line.shown}: the address does not say which project it is"
    hint = _APPEND_NAME if line.content.editable else _WRITE_NAME
    return line.error(problem, hint)


def _egg_name(address: DirectAddress, line: DirectLine) -> str | None:
    if not address.egg:
        return None
    match = _EGG.fullmatch(unquote(address.egg))
    if match is None:
        problem = f"{line.shown}: #egg={address.egg} is no project name"
        raise line.error(problem, _WRITE_NAME)
    return match.group(1)


def _name_in(basename: str) -> str | None:
    extension = sdist_extension(basename)
    if extension is None:
        return None
    name, _, version = basename[: -len(extension)].rpartition("-")
    try:
        Version(version)
    except InvalidVersion:
        return None
    return name if _NAME.fullmatch(name) and canonicalize_name(name) else None


def _why_refused(scheme: str, shown: str) -> tuple[str, str]:
    """Return what is wrong with an address of such a scheme, and what to do."""
    if scheme == "file":
        problem = f"{shown}: a file: URL stands for a file of this machine, which a build elsewhere does not have"
        hint = "name the archive's https address with its hash, or its git repository with the commit"
    elif not scheme:
        problem = f"{shown}: a local path cannot be prefetched"
        hint = (
            "list your own project as a package of the input instead, or name a published version,"
            " an https address or a git commit"
        )
    elif scheme.partition("+")[0] in {"hg", "svn", "bzr"}:
        problem = f"{shown}: of version control systems, only git is supported"
        hint = "name a released archive (https, with its hash), or a git mirror with the commit"
    elif scheme in {"git", "ssh"} or scheme.startswith("git+"):
        problem = f"{shown}: git is not read over {scheme}"
        hint = "write git+https://host/path@<commit>, or git+ssh://user@host/path@<commit>"
    else:
        problem = f"{shown}: only http, https and git addresses can be fetched, not {scheme}"
        hint = "write an https address of the same file: name @ https://… with a --hash"
    return problem, hint
