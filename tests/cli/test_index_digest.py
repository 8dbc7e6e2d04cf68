"""The digest of a frozen day, from the outside: what it proves, and what is refused with it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from cachi2ish.exit_codes import ExitCode
from cachi2ish.simple_api.negotiation import JSON
from tests.cli.conftest import Person, tree
from tests.support.command_line import Outcome
from tests.support.distributions import make_sdist
from tests.support.index_server import IndexServer
from tests.support.mirror_server import MirrorServer

APPLE, PEAR, NEWER = make_sdist("apple", "1.0"), make_sdist("pear", "2.0"), make_sdist("apple", "3.0")
DAY, BEFORE, AFTER = "2023-06-01", "2023-05-01T10:00:00Z", "2024-05-01T10:00:00Z"
PROPERTY = "cachi2ish:pip:index_digest"
ZERO = "sha256:" + "0" * 64


@dataclass
class Place:
    """Somebody who builds, and a mirror with a frozen day."""

    person: Person
    mirror: MirrorServer
    digest: str

    @property
    def index(self) -> str:
        return f"{self.mirror.url}/{DAY}/simple/"

    def fetches(self, *options: str, index: str = "", package: object = "pip") -> Outcome:
        text = package if isinstance(package, str) else json.dumps(package)
        return self.person.fetches(text, f"--index-url={index or self.index}", *options)

    def freezes(self, day: str = DAY) -> Outcome:
        return self.person.runs("mirror", "freeze", day, "--directory", self.mirror.directory)

    def recorded(self) -> list[str]:
        bom = json.loads((self.person.output / "bom.json").read_text())
        return [one["value"] for one in bom["metadata"].get("properties", ()) if one["name"] == PROPERTY]


@pytest.fixture
def place(person: Person, tmp_path: Path) -> Iterator[Place]:
    person.index.add("apple", APPLE, upload_time=BEFORE)
    person.index.add("apple", NEWER, upload_time=AFTER)
    person.index.add("pear", PEAR, upload_time=BEFORE)
    person.writes("requirements.txt", f"apple==1.0 {APPLE.hash_option()}\npear==2.0 {PEAR.hash_option()}\n")
    with MirrorServer(tmp_path / "mirror", pypi=person.index.index_url) as mirror:
        for project in ("apple", "pear"):
            assert mirror.get(f"/{DAY}/simple/{project}/").status == 200
        place = Place(person, mirror, "")
        frozen = place.freezes()
        assert frozen.code == 0, frozen.told
        place.digest = frozen.out.strip()
        yield place


def looks_like(person: Person, place: Place, changed: Mapping[str, object] | None = None) -> str:
    """Let an index answer as the mirror does, but for one thing; return its address."""
    root = place.digest.removeprefix("sha256:")
    for project, dist in (("apple", APPLE), ("pear", PEAR)):
        page = place.mirror.json(f"/{DAY}/simple/{project}/")
        for file in page["files"]:
            file["url"] = f"{person.index.url}/files/{file['filename']}"
        person.index.serve_page(f"/as/simple/{project}/", json.dumps(page).encode(), JSON)
        proof = json.loads(place.mirror.get(f"/{DAY}/frozen/{root}/{project}/").body)
        person.index.serve_page(
            f"/as/frozen/{root}/{project}/", json.dumps({**proof, **(changed or {})}).encode(), "application/json"
        )
        person.index.serve_file(dist)
    return f"{person.index.url}/as/simple/"


def test_what_is_in_the_frozen_day_is_fetched_and_the_digest_stands_in_the_bill(place: Place) -> None:
    plain = place.fetches()
    assert plain.code == 0, plain.told
    assert place.recorded() == []
    without = tree(place.person.output / "deps")
    outcome = place.fetches(f"--index-digest={place.digest}")
    assert outcome.code == 0, outcome.told
    assert place.recorded() == [place.digest]
    assert tree(place.person.output / "deps") == without
    asked = place.fetches("--no-cache", f"--index-digest={place.digest}")
    assert asked.code == 0, asked.told


def test_a_second_run_proves_the_pages_of_the_cache_without_a_request(place: Place) -> None:
    place.person.writes("requirements.txt", f"apple==1.0 {APPLE.hash_option()}\n")
    option = f"--index-digest={place.digest}"
    first = place.fetches(option)
    assert first.code == 0, first.told
    whole = tree(place.person.output)
    offline = place.fetches(option, "--offline")
    assert offline.code == 0, offline.told
    assert tree(place.person.output) == whole
    again = place.fetches(option)
    assert again.code == 0
    assert "no request" in again.err
    other = place.fetches("--offline", f"--index-digest={ZERO}")
    assert other.code == ExitCode.UNAVAILABLE
    assert "the proof that the page of apple is in the frozen day" in other.err


def test_a_digest_in_the_input_and_in_the_file_of_settings_holds_as_an_option_does(
    place: Place, tmp_path: Path
) -> None:
    assert place.fetches(package={"type": "pip", "index_digest": place.digest}).code == 0
    assert place.recorded() == [place.digest]
    config = tmp_path / "config.toml"
    config.write_text(f'[index-digest]\n"{place.index}" = "{place.digest}"\n')
    assert place.fetches(f"--config-file={config}").code == 0
    assert place.recorded() == [f"{place.digest} {place.index.rstrip('/')}"]
    config.write_text(f'index-digest = "{ZERO}"\n')
    assert place.fetches(f"--config-file={config}").code == ExitCode.DIGEST
    assert place.fetches(f"--config-file={config}", f"--index-digest={place.digest}").code == 0
    assert place.fetches(f"--config-file={config}", package={"type": "pip", "index_digest": False}).code == 0
    assert place.recorded() == []


def test_another_digest_is_refused_and_the_one_of_the_day_is_named(place: Place) -> None:
    outcome = place.fetches(f"--index-digest={ZERO}")
    assert outcome.code == ExitCode.DIGEST
    assert f"{DAY} is frozen here as {place.digest}" in outcome.err
    assert outcome.err.count("is not one of") == 1
    assert place.person.deps() == []


def test_a_day_that_is_not_frozen_is_refused_with_what_freezes_it(place: Place) -> None:
    outcome = place.fetches(f"--index-digest={place.digest}", index=f"{place.mirror.url}/2023-06-02/simple/")
    assert outcome.code == ExitCode.UNAVAILABLE
    assert "2023-06-02 is not frozen here; cachi2ish mirror freeze 2023-06-02 does that" in outcome.err


@pytest.mark.parametrize("date", ["live", "7d"])
def test_what_is_no_day_has_no_digest(place: Place, date: str) -> None:
    outcome = place.fetches(f"--index-digest={place.digest}", index=f"{place.mirror.url}/{date}/simple/")
    assert outcome.code == ExitCode.UNAVAILABLE
    assert "only a day or an instant can be frozen" in outcome.err


def test_a_project_that_was_not_followed_when_the_day_was_frozen_is_refused(place: Place) -> None:
    fig = make_sdist("fig", "1.0")
    place.person.index.add("fig", fig, upload_time=BEFORE)
    place.person.writes("requirements.txt", "fig==1.0\n")
    outcome = place.fetches(f"--index-digest={place.digest}")
    assert outcome.code == ExitCode.UNAVAILABLE
    assert "fig is not in the frozen day" in outcome.err
    frozen = place.freezes()
    assert frozen.out.strip() != place.digest
    assert place.fetches(f"--index-digest={frozen.out.strip()}").code == 0


def test_an_index_that_is_no_mirror_proves_nothing(place: Place) -> None:
    option = f"--index-digest={place.digest}"
    outcome = place.fetches(option, index=place.person.index.index_url)
    assert outcome.code == ExitCode.UNAVAILABLE
    assert "cannot prove its pages with an index digest" in outcome.err
    assert "an index digest goes with the index of a mirror as of a date, such as" in outcome.err
    assert outcome.err.count("cannot prove") == 1
    person = place.person
    person.index.serve_page("/plain/apple/", json.dumps(place.mirror.json(f"/{DAY}/simple/apple/")).encode(), JSON)
    person.writes("requirements.txt", "apple==1.0\n")
    outcome = place.fetches(option, index=f"{person.index.url}/plain/")
    assert outcome.code == ExitCode.UNAVAILABLE
    assert "its address does not end in /simple/" in outcome.err


def test_a_page_that_was_changed_on_the_way_is_refused(place: Place) -> None:
    index = looks_like(place.person, place)
    option = f"--index-digest={place.digest}"
    assert place.fetches(option, index=index).code == 0
    page = place.mirror.json(f"/{DAY}/simple/pear/")
    page["files"][0]["yanked"] = "no reason"
    page["files"][0]["url"] = f"{place.person.index.url}/files/{PEAR.filename}"
    place.person.index.serve_page("/as/simple/pear/", json.dumps(page).encode(), JSON)
    outcome = place.fetches("--no-cache", option, index=index)
    assert outcome.code == ExitCode.DIGEST
    assert f"the page of pear on {index} is not the one of the frozen day" in outcome.err


@pytest.mark.parametrize(
    "changed", [{"digest": "0" * 64}, {"position": 1}, {"path": []}, {"path": ["zz"]}, {"projects": 9}]
)
def test_a_proof_that_does_not_lead_to_the_digest_is_refused(place: Place, changed: dict[str, object]) -> None:
    place.person.writes("requirements.txt", "apple==1.0\n")
    outcome = place.fetches(f"--index-digest={place.digest}", index=looks_like(place.person, place, changed))
    assert outcome.code == ExitCode.DIGEST
    assert "does not lead to the index digest" in outcome.err


def test_a_proof_with_bytes_that_are_no_text_is_kept_without_them(place: Place) -> None:
    index, root = looks_like(place.person, place), place.digest.removeprefix("sha256:")
    for project in ("apple", "pear"):
        proof = place.mirror.get(f"/{DAY}/frozen/{root}/{project}/").body
        place.person.index.serve_page(
            f"/as/frozen/{root}/{project}/", proof.replace(b"{", b'{"x": "\xff", ', 1), "application/json"
        )
    for more in ((), ("--offline",)):
        outcome = place.fetches(f"--index-digest={place.digest}", *more, index=index)
        assert outcome.code == 0, outcome.told


def test_what_an_index_with_a_digest_does_not_have_comes_from_the_next_with_a_warning(place: Place) -> None:
    fig = make_sdist("fig", "1.0")
    place.person.writes("requirements.txt", "apple==1.0\nfig==1.0\n")
    options = (
        f"--extra-index-url={place.person.index.url}/other/",
        f"--index-digest={place.index}={place.digest}",
    )
    file = {
        "filename": fig.filename,
        "url": f"{place.person.index.url}/files/{fig.filename}",
        "hashes": {"sha256": fig.sha256},
    }
    page = {"meta": {"api-version": "1.0"}, "name": "fig", "files": [file]}
    place.person.index.serve_page("/other/fig/", json.dumps(page).encode(), JSON)
    place.person.index.serve_file(fig)
    for more in ((), ("--offline",)):
        outcome = place.fetches(*options, *more)
        assert outcome.code == 0, outcome.told
        assert outcome.err.count("an index digest does not prove that") == 1
        assert f"fig comes from {place.person.index.url}/other/, without a proof" in outcome.err
    place.person.writes("requirements.txt", f"apple==1.0 {APPLE.hash_option()}\nfig==1.0 {fig.hash_option()}\n")
    assert "without a proof" not in place.fetches(*options).err


def test_a_page_that_was_kept_before_the_day_was_frozen_is_asked_for_again(place: Place) -> None:
    index = looks_like(place.person, place)
    place.person.writes("requirements.txt", f"apple==1.0 {APPLE.hash_option()}\n")
    right = json.dumps(place.mirror.json(f"/{DAY}/simple/apple/")).encode()
    early = json.loads(right)
    early["files"].append({**early["files"][0], "filename": "apple-0.9.tar.gz"})
    for file in early["files"]:
        file["url"] = f"{place.person.index.url}/files/{file['filename']}"
    place.person.index.serve_page("/as/simple/apple/", json.dumps(early).encode(), JSON)
    assert place.fetches(index=index).code == 0
    looks_like(place.person, place)
    option = f"--index-digest={place.digest}"
    offline = place.fetches(option, "--offline", index=index)
    assert offline.code == ExitCode.UNAVAILABLE
    assert place.fetches(option, index=index).code == 0
    offline = place.fetches(option, "--offline", index=index)
    assert offline.code == 0, offline.told


def test_of_several_indexes_a_digest_is_for_all_or_for_the_one_that_is_named(place: Place) -> None:
    with IndexServer() as other:
        fig = make_sdist("fig", "1.0")
        other.add("fig", fig)
        place.person.writes("requirements.txt", "apple==1.0\nfig==1.0\n")
        extra = f"--extra-index-url={other.index_url}"
        everywhere = place.fetches(extra, f"--index-digest={place.digest}")
        assert everywhere.code == ExitCode.UNAVAILABLE
        assert f"{other.index_url} cannot prove" in everywhere.err
        assert place.fetches(extra, f"--index-digest={place.index}={place.digest}").code == 0
        assert place.recorded() == [f"{place.digest} {place.index.rstrip('/')}"]
        unused = place.fetches(extra, f"--index-digest={other.index_url}more/={place.digest}")
        assert unused.code == ExitCode.INPUT
        assert "none of the indexes that are asked" in unused.err


@pytest.mark.parametrize(
    ("digest", "problem"),
    [
        ("abc", "names no algorithm"),
        ("sha512:" + "0" * 128, "which is sha256"),
        ("sha256:12", "has 64 hexadecimal digits"),
        (f"ftp://host/={ZERO}", "is not the address of an index"),
    ],
)
def test_what_is_no_digest_of_a_day_is_refused(person: Person, digest: str, problem: str) -> None:
    person.writes("requirements.txt", "apple==1.0\n")
    outcome = person.fetches("pip", f"--index-digest={digest}")
    assert (outcome.code, problem in outcome.err) == (ExitCode.USAGE, True), outcome.err
    if "=" not in digest:
        outcome = person.fetches(json.dumps({"type": "pip", "index_digest": digest}))
        assert (outcome.code, problem in outcome.err) == (ExitCode.INPUT, True), outcome.err
        assert "as cachi2ish mirror freeze prints it" in outcome.err


def test_two_digests_for_all_indexes_are_refused(person: Person) -> None:
    outcome = person.fetches("pip", f"--index-digest={ZERO}", "--index-digest=sha256:" + "1" * 64)
    assert outcome.code == ExitCode.USAGE
    assert "two digests are given for all indexes" in outcome.err


def test_a_date_in_the_address_of_the_mirror_and_an_index_date_come_to_the_same(place: Place) -> None:
    package = {"type": "pip", "allow_binary": True}
    place.person.writes("requirements.txt", "apple==1.0\npear==2.0\n")
    trees = []
    for index, options in (
        (place.index, ()),
        (place.index, (f"--index-date={DAY}",)),
        (f"{place.mirror.url}/live/simple/", (f"--index-date={DAY}",)),
        (place.person.index.index_url, (f"--index-date={DAY}",)),
    ):
        outcome = place.fetches("--no-cache", *options, index=index, package=package)
        assert outcome.code == 0, outcome.told
        trees.append(tree(place.person.output / "deps"))
    assert trees == trees[:1] * 4
    place.person.writes("requirements.txt", "apple==3.0\n")
    for index, options in ((place.index, ()), (f"{place.mirror.url}/live/simple/", (f"--index-date={DAY}",))):
        assert place.fetches(*options, index=index).code == ExitCode.UNAVAILABLE
