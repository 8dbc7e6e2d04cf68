"""``fetch-deps``: read, choose, transfer, record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from cachi2ish.core.choose.choice import Choice, ChosenFiles
from cachi2ish.core.choose.explain import warning_of, words_of
from cachi2ish.core.digests import any_strong
from cachi2ish.core.requirements import Git, IndexOptions, Pinned, Url
from cachi2ish.errors import Cachi2ishError, InputError, Origin, leaves, raise_all
from cachi2ish.services.fetch.building import lacking_for_offline_builds, missing_build_requirements
from cachi2ish.services.fetch.choosing import choose_all, wanted
from cachi2ish.services.fetch.dating import announce, refuse_unused_digests, unused_policies
from cachi2ish.services.fetch.identifying import Fetched, identify, recall
from cachi2ish.services.fetch.input.package_input import RequestInput
from cachi2ish.services.fetch.jobs import Means, files_of_choice, files_of_direct
from cachi2ish.services.fetch.placing import Placing
from cachi2ish.services.fetch.ports import Network, Ports, Run
from cachi2ish.services.fetch.reading import Reading, read
from cachi2ish.services.fetch.recording import collisions, record
from cachi2ish.services.fetch.targeting import (
    Shares,
    contradicting,
    given_up_by_old_pips,
    left_out,
    shares,
    undecided,
    unfit_wheels,
)
from cachi2ish.services.fetch.transferring import Transfers
from cachi2ish.services.output_record import precreate_pages
from cachi2ish.services.progress import Doing, PlannedFile, Reporter

if TYPE_CHECKING:
    from cachi2ish.services.exporting import Export

#: Workers that read pages, at the most. Pages are a small part of the bytes, and each one is a round trip.
_MOST_PAGE_WORKERS = 10


class Plan(Struct, frozen=True):
    """What a run would do: files chosen from indexes, and direct addresses. Nothing was fetched for it."""

    choices: tuple[Choice, ...]
    urls: tuple[Url, ...]
    gits: tuple[Git, ...]
    shares: Shares

    @property
    def sizes(self) -> tuple[int | None, ...]:
        """The size of each file in bytes, None where it is not known. A file is one, whoever requires it."""
        listed = {(file.filename, file.url): file.size for choice in self.choices for file in choice.files}
        urls = {one.url for one in self.urls}
        gits = {(one.url, one.commit, one.project, one.subdirectory) for one in self.gits}
        return (*listed.values(), *[None] * (len(urls) + len(gits)))


class Outcome(Struct, frozen=True):
    """What a run has done."""

    fetched: tuple[Fetched, ...]
    shares: Shares


def fetch_deps(request: RequestInput, source: Path, output: Path, ports: Ports, run: Run) -> Outcome:
    """Fetch everything that ``request`` asks for into ``output``; return the files, and what is for which target.

    Raises the errors of the first stage that fails, all of them together. The output directory is then as it
    was before.
    """
    source = source.absolute()
    ports.results.outputs.check(output)
    run.reporter.stage(Doing("read"))
    reading = _read(request, source, ports, run)
    exported = _export(reading, source, ports, run)
    network = _connect(reading, source, ports)
    reading = _with_build_dependencies(reading, source, network, ports, run)
    run.reporter.stage(Doing("choose", local=network.local))
    with ports.results.outputs.stage(output) as staging:
        placing = Placing(staging)
        with Transfers(_means(network, ports, run, placing)) as transfers:
            _begin_direct(reading, transfers, run.reporter)

            def on_choice(choice: Choice) -> ChosenFiles:
                _plan(files_of_choice(choice), run.reporter)
                return transfers.submit_choice(choice)

            with _with_failures_of(transfers, network):
                choices = choose_all(wanted(reading, run.indexes), network.index, _page_workers(run), on_choice)
            ports.write_back()  # while files are on their way
            _warn(reading, choices, run.reporter)
            run.reporter.stage(Doing("transfer", local=network.local))
            precreate_pages(staging, (choice.requirement.project for choice in choices))
            fetched = transfers.wait()
            choices = transfers.settled(choices)
            ports.write_back()
        if not fetched and not run.allow_empty:
            if ports.results.outputs.has_files(output):
                raise _nothing_instead(output)
            if any(package.locks for package in reading.packages):  # else that was said when they were read
                run.reporter.warning("nothing is to be fetched: no requirement was found, or none is wanted")
        raise_all(collisions(fetched))
        placing.finish()
        _warn_unverified(fetched, run.reporter)
        for warning in given_up_by_old_pips(reading, fetched, ports.archives):
            run.reporter.warning(warning)
        for warning in missing_build_requirements(reading, choices, fetched, ports.archives):
            run.reporter.warning(warning)
        for warning in lacking_for_offline_builds(reading, choices, fetched, source, ports.archives):
            run.reporter.warning(warning)
        shared = shares(reading, choices, {one.filename: one.blob.size for one in fetched})
        del choices, network  # of thousands of files they weigh some megabytes, and the bill as much
        run.reporter.stage(Doing("record"))
        commit_time = partial(ports.sources.repositories.committed_at, source)
        record(staging, source, reading, fetched, ports.results, run, commit_time, ports.archives.facts, exported)
    if exported is not None:
        exported.write(ports.results.files)
    return Outcome(fetched, shared)


def _nothing_instead(output: Path) -> InputError:
    return InputError(
        f"nothing is to be fetched, and the output {output} has files, which would be gone",
        hint="check --source and the input; --allow-empty makes an output without files all the same",
    )


def _export(reading: Reading, source: Path, ports: Ports, run: Run) -> Export | None:
    if run.export is None:
        return None
    from cachi2ish.services.exporting import EXPORT, export_of  # noqa: PLC0415  (few runs export)

    export = export_of(reading, source, run.export, ports.results.exporter)
    ports.results.files.check_result(run.export, EXPORT)
    return export


def plan(request: RequestInput, source: Path, ports: Ports, run: Run) -> Plan:
    """Return what `fetch_deps` would fetch; raises what its first two stages raise, and writes nothing."""
    run.reporter.stage(Doing("read"))
    reading = _read(request, source.absolute(), ports, run)
    network = _connect(reading, source.absolute(), ports)
    reading = _with_build_dependencies(reading, source.absolute(), network, ports, run)
    run.reporter.stage(Doing("choose", local=network.local, files=False))

    def on_choice(choice: Choice) -> Choice:
        _plan(files_of_choice(choice), run.reporter)
        return choice

    choices = choose_all(wanted(reading, run.indexes), network.index, _page_workers(run), on_choice)
    direct = tuple(_direct(reading))
    _plan(files_of_direct(reading, direct), run.reporter)
    _warn(reading, choices, run.reporter)
    planned = Plan(
        choices=tuple(dict.fromkeys(choices)),
        urls=tuple(one for one in direct if isinstance(one, Url)),
        gits=tuple(one for one in direct if isinstance(one, Git)),
        shares=shares(reading, map(ChosenFiles.of, choices), {}),
    )
    for size in planned.sizes:  # for the totals of the report
        run.reporter.progress.add_file(size)
    return planned


def _read(request: RequestInput, source: Path, ports: Ports, run: Run) -> Reading:
    reading = read(request, source, ports.sources, run)
    announce([(package.main.path, package.dates) for package in reading.packages], run.now, run.reporter)
    if run.dates.missing.by_index or run.dates.digests.by_index:
        indexes = {address.bare for one in wanted(reading, run.indexes) for address in one.indexes}
        refuse_unused_digests(run.dates.digests, indexes)
        for warning in unused_policies(run.dates.missing, indexes):
            run.reporter.warning(warning)
    _report_pins_without_hash(reading, run.reporter)
    return reading


def _with_build_dependencies(reading: Reading, source: Path, network: Network, ports: Ports, run: Run) -> Reading:
    if not any(one.resolves_builds for one in reading.packages):
        return reading
    from cachi2ish.services.fetch.build_dependencies import with_build_dependencies  # noqa: PLC0415  (most do not)

    return with_build_dependencies(reading, source, network, ports, run)


def _report_pins_without_hash(reading: Reading, reporter: Reporter) -> None:
    everything = {one for package in reading.packages for lock in package.locks for one in lock.requirements}
    pins = [one for one in everything.difference(left_out(reading)) if isinstance(one, Pinned)]
    bare_pins = sum(not any_strong(one.digests) for one in pins)
    if bare_pins:
        counted = "1 pin" if len(pins) == 1 else f"{len(pins)} pins"
        has = "has no hash: the index is trusted for it"
        have = "have no hash: the index is trusted for them"
        reporter.info(f"{bare_pins} of {counted} {has if bare_pins == 1 else have}")


def _connect(reading: Reading, source: Path, ports: Ports) -> Network:
    locks = [lock for package in reading.packages for lock in package.locks]
    return ports.connect([IndexOptions(None, lock.index_urls, lock.trusted_hosts) for lock in locks], source)


def _page_workers(run: Run) -> int:
    return max(2, min(_MOST_PAGE_WORKERS, run.concurrency * 2 // 3))


def _means(network: Network, ports: Ports, run: Run, placing: Placing) -> Means:
    return Means(
        downloader=network.downloader,
        repositories=ports.sources.repositories,
        recall=partial(recall, archives=ports.archives),
        identify=partial(identify, archives=ports.archives, leniency=run.leniency),
        reporter=run.reporter,
        on_file=placing.place,
        concurrency=run.concurrency,
        spare_work=network.spare_work,
    )


def _plan(files: Iterable[PlannedFile], reporter: Reporter) -> None:
    if reporter.progress.lists_files:
        for file in files:
            reporter.progress.plan(file)


def _begin_direct(reading: Reading, transfers: Transfers, reporter: Reporter) -> None:
    direct = tuple(_direct(reading))
    _plan(files_of_direct(reading, direct), reporter)
    for requirement in direct:
        if isinstance(requirement, Url):
            transfers.submit_url(requirement)
        else:
            transfers.submit_git(requirement)


@contextmanager
def _with_failures_of(transfers: Transfers, network: Network) -> Iterator[None]:
    """Raise what transfers have failed with beside what the block raises."""
    try:
        yield
    except Cachi2ishError as error:
        raise_all(_and_failures_of(transfers, error, network))
        raise


def _direct(reading: Reading) -> Iterator[Url | Git]:
    everything = (one for package in reading.packages for lock in package.locks for one in lock.requirements)
    found = tuple(dict.fromkeys(one for one in everything if isinstance(one, Url | Git)))
    nowhere = frozenset(left_out(reading))
    yield from (one for one in found if one not in nowhere)


def _and_failures_of(transfers: Transfers, error: Cachi2ishError, network: Network) -> Iterable[Cachi2ishError]:
    if not network.local:
        # A file that was tampered with is not to go unmentioned because a name is misspelled elsewhere.
        return (error, *transfers.mismatches())
    try:
        transfers.wait()  # it takes no time to say what else is missing
    except Cachi2ishError as failed:
        return sorted((*leaves(error), *leaves(failed)), key=lambda one: _place(one.origin))
    return (error,)


def _place(origin: Origin | None) -> tuple[str, int]:
    return ("", 0) if origin is None else (origin.file, origin.line or 0)


def _warn(reading: Reading, choices: Iterable[Choice | ChosenFiles], reporter: Reporter) -> None:
    for message in (*unfit_wheels(reading), *undecided(reading), *contradicting(reading)):
        reporter.warning(message)
    for choice in choices:
        for warning in choice.warnings:
            reporter.warning(f"{choice.requirement.origin}: {warning_of(warning)}")
        for refusal in choice.refused if reporter.shows_details else ():
            why = words_of(refusal.reason, refusal.facts)
            reporter.debug(f"{choice.requirement.origin}: {refusal.filename} not taken: {why}")


def _warn_unverified(fetched: tuple[Fetched, ...], reporter: Reporter) -> None:
    for one in fetched:
        if not one.verified:
            reporter.warning(
                f"{one.requirement.origin}: {one.filename} is unverified: neither the requirements file nor the"
                " index states a strong digest"
            )
