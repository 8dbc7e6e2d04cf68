"""The proof that a project page is one of a frozen day, as it goes over the wire, and its check.

A mirror has it at ``/<date>/frozen/<digest>/<project>/``, beside ``/<date>/simple/``. It is not part of the Simple
repository API.
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit, urlunsplit

import msgspec
from msgspec import Struct

from cachi2ish.core.merkle import leaf_of, page_entry, root_with
from cachi2ish.core.urls import Address

_SIMPLE = "/simple/"


class PageProof(Struct, frozen=True, kw_only=True):
    """A place in the tree of a day. digest: of the page; path: from leaf to root; both in hexadecimal digits."""

    digest: str
    position: int
    projects: int
    path: tuple[str, ...]

    def leads_to(self, root: str, project: str) -> bool:
        """Return whether the page of ``project`` that has ``digest`` is one of the day ``root`` (64 digits)."""
        try:
            page = bytes.fromhex(self.digest)
            path = [bytes.fromhex(node) for node in self.path]
        except ValueError:
            return False
        found = root_with(leaf_of(page_entry(project, page)), self.position, self.projects, path)
        return found is not None and found.hex() == root


def proof_address(index: Address, root: str, project: str) -> Address | None:
    """Return where the mirror whose index is at ``index`` has a proof; None for one that is no ``…/simple/``."""
    parts = urlsplit(index.with_credentials)
    path = f"{parts.path.rstrip('/')}/"
    if not path.endswith(_SIMPLE):
        return None
    place = f"{path.removesuffix(_SIMPLE)}/frozen/{root}/{quote(project, safe='')}/"
    return Address(urlunsplit(parts._replace(path=place)))


def read_proof(body: bytes | str) -> PageProof | None:
    """Return the proof that an answer holds, None where it is something else."""
    try:
        return msgspec.json.decode(body, type=PageProof)
    except (ValueError, RecursionError):
        return None
