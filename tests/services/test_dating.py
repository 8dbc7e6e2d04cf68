"""Dating on its own: which date holds for which project, and what is said of dates."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from packaging.utils import canonicalize_name

from cachi2ish.core.as_of import Dating, MissingPolicy, PackageDates
from cachi2ish.core.cutoff import Cutoff
from cachi2ish.core.modes import Missing
from cachi2ish.errors import Cachi2ishError, InputError, leaves
from cachi2ish.lockfiles.interface import Lock
from cachi2ish.services.fetch.dating import announce, dates_of, unused_overrides, unused_policies
from cachi2ish.services.fetch.input.input_argument import read_input
from tests.core.one_project import pin
from tests.services.fakes import Notes

NOW = datetime(2025, 1, 15, 12, tzinfo=UTC)
OCTOBER, JUNE = (Cutoff.parse(text, NOW) for text in ("2024-10-01", "2024-06-01"))
FOO, BAR = canonicalize_name("Foo"), canonicalize_name("bar")
REFUSE, ALLOW = MissingPolicy(), MissingPolicy(Missing.ALLOW)


def dates(default: PackageDates = PackageDates(), **keys: object) -> PackageDates:  # noqa: B008  (frozen)
    request = read_input(json.dumps({"type": "pip", **keys}))
    return dates_of(request.packages[0], "the input, packages[0]", default, NOW)


def test_a_package_without_dates_has_those_of_the_settings() -> None:
    default = PackageDates(OCTOBER, ALLOW)
    assert dates(default) == default
    assert dates(default).of(FOO) == Dating(OCTOBER, ALLOW)


def test_what_the_input_says_is_stronger_than_the_settings() -> None:
    default = PackageDates(OCTOBER, ALLOW)
    assert dates(default, index_date="2024-06-01").of(FOO) == Dating(JUNE, ALLOW)
    assert dates(default, index_date=False).of(FOO) == Dating()
    assert dates(default, index_date_missing="refuse").of(FOO) == Dating(OCTOBER, REFUSE)


def test_a_date_of_a_project_is_stronger_than_the_one_of_its_package() -> None:
    found = dates(index_date="2024-10-01", index_date_overrides={"FOO": "2024-06-01", "bar": False})
    assert found.of(FOO) == Dating(JUNE)
    assert found.of(BAR) == Dating()
    assert found.of(canonicalize_name("other")) == Dating(OCTOBER)
    assert found.overrides == ((BAR, None), (FOO, JUNE))


def test_a_duration_counts_back_from_the_one_instant_of_the_run() -> None:
    assert dates(index_date="7 days").cutoff == Cutoff(NOW - timedelta(days=7))


def test_all_that_is_wrong_with_dates_is_raised_at_once() -> None:
    with pytest.raises(Cachi2ishError) as caught:
        dates(
            index_date="soon",
            index_date_overrides={"foo": "later", "Foo": "2024-06-01", "no name!": "2024-06-01"},
        )
    errors = leaves(caught.value)
    place = "the input, packages[0].index_date"
    assert [error.problem.startswith(f"{place}: ") for error in errors] == [True, False, False, False]
    assert [error.problem.removeprefix(f"{place}_overrides") for error in errors[2:]] == [
        ".Foo names foo a second time",
        ".no name!: 'no name!' is not the name of a project",
    ]
    assert all(isinstance(error, InputError) and error.hint for error in errors)


def test_a_date_of_a_project_that_nothing_pins_is_worth_a_warning() -> None:
    found = dates(index_date_overrides={"foo": "2024-06-01", "misspelt": False})
    locks = [Lock("requirements.txt", (pin(),))]
    assert list(unused_overrides(found, "here", locks)) == [
        "here.index_date_overrides: no pinned requirement is called misspelt"
    ]


def test_a_policy_for_an_index_that_is_not_asked_is_worth_a_warning() -> None:
    policy = MissingPolicy(by_index=(("i.test/simple", Missing.ALLOW), ("typo.test/simple", Missing.ALLOW)))
    assert list(unused_policies(policy, ["i.test/simple"])) == [
        "--index-date-missing names typo.test/simple, which is none of the indexes that are asked"
    ]


def announced(*packages: tuple[str, PackageDates], now: datetime = NOW) -> list[tuple[str, str]]:
    notes = Notes()
    announce(packages, now, notes)
    return notes.messages


def test_nothing_is_announced_where_there_is_no_date() -> None:
    assert announced((".", PackageDates()), ("b", PackageDates(overrides=((FOO, None),)))) == []


def test_each_instant_is_announced_once_however_many_packages_share_it() -> None:
    same = PackageDates(OCTOBER)
    line = "index date: 2024-10-01, that is, files uploaded before 2024-10-02T00:00:00Z count"
    assert announced((".", same), ("b", same)) == [("info", line)]


def test_packages_with_different_dates_are_named() -> None:
    dated = PackageDates(None, overrides=((FOO, JUNE),))
    whole, foo = (message for _, message in announced((".", PackageDates()), ("b", dated)))
    assert whole == "index date for the package at 'b': none, files of any time count"
    assert foo.startswith("index date for foo for the package at 'b': 2024-06-01, that is, files uploaded before")


def test_a_date_that_is_still_to_come_is_worth_one_warning() -> None:
    dated = PackageDates(OCTOBER, overrides=((FOO, OCTOBER), (BAR, JUNE)))
    messages = announced((".", dated), now=datetime(2024, 10, 1, 23, 59, tzinfo=UTC))
    (warning,) = (message for level, message in messages if level == "warning")
    assert warning.startswith("the index date 2024-10-01 ends at 2024-10-02T00:00:00Z, which is still to come")
    assert {level for level, _ in announced((".", dated))} == {"info"}
