"""Pages for people, as they come over HTTP: what they say, to whom, and with which status."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from cachi2ish.mirror.application import Rules
from cachi2ish.simple_api.negotiation import JSON
from tests.mirror.server.conftest import OLD
from tests.support.distributions import make_sdist, make_wheel
from tests.support.histories import ON_POSTGRESQL
from tests.support.index_server import Fault, IndexServer
from tests.support.mirror_server import MirrorServer
from tests.support.shared_files import IN_S3

ANNA, BERT = ("anna", "s3cret"), ("bert", "other")

PAGES = (
    "/",
    "/?date=2023-06-01",
    "/state",
    "/diff",
    "/diff?project=demo&before=2023-06-01",
    "/projects/demo",
    "/projects/demo?date=2023-06-01",
    "/projects/demo/1.0?date=2023-06-01",
    "/projects/nothing-here",
)


class Links(HTMLParser):
    """All addresses of a page, and what it has of scripts and styles."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.found: list[str] = []
        self.odd: list[str] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in {"href", "src", "action", "formaction"}:
                self.found.append(value or "")
            if name == "style" or name.startswith("on"):
                self.odd.append(f"{tag} {name}")
        if tag in {"script", "style", "iframe", "object"}:
            self.odd.append(tag)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_small_and_needs_nothing_from_elsewhere(mirror: MirrorServer, path: str) -> None:
    got = mirror.get(path)
    assert got.headers["content-type"] == "text/html; charset=utf-8"
    policy = got.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'")
    assert "unsafe" not in policy
    assert got.headers["x-content-type-options"] == "nosniff"
    assert len(got.body) < 50_000
    links = Links(got.body)
    assert links.odd == []
    assert [one for one in links.found if re.match(r"[a-z]+:|/", one)] == []


def test_the_style_sheet_may_be_kept_for_ever_and_another_one_has_another_name(mirror: MirrorServer) -> None:
    [name] = re.findall(r"web/style-[0-9a-f]{16}\.css", mirror.get("/").body.decode())
    got = mirror.get(f"/{name}")
    assert (got.status, got.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in got.headers["cache-control"]
    assert mirror.get("/web/style-0000000000000000.css").status == 404
    assert mirror.get("/web/../templates/base.html").status == 404


def test_the_first_page_has_a_line_for_each_tool_and_the_address_that_was_asked(mirror: MirrorServer) -> None:
    text = mirror.get("/?date=2023-06-01", Host="mirror.example:8417").body.decode()
    index = "http://mirror.example:8417/2023-06-01/simple/"
    for line in (
        f"pip install --index-url {index} --trusted-host mirror.example:8417 -r requirements.txt",
        f"uv pip install --default-index {index} -r requirements.txt",
        f"url = &#34;{index}&#34;",
        f"PDM_PYPI_URL={index} pdm install",
        f"ENV PIP_INDEX_URL={index}",
        f"index-url = {index}",
    ):
        assert line in text
    secure = mirror.get("/", Host="mirror.example", X_Forwarded_Proto="https").body.decode()
    assert "https://mirror.example/" in secure
    assert "--trusted-host" not in secure
    assert "evil" not in mirror.get("/", Host='evil"><script>').body.decode()


def test_the_state_says_which_database_and_where_files_are(mirror: MirrorServer) -> None:
    state = json.loads(mirror.get("/state.json").body)
    database = "PostgreSQL" if ON_POSTGRESQL else "SQLite"
    assert (state["database"], state["files_place"].partition("://")[0]) == (database, "s3" if IN_S3 else "disk")
    page = mirror.get("/state").body.decode()
    assert f", in {database}</dd>" in page
    assert ("in s3://" if IN_S3 else "on the disk of this machine") in page
    assert str(mirror.directory) not in page


def test_the_form_of_the_first_page_leads_to_the_project_and_nowhere_else(mirror: MirrorServer) -> None:
    got = mirror.get("/?project=Demo&date=2023-06-01")
    assert (got.status, got.headers["location"]) == (303, "projects/demo?date=2023-06-01")
    for name in ("//evil.example", "https://evil.example", "..%2F..", "a%0d%0aX: y"):
        assert mirror.get(f"/?project={name}".replace(" ", "%20")).status == 404


def test_coverage_of_a_day_is_counted(mirror: MirrorServer) -> None:
    assert json.loads(mirror.get("/index.json?date=2023-06-01").body)["coverage"]["there"] == 0
    mirror.get("/2023-07-01/simple/demo/")
    view = json.loads(mirror.get("/index.json?date=2023-06-02").body)
    assert view["coverage"] == {"there": 1, "observed": 0, "computed": 1, "closed": 1, "frozen": []}
    assert view["health"]["alive"]
    assert json.loads(mirror.get("/index.json?date=2023-06-02T12:00:00Z").body)["coverage"] is None
    assert "counted for whole days" in mirror.get("/?date=2023-06-02T12:00:00Z").body.decode()


def test_a_project_at_a_date_has_what_was_there_and_what_came_later(mirror: MirrorServer) -> None:
    view = json.loads(mirror.get("/projects/demo.json?date=2023-06-01").body)
    assert [(one["version"], one["standing"], one["files"]) for one in view["versions"]] == [
        ("1.0", "there", 2),
        ("2.0", "later", 0),
    ]
    assert (view["newest"], view["status"], view["coverage"], view["closed"]) == (
        "1.0",
        "active",
        "computed",
        True,
    )
    assert view["lines"][0]["text"].endswith("/2023-06-01/simple/ demo==1.0")
    page = mirror.get("/projects/demo?date=2023-06-01").body.decode()
    assert "came later" in page
    assert "computed" in page
    assert re.search(r'<tr class="later">\s*<th scope="row"><a href="demo/2.0\?date=2023-06-01">2.0</a>', page)
    assert '<path class="there" d="M' in page


def test_what_was_yanked_and_deleted_since_is_told_with_when_it_was_seen(
    upstream: IndexServer, tmp_path: Path
) -> None:
    begun = datetime.now(UTC).isoformat(timespec="seconds")[:19]
    upstream.add("demo", make_sdist("demo", "1.5"), upload_time="2023-05-20T10:00:00+00:00")
    with MirrorServer(tmp_path / "mirror", interval=1, settling=0, pypi=upstream.index_url) as mirror:
        mirror.get("/live/simple/demo/")
        project = upstream.add_project("demo")
        del project.files[make_sdist("demo", "1.5").filename]
        for one in [OLD, make_sdist("demo", "1.0")]:
            upstream.add("demo", one, upload_time="2023-05-01T10:00:00+00:00", yanked="<b>broken</b> & bad")
        mirror.get("/live/simple/demo/")
        view = json.loads(mirror.get("/projects/demo.json?date=2023-06-01").body)
        rows = {one["version"]: one for one in view["versions"]}
        assert {name: one["standing"] for name, one in rows.items()} == {
            "2.0": "later",
            "1.5": "gone-since",
            "1.0": "yanked-since",
        }
        assert rows["1.0"]["reason"] == "<b>broken</b> & bad"
        assert rows["1.5"]["since"] >= begun
        page = mirror.get("/projects/demo?date=2023-06-01").body.decode()
        assert "&lt;b&gt;broken&lt;/b&gt; &amp; bad" in page
        now = json.loads(mirror.get("/projects/demo.json").body)
        assert {one["version"]: one["standing"] for one in now["versions"]} == {
            "2.0": "there",
            "1.5": "gone",
            "1.0": "yanked",
        }
        [old, _] = json.loads(mirror.get("/projects/demo/1.0.json?date=2023-06-01").body)["files"]
        assert (old["standing"], old["known"], old["sha256"]) == ("yanked-since", "computed", OLD.sha256)
        assert mirror.get(f"/{old['path']}").body == OLD.content
        diff = json.loads(mirror.get("/diff.json?project=demo&before=2023-06-01&after=2024-12-31").body)
        assert [(one["filename"], one["change"]) for one in diff["changes"]] == [
            ("demo-2.0-py3-none-any.whl", "added")
        ]
        assert (diff["newest_before"], diff["newest_after"], diff["added"]) == ("1.5", "2.0", 1)


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/projects/demmo", 404, "demmo is not on pypi"),
        ("/projects/-odd-", 404, "is no name of a project"),
        ("/projects/demo?date=2300-01-01", 404, "2300-01-01 is still to come"),
        ("/projects/demo?date=yesterday", 404, "is not a date"),
        ("/projects/demo?date=7d", 404, "is no day, no instant and not live"),
        ("/projects/demo?registry=other", 404, "no registry is called"),
        ("/projects/demo?page=000000001" + "0" * 4400, 404, "is no number of a page"),
        ("/projects/demo?page=0", 404, "is no number of a page"),
        ("/projects/demo/9.9", 404, "pypi has never had demo 9.9"),
        ("/diff?project=demo&before=2300-01-01", 404, "is still to come"),
        ("/state?x=1", 200, "Sync and store"),
    ],
)
def test_what_is_not_there_is_said_on_a_page_and_in_its_twin(
    mirror: MirrorServer, path: str, status: int, says: str
) -> None:
    mirror.get("/live/simple/demo/")
    got = mirror.get(path)
    assert (got.status, says in got.body.decode().replace("&#39;", "'")) == (status, True), got.body
    if status == 404:
        twin = re.sub(r"\?|$", ".json?", path, count=1)
        problem = mirror.get(twin)
        assert (problem.status, problem.headers["content-type"]) == (404, "application/problem+json")
        assert says in json.loads(problem.body)["detail"]


def test_a_typing_error_is_answered_by_the_name_that_is_nearly_the_same(mirror: MirrorServer) -> None:
    mirror.get("/live/simple/demo/")
    problem = json.loads(mirror.get("/projects/demmo.json?date=2023-06-01").body)
    assert problem["suggestions"] == ["demo"]
    page = mirror.get("/projects/demmo?date=2023-06-01").body.decode()
    assert '<a href="../projects/demo?date=2023-06-01">demo</a>?' in page


def test_another_spelling_leads_to_the_one_address(mirror: MirrorServer) -> None:
    got = mirror.get("/projects/De.Mo?date=2023-06-01")
    assert (got.status, got.headers["location"]) == (301, "de-mo?date=2023-06-01")
    assert mirror.get("/projects/De.Mo.json").headers["location"] == "de-mo.json"


def test_before_its_first_file_a_project_was_not_there_and_an_upstream_that_is_down_is_told(
    upstream: IndexServer, mirror: MirrorServer
) -> None:
    view = json.loads(mirror.get("/projects/demo.json?date=2020-01-01").body)
    assert (view["status"], view["newest"], view["counts"]["later"]) == ("not-yet", None, 2)
    upstream.script("/simple/fresh/", [Fault.status(503)] * 9)
    got = mirror.get("/projects/fresh")
    assert got.status == 502
    assert b"<h1>Bad Gateway</h1>" in got.body


@pytest.fixture
def private(upstream: IndexServer, tmp_path: Path) -> Iterator[MirrorServer]:
    with IndexServer(credentials=ANNA) as team:
        team.add("ours", make_wheel("ours", "1.0"), upload_time="2023-05-01T10:00:00+00:00")
        with MirrorServer(
            tmp_path / "mirror", private=("team",), pypi=upstream.index_url, team=team.index_url
        ) as mirror:
            yield mirror


@pytest.mark.parametrize(
    "path",
    ["/projects/ours", "/projects/ours.json", "/projects/ours/1.0", "/diff.json?project=ours&before=2023-06-01"],
)
def test_a_stranger_sees_nothing_of_a_private_registry(private: MirrorServer, path: str) -> None:
    path += "&registry=team" if "?" in path else "?registry=team"
    private.get("/r/team/live/simple/ours/", login=ANNA)
    nobody = private.get(path)
    assert nobody.status == 401
    assert nobody.headers["www-authenticate"].startswith('Basic realm="registry"')
    assert private.get(path, login=BERT).status == 403
    anna = private.get(path, login=ANNA)
    assert (anna.status, anna.headers["cache-control"]) == (200, "private, no-store")
    assert private.get(path).status == 401


def test_what_is_counted_leaves_private_registries_out(private: MirrorServer) -> None:
    private.get("/r/team/live/simple/ours/", login=ANNA)
    home = json.loads(private.get("/index.json?registry=team").body)
    assert home["coverage"] is None
    state = json.loads(private.get("/state.json").body)
    assert {"name": "team", "private": True, "projects": None, "followed": None} in state["registries"]
    assert [state[one] for one in ("files", "looks", "due", "to_rescue", "lost")] == [0, 0, 0, 0, 0]
    assert "ours" not in private.get("/state").body.decode()
    missing: Any = json.loads(private.get("/projects/our.json?registry=team", login=ANNA).body)
    assert missing.get("suggestions") is None


def test_where_only_what_was_observed_counts_nothing_else_is_shown(upstream: IndexServer, tmp_path: Path) -> None:
    rules = Rules(observed_only=True)
    with MirrorServer(tmp_path / "mirror", rules=rules, pypi=upstream.index_url) as mirror:
        got = mirror.get("/projects/demo?date=2023-06-01")
        assert (got.status, "only what was observed is shown" in got.body.decode()) == (409, True)
        assert mirror.get("/projects/demo").status == 200
        pins = json.loads(mirror.get("/locks/diff.json?pins=demo==1.0&before=2023-06-01").body)["pins"]
        assert (pins[0]["verdict"], pins[0]["notes"]) == ("unknown", ["nobody had looked by then"])


def test_installers_are_answered_as_before(mirror: MirrorServer) -> None:
    assert mirror.get("/projects/simple/", Accept=JSON).status == 404
    assert mirror.get("/2023-06-01/simple/demo/", Accept=JSON).status == 200


def test_a_person_at_no_address_gets_a_page_and_a_program_a_problem(
    mirror: MirrorServer,
) -> None:
    page = mirror.get("/nothing/here", Accept="text/html,application/xhtml+xml,*/*;q=0.8")
    assert (page.status, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert b'<a href="../">The first page</a>' in page.body
    for accept in ("*/*", "application/vnd.pypi.simple.v1+json, text/html; q=0.01"):
        problem = mirror.get("/nothing/here", Accept=accept)
        assert (problem.status, problem.headers["content-type"]) == (404, "application/problem+json")


def test_a_page_too_far_is_told_so(mirror: MirrorServer) -> None:
    assert b"there is no page 9999999" in mirror.get("/projects/demo?page=9999999").body
    assert b"they begin with 1" in mirror.get("/projects/demo?page=0").body


def test_the_line_of_time_is_called_after_the_first_version(mirror: MirrorServer) -> None:
    assert b"Versions from 2023-05-01 to " in mirror.get("/projects/demo").body
