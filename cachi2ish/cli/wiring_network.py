"""Opens the network of a run: HTTP, the indexes, and the downloader."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from cachi2ish.cache.interface import BlobStore, Memory
from cachi2ish.cli.display.reporting import ConsoleReporter
from cachi2ish.core.lazy import Once
from cachi2ish.core.requirements import IndexOptions
from cachi2ish.http.interface import Http, HttpSettings
from cachi2ish.http.on_demand import CachedFirst, LocalFilesFirst, Offline
from cachi2ish.http.traffic import HttpTraffic
from cachi2ish.index.interface import MetadataFiles
from cachi2ish.index.stack import IndexStack, RunContext
from cachi2ish.services.fetch.ports import Connect, Network
from cachi2ish.settings.settings import Settings

if TYPE_CHECKING:
    from cachi2ish.http.download import FileDownloader
    from cachi2ish.http.session import HttpSession


def connector(
    settings: Settings,
    blobs: BlobStore,
    memory: Memory,
    stack: ExitStack,
    reporter: ConsoleReporter,
) -> Connect:
    """Return what opens the network of a run, once its lock files say which hosts to trust."""
    traffic = HttpTraffic(time.monotonic)
    reporter.watch(traffic)

    def connect(declared: Sequence[IndexOptions], source: Path) -> Network:
        http_settings = _http_settings(settings.http, (settings.indexes, *declared))

        @Once
        def session() -> HttpSession:
            from cachi2ish.http.session import HttpSession

            return stack.enter_context(HttpSession(http_settings, on_retry=reporter.retry, traffic=traffic))

        @Once
        def downloader() -> FileDownloader:
            from cachi2ish.http.download import FileDownloader

            return FileDownloader(session(), blobs, memory)

        def spare_work(threads: int, waiting: int) -> Callable[[], None] | None:
            made = downloader.if_made()
            return None if made is None else made.spare_work(threads, waiting)

        run = RunContext(http=session, memory=memory, run_started=settings.now, on_warning=reporter.warning)
        return Network(
            index=IndexStack(run).index,
            downloader=LocalFilesFirst(source, blobs, CachedFirst(blobs, memory, downloader)),
            metadata=lambda: _wheel_metadata(session),
            spare_work=spare_work,
        )

    return connect


def _wheel_metadata(http: Callable[[], Http]) -> MetadataFiles:
    from cachi2ish.index.wheel_metadata import WheelMetadata

    return WheelMetadata(http)


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


def cache_alone(settings: Settings, blobs: BlobStore, memory: Memory, reporter: ConsoleReporter) -> Connect:
    """Return a network that is none: everything in it knows the cache only."""
    run = RunContext(
        http=Offline,
        memory=memory,
        run_started=settings.now,
        offline=True,
        on_message=reporter.debug,
        on_warning=reporter.warning,
    )
    return lambda _declared, source: Network(
        index=IndexStack(run).index,
        downloader=LocalFilesFirst(source, blobs, CachedFirst(blobs, memory, Offline)),
        local=True,
        metadata=lambda: _wheel_metadata(Offline),
    )
