"""Identifying on its own: what a file says it is, against what the requirement asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from msgspec.structs import replace

from cachi2ish.build.interface import SdistFacts
from cachi2ish.cli.wiring import build_facts, planner
from cachi2ish.core.digests import Digest
from cachi2ish.core.inventory import Relaxation, RelaxationKind
from cachi2ish.core.modes import Mode
from cachi2ish.core.requirements import Git, Requirement, Url
from cachi2ish.core.urls import Address
from cachi2ish.errors import DistributionError, Origin
from cachi2ish.sdists.interface import Identity
from cachi2ish.services.fetch.identifying import Fetched, extra_dependencies, identify
from cachi2ish.services.fetch.ports import Archives, Leniency
from tests.core.one_project import ORIGIN, pin
from tests.services.fakes import FakeRecollection, FakeSdists, Notes, blob_of

SDIST = "foo-1.0.tar.gz"
URL = Url(name="Foo", url=Address("https://files.test/foo.zip"), digest=Digest("sha256", "0" * 64), origin=ORIGIN)
GIT = Git(name="Foo", url=Address("https://git.test/foo"), commit="1" * 40, origin=ORIGIN)


@dataclass
class Bench:
    """Identifying over fakes."""

    identities: Mapping[str, Identity | DistributionError | None]
    mode: Mode = Mode.STRICT
    notes: Notes = field(default_factory=Notes)

    def __post_init__(self) -> None:
        self.sdists = FakeSdists(self.identities)
        self.archives = Archives(lambda: self.sdists, FakeRecollection(), build_facts, planner)
        self.leniency = Leniency(self.mode, self.notes)

    def identify(self, requirement: Requirement, filename: str = SDIST, content: bytes = b"x") -> Identity | None:
        return identify(requirement, blob_of(content), filename, self.archives, self.leniency)


@dataclass
class CountedFacts:
    """How sdists are built, with their names as often as they are looked into."""

    asked: list[str] = field(default_factory=list)

    def of_archive(self, _path: Path, filename: str) -> SdistFacts:
        self.asked.append(filename)
        return SdistFacts(requires=("meson-python",))

    def of_folder(self, _path: Path) -> None:
        return None


@pytest.mark.parametrize(
    ("filename", "requires", "asked"),
    [
        (SDIST, ("meson-python",), [SDIST]),
        (SDIST, ("hatchling",), []),  # which adds nothing
        ("foo-1.0-py3-none-any.whl", ("meson-python",), []),  # nobody builds it
    ],
)
def test_how_an_sdist_is_built_is_known_before_the_last_file_is_there(
    filename: str, requires: tuple[str, ...], asked: list[str]
) -> None:
    facts = CountedFacts()
    bench = Bench({filename: Identity("foo", "1.0", build_requires=requires)})
    bench.archives = replace(bench.archives, facts=lambda: facts)
    for _ in range(2):
        bench.identify(pin(), filename)
    assert facts.asked == asked


WHEELS = ("foo-1.0-py3-none-any.whl", "Foo-1.0.0-1-cp312-abi3-linux_x86_64.whl", "foo-1.0+cpu-py3-none-any.whl")


@pytest.mark.parametrize("filename", WHEELS)
def test_the_wheel_of_a_pinned_version_is_opened_once(filename: str) -> None:
    own = Identity("Foo", filename.split("-")[1])
    bench = Bench({filename: own})
    assert [bench.identify(pin(), filename), bench.identify(pin(), filename)] == [own, own]
    assert bench.sdists.opened == [(filename, None)]


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(
    ("identity", "problem"),
    [
        (Identity("evil", "1.0"), "says that it is evil, not Foo"),
        (Identity("foo", "1.1"), "says that it is version 1.1, not 1.0"),
        (Identity("foo", None), "says that it is version unknown, not 1.0"),
        (Identity("foo", "1.0+cpu"), "says that it is version 1.0+cpu, not 1.0"),
        (DistributionError("it is a web page"), "it is a web page"),
    ],
)
def test_the_wheel_of_something_else_is_refused_in_every_mode(
    identity: Identity | DistributionError, problem: str, mode: Mode
) -> None:
    with pytest.raises(DistributionError, match=problem.replace("+", r"\+")) as caught:
        Bench({WHEELS[0]: identity}, mode).identify(pin(), WHEELS[0])
    assert caught.value.origin == ORIGIN


def test_the_wheel_at_an_address_is_opened() -> None:
    bench = Bench({"foo-1.0-py3-none-any.whl": Identity("foo", "1.0")})
    assert bench.identify(URL, "foo-1.0-py3-none-any.whl") == Identity("foo", "1.0")


@pytest.mark.parametrize(
    ("requirement", "identity"),
    [
        (pin(), Identity("foo", "1.0")),
        (pin(), Identity("FOO", "1.0.0")),
        (URL, Identity("foo", None)),
        (URL, Identity("foo", "9")),
        (GIT, Identity("Foo", "2")),
        (replace(URL, versions="==1.0,<2"), Identity("foo", "1.0.0")),
        (replace(URL, versions="==1.0rc1"), Identity("foo", "1.0rc1")),
        (replace(GIT, versions="==1.0"), Identity("foo", None)),
        (URL, None),
        (GIT, None),
    ],
)
def test_a_file_that_is_what_is_asked_for_passes(requirement: Requirement, identity: Identity | None) -> None:
    assert Bench({SDIST: identity}).identify(requirement) == identity


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(
    ("requirement", "identity", "problem"),
    [
        (pin(), Identity("evil", "1.0"), f"{SDIST} says that it is evil, not Foo"),
        (URL, Identity("evil", "1.0"), f"{SDIST} says that it is evil, not Foo"),
        (GIT, Identity("evil", None), f"{SDIST} says that it is evil, not Foo"),
        (
            replace(URL, versions="==1.0"),
            Identity("foo", "2"),
            f"{SDIST} says that it is version 2, which ==1.0 does not admit",
        ),
        (
            replace(GIT, versions="<2"),
            Identity("foo", "odd"),
            f"{SDIST} says that it is version odd, which <2 does not admit",
        ),
        (pin(), Identity("foo", "1.1"), f"{SDIST} says that it is version 1.1, not 1.0"),
        (pin(), Identity("foo", None), f"{SDIST} says that it is version unknown, not 1.0"),
        (pin(arbitrary=True), Identity("foo", "1.0.0"), f"{SDIST} says that it is version 1.0.0, not 1.0"),
    ],
)
def test_a_file_that_is_something_else_is_refused_in_every_mode(
    requirement: Requirement, identity: Identity, problem: str, mode: Mode
) -> None:
    with pytest.raises(DistributionError) as caught:
        Bench({SDIST: identity}, mode).identify(requirement)
    assert caught.value.problem == problem
    assert caught.value.origin == ORIGIN


def test_an_sdist_that_says_nothing_is_refused() -> None:
    with pytest.raises(DistributionError, match=r"has no PKG-INFO, so nothing shows that it is Foo==1\.0"):
        Bench({SDIST: None}).identify(pin())


def test_an_sdist_that_says_nothing_passes_in_permissive_mode_and_is_noted_once() -> None:
    bench = Bench({SDIST: None}, Mode.PERMISSIVE)
    assert bench.identify(pin()) is None
    assert bench.identify(pin()) is None
    detail = f"{SDIST} has no PKG-INFO, so nothing shows that it is Foo==1.0"
    assert bench.leniency.relaxations == (
        Relaxation(kind=RelaxationKind.SDIST_METADATA, subject=SDIST, detail=detail),
    )
    assert bench.notes.messages == [
        ("warning", f"permissive mode goes on (sdist-without-metadata): {ORIGIN}: {detail}")
    ]


@pytest.mark.parametrize(
    "identity", [Identity("foo", "1.0"), Identity("foo", None), Identity("foo", None, ("a[b]", "c[d] ; x"))]
)
def test_what_a_file_says_is_found_out_once_for_its_content(identity: Identity) -> None:
    bench = Bench({SDIST: identity})
    assert [bench.identify(URL), bench.identify(URL)] == [identity, identity]
    bench.identify(URL, content=b"y")
    assert len(bench.sdists.opened) == 2


def test_each_folder_of_an_archive_is_a_project_of_its_own() -> None:
    bench = Bench({SDIST: Identity("foo", "1.0")})
    for subdirectory in ("a", "b", None, "a"):
        bench.identify(replace(GIT, subdirectory=subdirectory))
    assert bench.sdists.opened == [(SDIST, "a"), (SDIST, "b"), (SDIST, None)]


def test_an_archive_that_says_nothing_is_opened_again() -> None:
    bench = Bench({SDIST: None})
    assert [bench.identify(URL), bench.identify(URL)] == [None, None]
    assert len(bench.sdists.opened) == 2


def test_a_broken_archive_is_an_error_of_the_line_that_asks_for_it() -> None:
    line = Origin("requirements.txt", 12)
    bench = Bench({SDIST: DistributionError("it is cut off")})
    with pytest.raises(DistributionError, match=r"^requirements\.txt:12: it is cut off$"):
        bench.identify(replace(pin(), origin=line))


WHEEL = "foo-1.0-py3-none-any.whl"
ASKING = Identity("foo", "1.0", ("core[toml]>=1", "core[b]"))


def fetched(requirement: Requirement, filename: str, identity: Identity | None = None) -> Fetched:
    blob = blob_of(b"x")
    return Fetched(
        requirement=requirement,
        filename=filename,
        url="https://files.test/x",
        blob=blob,
        digests=(blob.digest,),
        verified=True,
        identity=identity,
    )


def test_what_a_file_depends_on_is_what_its_metadata_says() -> None:
    assert extra_dependencies(fetched(pin(), SDIST, ASKING)) == ASKING.extra_dependencies


def test_a_file_that_says_nothing_depends_on_nothing() -> None:
    assert extra_dependencies(fetched(pin(), SDIST)) == ()
