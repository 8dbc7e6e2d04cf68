"""What an offline build lacks, in one line: what sdists declare, and what their back-ends add by rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial

from packaging.requirements import InvalidRequirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from cachi2ish.build.interface import TOOLS, Machine, SdistFacts
from cachi2ish.core.artifacts import Blob
from cachi2ish.core.messages import shortened
from cachi2ish.core.targets.dependency_specifiers import read_requirement
from cachi2ish.core.targets.machine import Target
from cachi2ish.errors import DistributionError
from cachi2ish.services.fetch.building import Built, OutputFile, is_missing
from cachi2ish.services.fetch.ports import Archives
from cachi2ish.services.lock_build_deps.findings import crates_of
from cachi2ish.services.lock_build_deps.sdist_files import facts_of_archive

#: Back-ends that add something, or need crates, in many sdists: those are looked into once more. Of setuptools,
#: the version that is there decides whether wheel is added.
_ADDING = frozenset({"maturin", "meson-python", "pdm-backend", "scikit-build-core", "setuptools-rust"})
_SETUPTOOLS = frozenset({"setuptools"})

#: Where rules are looked at when nothing says for which machine.
_USUAL = ("3.13", "manylinux_2_28_x86_64")


@dataclass
class _Tally:
    """Requirements that nothing fulfils, and those of them that a program of the system may stand for."""

    packages: int = 0
    missing: dict[str, None] = field(default_factory=dict)
    unless_there: dict[str, None] = field(default_factory=dict)
    crates: dict[str, None] = field(default_factory=dict)


def sentences(
    builds: Iterable[Built],
    output: Mapping[str, tuple[OutputFile, ...]],
    own: Mapping[str, SdistFacts | None],
    archives: Archives,
    *,
    tools: frozenset[str],
    names_crates: bool,
) -> tuple[str, ...]:
    """Return one sentence of all that is missing, if anything is, and one for each package that needs crates.

    output: the files by project. own: what the user's own projects say, by path. tools: those that are there.
    """
    planner, tally = archives.planner(), _Tally()
    missing_here = cache(partial(is_missing, output=output))
    for built in builds:
        facts = own.get(built.path) if built.blob is None else _facts(built, built.blob, archives)
        missing = dict.fromkeys(one for one in built.requires if missing_here(one, built.targets))
        unless_there: dict[str, None] = {}
        if facts is not None:
            installed = _installed(built.requires, output)
            for target in built.targets or (Target.parse(*_USUAL),):
                with_tools, _ = planner.added(facts, Machine(target, TOOLS | tools), installed)
                without, _ = planner.added(facts, Machine(target, tools), installed)
                where = (target,) if built.targets else ()
                missing |= dict.fromkeys(one for one in with_tools if missing_here(one, where))
                more = (one for one in without if one not in with_tools)
                unless_there |= dict.fromkeys(one for one in more if missing_here(one, where))
            if names_crates and planner.needs_crates(facts):
                tally.crates[crates_of(built.what, facts)] = None
        tally.packages += bool(missing or unless_there)
        tally.missing |= missing
        tally.unless_there |= unless_there
    return (*_one_line(tally), *tally.crates)


def look_ahead(filename: str, blob: Blob, build_requires: tuple[str, ...], archives: Archives) -> None:
    """Load, read and remember what `sentences` needs of an sdist, while other files are on their way."""
    archives.planner()
    _facts(Built(filename, None, build_requires, (), blob), blob, archives)


def is_looked_into(build_requires: Iterable[str]) -> bool:
    """Return whether more than what an sdist with these build requirements declares can make a difference."""
    return not _ADDING.isdisjoint(map(_project, build_requires))


def _facts(built: Built, blob: Blob, archives: Archives) -> SdistFacts | None:
    """Return what an sdist says, as far as that can make a difference: each was read once already."""
    if not is_looked_into(built.requires):
        named = not _SETUPTOOLS.isdisjoint(map(_project, built.requires))
        return SdistFacts(requires=built.requires) if named else None
    try:
        return facts_of_archive(blob.sha256, built.what, lambda: blob, archives.facts, archives.recollection)
    except DistributionError:  # permissive mode let it pass
        return None


@cache  # sdists are built with the same few
def _project(text: str) -> str | None:
    try:
        return canonicalize_name(read_requirement(text).name)
    except InvalidRequirement:
        return None


def _one_line(tally: _Tally) -> Iterator[str]:
    parts = [shortened(", ".join(tally.missing))] if tally.missing else []
    if tally.unless_there:
        parts.append(f"{', '.join(tally.unless_there)} where the system has no such program")
    if parts:
        of = "1 package" if tally.packages == 1 else f"{tally.packages} packages"
        how = 'lock-build-deps finds all of it, and so does "build_dependencies": "resolve"'
        yield f"an offline build of {of} lacks {', and '.join(parts)}; {how}"


def _installed(requires: Iterable[str], output: Mapping[str, tuple[OutputFile, ...]]) -> Mapping[str, Version]:
    """Return the newest of the output for each requirement, as far as there is one."""
    found: dict[str, Version] = {}
    for text in requires:
        try:
            one = read_requirement(text)
        except InvalidRequirement:
            continue
        project = canonicalize_name(one.name)
        there = [
            file.version
            for file in output.get(project, ())
            if one.specifier.contains(file.version, prereleases=True)
        ]
        if there:
            found[project] = max(there)
    return found
