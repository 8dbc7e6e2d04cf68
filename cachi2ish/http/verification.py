"""Whether a file is the one that was promised: in the cache, and when its last byte has arrived."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator

from msgspec.structs import replace

from cachi2ish.cache.interface import BlobStore, BlobWriter
from cachi2ish.core.artifacts import Artifact, Blob
from cachi2ish.core.digests import Digest, any_strong
from cachi2ish.errors import DigestMismatchError, NotLockedError

#: How many digests an error message lists.
_LISTED = 3


def key_of(artifact: Artifact) -> str:
    """Return the name of an unfinished transfer: the same address with the same promises, and nothing secret."""
    lines = (
        artifact.url.without_fragment().redacted,
        *sorted(f"all {digest}" for digest in artifact.digests),
        *sorted(f"any {digest}" for digest in artifact.allowed),
    )
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def algorithms(artifact: Artifact) -> tuple[str, ...]:
    """Return the hash algorithms that are needed to check the file."""
    return tuple(sorted({digest.algorithm for digest in artifact.digests | artifact.allowed}))


def cached(artifact: Artifact, blobs: BlobStore, delivered: Digest | None = None) -> Blob | None:
    """Return the file from the cache if a strong digest proves it and nothing that is known contradicts.

    delivered: the digest of what its address has sent before, if that is known.
    """
    for wanted in _ways_to_hold(artifact, delivered):
        blob = blobs.find(wanted)
        if blob is not None and artifact.size in (None, blob.size):
            return blob
    return None


def _ways_to_hold(artifact: Artifact, delivered: Digest | None) -> Iterator[Collection[Digest]]:
    """Yield every set of digests that a file may have: all of the index's, and one of the lock's."""
    if artifact.allowed and not artifact.digests:
        # The lock names several files of a version: which of its digests is this one's only its address can tell.
        if delivered is None:
            return iter(())
        artifact = replace(artifact, digests=frozenset({delivered}))
    declared = {digest.algorithm: digest for digest in artifact.digests}
    ways: Iterable[frozenset[Digest]] = [artifact.digests]
    if artifact.allowed:
        # A digest of the lock that contradicts the index belongs to another file of the same version.
        possible = (d for d in sorted(artifact.allowed) if declared.get(d.algorithm, d) == d)
        ways = (artifact.digests | {digest} for digest in possible)
    return (way for way in ways if any_strong(way))


def mismatch(artifact: Artifact, writer: BlobWriter) -> DigestMismatchError | None:
    """Return what is wrong with the bytes in ``writer``, or None if every promise holds."""
    if artifact.size is not None and writer.offset != artifact.size:
        return wrong_length(artifact, writer.offset)
    for digest in sorted(artifact.digests):
        if not _holds(digest, writer):
            return _wrong(artifact, str(digest), [writer.digest(digest.algorithm)])
    if artifact.allowed and not any(_holds(digest, writer) for digest in artifact.allowed):
        # All that was promised of it has held: it may be another file of the release than the lock file names.
        names = sorted({digest.algorithm for digest in artifact.allowed})
        return not_locked(artifact, map(writer.digest, names))
    return None


def not_locked(artifact: Artifact, got: Iterable[Digest]) -> DigestMismatchError:
    """Return the error for a file with the digests ``got``, none of which is the lock's."""
    return _wrong(artifact, _one_of(sorted(artifact.allowed)), got, NotLockedError)


def wrong_length(artifact: Artifact, length: int | None) -> DigestMismatchError:
    """Return the error for a file of ``length`` bytes (None: it goes on after its end)."""
    got = "more" if length is None else str(length)
    return _error(artifact, f"expected {artifact.size} bytes, got {got}")


def _holds(digest: Digest, writer: BlobWriter) -> bool:
    got = writer.digest(digest.algorithm).value
    if digest.algorithm.startswith("shake"):
        # The output of SHAKE has any length (FIPS 202), and a shorter one is the beginning of a longer one.
        length = min(len(got), len(digest.value))
        return got[:length] == digest.value[:length]
    return got == digest.value


def _wrong(
    artifact: Artifact,
    expected: str,
    got: Iterable[Digest],
    kind: type[DigestMismatchError] = DigestMismatchError,
) -> DigestMismatchError:
    return _error(artifact, f"expected {expected}, got {', '.join(map(str, got))}", kind)


def _one_of(digests: list[Digest]) -> str:
    shown = [str(digest) for digest in digests[:_LISTED]]
    more = len(digests) - len(shown)
    listed = " or ".join(shown)
    return f"{listed} or one of {more} more" if more else listed


def _error(
    artifact: Artifact, what: str, kind: type[DigestMismatchError] = DigestMismatchError
) -> DigestMismatchError:
    return kind(
        f"{artifact.filename} from {artifact.url} is not the file that was promised: {what}",
        hint="do not use it: find out from the publisher whether the file was replaced, or whether the index or a"
        " proxy on the way alters it; change the lock file only when that is explained",
        origin=artifact.origin,
    )
