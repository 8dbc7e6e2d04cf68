"""What commands print as their results: the plan of ``--dry-run``, and what ``cachi2ish cache`` finds and does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from cachi2ish.cli.display.figures import counted, readable_size
from cachi2ish.core.choose.explain import words_of
from cachi2ish.core.choose.reasons import Facts, Reason
from cachi2ish.core.cutoff import rfc3339
from cachi2ish.core.messages import escaped, printable, shortened
from cachi2ish.core.outputs import name_of_git, name_of_url
from cachi2ish.core.urls import redact
from cachi2ish.services.fetch.targeting import Shares

if TYPE_CHECKING:
    from cachi2ish.core.cache_contents import Amount, CacheContents, Entry, Pruned
    from cachi2ish.core.choose.choice import Choice
    from cachi2ish.services.cache_upkeep import Verified
    from cachi2ish.services.fetch.fetch_deps import Plan

#: How many files that are left for one reason are named; ``--log-level debug`` names all of them.
_LISTED = 3


def plan_text(plan: Plan) -> str:
    """Return the plan: a paragraph for each requirement, a line for each target, and one with the sum."""
    return "".join(f"{escaped(line)}\n" for line in _lines(plan))


def _lines(plan: Plan) -> Iterator[str]:
    for choice in plan.choices:
        yield from _choice(choice)
    for url in plan.urls:
        yield f"{url.name} ({url.origin})"
        yield f"  fetch {name_of_url(url)}  size unknown  {url.url}"
    for git in plan.gits:
        yield f"{git.name} ({git.origin})"
        yield f"  clone {name_of_git(git)}  size unknown  {git.url} at {git.commit}"
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
    by_reason: dict[tuple[Reason, Facts], list[str]] = {}
    for refusal in choice.refused:
        by_reason.setdefault((refusal.reason, refusal.facts), []).append(refusal.filename)
    for why, names in by_reason.items():
        reason = words_of(*why)
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


def info_text(contents: CacheContents) -> str:
    """Return the contents of a cache, a line for each kind."""
    rows = [("directory", str(contents.directory) + ("" if contents.exists else " (does not exist)"))]
    if contents.exists:
        rows += list(_rows(contents))
    width = max(len(label) for label, _ in rows)
    return "".join(f"{label:{width}}  {printable(value)}\n" for label, value in rows)


def _rows(contents: CacheContents) -> Iterator[tuple[str, str]]:
    yield "size", readable_size(contents.size)
    yield "files", _amount(contents.files)
    yield "unfinished files", _amount(contents.unfinished)
    if contents.leftovers.count:
        yield "leftovers", _amount(contents.leftovers)
    catalogue = contents.catalogue
    if catalogue.problem is None:
        held = f"{counted(catalogue.pages, 'page')}, {counted(catalogue.recollections, 'recollection')}"
    else:
        held = f"cannot be read: {catalogue.problem}"
    yield "catalogue", f"{readable_size(catalogue.size)}: {held}"
    if contents.oldest_use is not None and contents.newest_use is not None:
        yield "last used", f"between {_instant(contents.oldest_use)} and {_instant(contents.newest_use)}"


def info_json(contents: CacheContents) -> str:
    """Return the contents as a JSON object; sizes in bytes, instants in RFC 3339 or null."""
    catalogue = contents.catalogue
    return (
        json.dumps(
            {
                "directory": str(contents.directory),
                "exists": contents.exists,
                "bytes": contents.size,
                "files": _json_amount(contents.files),
                "unfinished": _json_amount(contents.unfinished),
                "leftovers": _json_amount(contents.leftovers),
                "catalogue": {
                    "bytes": catalogue.size,
                    "pages": catalogue.pages,
                    "recollections": catalogue.recollections,
                    "problem": catalogue.problem,
                },
                "oldest_use": contents.oldest_use and _instant(contents.oldest_use),
                "newest_use": contents.newest_use and _instant(contents.newest_use),
            },
            indent=2,
        )
        + "\n"
    )


def _json_amount(amount: Amount) -> dict[str, int]:
    return {"count": amount.count, "bytes": amount.size}


def verified_text(verified: Verified) -> str:
    """Return how much was verified, and how much was not worth keeping."""
    removed = f"; {counted(verified.removed, 'file')} removed" if verified.removed else ""
    return f"{counted(verified.files, 'file')}, {readable_size(verified.size)}, verified{removed}"


def removals_text(pruned: Pruned, when: str = "last used") -> str:
    """Return a line for each file that would be removed: its place, what indexes call it, size and last use.

    when: what happened at the instant that is known, where that is not the last use.
    """
    return "".join(
        f"{printable(entry.path)}  {_called(entry, pruned)}, {readable_size(entry.size)},"
        f" {when} {_instant(entry.used)}\n"
        for entry in pruned.entries
    )


def _called(entry: Entry, pruned: Pruned) -> str:
    return printable(", ".join(pruned.names.get(entry.path, ()))) or entry.kind.value


def pruned_lines(pruned: Pruned, *, dry_run: bool) -> Iterator[str]:
    """Yield what was removed, or would be, and what is left."""
    more = [counted(pruned.links, "link")] if pruned.links else []
    if pruned.forgotten:
        more.append(f"{counted(pruned.forgotten, 'row')} of the catalogue")
    removed = ", ".join((f"{counted(len(pruned.entries), 'file')}, {readable_size(pruned.size)}", *more))
    left = readable_size(pruned.kept)
    yield f"would remove {removed}; {left} would be left" if dry_run else f"removed {removed}; {left} left"
    if pruned.in_use:
        yield f"{counted(pruned.in_use, 'file')} spared: a running process may be using them"


def too_large_text(pruned: Pruned, size: int) -> str:
    """Return the warning for a cache that is still larger than it should be."""
    return (
        f"the cache has {readable_size(pruned.kept)}, more than {readable_size(size)}: what is left may be in use,"
        " or is what the catalogue has learned within a day"
    )


def _amount(amount: Amount) -> str:
    return f"{amount.count}, {readable_size(amount.size)}" if amount.count else "none"


def _instant(instant: datetime) -> str:
    return rfc3339(instant.replace(microsecond=0))
