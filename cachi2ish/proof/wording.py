"""What a failure is called, and the line that would mend it."""

from __future__ import annotations

from collections.abc import Mapping

from cachi2ish.core.targets.machine import Target
from cachi2ish.proof.interface import Finding, Verdict
from cachi2ish.proof.needs import Failure, Kind

#: Where build requirements are pinned.
BUILD_FILE = "requirements-build.txt"

#: Versions that are named of those that are there.
_MOST = 5


def of_build(failure: Failure, subject: str, target: Target, backend: str) -> Finding:
    """Return what a failure means for the build of ``subject``. backend: what asked for it, "" where declared."""
    need = failure.at
    what = str(need.needed)
    if need.by != subject:
        what = f"what {need.by} requires, {what}"
    elif backend:
        what = f"{what}, for which its back-end {backend} asks"
    return _finding(
        failure, subject, f"is built with {what}, {_which(failure)}", _mend(failure, target, BUILD_FILE)
    )


def of_install(failure: Failure, lock: str, target: Target) -> Finding:
    """Return what a failure means for the installation of ``lock``."""
    need = failure.at
    if need.root:
        subject, sentence = lock, f"asks for {need.needed}, {_which(failure)}"
    else:
        subject, sentence = need.by, f"requires {need.needed}, {_which(failure)}"
    return _finding(failure, subject, sentence, _mend(failure, target, lock))


def _finding(failure: Failure, subject: str, problem: str, mend: str) -> Finding:
    need = failure.at
    doubt = "" if failure.certain else _doubt(failure)
    return Finding(
        verdict=Verdict.DISPROVED if failure.certain else Verdict.UNKNOWN,
        subject=subject,
        problem=f"{problem}{doubt}",
        requirement=need.text,
        needed_by=need.by,
        origin=need.origin,
        mend=mend,
    )


#: How a sentence about a requirement ends. file: of the failure; listed: its facts.
_WHICH: Mapping[Kind, str] = {
    Kind.MISSING: "which nothing in the output fulfils",
    Kind.TAGS: "which only {file} fulfils, a wheel for other machines",
    Kind.FORMAT: "which only {file} fulfils, and the lock forbids its format",
    Kind.PYTHON: "which is {file}, and that is for Python {listed}",
    Kind.PATCH: "which is {file}, and that is for Python {listed}: the patch version of the target decides",
    Kind.UNPINNED: "which no line of the lock pins, and with hashes pip takes nothing else",
    Kind.DIGEST: "for which pip takes {file}, and no line of the lock has its digest",
    Kind.CONFLICT: "which nothing fulfils together with {listed}",
    Kind.ADDRESS: "which is at an address, and there is no network",
    Kind.ENDLESS: "and what is chosen for it changes what is asked",
}


def _which(failure: Failure) -> str:
    if failure.kind is Kind.MISSING and failure.file:
        return f"which is {failure.file}, and that is not there"
    listed = ", ".join(failure.facts[-_MOST:])
    there = f": there is {listed}" if failure.kind is Kind.MISSING and listed else ""
    return _WHICH[failure.kind].format(file=failure.file, listed=listed) + there


def _doubt(failure: Failure) -> str:
    if failure.instead:
        return f"; pip may go back to {failure.instead}"
    return "" if failure.kind in {Kind.PATCH, Kind.ENDLESS} else "; whether it is needed there is not certain"


#: What would mend it. file: the lock; place: the line; python, platform: of the target.
_MEND: Mapping[Kind, str] = {
    Kind.MISSING: "{file}: {needed}",
    Kind.UNPINNED: "{file}: {needed}",
    Kind.CONFLICT: "{file}: {needed}",
    Kind.TAGS: '"targets": [{{"python": "{python}", "platform": "{platform}"}}]',
    Kind.FORMAT: "{place}: take out --no-binary and --only-binary for {project}",
    Kind.PYTHON: "{place}: pin a version of {project} for Python {python}",
    Kind.PATCH: "--target python={python}.N,platform={platform}",
    Kind.DIGEST: "{place}: add the digest of {of}",
    Kind.ADDRESS: "",
    Kind.ENDLESS: "",
}

#: The same for a line of the lock itself.
_MEND_LINE: Mapping[Kind, str] = {
    Kind.MISSING: "run fetch-deps again",
    Kind.CONFLICT: "{place}: pin one version of {project}",
}


def _mend(failure: Failure, target: Target, file: str) -> str:
    need = failure.at
    direct = failure.kind is Kind.MISSING and failure.file
    template = (_MEND_LINE if need.root or direct else _MEND).get(failure.kind, _MEND[failure.kind])
    return template.format(
        file=file,
        needed=need.needed,
        place=need.origin or file,
        project=need.project,
        python=".".join(map(str, target.python)),
        platform=target.platform.tag,
        of=failure.file,
    )
