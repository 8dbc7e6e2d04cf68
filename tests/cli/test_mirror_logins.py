"""``cachi2ish mirror sync``: registries that are not named again, and those that want a login."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cachi2ish.exit_codes import ExitCode
from tests.cli.conftest import Person
from tests.support.distributions import make_sdist
from tests.support.index_server import Answer, IndexServer
from tests.support.mirror_keeper import Keeper

OURS = make_sdist("ours", "1.0")


class HidingIndex(IndexServer):
    """An index that has nothing for a stranger, as many have, and all for one token."""

    def answer(self, method: str, target: str, headers: Mapping[str, str], connection: int) -> Answer:
        answer = super().answer(method, target, headers, connection)
        return answer if headers.get("authorization") == "Bearer ours" else Answer(404)


class Team(Keeper):
    """Keepers of a mirror of an index that wants a token, called team."""

    def page(self, project: str) -> str:
        return self.runs("diff", project, "2020-01-01", "2024-06-01", "--index", "team").out


@pytest.fixture
def team() -> Iterator[IndexServer]:
    with HidingIndex() as index:
        index.add("ours", OURS, upload_time=datetime(2024, 1, 1, tzinfo=UTC))
        yield index


@pytest.fixture
def keeper(person: Person, tmp_path: Path) -> Team:
    person.index.add("pear", make_sdist("pear", "1.0"), upload_time=datetime(2024, 1, 1, tzinfo=UTC))
    found = Team(person, tmp_path / "mirror")
    found.runs("track", "pear")
    return found


def test_a_registry_that_was_named_once_is_looked_at_when_it_is_not_named_again(keeper: Team) -> None:
    index = f"{keeper.person.index.index_url}"
    keeper.runs("sync", "--registry", f"pypi={index}", "--registry", f"other={index}")
    keeper.runs("track", "pear", "--index", "other")
    done = keeper.runs("sync")
    assert "looked 1 time\n" in done.err
    assert keeper.status()["files"] == 2


def test_the_token_in_a_file_is_sent_and_kept_nowhere(keeper: Team, team: IndexServer, tmp_path: Path) -> None:
    (tmp_path / "team.token").write_text("ours\n")
    config = tmp_path / "config.toml"
    config.write_text(
        f'mirror-registry = {{pypi = "{keeper.person.index.index_url}", team = "{team.index_url}"}}\n'
        'mirror-registry-token = {team = "team.token"}\n'
    )
    keeper.runs("sync", "--config-file", config)
    keeper.runs("track", "ours", "--index", "team")
    keeper.runs("sync", "--config-file", config)
    assert OURS.filename in keeper.page("ours")
    assert not any("authorization" in one.headers for one in keeper.person.index.requests)
    kept = [path.read_bytes() for path in keeper.directory.rglob("*") if path.is_file()]
    assert not any(b"Bearer" in content for content in kept)


def test_a_registry_that_hides_from_a_stranger_deletes_nothing(
    keeper: Team, team: IndexServer, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("ours\n")
    named = ("--registry", f"pypi={keeper.person.index.index_url}", "--registry", f"team={team.index_url}")
    keeper.runs("sync", *named)
    keeper.runs("track", "ours", "--index", "team")
    keeper.runs("sync", *named, "--registry-token", f"team={token}")
    before = keeper.page("ours")
    keeper.runs("prune", "ours", "--index", "team")
    keeper.runs("track", "ours", "--index", "team")
    outcome = keeper.runs("sync")
    assert "team does not show some of its projects" in outcome.err
    assert keeper.page("ours") == before
    assert OURS.filename in before


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "has no token"),
        ("one\ntwo\n", "has more than one token"),
        ("a b\n", "has no token"),
        (None, "does not"),
    ],
)
def test_a_file_without_one_token_is_refused(keeper: Team, tmp_path: Path, content: str | None, says: str) -> None:
    if content is not None:
        (tmp_path / "token").write_text(content)
    options = ("--registry", "team=https://host.example/simple/", "--registry-token", f"team={tmp_path / 'token'}")
    assert says in keeper.runs("sync", *options, code=ExitCode.INPUT).err


def test_a_registry_has_one_login(keeper: Team) -> None:
    options = ("--registry", "team=https://user@host.example/simple/", "--registry-token", "team=token")
    assert "has a login already" in keeper.runs("sync", *options, code=ExitCode.USAGE).err
