"""Single files of an archive, read as streams: nothing is unpacked, and nothing is run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from cachi2ish.sdists.forward import Budget, Limits
from cachi2ish.sdists.members import reading
from cachi2ish.sdists.shortcut import find_members_at


class ArchiveTexts:
    """Implements `TextReader`."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()

    def top(self, path: Path, filename: str, names: Collection[str]) -> Mapping[str, bytes]:
        """Return the contents of those of ``names`` that stand at the top of the project."""
        budget = Budget(self._limits)
        quick = find_members_at(path, (), names, budget)
        if quick is not None:  # of several, the last stays when pip unpacks the archive
            return {name: found[-1] for name, found in quick.items() if found}
        return self._read(path, filename, budget, lambda below: below in names)

    def below(self, path: Path, filename: str, wanted: Callable[[str], bool]) -> Mapping[str, bytes]:
        """Return the contents of the files whose path below the top is wanted."""
        return self._read(path, filename, Budget(self._limits), wanted)

    def _read(
        self, path: Path, filename: str, budget: Budget, wanted: Callable[[str], bool]
    ) -> Mapping[str, bytes]:
        # As pip: the top is the one folder that holds everything, or the archive itself where a file stands there.
        flat, in_folder, at_top = False, dict[str, bytes](), dict[str, bytes]()
        with reading(path, filename, budget) as members:
            for member in members:
                flat = flat or len(member.parts) == 1
                if member.is_link or member.size > self._limits.metadata:
                    continue
                whole, inside = "/".join(member.parts), "/".join(member.parts[1:])
                if (inside and wanted(inside)) or wanted(whole):
                    content = member.read()
                    in_folder |= {inside: content} if inside and wanted(inside) else {}
                    at_top |= {whole: content} if wanted(whole) else {}
        return at_top if flat else in_folder
