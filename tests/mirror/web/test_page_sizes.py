"""Pages stay small, whatever an upstream has and writes, and are not sent twice."""

from __future__ import annotations

import json
import re

from tests.mirror.server.conftest import OLD
from tests.support.distributions import make_sdist
from tests.support.index_server import IndexServer
from tests.support.mirror_server import Got, MirrorServer


def test_versions_come_in_pages(upstream: IndexServer, mirror: MirrorServer) -> None:
    for number in range(130):
        upstream.add("many", make_sdist("many", f"1.{number}"), upload_time="2023-05-01T10:00:00+00:00")
    first = json.loads(mirror.get("/projects/many.json").body)
    assert (len(first["versions"]), first["pages"], first["versions"][0]["version"]) == (60, 3, "1.129")
    last = mirror.get("/projects/many?page=3")
    assert b"Page 3 of 3" in last.body
    assert b'href="many?page=2#versions"' in last.body
    assert json.loads(mirror.get("/projects/many.json?page=4").body)["versions"] == []


def test_a_page_that_has_not_changed_is_not_sent_again(mirror: MirrorServer) -> None:
    first = mirror.get("/projects/demo?date=2023-06-01")
    again = mirror.get("/projects/demo?date=2023-06-01", If_None_Match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    packed: Got = mirror.get("/projects/demo?date=2023-06-01", Accept_Encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"


def test_what_an_upstream_writes_at_any_length_is_cut_on_pages_and_whole_in_their_twins(
    upstream: IndexServer, mirror: MirrorServer
) -> None:
    mirror.get("/live/simple/demo/")
    reason = "of no use " * 20_000
    for one in [OLD, make_sdist("demo", "1.0")]:
        upstream.add("demo", one, upload_time="2023-05-01T10:00:00+00:00", yanked=reason)
    mirror.get("/live/simple/demo/")
    for path in ("/projects/demo", "/projects/demo/1.0", "/diff?project=demo&before=2023-06-01"):
        page, twin = mirror.get(path).body, mirror.get(re.sub(r"\?|$", ".json?", path, count=1)).body
        assert (len(page) < 50_000, reason.encode() in page) == (True, False)
        assert path.startswith("/diff") or reason in json.loads(twin)[_rows(path)][-1]["reason"]
    assert len(mirror.get("/locks/diff?pins=demo==1.0&before=2023-06-01").body) < 50_000


def _rows(path: str) -> str:
    return "files" if path.endswith("1.0") else "versions"
