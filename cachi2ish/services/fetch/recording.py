"""Stage "record": what was fetched becomes an output directory, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Lock

from cachi2ish.core.artifacts import Blob
from cachi2ish.core.outputs import PIP_ENVIRONMENT, UV_ENVIRONMENT, BuildConfig, ProjectFile, text_digest
from cachi2ish.core.placement import name_of_git, name_of_url
from cachi2ish.core.requirements import Git, Url
from cachi2ish.errors import Cachi2ishError, DistributionError
from cachi2ish.lockfiles.interface import LockText, Placed, Rewriter
from cachi2ish.output.interface import Staging
from cachi2ish.services.fetch.bill import take_inventory
from cachi2ish.services.fetch.identifying import Fetched
from cachi2ish.services.fetch.ports import Results, Run
from cachi2ish.services.fetch.reading import Reading

BOM = "bom.json"


def record(
    staging: Staging, source: Path, reading: Reading, fetched: tuple[Fetched, ...], results: Results, run: Run
) -> None:
    """Complete the output, whose files are placed, and publish it; an earlier one stays if this fails."""
    inventory = take_inventory(reading, fetched, run)
    config = BuildConfig(
        tool_version=run.tool_version,
        # Where nothing was asked for, the build is to go on as if nobody had been here.
        environment_variables=(*PIP_ENVIRONMENT, *UV_ENVIRONMENT) if reading.packages else (),
        project_files=tuple(_project_files(source, reading, fetched, results.rewriter)),
        index_dates=reading.index_dates,
    )
    staging.write(BOM, results.sbom.render(inventory))
    staging.write_build_config(config)
    staging.publish()


def collisions(fetched: Iterable[Fetched]) -> Iterator[DistributionError]:
    """Yield an error for each file whose name another one has, with other content."""
    first: dict[str, Fetched] = {}
    for one in fetched:
        other = first.setdefault(one.filename, one)
        if other.blob.sha256 != one.blob.sha256:
            yield DistributionError(
                f"{one.filename} would be two different files: another one is asked for at"
                f" {other.requirement.origin}",
                hint="ask for one of the two; pip could not tell them apart either",
                origin=one.requirement.origin,
            )


def _project_files(
    source: Path, reading: Reading, fetched: tuple[Fetched, ...], rewriter: Rewriter
) -> Iterator[ProjectFile]:
    archives = {one.requirement: one.blob.sha256 for one in fetched if isinstance(one.requirement, Git)}
    texts = {text.file: text for package in reading.packages for lock in package.locks for text in lock.texts}
    for file, text in sorted(texts.items()):
        urls = rewriter.replacement_urls(text.text, _placed(text, archives))
        yield ProjectFile(
            path=file,
            abspath=str(source / file),
            template=rewriter.redacted(rewriter.substitute(text.text, urls)),
            urls=urls,
            sha256=text_digest(text.text),
        )


def _placed(text: LockText, archives: dict[Git, str]) -> tuple[Placed, ...]:
    return tuple(
        Placed(name_of_url(direct), None)
        if isinstance(direct, Url)
        else Placed(name_of_git(direct), archives.get(direct))  # none where its marker holds nowhere
        for direct in text.direct
    )


class Placing:
    """Copies each file as soon as it has arrived, while others are still on their way.

    That is harmless: nobody sees the output before it is published, and it never is when anything fails.
    """

    def __init__(self, staging: Staging) -> None:
        self._staging = staging
        self._lock = Lock()
        self._begun: set[str] = set()
        self._failed: list[tuple[str, Cachi2ishError]] = []

    def place(self, filename: str, blob: Blob) -> None:
        """Copy a file; of one name the first. A failure is kept for `finish`. Safe to call from many threads."""
        with self._lock:
            if filename in self._begun:
                return
            self._begun.add(filename)
        try:
            self._staging.place(blob, filename)
        except Cachi2ishError as error:
            with self._lock:
                self._failed.append((filename, error))

    def finish(self) -> None:
        """Raise what has failed: the first by name, since a full disk is one failure and not one for each file."""
        if self._failed:
            raise min(self._failed, key=lambda pair: pair[0])[1]
