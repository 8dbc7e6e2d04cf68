"""Warnings that an earlier run has found are not looked for again where they follow from the same facts."""

from __future__ import annotations

from collections.abc import Iterable

from cachi2ish.services.remembered_warnings import remembered_warnings
from tests.services.fakes import FakeRecollection

NOT_UTF8 = "app\udcffle-1.0.tar.gz"


class Finder:
    """Finds the same warnings each time, and counts how often."""

    def __init__(self, *warnings: str) -> None:
        self._warnings, self.calls = warnings, 0

    def __call__(self) -> Iterable[str]:
        self.calls += 1
        return self._warnings


def test_warnings_are_found_once_for_the_same_facts() -> None:
    memory, find = FakeRecollection(), Finder("apple lacks a pip", "pear lacks a pip")
    found = [remembered_warnings(memory, "pips", ("1", ["apple", "pear"]), find) for _ in range(3)]
    assert found == [("apple lacks a pip", "pear lacks a pip")] * 3
    assert find.calls == 1


def test_that_there_is_nothing_to_warn_of_is_remembered() -> None:
    memory, find = FakeRecollection(), Finder()
    assert [remembered_warnings(memory, "pips", ("1",), find) for _ in range(2)] == [(), ()]
    assert find.calls == 1


def test_other_facts_another_rule_and_another_kind_are_looked_at() -> None:
    memory, find = FakeRecollection(), Finder("a warning")
    for kind, known_by in (
        ("pips", ("1", "a")),
        ("pips", ("1", "b")),
        ("pips", ("2", "a")),
        ("builds", ("1", "a")),
    ):
        remembered_warnings(memory, kind, known_by, find)
    assert find.calls == 4


def test_a_name_that_is_not_utf8_is_warned_of_in_each_run() -> None:
    memory, find = FakeRecollection(), Finder(f"{NOT_UTF8} is built with a pip")
    found = [remembered_warnings(memory, "builds", (("1", NOT_UTF8), NOT_UTF8), find) for _ in range(2)]
    assert found == [(f"{NOT_UTF8} is built with a pip",)] * 2
    assert find.calls == 2
