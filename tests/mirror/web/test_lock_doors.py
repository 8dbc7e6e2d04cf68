"""Locks that people send: what is said of their pins, and to whom their names are told."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from cachi2ish.mirror.application import Rules
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.web import past_desk
from tests.mirror.server.conftest import OLD, SDIST
from tests.mirror.web.test_openapi import fits
from tests.support.distributions import make_sdist
from tests.support.histories import history_at
from tests.support.index_server import IndexServer
from tests.support.mirror_server import Got, MirrorServer

ANNA = ("anna", "s3cret")

MULTIPART = "multipart/form-data; boundary=a-boundary"


@pytest.fixture
def mirror(mirror: MirrorServer) -> MirrorServer:
    """One that knows demo."""
    know(mirror, "demo")
    return mirror


def know(mirror: MirrorServer, *projects: str) -> None:
    for name in projects:
        mirror.get(f"/live/simple/{name}/")


def form(file: tuple[str, bytes] | None = None, **fields: str) -> bytes:
    part = 'Content-Disposition: form-data; name="{}"\r\n\r\n{}'
    parts = [part.format(name, value).encode() for name, value in fields.items()]
    if file is not None:
        head = f'Content-Disposition: form-data; name="file"; filename="{file[0]}"\r\nContent-Type: text/x\r\n\r\n'
        parts.append(head.encode() + file[1])
    joined = b"".join(b"--a-boundary\r\n%s\r\n" % part for part in parts)
    return joined + b"--a-boundary--\r\n"


def send(
    mirror: MirrorServer, path: str, body: bytes, content_type: str = MULTIPART, site: str = "same-origin"
) -> Got:
    return mirror.get(path, method="POST", body=body, Content_Type=content_type, Sec_Fetch_Site=site)


def answer(mirror: MirrorServer, path: str, name: str, text: str, **fields: str) -> Any:
    got = send(mirror, path, form((name, text.encode()), **fields))
    fits(path, got.status, got.headers["content-type"], got.body, "post")
    assert got.status == 200, got.body
    return json.loads(got.body)


PYLOCK = f"""\
lock-version = "1.0"
created-by = "hand"
[[packages]]
name = "demo"
version = "1.0"
[[packages.wheels]]
url = "https://files.example/{OLD.filename}"
hashes = {{sha256 = "{OLD.sha256}"}}
"""


def test_what_changed_for_each_pin_is_told_with_what_needs_a_look_first(
    upstream: IndexServer, tmp_path: Path
) -> None:
    for number in (1, 2):
        upstream.add("calm", make_sdist("calm", f"{number}.0"), upload_time=f"202{number}-05-01T10:00:00+00:00")
    upstream.add("still", make_sdist("still", "1.0"), upload_time="2021-05-01T10:00:00+00:00")
    with MirrorServer(tmp_path / "mirror", interval=1, settling=0, pypi=upstream.index_url) as mirror:
        know(mirror, "demo", "calm", "still", "nothing-here")
        for one in (OLD, SDIST):
            upstream.add(
                "demo", one, upload_time="2023-05-01T10:00:00+00:00", requires_python=">=3.8", yanked="broken"
            )
        mirror.get("/live/simple/demo/")
        lock = "calm==1.0\ndemo==1.0\nstill==1\nnothing-here==3\n"
        view = answer(mirror, "/locks/diff.json", "requirements.txt", lock, before="2021-06-01")
        told = {
            one["project"]: (one["verdict"], one["newest_before"], one["newest_after"]) for one in view["pins"]
        }
        assert told == {
            "demo": ("changed", None, "2.0"),
            "nothing-here": ("unknown", None, None),
            "calm": ("newer", "1.0", "2.0"),
            "still": ("same", "1.0", "1.0"),
        }
        assert [one["project"] for one in view["pins"]] == ["demo", "nothing-here", "calm", "still"]
        assert view["pins"][0]["notes"][0] == "the project was not-yet, and is active"
        later = answer(mirror, "/locks/diff.json", "requirements.txt", "demo==1.0\n", before="2023-06-01")
        assert later["pins"][0]["notes"] == ["yanked: broken", "requires-python: any, then >=3.8"]
        page = send(mirror, "/locks/diff", form(("requirements.txt", lock.encode()), before="2021-06-01"))
        assert (page.status, page.headers["cache-control"]) == (200, "private, no-store")
        assert len(page.body) < 50_000
        again = mirror.get("/locks/diff.json" + view["query"])
        assert json.loads(again.body)["pins"] == view["pins"]
        never = "/locks/diff?pins=calm==99,still==1&before=2023-01-01&after=2021-06-01"
        assert b"0 changed, 0 with older versions only, 1 the same, 1 never there" in mirror.get(never).body
        backwards = mirror.get("/locks/diff?pins=calm==1.0&before=2023-01-01&after=2021-06-01").body
        assert b"1 with older versions only" in backwards
        assert b"older there" in backwards


def test_since_when_a_set_is_there_is_when_its_last_pin_came(upstream: IndexServer, mirror: MirrorServer) -> None:
    upstream.add("other", make_sdist("other", "3.0"), upload_time="2022-05-01T10:00:00+00:00")
    know(mirror, "other")
    view = answer(mirror, "/locks/since.json", "requirements.txt", "demo==1\nother==3.0\n")
    assert (view["since"], view["day"], view["deciding"]) == (
        "2023-05-01T10:00:00.000001Z",
        "2023-05-01",
        ["demo"],
    )
    assert [(one["project"], one["since"]) for one in view["pins"]] == [
        ("demo", "2023-05-01T10:00:00Z"),
        ("other", "2022-05-01T10:00:00Z"),
    ]
    index = f"{mirror.url}/2023-05-01/simple/"
    assert view["lines"][0]["text"] == f"pip install --index-url {index} -r requirements.txt"
    missing = answer(mirror, "/locks/since.json", "requirements.txt", "demo==1.0\nother==9\n")
    assert (missing["since"], missing["missing"], missing["lines"]) == (None, ["other"], [])


@pytest.mark.parametrize("path", ["/locks/diff", "/locks/diff.json", "/locks/since", "/locks/since.json"])
def test_names_of_which_nothing_is_known_are_told_to_no_registry_and_written_nowhere(
    upstream: IndexServer, mirror: MirrorServer, path: str
) -> None:
    upstream.add("other", make_sdist("other", "3.0"), upload_time="2022-05-01T10:00:00+00:00")
    before, asked = mirror.get("/state.json").body, len(upstream.requests)
    text = "secret-thing-of-ours==1\nother==3.0\n"
    got = send(mirror, path, form(("requirements.txt", text.encode())))
    assert (got.status, b"nothing is known of it here" in got.body) == (200, True)
    mirror.get(f"{path}?pins=secret-thing-of-ours==1,other==3.0")
    assert len(upstream.requests) == asked
    with SqlHistory(history_at(mirror.directory / "history.sqlite")) as history:
        assert history.status(0).followed == {"pypi": 1}
        assert history.pasts.alike("pypi", canonicalize_name("secret-thing-of-our"), 5) == ()
    assert json.loads(before)["looks"] == json.loads(mirror.get("/state.json").body)["looks"]


def test_a_set_with_something_unknown_is_not_said_to_have_been_there_never(mirror: MirrorServer) -> None:
    view = answer(mirror, "/locks/since.json", "requirements.txt", "demo==1.0\nother==3.0\n")
    assert (view["since"], view["missing"], view["unknown"], view["lines"]) == (None, [], ["other"], [])
    page = send(mirror, "/locks/since", form(("requirements.txt", b"demo==1.0\nother==3.0\n"))).body
    assert b"It is not known since when all 2 pins are there" in page


def test_a_project_that_was_looked_at_long_ago_is_looked_at_again(
    upstream: IndexServer, mirror: MirrorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.add("demo", make_sdist("demo", "3.0"), upload_time="2024-05-01T10:00:00+00:00")
    assert answer(mirror, "/locks/since.json", "requirements.txt", "demo==3.0\n")["since"] is None
    monkeypatch.setattr(past_desk, "REFRESHED_AFTER", 0)
    view = answer(mirror, "/locks/since.json", "requirements.txt", "demo==3.0\n")
    assert view["since"] is not None


def test_where_only_what_was_observed_counts_a_pin_is_there_since_the_first_look(
    upstream: IndexServer, tmp_path: Path
) -> None:
    begun = datetime.now(UTC).isoformat()[:19]
    with MirrorServer(tmp_path / "mirror", rules=Rules(observed_only=True), pypi=upstream.index_url) as mirror:
        know(mirror, "demo")
        view = answer(mirror, "/locks/since.json", "requirements.txt", "demo==1.0\n")
        assert view["since"] >= begun
        assert view["pins"][0]["since"] >= begun
        for line in view["lines"][:1]:
            assert f"/{view['day'] or view['since']}/simple/" in line["text"]
        assert mirror.get("/2023-06-01/simple/demo/").status == 409


@pytest.mark.parametrize("path", ["/locks/diff.json", "/locks/since.json"])
def test_a_lock_of_a_private_registry_is_answered_to_those_whom_it_lets_in(
    upstream: IndexServer, tmp_path: Path, path: str
) -> None:
    with IndexServer(credentials=ANNA) as team:
        team.add("ours", make_sdist("ours", "1.0"), upload_time="2023-05-01T10:00:00+00:00")
        with MirrorServer(
            tmp_path / "mirror", private=("team",), pypi=upstream.index_url, team=team.index_url
        ) as mirror:
            asked = f"{path}?pins=ours==1.0&registry=team"
            assert [mirror.get(asked).status, mirror.get(asked, login=("bert", "other")).status] == [401, 403]
            got = mirror.get(asked, login=ANNA)
            assert (got.status, got.headers["cache-control"]) == (200, "private, no-store")
            assert json.loads(got.body)["pins"][0]["project"] == "ours"
            assert [mirror.get(asked).status, mirror.get(asked, login=("bert", "other")).status] == [401, 403]


def test_a_digest_decides_which_file_had_to_be_there(mirror: MirrorServer) -> None:
    lock = f"demo==1.0 --hash=sha256:{SDIST.sha256}\n"
    assert answer(mirror, "/locks/since.json", "requirements.txt", lock)["since"] == "2023-05-01T10:00:01.000001Z"
    other = f"demo==1.0 --hash=sha256:{'0' * 64}\n"
    view = answer(mirror, "/locks/since.json", "requirements.txt", other)
    assert view["pins"][0]["note"] == "none of its files has a digest that the lock allows"


def test_what_was_gone_before_the_last_came_was_never_there_at_once(upstream: IndexServer, tmp_path: Path) -> None:
    begun = datetime.now(UTC).isoformat(timespec="seconds")[:19]
    upstream.add("short", make_sdist("short", "1.0"), upload_time="2022-05-01T10:00:00+00:00")
    with MirrorServer(tmp_path / "mirror", interval=1, settling=0, pypi=upstream.index_url) as mirror:
        mirror.get("/live/simple/short/")
        upstream.add("short", make_sdist("short", "2.0"), upload_time="2023-05-01T10:00:00+00:00")
        del upstream.add_project("short").files["short-1.0.tar.gz"]
        mirror.get("/live/simple/short/")
        upstream.add("late", make_sdist("late", "1.0"), upload_time="2200-01-01T00:00:00+00:00")
        know(mirror, "late")
        view = answer(mirror, "/locks/since.json", "requirements.txt", "short==1.0\nlate==1.0\n")
        assert (view["since"], view["missing"]) == (None, ["short"])
        alone = answer(mirror, "/locks/since.json", "requirements.txt", "short==1.0\n")
        assert alone["since"] == "2022-05-01T10:00:00.000001Z"
        assert alone["pins"][0]["until"] >= begun


@pytest.mark.parametrize("name", ["pylock.toml", "C:\\work\\pylock.dev.toml"])
def test_any_lock_that_is_known_may_be_sent(mirror: MirrorServer, name: str) -> None:
    view = answer(mirror, "/locks/since.json", name.replace("\\", "\\\\"), PYLOCK)
    assert (view["since"], view["others"]) == ("2023-05-01T10:00:00.000001Z", [])


def test_lines_may_be_written_instead_of_a_file(mirror: MirrorServer) -> None:
    body = b"pins=demo%3D%3D1.0&before=2023-06-01&after="
    got = send(mirror, "/locks/diff.json", body, content_type="application/x-www-form-urlencoded")
    assert json.loads(got.body)["pins"][0]["verdict"] == "newer"
