"""Structs that are not printed, or not compared, by all of their fields."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from cachi2ish.core.artifacts import Blob
from cachi2ish.core.cutoff import Cutoff
from cachi2ish.git.command import Access, GitCommand
from cachi2ish.git.remotes import Credential
from cachi2ish.http.interface import Response
from cachi2ish.lockfiles.interface import LockText
from cachi2ish.lockfiles.pip.pip_options import Option
from cachi2ish.settings.flags import Flags

T = datetime(2024, 10, 2, tzinfo=UTC)
BLOB = Blob(sha256="0" * 64, size=1, folder=Path("/cache"), inode=1)


@pytest.mark.parametrize(
    "one",
    [
        Response(status=200, url="https://user:s3cret@host/", headers={}, body=b"s3cret", packed=b"s3cret"),
        Access(config=(("http.extraHeader", "s3cret"),), environ={"TOKEN": "s3cret"}),
        GitCommand({"TOKEN": "s3cret"}, 1.0),
        Credential("https://host", "s3cret", "s3cret"),
        LockText("requirements.txt", "a @ https://user:s3cret@host/a.zip", ()),
        Option("--index-url", "https://user:s3cret@host/"),
        Flags(index_url="https://user:s3cret@host/"),
    ],
)
def test_what_may_hold_a_secret_is_not_printed(one: object) -> None:
    assert type(one).__name__ in repr(one)
    assert "s3cret" not in repr(one)
    assert "s3cret" not in str(one)


def test_fields_that_make_no_difference_make_none() -> None:
    moved = replace(BLOB, inode=None)
    assert moved == BLOB
    assert len({BLOB, moved}) == 1
    assert replace(BLOB, size=2) != BLOB
    assert BLOB != "blob"
    assert Cutoff(T, "2024-10-01") == Cutoff(T, "today")


def test_flags_know_their_names_and_do_not_change() -> None:
    flags = Flags(offline=True)
    with pytest.raises(TypeError, match="there is no ofline"):
        Flags(ofline=True)  # type: ignore[call-arg]
    with pytest.raises(AttributeError, match="offline does not change"):
        flags.offline = False  # type: ignore[misc]
    assert flags.replaced(dry_run=True) == Flags(offline=True, dry_run=True)
    assert flags != Flags()
    assert Flags(offline=None) == Flags()
