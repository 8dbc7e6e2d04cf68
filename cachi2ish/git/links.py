"""Symbolic links of a repository: which of them an archive may hold."""

from __future__ import annotations


def safe_link(path: bytes, target: bytes) -> bool:
    """Return whether the link at ``path`` cannot lead out of the archive.

    Installers refuse an archive with a link that does (PEP 706), and in a checkout it points into the void:
    it is left out. ``..`` counts only at the beginning of the target, where every step is a real folder;
    behind a name, which may be a link itself, it is not trusted.
    """
    parts = [part for part in target.split(b"/") if part not in {b"", b"."}]
    ups = next((number for number, part in enumerate(parts) if part != b".."), len(parts))
    return bool(target) and not target.startswith(b"/") and ups <= path.count(b"/") and b".." not in parts[ups:]
