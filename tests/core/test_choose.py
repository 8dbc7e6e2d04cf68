"""One requirement and one page give one choice, with a reason for every file that is not taken."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from packaging.utils import NormalizedName

from cachi2ish.cli.display.hints import hint_of
from cachi2ish.core.choose.checks import Policy
from cachi2ish.core.choose.choice import Choice, choose
from cachi2ish.core.choose.explain import warning_of
from cachi2ish.core.distributions import SDIST_EXTENSIONS, is_wheel, sdist_extension
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.core.requirements import Formats, Pinned
from cachi2ish.core.targets.machine import Target
from cachi2ish.errors import UnavailableError
from tests.core.one_project import ORIGIN, SDIST, file, md5, names, page, pin, reasons, sha256, sha512

SDISTS, WHEELS = Policy(), Policy(wheels=True)

LINUX_X86, LINUX_ARM = (Target.parse("3.12", f"manylinux_2_28_{arch}") for arch in ("x86_64", "aarch64"))

ZIP = "foo-1.0.zip"
PURE, LINUX = "foo-1.0-py3-none-any.whl", "foo-1.0-cp312-cp312-manylinux_2_28_x86_64.whl"


def refusal(requirement: Pinned, on: Page, policy: Policy = SDISTS) -> UnavailableError:
    with pytest.raises(UnavailableError) as caught:
        choose(requirement, on, policy)
    assert caught.value.origin == ORIGIN
    assert caught.value.hint
    return caught.value


def test_one_sdist_is_taken() -> None:
    choice = choose(pin(), page(SDIST), SDISTS)
    assert names(choice) == [SDIST]
    assert (choice.refused, choice.warnings, choice.index) == ((), (), "https://index.example/simple")


def test_wheels_come_beside_the_sdist_where_they_are_allowed() -> None:
    choice = choose(pin(), page(PURE, SDIST, LINUX), WHEELS)
    assert names(choice) == [SDIST, LINUX, PURE]
    assert reasons(choice) == {}


def test_wheels_are_refused_with_the_reason_where_they_are_not_allowed() -> None:
    choice = choose(pin(), page(PURE, SDIST), SDISTS)
    assert names(choice) == [SDIST]
    assert reasons(choice) == {PURE: "wheels are not allowed (allow_binary)"}


def test_wheels_alone_do_where_they_are_allowed() -> None:
    assert names(choose(pin(), page(PURE), WHEELS)) == [PURE]


@pytest.mark.parametrize(("better", "worse"), list(pairwise(SDIST_EXTENSIONS)))
def test_archives_have_an_order_of_preference(better: str, worse: str) -> None:
    choice = choose(pin(), page(f"foo-1.0{worse}", f"foo-1.0{better}"), SDISTS)
    assert names(choice) == [f"foo-1.0{better}"]
    assert reasons(choice) == {f"foo-1.0{worse}": f"foo-1.0{better} is preferred"}


def test_a_file_that_is_not_yanked_is_preferred() -> None:
    choice = choose(pin(), page(file(SDIST, yanked="broken"), ZIP), SDISTS)
    assert names(choice) == [ZIP]
    assert choice.warnings == ()


@pytest.mark.parametrize(
    ("because", "shown"), [("broken", "is yanked today: broken"), ("", "is yanked today (taken")]
)
def test_a_yanked_file_is_taken_with_a_warning_since_it_is_pinned(because: str, shown: str) -> None:
    choice = choose(pin(), page(file(SDIST, yanked=because)), SDISTS)
    assert names(choice) == [SDIST]
    (warning,) = map(warning_of, choice.warnings)
    assert warning.startswith(SDIST)
    assert shown in warning


def test_each_yanked_wheel_is_warned_of() -> None:
    choice = choose(pin(), page(SDIST, file(PURE, yanked="a"), file(LINUX, yanked="b")), WHEELS)
    assert names(choice) == [SDIST, LINUX, PURE]
    assert [warning_of(one).split()[0] for one in choice.warnings] == [LINUX, PURE]


def test_files_of_other_versions_and_projects_are_not_spoken_of() -> None:
    choice = choose(pin(), page(SDIST, "foo-1.1.tar.gz", "foo-1.0.post1.tar.gz", "bar-1.0.tar.gz", "odd"), WHEELS)
    assert names(choice) == [SDIST]
    assert reasons(choice) == {}


def test_versions_are_compared_as_versions() -> None:
    assert names(choose(pin("1"), page(SDIST), SDISTS)) == [SDIST]
    assert names(choose(pin("1.0.RC1"), page("foo-1.0rc1.tar.gz"), SDISTS)) == ["foo-1.0rc1.tar.gz"]
    assert names(choose(pin("1.0", arbitrary=True), page("foo-1.0.0.tar.gz", SDIST), SDISTS)) == [SDIST]


def test_a_name_that_is_there_twice_is_taken_once() -> None:
    again = replace(file(SDIST), url="https://files.example/again")
    choice = choose(pin(), page(SDIST, again), SDISTS)
    assert [each.url for each in choice.files] == [f"https://files.example/{SDIST}"]


class TestANameThatIsThereTwice:
    FIRST = file(SDIST, digests=frozenset({sha256("first")}))
    SECOND = replace(file(SDIST, digests=frozenset({sha256("second")})), url="https://files.example/rebuilt")

    @pytest.mark.parametrize("policy", [SDISTS, WHEELS, Policy(wheels=True, targets=(LINUX_X86,))])
    def test_the_file_that_the_lock_names_is_taken(self, policy: Policy) -> None:
        for meant, named in ((self.FIRST, "first"), (self.SECOND, "second")):
            choice = choose(pin("1.0", sha256(named)), page(self.FIRST, self.SECOND), policy)
            assert choice.files == (meant,)
            assert choice.refused == ()

    def test_without_a_digest_in_the_lock_both_are_shown(self) -> None:
        for policy in (SDISTS, WHEELS, Policy(wheels=True, targets=(LINUX_X86,))):
            error = refusal(pin(), page(self.FIRST, self.SECOND), policy)
            assert error.problem == (
                f"Foo==1.0: {SDIST} stands on https://index.example/simple more than once, as different files:"
                f" {sha256('first')} at https://files.example/{SDIST}"
                f" and {sha256('second')} at https://files.example/rebuilt"
            )
            assert "--hash" in str(hint_of(error))

    def test_neither_is_taken_where_the_lock_names_another(self) -> None:
        error = refusal(pin("1.0", sha256("third")), page(self.FIRST, self.SECOND))
        assert error.problem.endswith(f"{SDIST}: none of the requirement's hashes is this file's")

    def test_what_is_not_taken_stands_in_nobodys_way(self) -> None:
        wheel = replace(self.FIRST, filename=PURE), replace(self.SECOND, filename=PURE)
        assert names(choose(pin(), page(SDIST, *wheel), SDISTS)) == [SDIST]

    def test_a_digest_that_is_only_more_than_the_other_listing_has_is_no_contradiction(self) -> None:
        more = file(SDIST, digests=frozenset({sha256("first"), sha512("first")}))
        assert names(choose(pin(), page(self.FIRST, more), SDISTS)) == [SDIST]
        assert choose(pin(), page(file(SDIST, digests=frozenset()), more), SDISTS).files == (more,)


@pytest.mark.parametrize(
    ("wanted", "there", "taken"),
    [
        ("1.0", ["foo-1.0.tar.gz", "foo-1.0+cpu.tar.gz"], ["foo-1.0+cpu.tar.gz"]),
        ("1.0+cpu", ["foo-1.0.tar.gz", "foo-1.0+cpu.tar.gz"], ["foo-1.0+cpu.tar.gz"]),
        ("1.0", ["foo-1.0+cpu.tar.gz"], ["foo-1.0+cpu.tar.gz"]),
        (
            "1.0rc1",
            ["foo-1.0_rc1.tar.gz", "foo-1.0rc1-py3-none-any.whl"],
            ["foo-1.0_rc1.tar.gz", "foo-1.0rc1-py3-none-any.whl"],
        ),
        ("1.0", ["foo-1.0+cpu-py3-none-any.whl", "foo-1.0-py3-none-any.whl"], ["foo-1.0+cpu-py3-none-any.whl"]),
        (
            "1.0",
            ["foo-1.0+cpu-cp312-cp312-linux_x86_64.whl", "foo-1.0-cp312-cp312-manylinux_2_28_aarch64.whl"],
            ["foo-1.0+cpu-cp312-cp312-linux_x86_64.whl", "foo-1.0-cp312-cp312-manylinux_2_28_aarch64.whl"],
        ),
        (
            "1.0",
            ["foo-1.0+cpu.tar.gz", "foo-1.0+cu118.zip", "foo-1.0-py3-none-any.whl"],
            ["foo-1.0+cu118.zip", "foo-1.0-py3-none-any.whl"],
        ),
    ],
)
def test_a_pin_without_a_local_label_means_files_with_one_too(
    wanted: str, there: list[str], taken: list[str]
) -> None:
    assert names(choose(pin(wanted), page(*there), WHEELS)) == taken


def test_of_wheels_for_the_same_machines_the_greatest_label_is_taken_as_pip_does() -> None:
    plain, cpu, cuda = (f"foo-1.0{label}-py3-none-any.whl" for label in ("", "+cpu", "+cu118"))
    choice = choose(pin(), page(plain, cpu, cuda), WHEELS)
    assert names(choice) == [cuda]
    assert reasons(choice) == {plain: f"{cuda} is preferred", cpu: f"{cuda} is preferred"}
    assert names(choose(pin(), page(plain, file(cpu, yanked="bad")), WHEELS)) == [plain]


@pytest.mark.parametrize("policy", [WHEELS, Policy(wheels=True, targets=(LINUX_X86, LINUX_ARM))])
def test_a_file_that_the_lock_names_is_not_dropped_for_its_label(policy: Policy) -> None:
    x86 = "foo-1.0+cpu-cp312-cp312-manylinux_2_28_x86_64.whl"
    arm = "foo-1.0-cp312-cp312-manylinux_2_28_aarch64.whl"
    assert names(choose(pin("1.0", sha256(x86), sha256(arm)), page(x86, arm, SDIST), policy)) == [x86, arm]


def test_all_wheels_that_the_lock_names_are_taken_whatever_their_labels() -> None:
    plain, cpu = (f"foo-1.0{label}-py3-none-any.whl" for label in ("", "+cpu"))
    assert names(choose(pin("1.0", sha256(plain), sha256(cpu)), page(plain, cpu), WHEELS)) == [cpu, plain]
    assert names(choose(pin("1.0", sha256(plain)), page(plain, cpu), WHEELS)) == [plain]


class TestHashes:
    def test_only_what_the_lock_names_is_taken(self) -> None:
        choice = choose(pin("1.0", sha256(SDIST), sha256(PURE)), page(SDIST, PURE, LINUX), WHEELS)
        assert names(choice) == [SDIST, PURE]
        assert reasons(choice) == {LINUX: "none of the requirement's hashes is this file's"}

    def test_a_less_preferred_archive_is_taken_where_the_lock_names_it(self) -> None:
        choice = choose(pin("1.0", sha256(ZIP)), page(SDIST, ZIP), SDISTS)
        assert names(choice) == [ZIP]

    def test_one_strong_digest_that_agrees_is_enough(self) -> None:
        stated = file(SDIST, digests=frozenset({sha256(SDIST), sha512("other")}))
        assert names(choose(pin("1.0", sha256(SDIST), sha512(SDIST)), page(stated), SDISTS)) == [SDIST]

    def test_digests_of_other_algorithms_contradict_nothing(self) -> None:
        assert names(choose(pin("1.0", sha512("x")), page(SDIST), SDISTS)) == [SDIST]
        assert names(choose(pin("1.0", sha256("x")), page(file(SDIST, digests=frozenset())), SDISTS)) == [SDIST]

    def test_weak_digests_that_agree_do_not_outweigh_strong_ones_that_do_not(self) -> None:
        stated = file(SDIST, digests=frozenset({md5(SDIST), sha256(SDIST)}))
        error = refusal(pin("1.0", md5(SDIST), sha256("other")), page(stated))
        assert "none of the requirement's hashes" in error.problem

    def test_a_file_that_was_replaced_on_the_index_is_not_taken(self) -> None:
        error = refusal(pin("1.0", sha256("as it was")), page(SDIST))
        assert SDIST in error.problem
        assert "lock the requirement again" in str(hint_of(error))

    def test_a_lock_of_wheels_only_is_told_what_to_do(self) -> None:
        error = refusal(pin("1.0", sha256(PURE)), page(SDIST, PURE))
        assert "the hashes name only wheels" in str(hint_of(error))
        assert "allow_binary" in str(hint_of(error))

    def test_a_replaced_sdist_is_not_taken_for_a_lock_of_wheels(self) -> None:
        error = refusal(pin("1.0", sha256("as it was")), page(SDIST, PURE))
        assert "only wheels" not in str(hint_of(error))
        assert "another file" in str(hint_of(error))


class TestFormats:
    @pytest.mark.parametrize(
        ("formats", "policy", "taken"),
        [
            (Formats.SDISTS, WHEELS, [SDIST]),
            (Formats.WHEELS, WHEELS, [PURE]),
            (Formats.BOTH, WHEELS, [SDIST, PURE]),
            (Formats.SDISTS, SDISTS, [SDIST]),
        ],
    )
    def test_the_formats_that_the_lock_permits_hold(
        self, formats: Formats, policy: Policy, taken: list[str]
    ) -> None:
        assert names(choose(replace(pin(), formats=formats), page(SDIST, PURE), policy)) == taken

    def test_only_binary_without_wheels_allowed_is_told_what_to_do(self) -> None:
        error = refusal(replace(pin(), formats=Formats.WHEELS), page(SDIST, PURE), Policy())
        assert "--only-binary" in str(hint_of(error))
        assert "allow_binary" in str(hint_of(error))

    def test_no_binary_without_an_sdist_finds_nothing(self) -> None:
        error = refusal(replace(pin(), formats=Formats.SDISTS), page(PURE), WHEELS)
        assert "--no-binary" in error.problem


class TestNothingToTake:
    def test_a_version_without_an_sdist_names_its_wheels_and_how_to_allow_them(self) -> None:
        error = refusal(pin(), page(PURE, LINUX))
        assert error.problem == (
            f"Foo==1.0 has no sdist on https://index.example/simple, only 2 wheels ({LINUX}, {PURE})"
        )
        assert "the machines that you build for" in str(hint_of(error))
        assert str(hint_of(error)).index('"targets"') < str(hint_of(error)).index('"allow_binary"')

    def test_wheels_behind_a_marker_need_the_machines_and_not_all_wheels(self) -> None:
        requirement = replace(pin(), marker='sys_platform == "win32"')
        hint = str(hint_of(refusal(requirement, page("foo-1.0-cp312-cp312-win_amd64.whl"))))
        assert hint.startswith('name the machines that you build for in the input with "targets"')
        assert "--no-binary :all:" in hint

    def test_a_long_list_of_wheels_is_cut(self) -> None:
        error = refusal(pin(), page(*(f"foo-1.0-cp{minor}-none-any.whl" for minor in range(310, 318))))
        assert "only 8 wheels (" in error.problem
        assert error.problem.endswith(", and 2 more)")

    def test_an_unknown_version_names_the_newest_ones(self) -> None:
        there = [f"foo-{minor}.0.tar.gz" for minor in range(1, 12)]
        error = refusal(pin("99"), page(*there, "foo-10.0-py3-none-any.whl", "foo-odd.tar.gz"))
        assert (
            "Foo==99 is not on https://index.example/simple; it has 12 versions (11.0, 10.0, 9.0" in error.problem
        )

    def test_a_page_without_files_says_so(self) -> None:
        assert refusal(pin(), page()).problem == "Foo==1.0 is not on https://index.example/simple"

    def test_a_single_version_is_one(self) -> None:
        assert "it has 1 version (1.0)" in refusal(pin("2"), page(SDIST)).problem

    @pytest.mark.parametrize(("reason", "shown"), [("malware", "simple: malware"), ("", "simple")])
    def test_a_quarantined_project_is_refused(self, reason: str, shown: str) -> None:
        error = refusal(pin(), page(SDIST, status="quarantined", reason=reason))
        assert error.problem.endswith(shown)
        assert "PEP 792" in str(hint_of(error))

    @pytest.mark.parametrize("status", ["active", "archived", "deprecated", "something new"])
    def test_another_status_does_not_stand_in_the_way(self, status: str) -> None:
        assert names(choose(pin(), page(SDIST, status=status), SDISTS)) == [SDIST]

    @pytest.mark.parametrize("filename", ["foo-1.0/../../x.tar.gz", "foo-/1.0.tar.gz", "../foo-1.0.tar.gz"])
    def test_a_name_that_leads_elsewhere_is_never_taken(self, filename: str) -> None:
        refusal(pin(), page(filename))
        assert names(choose(pin(), page(filename, SDIST), WHEELS)) == [SDIST]

    def test_a_name_that_is_no_file_name_is_refused_with_the_reason(self) -> None:
        error = refusal(pin("1.0/x", arbitrary=True), page("foo-1.0/x.tar.gz"))
        assert "its name cannot be used as a file name" in error.problem


FILENAMES = st.builds(
    "foo-{}{}".format,
    st.sampled_from(["1.0", "1", "1.0.0", "1.0+x", "1.0_x", "2.0", "odd"]),
    st.sampled_from(
        [*SDIST_EXTENSIONS, "-py3-none-any.whl", "-cp312-abi3-any.whl", "-1-py3-none-any.whl", ".exe"]
    ),
)
FILES = st.lists(
    st.builds(
        lambda name, yanked, digests: file(name, yanked=yanked, digests=digests),
        FILENAMES,
        st.sampled_from([None, "", "broken"]),
        st.frozensets(st.sampled_from([sha256("a"), sha256("b"), sha512("a"), md5("a")])),
    ),
    max_size=8,
)
POLICIES = st.builds(Policy, wheels=st.booleans())
PINS = st.builds(
    lambda version, digests, formats: replace(pin(version, *digests), formats=formats),
    st.sampled_from(["1.0", "1.0+x", "2"]),
    st.frozensets(st.sampled_from([sha256("a"), sha512("a"), md5("b")])),
    st.sampled_from(Formats),
)


@given(PINS, FILES, POLICIES)
def test_a_choice_keeps_its_promises(requirement: Pinned, files: list[IndexFile], policy: Policy) -> None:
    there = page(*files)
    try:
        choice = choose(requirement, there, policy)
    except UnavailableError:
        return
    taken = names(choice)
    assert len(set(taken)) == len(taken)
    assert sum(sdist_extension(name) is not None for name in taken) <= 1
    assert [is_wheel(name) for name in taken] == sorted(is_wheel(name) for name in taken)
    assert policy.wheels or not any(map(is_wheel, taken))
    assert set(taken).isdisjoint(reasons(choice))
    assert set(taken) | set(reasons(choice)) <= {each.filename for each in files}
    assert len(choice.warnings) == sum(each.yanked for each in choice.files)


@given(PINS, FILES, POLICIES)
def test_the_order_of_a_page_does_not_matter(requirement: Pinned, files: list[IndexFile], policy: Policy) -> None:
    distinct = list({each.filename: each for each in files}.values())

    def outcome(ordered: list[IndexFile]) -> Choice | str:
        try:
            return choose(requirement, page(*ordered), policy)
        except UnavailableError as error:
            return error.problem

    assert outcome(distinct) == outcome(distinct[::-1])


def test_a_project_is_known_by_its_normalised_name() -> None:
    requirement = Pinned(name="Foo.Bar", version="1.0", origin=ORIGIN)
    there = Page(project=NormalizedName("foo-bar"), index="i", files=(file("foo_bar-1.0.tar.gz"),))
    assert names(choose(requirement, there, SDISTS)) == ["foo_bar-1.0.tar.gz"]
