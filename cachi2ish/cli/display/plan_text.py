"""The plan of ``--dry-run`` as text: what would be fetched, from where, how large, and what not, and why."""

from __future__ import annotations

from collections.abc import Iterator

from cachi2ish.cli.display.units import readable_size
from cachi2ish.core.choose.choice import Choice
from cachi2ish.core.messages import shortened
from cachi2ish.core.placement import name_of_git, name_of_url
from cachi2ish.core.urls import redact
from cachi2ish.services.fetch.fetch_deps import Plan
from cachi2ish.services.fetch.targeting import Shares

#: How many files that are left for one reason are named; ``--log-level debug`` names all of them.
_LISTED = 3


def plan_text(plan: Plan) -> str:
    """Return the plan: a paragraph for each requirement, a line for each target, and one with the sum."""
    return "\n".join(_lines(plan)) + "\n"


def _lines(plan: Plan) -> Iterator[str]:
    for choice in plan.choices:
        yield from _choice(choice)
    for url in plan.urls:
        yield f"{url.name} ({url.origin})"
        yield f"  fetch {name_of_url(url)}  size unknown  {redact(url.url)}"
    for git in plan.gits:
        yield f"{git.name} ({git.origin})"
        yield f"  clone {name_of_git(git)}  size unknown  {redact(git.url)} at {git.commit}"
    yield from shares_text(plan.shares)
    yield _sum(plan)


def shares_text(shares: Shares) -> Iterator[str]:
    """Yield a line for each requirement that no target needs, for each target, and for what was left of all."""
    for requirement in shares.left_out:
        yield f"left out: {requirement} ({requirement.origin}), needed nowhere: {requirement.marker}"
    for target, share in shares.by_target:
        yield f"for {target}: {_counted(share.files, share.size, share.unknown)}"
    if shares.left is not None:
        all_wheels = _counted(shares.left.files, shares.left.size, shares.left.unknown)
        yield f"not needed, though all wheels would bring them: {all_wheels}"


def _choice(choice: Choice) -> Iterator[str]:
    source = f" from {choice.index}" if choice.index else ""  # a lock file need not say where it found its files
    yield shortened(f"{choice.requirement} ({choice.requirement.origin}){source}")
    for file in choice.files:
        size = "size unknown" if file.size is None else readable_size(file.size)
        yield f"  fetch {file.filename}  {size}  {redact(file.url)}"
    yield from _refused(choice)


def _refused(choice: Choice) -> Iterator[str]:
    by_reason: dict[str, list[str]] = {}
    for refusal in choice.refused:
        by_reason.setdefault(refusal.reason, []).append(refusal.filename)
    for reason, names in by_reason.items():
        if len(names) == 1:
            yield shortened(f"  leave {names[0]}: {reason}")
        else:
            rest = f", and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
            yield shortened(f"  leave {len(names)} files: {reason} ({', '.join(names[:_LISTED])}{rest})")


def _sum(plan: Plan) -> str:
    known = [size for size in plan.sizes if size is not None]
    return f"{_counted(len(plan.sizes), sum(known), len(plan.sizes) - len(known))}; nothing was written"


def _counted(count: int, size: int, unknown: int) -> str:
    if count == unknown != 0:
        return f"{count} file{'' if count == 1 else 's'} of unknown size"
    rest = f", and {unknown} of unknown size" if unknown else ""
    return f"{count} file{'' if count == 1 else 's'}, {readable_size(size)}{rest}"
