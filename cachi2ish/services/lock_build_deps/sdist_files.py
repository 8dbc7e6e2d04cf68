"""Sdists and wheels that are looked into for what they are built with, or need; each once, whoever asks."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cachi2ish.build.interface import BuildFactsReader, SdistFacts
from cachi2ish.cache.interface import Recollection
from cachi2ish.core.artifacts import Artifact, Blob
from cachi2ish.core.lazy import OncePerKey
from cachi2ish.core.pages import IndexFile
from cachi2ish.core.urls import Address
from cachi2ish.errors import NotCachedError, Origin
from cachi2ish.http.interface import Downloader
from cachi2ish.index.interface import MetadataFiles
from cachi2ish.services.progress import Arrival, Reporter

#: Part of what facts are remembered by: raise it when archives are read by another rule.
_RULE = "2"

_NOWHERE = Origin("")

#: Reads ``Requires-Dist`` of a METADATA.
ReadMetadata = Callable[[bytes], tuple[str, ...]]


class SdistFiles:
    """Brings files and reads them. Safe for many threads; what was read is kept under the digest of the file."""

    def __init__(
        self,
        downloader: Downloader,
        metadata: MetadataFiles | None,
        read_metadata: ReadMetadata,
        facts: Callable[[], BuildFactsReader],
        recollection: Recollection,
        reporter: Reporter,
    ) -> None:
        self._downloader = downloader
        self._metadata = metadata
        self._read_metadata = read_metadata
        self._facts = facts
        self._recollection = recollection
        self._reporter = reporter
        self._read = OncePerKey(self._facts_of_artifact)
        self._blobs = OncePerKey(self._bring)
        self._needs = OncePerKey(self._dependencies)

    def of_artifact(self, artifact: Artifact) -> SdistFacts:
        """Return what an sdist says; raises what fetching and reading it raises."""
        return self._read(artifact)

    def bring(self, artifact: Artifact) -> Blob:
        """Return a file once it is in the cache; raises what fetching it raises."""
        return self._blobs(artifact)

    def of_blob(self, blob: Blob, filename: str) -> SdistFacts:
        """Return what an archive that is in the cache says."""
        return self._remembered(blob.sha256, filename, lambda: blob)

    def dependencies_of_wheel(self, file: IndexFile) -> tuple[str, ...] | None:
        """Return ``Requires-Dist`` of a wheel of an index, None where it is not to be had."""
        return self._needs(file)

    def _facts_of_artifact(self, artifact: Artifact) -> SdistFacts:
        return self._remembered(sha256_of(artifact), artifact.filename, lambda: self.bring(artifact))

    def _remembered(self, sha256: str, filename: str, bring: Callable[[], Blob]) -> SdistFacts:
        return facts_of_archive(sha256, filename, bring, self._facts, self._recollection)

    def _bring(self, artifact: Artifact) -> Blob:
        received, progress = 0, self._reporter.progress
        progress.add_file(artifact.size)

        def advance(more: int) -> None:
            nonlocal received
            received += more
            progress.advance(more)

        with progress.under_way(artifact.filename):
            blob = self._downloader.fetch(artifact, advance)
        self._reporter.arrived(
            Arrival(
                filename=artifact.filename,
                size=blob.size,
                sha256=blob.sha256,
                cached=not received,
                received=received,
                announced=artifact.size is not None,
                host=artifact.url.host,
                url=artifact.url.redacted,
            )
        )
        return blob

    def _dependencies(self, file: IndexFile) -> tuple[str, ...] | None:
        sha256 = sha256_of(artifact_of_file(file, _NOWHERE))
        key = f"wheel metadata\n{_RULE}\n{sha256}\n{file.filename}"
        known = self._recollection.get(key) if sha256 else None
        if known is not None:
            return tuple(msgspec.json.decode(known, type=list[str]))
        if self._metadata is None:
            return None
        try:
            content = self._metadata.of_wheel(file)
        except NotCachedError:
            return None
        if content is None:
            return None
        requires = self._read_metadata(content)
        if sha256:
            self._recollection.put(key, msgspec.json.encode(requires).decode())
        return requires


def facts_of_archive(
    sha256: str,
    filename: str,
    bring: Callable[[], Blob],
    facts: Callable[[], BuildFactsReader],
    recollection: Recollection,
) -> SdistFacts:
    """Return what an sdist says of how it is built, as it is remembered, or from what ``bring`` returns.

    sha256: "" where it is not known before the file is there.
    """
    key = f"build facts\n{_RULE}\n{sha256}\n{filename}"
    known = recollection.get(key) if sha256 else None
    if known is not None:
        try:
            return msgspec.json.decode(known, type=SdistFacts)
        except msgspec.MsgspecError:
            pass  # of another version of this program
    blob = bring()
    found = facts().of_archive(blob.path, filename)
    recollection.put(f"build facts\n{_RULE}\n{blob.sha256}\n{filename}", msgspec.json.encode(found).decode())
    return found


def artifact_of_file(file: IndexFile, origin: Origin) -> Artifact:
    """Return a file of an index as it has to arrive."""
    return Artifact(
        filename=file.filename, url=Address(file.url), digests=file.digests, size=file.size, origin=origin
    )


def sha256_of(artifact: Artifact) -> str:
    """Return the sha256 that a file has to have, "" where none is promised."""
    promised = (*artifact.digests, *(artifact.allowed if len(artifact.allowed) == 1 else ()))
    return next((one.value for one in promised if one.algorithm == "sha256"), "")
