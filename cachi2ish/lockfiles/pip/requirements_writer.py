"""A lock of any format as a requirements file, for builds that know pip alone."""

from __future__ import annotations

from cachi2ish.core.digests import strong
from cachi2ish.core.requirements import Git, Pinned, Requirement, Url
from cachi2ish.lockfiles.interface import Lock, LockText

_NEXT = " \\\n    "


def as_requirements(lock: Lock, file: str) -> LockText:
    """Return what a lock asks for as the text of ``file``: pins with digests and markers, sorted.

    Extras are left out, since what they bring is pinned too: it is installed with ``--no-deps``. Addresses are
    written without credentials.
    """
    ordered = sorted(lock.requirements, key=lambda one: (one.project, str(one), one.marker or ""))
    head = f"# Of {lock.file}, by cachi2ish. Install it with --no-deps.\n"
    return LockText(
        file,
        head + "".join(f"{_line(one)}\n" for one in ordered),
        tuple(one for one in ordered if not isinstance(one, Pinned)),
    )


def _line(one: Requirement) -> str:
    marker = f" ; {one.marker}" if one.marker else ""
    match one:
        case Pinned():
            operator = "===" if one.arbitrary else "=="
            hashes = [f"--hash={digest}" for digest in sorted(map(str, strong(one.digests)))]
            return _NEXT.join((f"{one.project}{operator}{one.version}{marker}", *hashes))
        case Url():
            address = f"{one.url.redacted}{_fragment(one.subdirectory)}"
            return _NEXT.join((f"{one.project} @ {address}{marker}", f"--hash={one.digest}"))
        case Git():
            return f"{one.project} @ git+{one.url.redacted}@{one.commit}{_fragment(one.subdirectory)}{marker}"


def _fragment(subdirectory: str | None) -> str:
    return f"#subdirectory={subdirectory}" if subdirectory else ""
