"""Of files with local version labels, pip itself takes the one that is taken here."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pip._internal.index.collector import LinkCollector
from pip._internal.index.package_finder import PackageFinder
from pip._internal.models.link import Link
from pip._internal.models.search_scope import SearchScope
from pip._internal.models.selection_prefs import SelectionPreferences
from pip._internal.models.target_python import TargetPython
from pip._internal.network.session import PipSession
from pip._internal.utils.hashes import Hashes
from pip._vendor.packaging.specifiers import SpecifierSet

from cachi2ish.core.choose.checks import Policy
from cachi2ish.core.choose.choice import choose
from cachi2ish.core.digests import Digest
from cachi2ish.core.targets.machine import Target
from cachi2ish.errors import UnavailableError
from tests.core.machines import ALPINE, LINUX, MAC, WINDOWS
from tests.core.one_project import file, names, page, pin, sha256

LABELS = ["", "+cpu", "+cpu.1", "+cu9", "+cu118", "+1"]
ENDS = [
    ".tar.gz",  # of several archives of one version pip takes the last one of the page, whichever that is
    "-py3-none-any.whl",
    "-1-py3-none-any.whl",
    "-cp312-cp312-manylinux_2_28_x86_64.whl",
    "-cp312-cp312-manylinux_2_17_x86_64.whl",
    "-cp312-abi3-manylinux_2_17_x86_64.whl",
    "-cp312-cp312-manylinux_2_28_aarch64.whl",
    "-cp312-cp312-win_amd64.whl",
    "-cp312-cp312-macosx_14_0_arm64.whl",
]


@dataclass(frozen=True)
class Listed:
    """A file of an index. named: whether the lock names it. yanked: PEP 592."""

    filename: str
    named: bool
    yanked: bool

    @property
    def digest(self) -> Digest:
        return sha256(self.filename)


FILES = st.lists(
    st.builds(
        Listed,
        st.builds("foo-1.0{}{}".format, st.sampled_from(LABELS), st.sampled_from(ENDS)),
        named=st.booleans(),
        yanked=st.booleans(),
    ),
    unique_by=lambda one: one.filename,
    min_size=1,
    max_size=10,
)

TARGETS = st.sampled_from([LINUX, MAC, WINDOWS, ALPINE])


def taken_by_pip(files: list[Listed], target: Target, pinned: str) -> str | None:
    """The file that pip takes on a machine, or None: its evaluators, with the links of a page."""
    links = [
        Link(
            f"https://files.example/{one.filename}#sha256={one.digest.value}",
            yanked_reason="bad" if one.yanked else None,
        )
        for one in files
    ]
    finder = PackageFinder.create(
        LinkCollector(PipSession(), SearchScope.create([], [], no_index=True)),
        SelectionPreferences(allow_yanked=True),
        TargetPython(list(target.platform_tags()), target.python, [target.abi], target.implementation),
    )
    named = [one.digest.value for one in files if one.named]
    candidates = finder.evaluate_links(finder.make_link_evaluator("foo"), links)
    evaluator = finder.make_candidate_evaluator(
        "foo", specifier=SpecifierSet(f"=={pinned}"), hashes=Hashes({"sha256": named}) if named else None
    )
    best = evaluator.compute_best_candidate(candidates).best_candidate
    return None if best is None else best.link.filename


@given(
    files=FILES, target=st.sampled_from([LINUX, MAC, WINDOWS, ALPINE]), pinned=st.sampled_from(["1.0", "1.0+cpu"])
)
def test_a_target_gets_the_file_that_pip_takes_there(files: list[Listed], target: Target, pinned: str) -> None:
    assert taken_here(files, Policy(wheels=True, targets=(target,)), pinned) == allowed(
        files, taken_by_pip(files, target, pinned)
    )


@given(files=FILES, target=TARGETS)
def test_from_all_that_is_taken_without_targets_pip_takes_what_it_takes_from_the_index(
    files: list[Listed], target: Target
) -> None:
    everything = taken_here(files, Policy(wheels=True), "1.0")
    expected = allowed(files, taken_by_pip(files, target, "1.0"))
    # Where a directory is installed from, nobody knows what was yanked.
    there = [Listed(one.filename, one.named, yanked=False) for one in files if one.filename in everything]
    if not any(one.yanked for one in files):
        assert allowed(files, taken_by_pip(there, target, "1.0")) == expected
    assert set(expected) <= set(everything)


def taken_here(files: list[Listed], policy: Policy, pinned: str) -> list[str]:
    listed = [file(one.filename, yanked="bad" if one.yanked else None) for one in files]
    named = [one.digest for one in files if one.named]
    try:
        return names(choose(pin(pinned, *named), page(*listed), policy))
    except UnavailableError:
        return []


def allowed(files: list[Listed], taken: str | None) -> list[str]:
    """What pip installs: a file that is none of those that the lock names is taken, and refused."""
    named = [one.filename for one in files if one.named]
    return [] if taken is None or (named and taken not in named) else [taken]


@pytest.mark.parametrize("pinned", ["2.1.1", "2.1.1+cpu"])
def test_a_wheel_with_a_label_and_one_without_are_what_pip_takes_on_their_machines(pinned: str) -> None:
    x86 = "foo-2.1.1+cpu-cp312-cp312-manylinux_2_28_x86_64.whl"
    arm = "foo-2.1.1-cp312-cp312-manylinux_2_28_aarch64.whl"
    both = [Listed(x86, named=True, yanked=False), Listed(arm, named=True, yanked=False)]
    assert taken_by_pip(both, LINUX, pinned) == x86
    assert taken_here(both, Policy(wheels=True, targets=(LINUX,)), pinned) == [x86]
