"""Stage "transfer" on its own: what is fetched, how often, what is told, and which failures count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest
from msgspec.structs import replace as replaced

from cachi2ish.core.artifacts import Blob
from cachi2ish.core.choose.checks import Policy
from cachi2ish.core.choose.choice import Choice, choose
from cachi2ish.core.digests import Digest
from cachi2ish.core.pages import IndexFile
from cachi2ish.core.requirements import Git, Requirement, Url
from cachi2ish.core.urls import Address
from cachi2ish.errors import (
    Cachi2ishError,
    DigestMismatchError,
    DistributionError,
    ErrorGroup,
    NotLockedError,
    Origin,
)
from cachi2ish.sdists.interface import Identity
from cachi2ish.services.fetch import transferring
from cachi2ish.services.fetch.jobs import Means
from cachi2ish.services.fetch.transferring import Transfers
from tests.core.one_project import page, pin
from tests.services.fakes import FakeDownloader, FakeRepositories, Notes, blob_of

SDIST, WHEEL = "https://files.test/demo-1.0.tar.gz", "https://files.test/demo-1.0-py3-none-any.whl"
COMMIT = "1" * 40


@dataclass
class Bench:
    """Transfers over fakes."""

    files: Mapping[str, bytes | Cachi2ishError] = field(default_factory=dict)
    repositories: FakeRepositories = field(default_factory=FakeRepositories)
    notes: Notes = field(default_factory=Notes)
    placed: dict[str, Blob] = field(default_factory=dict)
    wrong: Mapping[str, Cachi2ishError] = field(default_factory=dict)
    known: Mapping[str, Identity] = field(default_factory=dict)
    recalled: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.downloader = FakeDownloader(self.files)

    def _identify(self, _requirement: Requirement, _blob: Blob, filename: str) -> None:
        self.opened.append(filename)
        if filename in self.wrong:
            raise self.wrong[filename]

    def _recall(self, _requirement: Requirement, _blob: Blob, filename: str) -> Identity | None:
        self.recalled.append(filename)
        return self.known.get(filename)

    def transfers(self) -> Transfers:
        return Transfers(
            Means(
                downloader=self.downloader,
                repositories=self.repositories,
                recall=self._recall,
                identify=self._identify,
                reporter=self.notes,
                on_file=self.placed.__setitem__,
                concurrency=4,
            )
        )


#: So many files that those which have ended well are released several times on the way.
MANY = 5 * transferring._RELEASE_AFTER


def file(url: str, size: int | None = None) -> IndexFile:
    return IndexFile(filename=url.rpartition("/")[2], url=url, size=size)


def choice(*files: IndexFile, line: int = 1) -> Choice:
    requirement = replaced(pin(), origin=Origin("requirements.txt", line))
    return Choice(requirement=requirement, index="https://i.test/", files=files)


def test_a_size_that_only_the_server_states_is_known_before_the_file_is_here() -> None:
    bench = Bench({SDIST: b"sdist", WHEEL: b"wheel"})
    bench.downloader = replace(bench.downloader, declared={SDIST: [7, 5], WHEEL: [5]})
    with bench.transfers() as transfers:
        transfers.submit_choice(choice(file(SDIST), file(WHEEL, 5)))
        transfers.wait()
    assert bench.notes.progress.sizes == [(None, 7), (7, 5)]
    assert all(one.announced for one in bench.notes.arrivals)
    assert bench.notes.progress.longest_under_way(1.0) is None


def test_each_file_of_a_choice_is_fetched_and_handed_on() -> None:
    bench = Bench({SDIST: b"sdist", WHEEL: b"wheel"})
    with bench.transfers() as transfers:
        transfers.submit_choice(choice(file(SDIST, 5), file(WHEEL)))
        fetched = transfers.wait()
    assert [one.filename for one in fetched] == ["demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"]
    assert bench.placed == {"demo-1.0.tar.gz": blob_of(b"sdist"), "demo-1.0-py3-none-any.whl": blob_of(b"wheel")}
    assert bench.notes.progress.expected == [5, None]
    assert bench.notes.progress.received == 10
    assert {(one.filename, one.announced, one.cached) for one in bench.notes.arrivals} == {
        ("demo-1.0.tar.gz", True, False),
        ("demo-1.0-py3-none-any.whl", False, False),
    }


def test_a_file_that_two_lines_need_is_fetched_and_expected_once_and_is_there_for_both() -> None:
    bench = Bench({SDIST: b"sdist"})
    with bench.transfers() as transfers:
        transfers.submit_choice(choice(file(SDIST), line=7))
        transfers.submit_choice(choice(file(SDIST), line=2))
        fetched = transfers.wait()
    assert bench.downloader.fetched == [SDIST]
    assert bench.notes.progress.expected == [None]
    assert [one.requirement.origin.line for one in fetched] == [2, 7]


def test_of_hundreds_of_files_each_is_there_and_each_failure_is_told() -> None:
    urls = [f"https://files.test/demo-1.0-{number:04}-py3-none-any.whl" for number in range(MANY)]
    wrong = DigestMismatchError("it is another file", origin=Origin("requirements.txt", 250))
    bench = Bench(dict.fromkeys(urls, b"wheel") | {urls[250]: wrong})
    with bench.transfers() as transfers:
        for line, url in enumerate(urls):
            transfers.submit_choice(choice(file(url), line=line))
        with pytest.raises(DigestMismatchError):
            transfers.wait()
        assert [str(error) for error in transfers.mismatches()] == ["requirements.txt:250: it is another file"]
    assert len(bench.placed) == MANY - 1


def test_hundreds_of_files_are_in_order_and_the_one_that_two_lines_need_is_fetched_once() -> None:
    urls = [f"https://files.test/demo-1.0-{number:04}-py3-none-any.whl" for number in range(MANY)]
    bench = Bench(dict.fromkeys(urls, b"wheel"))
    with bench.transfers() as transfers:
        for line, url in enumerate((*urls, urls[7])):
            transfers.submit_choice(choice(file(url), line=line))
        fetched = transfers.wait()
    assert sorted(bench.downloader.fetched) == urls
    assert [one.filename for one in fetched] == sorted(url.rpartition("/")[2] for url in (*urls, urls[7]))
    assert [one.requirement.origin.line for one in fetched][7:9] == [7, MANY]


def test_what_the_cache_has_counts_as_cached_and_no_byte_as_received() -> None:
    bench = Bench({SDIST: b"sdist"})
    bench.downloader.cached = frozenset({SDIST})
    with bench.transfers() as transfers:
        transfers.submit_choice(choice(file(SDIST)))
        transfers.wait()
    (arrival,) = bench.notes.arrivals
    assert (arrival.cached, arrival.received, bench.notes.progress.received) == (True, 0, 0)


def test_only_files_of_the_cache_that_are_known_are_not_opened() -> None:
    third = "https://files.test/demo-1.0.zip"
    bench = Bench(dict.fromkeys((SDIST, WHEEL, third), b"x"), known={"demo-1.0.tar.gz": Identity("demo", "1.0")})
    bench.downloader.cached = frozenset({SDIST, WHEEL})
    with bench.transfers() as transfers:
        transfers.submit_choice(choice(file(SDIST), file(WHEEL), file(third)))
        fetched = transfers.wait()
    assert [one.identity and one.identity.name for one in fetched] == [None, "demo", None]
    assert sorted(bench.recalled) == ["demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"]
    assert sorted(bench.opened) == ["demo-1.0-py3-none-any.whl", "demo-1.0.zip"]
    assert len(bench.placed) == 3


def test_all_failures_are_raised_together_in_reading_order_when_the_rest_is_done() -> None:
    bench = Bench({SDIST: b"sdist"})
    with bench.transfers() as transfers:
        transfers.submit_choice(choice(file("https://files.test/late-1.0.tar.gz"), line=9))
        transfers.submit_choice(choice(file("https://files.test/early-1.0.tar.gz"), line=3))
        transfers.submit_choice(choice(file(SDIST), line=5))
        with pytest.raises(Cachi2ishError) as caught:
            transfers.wait()
    assert [line.partition(": ")[0] for line in str(caught.value).splitlines()] == [
        "requirements.txt:3",
        "requirements.txt:9",
    ]
    assert list(bench.placed) == ["demo-1.0.tar.gz"]


def test_a_file_that_is_another_distribution_is_not_handed_on() -> None:
    alarm = DistributionError("it says that it is evil", origin=Origin("requirements.txt", 1))
    bench = Bench({SDIST: b"sdist"}, wrong={"demo-1.0.tar.gz": alarm})
    with bench.transfers() as transfers:
        transfers.submit_choice(choice(file(SDIST)))
        with pytest.raises(DistributionError, match="evil"):
            transfers.wait()
    assert bench.placed == {}


def test_a_file_that_the_lock_does_not_name_is_left_out_where_another_one_serves() -> None:
    unnamed = NotLockedError("not the file that is locked", origin=Origin("requirements.txt", 1))
    bench = Bench({SDIST: b"sdist", WHEEL: unnamed})
    requirement = replaced(pin("1.0", Digest("sha256", "0" * 64)), name="demo")
    listed = page(file(SDIST), file(WHEEL), project="demo")
    first = choose(requirement, listed, Policy(wheels=True))
    with bench.transfers() as transfers:
        kept = transfers.submit_choice(first)
        (fetched,) = transfers.wait()
        (settled,) = transfers.settled([kept])
    assert fetched.filename == "demo-1.0.tar.gz"
    assert [one.filename for one in kept.files] == ["demo-1.0.tar.gz", "demo-1.0-py3-none-any.whl"]
    assert [one.filename for one in settled.files] == ["demo-1.0.tar.gz"]
    assert [level for level, message in bench.notes.messages if "is left out" in message] == ["warning"]
    assert transfers.mismatches() == ()


def test_mismatches_are_known_before_the_rest_is() -> None:
    tampered = DigestMismatchError("not what was promised", origin=Origin("requirements.txt", 1))
    bench = Bench({SDIST: tampered})
    with bench.transfers() as transfers:
        transfers.submit_choice(choice(file(SDIST)))
        with pytest.raises(DigestMismatchError):
            transfers.wait()
        assert transfers.mismatches() == (tampered,)


@pytest.mark.parametrize("lines", [(1, 9, 5), (9, 5, 1)])
def test_mismatches_are_in_reading_order_whatever_the_order_of_the_threads(lines: tuple[int, ...]) -> None:
    tampered = {url: DigestMismatchError("not what was promised", origin=Origin("x", 1)) for url in (SDIST, WHEEL)}
    bench = Bench(tampered)
    with bench.transfers() as transfers:
        for line in lines:
            transfers.submit_choice(choice(file(WHEEL if line == 5 else SDIST), line=line))
        with pytest.raises(ErrorGroup):
            transfers.wait()
        assert [str(one.origin) for one in transfers.mismatches()] == ["requirements.txt:1", "requirements.txt:5"]
    assert {one.origin for one in tampered.values()} == {Origin("x", 1)}


def test_a_commit_is_archived_once_and_taken_from_the_cache_where_it_is_there() -> None:
    repositories = FakeRepositories({COMMIT: b"one", "2" * 40: b"two"}, kept=frozenset({"2" * 40}))
    bench = Bench(repositories=repositories)
    with bench.transfers() as transfers:
        for commit, line in ((COMMIT, 1), (COMMIT, 2), ("2" * 40, 3)):
            transfers.submit_git(
                Git(
                    name="demo",
                    url=Address("https://g.test/r"),
                    commit=commit,
                    origin=Origin("requirements.txt", line),
                )
            )
        fetched = transfers.wait()
    assert repositories.made == [COMMIT]
    assert len(fetched) == 3
    assert all(one.verified and one.index is None for one in fetched)
    assert sorted(arrival.cached for arrival in bench.notes.arrivals) == [False, True]


def test_no_secret_of_an_address_is_in_what_is_handed_on() -> None:
    address = "https://me:s3cret@files.test/demo-1.0.zip"
    url = Url(
        name="demo", url=Address(address), digest=Digest("sha256", "0" * 64), origin=Origin("requirements.txt", 1)
    )
    bench = Bench({address: b"x"})
    with bench.transfers() as transfers:
        transfers.submit_url(url)
        (fetched,) = transfers.wait()
    assert fetched.url == "https://files.test/demo-1.0.zip"
    assert "s3cret" not in repr((fetched, bench.notes))
