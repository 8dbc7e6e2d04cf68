"""What addresses have sent that the lock does not name, so that it is not sent again in each run.

Of a file without a digest on its page only its bytes show that it is not among those of the lock. What tells
whether its address still has the same one is kept with its digests (RFC 9110, 13.1): a server that has no other
then says so, and sends nothing.
"""

from __future__ import annotations

from msgspec import Struct

from cachi2ish.cache.interface import BlobWriter, Recollection
from cachi2ish.core.artifacts import Artifact
from cachi2ish.core.digests import Digest, InvalidDigestError
from cachi2ish.http.verification import algorithms


class Unnamed(Struct, frozen=True):
    """A file that the lock does not name. validator: a strong entity tag, or the date of its last change."""

    validator: str
    digests: tuple[Digest, ...]

    @property
    def condition(self) -> dict[str, str]:
        """The header that asks for another file than this one."""
        return {"If-None-Match" if self.validator.startswith('"') else "If-Modified-Since": self.validator}


def recall(artifact: Artifact, recollection: Recollection) -> Unnamed | None:
    """Return what the address of ``artifact`` has sent; None where it may be what is wanted now."""
    if artifact.digests or not artifact.allowed:
        return None
    validator, _, rest = (recollection.get(_key(artifact)) or "").partition("\n")
    try:
        digests = tuple(map(Digest.parse, rest.split()))
    except InvalidDigestError:
        return None
    known = {digest.algorithm for digest in digests}
    if not validator or not known.issuperset(digest.algorithm for digest in artifact.allowed):
        return None
    return Unnamed(validator, digests) if artifact.allowed.isdisjoint(digests) else None


def remember(artifact: Artifact, writer: BlobWriter, validator: str | None, recollection: Recollection) -> None:
    """Keep that ``writer`` has what the address of ``artifact`` sends, and that the lock does not name it."""
    if validator and writer.offset and not artifact.digests:
        digests = (str(writer.digest(algorithm)) for algorithm in algorithms(artifact))
        recollection.put(_key(artifact), "\n".join((validator, " ".join(digests))))


def _key(artifact: Artifact) -> str:
    return f"unnamed\n{artifact.url.without_fragment().redacted}\n{artifact.filename}"
