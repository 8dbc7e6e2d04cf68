"""``--report``: the numbers are those that the servers counted, and there is a report however the run ends."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pydantic import BaseModel

from cachi2ish import __version__
from cachi2ish.exit_codes import ExitCode
from cachi2ish.services.report import Report
from tests.cli.conftest import Person, tree
from tests.support.distributions import make_sdist, make_wheel, sdist_files
from tests.support.git_server import git_server, make_repository
from tests.support.held_index import HeldIndex
from tests.support.index_server import Fault, IndexServer
from tests.support.program import environment, shell, start

NAMES = ("apple", "fig", "pear")
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_28_aarch64")
DISTS = {name: make_sdist(name, "1.0", padding=50_000) for name in NAMES}
PEAR = "/files/pear-1.0.tar.gz"
SIZE = sum(len(dist.content) for dist in DISTS.values())


@pytest.fixture
def index() -> Iterator[HeldIndex]:
    with HeldIndex() as server:
        yield server


@pytest.fixture
def orchard(person: Person, index: HeldIndex) -> Person:
    person.index = index
    person.environ |= {"PIP_INDEX_URL": index.index_url, "PIP_RETRIES": "1"}
    for name, dist in DISTS.items():
        index.add(name, dist)
    person.writes("requirements.txt", "".join(f"{name}==1.0 {DISTS[name].hash_option()}\n" for name in NAMES))
    return person


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "report.json"


def read(place: Path) -> dict[str, Any]:
    text = place.read_text(encoding="utf-8")
    assert text.endswith("}\n")
    loaded: dict[str, Any] = json.loads(text)
    assert Report.model_validate(loaded).version == 1
    return loaded


def counted(server: IndexServer) -> dict[str, int]:
    """What a server knows of a run."""
    return {
        "requests": len(server.requests),
        "connections": server.connections,
        "bytes_received": server.written,
    }


def test_the_numbers_are_those_of_the_server(orchard: Person, place: Path) -> None:
    outcome = orchard.fetches("pip", "--report", place)

    assert outcome.code == 0, outcome.told
    report = read(place)
    counts = counted(orchard.index)
    host = orchard.index.url.removeprefix("http://")
    assert {name: report["totals"][name] for name in counts} == counts
    assert [{name: one[name] for name in ("host", *counts)} for one in report["hosts"]] == [
        {"host": host, **counts}
    ]
    assert report["totals"]["bytes_from_network"] == SIZE
    assert (report["outcome"], report["exit_code"], report["errors"]) == ("succeeded", 0, [])
    assert (report["tool_version"], report["command"], report["dry_run"]) == (__version__, "fetch-deps", False)


def test_each_file_is_named_with_its_source(orchard: Person, place: Path) -> None:
    orchard.fetches("pip", "--report", place)

    assert read(place)["files"] == [
        {
            "filename": f"{name}-1.0.tar.gz",
            "name": name,
            "version": "1.0",
            "size": len(DISTS[name].content),
            "sha256": DISTS[name].sha256,
            "digests": [f"sha256:{DISTS[name].sha256}"],
            "upload_time": None,
            "source": "network",
            "url": f"{orchard.index.url}/files/{name}-1.0.tar.gz",
            "commit": None,
            "host": orchard.index.url.removeprefix("http://"),
            "index": orchard.index.index_url,
            "targets": [],
            "required_by": [{"file": "requirements.txt", "line": line}],
        }
        for line, name in enumerate(NAMES, start=1)
    ]


def test_the_plan_of_a_dry_run_has_the_same_fields(orchard: Person, place: Path) -> None:
    """On standard output, where the plan for people stands else."""
    planned = orchard.fetches("pip", "--dry-run", "--report", "-")
    assert planned.code == 0, planned.told
    orchard.fetches("pip", "--report", place)

    plan = json.loads(planned.out)["files"]
    assert [one["source"] for one in plan] == [None] * 3
    assert [{**one, "source": "network"} for one in plan] == read(place)["files"]


def test_a_plan_says_for_which_lines_and_machines_a_file_is_and_since_when_it_is_there(person: Person) -> None:
    wheel, other = (make_wheel("apple", "1.0", tag=f"cp312-cp312-{platform}") for platform in PLATFORMS)
    uploaded = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    for dist in (wheel, other):
        person.index.add("apple", dist, upload_time=uploaded)
    fig = make_sdist("fig", "1.0")
    url = person.index.serve_file(fig)
    hashes = f"{wheel.hash_option()} {other.hash_option()}"
    person.writes("requirements.txt", f"apple==1.0 {hashes}\nfig @ {url}?token=s3cret {fig.hash_option()}\n")
    person.writes("more.txt", f"# a comment\napple==1.0 {hashes}\n")
    targets = [{"python": "3.12", "platform": platform} for platform in PLATFORMS]
    package = {"type": "pip", "requirements_files": ["requirements.txt", "more.txt"], "targets": targets}

    outcome = person.fetches(json.dumps(package), "--dry-run", "--report", "-")

    assert outcome.code == 0, outcome.told
    files = {one["filename"]: one for one in json.loads(outcome.out)["files"]}
    of_wheel = files.pop(wheel.filename)
    assert of_wheel["upload_time"] == "2024-01-02T03:04:05Z"
    assert of_wheel["required_by"] == [{"file": "more.txt", "line": 2}, {"file": "requirements.txt", "line": 1}]
    full = {"implementation": "cp", "abi": "cp312"}
    assert of_wheel["targets"] == [{**targets[0], **full}]
    assert files.pop(other.filename)["targets"] == [{**targets[1], **full}]
    ((_, of_url),) = files.items()
    assert (of_url["name"], of_url["version"], of_url["index"], of_url["size"]) == ("fig", None, None, None)
    assert (of_url["sha256"], of_url["url"]) == (fig.sha256, f"{url}?token=****")
    assert len(of_url["targets"]) == 2
    assert "s3cret" not in outcome.told


def test_a_git_requirement_of_a_plan_names_its_commit(person: Person, tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "git" / "fig.git")
    commit = repository.commit({"README": "fig\n"})
    with git_server(repository.path.parent) as server:
        url = server.url("fig.git")
        person.writes("requirements.txt", f"fig @ git+{url}@{commit}\n")
        outcome = person.fetches("pip", "--dry-run", "--report", "-")
    assert outcome.code == 0, outcome.told
    (file,) = json.loads(outcome.out)["files"]
    assert (file["name"], file["url"], file["commit"]) == ("fig", url, commit)
    assert (file["sha256"], file["size"], file["digests"]) == (None, None, [])


def test_a_warm_run_made_no_request_and_no_connection(orchard: Person, place: Path) -> None:
    assert orchard.fetches().code == 0
    before = counted(orchard.index)

    orchard.fetches("pip", "--report", place)

    assert counted(orchard.index) == before
    report = read(place)
    assert report["totals"] == {
        "files": 3,
        "files_expected": 3,
        "bytes_expected": SIZE,
        "files_from_network": 0,
        "files_from_cache": 3,
        "bytes_from_network": 0,
        "bytes_from_cache": SIZE,
        "requests": 0,
        "connections": 0,
        "bytes_received": 0,
        "retries": 0,
        "unanswered": 0,
        "git_fetches": 0,
    }
    assert report["hosts"] == []
    assert {one["source"] for one in report["files"]} == {"cache"}


def test_the_stages_take_the_whole_time(orchard: Person, place: Path) -> None:
    orchard.fetches("pip", "--report", place)

    report = read(place)
    assert [stage["name"] for stage in report["stages"]] == ["read", "choose", "transfer", "record"]
    assert sum(stage["seconds"] for stage in report["stages"]) <= report["seconds"] + 0.01


def test_retries_are_counted(orchard: Person, place: Path) -> None:
    orchard.index.script(PEAR, [Fault.reset(after=1000)])

    outcome = orchard.fetches("pip", "--report", place)

    totals = read(place)["totals"]
    assert (totals["retries"], totals["requests"]) == (1, 7)
    assert "1 retry" in outcome.err


def test_a_report_changes_nothing_in_the_output(orchard: Person, place: Path) -> None:
    assert orchard.fetches().code == 0
    without = tree(orchard.output)
    assert orchard.fetches("pip", "--report", place).code == 0
    assert tree(orchard.output) == without


def test_a_run_that_fails_reports_its_errors_and_what_has_arrived(orchard: Person, place: Path) -> None:
    orchard.index.serve_file(make_sdist("pear", "1.0", padding=49_999))
    orchard.index.script("/files/fig-1.0.tar.gz", [Fault.status(404)])

    outcome = orchard.fetches("pip", "--report", place)

    assert outcome.code == ExitCode.DIGEST
    report = read(place)
    assert (report["outcome"], report["exit_code"]) == ("failed", 7)
    told = [(one["exit_code"], one["kind"], one["file"], one["line"]) for one in report["errors"]]
    assert told == [(6, "NETWORK", "requirements.txt", 2), (7, "DIGEST", "requirements.txt", 3)]
    assert all(one["problem"] in outcome.err and one["hint"] in outcome.err for one in report["errors"])
    assert [one["filename"] for one in report["files"]] == ["apple-1.0.tar.gz"]
    assert (report["totals"]["files"], report["totals"]["files_expected"]) == (1, 3)
    assert "1 of 3 files arrived, " in outcome.err
    assert outcome.err.index("1 of 3 files arrived") < outcome.err.index("error: ")


def test_a_run_that_cannot_begin_is_reported_too(orchard: Person, place: Path) -> None:
    outcome = orchard.fetches('{"type": "pipp"}', "--report", place)

    assert outcome.code == ExitCode.INPUT
    report = read(place)
    assert [(one["kind"], one["file"]) for one in report["errors"]] == [("INPUT", None)]
    assert report["stages"] == []
    assert "request" not in outcome.err
    assert "arrived" not in outcome.err


def test_no_credential_is_in_a_report(person: Person, place: Path) -> None:
    with IndexServer(credentials=("user", "s3cr3t-one")) as server:
        for name, dist in DISTS.items():
            server.add(name, dist)
        lock = "".join(f"{name}==1.0\n" for name in NAMES)
        person.writes("requirements.txt", f"--index-url {server.index_url_with_credentials}\n{lock}")
        assert person.fetches("pip", "--report", place).code == 0
        assert "s3cr3t" not in place.read_text()
        server.credentials = ("user", "s3cr3t-two")
        shutil.rmtree(person.home)
        assert person.fetches("pip", "--report", place).code == ExitCode.UNAVAILABLE
    assert read(place)["errors"]
    assert "s3cr3t" not in place.read_text()


def test_a_git_requirement_is_counted_as_far_as_it_can_be(person: Person, place: Path, tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "git" / "fig.git")
    commit = repository.commit(sdist_files("fig", "3.0", pkg_info=""))
    with git_server(repository.path.parent) as server:
        person.writes("requirements.txt", f"fig @ git+{server.url('fig.git')}@{commit}\n")
        outcome = person.fetches("pip", "--report", place)
        assert outcome.code == 0, outcome.told
        report = read(place)
        host = re.sub(r"^http://|/.*", "", server.url("fig.git"))
        assert [(one["source"], one["host"], one["index"]) for one in report["files"]] == [("network", host, None)]
        assert (report["totals"]["requests"], report["hosts"]) == (0, [])
        assert report["totals"]["git_fetches"] > 0
        assert " git fetch" in outcome.err

        person.fetches("pip", "--report", place)
        assert read(place)["totals"]["git_fetches"] == 0


def test_a_dry_run_reports_what_it_asked(orchard: Person, place: Path) -> None:
    outcome = orchard.fetches("pip", "--dry-run", "--report", place)

    assert outcome.code == 0, outcome.told
    report = read(place)
    assert (report["dry_run"], report["totals"]["requests"], report["totals"]["files"]) == (True, 3, 0)


def expected(place: Path) -> tuple[int, int | None]:
    totals = read(place)["totals"]
    return totals["files_expected"], totals["bytes_expected"]


def test_a_dry_run_reports_what_would_be_fetched(orchard: Person, place: Path) -> None:
    orchard.writes("requirements-build.txt", f"apple==1.0 {DISTS['apple'].hash_option()}\n")  # the same file again
    outcome = orchard.fetches("pip", "--dry-run", "--report", place)
    assert expected(place) == (3, SIZE)
    assert read(place)["totals"]["files"] == 0
    assert "3 files, " in outcome.out
    assert "arrived" not in outcome.err

    assert orchard.fetches("pip", "--report", place).code == 0
    assert expected(place) == (3, SIZE)


def test_a_dry_run_reports_no_sum_of_sizes_of_which_it_does_not_know_one(orchard: Person, place: Path) -> None:
    kiwi = make_sdist("kiwi", "1.0")
    with (orchard.source / "requirements.txt").open("a") as file:
        file.write(f"kiwi @ {orchard.index.serve_file(kiwi)} {kiwi.hash_option()}\n")
    orchard.fetches("pip", "--dry-run", "--report", place)
    assert expected(place) == (4, None)


@pytest.mark.parametrize(
    ("at", "code"),
    [
        ("missing/report.json", ExitCode.STORAGE),
        ("source", ExitCode.STORAGE),
        ("source/requirements.txt/report.json", ExitCode.STORAGE),
        (f"{'x' * 300}.json", ExitCode.STORAGE),
        ("out/report.json", ExitCode.INPUT),
        ("out", ExitCode.INPUT),
    ],
)
def test_a_place_that_cannot_be_written_is_found_before_the_work_begins(
    orchard: Person, tmp_path: Path, at: str, code: ExitCode
) -> None:
    outcome = orchard.fetches("pip", "--report", tmp_path / at)

    assert outcome.code == code, outcome.told
    assert outcome.err.startswith("error: ")
    assert "hint: " in outcome.err
    assert orchard.index.requests == ()
    assert not orchard.output.exists()


def test_a_file_that_is_no_report_is_not_replaced(orchard: Person, place: Path) -> None:
    lock = orchard.source / "requirements.txt"
    before = lock.read_bytes()
    outcome = orchard.fetches("pip", "--report", str(lock))
    assert outcome.code == ExitCode.INPUT
    assert "would take the place of a file that is no report" in outcome.err
    assert lock.read_bytes() == before
    place.touch()
    for _ in range(2):  # an empty file may be, and so may an earlier report
        assert orchard.fetches("pip", "--report", str(place)).code == 0


def test_standard_output_can_have_the_report(orchard: Person) -> None:
    outcome = orchard.fetches("pip", "--report", "-")

    assert json.loads(outcome.out)["outcome"] == "succeeded"


def test_a_report_on_a_stream_moves_no_cursor(orchard: Person, tmp_path: Path) -> None:
    dist = make_sdist("apple", "1.0")
    orchard.index.add("lime", replace(dist, filename="lime-1.0\x9b\u202e.tar.gz"))
    orchard.writes("requirements.txt", "lime==1.0\n")
    run_in_shell(orchard, f'"$@" 2>&1 | cat > {tmp_path}/err', Path("/dev/stderr"))
    told = (tmp_path / "err").read_text()
    assert '"outcome": "failed"' in told
    assert all(one.isprintable() for one in told.replace("\n", ""))


def run_in_shell(orchard: Person, script: str, place: Path) -> subprocess.CompletedProcess[str]:
    arguments = ("fetch-deps", "--source", orchard.source, "--output", orchard.output, "pip", "--report", place)
    return shell(script, *arguments, environ=environment(orchard.home, orchard.environ))


def test_a_stream_by_its_name_gets_one_report(orchard: Person, tmp_path: Path) -> None:
    done = run_in_shell(orchard, f'"$@" > {tmp_path}/out.json', Path("/dev/stdout"))
    assert done.returncode == 0, done.stderr
    assert read(tmp_path / "out.json")["outcome"] == "succeeded"


def test_a_pipe_gets_one_report(orchard: Person, place: Path) -> None:
    os.mkfifo(place)
    heard: list[str] = []
    reader = Thread(target=lambda: heard.append(place.read_text()))
    reader.start()
    assert orchard.fetches("pip", "--report", place).code == 0
    reader.join()
    assert json.loads(heard[0])["outcome"] == "succeeded"


@pytest.mark.parametrize(
    ("number", "outcome", "code"),
    [
        (signal.SIGINT, "interrupted", ExitCode.INTERRUPTED),
        (signal.SIGTERM, "interrupted", ExitCode.TERMINATED),
        (signal.SIGKILL, "unfinished", None),
    ],
)
def test_a_run_that_is_ended_leaves_no_report_of_success(
    orchard: Person, index: HeldIndex, place: Path, number: signal.Signals, outcome: str, code: ExitCode | None
) -> None:
    assert orchard.fetches("pip", "--report", place).code == 0  # this one is not to be taken for the next one's
    shutil.rmtree(orchard.home)
    index.hold("/simple/pear/")
    arguments = ("fetch-deps", "--source", orchard.source, "--output", orchard.output, "--report", place, "pip")
    with start(*arguments, environ=environment(orchard.home, orchard.environ)) as process:
        assert index.asked.wait(30)
        os.killpg(process.pid, number)
        process.communicate(timeout=30)

    report = read(place)
    assert (report["outcome"], report["exit_code"]) == (outcome, code)


def test_a_report_that_cannot_be_written_at_the_end_hides_no_failure(
    orchard: Person, index: HeldIndex, tmp_path: Path
) -> None:
    place = tmp_path / "reports" / "report.json"
    place.parent.mkdir()
    index.script(PEAR, [Fault.status(404)])
    gate = index.hold(PEAR)

    def remove() -> None:
        assert index.asked.wait(30)
        shutil.rmtree(place.parent)
        gate.set()

    remover = Thread(target=remove)
    remover.start()
    outcome = orchard.fetches("pip", "--report", place)
    remover.join()

    assert outcome.code == ExitCode.NETWORK
    assert f"warning: {place} cannot be written: " in outcome.err
    assert "HTTP 404" in outcome.err


def test_a_report_that_cannot_be_written_after_a_success_is_an_error(
    orchard: Person, index: HeldIndex, tmp_path: Path
) -> None:
    place = tmp_path / "reports" / "report.json"
    place.parent.mkdir()
    gate = index.hold(PEAR)

    def remove() -> None:
        assert index.asked.wait(30)
        shutil.rmtree(place.parent)
        gate.set()

    remover = Thread(target=remove)
    remover.start()
    outcome = orchard.fetches("pip", "--report", place)
    remover.join()

    assert outcome.code == ExitCode.STORAGE
    assert f"error: {place} cannot be written: " in outcome.err
    assert "as it was" not in outcome.err
    assert len(orchard.deps()) == 3


def fields(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """The fields of a report as the reference names them: the part of the report, and the field."""
    parts = {"Report": "report", "Totals": "totals"}
    for name, field in model.model_fields.items():
        yield parts.get(model.__name__, model.__name__.removesuffix("Report").lower()), name
        for inner in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from fields(inner)


def test_every_field_is_in_the_reference() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "report.md").read_text(encoding="utf-8")
    documented = set()
    for section in re.split(r"\n## ", page)[1:]:
        part = section.splitlines()[0].strip("`").lower()
        documented |= {(part, name) for name in re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)}
    assert documented == set(fields(Report))
