"""Files of the source tree, which a lock names by path: copied into the cache, and checked on the way."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote

from cachi2ish.cache.interface import BlobStore
from cachi2ish.core.artifacts import Artifact, Blob
from cachi2ish.errors import LockFileError, StorageError
from cachi2ish.files.foreign import UnfitFileError, stream_foreign
from cachi2ish.http.interface import Advance, Downloader, OnSize, ignore_size
from cachi2ish.http.verification import algorithms, key_of, mismatch

_CHANGED = "take it from version control as it was when it was locked, or lock again"
_COMMIT = "is it under version control? a lock names it by its path from the lock"


class LocalFilesFirst:
    """Implements `Downloader`: what has the address ``file:PATH`` is read from the source, each time anew.

    source: what PATH is relative to. others: brings the files of all other addresses.
    """

    def __init__(self, source: Path, blobs: BlobStore, others: Downloader) -> None:
        self._source = source
        self._blobs = blobs
        self._others = others

    def fetch(self, artifact: Artifact, advance: Advance, on_size: OnSize = ignore_size) -> Blob:
        """Return the file, as `Downloader.fetch` says; raises `LockFileError` for one that is not there."""
        if artifact.url.scheme != "file":
            return self._others.fetch(artifact, advance, on_size)
        path = unquote(artifact.url.path)
        try:
            return self._copy(artifact, self._inside(artifact, path))
        except FileNotFoundError:
            problem, hint = f"the source has no file {path}", _COMMIT
        except UnfitFileError as error:
            problem, hint = f"{path} in the source {error.strerror}", error.hint
        except IsADirectoryError:
            problem, hint = f"{path} in the source is a directory, and no archive", _CHANGED
        except OSError as error:
            raise StorageError(
                f"{path} in the source cannot be read: {error.strerror}",
                hint="check that you may read it",
                origin=artifact.origin,
            ) from None
        raise LockFileError(problem, hint=hint, origin=artifact.origin)

    def _inside(self, artifact: Artifact, path: str) -> Path:
        """Return the path of a file, all links followed; raises `LockFileError` where they lead out."""
        root = Path(os.path.realpath(self._source))
        real = Path(os.path.realpath(root / path))
        if real.is_relative_to(root):
            return real
        raise LockFileError(
            f"{path} is a link that leads out of the source",
            hint="put the file itself in its place",
            origin=artifact.origin,
        )

    def _copy(self, artifact: Artifact, path: Path) -> Blob:
        with self._blobs.writer(f"source {key_of(artifact)}", algorithms(artifact)) as writer:
            if writer.offset:  # what is there may be of another file of this path
                writer.restart()
            for chunk in stream_foreign(path):
                writer.write(chunk)
            wrong = mismatch(artifact, writer)
            if wrong is None:
                return writer.commit()
        self._blobs.discard(f"source {key_of(artifact)}")
        raise wrong.reworded(wrong.problem, _CHANGED)
