"""Who of all machines downloads a file, where the history that they share says no, or nothing."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from cachi2ish.errors import StorageError
from cachi2ish.mirror.held.claims import Claims


class Agreement:
    """What machines agree by. held: claims of other ones. answers_after: seconds, by the clock of the test."""

    def __init__(self) -> None:
        self.now = 0.0
        self.held: set[str] = set()
        self.mine: set[str] = set()
        self.is_away = False
        self.answers_after = 0.0
        self.asked = 0

    def try_claim_file(self, key: str) -> bool:
        self._answer()
        if key in self.held:
            return False
        self.mine.add(key)
        return True

    def leave_file(self, key: str) -> bool:
        self._answer()
        was_mine = key in self.mine
        self.mine.discard(key)
        return was_mine

    def _answer(self) -> None:
        self.asked += 1
        self.now += self.answers_after
        if self.is_away:
            raise StorageError("the history cannot be used")


@pytest.fixture
def agreement() -> Agreement:
    return Agreement()


@pytest.fixture
def claims(agreement: Agreement, tmp_path: Path) -> Claims:
    return Claims(tmp_path / "downloads", agreement, lambda: agreement.now)


def not_to_wait(_key: str) -> None:
    raise AssertionError("somebody waits")


def take(claims: Claims, agreement: Agreement, key: str = "a") -> bool:
    """Hold a claim for a moment; return whether it was one among all machines."""
    with claims.holding(key, not_to_wait) as claim, claim.among_machines():
        return key in agreement.mine


def test_a_claim_is_asked_for_where_it_is_needed_and_given_back(claims: Claims, agreement: Agreement) -> None:
    with claims.holding("a", not_to_wait) as claim:
        assert agreement.asked == 0  # what the shared store has is read without
        with suppress(ZeroDivisionError), claim.among_machines():
            assert agreement.mine == {"a"}
            raise ZeroDivisionError
        assert agreement.mine == set()


def test_what_another_machine_downloads_is_waited_for(claims: Claims, agreement: Agreement) -> None:
    agreement.held.add("a")
    waited = []

    def wait(noted: str) -> None:
        waited.append(noted)
        agreement.held.clear()

    with claims.holding("a", wait) as claim, claim.among_machines():
        assert agreement.mine == {"a"}
    assert set(waited) == {""}


def test_without_an_answer_the_file_is_downloaded(
    claims: Claims, agreement: Agreement, caplog: pytest.LogCaptureFixture
) -> None:
    agreement.is_away = True
    assert not take(claims, agreement)
    assert "a is downloaded without asking other machines" in caplog.text
    agreement.is_away = False
    assert take(claims, agreement)


def test_a_database_that_lets_callers_wait_delays_one_download_and_not_all(
    claims: Claims, agreement: Agreement
) -> None:
    agreement.is_away, agreement.answers_after = True, 5.0
    for key in "abcd":
        assert not take(claims, agreement, key)
    assert agreement.asked == 1
    agreement.is_away, agreement.answers_after = False, 0.0
    agreement.now += 11.0
    assert take(claims, agreement)
    assert take(claims, agreement)


def test_a_claim_that_was_lost_with_its_connection_is_told(
    claims: Claims, agreement: Agreement, caplog: pytest.LogCaptureFixture
) -> None:
    with claims.holding("a", not_to_wait) as claim, claim.among_machines():
        agreement.mine.clear()
    assert "another machine may have downloaded a too" in caplog.text
    with claims.holding("a", not_to_wait) as claim, claim.among_machines():
        agreement.is_away = True
    assert caplog.text.count("another machine may have downloaded a too") == 2
