"""A person merges bills of materials, and asks fetch-deps for the kind that a pipeline wants."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cachi2ish.errors import ExitCode
from tests.cli.conftest import Person, tree
from tests.sbom import foreign_documents
from tests.sbom.spdx_reader import judged
from tests.support.command_line import clean_environment
from tests.support.distributions import make_sdist


@pytest.fixture
def fetched(person: Person) -> Person:
    """Somebody with one pinned requirement, and a bill of Hermeto's in the source tree."""
    person.index.add("pinned", make_sdist("pinned", "1.0"))
    person.writes("requirements.txt", "pinned==1.0\n")
    person.writes("pyproject.toml", '[project]\nname = "app"\nversion = "1"\n')
    person.writes("hermeto.json", json.dumps(foreign_documents.HERMETO_CYCLONEDX))
    return person


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
    target.write_text("before")
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
        assert done.code == ExitCode.INPUT
        assert "it takes two different ones to merge" in done.err
    assert fetched.runs("merge-sboms").code == ExitCode.USAGE


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
