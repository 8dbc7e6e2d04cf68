"""The doors to pages: what a client asks for, and what it gets, with a real upstream behind the mirror."""

from __future__ import annotations

import gzip
import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from packaging.utils import NormalizedName

from cachi2ish.mirror import looking
from cachi2ish.mirror.application import Rules
from cachi2ish.simple_api.negotiation import HTML, JSON
from tests.mirror.server.conftest import OLD, SDIST, YOUNG
from tests.support.distributions import make_wheel
from tests.support.index_server import Fault, IndexServer
from tests.support.mirror_server import Got, MirrorServer

THEN = "/2023-06-01/simple/demo/"


def names(mirror: MirrorServer, path: str) -> list[str]:
    return [file["filename"] for file in mirror.json(path)["files"]]


def test_a_page_lists_what_was_there_on_the_date(mirror: MirrorServer) -> None:
    assert names(mirror, "/2023-05-01/simple/demo/") == [OLD.filename, SDIST.filename]
    assert names(mirror, THEN) == [OLD.filename, SDIST.filename]
    assert names(mirror, "/2024-06-01T10:00:00Z/simple/demo/") == [OLD.filename, SDIST.filename]
    assert names(mirror, "/2024-06-01/simple/demo/") == [OLD.filename, SDIST.filename, YOUNG.filename]
    assert names(mirror, "/live/simple/demo/") == [OLD.filename, SDIST.filename, YOUNG.filename]


def test_what_was_not_there_yet_is_refused_with_the_reason_in_the_status_line(mirror: MirrorServer) -> None:
    got = mirror.get("/2022-01-01/simple/demo/")
    assert got.status == 404
    assert "demo" in got.reason
    assert json.loads(got.body)["detail"].startswith(got.reason[:60])
    assert got.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/2023-06-01/simple/unknown-project/", 404, "unknown-project"),
        ("/yesterday/simple/demo/", 404, "is not a date"),
        ("/2023-02-30/simple/demo/", 404, "not in the calendar"),
        ("/2999-01-01/simple/demo/", 404, "2999-01-01 is still to come"),
        ("/simple/demo/", 404, "put a date before simple/: /2024-10-01/simple/"),
        ("/simple/", 404, "put a date before simple/"),
        ("/r/pypi/simple/demo/", 404, "put a date before simple/: /r/pypi/2024-10-01/simple/"),
        ("/pypi/demo/json", 404, "put a date before simple/"),
        ("/r/nope/simple/demo/", 404, "no registry is called 'nope' here; there are: pypi"),
        ("/2023-06-01/frozen/" + "0" * 64 + "/demo/", 404, "2023-06-01 is not frozen here"),
        ("/live/frozen/", 404, "only a day or an instant can be frozen"),
        ("/2023-06-01/frozen/" + "0" * 64 + "/-x-/", 404, "no name of a project"),
        ("/r/nowhere/2023-06-01/simple/demo/", 404, "no registry is called 'nowhere'"),
        ("/2023-06-01/simple/-x-/", 404, "no name of a project"),
        ("/2023-06-01/simple/" + "x" * 2100 + "/", 414, "so long"),
        ("/somewhere", 404, "the first page has the addresses"),
        ("/2023-06-01/", 404, "project pages are below simple/: /2023-06-01/simple/"),
        ("/files/abc/demo.whl", 404, "sha256"),
        ("/files/" + "0" * 64 + "/demo.whl", 404, "no registry here has demo.whl"),
        ("/2023-06-01/simple/..%2f..%2fetc/", 404, ""),
    ],
)
def test_what_there_is_not_is_refused_with_a_reason(
    mirror: MirrorServer, path: str, status: int, says: str
) -> None:
    got = mirror.get(path)
    assert (got.status, got.headers["content-type"]) == (status, "application/problem+json")
    assert says in got.reason


def test_a_refusal_has_its_reason_as_a_word_for_programs(mirror: MirrorServer) -> None:
    for path, reason in (
        ("/2022-01-01/simple/demo/", "not-yet"),
        ("/2023-06-01/simple/unknown-project/", "absent"),
        ("/yesterday/simple/demo/", "no-such-place"),
        ("/simple/demo/", "no-such-place"),
        ("/2023-06-01/frozen/nothing/demo/", "not-frozen"),
    ):
        assert json.loads(mirror.get(path).body)["reason"] == reason


def page_of_today(mirror: MirrorServer) -> Got:
    """The page of the day that it is when it comes as well as when it is asked for."""
    while True:
        today = datetime.now(UTC).date()
        got = mirror.get(f"/{today}/simple/demo/")
        if datetime.now(UTC).date() == today:
            return got


def test_a_page_of_today_says_that_more_may_come(mirror: MirrorServer) -> None:
    assert "is not over" in page_of_today(mirror).headers["warning"]
    assert "warning" not in mirror.get(THEN).headers


def test_nothing_but_reading_is_possible(mirror: MirrorServer) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        got = mirror.get(THEN, method=method)
        assert (got.status, got.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("asked", "location"),
    [
        ("/2023-06-01/simple/Demo/", "../demo/"),
        ("/2023-06-01/simple/De.Mo", "de-mo/"),
        ("/2023-06-01/simple/demo", "demo/"),
        ("/2023-06-01/simple", "simple/"),
    ],
)
def test_other_spellings_lead_to_the_one_address(mirror: MirrorServer, asked: str, location: str) -> None:
    got = mirror.get(asked)
    assert (got.status, got.headers["location"]) == (301, location)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/html"),
        ("*/*", "text/html"),
        (f"{JSON}, text/html; q=0.1", JSON),
        (f"{JSON};q=0.1, text/html", "text/html"),
        ("application/vnd.pypi.simple.latest+json", JSON),
        (HTML, HTML),
    ],
)
def test_the_form_is_the_one_that_the_client_prefers(mirror: MirrorServer, accept: str, kind: str) -> None:
    got = mirror.get(THEN, Accept=accept)
    assert got.headers["content-type"].partition(";")[0] == kind
    assert got.headers["vary"] == "Accept, Accept-Encoding"
    assert mirror.get(THEN, Accept="image/png").status == 406


def test_a_closed_day_is_the_same_bytes_for_ever_with_a_strong_etag(
    mirror: MirrorServer, upstream: IndexServer
) -> None:
    for number in range(10):
        upstream.add("demo", make_wheel("demo", f"0.{number}"), upload_time="2023-04-01T10:00:00+00:00")
    first = mirror.get(THEN, Accept=JSON)
    assert "immutable" in first.headers["cache-control"]
    asked = len(upstream.requests)
    upstream.add("demo", make_wheel("demo", "1.1"), upload_time="2025-05-01T10:00:00+00:00", yanked="later")

    packed = mirror.get(THEN, Accept=JSON, Accept_Encoding="gzip")
    again = mirror.get(THEN, Accept=JSON)
    mirror.get("/live/simple/demo/", Accept=JSON)
    with MirrorServer(mirror.directory, pypi=upstream.index_url) as other:
        beside = other.get(THEN, Accept=JSON)

    assert first.body == again.body == beside.body == gzip.decompress(packed.body)
    assert first.headers["etag"] == again.headers["etag"] == beside.headers["etag"] != packed.headers["etag"]
    assert not first.headers["etag"].startswith("W/")
    assert mirror.get(THEN, Accept=JSON, If_None_Match=first.headers["etag"]).status == 304
    assert mirror.get(THEN, Accept=JSON, If_None_Match='"other"').status == 200
    assert mirror.get(THEN, If_None_Match=first.headers["etag"]).status == 200  # of another form
    assert len(upstream.requests) == asked + 1  # for live alone


def test_a_page_that_may_change_is_not_for_long(mirror: MirrorServer) -> None:
    assert page_of_today(mirror).headers["cache-control"] == "max-age=60"
    assert mirror.get("/live/simple/demo/").headers["cache-control"] == "no-cache"


def test_live_asks_each_time_and_is_told_that_nothing_has_changed(
    mirror: MirrorServer, upstream: IndexServer
) -> None:
    mirror.json("/live/simple/demo/")
    mirror.json("/live/simple/demo/")
    assert [request.status for request in upstream.requests] == [200, 304]
    upstream.add("demo", make_wheel("demo", "3.0"), upload_time=datetime.now(UTC))
    assert "demo-3.0-py3-none-any.whl" in names(mirror, "/live/simple/demo/")


def test_a_cool_down_leaves_out_what_is_young_and_what_was_yanked_since_is_so(
    upstream: IndexServer, tmp_path: Path
) -> None:
    upstream.add("demo", make_wheel("demo", "3.0"), upload_time=datetime.now(UTC) - timedelta(days=2))
    upstream.add("fresh", make_wheel("fresh", "1.0"), upload_time=datetime.now(UTC) - timedelta(days=2))
    rules = Rules(exempt=(NormalizedName("ours"),))
    upstream.add("ours", make_wheel("ours", "1.0"), upload_time=datetime.now(UTC) - timedelta(hours=1))
    with MirrorServer(tmp_path / "mirror", rules=rules, pypi=upstream.index_url) as mirror:
        assert names(mirror, "/7d/simple/demo/") == [OLD.filename, SDIST.filename, YOUNG.filename]
        assert "demo-3.0-py3-none-any.whl" in names(mirror, "/1d/simple/demo/")
        assert names(mirror, "/7d/simple/ours/") == ["ours-1.0-py3-none-any.whl"]
        got = mirror.get("/7d/simple/fresh/")
        assert got.status == 404
        assert "old enough" in got.reason

        upstream.add("demo", YOUNG, upload_time="2024-06-01T10:00:00+00:00", yanked="it steals")
        mirror.json("/live/simple/demo/")
        page = mirror.json("/P7D/simple/demo/")
        assert [file["yanked"] for file in page["files"] if "yanked" in file] == ["it steals"]
        assert page["versions"] == ["1.0", "2.0"]


def test_without_the_upstream_what_is_known_is_served_and_says_that_it_is_stale(
    upstream: IndexServer, tmp_path: Path
) -> None:
    with MirrorServer(tmp_path / "mirror", pypi=upstream.index_url) as mirror:
        mirror.json("/live/simple/demo/")
        upstream.script("/simple/demo/", [Fault.status(503)] * 3)
        page = mirror.json("/live/simple/demo/")
        assert page["meta"]["_stale"] is True
        assert mirror.get("/live/simple/demo/").headers["warning"].startswith("110")
        assert "warning" not in mirror.get(THEN).headers
        upstream.script("/simple/other/", [Fault.status(500)] * 3)
        assert mirror.get("/live/simple/other/").status == 502


def test_nobody_waits_longer_for_an_upstream_than_installers_do_and_the_look_goes_on(
    upstream: IndexServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with MirrorServer(tmp_path / "mirror", pypi=upstream.index_url) as mirror:
        mirror.json("/live/simple/demo/")
        upstream.script("/simple/demo/", [Fault.stall()])
        upstream.script("/simple/other/", [Fault.stall()])
        monkeypatch.setattr(looking, "PATIENCE", 0.3)
        got = mirror.get("/live/simple/other/")
        assert (got.status, "is waited for: try again" in got.reason) == (503, True)
        assert got.headers["retry-after"]
        mirror.get("/live/simple/other/")
        assert len([one for one in upstream.requests if one.path == "/simple/other/"]) == 1
        assert mirror.json("/live/simple/demo/")["meta"]["_stale"] is True


def test_a_page_says_whether_somebody_has_looked_in_its_time(mirror: MirrorServer) -> None:
    page = mirror.json("/live/simple/demo/")
    assert "_stale" not in page["meta"]
    assert page["meta"]["_coverage"] == "observed"
    assert mirror.get(THEN).headers["x-coverage"] == "computed"


def test_only_what_was_observed_is_served_where_nothing_else_will_do(
    upstream: IndexServer, tmp_path: Path
) -> None:
    with MirrorServer(tmp_path / "m", rules=Rules(observed_only=True), pypi=upstream.index_url) as mirror:
        got = mirror.get(THEN)
        assert got.status == 409
        assert mirror.get("/live/simple/demo/").status == 200


def test_many_who_want_one_page_make_one_request(mirror: MirrorServer, upstream: IndexServer) -> None:
    upstream.script("/simple/demo/", [Fault.no_fault()])
    answers: list[int] = []
    clients = [threading.Thread(target=lambda: answers.append(mirror.get(THEN).status)) for _ in range(20)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert answers == [200] * 20
    assert len(upstream.requests) <= 2  # a client that comes when the answer is there finds it in the history


def test_the_list_has_the_projects_that_were_there(mirror: MirrorServer, upstream: IndexServer) -> None:
    upstream.add("young", make_wheel("young", "1.0"), upload_time="2024-06-01T10:00:00+00:00")
    for name in ("demo", "young"):
        mirror.json(f"/live/simple/{name}/")
    assert [one["name"] for one in mirror.json("/2023-06-01/simple/")["projects"]] == ["demo"]
    assert [one["name"] for one in mirror.json("/live/simple/")["projects"]] == ["demo", "young"]
    assert b">young<" in mirror.get("/live/simple/").body


def test_another_registry_has_its_own_doors(upstream: IndexServer, tmp_path: Path) -> None:
    with IndexServer() as team:
        team.add("ours", make_wheel("ours", "1.0"), upload_time="2023-05-01T10:00:00+00:00")
        with MirrorServer(tmp_path / "mirror", pypi=upstream.index_url, team=team.index_url) as mirror:
            (file,) = mirror.json("/r/team/2023-06-01/simple/ours/")["files"]
            assert file["url"].startswith("../../../../../files/")
            assert mirror.get("/2023-06-01/simple/ours/").status == 404
            assert mirror.get("/files/" + file["url"].partition("files/")[2]).status == 200


def test_a_registry_without_upload_times_is_dated_by_first_sight(tmp_path: Path) -> None:
    with IndexServer() as index:
        index.add("wheelhouse", make_wheel("wheelhouse", "1.0"))
        with MirrorServer(tmp_path / "m", first_seen=("pypi",), pypi=index.index_url) as mirror:
            assert len(names(mirror, "/live/simple/wheelhouse/")) == 1
            assert mirror.get("/2023-06-01/simple/wheelhouse/").status == 404


def test_poetry_gets_versions_and_files(mirror: MirrorServer) -> None:
    got = mirror.get("/2023-06-01/pypi/demo/json")
    content = json.loads(got.body)
    assert content["info"]["version"] == "1.0"
    assert list(content["releases"]) == ["1.0"]
    assert {file["packagetype"] for file in content["urls"]} == {"sdist", "bdist_wheel"}
    assert content["urls"][0]["url"].startswith("../../../files/")


def test_there_is_a_first_page_and_health_and_figures(mirror: MirrorServer) -> None:
    assert b"pip install --index-url http://127.0.0.1" in mirror.get("/").body
    assert mirror.get("/healthz").body == b"ok\n"
    for _ in range(3):
        mirror.get(THEN)
    metrics = mirror.get("/metrics").body.decode()
    assert 'cachi2ish_mirror_looks_total{outcome="page",registry="pypi"} 1.0' in metrics
    assert "cachi2ish_mirror_hot_pages_total 2.0" in metrics
    assert "demo" not in metrics


def test_a_nul_in_what_an_upstream_says_is_shown_as_what_cannot_be_shown(
    upstream: IndexServer, mirror: MirrorServer
) -> None:
    upstream.add("pear", make_wheel("pear", "1.0"), upload_time="2023-05-01T10:00:00+00:00", yanked="a\0b \\u0000")
    [file] = mirror.json("/2023-06-01/simple/pear/")["files"]
    assert file["yanked"] == "a\ufffdb \\u0000"
