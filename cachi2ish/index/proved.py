"""Pages that are proved by the digest of a frozen day, which whoever runs the build has written down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import takewhile

import msgspec
from msgspec.structs import replace
from packaging.utils import NormalizedName

from cachi2ish.advice import Hint
from cachi2ish.cache.interface import Memory
from cachi2ish.core.as_of import DayDigests
from cachi2ish.core.pages import Page
from cachi2ish.core.urls import Address
from cachi2ish.errors import (
    AccessError,
    Cachi2ishError,
    DigestMismatchError,
    NotCachedError,
    UnavailableError,
)
from cachi2ish.http.interface import Http, Response
from cachi2ish.index.interface import FRESH, Index, PageQuery
from cachi2ish.simple_api.page_digest import page_digest
from cachi2ish.simple_api.page_proof import (
    PageProof,
    proof_address,
    read_proof,
)
from cachi2ish.simple_api.refusal_reasons import RefusalReason, read_reason

_OK, _NOT_FOUND = 200, 404
_NOT_ALLOWED = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class FrozenDays:
    """Where proofs come from: the mirrors, and what is remembered of them.

    addresses: of the indexes, by their redacted form, in their order. http: None where nobody may be asked.
    """

    addresses: Mapping[str, Address]
    memory: Memory
    http: Callable[[], Http] | None

    def proof(self, index: str, root: str, project: NormalizedName) -> PageProof:
        """Return the proof for a page of ``project`` in the day ``root``. Raises what says why there is none."""
        known = read_proof(self.memory.get(_key(root, project)) or "")
        if known is not None and known.leads_to(root, project):
            return known
        if self.http is None:
            raise NotCachedError(
                f"the proof that the page of {project} is in the frozen day sha256:{root} is not in the cache",
                cause=(root, project),
            )
        address = proof_address(self.addresses[index], root, project)
        if address is None:
            raise _no_mirror(index, "its address does not end in /simple/")
        response = self.http().get(address.with_credentials, headers={"Accept": "application/json"})
        proof = read_proof(response.body) if response.status == _OK else None
        if proof is None:
            raise _refused(index, root, project, response)
        if not proof.leads_to(root, project):
            raise DigestMismatchError(
                f"what {index} sends as the proof of its page of {project} does not lead to the index digest"
                f" sha256:{root}",
                hint="do not build from it: something on the way to the mirror, or the mirror itself, is not what"
                " it was when the day was frozen",
            )
        self.memory.put(
            _key(root, project), msgspec.json.encode(proof).decode()
        )  # without what nobody has checked
        return proof

    def kept(self, page: Page) -> Page | None:
        """Return the whole of a page that came from the cache, None where not all of it is there."""
        kept = self.memory.kept_page(page.index, page.project)
        if kept is None or kept.page is None or not kept.complete:
            return None
        whole = kept.page
        return replace(
            page,
            files=whole.files,
            versions=whole.versions,
            status=whole.status,
            status_reason=whole.status_reason,
        )


class ProvedIndex:
    """Gives pages of ``index`` that are those of a frozen day, and nothing else.

    To be put around the cache: what was kept before is proved as well, and from then on without a request.
    on_warning: is called, once for a project, where an index with a digest says that it has none, which nothing
    proves, and one without a digest has it.
    """

    def __init__(
        self, index: Index, digests: DayDigests, days: FrozenDays, on_warning: Callable[[str], None]
    ) -> None:
        self._index = index
        self._digests = digests
        self._days = days
        self._on_warning = on_warning
        self._warned: set[NormalizedName] = set()

    def page(self, project: NormalizedName, query: PageQuery = FRESH) -> Page:
        """Return a page that is proved.

        Raises `DigestMismatchError` for one that is not in the day, `UnavailableError` where there is no proof.
        """
        page = self._index.page(project, query)
        if not query.by_digest:  # the digest of a file says more than that of a day
            self._look_before(page)
        try:
            return page.each(self._proved)
        except _OutdatedError:
            # Kept before the day was closed; the mirror has the right one now.
            return self._index.page(project, PageQuery(by_digest=query.by_digest)).each(self._proved)

    def _look_before(self, page: Page) -> None:
        if self._digests.of(page.index) or page.project in self._warned:
            return
        before = takewhile(lambda address: address != page.index, self._days.addresses)
        absent = next(filter(self._digests.of, before), None)
        if absent is not None:
            self._warned.add(page.project)
            self._on_warning(
                f"{page.project} comes from {page.index}, without a proof: {absent} says that it has none, and an"
                " index digest does not prove that"
            )

    def _proved(self, page: Page) -> Page:
        root = self._digests.of(page.index)
        if not root:
            return page
        whole = self._days.kept(page) if page.from_cache else page
        proof = self._days.proof(page.index, root, page.project)
        if whole is not None and page_digest(whole) == proof.digest:
            return whole
        if not page.from_cache:
            raise DigestMismatchError(
                f"the page of {page.project} on {page.index} is not the one of the frozen day sha256:{root}",
                hint="do not build from it: run cachi2ish mirror verify on the mirror, and look for a proxy on the"
                " way that changes pages",
            )
        if self._days.http is not None:
            raise _OutdatedError
        raise NotCachedError(
            f"the page of {page.project} in the cache is not the one of the frozen day sha256:{root}",
            cause=(root, page.project, "page"),
        )


class _OutdatedError(Exception):
    """A page from the cache is not the one of the day."""


def _key(root: str, project: NormalizedName) -> str:
    return f"frozen day\n{root}\n{project}"


def _refused(index: str, root: str, project: NormalizedName, response: Response) -> Cachi2ishError:
    said = f": {response.refusal}" if response.refusal else f" (HTTP {response.status})"
    if response.status in _NOT_ALLOWED:
        return AccessError(
            f"{index} does not prove its page of {project}{said}", hint="check user name and password"
        )
    refusal = read_reason(response.body) if response.status == _NOT_FOUND else None
    if refusal is RefusalReason.NOT_IN_DAY:
        return UnavailableError(
            f"{project} is not in the frozen day sha256:{root} of {index}",
            hint="let the mirror follow it, freeze the day once more, and take the digest that is printed then",
        )
    if refusal is RefusalReason.NOT_FROZEN:
        return UnavailableError(
            f"{index} has no such frozen day{said}",
            hint="freeze the day on the mirror, and take the digest that is printed",
            cause=(index, root),
        )
    if refusal is RefusalReason.OTHER_DIGEST:
        return DigestMismatchError(
            f"the index digest sha256:{root} is not one of {index}{said}",
            hint="check the digest and the date in the address; one that was right before, and is not any more,"
            " says that the history of the mirror is another one",
            cause=(index, root),
        )
    return _no_mirror(index, response.refusal or f"where a mirror has proofs, it answers HTTP {response.status}")


def _no_mirror(index: str, because: str) -> UnavailableError:
    return UnavailableError(
        f"{index} cannot prove its pages with an index digest: {because}",
        hint=Hint.DIGEST_OF_A_MIRROR,
        cause=(index, "no mirror"),
    )
