"""The cache: rows and page bodies of the catalogue, the database itself, and the folders of files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import strategies as st
from msgspec import DecodeError
from packaging.utils import canonicalize_name

from cachi2ish.cache.catalogue import SqliteCatalogue
from cachi2ish.cache.housekeeping import DiskHousekeeping
from cachi2ish.cache.page_format import dump, load
from cachi2ish.core.cache_contents import Flaw
from cachi2ish.errors import Cachi2ishError
from tests.cache.pages import INDEX, SDIST, WHEEL, T, page_of
from tests.fuzz.campaign import fuzzed
from tests.fuzz.mutating import bytes_like

PAGE = page_of(SDIST, WHEEL)
THING = canonicalize_name("thing")
BODIES = (dump(PAGE)[0], dump(page_of())[0])


@fuzzed(content=bytes_like(BODIES), versions=st.sampled_from([(), ("1.0",), ("1.0", "x"), ("===1",)]))
def test_page_body(content: bytes, versions: Sequence[str]) -> None:
    try:
        page = load(content, INDEX, THING, T, versions)
    except (DecodeError, ValueError, OverflowError):  # what the catalogue takes for damage
        return
    written, complete = dump(page)
    if complete and not versions:
        assert load(written, INDEX, THING, T) == page


def _database() -> bytes:
    with TemporaryDirectory() as folder:
        place = Path(folder, "catalogue.sqlite")
        with SqliteCatalogue(place) as catalogue:
            catalogue.keep_page(PAGE, '"etag"')
            catalogue.keep_absence(INDEX, "gone", T)
            catalogue.put("key", "value")
        return place.read_bytes()


DATABASE = _database()


def use(room: Path) -> None:
    """Ask a catalogue for everything, and write to it, as runs do."""
    for read_only in (True, False):
        with SqliteCatalogue(room / "catalogue.sqlite", read_only=read_only) as catalogue:
            for versions in ((), ("1.0",)):
                kept = catalogue.kept_page(INDEX, "thing", versions)
                assert kept is None or kept.fetched_at.tzinfo is UTC
            etag = catalogue.etag(INDEX, "thing")
            assert etag is None or isinstance(etag, str)
            catalogue.confirmed_page(INDEX, "thing", T)
            value = catalogue.get("key")
            assert value is None or isinstance(value, str)
            catalogue.put("key", "other")
            catalogue.keep_page(PAGE)
    look_after(room)


def look_after(cache: Path) -> None:
    """Do what the commands of a cache do."""
    housekeeping = DiskHousekeeping(cache, cache / "catalogue.sqlite")
    work: list[Callable[[], object]] = [
        housekeeping.contents,
        lambda: housekeeping.verify(lambda _: None, repair=False),
        lambda: prune(housekeeping),
        lambda: housekeeping.verify(lambda _: None, repair=True),
    ]
    for one in work:
        with suppress(Cachi2ishError):
            one()
    with suppress(Cachi2ishError):
        wrong = {finding.flaw for finding in housekeeping.verify(lambda _: None, repair=False)}
        # What belongs to somebody else, what nobody may touch, and folders stay.
        assert wrong <= {Flaw.STRAY, Flaw.OBSTACLE, Flaw.UNREADABLE}, wrong


def prune(housekeeping: DiskHousekeeping) -> None:
    pruning = housekeeping.pruning(pretend=False)
    pruning.names()
    for entry in pruning.entries:
        if not pruning.spares(entry):
            pruning.remove(entry)
    pruning.remove_dangling_links()
    pruning.forget(datetime(2100, 1, 1, tzinfo=UTC))
    pruning.shrink_catalogue()
    pruning.catalogue_size()


@fuzzed(
    content=bytes_like([DATABASE, b"SQLite format 3\0" + bytes(4080)]), wal=st.none() | bytes_like([DATABASE[:64]])
)
def test_catalogue_file(content: bytes, wal: bytes | None, room: Path) -> None:
    (room / "catalogue.sqlite").write_bytes(content)
    if wal is not None:
        (room / "catalogue.sqlite-wal").write_bytes(wal)
    use(room)
