"""What an upstream does later, and what a mirror that was killed does, changes no byte of a day that is closed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from cachi2ish.simple_api.negotiation import JSON
from tests.mirror.server.conftest import OLD, SDIST, YOUNG
from tests.mirror.server.test_serve import serving
from tests.support.distributions import Dist, make_wheel
from tests.support.index_server import Fault, IndexServer
from tests.support.mirror_server import MirrorServer

CLOSED = ("/2023-06-01/simple/demo/", "/2024-06-01/simple/demo/", "/2023-05-01T10:00:01Z/simple/demo/")


def yank(index: IndexServer) -> None:
    index.add("demo", OLD, upload_time="2023-05-01T10:00:00+00:00", yanked="it breaks")


def delete_a_file(index: IndexServer) -> None:
    del index.add_project("demo").files[OLD.filename]


def delete_all(index: IndexServer) -> None:
    index.script("/simple/demo/", [Fault.status(404)] * 2)


def register_again(index: IndexServer) -> None:
    index.add_project("demo").files.clear()
    index.add("demo", make_wheel("demo", "9.9"), upload_time="2023-04-01T10:00:00+00:00")


def swap_bytes(index: IndexServer) -> None:
    other = Dist(OLD.filename, OLD.content + b"other bytes")
    index.add("demo", other, upload_time="2023-05-01T10:00:00+00:00")


def lose_the_times(index: IndexServer) -> None:
    for dist in (OLD, SDIST, YOUNG):
        index.add("demo", dist)


def claim_that_a_new_file_is_old(index: IndexServer) -> None:
    index.add("demo", make_wheel("demo", "0.1"), upload_time="2023-01-01T10:00:00+00:00")


def quarantine(index: IndexServer) -> None:
    index.add_project("demo", status="quarantined", reason="malware")


def send_nonsense(index: IndexServer) -> None:
    index.script("/simple/demo/", [Fault.wrong_bytes(b"<html>Please log in</html>")] * 2)


def break_off(index: IndexServer) -> None:
    index.script("/simple/demo/", [Fault.truncated(20), Fault.reset()])


@pytest.mark.parametrize(
    "happens",
    [
        yank,
        delete_a_file,
        delete_all,
        register_again,
        swap_bytes,
        lose_the_times,
        claim_that_a_new_file_is_old,
        quarantine,
        send_nonsense,
        break_off,
    ],
)
def test_whatever_the_upstream_does_later_a_closed_day_stays_as_it_was(
    upstream: IndexServer, tmp_path: Path, happens: Callable[[IndexServer], None]
) -> None:
    directory = tmp_path / "mirror"
    with MirrorServer(directory, pypi=upstream.index_url) as mirror:
        before = [mirror.get(path, Accept=JSON) for path in CLOSED]
        assert {got.status for got in before} == {200}
        files = [f"/files/{dist.sha256}/{dist.filename}" for dist in (OLD, SDIST, YOUNG)]
        contents = [mirror.get(path).body for path in files]
        happens(upstream)
        for _ in range(2):
            mirror.get("/live/simple/demo/", Accept=JSON)
        after = [mirror.get(path, Accept=JSON) for path in CLOSED]
    with MirrorServer(directory, pypi=upstream.index_url) as mirror:
        again = [mirror.get(path, Accept=JSON) for path in CLOSED]
        assert [mirror.get(path).body for path in files] == contents
    for one, two, three in zip(before, after, again, strict=True):
        assert one.body == two.body == three.body
        assert one.headers["etag"] == two.headers["etag"] == three.headers["etag"]


def test_nothing_that_was_served_for_a_closed_day_is_lost_when_the_mirror_is_killed_under_load(
    upstream: IndexServer, tmp_path: Path
) -> None:
    large = Dist("large-1.0.tar.gz", os.urandom(2_000_000))
    upstream.add("large", large, upload_time="2023-05-01T10:00:00+00:00")
    for number in range(20):
        upstream.add(f"p{number}", make_wheel(f"p{number}", "1.0"), upload_time="2023-05-01T10:00:00+00:00")
    paths = [
        *(f"/2023-06-01/simple/p{number}/" for number in range(20)),
        "/2023-06-01/simple/large/",
        f"/files/{large.sha256}/{large.filename}",
    ]
    served: dict[str, bytes] = {}
    wrong: list[str] = []

    def load(url: str, process: subprocess.Popen[str]) -> None:
        for path in paths:
            with suppress(OSError, urllib.error.URLError):
                with urllib.request.urlopen(url + path, timeout=20) as answer:
                    body = answer.read()
                    whole = len(body) == int(answer.headers["content-length"])
                if whole and served.setdefault(path, body) != body:
                    wrong.append(path)
            if process.poll() is not None:
                return

    for delay in (0.05, 0.15, 0.3, None):
        with serving(tmp_path, "--registry", f"pypi={upstream.index_url}") as (url, process):
            clients = [threading.Thread(target=load, args=(url, process)) for _ in range(3)]
            for client in clients:
                client.start()
            if delay is not None:
                threading.Event().wait(delay)
                process.send_signal(signal.SIGKILL)
            for client in clients:
                client.join()
    assert wrong == []
    assert set(served) == set(paths)
    assert served[paths[-1]] == large.content
    assert b"large-1.0.tar.gz" in served[paths[-2]]


def test_a_swapped_file_has_an_address_of_its_own(mirror: MirrorServer, upstream: IndexServer) -> None:
    mirror.get("/live/simple/demo/")
    other = Dist(OLD.filename, OLD.content + b"other bytes")
    upstream.add("demo", other, upload_time="2023-05-01T10:00:00+00:00")
    page = mirror.json("/live/simple/demo/")
    assert f"/files/{other.sha256}/" in json.dumps(page)
    assert mirror.get(f"/files/{other.sha256}/{other.filename}").body == other.content
