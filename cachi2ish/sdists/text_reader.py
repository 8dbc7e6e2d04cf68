"""Single files of an archive, read as streams: nothing is unpacked, and nothing is run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from cachi2ish.sdists.forward import Budget, Limits, TooLargeError
from cachi2ish.sdists.members import reading
from cachi2ish.sdists.shortcut import find_members_at

#: Bytes of texts that are in memory at once. A lock file of Rust, the largest of them, has some 50,000.
_MOST_SEEN = 4_000_000


class SeenTexts:
    """Texts at the top of sdists, met when these were read for another reason: to inflate a large one takes long.

    names: of the texts. wanted: returns whether those of an sdist with these build requirements will be asked for.
    Safe to use from many threads.
    """

    def __init__(self, names: Collection[str], wanted: Callable[[Sequence[str]], bool]) -> None:
        self.names = tuple(names)
        self._wanted = wanted
        self._texts: dict[Path, Mapping[str, bytes]] = {}
        self._left = _MOST_SEEN

    def keep(self, path: Path, found: Mapping[str, Sequence[bytes]], build_requires: Sequence[str]) -> None:
        """Keep what was ``found`` at the top of the archive at ``path``, if it is wanted and there is room."""
        if not self._wanted(build_requires):
            return
        texts = _last(found)
        size = sum(map(len, texts.values()))
        if size <= self._left:
            self._left -= size
            self._texts[path] = texts

    def take(self, path: Path, names: Collection[str]) -> Mapping[str, bytes] | None:
        """Return those of ``names`` that are there, once; None where nobody knows."""
        if not set(self.names).issuperset(names):
            return None
        texts = self._texts.pop(path, None)
        if texts is None:
            return None
        self._left += sum(map(len, texts.values()))
        return {name: text for name, text in texts.items() if name in names}


class ArchiveTexts:
    """Implements `TextReader`. seen: what was met before."""

    def __init__(self, limits: Limits | None = None, seen: SeenTexts | None = None) -> None:
        self._limits = limits or Limits()
        self._seen = seen

    def top(self, path: Path, filename: str, names: Collection[str]) -> Mapping[str, bytes]:
        """Return the contents of those of ``names`` that stand at the top of the project."""
        seen = None if self._seen is None else self._seen.take(path, names)
        if seen is not None:
            return seen
        budget = Budget(self._limits)
        quick = find_members_at(path, (), names, budget)
        if quick is not None:
            return _last(quick)
        return self._read(path, filename, budget, lambda below: below in names)

    def below(self, path: Path, filename: str, wanted: Callable[[str], bool]) -> Mapping[str, bytes]:
        """Return the contents of the files whose path below the top is wanted."""
        return self._read(path, filename, Budget(self._limits), wanted)

    def _read(
        self, path: Path, filename: str, budget: Budget, wanted: Callable[[str], bool]
    ) -> Mapping[str, bytes]:
        # As pip: the top is the one folder that holds everything, or the archive itself where a file stands there.
        flat, in_folder, at_top = False, dict[str, bytes](), dict[str, bytes]()
        left = self._limits.unpacked
        with reading(path, filename, budget) as members:
            for member in members:
                flat = flat or len(member.parts) == 1
                if member.is_link or member.size > self._limits.metadata:
                    continue
                whole, inside = "/".join(member.parts), "/".join(member.parts[1:])
                if (inside and wanted(inside)) or wanted(whole):
                    content = member.read()
                    left -= len(content)
                    if left < 0:
                        raise TooLargeError(f"what is read of it has more than {self._limits.unpacked} bytes")
                    in_folder |= {inside: content} if inside and wanted(inside) else {}
                    at_top |= {whole: content} if wanted(whole) else {}
        return at_top if flat else in_folder


def _last(found: Mapping[str, Sequence[bytes]]) -> Mapping[str, bytes]:
    """Return one text of each name: of several, the last stays when pip unpacks the archive."""
    return {name: contents[-1] for name, contents in found.items() if contents}
