"""``pylock.toml`` from the outside: its files are fetched, and no index is asked."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from cachi2ish.exit_codes import ExitCode
from tests.cli.conftest import Person, tree
from tests.support.distributions import Dist, make_sdist, make_wheel
from tests.support.git_server import GitServer, Repository
from tests.support.index_server import Fault
from tests.support.pylocks import HEAD, locked_file, package, pylock

SDIST = make_sdist("apple", "1.0")
WHEEL = make_wheel("apple", "1.0")
WINDOWS = make_wheel("apple", "1.0", "cp312-cp312-win_amd64")
OLD, NEW = datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)

LOCKED = '{"type": "pip", "lockfile": "pylock.toml"}'
WHEELS = '{"type": "pip", "lockfile": "pylock.toml", "allow_binary": true}'
LINUX = {"python": "3.12", "platform": "manylinux_2_28_x86_64"}


def for_targets(*targets: dict[str, str]) -> str:
    return json.dumps({"type": "pip", "lockfile": "pylock.toml", "targets": targets})


def named(person: Person, dist: Dist, **more: object) -> dict[str, object]:
    return locked_file(dist, person.index.serve_file(dist), **more)


def apple(person: Person, **more: object) -> str:
    """A package with a sdist and two wheels, as of an index."""
    keys = {
        "index": person.index.index_url,
        "sdist": named(person, SDIST, upload_time=OLD),
        "wheels": [named(person, WHEEL, upload_time=NEW), named(person, WINDOWS, upload_time=NEW)],
        **more,
    }
    return package("apple", "1.0", **keys)


def component(person: Person, name: str) -> dict[str, object]:
    bill = json.loads((person.output / "bom.json").read_text())
    found: dict[str, object] = {one["name"]: one for one in bill["components"]}[name]
    return found


def pages(person: Person) -> list[str]:
    return [path for path in person.index.paths if path.startswith("/simple/")]


def test_the_files_are_fetched_and_no_page_is_asked_for(person: Person) -> None:
    person.writes("pylock.toml", pylock(apple(person)))
    person.writes("requirements.txt", "not looked at\n")

    outcome = person.fetches(WHEELS)

    assert outcome.code == 0, outcome.told
    assert person.deps() == sorted([SDIST.filename, WHEEL.filename, WINDOWS.filename])
    assert pages(person) == []
    assert len(person.index.requests) == 3


def test_wheels_need_to_be_allowed_as_everywhere(person: Person) -> None:
    person.writes("pylock.toml", pylock(apple(person)))
    assert person.fetches(LOCKED).code == 0
    assert person.deps() == [SDIST.filename]

    person.writes("pylock.toml", pylock(apple(person, sdist=None)))
    outcome = person.fetches(LOCKED)
    assert outcome.code == ExitCode.UNAVAILABLE
    assert "pylock.toml:4: apple==1.0 has no sdist in pylock.toml, only 2 wheels" in outcome.err


def test_each_target_gets_the_file_that_serves_it(person: Person) -> None:
    person.writes("pylock.toml", pylock(apple(person, wheels=[named(person, WINDOWS)])))
    windows = {"python": "3.12", "platform": "win_amd64"}
    assert person.fetches(for_targets(windows)).code == 0
    assert person.deps() == [WINDOWS.filename]
    assert person.fetches(for_targets(windows, LINUX)).code == 0
    assert person.deps() == [WINDOWS.filename, SDIST.filename]


def test_markers_hold_for_targets_and_so_does_requires_python(person: Person) -> None:
    text = pylock(apple(person, marker="python_version < '3.12'"))
    person.writes("pylock.toml", text)
    outcome = person.fetches(for_targets(LINUX))
    assert outcome.code == 0, outcome.told
    assert person.deps() == []
    assert 'left out: apple==1.0 (pylock.toml:4), needed nowhere: python_version < "3.12"' in outcome.told

    person.writes("pylock.toml", pylock(apple(person, requires_python=">=3.13")))
    outcome = person.fetches(for_targets(LINUX))
    assert outcome.code == ExitCode.UNAVAILABLE
    assert "it needs Python >=3.13" in outcome.err


@pytest.mark.parametrize(
    ("head", "says"),
    [
        ('requires-python = ">=3.13"\n', "pylock.toml: it is for Python >=3.13, and a target is Python 3.12 on"),
        (
            "environments = [\"sys_platform == 'darwin'\"]\n",
            'pylock.toml: it is for sys_platform == "darwin", which does not hold for the target Python 3.12 on',
        ),
    ],
)
def test_a_target_that_the_lock_is_not_for_is_refused(person: Person, head: str, says: str) -> None:
    person.writes("pylock.toml", pylock(apple(person), head=f"{HEAD}{head}"))
    outcome = person.fetches(for_targets(LINUX))
    assert outcome.code == ExitCode.LOCKFILE
    assert says in outcome.err
    assert person.fetches(LOCKED).code == 0  # for nobody in particular


def test_two_packages_of_one_name_are_refused_where_both_hold(person: Person) -> None:
    second = package(
        "apple", "2.0", sdist=named(person, make_sdist("apple", "2.0")), marker="python_version > '3.12'"
    )
    person.writes("pylock.toml", pylock(apple(person, wheels=None), second))
    assert person.fetches(for_targets(LINUX)).code == 0
    outcome = person.fetches(for_targets(LINUX, {**LINUX, "python": "3.13"}))
    assert outcome.code == ExitCode.LOCKFILE
    assert "apple==2.0 and apple==1.0 at pylock.toml:4 both hold for the target Python 3.13 on" in outcome.err


def test_a_date_counts_for_the_upload_times_of_the_lock(person: Person) -> None:
    person.writes("pylock.toml", pylock(apple(person)))
    assert person.fetches(WHEELS, "--index-date", "2024-06-01").code == 0
    assert person.deps() == [SDIST.filename]
    outcome = person.fetches(WHEELS, "--index-date", "2023-06-01")
    assert outcome.code == ExitCode.UNAVAILABLE
    assert (
        "apple==1.0 was not there before 2023-06-02T00:00:00Z, the index date: its first file was" in outcome.err
    )
    assert pages(person) == []


def test_without_upload_times_a_date_refuses_all_files_and_says_how_to_get_them(person: Person) -> None:
    person.writes("pylock.toml", pylock(apple(person, sdist=named(person, SDIST), wheels=None)))
    outcome = person.fetches(LOCKED, "--index-date", "2024-06-01")
    assert outcome.code == ExitCode.UNAVAILABLE
    assert "none of its files has an upload time" in outcome.err
    assert "lock with a tool that writes upload times into pylock.toml (uv does)" in outcome.err
    assert person.fetches(LOCKED, "--index-date", "2024-06-01", "--index-date-missing", "allow").code == 0
    assert person.index.paths == (f"/files/{SDIST.filename}",)


def test_a_tampered_file_is_refused(person: Person) -> None:
    person.writes("pylock.toml", pylock(apple(person)))
    person.index.script(f"/files/{SDIST.filename}", [Fault.wrong_bytes()] * 3)
    outcome = person.fetches(LOCKED)
    assert outcome.code == ExitCode.DIGEST
    assert "pylock.toml:4" in outcome.err
    assert not person.output.exists()


def test_a_size_that_is_not_the_files_is_refused(person: Person) -> None:
    person.writes("pylock.toml", pylock(apple(person, sdist=named(person, SDIST, size=7))))
    assert person.fetches(LOCKED).code == ExitCode.DIGEST


def test_a_second_run_asks_nothing_and_one_offline_gives_the_same_bytes(person: Person) -> None:
    person.writes("pylock.toml", pylock(apple(person)))
    assert person.fetches(WHEELS).code == 0
    first = tree(person.output)
    person.index.forget_requests()
    assert person.fetches(WHEELS).code == 0
    assert tree(person.output) == first
    assert person.fetches(WHEELS, "--offline").code == 0
    assert tree(person.output) == first
    assert person.index.requests == ()


def test_offline_without_the_file_is_told(person: Person) -> None:
    person.writes("pylock.toml", pylock(apple(person)))
    outcome = person.fetches(LOCKED, "--offline")
    assert outcome.code == ExitCode.UNAVAILABLE
    assert f"pylock.toml:4: {SDIST.filename} (" in outcome.err
    assert "is not in the cache" in outcome.err


def test_a_file_of_the_cache_is_taken_wherever_it_came_from(person: Person) -> None:
    person.index.add("apple", SDIST)
    person.writes("requirements.txt", f"apple==1.0 {SDIST.hash_option()}\n")
    assert person.fetches().code == 0
    person.index.forget_requests()
    person.writes("pylock.toml", pylock(apple(person)))
    assert person.fetches(LOCKED).code == 0
    assert person.index.requests == ()


def test_the_bill_names_the_index_that_the_lock_states(person: Person) -> None:
    person.writes("pylock.toml", pylock(apple(person, index="https://me:s3cret@private.example/simple")))
    assert person.fetches(LOCKED).code == 0
    found = component(person, "apple")
    assert found["purl"] == "pkg:pypi/apple@1.0?repository_url=https://private.example/simple"
    properties = json.dumps(found["properties"])
    assert "cachi2ish:missing_hash:in_file" not in properties
    assert "cachi2ish:pip:package:upload_time" in properties
    assert b"s3cret" not in b"".join(tree(person.output).values())


def test_the_bill_names_the_address_where_the_lock_states_no_index(person: Person) -> None:
    person.writes("pylock.toml", pylock(apple(person, index=None)))
    assert person.fetches(LOCKED).code == 0
    url = f"{person.index.url}/files/{SDIST.filename}"
    assert component(person, "apple")["purl"] == (
        f"pkg:pypi/apple@1.0?checksum=sha256:{SDIST.sha256}&download_url={url}"
    )


def test_the_credentials_of_an_index_count_for_the_files_of_its_host(person: Person) -> None:
    with type(person.index)(credentials=("user", "s3cret")) as private:
        file = locked_file(SDIST, private.serve_file(SDIST))
        text = pylock(package("apple", "1.0", index=private.index_url_with_credentials, sdist=file))
        person.writes("pylock.toml", text)
        outcome = person.fetches(LOCKED, "--log-level", "debug")
    assert outcome.code == 0, outcome.told
    assert "s3cret" not in outcome.told


def test_the_report_and_the_plan_speak_of_locked_files(person: Person) -> None:
    person.writes("pylock.toml", pylock(apple(person), package("own", directory={"path": "."})))
    plan = person.fetches(LOCKED, "--dry-run")
    assert plan.code == 0
    assert f"apple==1.0 (pylock.toml:4) from {person.index.index_url}" in plan.out
    assert f"  fetch {SDIST.filename}  " in plan.out
    assert person.index.requests == ()
    report = person.home / "report.json"
    assert person.fetches(LOCKED, "--report", report).code == 0
    (file,) = json.loads(report.read_text())["files"]
    assert (file["filename"], file["index"]) == (SDIST.filename, person.index.index_url)
    assert json.loads(report.read_text())["totals"]["requests"] == 1

    person.writes("pylock.toml", pylock(apple(person, index=None)))
    plan = person.fetches(LOCKED, "--dry-run")
    assert "apple==1.0 (pylock.toml:4)\n" in plan.out


def test_a_directory_of_the_source_is_said_not_to_be_fetched(person: Person) -> None:
    person.writes("pylock.toml", pylock(apple(person), package("own", directory={"path": "."})))
    outcome = person.fetches(LOCKED)
    assert outcome.code == 0
    assert "own is not fetched: it is the folder '.' of the source" in outcome.err


def test_archives_and_commits_are_fetched(person: Person, repository: Repository, server: GitServer) -> None:
    commit = repository.commit({"pyproject.toml": '[project]\nname = "fig"\nversion = "3"\n'})
    pear = make_sdist("pear", "2.0", ".zip")
    text = pylock(
        package("fig", vcs={"type": "git", "url": server.url("fig.git"), "commit-id": commit}),
        package("pear", archive=named(person, pear)),
    )
    person.writes("pylock.toml", text)
    outcome = person.fetches(LOCKED)
    assert outcome.code == 0, outcome.told
    assert person.deps() == [f"fig-git-{commit}.tar.gz", f"pear-url-sha256-{pear.sha256}.zip"]


def test_requirements_files_may_stand_beside_it_where_they_are_named(person: Person) -> None:
    for name in ("fig", "pear"):
        person.index.add(name, make_sdist(name, "1.0"))
    person.writes("pylock.toml", pylock(apple(person)))
    person.writes("more.txt", "fig==1.0\n")
    person.writes("requirements-build.txt", "pear==1.0\n")
    package_input = '{"type": "pip", "lockfile": "pylock.toml", "requirements_files": ["more.txt"]}'
    assert person.fetches(package_input).code == 0
    assert person.deps() == ["apple-1.0.tar.gz", "fig-1.0.tar.gz", "pear-1.0.tar.gz"]
    marked = json.dumps(component(person, "pear")["properties"])
    assert "build-dependency" in marked
    assert "build-dependency" not in json.dumps(component(person, "apple")["properties"])


def test_it_is_relative_to_the_folder_of_the_package(person: Person) -> None:
    person.writes("service/pylock.dev.toml", pylock(apple(person)))
    package_input = '{"type": "pip", "path": "service", "lockfile": "pylock.dev.toml"}'
    assert person.fetches(package_input).code == 0
    assert person.deps() == [SDIST.filename]


@pytest.mark.parametrize(
    ("package_input", "code", "says"),
    [
        (LOCKED, ExitCode.INPUT, "pylock.toml: it does not exist"),
        ('{"type": "pip", "lockfile": null}', ExitCode.INPUT, "lockfile is null"),
        ('{"type": "pip", "lockfile": ["pylock.toml"]}', ExitCode.INPUT, "is not the name of a lock file"),
        (
            '{"type": "pip", "lockfile": "../pylock.toml"}',
            ExitCode.INPUT,
            ".lockfile: '../pylock.toml' contains '..'",
        ),
        ('{"type": "pip", "lockfile": "Gemfile.lock"}', ExitCode.INPUT, "no lock file that is known"),
        ('{"type": "pip", "lockfile": "Pipfile.lock"}', ExitCode.INPUT, "Pipfile.lock: it does not exist"),
    ],
)
def test_what_cannot_be_read_is_told(person: Person, package_input: str, code: ExitCode, says: str) -> None:
    outcome = person.fetches(package_input)
    assert outcome.code == code
    assert says in outcome.err


@pytest.mark.parametrize("name", ["pylock.toml", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock"])
def test_a_lock_file_among_requirements_files_is_one_error_that_says_what_to_write(
    person: Person, name: str
) -> None:
    person.writes(name, pylock(*[apple(person)] * 50))
    outcome = person.fetches(f'{{"type": "pip", "requirements_files": ["{name}"]}}')
    assert outcome.code == ExitCode.INPUT
    assert outcome.err.count("error: ") == 1
    assert f"{name}: it is a lock file of a format of its own, and no requirements file" in outcome.err
    if name == "pylock.toml":
        assert LOCKED in outcome.err
