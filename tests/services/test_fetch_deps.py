"""The five stages together, over fakes: their order, what a failure leaves, and what is raised with what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import pytest
from msgspec.structs import replace
from packaging.utils import NormalizedName

from cachi2ish.cli.wiring import build_facts, planner
from cachi2ish.core.artifacts import Artifact, Blob
from cachi2ish.core.as_of import MissingPolicy, PackageDates
from cachi2ish.core.digests import Digest
from cachi2ish.core.inventory import VcsOrigin
from cachi2ish.core.modes import Missing
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.core.requirements import Git, IndexOptions, Requirement, Url
from cachi2ish.core.urls import Address
from cachi2ish.errors import (
    Cachi2ishError,
    DigestMismatchError,
    DistributionError,
    LockFileError,
    NetworkError,
    Origin,
    StorageError,
    leaves,
)
from cachi2ish.files.user_files import DiskFiles
from cachi2ish.http.interface import Advance, OnSize, ignore_size
from cachi2ish.lockfiles.interface import Lock
from cachi2ish.lockfiles.pip.requirements_writer import as_requirements
from cachi2ish.lockfiles.pip.rewriting import RequirementsRewriter
from cachi2ish.sdists.interface import Identity
from cachi2ish.services.fetch.fetch_deps import Outcome, Plan, fetch_deps, plan
from cachi2ish.services.fetch.input.input_argument import read_input
from cachi2ish.services.fetch.ports import Archives, Network, Ports, Results, Run, Sources
from cachi2ish.services.progress import Doing
from tests.core.one_project import pin
from tests.services.fakes import (
    PUBLIC,
    FakeDownloader,
    FakeIndex,
    FakeLocks,
    FakeOutputs,
    FakeProjects,
    FakeRecollection,
    FakeRepositories,
    FakeSbom,
    FakeSdists,
    FakeStaging,
    Notes,
    a_run,
)

SDIST = "https://files.test/foo-1.0.tar.gz"
ZIP = Url(
    name="Bar",
    url=Address("https://u.test/bar.zip"),
    digest=Digest("sha256", "0" * 64),
    origin=Origin("requirements.txt", 2),
)
COMMIT = Git(name="Baz", url=Address("https://g.test/baz"), commit="1" * 40, origin=Origin("requirements.txt", 3))
FOO = replace(pin(), origin=Origin("requirements.txt", 1))
MISSPELT = replace(pin(), name="fooo", origin=Origin("requirements.txt", 9))


@dataclass
class World:
    """A source with one requirements file, and what is reached from there. local: everything is in the cache."""

    source: Path
    requirements: tuple[Requirement, ...] = (FOO,)
    files: Mapping[str, bytes | Cachi2ishError] = field(default_factory=lambda: {SDIST: b"sdist"})
    local: bool = False
    notes: Notes = field(default_factory=Notes)
    outputs: FakeOutputs = field(default_factory=FakeOutputs)
    identities: dict[str, Identity | DistributionError | None] = field(default_factory=dict)
    connected: list[Sequence[IndexOptions]] = field(default_factory=list)
    written_back: list[str] = field(default_factory=list)
    concurrency: int = 4
    dates: PackageDates = field(default_factory=PackageDates)

    def __post_init__(self) -> None:
        self.downloader = FakeDownloader(self.files)
        listed = (IndexFile(filename="foo-1.0.tar.gz", url=SDIST, size=5),)
        self.index = FakeIndex({"foo": Page(project=FOO.project, index=PUBLIC, files=listed)})
        self.lock: Lock | Cachi2ishError = Lock("requirements.txt", self.requirements)
        self.identities |= {"foo-1.0.tar.gz": Identity("foo", "1.0")}

    def _ports(self) -> Ports:
        def connect(options: Sequence[IndexOptions], _source: Path) -> Network:
            self.connected.append(options)
            return Network(
                lambda _addresses, _dating: self.index,
                self.downloader,
                local=self.local,
            )

        repositories = FakeRepositories({COMMIT.commit: b"commit"}, checkout=VcsOrigin(url="u", commit="2" * 40))
        return Ports(
            Sources(FakeLocks({"requirements.txt": self.lock}), FakeProjects(), repositories),
            connect,
            Archives(lambda: FakeSdists(self.identities), FakeRecollection(), build_facts, planner),
            Results(self.outputs, FakeSbom(), lambda _: RequirementsRewriter(), as_requirements, DiskFiles()),
            lambda: self.written_back.append(self.notes.stages[-1].stage),
        )

    def _run(self) -> Run:
        return replace(a_run(self.notes, self.dates), concurrency=self.concurrency)

    def fetch(self, keys: str = "") -> Outcome:
        request = read_input(f'{{"type": "pip"{keys}, "requirements_files": ["requirements.txt"]}}')
        return fetch_deps(request, self.source, self.source / "out", self._ports(), self._run())

    def plan(self, keys: str = "") -> Plan:
        request = read_input(f'{{"type": "pip"{keys}, "requirements_files": ["requirements.txt"]}}')
        return plan(request, self.source, self._ports(), self._run())

    def failure(self) -> list[str]:
        with pytest.raises(Cachi2ishError) as caught:
            self.fetch()
        assert not self.outputs.staging.published
        return [str(error) for error in leaves(caught.value)]

    def warnings(self) -> list[str]:
        return [message for level, message in self.notes.messages if level == "warning"]


def test_the_stages_come_in_their_order_and_the_output_is_whole_before_it_is_published(tmp_path: Path) -> None:
    world = World(tmp_path)
    outcome = world.fetch()
    assert [doing.stage for doing in world.notes.stages] == ["read", "choose", "transfer", "record"]
    staging = world.outputs.staging
    assert staging.published
    assert staging.config is not None
    assert sorted(staging.files) == [
        "bom.json",
        "deps/pip/foo-1.0.tar.gz",
        "deps/simple/foo/index.html",
        "deps/simple/foo/index.json",
        "deps/simple/index.html",
        "deps/simple/index.json",
    ]
    assert staging.files["bom.json"] == "foo 1.0 runtime foo-1.0.tar.gz\n"
    assert [one.filename for one in outcome.fetched] == ["foo-1.0.tar.gz"]
    assert world.written_back == ["choose", "transfer"], "as soon as there is nothing more to come of a kind"


def test_the_files_of_pages_are_made_while_others_are_under_way(tmp_path: Path) -> None:
    made = Event()

    class Slow(FakeDownloader):
        def fetch(self, artifact: Artifact, advance: Advance, on_size: OnSize = ignore_size) -> Blob:
            assert made.wait(30)
            return super().fetch(artifact, advance, on_size)

    world = World(tmp_path, (FOO, ZIP), {SDIST: b"sdist", str(ZIP.url): b"zip"})
    world.identities[f"bar-url-sha256-{'0' * 64}.zip"] = Identity("bar", "2")
    world.downloader = Slow(world.files)
    staging = world.outputs.staging
    staging.on_precreate = made.set
    world.fetch()
    pages = ("index.html", "index.json")
    assert staging.precreated == {"deps/simple": pages, "deps/simple/foo": pages}, "of what comes from an index"


def test_where_no_file_can_be_made_ahead_it_is_made_when_it_is_written(tmp_path: Path) -> None:
    world = World(tmp_path, outputs=FakeOutputs(FakeStaging(broken="deps/simple")))
    world.fetch()
    assert world.outputs.staging.published
    assert "deps/simple/foo/index.html" in world.outputs.staging.files


def test_files_of_indexes_addresses_and_commits_end_in_one_output(tmp_path: Path) -> None:
    world = World(tmp_path, (FOO, ZIP, COMMIT), {SDIST: b"sdist", str(ZIP.url): b"zip"})
    zipped, archived = f"bar-url-sha256-{'0' * 64}.zip", f"baz-git-{'1' * 40}.tar.gz"
    world.identities |= {zipped: Identity("bar", "2"), archived: Identity("baz", "3")}
    world.fetch()
    below = sorted(name for name in world.outputs.staging.files if name.startswith("deps/pip/"))
    assert below == [
        f"deps/pip/{zipped}",
        f"deps/pip/{archived}",
        "deps/pip/foo-1.0.tar.gz",
    ]


def test_the_network_is_opened_with_what_all_lock_files_say_of_hosts(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.lock = Lock("requirements.txt", (), index_urls=(Address("https://a.test/"),), trusted_hosts=("a.test",))
    world.fetch()
    assert world.connected == [[IndexOptions(None, (Address("https://a.test/"),), ("a.test",))]]


def test_an_output_that_cannot_be_replaced_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    world = World(tmp_path, outputs=FakeOutputs(refused=StorageError("it holds something else")))
    assert world.failure() == ["it holds something else"]
    assert world.notes.stages == []


def test_wrong_lock_files_end_the_run_before_any_request(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.lock = LockFileError("it is wrong")
    assert world.failure() == ["it is wrong"]
    assert world.connected == []


@pytest.mark.parametrize("broken", ["bom.json", "deps/pip/foo-1.0.tar.gz", "deps/simple/foo/index.json"])
def test_what_cannot_be_written_publishes_nothing(tmp_path: Path, broken: str) -> None:
    world = World(tmp_path)
    world.outputs.staging.broken = broken
    assert world.failure() == [f"{broken} cannot be written"]


def test_a_file_that_was_tampered_with_is_told_beside_a_name_that_no_index_has(tmp_path: Path) -> None:
    later = replace(ZIP, url=Address("https://u.test/later.zip"), origin=Origin("requirements.txt", 3))
    tampered = DigestMismatchError("it is not what was promised", origin=ZIP.origin)
    world = World(
        tmp_path, (ZIP, later, MISSPELT), {str(ZIP.url): tampered, str(later.url): b"later"}, concurrency=1
    )
    begun = Event()

    class Downloader(FakeDownloader):
        def fetch(self, artifact: Artifact, advance: Advance, on_size: OnSize = ignore_size) -> Blob:
            if artifact.url == later.url:  # one file at a time: the other one has failed by now
                begun.set()
            return super().fetch(artifact, advance, on_size)

    class Index(FakeIndex):
        def page(self, project: NormalizedName, *_query: object, **_named: object) -> Page:
            assert begun.wait(10)
            return super().page(project)

    world.downloader, world.index = Downloader(world.files), Index()
    assert world.failure() == [
        "requirements.txt:9: fooo is not on https://i.test/simple",
        "requirements.txt:2: it is not what was promised",
    ]


def test_offline_all_that_is_missing_is_told_at_once_in_reading_order(tmp_path: Path) -> None:
    gone = NetworkError("it is not in the cache", origin=ZIP.origin)
    world = World(tmp_path, (ZIP, MISSPELT), {str(ZIP.url): gone}, local=True)
    assert world.failure() == [
        "requirements.txt:2: it is not in the cache",
        "requirements.txt:9: fooo is not on https://i.test/simple",
    ]
    assert world.notes.stages[1] == Doing("choose", local=True)


def test_with_a_network_a_name_that_no_index_has_does_not_wait_for_files(tmp_path: Path) -> None:
    gone = NetworkError("the host is slow", origin=ZIP.origin)
    world = World(tmp_path, (ZIP, MISSPELT), {str(ZIP.url): gone})
    assert world.failure() == ["requirements.txt:9: fooo is not on https://i.test/simple"]


def test_a_file_that_nothing_proves_is_worth_a_warning(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.fetch()
    (warning,) = world.warnings()
    assert warning.startswith("requirements.txt:1: foo-1.0.tar.gz is unverified: ")


def test_a_direct_requirement_that_no_target_needs_is_not_fetched(tmp_path: Path) -> None:
    mac = replace(ZIP, marker="sys_platform == 'darwin'")
    world = World(tmp_path, (mac,))
    outcome = world.fetch(', "targets": [{"python": "3.12", "platform": "manylinux_2_28_x86_64"}]')
    assert world.downloader.fetched == []
    assert outcome.shares.left_out == (mac,)


def test_a_plan_has_sizes_and_fetches_and_writes_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, (FOO, replace(FOO, origin=Origin("requirements.txt", 7)), ZIP, COMMIT))
    planned = world.plan()
    assert planned.sizes == (5, None, None)
    assert (planned.urls, planned.gits) == ((ZIP,), (COMMIT,))
    assert world.notes.progress.expected == [5, None, None]
    assert world.downloader.fetched == []
    assert world.outputs.staging.files == {}
    assert world.notes.stages == [Doing("read"), Doing("choose", files=False)]


def test_what_a_careful_person_should_look_at_is_warned_of_with_its_line(tmp_path: Path) -> None:
    tags = "cp312-cp312-win_amd64"
    world = World(tmp_path, (FOO, replace(ZIP, url=Address(f"https://u.test/bar-1-{tags}.whl"))))
    sdist = IndexFile(filename="foo-1.0.tar.gz", url=SDIST, yanked=True, yanked_reason="it leaks")
    unfit = IndexFile(filename=f"foo-1.0-{tags}.whl", url="https://files.test/unfit")
    world.index = FakeIndex({"foo": Page(project=FOO.project, index=PUBLIC, files=(sdist, unfit))})
    world.plan(', "targets": [{"python": "3.12", "platform": "manylinux_2_28_x86_64"}]')
    at_address, yanked = world.warnings()
    assert at_address.startswith(f"requirements.txt:2: bar-1-{tags}.whl is a wheel that no target accepts")
    assert yanked == "requirements.txt:1: foo-1.0.tar.gz is yanked today: it leaks (taken, because it is pinned)"
    (detail,) = (message for level, message in world.notes.messages if level == "debug")
    assert detail.startswith(f"requirements.txt:1: foo-1.0-{tags}.whl not taken: ")


def test_a_policy_for_an_index_that_is_not_asked_is_warned_of(tmp_path: Path) -> None:
    policy = MissingPolicy(by_index=(("https://typo.test/simple", Missing.ALLOW),))
    world = World(tmp_path, dates=PackageDates(missing=policy))
    world.plan()
    (warning,) = world.warnings()
    assert "https://typo.test/simple" in warning


def test_offline_a_name_that_is_not_known_is_told_where_every_file_is_there(tmp_path: Path) -> None:
    world = World(tmp_path, (FOO, MISSPELT), local=True)
    assert world.failure() == ["requirements.txt:9: fooo is not on https://i.test/simple"]
