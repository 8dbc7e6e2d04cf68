"""Choosing without an index: files that a lock file names pass what the files of a page pass."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from packaging.utils import NormalizedName

from cachi2ish.core.as_of import Dating, MissingPolicy
from cachi2ish.core.choose.checks import Policy
from cachi2ish.core.choose.choice import Choice
from cachi2ish.core.cutoff import Cutoff
from cachi2ish.core.modes import Missing
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.core.requirements import Formats, Indexes, Pinned
from cachi2ish.core.targets.machine import Target
from cachi2ish.core.urls import Address
from cachi2ish.errors import Cachi2ishError, ErrorGroup, HostError, NetworkError, Origin, UnavailableError
from cachi2ish.index.dated import DatedIndex
from cachi2ish.index.interface import FRESH, Index, PageQuery
from cachi2ish.services.fetch.choosing import Wanted, choose_all
from tests.core.one_project import ORIGIN, names, pin

ADDRESS = "https://index.example/simple"
MIDDLE = datetime(2024, 6, 1, tzinfo=UTC)
LINUX = Target.parse("3.12", "manylinux_2_28_x86_64")
WINDOWS = Target.parse("3.11", "win_amd64")
NAMES = [
    "foo-1.0.tar.gz",
    "foo-1.0.zip",
    "foo-1.0-py3-none-any.whl",
    "foo-1.0-cp312-cp312-manylinux_2_28_x86_64.whl",
    "foo-1.0-cp312-cp312-manylinux2014_x86_64.whl",
    "foo-1.0-cp311-cp311-win_amd64.whl",
    "foo-1.0-1-py3-none-any.whl",
]


class OnePage:
    """An index with one page."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def page(self, project: NormalizedName, query: PageQuery = FRESH) -> Page:
        return self._page


@dataclass
class FailsInTurn:
    """An index that fails with an error that others fail with too, when it is its turn."""

    error: Cachi2ishError
    turn: Event
    done: Event
    key = ADDRESS

    def page(self, project: NormalizedName, query: PageQuery = FRESH) -> Page:
        assert self.turn.wait(10)
        try:
            raise self.error
        finally:
            self.done.set()


def no_index(_addresses: tuple[Address, ...], _dating: Dating) -> Index:
    raise AssertionError("an index is asked for")


def a_file(name: str, number: int, time: datetime | None, requires_python: str | None) -> IndexFile:
    return IndexFile(
        filename=name,
        url=f"https://files.example/{name}",
        hashes=(("sha256", f"{number:064x}"),),
        upload_time=time,
        requires_python=requires_python,
    )


FILES = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from([None, MIDDLE - timedelta(days=9), MIDDLE, MIDDLE + timedelta(days=9)]),
        st.sampled_from([None, ">=3.12", "<3.12"]),
    ),
    unique_by=lambda drawn: drawn[0],
    min_size=1,
).map(lambda drawn: tuple(a_file(name, number, time, python) for number, (name, time, python) in enumerate(drawn)))
POLICIES = st.one_of(
    st.builds(Policy, wheels=st.booleans()),
    st.builds(
        lambda targets, every: Policy(wheels=True, targets=targets, every_wheel=every),
        st.sampled_from([(LINUX,), (WINDOWS,), (LINUX, WINDOWS)]),
        st.booleans(),
    ),
)
DATINGS = st.sampled_from(
    [
        Dating(),
        Dating(Cutoff(MIDDLE)),
        Dating(Cutoff(MIDDLE), MissingPolicy(Missing.ALLOW)),
        Dating(Cutoff(MIDDLE), MissingPolicy(Missing.REFUSE, ((ADDRESS, Missing.ALLOW),))),
    ]
)


def locked(files: tuple[IndexFile, ...], address: str = ADDRESS) -> Pinned:
    digests = frozenset(digest for one in files for digest in one.digests)
    indexes = Indexes((Address(address),) if address else (), alone=True)
    return replace(pin("1.0", *digests), files=files, indexes=indexes)


def facts(choice: Choice) -> object:
    served = [(one.target, [file.filename for file in one.files]) for one in choice.by_target]
    return names(choice), served, choice.refused, choice.warnings, choice.index


@given(FILES, POLICIES, DATINGS, st.sampled_from(Formats))
def test_a_choice_is_the_same_as_from_a_page_with_these_files(
    files: tuple[IndexFile, ...], policy: Policy, dating: Dating, formats: Formats
) -> None:
    page = Page(project=locked(files).project, index=ADDRESS, files=files)

    def index_of(_addresses: tuple[Address, ...], dating: Dating) -> Index:
        index = OnePage(page)
        return DatedIndex(index, dating.cutoff, dating.missing) if dating.cutoff else index

    def chosen(requirement: Pinned, asking: object) -> object:
        one = Wanted(replace(requirement, formats=formats), policy, (Address(ADDRESS),), dating)
        try:
            (choice,) = choose_all([one], asking, 1, lambda choice: choice)  # type: ignore[arg-type]
        except UnavailableError as error:
            return type(error), error.origin
        return facts(choice)

    by_index = replace(locked(files), files=())
    assert chosen(locked(files), no_index) == chosen(by_index, index_of)


def test_choices_come_in_the_order_of_the_requirements_wherever_they_come_from() -> None:
    files = (a_file("foo-1.0.tar.gz", 1, None, None),)
    page = Page(project=pin().project, index=ADDRESS, files=files)
    told: list[Choice] = []

    def on_choice(choice: Choice) -> str:
        told.append(choice)
        return choice.index

    both = [locked(files, address=""), replace(locked(files), files=()), locked(files)]
    indexes = choose_all(
        [Wanted(one, Policy(), one.indexes.addresses, Dating()) for one in both],
        lambda _addresses, _dating: OnePage(page),
        2,
        on_choice,
    )
    assert indexes == ("", ADDRESS, ADDRESS)
    assert sorted(one.index for one in told) == sorted(indexes)


def test_failures_of_locked_files_and_of_pages_are_told_together() -> None:
    wheel = (a_file("foo-1.0-py3-none-any.whl", 1, None, None),)
    page = Page(project=pin().project, index=ADDRESS, files=wheel)
    both = [locked(wheel), replace(locked(wheel), files=())]
    with pytest.raises(ErrorGroup) as caught:
        choose_all(
            [Wanted(one, Policy(), one.indexes.addresses, Dating()) for one in both],
            lambda _addresses, _dating: OnePage(page),
            2,
            lambda _choice: None,
        )
    assert [one.problem for one in caught.value.errors] == [
        f"Foo==1.0 has no sdist in {ORIGIN.file}, only 1 wheel (foo-1.0-py3-none-any.whl)",
        f"Foo==1.0 has no sdist on {ADDRESS}, only 1 wheel (foo-1.0-py3-none-any.whl)",
    ]
    assert all(one.origin == ORIGIN for one in caught.value.errors)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("error", [NetworkError("no page"), HostError("no host", cause="x")])
def test_a_page_that_fails_for_two_files_is_told_once_at_the_first_whichever_thread_is_first(
    order: tuple[int, int], error: NetworkError
) -> None:
    places = Origin("requirements.txt", 3), Origin("requirements-build.txt", 1)
    one, two = Address("one"), Address("two")
    lists = (one,), (one, two)
    events = Event(), Event(), Event()
    events[0].set()
    turns: dict[tuple[Address, ...], FailsInTurn] = {
        lists[which]: FailsInTurn(error, *events[turn : turn + 2]) for turn, which in enumerate(order)
    }
    both = [
        Wanted(replace(pin(), origin=place), Policy(), addresses, Dating())
        for place, addresses in zip(places, lists, strict=True)
    ]
    with pytest.raises(NetworkError) as caught:
        choose_all(both, lambda addresses, _dating: turns[addresses], 2, lambda _choice: None)
    assert str(caught.value) == f"requirements.txt:3: {error.problem}"
    assert type(caught.value) is type(error)
    assert error.origin is None
