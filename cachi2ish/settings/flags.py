"""What the command line says, before anything else is looked at. Light: ``--help`` loads it, too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cachi2ish.core.inventory import Mode, SbomKind

#: As many connections as saturate a line of 400 Mbit/s at 30 ms; more only burden the index.
DEFAULT_CONCURRENCY = 32

#: What ``--concurrency`` and the configuration file refuse to go beyond.
MOST_CONCURRENT = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What was said on the command line. None and empty: nothing. drop_in: the program stands in for Hermeto.

    dry_run: nothing is to be written, neither into the cache.
    """

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    index_date: str | None = None
    index_date_missing: tuple[str, ...] = ()
    cache_dir: Path | None = None
    no_cache: bool = False
    offline: bool | None = None
    dry_run: bool = False
    concurrency: int | None = None
    config_file: Path | None = None
    sbom_output_type: SbomKind | None = None
    mode: Mode | None = None
    drop_in: bool = False
