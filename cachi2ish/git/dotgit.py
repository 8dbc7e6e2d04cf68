"""The ``.git`` folder of an archive: as little as git needs to name the version, and the same on every machine.

``git describe --tags --long --dirty`` in the unpacked archive answers as in a full clone, because the commits
behind the commit are there, the tags on them, and an index to which the files compare clean.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from cachi2ish.git.objects import FOLDER, Entry, Objects, tagged

#: An entry that git takes as unchanged (git-update-index(1), ``--assume-unchanged``, ``--skip-worktree``).
_ASSUME_VALID, _EXTENDED, _SKIP_WORKTREE = 0x8000, 0x4000, 0x4000
_LONGEST_NAME = 0x0FFF

_CONFIG = """\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = false
\tautocrlf = false
\tabbrev = {abbreviation}
"""

#: Files are in the archive as git stores them, so no conversion may be applied when git compares them:
#: this file overrules every .gitattributes (gitattributes(5)).
_ATTRIBUTES = "* -text !eol !crlf -ident !filter !working-tree-encoding\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlike:
    """Paths where the archive differs from the tree on purpose. rewritten: content; absent: not there."""

    rewritten: Collection[bytes] = frozenset()
    absent: Collection[bytes] = frozenset()


def abbreviation(objects: int) -> int:
    """Return how many digits git shortens an object name to, by its own rule for so many objects."""
    return max(7, (objects.bit_length() + 1) // 2)


def metadata_files(
    commit: str,
    references: Mapping[bytes, str],
    objects: Objects,
    shallow: Iterable[str],
    untracked: Iterable[bytes],
) -> Mapping[bytes, bytes]:
    """Return path and content of the small files. untracked: files of the archive that git must not see."""
    boundary = sorted(shallow)
    files = {
        b".git/HEAD": f"{commit}\n".encode(),
        b".git/config": _CONFIG.format(abbreviation=abbreviation(len(objects.stored))).encode(),
        b".git/info/attributes": _ATTRIBUTES.encode(),
        b".git/info/exclude": b"".join(b"/%s\n" % path for path in sorted(untracked)),
        b".git/packed-refs": _packed_refs(references, objects),
    }
    if boundary:
        files[b".git/shallow"] = "".join(f"{oid}\n" for oid in boundary).encode()
    return files


def _packed_refs(references: Mapping[bytes, str], objects: Objects) -> bytes:
    lines = [b"# pack-refs with: peeled fully-peeled sorted \n"]
    for ref, oid in sorted(references.items()):
        lines.append(b"%s %s\n" % (oid.encode(), ref))
        peeled = oid
        while (target := tagged(objects, peeled)) is not None:
            peeled = target
        if peeled != oid:
            lines.append(b"^%s\n" % peeled.encode())
    return b"".join(lines)


def index_file(entries: Iterable[Entry], unlike: Unlike) -> bytes:
    """Return an index (gitformat-index(5)) of the tree.

    All file facts in it are zero, which is what ``git read-tree`` writes: git then compares content once.
    """
    files = sorted((entry for entry in entries if entry.mode != FOLDER), key=lambda entry: entry.path)
    version = 3 if unlike.absent else 2
    content = struct.pack(">4sLL", b"DIRC", version, len(files)) + b"".join(_entry(e, unlike) for e in files)
    return content + hashlib.sha1(content, usedforsecurity=False).digest()


def _entry(entry: Entry, unlike: Unlike) -> bytes:
    flags = min(len(entry.path), _LONGEST_NAME)
    extended = b""
    if entry.path in unlike.absent:
        flags |= _EXTENDED
        extended = struct.pack(">H", _SKIP_WORKTREE)
    if entry.path in unlike.rewritten:
        flags |= _ASSUME_VALID
    facts = struct.pack(">6L", 0, 0, 0, 0, 0, 0) + struct.pack(">4L", entry.canonical_mode, 0, 0, 0)
    head = facts + bytes.fromhex(entry.oid) + struct.pack(">H", flags) + extended + entry.path
    return head + bytes(8 - len(head) % 8)
