"""How an index is put together: each rule is a wrapper around a smaller index."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from cachi2ish.cache.interface import Memory
from cachi2ish.core.as_of import Dating
from cachi2ish.core.lazy import OncePerKey
from cachi2ish.core.urls import Address
from cachi2ish.http.interface import Http
from cachi2ish.index.cached import CachedIndex, CachePolicy
from cachi2ish.index.first_match import FirstMatch
from cachi2ish.index.http_index import SimpleIndex
from cachi2ish.index.interface import Index

if TYPE_CHECKING:
    from cachi2ish.index.upload_times import MetadataDocuments


class RunContext(Struct, frozen=True, kw_only=True):
    """What all indexes of a run share.

    http: returns the client, which is made when it is first needed. memory: what is kept between runs.
    run_started: aware. offline: no index may be asked.
    on_message: is called with a line where an answer is as old as it is. on_warning: where nothing proves one that
    could have been expected to be proved.
    """

    http: Callable[[], Http]
    memory: Memory
    run_started: datetime
    offline: bool = False
    on_message: Callable[[str], None] = lambda _message: None
    on_warning: Callable[[str], None] = lambda _message: None


class Sources(Struct, frozen=True):
    """The indexes that are asked, in their order, as of a date, and with one the documents beside their pages.

    urls: of the indexes, with what is secret in them.
    """

    indexes: tuple[SimpleIndex, ...]
    documents: tuple[MetadataDocuments, ...]
    dating: Dating
    run: RunContext
    urls: tuple[Address, ...] = ()

    @property
    def addresses(self) -> tuple[str, ...]:
        """Of the indexes, redacted."""
        return tuple(index.address for index in self.indexes)


#: Puts one rule around an index, or leaves it as it is.
Wrapper = Callable[[Index, Sources], Index]


def cached(index: Index, sources: Sources) -> Index:
    """Answer from the cache where it will do."""
    run = sources.run
    policy = CachePolicy(run.run_started, sources.dating.cutoff, run.offline)
    if sources.dating.cutoff is None:
        return CachedIndex(index, run.memory, sources.addresses, policy, on_message=run.on_message)
    from cachi2ish.index.upload_times import with_kept_times  # noqa: PLC0415  (few runs have a date)

    times = partial(with_kept_times, recollection=run.memory)
    return CachedIndex(index, run.memory, sources.addresses, policy, times=times, on_message=run.on_message)


def proved(index: Index, sources: Sources) -> Index:
    """Refuse what is not in the frozen day, where the digest of one is known."""
    digests, run = sources.dating.digests, sources.run
    if not digests:
        return index
    # Imported here, since few runs know a digest.
    from cachi2ish.index.proved import FrozenDays, ProvedIndex  # noqa: PLC0415

    addresses = dict(zip(sources.addresses, sources.urls, strict=True))
    days = FrozenDays(addresses, run.memory, None if run.offline else run.http)
    return ProvedIndex(index, digests, days, run.on_warning)


def timed(index: Index, sources: Sources) -> Index:
    """Add upload times from beside the pages, where a date needs them."""
    if sources.dating.cutoff is None:
        return index
    from cachi2ish.index.upload_times import TimedIndex  # noqa: PLC0415  (as above)

    beside = dict(zip(sources.addresses, sources.documents, strict=True))
    return TimedIndex(index, None if sources.run.offline else beside, sources.run.memory)


def dated(index: Index, sources: Sources) -> Index:
    """Leave out what was not there on the date."""
    dating = sources.dating
    if dating.cutoff is None:
        return index
    from cachi2ish.index.dated import DatedIndex  # noqa: PLC0415  (as above)

    return DatedIndex(index, dating.cutoff, dating.missing)


#: What a page passes on its way from `FirstMatch`, in this order. The cache holds pages as the indexes state them;
#: the date comes last, for reasons that `DatedIndex` gives. A new rule of indexes is a wrapper and a line here.
WRAPPERS: tuple[Wrapper, ...] = (
    cached,
    proved,
    timed,
    dated,
)


class IndexStack:
    """Makes the indexes of a run. Those of the same addresses ask for a page once, whatever the date."""

    def __init__(self, run: RunContext, wrappers: Sequence[Wrapper] = WRAPPERS) -> None:
        self._run = run
        self._wrappers = tuple(wrappers)
        self._indexes = OncePerKey(self._simple)
        self._documents = OncePerKey(self._beside)

    def index(self, addresses: tuple[Address, ...], dating: Dating) -> Index:
        """Return the index for ``addresses``, which `FirstMatch` makes one of, as of a date."""
        indexes = tuple(map(self._indexes, addresses))
        documents = () if dating.cutoff is None else tuple(map(self._documents, addresses))
        sources = Sources(indexes, documents, dating, self._run, addresses)
        index: Index = FirstMatch(indexes)
        for wrap in self._wrappers:
            index = wrap(index, sources)
        return index

    def _simple(self, address: Address) -> SimpleIndex:
        return SimpleIndex(address, self._run.http, self._run.memory, self._run.run_started)

    def _beside(self, address: Address) -> MetadataDocuments:
        from cachi2ish.index.upload_times import MetadataDocuments  # noqa: PLC0415  (as above)

        return MetadataDocuments(address, self._run.http)


_PACKAGE = "pypi_simple"

#: The constant's assignment in the source of the package.
_CONSTANT = re.compile(
    r"""^PYPI_SIMPLE_ENDPOINT(?:\s*:\s*\w+)?\s*=\s*(["'])(https://[^"'\s]+/)\1\s*$""", re.MULTILINE
)


def default_index_url() -> str:
    """Return the address of the public index, with a slash at its end: the constant of pypi-simple."""
    return _in_source() or _imported()


def _in_source() -> str | None:
    # Importing the package takes longer than the rest of a run that finds all in the cache, for one line of it.
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    try:
        source = Path(spec.origin).read_text(encoding="utf-8")
    except (OSError, ValueError):  # a package in a zip file, or compiled
        return None
    found = _CONSTANT.findall(source)
    return found[0][1] if len(found) == 1 else None


def _imported() -> str:
    from pypi_simple import PYPI_SIMPLE_ENDPOINT  # noqa: PLC0415

    return PYPI_SIMPLE_ENDPOINT
