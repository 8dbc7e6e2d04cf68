"""A proof as a person reads it: a table for each target, what is wrong first."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from cachi2ish.cli.display.figures import counted
from cachi2ish.core.distributions import is_wheel, sdist_extension
from cachi2ish.core.messages import printable
from cachi2ish.proof.interface import Finding, Proof, ProvedPackage, TargetProof, Verdict
from cachi2ish.services.verify import NOT_LOOKED_AT

#: What is wrong comes first.
_ORDER = (Verdict.DISPROVED, Verdict.UNKNOWN, Verdict.PROVED)

_WORD = max(map(len, _ORDER))

#: Columns below which nothing can be laid out.
_NARROWEST = 30


def proof_text(proof: Proof, width: int | None) -> str:
    """Return the tables and the verdict. width: columns of the terminal, None where no line is to be wrapped."""
    columns = None if width is None else max(width, _NARROWEST)
    return "".join(f"{line}\n" for line in _lines(proof, columns))


def _lines(proof: Proof, width: int | None) -> Iterator[str]:
    if proof.findings:
        yield from _wrapped("The output", "", width)
        for finding in proof.findings:
            yield from _finding(finding, width)
    for target in proof.targets:
        yield from _target(target, width)
    looked_at = f"{counted(proof.files, 'file')} compared. Not looked at: {'; '.join(NOT_LOOKED_AT)}."
    yield from _wrapped(looked_at, "", width)
    yield proof.verdict.value


def _target(proof: TargetProof, width: int | None) -> Iterator[str]:
    tools = f" with {', '.join(proof.tools)}" if proof.tools else ""
    yield from _wrapped(f"{proof.target}{tools}: {proof.verdict}", "", width)
    for finding in proof.findings:
        yield from _finding(finding, width)
    for package in sorted(proof.packages, key=lambda one: _ORDER.index(one.verdict)):
        yield from _package(package, width)


def _package(one: ProvedPackage, width: int | None) -> Iterator[str]:
    use = " (to build)" if one.build else ""
    yield from _wrapped(f"{one.verdict:<{_WORD}}  {one.project} {one.version}".rstrip() + use, "  ", width)
    for finding in one.findings:
        yield from _finding(finding, width, named=one.verdict)


def _finding(one: Finding, width: int | None, named: Verdict | None = None) -> Iterator[str]:
    verdict = "" if named is one.verdict else f"{one.verdict}: "
    yield from _wrapped(f"{verdict}{sentence(one)}", "    ", width)
    if one.mend:
        yield from _wrapped(f"to mend: {one.mend}", "      ", width)


def sentence(one: Finding) -> str:
    """Return what is wrong, with its place."""
    if one.origin is None:
        return f"{one.subject} {one.problem}"
    if (
        one.subject == one.needed_by
        and one.origin.line is not None
        and not (is_wheel(one.subject) or sdist_extension(one.subject))
    ):
        return f"{one.origin}: {one.problem}"  # a line of the lock itself
    return f"{one.origin}: {one.subject} {one.problem}"


def _wrapped(text: str, indent: str, width: int | None) -> Iterable[str]:
    shown = f"{indent}{printable(text)}"
    if width is None or len(shown) <= width:
        return (shown,)
    return textwrap.wrap(
        shown, width, subsequent_indent=f"{indent}  ", break_on_hyphens=False, break_long_words=False
    )
