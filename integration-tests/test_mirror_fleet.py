"""Four mirrors over one PostgreSQL and one S3, as on four machines: under load, and with faults of each part.

``mirror_fleet.py`` does the first with more files.
"""

from __future__ import annotations

import hashlib
import http.client
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial

import pytest
from conftest import new_postgresql, new_s3
from mirror_bucket import Bucket
from mirror_fleet import DAYS, Fleet, Report, SlowIndex, ask_all, path_of
from mirror_soak import MirrorProcess, ask

from tests.support.distributions import Dist
from tests.support.faulty_proxy import FaultyProxy, ProxyFault
from tests.support.postgresql import PostgresqlServer
from tests.support.s3_server import S3


@pytest.fixture(scope="module")
def database() -> Iterator[PostgresqlServer]:
    with new_postgresql(durable=True) as started:
        yield started


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with new_s3() as started:
        yield started


@pytest.fixture(scope="module")
def bucket(s3: S3) -> Iterator[Bucket]:
    with Bucket(s3) as made:
        yield made


@pytest.fixture(scope="module")
def proxy(bucket: Bucket) -> FaultyProxy:
    return bucket.proxy


@pytest.fixture(scope="module")
def index() -> Iterator[SlowIndex]:
    with SlowIndex() as started:
        yield started


@pytest.fixture(scope="module")
def fleet(
    tmp_path_factory: pytest.TempPathFactory,
    index: SlowIndex,
    database: PostgresqlServer,
    bucket: Bucket,
) -> Iterator[Fleet]:
    """Machines that all tests share; each has projects of its own."""
    address = database.new_schema().with_credentials
    with Fleet(tmp_path_factory.mktemp("fleet"), index, address, bucket) as started:
        yield started


def get(machine: MirrorProcess, path: str) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", machine.port, timeout=60)) as connection:
        status, _, body = ask(connection, path)
        return status, body


def page(machine: MirrorProcess, name: str) -> None:
    """Let a machine look at a project, so that all of them know its files."""
    assert get(machine, f"/{DAYS[0]}/simple/{name}/")[0] == 200


def is_ready(machine: MirrorProcess) -> bool:
    return get(machine, "/readyz")[0] == 200


def is_away(machine: MirrorProcess) -> bool:
    return not is_ready(machine)


def soon(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + 60
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@contextmanager
def held(index: SlowIndex) -> Iterator[None]:
    index.flowing.clear()
    try:
        yield
    finally:
        index.flowing.set()


def sha256_of(dist: Dist) -> str:
    return hashlib.sha256(dist.content).hexdigest()


def expect_stored(fleet: Fleet, dists: list[Dist]) -> None:
    """Let machines tend the files that they still have alone, and see that the bucket has all, byte for byte."""
    for machine in fleet.waiting():
        done = fleet.command("sync", machine=machine)
        assert done.returncode == 0, done.stderr
    assert fleet.waiting() == []
    stored = fleet.bucket.contents()
    assert [one.filename for one in dists if stored.get(sha256_of(one)) != one.content] == []
    assert [name for name, content in stored.items() if hashlib.sha256(content).hexdigest() != name] == []


def test_four_machines_under_load_download_each_file_once_and_agree_on_every_page(
    fleet: Fleet, index: SlowIndex
) -> None:
    dists = {f"plum{number}": index.add_project_of(f"plum{number}", 400_000) for number in range(6)}
    dists["large"] = index.add_project_of("large", 17_000_000)
    report = Report()
    ask_all(fleet.machines, dists, report)
    assert report.wrong == []
    files = [one for those in dists.values() for one in those]
    downloads = index.downloads()
    assert {one.filename: downloads[one.filename] for one in files} == {one.filename: 1 for one in files}
    assert report.counts["files"] == len(fleet.machines) * len(files)
    stored = fleet.bucket.contents()
    assert [one.filename for one in files if stored.get(sha256_of(one)) != one.content] == []
    done = fleet.command("verify")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_machine_that_is_killed_while_it_downloads_leaves_the_file_to_another_one(
    fleet: Fleet, index: SlowIndex
) -> None:
    *_, dist = index.add_project_of("killed", 20_000_001)
    first, second, third, _ = fleet.machines
    page(first, "killed")
    with ThreadPoolExecutor(2) as threads, held(index):
        begun = index.written
        broken = threads.submit(get, first, path_of(dist))
        assert soon(lambda: index.written > begun + 500_000)
        waiting = threads.submit(get, second, path_of(dist))
        time.sleep(0.3)  # nothing depends on it: it may come to the claim before or after the end of its holder
        first.kill()
        with pytest.raises((OSError, http.client.HTTPException)):
            broken.result(timeout=60)
        index.flowing.set()
        assert waiting.result(timeout=60) == (200, dist.content)
    first.start()
    assert get(third, path_of(dist)) == (200, dist.content)
    assert get(first, path_of(dist)) == (200, dist.content)
    assert (index.downloads()[dist.filename], index.whole[len(dist.content)]) == (2, 1)
    expect_stored(fleet, [dist])


def test_a_database_that_is_started_again_under_load_costs_no_page_and_no_file(
    fleet: Fleet, index: SlowIndex, database: PostgresqlServer
) -> None:
    dists = {f"restart{number}": index.add_project_of(f"restart{number}", 400_000) for number in range(4)}
    before = Report()
    ask_all(fleet.machines[:1], {name: those[:1] for name, those in dists.items()}, before)
    assert before.wrong == []
    asked_enough = threading.Event()

    def go_on_asking(machine: MirrorProcess) -> None:
        for name in itertools.cycle(dists):
            for path in (f"/{DAYS[0]}/simple/{name}/", *map(path_of, dists[name])):
                status, body = get(machine, path)
                assert status in {200, 502, 503}
                if status == 200 and path.startswith("/files/"):
                    assert hashlib.sha256(body).hexdigest() == path.split("/")[2]
                if asked_enough.is_set():
                    return

    with ThreadPoolExecutor() as threads:
        asking = [threads.submit(go_on_asking, machine) for machine in fleet.machines]
        try:
            database.stop("immediate")
            for machine in fleet.machines:
                assert soon(partial(is_away, machine))
                assert get(machine, "/healthz")[0] == 200
            database.start()
            for machine in fleet.machines:
                assert soon(partial(is_ready, machine))
        finally:
            asked_enough.set()
        for one in asking:
            one.result(timeout=120)
    after = Report(pages=dict(before.pages))
    ask_all(fleet.machines, dists, after)
    assert after.wrong == []
    expect_stored(fleet, [one for those in dists.values() for one in those])
    assert fleet.command("verify").returncode == 0


def expect_in_use(machine: MirrorProcess) -> None:
    """Wait until a machine uses the bucket: it leaves one alone for some seconds that has failed."""
    assert soon(lambda: b"cachi2ish_mirror_shared_store_lost 0.0" in get(machine, "/metrics")[1])


@pytest.mark.parametrize(
    ("fault", "number"),
    [(ProxyFault.REFUSED, 0), (ProxyFault.UNAVAILABLE, 1), (ProxyFault.SLOW, 2), (ProxyFault.CUT, 3)],
)
def test_an_s3_that_fails_keeps_no_file_from_clients_and_gets_it_later(
    fleet: Fleet, index: SlowIndex, proxy: FaultyProxy, fault: ProxyFault, number: int
) -> None:
    name = f"fault-{fault.name.lower()}"
    *later, early = index.add_project_of(name, 200_000)
    machine, other = fleet.machines[number], fleet.machines[number - 1]
    expect_in_use(machine)
    page(other, name)
    assert get(other, path_of(early)) == (200, early.content)
    proxy.fail(fault)
    try:
        # What only another machine and the bucket have is there: from the bucket, or from the upstream.
        for dist in (early, *later):
            assert get(machine, path_of(dist)) == (200, dist.content)
        assert proxy.faults[fault]
    finally:
        proxy.heal()
    expect_stored(fleet, [early, *later])


def test_a_bucket_that_is_full_keeps_no_file_from_clients_and_gets_it_later(
    fleet: Fleet, index: SlowIndex
) -> None:
    early, *later = index.add_project_of("full", 200_000)
    first, _, second, third = fleet.machines  # in this order, since others may leave the bucket alone by now
    expect_in_use(second)
    page(first, "full")
    assert get(first, path_of(early)) == (200, early.content)
    fleet.bucket.fill()
    try:
        for dist in later:
            assert get(second, path_of(dist)) == (200, dist.content)
        assert get(second, path_of(early)) == (200, early.content)
        assert index.downloads()[early.filename] == 1  # a bucket that takes nothing is read
        assert get(third, path_of(early)) == (200, early.content)
        assert fleet.bucket.contents().keys().isdisjoint(map(sha256_of, later))
    finally:
        fleet.bucket.empty()
    expect_stored(fleet, [early, *later])


def test_a_machine_that_begins_while_s3_is_away_serves_and_s3_gets_its_files_later(
    fleet: Fleet, index: SlowIndex, proxy: FaultyProxy
) -> None:
    early, late, *_ = index.add_project_of("away", 200_000)
    machine = fleet.machines[3]
    page(machine, "away")
    assert get(machine, path_of(early)) == (200, early.content)
    machine.end()
    proxy.fail(ProxyFault.REFUSED)
    try:
        machine.start()
        assert get(machine, path_of(early)) == (200, early.content)
        assert get(machine, path_of(late)) == (200, late.content)
        assert get(machine, "/readyz")[0] == 200
    finally:
        proxy.heal()
    expect_stored(fleet, [early, late])


def test_the_s3_server_of_these_tests_has_what_it_had_when_it_is_started_again() -> None:
    with new_s3() as server, Bucket(server) as bucket:
        bucket.put("a/sha256/b", b"kept")
        server.kill()
        server.start()
        assert bucket.contents() == {"b": b"kept"}
