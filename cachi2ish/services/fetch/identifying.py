"""Which distribution a file is that has come into the cache for a requirement."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from packaging.utils import canonicalize_name

from cachi2ish.core.artifacts import Blob
from cachi2ish.core.digests import Digest
from cachi2ish.core.distributions import is_wheel, read_name, same_version
from cachi2ish.core.inventory import RelaxationKind
from cachi2ish.core.requirements import Git, Pinned, Requirement, Url
from cachi2ish.core.structs import repr_without, shared_texts
from cachi2ish.errors import DistributionError
from cachi2ish.sdists.interface import Identity
from cachi2ish.services.fetch.ports import Archives, Leniency


class Fetched(Struct, frozen=True, kw_only=True, gc=False):
    """A file in the cache and the requirement that it is for.

    filename: what it will be called in the output. url: redacted. index: redacted, for files of an index.
    digests: what was promised and holds, and its sha256; verified: one of those promised was strong.
    identity: what the file says it is, None where it does not say.
    upload_time: aware, as the index states it, or None.
    """

    requirement: Requirement
    filename: str
    url: str
    index: str | None = None
    blob: Blob
    digests: tuple[Digest, ...]
    verified: bool
    identity: Identity | None
    upload_time: datetime | None = None

    __repr__ = repr_without("url")


#: Part of what a remembered identity is found by: raise it when archives are read by another rule.
_RULE = "5"


def recall(requirement: Requirement, blob: Blob, filename: str, archives: Archives) -> Identity | None:
    """Return what an earlier run found that a file says it is, None where the file has to be opened for it.

    Raises `DistributionError` as `identify` does.
    """
    known = archives.recollection.get(_key(requirement, blob, filename))
    if known is None:
        return None
    name, version, *more = known.split("\n")
    middle = [*more, ""].index("")
    identity = Identity(name, version or None, tuple(more[:middle]), tuple(more[middle + 1 :]))
    return _checked(requirement, filename, identity)


def identify(
    requirement: Requirement, blob: Blob, filename: str, archives: Archives, leniency: Leniency
) -> Identity | None:
    """Return what a file says it is; raises `DistributionError` where that is not what was asked for.

    A file that says nothing is no reason in permissive mode; one that says something else always is.
    """
    known = recall(requirement, blob, filename, archives)
    if known is not None:
        return known
    identity = _declared(requirement, blob, filename, archives)
    if identity is None:
        if isinstance(requirement, Pinned):
            silent = DistributionError(
                f"{filename} has no PKG-INFO, so nothing shows that it is {requirement}",
                hint="pin a version whose sdist is complete, or allow wheels",
                origin=requirement.origin,
            )
            leniency.let_pass(silent, RelaxationKind.SDIST_METADATA, filename)
        return None
    return _checked(requirement, filename, identity)


def _checked(requirement: Requirement, filename: str, identity: Identity) -> Identity:
    """Return ``identity`` if it is what was asked for."""
    if canonicalize_name(identity.name) != requirement.project:
        raise DistributionError(
            f"{filename} says that it is {identity.name}, not {requirement.name}",
            hint="check the name in the requirement; do not build from this file before you know why",
            origin=requirement.origin,
        )
    if isinstance(requirement, Pinned) and not _is_version(identity, requirement, filename):
        raise DistributionError(
            f"{filename} says that it is version {identity.version or 'unknown'}, not {requirement.version}",
            hint="do not build from this file before you know why; pin another version",
            origin=requirement.origin,
        )
    if isinstance(requirement, Url | Git) and not _admitted(identity, requirement):
        raise DistributionError(
            f"{filename} says that it is version {identity.version}, which {requirement.versions} does not admit",
            hint="correct the address in the constraints file, or the version that is asked for beside it",
            origin=requirement.origin,
        )
    return _with_texts_of(requirement, identity)


def _with_texts_of(requirement: Requirement, identity: Identity) -> Identity:
    """Return ``identity`` with the texts of ``requirement`` where they are equal.

    There are thousands, which stay until the end, and the requirements have these texts already.
    """
    name = requirement.name if identity.name == requirement.name else identity.name
    version = identity.version
    if isinstance(requirement, Pinned) and version == requirement.version:
        version = requirement.version
    return Identity(name, version, identity.extra_dependencies, shared_texts(identity.build_requires))


def _admitted(identity: Identity, requirement: Url | Git) -> bool:
    """Return whether the version is one that lines beside the address admit; what no file tells, is."""
    if not requirement.versions or identity.version is None:
        return True
    from packaging.specifiers import SpecifierSet  # noqa: PLC0415  (few addresses have such lines)

    try:
        return SpecifierSet(requirement.versions).contains(identity.version, prereleases=True)
    except ValueError:
        return False


def version_of(one: Fetched) -> str | None:
    """Return the version of a file: the one in its metadata, and for a wheel of an index that of its name."""
    pinned = one.requirement if isinstance(one.requirement, Pinned) else None
    wheel = read_name(one.filename, one.requirement.project) if is_wheel(one.filename) else None
    if one.identity is not None and not (pinned and wheel):
        return one.identity.version
    if wheel is not None:
        return wheel.version  # of an index, in the spelling of its name
    return pinned.version if pinned else None


def extra_dependencies(one: Fetched) -> tuple[str, ...]:
    """Return the dependencies of a file that ask for extras of a project, as its metadata states them."""
    return one.identity.extra_dependencies if one.identity else ()


def _subdirectory(requirement: Requirement) -> str | None:
    return None if isinstance(requirement, Pinned) else requirement.subdirectory


def _key(requirement: Requirement, blob: Blob, filename: str) -> str:
    """Return what an identity is remembered by: what is in an archive follows from its digest."""
    return "\n".join(("identity", _RULE, blob.sha256, filename, _subdirectory(requirement) or ""))


def _declared(requirement: Requirement, blob: Blob, filename: str, archives: Archives) -> Identity | None:
    """Look into a file, which may mean to decompress all of it, and remember what it says."""
    try:
        identity = archives.sdists().identify(blob.path, filename, _subdirectory(requirement))
    except DistributionError as error:
        raise error.at(requirement.origin) from error.__cause__
    if identity is not None:
        facts = (identity.name, identity.version or "", *identity.extra_dependencies, "", *identity.build_requires)
        archives.recollection.put(_key(requirement, blob, filename), "\n".join(facts))
        if not is_wheel(filename):
            from cachi2ish.services.fetch.offline_builds import look_ahead  # noqa: PLC0415  (a second run knows it)

            look_ahead(filename, blob, identity.build_requires, archives)
    return identity


def _is_version(identity: Identity, requirement: Pinned, filename: str) -> bool:
    if identity.version is None:
        return False
    if is_wheel(filename) and (name := read_name(filename, requirement.project)) is not None:
        # As pip: the very version of the name, which was compared with the pin when the file was chosen.
        return same_version(name.version, identity.version) and same_version(identity.version, name.version)
    return same_version(identity.version, requirement.version, arbitrary=requirement.arbitrary)
