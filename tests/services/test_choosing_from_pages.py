"""Stage "choose" over indexes: which pages are read, how often, as of when, and what is raised with what."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from packaging.utils import NormalizedName

from cachi2ish.core.as_of import Dating, PackageDates
from cachi2ish.core.choose.checks import Policy
from cachi2ish.core.choose.choice import Choice
from cachi2ish.core.cutoff import Cutoff
from cachi2ish.core.inventory import MainPackage
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.core.requirements import Indexes, IndexOptions, Pinned
from cachi2ish.core.targets.machine import Target
from cachi2ish.core.urls import Address
from cachi2ish.errors import (
    Cachi2ishError,
    HostError,
    NetworkError,
    NotCachedError,
    Origin,
    UnavailableError,
    leaves,
)
from cachi2ish.index.dated import DatedIndex
from cachi2ish.index.interface import FRESH, Index, PageQuery
from cachi2ish.lockfiles.interface import Lock
from cachi2ish.services.fetch.choosing import Wanted, choose_all, wanted
from cachi2ish.services.fetch.ports import IndexAddresses
from cachi2ish.services.fetch.reading import Reading, SourcePackage
from tests.core.one_project import names, page, pin
from tests.services.fakes import PUBLIC as PUBLIC_INDEX
from tests.services.fakes import FakeIndex

OWN = Address("https://own.test/simple")
PUBLIC = Address(PUBLIC_INDEX)
PROXY = Address("https://proxy.test/")
MAY, JUNE = (Dating(Cutoff(datetime(2024, month, 1, tzinfo=UTC))) for month in (5, 6))
FOO = page("foo-1.0.tar.gz", "foo-2.0.tar.gz")


def line(number: int, version: str = "1.0", name: str = "foo") -> Pinned:
    return replace(pin(version), name=name, origin=Origin("requirements.txt", number))


@dataclass
class Bench:
    """Choosing over one fake index for each address. made: the indexes that were made, with their dates."""

    pages: Mapping[str, Page | Cachi2ishError]
    made: list[tuple[tuple[Address, ...], Dating]] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)
    choices: list[Choice] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.index = FakeIndex(self.pages)

    def index_of(self, addresses: tuple[Address, ...], dating: Dating) -> Index:
        self.made.append((addresses, dating))
        self.threads.add(threading.current_thread().name)
        return DatedIndex(self.index, dating.cutoff, dating.missing) if dating.cutoff else self.index

    def choose(self, *requirements: Wanted) -> list[list[str]]:
        return list(choose_all(requirements, self.index_of, 3, self.on_choice))

    def on_choice(self, choice: Choice) -> list[str]:
        self.choices.append(choice)
        return names(choice)

    def failures(self, *requirements: Wanted) -> list[str]:
        with pytest.raises(Cachi2ishError) as caught:
            self.choose(*requirements)
        return [str(error) for error in leaves(caught.value)]


def want(requirement: Pinned, dating: Dating | None = None, *addresses: Address) -> Wanted:
    return Wanted(requirement, Policy(), addresses or (PUBLIC,), dating or Dating())


def test_choices_come_in_the_order_of_the_requirements() -> None:
    bench = Bench({"foo": FOO, "bar": page("bar-1.0.tar.gz", project="bar")})
    found = bench.choose(want(line(1, "2.0")), want(line(2, name="bar")), want(line(3)))
    assert found == [["foo-2.0.tar.gz"], ["bar-1.0.tar.gz"], ["foo-1.0.tar.gz"]]
    assert sorted(one.requirement.origin.line or 0 for one in bench.choices) == [1, 2, 3]


def test_the_page_of_a_project_is_read_once_for_all_of_its_lines() -> None:
    bench = Bench({"foo": FOO})
    bench.choose(want(line(1)), want(line(2, "2.0")), want(line(3)))
    assert bench.index.requests == ["foo"]


def test_other_indexes_and_other_dates_are_other_pages() -> None:
    april = datetime(2024, 4, 1, tzinfo=UTC)
    file = IndexFile(filename="foo-1.0.tar.gz", url="https://files.test/foo-1.0.tar.gz", upload_time=april)
    bench = Bench({"foo": replace(FOO, files=(file,))})
    bench.choose(want(line(1), MAY), want(line(2), JUNE), want(line(3), MAY, OWN), want(line(4), MAY))
    assert sorted(bench.made, key=repr) == sorted([((PUBLIC,), MAY), ((PUBLIC,), JUNE), ((OWN,), MAY)], key=repr)
    assert len(bench.index.requests) == 3


def test_indexes_are_made_in_the_thread_of_the_caller() -> None:
    bench = Bench({"foo": FOO})
    bench.choose(want(line(1)), want(line(2), None, OWN))
    assert bench.threads == {threading.current_thread().name}


def test_all_failures_are_raised_together_in_reading_order_and_the_rest_is_on_its_way() -> None:
    bench = Bench({"foo": FOO})
    failures = bench.failures(want(line(9, "3.0")), want(line(2, name="bar")), want(line(3)), want(line(5, "4.0")))
    assert [one.partition(" ")[0] for one in failures] == [
        "requirements.txt:9:",
        "requirements.txt:2:",
        "requirements.txt:5:",
    ]
    assert [one.requirement.origin.line for one in bench.choices] == [3]


def test_a_page_that_cannot_be_read_is_one_failure_at_the_first_line_that_needs_it() -> None:
    bench = Bench({})
    assert bench.failures(want(line(4)), want(line(2, "2.0"))) == [
        "requirements.txt:4: foo is not on https://i.test/simple"
    ]


def test_a_host_that_is_away_is_one_failure_however_many_projects_it_has() -> None:
    projects = ("foo", "bar", "baz", "qux")
    bench = Bench({name: HostError("i.test does not answer", cause="i.test") for name in projects})
    (failure,) = bench.failures(*(want(line(number, name=name)) for number, name in enumerate(projects, start=1)))
    assert failure == (
        "requirements.txt:1: i.test does not answer;"
        " the same for requirements.txt:2, requirements.txt:3 and 1 more place"
    )


def test_a_failure_that_knows_its_place_keeps_it() -> None:
    bench = Bench({"foo": NetworkError("it is broken", origin=Origin("elsewhere.txt", 1))})
    assert bench.failures(want(line(1))) == ["elsewhere.txt:1: it is broken"]


@dataclass
class FromMemory:
    """An index that answers with what it remembers, unless it is to look anew. fresh: what it finds then."""

    remembered: Page
    fresh: Page | Cachi2ishError

    def page(self, project: NormalizedName, query: PageQuery = FRESH) -> Page:
        if query != FRESH:
            return replace(self.remembered, from_cache=True)
        if isinstance(self.fresh, Cachi2ishError):
            raise self.fresh
        return self.fresh


def test_what_a_page_from_the_cache_lacks_is_looked_for_on_the_index() -> None:
    index = FromMemory(page("foo-1.0.tar.gz"), FOO)
    (found,) = choose_all([want(line(1, "2.0"))], lambda _addresses, _dating: index, 1, names)
    assert found == ["foo-2.0.tar.gz"]


def test_a_page_that_the_index_has_just_sent_is_not_read_again_for_what_it_lacks() -> None:
    bench = Bench({"foo": FOO})
    assert len(bench.failures(want(line(1, "3.0")), want(line(2, "4.0")))) == 2
    assert bench.index.requests == ["foo"]


@dataclass
class FromTheCacheAlone:
    """An offline index that has one version."""

    page_of_one: Page
    queries: list[PageQuery] = field(default_factory=list)

    def page(self, project: NormalizedName, query: PageQuery = FRESH) -> Page:
        self.queries.append(query)
        if query.versions != {"1.0"}:
            raise NotCachedError(f"{' '.join(sorted(query.versions))} was not there")
        return replace(self.page_of_one, from_cache=True)


def test_a_version_that_the_cache_lacks_is_the_failure_of_its_own_lines_only() -> None:
    index = FromTheCacheAlone(FOO)
    choices: list[Choice] = []
    with pytest.raises(NotCachedError) as caught:
        choose_all(
            [want(line(1)), want(line(2, "9.0")), want(line(3))],
            lambda _addresses, _dating: index,
            1,
            choices.append,
        )
    assert str(caught.value) == "requirements.txt:2: 9.0 was not there"
    assert [one.requirement.origin.line for one in choices] == [1, 3]


def test_lines_with_digests_and_lines_without_ask_in_their_own_way() -> None:
    index = FromTheCacheAlone(FOO)
    digest = next(iter(FOO.files[0].digests))
    named = replace(line(1), digests=frozenset({digest}))
    choose_all([want(named), want(line(2))], lambda _addresses, _dating: index, 1, lambda _choice: None)
    assert sorted(index.queries, key=lambda query: query.by_digest) == [
        PageQuery(versions=frozenset({"1.0"})),
        PageQuery(frozenset({digest}), frozenset({"1.0"}), by_digest=True),
    ]


@pytest.mark.parametrize("failure", [NetworkError("it is away"), NotCachedError("nobody is asked")])
def test_where_the_index_cannot_be_asked_the_page_from_the_cache_has_the_word(failure: Cachi2ishError) -> None:
    index = FromMemory(page("foo-1.0.tar.gz"), failure)
    with pytest.raises(UnavailableError, match=r"Foo==2\.0 .*1\.0"):
        choose_all(
            [want(replace(line(1, "2.0"), name="Foo"))],
            lambda _addresses, _dating: index,
            1,
            lambda _choice: None,
        )


def wanted_of(
    *packages: tuple[Policy, tuple[Pinned, ...]], dates: PackageDates | None = None, **addresses: object
) -> tuple[Wanted, ...]:
    main = MainPackage(name="app", version=None)
    reading = Reading(
        main,
        tuple(
            SourcePackage(main, (Lock("requirements.txt", pins),), policy, dates or PackageDates())
            for policy, pins in packages
        ),
    )
    settings = IndexAddresses(default=IndexOptions(), public=lambda: PUBLIC, actual=itself)
    return wanted(reading, replace(settings, **addresses))


def test_a_requirement_whose_marker_holds_on_no_target_is_not_chosen_for() -> None:
    windows = replace(line(1), marker="sys_platform == 'win32'")
    linux = Policy(wheels=True, targets=(Target.parse("3.12", "manylinux_2_28_x86_64"),))
    assert [one.requirement for one in wanted_of((linux, (windows, line(2))))] == [line(2)]
    assert [one.requirement for one in wanted_of((Policy(), (windows, line(2))))] == [windows, line(2)]


def test_each_project_is_wanted_as_of_its_own_date() -> None:
    dates = PackageDates(MAY.cutoff, overrides=((line(1).project, JUNE.cutoff),))
    found = wanted_of((Policy(), (line(1), line(2, name="bar"))), dates=dates)
    assert [one.dating for one in found] == [JUNE, MAY]


def itself(address: Address) -> Address:
    return address


def proxy(address: Address) -> Address:
    return PROXY if address == PUBLIC else address


@pytest.mark.parametrize(
    ("named", "default", "actual", "asked"),
    [
        (Indexes(), IndexOptions(), itself, (PUBLIC,)),
        (Indexes(), IndexOptions(OWN), itself, (OWN,)),
        (Indexes(), IndexOptions(None, (OWN,)), itself, (PUBLIC, OWN)),
        (Indexes((OWN,)), IndexOptions(), itself, (PUBLIC, OWN)),
        (Indexes((OWN,), alone=True), IndexOptions(Address("https://other.test/"), (PROXY,)), itself, (OWN,)),
        (Indexes((OWN, PUBLIC)), IndexOptions(OWN), itself, (OWN, PUBLIC)),
        (Indexes((OWN,)), IndexOptions(), proxy, (PROXY, OWN)),
    ],
)
def test_the_lock_file_names_indexes_instead_of_the_settings_or_after_them(
    named: Indexes, default: IndexOptions, actual: Callable[[Address], Address], asked: tuple[Address, ...]
) -> None:
    (one,) = wanted_of((Policy(), (replace(line(1), indexes=named),)), default=default, actual=actual)
    assert one.indexes == asked
