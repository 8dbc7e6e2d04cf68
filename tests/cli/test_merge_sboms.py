"""A person merges bills of materials, and asks fetch-deps for the kind that a pipeline wants."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cachi2ish.core.modes import SbomKind
from cachi2ish.errors import InputError
from cachi2ish.exit_codes import ExitCode
from cachi2ish.sbom.merge.merger import Merger
from cachi2ish.services import merge_sboms as service
from cachi2ish.services.merge_sboms import LARGEST
from tests.cli.conftest import Person, tree
from tests.sbom import foreign_documents
from tests.sbom.spdx_reader import judged
from tests.support.command_line import clean_environment
from tests.support.distributions import make_sdist
from tests.support.git_server import git_environment


@pytest.fixture
def fetched(person: Person) -> Person:
    """Somebody with one pinned requirement, and a bill of Hermeto's in the source tree."""
    person.index.add("pinned", make_sdist("pinned", "1.0"))
    person.writes("requirements.txt", "pinned==1.0\n")
    person.writes("pyproject.toml", '[project]\nname = "app"\nversion = "1"\n')
    person.writes("hermeto.json", json.dumps(foreign_documents.HERMETO_CYCLONEDX))
    return person


@contextmanager
def piped(content: bytes) -> Iterator[Path]:
    """A pipe that somebody writes ``content`` to, as a shell gives it for ``<(command)``."""
    reading, writing = os.pipe()

    def write() -> None:
        # Whoever reads may stop before the end.
        with suppress(BrokenPipeError), os.fdopen(writing, "wb") as pipe:
            pipe.write(content)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield Path(f"/dev/fd/{reading}")
    finally:
        os.close(reading)
        writer.join()


#: Bytes of address space: what the program takes by itself, and some more.
MEMORY = 400_000_000


def limited(person: Person, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run cachi2ish with no more than `MEMORY` bytes of address space."""
    program = (
        f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}));"
        "from cachi2ish.cli.main import main; main()"
    )
    environ = clean_environment(person.home, PYTHONPATH=os.pathsep.join(sys.path))
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], env=environ, capture_output=True, text=True, check=False
    )


def bill(person: Person) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((person.output / "bom.json").read_text())
    return document


def test_fetch_deps_writes_spdx_when_asked(fetched: Person) -> None:
    assert fetched.fetches("pip", "--sbom-output-type", "spdx").code == 0
    document = judged((fetched.output / "bom.json").read_text())
    assert {each.name for each in document.packages} == {"", "app", "pinned"}


def test_the_kind_may_come_from_a_variable_or_the_configuration_file(fetched: Person, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('sbom-output-type = "spdx"\n')
    assert fetched.fetches("pip", "--config-file", config).code == 0
    assert bill(fetched)["spdxVersion"] == "SPDX-2.3"
    assert fetched.fetches("pip", "--config-file", config, "--sbom-output-type", "CycloneDX").code == 0
    assert bill(fetched)["specVersion"] == "1.6"
    fetched.environ["CACHI2ISH_SBOM_OUTPUT_TYPE"] = "spdx"
    assert fetched.fetches().code == 0
    assert bill(fetched)["spdxVersion"] == "SPDX-2.3"


def test_an_unknown_kind_is_refused_with_those_that_there_are(fetched: Person) -> None:
    done = fetched.fetches("pip", "--sbom-output-type", "spdx3")
    assert done.code == ExitCode.USAGE
    assert "cyclonedx" in done.err


def test_the_output_is_the_same_each_time_and_follows_the_sources_date(fetched: Person) -> None:
    assert fetched.fetches("pip", "--sbom-output-type", "spdx").code == 0
    first = tree(fetched.output)
    assert fetched.fetches("pip", "--sbom-output-type", "spdx").code == 0
    assert tree(fetched.output) == first
    fetched.environ["SOURCE_DATE_EPOCH"] = "1700000000"
    assert fetched.fetches("pip", "--sbom-output-type", "spdx").code == 0
    assert bill(fetched)["creationInfo"]["created"] == "2023-11-14T22:13:20Z"


def test_a_checkout_gives_the_document_the_time_of_its_commit(fetched: Person) -> None:
    environ = {
        **git_environment(),
        "GIT_COMMITTER_DATE": "1600000000 +0200",
        "GIT_AUTHOR_DATE": "1500000000 +0000",
    }
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "one"]):
        subprocess.run(["git", *words], cwd=fetched.source, env=environ, check=True)
    assert fetched.fetches("pip", "--sbom-output-type", "spdx").code == 0
    document = judged((fetched.output / "bom.json").read_text())
    assert document.creation_info.created == datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC).replace(tzinfo=None)
    fetched.environ["SOURCE_DATE_EPOCH"] = "1700000000"
    assert fetched.fetches("pip", "--sbom-output-type", "spdx").code == 0
    assert bill(fetched)["creationInfo"]["created"] == "2023-11-14T22:13:20Z"


@pytest.mark.parametrize("kind", ["cyclonedx", "spdx"])
def test_the_repository_of_a_package_in_a_folder_is_called_by_no_package_url(person: Person, kind: str) -> None:
    person.index.add("pinned", make_sdist("pinned", "1.0"))
    person.writes("services/api/requirements.txt", "pinned==1.0\n")
    person.writes("services/api/pyproject.toml", '[project]\nname = "api"\nversion = "3"\n')
    done = person.fetches('{"type": "pip", "path": "services/api"}', "--sbom-output-type", kind)
    assert done.code == 0, done.told
    purls = set(re.findall(r"pkg:pypi/([^@?#\"]+)", (person.output / "bom.json").read_text()))
    assert purls == {"api", "pinned"}


@pytest.mark.parametrize("value", ["yesterday", "-1", "1e9", "9" * 30, "9" * 5000, "1.5"])
def test_a_source_date_that_is_none_is_refused_where_it_is_used(fetched: Person, value: str) -> None:
    fetched.environ["SOURCE_DATE_EPOCH"] = value
    done = fetched.fetches("pip", "--sbom-output-type", "spdx")
    assert done.code == ExitCode.INPUT
    assert "SOURCE_DATE_EPOCH is" in done.err
    assert fetched.fetches().code == 0


@pytest.mark.parametrize("kind", ["cyclonedx", "spdx"])
def test_a_bill_of_ours_and_one_of_hermetos_become_one(fetched: Person, kind: str) -> None:
    assert fetched.fetches().code == 0
    ours, theirs = fetched.output / "bom.json", fetched.source / "hermeto.json"
    done = fetched.runs("merge-sboms", ours, theirs, "--sbom-output-type", kind)
    assert (done.code, done.err) == (0, "")
    document = json.loads(done.out)
    names = {each["name"] for each in document.get("components") or document["packages"]}
    assert {"pinned", "builder", "@scope/left-pad", "mod.example/tool"} <= names


def test_the_result_goes_into_a_file_whole(fetched: Person, tmp_path: Path) -> None:
    assert fetched.fetches().code == 0
    target = tmp_path / "merged.json"
    target.write_text('{"bomFormat": "CycloneDX"}')
    target.chmod(0o600)
    files = (fetched.output / "bom.json", fetched.source / "hermeto.json")
    done = fetched.runs("merge-sboms", *files, "-o", target, "--sbom-output-type=spdx", "--sbom-name", "all")
    assert (done.code, done.out) == (0, "")
    judged(target.read_text())
    assert json.loads(target.read_text())["name"] == "all"
    assert target.stat().st_mode & 0o777 == 0o600


def test_what_is_left_out_is_told(fetched: Person) -> None:
    scanned = fetched.writes("scanned.json", json.dumps(foreign_documents.SCANNED_CYCLONEDX))
    done = fetched.runs("merge-sboms", scanned, fetched.source / "hermeto.json", "--sbom-output-type", "spdx")
    assert done.code == 0
    assert f"{scanned}: SPDX has no place for metadata.lifecycles, services, vulnerabilities: left out" in done.err


def test_one_file_is_not_enough_nor_the_same_one_twice(fetched: Person) -> None:
    file = fetched.source / "hermeto.json"
    link = fetched.source / "again.json"
    link.symlink_to(file)
    for files in ((file,), (file, file), (file, link)):
        done = fetched.runs("merge-sboms", *files)
        assert done.code == ExitCode.USAGE
        assert f"only {file} is named" in done.err
        assert "it takes two different ones to merge" in done.err
    done = fetched.runs("merge-sboms")
    assert done.code == ExitCode.USAGE
    assert "Missing argument 'FILE'. Bills of materials, two or more, of either format." in done.err


def test_the_first_mention_of_a_file_is_its_place(fetched: Person) -> None:
    first, second = (
        fetched.writes(f"{name}.json", json.dumps({**foreign_documents.HERMETO_SPDX, "name": name}))
        for name in ("first", "second")
    )
    for files in ((first, second), (first, second, first), (first, first, second, second)):
        done = fetched.runs("merge-sboms", *files, "--sbom-output-type", "spdx")
        assert done.code == 0, done.err
        assert json.loads(done.out)["name"] == "first"


def test_standard_input_is_not_read_and_that_is_told_with_what_may_be_named(fetched: Person) -> None:
    file = fetched.source / "hermeto.json"
    for files in (("-",), ("-", file), (file, "-")):
        done = fetched.runs("merge-sboms", *files)
        assert done.code == ExitCode.USAGE
        assert "- is named, and standard input is not read" in done.err
        assert "hint: name two or more files" in done.err


@pytest.mark.parametrize("options", [(), ("--sbom-output-type", "cyclonedx")])
def test_a_name_that_the_format_has_no_place_for_is_told(fetched: Person, options: tuple[str, ...]) -> None:
    assert fetched.fetches().code == 0
    files = (fetched.output / "bom.json", fetched.source / "hermeto.json")
    done = fetched.runs("merge-sboms", *files, "--sbom-name", "all", *options)
    assert done.code == 0
    assert done.err == "warning: --sbom-name is of no effect: a document of CycloneDX has no name\n"
    assert json.loads(done.out)["bomFormat"] == "CycloneDX"


def test_a_reference_for_two_things_is_refused_with_file_and_reference(fetched: Person) -> None:
    components = [{"type": "library", "name": name, "bom-ref": "x"} for name in "ab"]
    file = fetched.writes(
        "twice.json", json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": components})
    )
    done = fetched.runs("merge-sboms", fetched.source / "hermeto.json", file)
    assert (done.code, done.out) == (ExitCode.INPUT, "")
    assert f"{file}: the bom-ref 'x' is given more than once" in done.err


def test_links_that_go_round_in_a_circle_are_named(fetched: Person) -> None:
    one, other, itself = (fetched.source / name for name in ("one.json", "other.json", "itself.json"))
    one.symlink_to(other)
    other.symlink_to(one)
    itself.symlink_to(itself)
    done = fetched.runs("merge-sboms", fetched.source / "hermeto.json", one, itself)
    assert done.code == ExitCode.STORAGE
    for link in (one, itself):
        assert f"{link} cannot be read: {os.strerror(errno.ELOOP)}" in done.err


def test_what_is_no_file_and_no_pipe_is_not_read(fetched: Person) -> None:
    devices = (Path("/dev/zero"), Path(os.devnull), fetched.source)
    link = fetched.source / "endless.json"
    link.symlink_to("/dev/zero")
    done = fetched.runs("merge-sboms", *devices, link)
    assert done.code == ExitCode.INPUT
    for device in devices:
        assert f"{device} cannot be read: it is " in done.err
    assert "neither a file nor a pipe" in done.err
    # The link is /dev/zero once more.
    assert "3 errors; nothing was written" in done.err


def test_pipes_are_read_to_their_end(fetched: Person) -> None:
    large = json.dumps({**foreign_documents.SCANNED_CYCLONEDX, "serialNumber": "x" * 300_000})
    with piped(large.encode()) as one, piped(json.dumps(foreign_documents.HERMETO_SPDX).encode()) as other:
        done = fetched.runs("merge-sboms", one, other)
    assert done.code == 0, done.err
    assert {"left-pad", "mod.example/tool"} <= {each["name"] for each in json.loads(done.out)["components"]}


def test_a_file_larger_than_any_bill_is_refused_unread(fetched: Person) -> None:
    large = fetched.source / "large.json"
    with large.open("wb") as file:
        file.truncate(LARGEST + 1)  # a hole: it takes no space
    missing = fetched.source / "missing.json"
    done = fetched.runs("merge-sboms", large, missing)
    assert done.code == ExitCode.INPUT
    assert f"{large} has more than 500000000 bytes" in done.err
    assert f"{missing} does not exist" in done.err


def test_a_pipe_without_an_end_is_read_up_to_the_limit(fetched: Person) -> None:
    with piped(b"[" * 400_000) as endless, pytest.raises(InputError, match="has more than 200000 bytes"):
        service.merge_sboms([fetched.source / "hermeto.json", endless], SbomKind.SPDX, None, Merger("1"), 200_000)


@pytest.mark.parametrize("hungry", ["file", "content"])
def test_too_little_memory_is_an_error_that_names_the_file(fetched: Person, hungry: str) -> None:
    """As a process, whose memory can be limited."""
    file = fetched.source / "hungry.json"
    if hungry == "file":
        with file.open("wb") as large:
            large.truncate(LARGEST)
    else:
        file.write_bytes(b"[" + b"[]," * 7_000_000)
    done = limited(fetched, "merge-sboms", fetched.source / "hermeto.json", file)
    assert done.returncode == ExitCode.INPUT, done.stderr
    assert str(file) in done.stderr
    assert "not enough memory" in done.stderr


def test_all_that_cannot_be_merged_is_told_at_once_and_nothing_is_written(fetched: Person, tmp_path: Path) -> None:
    old = fetched.writes("old.json", '{"spdxVersion": "SPDX-2.1"}')
    text = fetched.writes("text.json", "name: app\n")
    missing, target = fetched.source / "missing.json", tmp_path / "merged.json"
    done = fetched.runs("merge-sboms", old, text, missing, fetched.source, "--output", target)
    for said in (
        f"{old}: spdxVersion is 'SPDX-2.1', which cannot be merged",
        f"{text}:1: this is not JSON",
        f"{missing} does not exist",
        f"{fetched.source} cannot be read",
        "4 errors; nothing was written",
    ):
        assert said in done.err
    assert done.code == ExitCode.INPUT
    assert not target.exists()


def test_a_place_that_cannot_be_written_is_told(fetched: Person) -> None:
    assert fetched.fetches().code == 0
    target = fetched.source / "hermeto.json" / "merged.json"
    done = fetched.runs("merge-sboms", fetched.output / "bom.json", fetched.source / "hermeto.json", "-o", target)
    assert done.code == ExitCode.STORAGE
    assert f"{target} cannot be written" in done.err


@pytest.mark.parametrize("kind", ["cyclonedx", "spdx"])
def test_the_stand_in_says_that_hermeto_has_found_it(fetched: Person, tmp_path: Path, kind: str) -> None:
    """As a process, since the name that it is called by is what makes it one."""
    program = tmp_path / "hermeto"
    program.write_text(f"#!{sys.executable}\nfrom cachi2ish.cli.main import main\nmain()\n")
    program.chmod(0o755)
    arguments: list[str | Path] = ["fetch-deps", "pip", "--sbom-output-type", kind, "--source", fetched.source]
    environ = clean_environment(fetched.home, **fetched.environ, PYTHONPATH=os.pathsep.join(sys.path))
    done = subprocess.run(
        [program, *arguments, "--output", fetched.output], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    text = (fetched.output / "bom.json").read_text()
    document = json.loads(text)
    if kind == "spdx":
        judged(text)
        comments = [each["comment"] for one in document["packages"][1:] for each in one["annotations"]]
        assert comments.count('{"name": "hermeto:found_by", "value": "hermeto"}') == 2
    else:
        found = {"name": "hermeto:found_by", "value": "hermeto"}
        assert all(found in each["properties"] for each in document["components"])
    assert "cachi2ish:found_by" not in text


def test_a_bill_on_standard_output_moves_no_cursor(person: Person, tmp_path: Path) -> None:
    foreign = json.loads(json.dumps(foreign_documents.HERMETO_CYCLONEDX))
    foreign["components"][0]["description"] = "\x9b2J\u202e"
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text(json.dumps(foreign, ensure_ascii=False), encoding="utf-8")
    bills = tmp_path / "a.json", tmp_path / "b.json"
    shown = person.runs("merge-sboms", *bills)
    assert shown.code == 0, shown.told
    assert person.runs("merge-sboms", "-o", tmp_path / "c.json", *bills).code == 0
    assert "\\u009b2J\\u202e" in shown.out
    assert all(one.isprintable() for one in shown.out.replace("\n", ""))
    assert json.loads(shown.out) == json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))
