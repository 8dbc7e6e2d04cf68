"""What an upstream does later, and what a mirror that was killed does, changes no byte of a day that is closed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from cachi2ish.mirror import looking
from cachi2ish.simple_api.negotiation import HTML, JSON
from tests.mirror.server.conftest import OLD, SDIST, YOUNG
from tests.support.distributions import Dist, make_wheel
from tests.support.index_server import Fault, IndexServer
from tests.support.mirror_server import HTTP as HTTP_FOR_TESTS
from tests.support.mirror_server import MirrorServer

CLOSED = ("/2023-06-01/simple/demo/", "/2024-06-01/simple/demo/", "/2023-05-01T10:00:01Z/simple/demo/")
FILES = [f"/files/{dist.sha256}/{dist.filename}" for dist in (OLD, SDIST, YOUNG)]

Step = Callable[[IndexServer], object]


def yank(index: IndexServer) -> None:
    index.add("demo", OLD, upload_time="2023-05-01T10:00:00+00:00", yanked="it breaks")


def take_the_yank_back(index: IndexServer) -> None:
    index.add("demo", OLD, upload_time="2023-05-01T10:00:00+00:00", requires_python=">=3.8")


def yank_for_another_reason(index: IndexServer) -> None:
    index.add("demo", OLD, upload_time="2023-05-01T10:00:00+00:00", yanked="it steals", requires_python=">=3.9")


def delete_a_file(index: IndexServer) -> None:
    index.add_project("demo").files.pop(OLD.filename, None)


def bring_all_back(index: IndexServer) -> None:
    take_the_yank_back(index)
    index.add("demo", SDIST, upload_time="2023-05-01T10:00:01+00:00")
    index.add("demo", YOUNG, upload_time="2024-06-01T10:00:00+00:00")


def delete_all(index: IndexServer) -> None:
    index.script("/simple/demo/", [Fault.status(404)] * 2)


def register_again(index: IndexServer) -> None:
    index.add_project("demo").files.clear()
    index.add("demo", make_wheel("demo", "9.9"), upload_time="2023-04-01T10:00:00+00:00")


def swap_bytes(index: IndexServer) -> None:
    other = Dist(OLD.filename, OLD.content + b"other bytes")
    index.add("demo", other, upload_time="2023-05-01T10:00:00+00:00")


def swap_bytes_and_say_nothing(index: IndexServer) -> None:
    index.serve_file(Dist(YOUNG.filename, YOUNG.content + b"other bytes"))


def lose_the_times(index: IndexServer) -> None:
    for dist in (OLD, SDIST, YOUNG):
        index.add("demo", dist)


def lose_the_digests(index: IndexServer) -> None:
    index.add("demo", SDIST, upload_time="2023-05-01T10:00:01+00:00", digests=(), size=False)


def change_the_times(index: IndexServer) -> None:
    index.add("demo", OLD, upload_time="2025-05-01T10:00:00+00:00")
    index.add("demo", YOUNG, upload_time="2023-05-01T09:00:00+00:00")


def claim_that_a_new_file_is_old(index: IndexServer) -> None:
    index.add("demo", make_wheel("demo", "0.1"), upload_time="2023-01-01T10:00:00+00:00")


def quarantine(index: IndexServer) -> None:
    index.add_project("demo", status="quarantined", reason="malware")


def let_out_of_quarantine(index: IndexServer) -> None:
    index.add_project("demo", status="active")


def page_at(index: IndexServer, serial: int, *dists: Dist) -> None:
    """Serve a page that says which change of the index it has seen last."""
    files = [
        {
            "filename": dist.filename,
            "url": f"../../files/{dist.filename}",
            "hashes": {"sha256": dist.sha256},
            "size": len(dist.content),
            "upload-time": "2023-05-01T10:00:00Z",
        }
        for dist in dists
    ]
    page = {"meta": {"api-version": "1.1", "_last-serial": serial}, "name": "demo", "versions": [], "files": files}
    index.serve_page("/simple/demo/", json.dumps(page).encode(), JSON)


def send_a_page_of_now(index: IndexServer) -> None:
    page_at(index, 9, OLD, SDIST, YOUNG, make_wheel("demo", "3.0"))


def send_a_page_from_the_past(index: IndexServer) -> None:
    page_at(index, 5, SDIST)


def fail_with(*faults: Fault) -> Step:
    def fail(index: IndexServer) -> None:
        index.script("/simple/demo/", faults)

    return fail


#: What an upstream does, and then does.
STORIES: dict[str, tuple[Step, ...]] = {
    "yanks, and takes it back": (yank, take_the_yank_back, yank_for_another_reason),
    "deletes a file, and brings it back": (delete_a_file, bring_all_back),
    "deletes the project": (delete_all,),
    "deletes the project, and another one has the name": (delete_all, register_again, bring_all_back),
    "swaps the bytes of a file": (swap_bytes, bring_all_back),
    "swaps the bytes of a file, and says nothing": (swap_bytes_and_say_nothing,),
    "loses the times, and has others": (lose_the_times, change_the_times, bring_all_back),
    "loses the digests": (lose_the_digests,),
    "claims that a new file is old": (claim_that_a_new_file_is_old,),
    "puts it into quarantine, and lets it out": (quarantine, let_out_of_quarantine),
    "sends a page from the past": (send_a_page_of_now, send_a_page_from_the_past),
    "sends nonsense": (fail_with(*[Fault.wrong_bytes(b"<html>Please log in</html>")] * 2),),
    "sends nothing": (fail_with(*[Fault.wrong_bytes(b"")] * 2),),
    "breaks off": (fail_with(Fault.truncated(20), Fault.reset()), fail_with(Fault.reset(50), Fault.truncated(0))),
    "answers with errors": (
        fail_with(Fault.status(500), Fault.status(503, retry_after="0")),
        fail_with(Fault.status(429), Fault.status(403)),
        fail_with(Fault.status(410), Fault.status(204)),
    ),
    "stops in the middle": (fail_with(Fault.stall(), Fault.stall(20)),),
    "sends elsewhere": (fail_with(Fault.redirect("/simple/demo/"), Fault.redirect("/simple/other/")),),
}


def closed_days(mirror: MirrorServer) -> list[tuple[int, bytes, str]]:
    """What is served for days that are closed, in both forms."""
    got = [mirror.get(path, Accept=form) for path in CLOSED for form in (JSON, HTML)]
    return [(one.status, one.body, one.headers["etag"]) for one in got]


@pytest.fixture(autouse=True)
def asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Upstreams that fail are asked again at once."""
    monkeypatch.setattr(looking, "_LEFT_ALONE", 0.0)


@pytest.mark.parametrize("steps", STORIES.values(), ids=STORIES)
def test_a_closed_day_stays_as_it_was_when_the_upstream(
    upstream: IndexServer, tmp_path: Path, steps: tuple[Step, ...]
) -> None:
    directory = tmp_path / "mirror"
    upstream.add("other", make_wheel("other", "1.0"), upload_time="2023-05-01T10:00:00+00:00")
    with MirrorServer(directory, pypi=upstream.index_url) as mirror:
        before = closed_days(mirror)
        assert {status for status, _, _ in before} == {200}
        contents = [mirror.get(path).body for path in FILES]
    impatient = replace(HTTP_FOR_TESTS, read_timeout=0.3)
    with MirrorServer(directory, http=impatient, pypi=upstream.index_url) as mirror:
        for step in steps:
            step(upstream)
            asked = len(upstream.requests)
            for _ in range(2):
                mirror.get("/live/simple/demo/", Accept=JSON)
            assert len(upstream.requests) >= asked + 2
            assert closed_days(mirror) == before
    with MirrorServer(directory, pypi=upstream.index_url) as mirror:
        assert closed_days(mirror) == before
        assert [mirror.get(path).body for path in FILES] == contents


@pytest.mark.parametrize("seed", range(3))
def test_a_closed_day_stays_as_it_was_whatever_comes_after_what(
    upstream: IndexServer, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    steps = [step for name, story in STORIES.items() if name != "stops in the middle" for step in story]
    with MirrorServer(tmp_path / "mirror", pypi=upstream.index_url) as mirror:
        before = closed_days(mirror)
        contents = [mirror.get(path).body for path in FILES]
        for _ in range(60):
            step = chance.choice(steps)
            step(upstream)
            mirror.get("/live/simple/demo/", Accept=JSON)
            assert closed_days(mirror) == before, step
        assert [mirror.get(path).body for path in FILES] == contents


def test_a_swapped_file_has_an_address_of_its_own(mirror: MirrorServer, upstream: IndexServer) -> None:
    mirror.get("/live/simple/demo/")
    other = Dist(OLD.filename, OLD.content + b"other bytes")
    upstream.add("demo", other, upload_time="2023-05-01T10:00:00+00:00")
    page = mirror.json("/live/simple/demo/")
    assert f"/files/{other.sha256}/" in json.dumps(page)
    assert mirror.get(f"/files/{other.sha256}/{other.filename}").body == other.content
