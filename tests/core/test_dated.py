"""A page as it was: which files, which versions, and what is said of the rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from packaging.utils import canonicalize_name

from cachi2ish.cli.display.hints import hint_of
from cachi2ish.core.as_of import Dating, MissingPolicy, PackageDates, as_of
from cachi2ish.core.choose.checks import Policy
from cachi2ish.core.choose.choice import choose
from cachi2ish.core.choose.explain import warning_of, words_of
from cachi2ish.core.choose.reasons import Reason
from cachi2ish.core.cutoff import Cutoff
from cachi2ish.core.modes import Missing
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.core.requirements import Pinned
from cachi2ish.core.urls import bare
from cachi2ish.errors import Origin, UnavailableError

INDEX = "https://packages.example/simple/"
T = datetime(2024, 10, 2, tzinfo=UTC)
CUTOFF = Cutoff(T, "2024-10-01")
BEFORE, AFTER = T - timedelta(microseconds=1), T


def file(filename: str, uploaded: datetime | None = BEFORE, *, yanked: bool = False) -> IndexFile:
    return IndexFile(
        filename=filename, url=f"https://files.example/{filename}", upload_time=uploaded, yanked=yanked
    )


def page(*files: IndexFile, status: str = "active") -> Page:
    return Page(project=canonicalize_name("apple"), index=INDEX, files=files, status=status)


def pinned(version: str = "1.0") -> Pinned:
    return Pinned(name="Apple", version=version, origin=Origin("requirements.txt", 3))


TIMES = st.one_of(st.none(), st.integers(min_value=-3, max_value=3))


@given(st.lists(TIMES, max_size=8), st.sampled_from(Missing))
def test_each_file_is_kept_or_excluded_by_its_own_upload_time(times: list[int | None], missing: Missing) -> None:
    files = [
        file(f"apple-{number}.0.tar.gz", None if time is None else T + timedelta(microseconds=time))
        for number, time in enumerate(times)
    ]
    then = as_of(page(*files), CUTOFF, missing)
    expected = [
        one
        for one, time in zip(files, times, strict=True)
        if (missing is Missing.ALLOW if time is None else time < 0)
    ]
    assert list(then.files) == expected
    assert [one.file for one in then.excluded] == [one for one in files if one not in expected]
    assert all(
        one.reason is (Reason.NO_UPLOAD_TIME if one.file.upload_time is None else Reason.UPLOADED_LATER)
        for one in then.excluded
    )
    assert then.cutoff == T


def test_a_wheel_that_came_later_is_not_there_though_its_release_is_older() -> None:
    then = as_of(page(file("apple-1.0.tar.gz"), file("apple-1.0-py3-none-any.whl", AFTER)), CUTOFF, Missing.REFUSE)
    choice = choose(pinned(), then, Policy(wheels=True))
    assert [one.filename for one in choice.files] == ["apple-1.0.tar.gz"]
    assert [(one.filename, words_of(one.reason, one.facts)) for one in choice.refused] == [
        ("apple-1.0-py3-none-any.whl", "uploaded 2024-10-02T00:00:00Z, after the index date")
    ]


def test_a_page_of_which_all_was_there_is_the_page() -> None:
    whole = page(file("apple-1.0.tar.gz"))
    assert as_of(whole, CUTOFF, Missing.REFUSE) == replace(whole, cutoff=T)


def test_a_version_that_came_later_is_told_with_its_first_upload_and_what_there_was() -> None:
    files = (
        file("apple-1.0.tar.gz"),
        file("apple-2.0-py3-none-any.whl", T + timedelta(hours=2)),
        file("apple-2.0.tar.gz", T + timedelta(hours=1)),
    )
    with pytest.raises(UnavailableError) as caught:
        choose(pinned("2.0"), as_of(page(*files), CUTOFF, Missing.REFUSE), Policy())
    assert str(caught.value) == (
        f"requirements.txt:3: Apple==2.0 was not on {INDEX} before 2024-10-02T00:00:00Z, the index date:"
        " its first file was uploaded 2024-10-02T01:00:00Z; then it had 1 version (1.0)"
    )
    assert "later date" in (hint_of(caught.value) or "")


def test_a_version_without_upload_times_is_told_with_the_way_to_allow_it() -> None:
    then = as_of(page(file("apple-1.0.tar.gz"), file("apple-2.0.tar.gz", None)), CUTOFF, Missing.REFUSE)
    with pytest.raises(UnavailableError) as caught:
        choose(pinned("2.0"), then, Policy())
    assert "none of its files has an upload time" in caught.value.problem
    assert f"--index-date-missing={INDEX}=allow" in (hint_of(caught.value) or "")


def test_a_version_that_the_index_never_had_is_not_blamed_on_the_date() -> None:
    then = as_of(page(file("apple-1.0.tar.gz"), file("apple-2.0.tar.gz", AFTER)), CUTOFF, Missing.REFUSE)
    with pytest.raises(UnavailableError) as caught:
        choose(pinned("3.0"), then, Policy())
    assert "date" not in caught.value.problem


def test_where_only_the_wheels_were_there_the_reason_of_each_file_is_told() -> None:
    then = as_of(page(file("apple-1.0.tar.gz", AFTER), file("apple-1.0-py3-none-any.whl")), CUTOFF, Missing.REFUSE)
    with pytest.raises(UnavailableError) as caught:
        choose(pinned(), then, Policy())
    assert "apple-1.0.tar.gz: uploaded 2024-10-02T00:00:00Z, after the index date" in caught.value.problem
    assert "wheels are not allowed" in caught.value.problem
    assert "later index date" in (hint_of(caught.value) or "")


def test_a_choice_as_of_a_date_does_not_depend_on_what_was_yanked_since() -> None:
    today = page(file("apple-1.0.tar.gz", yanked=True), file("apple-1.0.zip"))
    assert choose(pinned(), today, Policy()).files[0].filename == "apple-1.0.zip"
    choice = choose(pinned(), as_of(today, CUTOFF, Missing.REFUSE), Policy())
    assert choice.files[0].filename == "apple-1.0.tar.gz"
    assert "is yanked today" in warning_of(choice.warnings[0])


def test_a_policy_speaks_of_all_indexes_or_of_one() -> None:
    policy = MissingPolicy(
        Missing.REFUSE, ((bare("https://user:secret@packages.example/simple/"), Missing.ALLOW),)
    )
    assert policy.of("https://packages.example/simple") is Missing.ALLOW
    assert policy.of("https://other.example/simple/") is Missing.REFUSE
    assert "secret" not in repr(policy)


def test_a_project_may_have_a_date_of_its_own_or_none() -> None:
    apple, pear, fig = (canonicalize_name(name) for name in ("apple", "pear", "fig"))
    later = Cutoff(T + timedelta(days=1))
    dates = PackageDates(CUTOFF, MissingPolicy(Missing.ALLOW), ((apple, later), (pear, None)))
    assert dates.of(apple) == Dating(later, MissingPolicy(Missing.ALLOW))
    assert dates.of(pear) == Dating()
    assert dates.of(fig).cutoff == CUTOFF
    assert dates.declared
    assert not PackageDates().declared
    assert not PackageDates(overrides=((pear, None),)).declared
    assert dates.recorded(".").overrides == (("apple", "2024-10-03T00:00:00Z"), ("pear", None))
