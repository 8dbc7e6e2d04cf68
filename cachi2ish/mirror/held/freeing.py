"""Removes files from the store of a mirror: those that their registries give again when somebody asks for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

from cachi2ish.cache.interface import Pruning
from cachi2ish.core.cache_contents import Amount, Entry, EntryKind
from cachi2ish.mirror.history.interface import History
from cachi2ish.mirror.records import DAY, Instant

#: How old a look may be that shows that a registry has a file: followed projects are looked at once a day.
_RECENT = 2 * DAY

#: The place of a file on a disk, and in the shared store.
_BLOB = re.compile("blobs/sha256/([0-9a-f]{2})/([0-9a-f]{62})")
_OBJECT = re.compile("sha256/[0-9a-f]{2}/([0-9a-f]{64})")


class Freeing:
    """Implements `Pruning` for the store of a mirror.

    What stays: a file that no registry listed at a look within the last two days, since it may be the last copy;
    and one that is stated without a sha256, since nothing would prove that the next one is the same. Those of
    which the history knows nothing are metadata of wheels, which are read again, or belong to ``fetch-deps``.

    everything: let nothing stay for these reasons.
    """

    def __init__(
        self,
        pruning: Pruning,
        history: History,
        now: Callable[[], Instant],
        *,
        everything: bool,
    ) -> None:
        self._pruning = pruning
        self._history = history
        self._now = now
        self._everything = everything
        places = {sha256_of(entry): entry for entry in pruning.entries if entry.kind is EntryKind.FILE}
        self._places = places
        self._since = now() - _RECENT
        self._known = known = history.holdings(places.keys(), self._since)
        kept = () if everything else (key for key, one in known.items() if not one.listed)
        staying = {places[key] for key in kept}
        if not everything:
            remembered = map(history.content_of, history.keys_without_sha256())
            staying |= {places[sha256] for sha256 in remembered if sha256 is not None and sha256 in places}
        self.staying = Amount(len(staying), sum(entry.size for entry in staying))
        self._entries = tuple(entry for entry in pruning.entries if entry not in staying)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All files that may go."""
        return self._entries

    def remove(self, entry: Entry) -> bool:
        """Remove a file, unless somebody uses it or it has vanished meanwhile; return whether it is gone."""
        if self._everything or entry.kind is not EntryKind.FILE:
            return self._pruning.remove(entry)
        sha256 = sha256_of(entry)
        # A look that shows that it has vanished comes before, and is seen, or after, and the file is fetched then.
        with self._history.at_rest():
            known = self._history.holdings([sha256], self._now() - _RECENT).get(sha256)
            return (known is None or known.listed) and self._pruning.remove(entry)

    def remove_dangling_links(self) -> int:
        """Remove links to files that are not there (any more); return how many. Raises `StorageError`."""
        return self._pruning.remove_dangling_links()

    def names(self) -> Mapping[str, tuple[str, ...]]:
        """Return what registries have called the files, by `Entry.path`. It reads what is known of all wheels."""
        names = {key: tuple(sorted(one.names)) for key, one in self._known.items()}
        names |= _names_of_metadata(self._history, self._places.keys() - names.keys(), self._since)
        return {self._places[key].path: those for key, those in names.items()}

    def other_size(self) -> int:
        """Return the bytes of all that stays whatever happens: the catalogue, and files."""
        return self._pruning.other_size() + self.staying.size


def _names_of_metadata(history: History, keys: Collection[str], since: Instant) -> dict[str, tuple[str, ...]]:
    """Return what installers ask for, by the sha256, where these are metadata of wheels."""
    wheels = history.wheels_of([key for key in keys if key])
    known = history.holdings({one for those in wheels.values() for one in those}, since)
    names = {
        key: sorted({f"{name}.metadata" for wheel in those if wheel in known for name in known[wheel].names})
        for key, those in wheels.items()
    }
    return {key: tuple(those) for key, those in names.items()}


def sha256_of(entry: Entry) -> str:
    """Return the sha256 of a file in the store, "" for anything else."""
    found = _BLOB.fullmatch(entry.path) or _OBJECT.fullmatch(entry.path)
    return "".join(found.groups()) if found else ""
