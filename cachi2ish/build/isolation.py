"""The environment of a build, in the two steps of an installer: what is declared, and what the hook asks for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from packaging.utils import canonicalize_name
from packaging.version import Version

from cachi2ish.build.interface import IMPLICIT, Build, Environment, Hooks, Machine, Why
from cachi2ish.build.resolving import NoSolutionError, Solver, parsed
from cachi2ish.build.rules.question import Answer, Question
from cachi2ish.build.rules.registry import answer
from cachi2ish.core.messages import excerpt


def environment(build: Build, machine: Machine, solver: Solver, hooks: Hooks | None = None) -> Environment:
    """Return what an installer puts into the environment of ``build``; raises `NoSolutionError`.

    hooks: are called where no rule knows what the back-end adds, and for the user's own project.
    """
    facts = build.facts
    declared = IMPLICIT if facts.is_legacy else facts.requires or ()
    why = Why.IMPLICIT if facts.is_legacy else Why.DECLARED
    # pip before 24.0 takes wheel where nothing is declared; where there is none, later ones do not miss it.
    if facts.is_legacy and not solver.versions("wheel"):
        declared = IMPLICIT[:1]
    first = solver.resolve(declared, machine)
    added, by = answer(Question(facts, machine, first)), Why.RULE
    if hooks is not None and (added.unknown or build.own):
        requires, problem = hooks.answer(build, machine, first)
        if problem:
            added = Answer(added.requires, (*added.unknown, problem))
        else:
            added, by = Answer(requires, tuple(_not_of_an_index(requires, machine))), Why.HOOK
    more = _missing(added, machine, first)
    second = solver.resolve(more, machine) if more else {}
    installed = {**second, **first}  # the first of the two on the path of imports
    requested = [(text, why) for text in _holding(declared, machine)]
    requested += [(text, by) for text in _holding(added.requires, machine)]
    return Environment(installed, tuple(requested), added.unknown)


def _not_of_an_index(texts: Iterable[str], machine: Machine) -> Iterator[str]:
    """Yield a clause for each requirement of a hook that no release fulfils: a URL, or what is no requirement."""
    for text in texts:
        one = parsed(text)
        if one is None:
            yield f"its hook asks for {excerpt(text)!r}, which is no requirement"
        elif one.url is not None and machine.wants(None if one.marker is None else str(one.marker)):
            yield f"its hook asks for {one.name} from a URL, which is in no index"


def _holding(texts: Iterable[str], machine: Machine) -> list[str]:
    found = []
    for text in texts:
        one = parsed(text)
        if one is not None and machine.wants(None if one.marker is None else str(one.marker)):
            found.append(text)
    return found


def _missing(added: Answer, machine: Machine, installed: Mapping[str, Version]) -> Sequence[str]:
    """Return what the hook asks for and is not there; raises `NoSolutionError` where something else is."""
    missing: list[str] = []
    for text in _holding(added.requires, machine):
        one = parsed(text)
        version = None if one is None else installed.get(canonicalize_name(one.name))
        if one is None or version is None:
            missing.append(text)
        elif not one.specifier.contains(version, prereleases=True):
            raise NoSolutionError(f"the back-end asks for {text}, and {one.name} {version} is declared")
    return missing
