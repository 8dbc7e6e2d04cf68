"""``--export``: what a lock asks for, as a requirements file for builds that know pip alone."""

from __future__ import annotations

import json

import pytest

from cachi2ish.exit_codes import ExitCode
from tests.cli.conftest import Person
from tests.cli.test_uv_lock_input import APPLE, LINUX, PLUM, TARGETS, WINDOWS, a_lock, file_of
from tests.lockfiles.test_uv_lock import HEAD, package, project
from tests.support.distributions import make_sdist

#: An archive at an address, whose placed file has another name.
PEAR = make_sdist("pear", "1.0")


def test_the_lock_is_written_with_markers_and_all_digests(person: Person) -> None:
    person.writes("uv.lock", a_lock(person))
    place = person.source.parent / "exported.txt"
    request = json.dumps({"type": "uv", "extras": ["sweet"], "targets": TARGETS[:1]})
    for _ in range(2):
        outcome = person.fetches(request, "--export", place)
        assert outcome.code == 0, outcome.told
        hashes = " \\\n    ".join(f"--hash=sha256:{digest}" for digest in sorted((LINUX.sha256, WINDOWS.sha256)))
        assert place.read_text() == (
            "# Of uv.lock, by cachi2ish. Install it with --no-deps.\n"
            f"apple==1.0 \\\n    --hash=sha256:{APPLE.sha256}\n"
            f'fig==1.0 ; sys_platform == "win32" \\\n    {hashes}\n'
            f"plum==1.0 \\\n    --hash=sha256:{PLUM.sha256}\n"
        )
    assert person.runs("inject-files", person.output, "--revert").code == 0
    assert sorted(path.name for path in place.parent.glob("*exported*")) == ["exported.txt"]


@pytest.mark.parametrize("inside", [True, False])
def test_its_addresses_are_those_of_the_output_after_injecting(person: Person, inside: bool) -> None:
    url = person.index.serve_file(PEAR)
    sdist = {key: value for key, value in file_of(person, PEAR).items() if key != "url"}
    pear = package("pear", source={"url": url}, wheels=None, sdist=sdist)
    person.writes("uv.lock", lock := HEAD + pear + project("pear"))
    place = (person.source if inside else person.source.parent) / "exported.txt"
    assert person.fetches("uv", "--export", place).code == 0
    before = place.read_text()
    assert f"pear @ {url} \\\n    --hash=sha256:{PEAR.sha256}\n" in before
    for more in ((), ("--source", person.source)):
        assert person.runs("inject-files", person.output, "--for-output-dir", "/o", *more).code == 0
        assert f"pear @ file:///o/deps/pip/{person.deps()[0]} " in place.read_text()
    assert person.runs("inject-files", person.output, "--revert").code == 0
    assert (place.read_text(), (person.source / "uv.lock").read_text()) == (before, lock)


@pytest.mark.parametrize(
    ("request_text", "place", "code", "says"),
    [
        ("uv", "exported.lock", ExitCode.USAGE, "exported.lock is to be a requirements file"),
        ("pip", "exported.txt", ExitCode.INPUT, "the input has no lock file"),
        ('[{"type": "uv"}, {"type": "uv"}]', "exported.txt", ExitCode.INPUT, "the input has 2 packages"),
        ('["uv", "uv"]', "exported.txt", ExitCode.INPUT, ""),
        ("uv", "nowhere/exported.txt", ExitCode.USAGE, "nowhere is no directory to export to"),
        ("uv", "uv.lock/exported.txt", ExitCode.USAGE, "uv.lock is no directory to export to"),
        ("uv", "folder.txt", ExitCode.USAGE, "folder.txt is a directory, and no file to export to"),
        ("uv", "out/exported.txt", ExitCode.USAGE, "out/exported.txt is in the output, which is made anew"),
        ("uv", "link/requirements-build.txt", ExitCode.USAGE, "is a file that fetch-deps reads"),
        (
            '{"type": "pip", "lockfile": "requirements.txt"}',
            "requirements.txt",
            ExitCode.USAGE,
            "requirements.txt is a file that fetch-deps reads",
        ),
    ],
)
def test_what_cannot_be_exported_is_refused_before_anything_is_fetched(
    person: Person, request_text: str, place: str, code: ExitCode, says: str
) -> None:
    person.writes("uv.lock", a_lock(person))
    person.writes("requirements.txt", "apple==1.0\n")
    (person.source / "folder.txt").mkdir()
    (person.source / "link").symlink_to(person.source)
    (person.source / "out").symlink_to(person.output)
    outcome = person.fetches(request_text, "--export", person.source / place)
    assert (outcome.code, person.index.paths) == (code, ())
    assert says in outcome.err


def test_a_dry_run_exports_nothing(person: Person) -> None:
    outcome = person.fetches("uv", "--dry-run", "--export", "exported.txt")
    assert outcome.code == ExitCode.USAGE
    assert "--export writes a file, and --dry-run writes none" in outcome.err


def test_a_run_that_fails_leaves_an_earlier_export_as_it_was(person: Person) -> None:
    person.writes("uv.lock", a_lock(person, hash=f"sha256:{'0' * 64}"))
    place = person.source.parent / "exported.txt"
    earlier = "# Of uv.lock, by cachi2ish. Install it with --no-deps.\nearlier==1\n"
    place.write_text(earlier)
    outcome = person.fetches(json.dumps({"type": "uv", "targets": TARGETS}), "--export", place)
    assert outcome.code == ExitCode.DIGEST
    assert place.read_text() == earlier


def test_a_file_that_is_no_export_is_not_replaced(person: Person) -> None:
    person.writes("uv.lock", a_lock(person))
    place = person.source.parent / "exported.txt"
    place.write_text("earlier")
    outcome = person.fetches(json.dumps({"type": "uv", "targets": TARGETS}), "--export", place)
    assert outcome.code == ExitCode.INPUT
    assert "would take the place of a file that is no export" in outcome.err
    assert (place.read_text(), person.index.paths) == ("earlier", ())
    place.write_text("")
    for _ in range(2):
        assert person.fetches(json.dumps({"type": "uv", "targets": TARGETS}), "--export", place).code == 0


def test_a_pin_without_a_digest_beside_others_is_refused_since_pip_would(person: Person) -> None:
    bare = package("bare", sdist={"url": f"{person.index.index_url}bare-1.0.tar.gz"}, wheels=None)
    apple = package("apple", wheels=None, sdist=file_of(person, APPLE))
    person.writes("uv.lock", HEAD + bare + apple + project("bare", "apple"))
    outcome = person.fetches("uv", "--export", person.source / "exported.txt")
    assert (outcome.code, person.index.paths) == (ExitCode.LOCKFILE, ())
    assert "uv.lock:5: bare==1.0 has no digest, and others have: pip takes no such file" in outcome.err
    assert not (person.source / "exported.txt").exists()
