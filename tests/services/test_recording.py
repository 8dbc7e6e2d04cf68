"""Stage "record" on its own: what is written, and what cannot lie beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from cachi2ish.core.as_of import PackageDates
from cachi2ish.core.choose.checks import Policy
from cachi2ish.core.digests import Digest
from cachi2ish.core.inventory import MainPackage
from cachi2ish.core.outputs import RecordedTarget, text_digest
from cachi2ish.core.requirements import FormatControl, Git, Pinned, Purpose, Requirement, Url
from cachi2ish.core.targets.machine import Target
from cachi2ish.core.urls import Address
from cachi2ish.errors import Origin
from cachi2ish.files.user_files import DiskFiles
from cachi2ish.lockfiles.interface import Lock, LockText
from cachi2ish.lockfiles.pip.requirements_writer import as_requirements
from cachi2ish.lockfiles.pip.rewriting import RequirementsRewriter
from cachi2ish.services.fetch.identifying import Fetched
from cachi2ish.services.fetch.ports import Results
from cachi2ish.services.fetch.reading import Reading, SourcePackage
from cachi2ish.services.fetch.recording import collisions, record
from tests.core.one_project import pin
from tests.services.fakes import FakeOutputs, FakeSbom, FakeStaging, a_run, blob_of

ROOT = MainPackage(name="notes", version="1.0", path=".", vcs=None)


def fetched(requirement: Requirement, filename: str, content: bytes = b"x") -> Fetched:
    blob = blob_of(content)
    return Fetched(
        requirement=requirement,
        filename=filename,
        url=f"https://files.test/{filename}",
        index="https://i.test/simple/",
        blob=blob,
        digests=(blob.digest,),
        verified=True,
        identity=None,
    )


def reading_of(*requirements: Pinned) -> Reading:
    locks = (Lock("requirements.txt", requirements),) if requirements else ()
    packages = (SourcePackage(ROOT, locks, Policy(), PackageDates()),) if requirements else ()
    return Reading(ROOT, packages)


def recorded(reading: Reading, files: Sequence[Fetched]) -> FakeStaging:
    staging = FakeStaging()
    results = Results(
        FakeOutputs(staging), FakeSbom(), lambda _: RequirementsRewriter(), as_requirements, DiskFiles()
    )
    record(staging, Path("/source"), reading, tuple(files), results, a_run())
    return staging


def test_the_bill_has_an_entry_for_each_version_with_all_of_its_files() -> None:
    one, other = pin("1.0"), pin("2.0")
    files = [fetched(one, "foo-1.0.tar.gz"), fetched(one, "foo-1.0-py3-none-any.whl")]
    files.append(fetched(other, "foo-2.0.zip"))
    staging = recorded(reading_of(one, other), files)
    assert staging.files["bom.json"] == (
        "foo 1.0 runtime foo-1.0-py3-none-any.whl foo-1.0.tar.gz\nfoo 2.0 runtime foo-2.0.zip\n"
    )
    assert staging.published


def test_a_dependency_is_for_building_only_where_nothing_needs_it_to_run() -> None:
    build = replace(pin(), purpose=Purpose.BUILD, origin=Origin("requirements-build.txt", 1))
    for requirements, use in (((build,), "build"), ((build, pin()), "runtime")):
        files = [fetched(one, "foo-1.0.tar.gz") for one in requirements]
        staging = recorded(reading_of(*requirements), files)
        assert staging.files["bom.json"] == f"foo 1.0 {use} foo-1.0.tar.gz\n"


def test_the_order_in_which_files_arrived_changes_no_byte() -> None:
    requirements = [pin(version) for version in ("1.0", "1.1", "1.2")]
    files = [fetched(one, f"foo-{one.version}.tar.gz") for one in requirements]
    first, second = recorded(reading_of(*requirements), files), recorded(reading_of(*requirements), files[::-1])
    assert first.files == second.files
    assert first.config == second.config


def test_where_nothing_was_asked_for_the_build_goes_on_as_if_nobody_had_been_here() -> None:
    empty, full = recorded(reading_of(), ()), recorded(reading_of(pin()), [fetched(pin(), "foo-1.0.zip")])
    assert empty.config is not None
    assert empty.config.environment_variables == ()
    assert full.config is not None
    assert {one.name for one in full.config.environment_variables} >= {"PIP_NO_INDEX", "PIP_FIND_LINKS"}
    assert full.config.tool_version == "7"


def test_one_name_for_two_contents_is_an_error_at_the_second() -> None:
    one, other = (replace(pin(), origin=Origin("requirements.txt", line)) for line in (1, 2))
    same = [fetched(one, "foo-1.0.zip"), fetched(other, "foo-1.0.zip")]
    assert list(collisions(same)) == []
    (error,) = collisions([fetched(one, "foo-1.0.zip"), fetched(other, "foo-1.0.zip", b"y")])
    assert str(error) == (
        "requirements.txt:2: foo-1.0.zip would be two different files:"
        " another one is asked for at requirements.txt:1"
    )


def test_files_with_addresses_are_recorded_as_templates_without_secrets() -> None:
    digest = Digest("sha256", "0" * 64)
    origin = Origin("requirements.txt", 1)
    url = Url(name="Bar", url=Address("https://me:s3cret@u.test/bar.zip"), digest=digest, origin=origin)
    git = Git(name="Baz", url=Address("https://g.test/baz"), commit="1" * 40, origin=origin)
    nowhere = replace(git, commit="2" * 40)  # its marker holds on no target, so nothing was fetched for it
    text = (
        f"bar @ https://me:s3cret@u.test/bar.zip --hash={digest}\n"
        f"baz @ git+https://g.test/baz@{git.commit}\n"
        f"baz @ git+https://g.test/baz@{nowhere.commit}\n"
    )
    lock = Lock(
        "requirements.txt",
        (url, git, nowhere),
        texts=(LockText("requirements.txt", text, (url, git, nowhere)),),
    )
    reading = Reading(ROOT, (SourcePackage(ROOT, (lock,), Policy(), PackageDates()),))
    archive = fetched(git, "baz.tar.gz")
    staging = recorded(reading, [fetched(url, "bar.zip"), archive])
    assert staging.config is not None
    (file,) = staging.config.project_files
    deps = "file://${output_dir}/deps/pip"
    assert file.urls == (
        f"{deps}/bar-url-sha256-{digest.value}.zip",
        f"{deps}/baz-git-{git.commit}.tar.gz#sha256={archive.blob.sha256}",
        f"{deps}/baz-git-{nowhere.commit}.tar.gz",
    )
    assert (file.path, file.abspath) == ("requirements.txt", "/source/requirements.txt")
    assert file.sha256 == text_digest(text)
    assert "s3cret" not in file.template


def test_the_record_says_what_was_asked_for_and_which_files_it_may_be() -> None:
    digest = Digest("sha256", blob_of(b"other").sha256)
    hashed, free = replace(pin("1.0"), digests=frozenset({digest})), replace(pin("2.0"), extras=("red",))
    files = [
        fetched(hashed, "foo-1.0.tar.gz", b"x"),
        fetched(free, "foo-2.0.tar.gz", b"y"),
        fetched(free, "foo-2.0-py3-none-any.whl", b"other"),
    ]
    locks = (
        Lock("requirements.txt", (hashed,), require_hashes=True),
        Lock("more.txt", (free,), format_control=FormatControl(frozenset({"foo"}))),
    )
    policy = Policy(targets=(Target.parse("3.13", "win_amd64", abi="cp313t"),))
    package = SourcePackage(ROOT, locks, policy, PackageDates(), ("flit_core",))
    staging = recorded(Reading(ROOT, (package,)), files)
    assert staging.config is not None
    record = staging.config.record
    assert record is not None
    (found,) = record.packages
    assert found.build_requires == ("flit_core",)
    assert found.targets == (RecordedTarget(python="3.13", platform="win_amd64", abi="cp313t"),)
    more, requirements = record.locks
    assert (more.file, more.hash_mode, more.no_binary) == ("more.txt", False, ("foo",))
    assert more.requirements[0].requirement == "Foo[red]==2.0"
    assert more.requirements[0].files == ("foo-2.0-py3-none-any.whl", "foo-2.0.tar.gz")
    assert requirements.hash_mode
    # With hashes, what another line has brought counts too, if its digest is one that the lock has.
    assert requirements.requirements[0].files == ("foo-1.0.tar.gz", "foo-2.0-py3-none-any.whl")
    assert dict(record.digests)["foo-2.0-py3-none-any.whl"] == digest.value
