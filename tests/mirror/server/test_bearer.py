"""Registries that let in who has a token (RFC 6750): it goes to its registry and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from cachi2ish.core.urls import BEARER, Address
from cachi2ish.mirror.upstream import Login
from tests.support.distributions import make_wheel
from tests.support.index_server import Answer, IndexServer
from tests.support.mirror_server import MirrorServer

PAGE = "/r/team/2023-06-01/simple/ours/"
OURS = make_wheel("ours", "1.0")
TOKEN = "ab-c.d_e~f+g/h=="
FILE = f"/files/{OURS.sha256}/{OURS.filename}"


class BearerIndex(IndexServer):
    """An index that lets one token in."""

    def answer(self, method: str, target: str, headers: Mapping[str, str], connection: int) -> Answer:
        answer = super().answer(method, target, headers, connection)
        return answer if headers.get("authorization") == f"Bearer {TOKEN}" else Answer(401)


@pytest.fixture
def team() -> Iterator[IndexServer]:
    with BearerIndex() as index:
        index.add("ours", OURS, upload_time="2023-05-01T10:00:00+00:00")
        yield index


def test_the_token_of_a_client_opens_its_registry_alone(
    team: IndexServer, upstream: IndexServer, tmp_path: Path
) -> None:
    right, wrong = f"Bearer {TOKEN}", "Bearer another"
    with MirrorServer(
        tmp_path / "mirror", private=("team",), pypi=upstream.index_url, team=team.index_url
    ) as mirror:
        stranger = mirror.get(PAGE)
        assert (stranger.status, "Bearer" in stranger.headers["www-authenticate"]) == (401, True)
        assert mirror.get(PAGE, Authorization=wrong).status == 403
        assert mirror.get(PAGE, login=("any", TOKEN)).status == 403
        assert mirror.get(PAGE, Authorization=right).status == 200
        assert mirror.get(FILE, Authorization=wrong).status == 403
        assert mirror.get(FILE, Authorization=f"bearer  {TOKEN}").body == OURS.content
        assert mirror.get("/2023-06-01/simple/demo/", Authorization=right).status == 200
    assert not any("authorization" in one.headers for one in upstream.requests)
    kept = [path.read_bytes() for path in (tmp_path / "mirror").rglob("*") if path.is_file()]
    assert not any(TOKEN.encode() in content for content in kept)


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer a b", "Bearer a\u00e9", "Digest abc", "", None])
def test_what_is_no_token_is_no_login(header: str | None) -> None:
    assert Login.of(header) is None


def test_no_address_shows_the_token_that_is_in_it() -> None:
    address = Address("https://user@host.example/simple/").with_login(BEARER, TOKEN)
    assert f"{address} {address!r}" == "https://host.example/simple/ Address('https://host.example/simple/')"
