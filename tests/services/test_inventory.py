"""The inventory on its own: from files to the facts of a bill of materials."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from cachi2ish.core.as_of import PackageDates, RecordedDates
from cachi2ish.core.choose.checks import Policy
from cachi2ish.core.cutoff import Cutoff
from cachi2ish.core.digests import Digest
from cachi2ish.core.inventory import (
    Dependency,
    FromGit,
    FromIndex,
    FromUrl,
    Inventory,
    MainPackage,
    Relaxation,
    RelaxationKind,
    Source,
    VcsOrigin,
)
from cachi2ish.core.requirements import Git, Requirement, Url
from cachi2ish.core.urls import Address
from cachi2ish.errors import InputError, Origin
from cachi2ish.lockfiles.interface import Lock
from cachi2ish.sdists.interface import Identity
from cachi2ish.services.fetch.identifying import Fetched
from cachi2ish.services.fetch.reading import Reading, SourcePackage
from cachi2ish.services.fetch.recording import take_inventory
from tests.core.one_project import pin, sha256
from tests.services.fakes import PUBLIC, a_run, blob_of

SDIST, WHEEL = "foo-1.0.tar.gz", "foo-1.0-py3-none-any.whl"
OWN = "https://own.test/simple"
ROOT = MainPackage(name="root", version=None)
MAY = datetime(2024, 5, 1, tzinfo=UTC)
URL = Url(
    name="Foo",
    url=Address("https://files.test/foo.zip"),
    digest=sha256("zip"),
    origin=Origin("requirements.txt", 2),
)
GIT = Git(name="Foo", url=Address("https://g.test/foo"), commit="1" * 40, origin=Origin("requirements.txt", 3))


def fetched(
    requirement: Requirement,
    filename: str = SDIST,
    *,
    index: str | None = PUBLIC,
    version: str | None = None,
    time: datetime | None = None,
) -> Fetched:
    blob = blob_of(filename.encode())
    return Fetched(
        requirement=requirement,
        filename=filename,
        url=f"https://files.test/{filename}",
        index=index,
        blob=blob,
        digests=(blob.digest,),
        verified=True,
        identity=Identity("foo", version) if version else None,
        upload_time=time,
    )


def package(path: str, *requirements: Requirement, dates: PackageDates | None = None) -> SourcePackage:
    lock = Lock("requirements.txt", requirements)
    return SourcePackage(
        MainPackage(name="app", version=None, path=path), (lock,), Policy(), dates or PackageDates()
    )


def inventory(files: Iterable[Fetched], *packages: SourcePackage) -> Inventory:
    files = list(files)
    packages = packages or (package(".", *(one.requirement for one in files)),)
    return take_inventory(Reading(ROOT, packages), files, a_run())


def one(*files: Fetched) -> Dependency:
    (dependency,) = inventory(files).dependencies
    return dependency


@pytest.mark.parametrize(
    ("file", "source"),
    [
        (fetched(pin()), FromIndex(index=PUBLIC, default=True)),
        (
            fetched(pin(), index="https://own.test/simple"),
            FromIndex(index="https://own.test/simple", default=False),
        ),
        (fetched(pin(), index=None), FromIndex(index="", default=False)),
        (fetched(URL), FromUrl(url=f"https://files.test/{SDIST}", digest=sha256("zip"))),
        (
            fetched(replace(GIT, subdirectory="sub")),
            FromGit(
                vcs=VcsOrigin(url=f"https://files.test/{SDIST}", commit=GIT.commit),
                subdirectory="sub",
            ),
        ),
    ],
)
def test_a_dependency_knows_where_it_comes_from(file: Fetched, source: Source) -> None:
    assert one(file).source == source


@pytest.mark.parametrize(
    ("file", "version"),
    [
        (fetched(pin("1.0"), version="1.0.0"), "1.0.0"),
        (fetched(pin("1.0")), "1.0"),
        (fetched(pin("1.0"), WHEEL), "1.0"),
        (fetched(pin("01.00"), WHEEL), "1.0"),
        (fetched(URL), None),
        (fetched(URL, version="2"), "2"),
        (fetched(URL, WHEEL), "1.0"),
    ],
)
def test_the_version_is_what_the_file_says_before_its_name_and_the_requirement(
    file: Fetched, version: str | None
) -> None:
    assert one(file).version == version


def test_spellings_of_a_version_are_one_dependency_with_the_spelling_of_its_sdist() -> None:
    wheel, sdist = fetched(pin("1.0a0"), "foo-1.0a0-py3-none-any.whl"), fetched(pin("1.0a0"), version="1.0.alpha")
    found = one(wheel, sdist)
    assert found.version == "1.0.alpha"
    assert {file.filename for file in found.files} == {wheel.filename, sdist.filename}


def test_each_version_and_each_source_is_a_dependency_of_its_own() -> None:
    files = [fetched(pin("1.0")), fetched(pin("1.1")), fetched(pin("no version")), fetched(URL, version="1.0")]
    assert [one.version for one in inventory(files).dependencies] == ["1.0", "1.0", "1.1", "no version"]


def test_markers_are_listed_only_where_every_requirement_has_one() -> None:
    linux, windows = (replace(pin(), marker=f"sys_platform == '{name}'") for name in ("linux", "win32"))
    assert one(fetched(windows), fetched(linux)).markers == (linux.marker, windows.marker)
    assert one(fetched(windows), fetched(pin())).markers == ()


def test_the_files_that_state_no_digest_are_named_and_direct_requirements_never_lack_one() -> None:
    late, early = (replace(pin(), origin=Origin(file, 1)) for file in ("b.txt", "a.txt"))
    locked = replace(pin("1.0", sha256(SDIST)), origin=Origin("c.txt", 1))
    assert one(fetched(late), fetched(early), fetched(locked)).missing_hash_in == ("a.txt", "b.txt")
    assert one(fetched(URL)).missing_hash_in == ()
    assert one(fetched(GIT)).missing_hash_in == ()


def test_a_dependency_names_the_packages_that_need_it() -> None:
    found = inventory([fetched(pin())], package("b", pin()), package("a", pin()), package("c"))
    assert [one.required_by for one in found.dependencies] == [("a", "b")]
    assert [one.path for one in found.packages] == ["b", "a", "c"]


def test_a_file_stands_once_and_with_its_upload_time_where_one_knows_it() -> None:
    early, late = (replace(pin(), origin=Origin("requirements.txt", line)) for line in (1, 2))
    for files in ((fetched(early, time=MAY), fetched(late)), (fetched(early), fetched(late, time=MAY))):
        assert [file.upload_time for file in one(*files).files] == [MAY]


def test_a_file_in_the_bill_is_what_was_proved_of_it() -> None:
    blob = blob_of(SDIST.encode())
    md5 = Digest("md5", "0" * 32)
    (file,) = one(replace(fetched(pin()), digests=(md5, blob.digest), verified=False)).files
    assert (file.size, file.digests, file.wheel, file.verified) == (blob.size, (md5, blob.digest), False, False)


def test_the_bill_says_what_was_let_pass_and_which_dates_held() -> None:
    run = a_run(permissive=True)
    run.leniency.let_pass(InputError("it is broken"), RelaxationKind.PROJECT_METADATA, "app")
    dates = PackageDates(Cutoff(MAY))
    found = take_inventory(Reading(ROOT, (package("app", dates=dates), package("b"))), (), run)
    assert found.relaxations == (
        Relaxation(kind=RelaxationKind.PROJECT_METADATA, subject="app", detail="it is broken"),
    )
    assert found.index_dates == (RecordedDates("app", "2024-05-01T00:00:00Z"),)
    assert (found.root, found.tool_version) == (ROOT, run.tool_version)
