"""``cachi2ish cache`` from the outside, alone and beside fetches."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cachi2ish.cli.commands.cache_commands import periodic_report
from cachi2ish.cli.display.console import Console, Level
from cachi2ish.cli.display.figures import readable_size
from cachi2ish.cli.display.reporting import ConsoleReporter
from cachi2ish.exit_codes import ExitCode
from cachi2ish.services.cache_upkeep import Verified
from tests.cache.support import files_below, forbid_writing, small_disk
from tests.cli.conftest import Person
from tests.support.distributions import make_sdist
from tests.support.program import environment, start

APPLE = make_sdist("apple", "1.0", padding=100_000)
BANANA = make_sdist("banana", "1.0", padding=50_000)
CHERRY = make_sdist("cherry", "1.0", padding=10_000)
FRUITS = {"apple": APPLE, "banana": BANANA, "cherry": CHERRY}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def orchard(person: Person, cache: Path) -> Person:
    """Somebody whose cache has three files, of which each was used on another day."""
    for name, dist in FRUITS.items():
        person.index.add(name, dist)
    person.environ["CACHI2ISH_CACHE_DIR"] = str(cache)
    requires(person, *FRUITS)
    assert person.fetches().code == 0
    for days, name in enumerate(FRUITS, start=10):
        used(cache, name, days=days)
    person.index.forget_requests()
    return person


def requires(person: Person, *names: str) -> None:
    lines = (f"{name}==1.0 {FRUITS[name].hash_option()}\n" for name in names)
    person.writes("requirements.txt", "".join(lines))


def blob(cache: Path, name: str) -> Path:
    digest = FRUITS[name].sha256
    return cache / "blobs" / "sha256" / digest[:2] / digest[2:]


def used(cache: Path, name: str, *, days: int) -> None:
    then = datetime.now(UTC) - timedelta(days=days)
    os.utime(blob(cache, name), (then.timestamp(),) * 2)


def there(cache: Path) -> list[str]:
    return [name for name in FRUITS if blob(cache, name).exists()]


def info(person: Person) -> Any:
    outcome = person.runs("cache", "info", "--format", "json")
    assert outcome.code == 0, outcome.told
    return json.loads(outcome.out)


def test_path_prints_the_directory_and_nothing_else(person: Person, tmp_path: Path) -> None:
    outcome = person.runs("cache", "path")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == f"{person.home / '.cache' / 'cachi2ish'}\n"
    assert not (person.home / ".cache").exists()

    person.environ["CACHI2ISH_CACHE_DIR"] = str(tmp_path / "variable")
    assert person.runs("cache", "path").out == f"{tmp_path / 'variable'}\n"
    assert person.runs("cache", "path", "--cache-dir", tmp_path / "o").out == f"{tmp_path / 'o'}\n"
    assert person.runs("--cache-dir", tmp_path / "o", "cache", "path").out == f"{tmp_path / 'o'}\n"
    assert person.runs("cache", "--cache-dir", tmp_path / "o", "path").out == f"{tmp_path / 'o'}\n"


def test_path_is_what_the_configuration_file_says_whether_it_is_used_or_not(
    person: Person, tmp_path: Path
) -> None:
    file = tmp_path / "config.toml"
    file.write_text('cache-dir = "there"\nno-cache = true\n')
    assert person.runs("cache", "path", "--config-file", file).out == f"{tmp_path / 'there'}\n"
    assert person.runs("--config-file", file, "cache", "path").out == f"{tmp_path / 'there'}\n"
    missing = person.runs("cache", "path", "--config-file", tmp_path / "missing.toml")
    assert missing.code == ExitCode.INPUT


def test_a_relative_directory_is_printed_as_an_absolute_path(person: Person) -> None:
    assert person.runs("cache", "path", "--cache-dir", "x").out == f"{Path.cwd() / 'x'}\n"


def test_info_of_no_cache_makes_none(person: Person, cache: Path) -> None:
    outcome = person.runs("cache", "info", "--cache-dir", cache)
    assert outcome.code == 0
    assert outcome.out == f"directory  {cache} (does not exist)\n"
    assert not cache.exists()


def test_to_verify_a_cache_that_is_not_there_is_not_passed_over_in_silence(person: Person, tmp_path: Path) -> None:
    cache = tmp_path / "misspelled"
    outcome = person.runs("cache", "verify", "--cache-dir", cache)
    assert outcome.code == 0
    assert f"warning: there is no cache at {cache}: nothing is verified" in outcome.err
    assert not cache.exists()


def test_info_tells_how_much_is_there_and_when_it_was_used(orchard: Person, cache: Path) -> None:
    text = orchard.runs("cache", "info").out
    size = sum(len(dist.content) for dist in FRUITS.values())
    assert f"directory         {cache}\n" in text
    assert "files             3, 161." in text
    assert "unfinished files  none\n" in text
    assert "3 pages, " in text
    facts = info(orchard)
    assert facts["directory"] == str(cache)
    assert facts["files"] == {"count": 3, "bytes": size}
    assert facts["catalogue"]["pages"] == 3
    assert facts["bytes"] == size + facts["catalogue"]["bytes"]
    oldest = datetime.fromisoformat(facts["oldest_use"])
    assert timedelta(days=11) < datetime.now(UTC) - oldest < timedelta(days=13)


def test_verify_reads_everything(orchard: Person) -> None:
    outcome = orchard.runs("cache", "verify")
    assert outcome.code == 0
    assert "3 files, 161." in outcome.err
    assert outcome.out == ""


def test_verify_tells_all_damage_at_once_and_changes_nothing(orchard: Person, cache: Path) -> None:
    damage(cache, "apple")
    damage(cache, "cherry")
    (cache / "catalogue.sqlite").write_bytes(b"torn" * 1000)
    (cache / "blobs" / "stray").touch()
    before = files_below(cache)

    outcome = orchard.runs("cache", "verify")

    assert outcome.code == ExitCode.DIGEST
    assert outcome.err.count("error: ") == 3
    assert "3 errors; nothing was written" in outcome.err
    assert "which is not what its name promises" in outcome.err
    assert "catalogue.sqlite" in outcome.err
    assert "warning: blobs/stray" in outcome.err
    assert "hint: cachi2ish cache verify --repair" in outcome.err
    assert files_below(cache) == before


def test_a_damaged_catalogue_alone_is_a_matter_of_storage(orchard: Person, cache: Path) -> None:
    (cache / "catalogue.sqlite").write_bytes(b"torn" * 1000)
    assert orchard.runs("cache", "verify").code == ExitCode.STORAGE


def test_what_was_repaired_is_fetched_anew_and_nothing_else(orchard: Person, cache: Path) -> None:
    damage(cache, "apple")
    outcome = orchard.runs("cache", "verify", "--repair")
    assert outcome.code == 0, outcome.told
    assert outcome.err.count("warning: ") == 1
    size = readable_size(len(BANANA.content) + len(CHERRY.content))
    assert f"\n2 files, {size}, verified; 1 file removed\n" in outcome.err
    assert there(cache) == ["banana", "cherry"]
    assert orchard.runs("cache", "verify").code == 0
    assert orchard.fetches().code == 0
    assert orchard.index.paths == (f"/files/{APPLE.filename}",)


def damage(cache: Path, name: str) -> None:
    path = blob(cache, name)
    path.unlink()
    path.write_bytes(b"damaged")


def test_prune_without_options_removes_what_nobody_can_use(orchard: Person, cache: Path) -> None:
    old, young = cache / "partial" / ("0" * 64), cache / "partial" / ("1" * 64)
    for partial in (old, young):
        partial.write_bytes(b"half of a file")
    os.utime(old, (1, 1))
    (cache / "catalogue.sqlite.aside").write_bytes(b"torn")
    link = cache / "blobs" / "sha512" / "00" / ("1" * 126)
    link.parent.mkdir(parents=True)
    link.symlink_to("../../sha256/00/" + "0" * 62)

    outcome = orchard.runs("cache", "prune")

    assert outcome.code == 0, outcome.told
    assert "removed 2 files, 18 B, 1 link; " in outcome.err
    assert there(cache) == ["apple", "banana", "cherry"]
    assert young.exists()
    assert not old.exists()
    assert not (cache / "catalogue.sqlite.aside").exists()
    assert not link.is_symlink()


@pytest.mark.parametrize(("duration", "left"), [("30 days", 3), ("P12D", 2), ("11 days", 1), ("0 hours", 0)])
def test_prune_removes_what_was_not_used_for_long(orchard: Person, cache: Path, duration: str, left: int) -> None:
    used(cache, "cherry", days=13)
    outcome = orchard.runs("cache", "prune", "--older-than", duration)
    assert outcome.code == 0, outcome.told
    assert there(cache) == ["apple", "banana", "cherry"][:left]


def test_the_catalogue_forgets_what_was_not_used_for_long(orchard: Person, cache: Path) -> None:
    age_rows(cache, days=20)
    requires(orchard, "banana")
    assert orchard.fetches().code == 0
    outcome = orchard.runs("cache", "prune", "--older-than", "5 days")
    assert "rows of the catalogue" in outcome.err
    assert info(orchard)["catalogue"]["pages"] == 1
    orchard.index.forget_requests()
    assert orchard.fetches().code == 0
    assert orchard.index.paths == ()


def age_rows(cache: Path, *, days: int) -> None:
    with closing(sqlite3.connect(cache / "catalogue.sqlite")) as connection, connection:
        for table in ("page", "recollection"):
            connection.execute(f"UPDATE {table} SET used = used - {days * 86_400}")


def test_prune_makes_the_cache_fit_and_begins_with_the_least_recently_used(orchard: Person, cache: Path) -> None:
    rest = info(orchard)["catalogue"]["bytes"] + len(APPLE.content)
    outcome = orchard.runs("cache", "prune", "--max-size", f"{rest + 1000}B")
    assert outcome.code == 0, outcome.told
    assert there(cache) == ["apple"], "the others were used before it"
    assert info(orchard)["bytes"] <= rest + 1000
    assert orchard.runs("cache", "prune", "--max-size", "1GiB").err.startswith("removed 0 files, 0 B; ")


def test_a_cache_that_cannot_be_made_to_fit_is_a_warning(orchard: Person, cache: Path) -> None:
    outcome = orchard.runs("cache", "prune", "--max-size", "0")
    assert outcome.code == 0
    assert there(cache) == []
    assert "warning: the cache has " in outcome.err
    age_rows(cache, days=2)
    assert orchard.runs("cache", "prune", "--max-size", "1B").code == 0
    assert info(orchard)["catalogue"]["pages"] == 0


def test_a_dry_run_lists_and_removes_nothing(orchard: Person, cache: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*")}
    outcome = orchard.runs("cache", "prune", "--older-than", "11 days", "--max-size", "60kB", "--dry-run")
    assert outcome.code == 0, outcome.told
    lines = outcome.out.splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        blob(cache, name).relative_to(cache).as_posix() for name in ("cherry", "banana", "apple")
    ]
    for line, name in zip(lines, ("cherry", "banana", "apple"), strict=True):
        dist = FRUITS[name]
        facts = line.split("  ")[1]
        assert facts.startswith(f"{dist.filename}, {readable_size(len(dist.content))}, last used 20")
        assert facts.endswith("Z")
    assert "would remove 3 files" in outcome.err
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*")} == before


def test_a_file_that_no_page_has_named_is_listed_without_a_name(orchard: Person, cache: Path) -> None:
    (cache / "catalogue.sqlite").write_bytes(b"torn" * 1000)
    outcome = orchard.runs("cache", "prune", "--older-than", "12 days", "--dry-run")
    assert outcome.code == 0, outcome.told
    (line,) = outcome.out.splitlines()
    path = blob(cache, "cherry").relative_to(cache).as_posix()
    assert line.startswith(f"{path}  file, {readable_size(len(CHERRY.content))}, last used ")


def test_a_file_that_the_index_names_by_another_digest_is_listed_by_its_name(person: Person, cache: Path) -> None:
    person.index.add("apple", APPLE, digests=("sha512",))
    person.writes("requirements.txt", f"apple==1.0 --hash=sha512:{hashlib.sha512(APPLE.content).hexdigest()}\n")
    person.environ["CACHI2ISH_CACHE_DIR"] = str(cache)
    assert person.fetches().code == 0
    assert f"  {APPLE.filename}, " in person.runs("cache", "prune", "--max-size", "0", "--dry-run").out


def test_a_large_file_that_was_used_last_costs_everything_older(orchard: Person, cache: Path) -> None:
    """As the documentation says."""
    used(cache, "apple", days=0)
    limit = info(orchard)["catalogue"]["bytes"] + len(APPLE.content) - 1
    assert orchard.runs("cache", "prune", "--max-size", f"{limit}B").code == 0
    assert there(cache) == []


def test_what_cannot_be_removed_is_one_error_and_the_rest_is_removed(orchard: Person, cache: Path) -> None:
    for number in range(2):
        (cache / "partial" / f"{number:064x}").mkdir()  # root may remove every file
        os.utime(cache / "partial" / f"{number:064x}", (1, 1))
    outcome = orchard.runs("cache", "prune", "--older-than", "1 day")
    assert outcome.code == ExitCode.STORAGE
    assert outcome.err.count("error: ") == 1
    assert f"error: partial/{0:064x} cannot be removed from the cache" in outcome.err
    assert "(1 more failed as well)" in outcome.err
    assert there(cache) == []


def test_a_catalogue_that_somebody_holds_is_a_warning_and_files_are_removed(
    orchard: Person, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cachi2ish.cache.memory.schema._BUSY_TIMEOUT", 1)
    age_rows(cache, days=20)
    with closing(sqlite3.connect(cache / "catalogue.sqlite", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        outcome = orchard.runs("cache", "prune", "--older-than", "1 day")
    assert outcome.code == 0, outcome.told
    assert "warning: the catalogue of the cache" in outcome.err
    assert "database is locked" in outcome.err
    assert there(cache) == []


def test_a_long_verification_tells_now_and_then_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    seconds = iter([0.0, 1.0, 11.0, 11.0, 12.0, 30.0, 30.0])
    reporter = ConsoleReporter(Console(Level.INFO, colours=False))
    watch = periodic_report(reporter, lambda: next(seconds))
    for number in range(1, 5):
        watch(Verified(number, number * 1000))
    assert capsys.readouterr().err.splitlines() == [
        "2 files, 2.0 kB, verified so far",
        "4 files, 4.0 kB, verified so far",
    ]


def test_impossible_limits_are_told_together(person: Person) -> None:
    outcome = person.runs("cache", "prune", "--older-than", "2024-10-01", "--max-size", "much")
    assert outcome.code == ExitCode.USAGE
    assert "--older-than: '2024-10-01' is not a duration" in outcome.err
    assert "--max-size: 'much' is not a size" in outcome.err


def test_a_cache_that_is_a_file_is_one_clear_error(person: Person, cache: Path) -> None:
    cache.touch()
    for command in (("info",), ("verify",), ("prune",), ("prune", "--older-than", "1 day")):
        outcome = person.runs("cache", *command, "--cache-dir", cache)
        assert outcome.code == ExitCode.STORAGE, outcome.told
        assert outcome.err.count("error: ") == 1
        assert "Not a directory" in outcome.err


def test_a_warm_cache_on_a_read_only_file_system_serves_what_it_has(person: Person, tmp_path: Path) -> None:
    for name, dist in FRUITS.items():
        person.index.add(name, dist)
    with small_disk(tmp_path / "disk", "4m") as disk:
        person.environ["CACHI2ISH_CACHE_DIR"] = str(disk / "cache")
        requires(person, "apple", "banana")
        assert person.fetches().code == 0
        first = hashlib.sha256((person.output / "bom.json").read_bytes()).digest()
        person.index.forget_requests()
        forbid_writing(disk)

        assert person.fetches().code == 0
        assert not person.index.paths
        assert hashlib.sha256((person.output / "bom.json").read_bytes()).digest() == first

        requires(person, "apple", "banana", "cherry")
        outcome = person.fetches()
        assert outcome.code == ExitCode.STORAGE
        assert outcome.err.count("error: ") == 1
        assert f"the cache {disk / 'cache'} cannot be written: Read-only file system" in outcome.err
        assert "choose another place with --cache-dir" in outcome.err
        assert not [path for path in person.index.paths if path.startswith("/files/")]
        assert person.deps() == [APPLE.filename, BANANA.filename], "the earlier output stays"

        assert person.runs("cache", "info").code == 0
        assert person.runs("cache", "verify").code == 0
        assert person.runs("cache", "prune", "--dry-run").code == 0
        outcome = person.runs("cache", "prune")
        assert outcome.code == ExitCode.STORAGE
        assert outcome.err.count("error: ") == 1


PRUNER = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from cachi2ish.cli.display.console import Console, Level
from cachi2ish.cli.display.reporting import ConsoleReporter
from cachi2ish.services.cache_upkeep import Limits, prune
from cachi2ish.cache.housekeeping import DiskHousekeeping
from cachi2ish.cache.memory.schema import USED_EVERY
cache, stop = map(Path, sys.argv[1:])
removed = 0
print("ready", flush=True)
while not (stop.exists() and removed >= 3):  # the last fetch leaves its files, which nobody uses any more
    now = datetime.now(UTC)
    limits = Limits(unused_since=now + timedelta(seconds=USED_EVERY), size=0)
    reporter = ConsoleReporter(Console(Level.WARNING, colours=False))
    pruned = prune(DiskHousekeeping(cache, cache / "catalogue.sqlite"), limits, now, reporter, dry_run=False)
    removed += len(pruned.entries)
print(removed)
"""


def test_pruning_in_a_loop_lets_no_fetch_fail(orchard: Person, cache: Path, tmp_path: Path) -> None:
    environ = environment(orchard.home, orchard.environ)
    stop = tmp_path / "stop"
    pruner = subprocess.Popen(
        [sys.executable, "-c", PRUNER, str(cache), str(stop)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environ,
    )
    assert pruner.stdout
    assert pruner.stdout.readline() == "ready\n"
    fetches = [
        start(
            "fetch-deps",
            "--source",
            orchard.source,
            "--output",
            tmp_path / f"out-{number}",
            "pip",
            environ=environ,
        )
        for number in range(8)
    ]
    told = [process.communicate()[1] for process in fetches]
    stop.touch()
    removed, complaints = pruner.communicate(timeout=60)
    assert [process.returncode for process in fetches] == [0] * 8, told
    assert (pruner.returncode, complaints) == (0, "")
    assert int(removed) >= 3
    for number in range(8):
        deps = tmp_path / f"out-{number}" / "deps" / "pip"
        assert {path.name: path.read_bytes() for path in deps.iterdir()} == {
            dist.filename: dist.content for dist in FRUITS.values()
        }
