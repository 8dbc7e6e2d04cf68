"""No behaviour hangs on the words of a message: with other words, everything is chosen and advised as before."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cachi2ish.advice import Hint
from cachi2ish.core.as_of import as_of
from cachi2ish.core.choose import explain
from cachi2ish.core.choose.candidates import candidates_of
from cachi2ish.core.choose.checks import Policy
from cachi2ish.core.choose.choice import choose
from cachi2ish.core.choose.reasons import Facts, Reason, Refusal, WarningKind
from cachi2ish.core.cutoff import Cutoff
from cachi2ish.core.modes import Missing
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.core.requirements import Formats, Pinned
from cachi2ish.core.targets.wheel_filter import WheelFilter
from cachi2ish.errors import UnavailableError
from tests.core.machines import LINUX, WINDOWS
from tests.core.one_project import file, page, pin, sha256
from tests.support.rewording import other, reworded

SDIST, ZIP = "foo-1.0.tar.gz", "foo-1.0.zip"
PURE = "foo-1.0-py3-none-any.whl"
#: Tags that each rule of choosing has something to say of, and a name that is none.
TAGS = (
    "py3-none-any",
    "cp312-cp312-manylinux_2_28_x86_64",
    "cp312-cp312-manylinux_2_28_aarch64",
    "cp311-cp311-win_amd64",
    "pp310-pypy310_pp73-manylinux_2_17_x86_64",
    "py3-none",
)
INSTANT = datetime(2024, 10, 2, tzinfo=UTC)
TIMES = (None, INSTANT - timedelta(days=1), INSTANT + timedelta(days=1))


def a_file(name: str, yanked: str | None, time: datetime | None, requires_python: str | None) -> IndexFile:
    return replace(file(name, yanked=yanked), upload_time=time, requires_python=requires_python)


FILES = st.lists(
    st.builds(
        a_file,
        st.sampled_from([SDIST, ZIP, "foo-2.0.tar.gz", *(f"foo-1.0-{tag}.whl" for tag in TAGS)]),
        st.sampled_from([None, "", "broken"]),
        st.sampled_from(TIMES),
        st.sampled_from([None, ">=3.12", "<3"]),
    ),
    max_size=9,
)
FILTERS = st.builds(
    WheelFilter,
    packages=st.sampled_from([None, frozenset({"foo"}), frozenset({"bar"})]),
    py_version=st.sampled_from([None, (3, 12)]),
    abi=st.sampled_from([None, frozenset({"cp312"})]),
    platform=st.sampled_from([None, "win"]),
)
POLICIES = st.one_of(
    st.builds(Policy, wheels=st.booleans()),
    FILTERS.map(lambda drawn: Policy(wheels=True, binary=drawn)),
    st.sampled_from([(LINUX,), (WINDOWS,), (LINUX, WINDOWS)]).map(
        lambda drawn: Policy(wheels=True, targets=drawn)
    ),
)
PINS = st.builds(
    lambda version, digests, formats: replace(pin(version, *digests), formats=formats),
    st.sampled_from(["1.0", "2.0", "3.0"]),
    st.frozensets(st.sampled_from([sha256(SDIST), sha256(PURE), sha256("another")])),
    st.sampled_from(Formats),
)
STATUSES = st.sampled_from(["active", "active", "active", "quarantined"])
DATES = st.sampled_from([None, Missing.REFUSE, Missing.ALLOW])


def outcome(requirement: Pinned, there: Page, policy: Policy) -> object:
    """All that a run does about a requirement, and nothing that it says."""
    try:
        choice = choose(requirement, there, policy)
    except UnavailableError as error:
        return type(error), error.exit_code, Hint(error.hint or ""), error.origin
    served = [(one.target, one.files) for one in choice.by_target]
    warnings = [(one.kind, one.filename) for one in choice.warnings]
    return choice.files, served, choice.left, choice.refused, warnings


@given(PINS, FILES, STATUSES, POLICIES, DATES)
def test_choosing_and_hints_do_not_depend_on_words(
    requirement: Pinned, files: list[IndexFile], status: str, policy: Policy, missing: Missing | None
) -> None:
    there = page(*files, status=status)
    if missing:
        there = as_of(there, Cutoff(INSTANT), missing)
    before = outcome(requirement, there, policy)
    with reworded():
        assert outcome(requirement, there, policy) == before


def test_other_words_are_other_words() -> None:
    def problem() -> str:
        with pytest.raises(UnavailableError) as caught:
            choose(pin("1.0", sha256(SDIST)), page(ZIP), Policy())
        return caught.value.problem

    assert f"{ZIP}: none of the requirement's hashes" in problem()
    with reworded():
        assert f"{ZIP}: <0>" in other(problem())


def test_every_reason_and_warning_has_words() -> None:
    assert set(explain.WORDS) == set(Reason)
    assert set(explain.WARNINGS) == set(WarningKind)


@pytest.mark.parametrize("reason", Reason)
def test_words_need_no_more_than_the_facts(reason: Reason) -> None:
    facts = Facts(
        preferred="PREFERRED", requires_python="PYTHON", upload_time=INSTANT, accepted=(frozenset("b"), None)
    )
    assert "{" not in explain.words_of(reason, facts)


def refused(*reasons: Reason) -> list[Refusal]:
    facts = Facts(accepted=(None, None))
    return [Refusal(f"foo-1.0-{number}.tar.gz", reason, facts) for number, reason in enumerate(reasons)]


@pytest.mark.parametrize(
    ("reasons", "hint"),
    [
        ([Reason.UNSAFE_NAME], Hint.PIN_OTHER_FORMAT),
        ([Reason.UNSAFE_NAME, Reason.NOT_LOCKED], Hint.LOCK_AGAIN),
        ([Reason.UPLOADED_LATER, Reason.WHEELS_ONLY], Hint.ALLOW_LOCKED_WHEELS),
        ([Reason.WHEELS_ONLY, Reason.OTHER_ABI], Hint.WIDEN_FILTER),
        ([Reason.OTHER_ABI, Reason.NOT_LOCKED], Hint.LOCK_AGAIN),
        ([Reason.WHEELS_NOT_ALLOWED, Reason.UPLOADED_LATER], Hint.PIN_EARLIER_FILES),
    ],
)
def test_of_several_hints_that_of_the_gravest_reason_is_given(reasons: Iterable[Reason], hint: Hint) -> None:
    there = page(SDIST)
    candidates = candidates_of(pin(), there).candidates
    error = explain.nothing_to_take(pin(), there, candidates, refused(*reasons))
    assert error.hint is hint
