"""How indexes and the network are put together: each behaviour is a wrapper around a smaller one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from cachi2ish.cache.interface import BlobStore, Memory, Recollection
from cachi2ish.cli.display.reporting import ConsoleReporter
from cachi2ish.core.as_of import Dating
from cachi2ish.core.cutoff import Cutoff
from cachi2ish.core.lazy import Once
from cachi2ish.core.requirements import IndexOptions
from cachi2ish.http.interface import Downloader, HttpSettings
from cachi2ish.http.on_demand import CachedFiles, CachedFirst, NoHttp, OnDemandHttp
from cachi2ish.http.traffic import HttpTraffic
from cachi2ish.index.cached import Remembered
from cachi2ish.index.dated import DatedIndex
from cachi2ish.index.first_match import FirstMatch
from cachi2ish.index.http_index import SimpleIndex
from cachi2ish.index.interface import Index
from cachi2ish.index.offline_index import CachedDocuments, CachedIndex
from cachi2ish.index.once import OncePerRun
from cachi2ish.index.settled import Settled
from cachi2ish.index.upload_times import Documents, MetadataDocuments, TimedIndex
from cachi2ish.services.fetch.ports import Connect, Network
from cachi2ish.settings.settings import Settings

if TYPE_CHECKING:
    from cachi2ish.http.session import HttpSession


def connector(
    settings: Settings,
    blobs: BlobStore,
    catalogue: Memory,
    stack: ExitStack,
    reporter: ConsoleReporter,
) -> Connect:
    """Return what opens the network of a run, once its lock files say which hosts to trust."""
    traffic = HttpTraffic(time.monotonic)
    reporter.watch(traffic)

    def connect(stated: Sequence[IndexOptions]) -> Network:
        http_settings = _http_settings(settings.http, (settings.indexes, *stated))

        @Once
        def session() -> HttpSession:
            from cachi2ish.http.session import HttpSession

            return stack.enter_context(HttpSession(http_settings, on_retry=reporter.retry, traffic=traffic))

        @Once
        def downloader() -> Downloader:
            from cachi2ish.http.download import FileDownloader

            return FileDownloader(session(), blobs)

        http = OnDemandHttp(session)
        return Network(
            index=_indexes(
                catalogue,
                ask=lambda address: OncePerRun(SimpleIndex(address, http, catalogue)),
                recall=lambda index: Remembered(index, catalogue, settings.now),
                documents=lambda address: MetadataDocuments(address, http),
                settle=lambda index, cutoff: Settled(index, catalogue, catalogue, cutoff, settings.now),
            ),
            downloader=CachedFirst(blobs, downloader),
        )

    return connect


def _http_settings(settings: HttpSettings, indexes: Sequence[IndexOptions]) -> HttpSettings:
    """Return the settings with the hosts to trust, and the addresses whose credentials are to be used."""
    return replace(
        settings,
        trusted_hosts=tuple(host for options in indexes for host in options.trusted_hosts),
        credentials=(
            *settings.credentials,
            *(url for options in indexes for url in (options.index_url, *options.extra_index_urls) if url),
        ),
    )


def cache_alone(blobs: BlobStore, catalogue: Memory, told: Callable[[str], None]) -> Connect:
    """Return a network that is none: everything in it knows the cache only."""
    network = Network(
        index=_indexes(
            catalogue,
            ask=lambda address: SimpleIndex(address, NoHttp()),
            recall=lambda index: CachedIndex(index, catalogue, told),
            documents=lambda address: CachedDocuments(SimpleIndex(address, NoHttp()), catalogue),
            settle=lambda index, _: index,
        ),
        downloader=CachedFiles(blobs),
        local=True,
    )
    return lambda _stated: network


def _indexes(
    recollection: Recollection,
    *,
    ask: Callable[[str], Index],
    recall: Callable[[Index], Index],
    documents: Callable[[str], Documents],
    settle: Callable[[Index, Cutoff], Index],
) -> Callable[[tuple[str, ...], Dating], Index]:
    # One object for each address: two lists of indexes that share one share its pages too.
    single = cache(ask)

    @cache
    def several(addresses: tuple[str, ...]) -> Index:
        return OncePerRun(recall(FirstMatch([single(address) for address in addresses])))

    @cache
    def timed(addresses: tuple[str, ...]) -> Index:
        beside = {single(address).key: documents(address) for address in addresses}
        return OncePerRun(TimedIndex(several(addresses), beside, recollection))

    def index(addresses: tuple[str, ...], dating: Dating) -> Index:
        if dating.cutoff is None:
            return several(addresses)
        return DatedIndex(settle(timed(addresses), dating.cutoff), dating.cutoff, dating.missing)

    return index
