"""Bills in SPDX fit the published schema of SPDX 2.3, which refuses every field that it does not know."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import BIN, EXAMPLE, Shell, clean_environment
from schemas import Published, problems
from test_example import pins

from cachi2ish.core.inventory import Inventory
from cachi2ish.sbom.spdx.spdx_writer import SpdxWriter
from tests.sbom import foreign_documents, inventories
from tests.sbom.spdx_schema import SCHEMA
from tests.support.distributions import Dist, make_sdist, make_wheel, pack_tar, sdist_files
from tests.support.git_server import git_server, make_repository
from tests.support.index_server import IndexServer

REQUIREMENTS = """\
apple==1.0 ; python_version >= "3"
bare==1.0
pear @ {url}
fig @ git+{git}@{commit}
"""
INPUT = '{"type": "pip", "allow_binary": true}'
UPLOADED = "2024-09-01T00:00:00Z"

#: Names of the program, and the variable in which each finds its index.
INDEX = {"cachi2ish": "PIP_INDEX_URL", "hermeto": "HERMETO_PIP__PROXY_URL"}

#: What a bill of the project below has to say, so that there is something to judge.
TOLD = {
    "an application": '"primaryPackagePurpose": "APPLICATION"',
    "its repository": "git+https://git.example/group/shop.git@",
    "a requirement from an index": "pkg:pypi/apple@1.0",
    "a wheel": "pip:package:binary",
    "a requirement without a digest": "missing_hash:in_file",
    "a URL": "download_url=",
    "a git commit": "vcs_url=git",
    "a build requirement": "pip:package:build-dependency",
    "a date": "2024-10-02T00:00:00Z",
    "a relaxation": "cachi2ish:permissive:relaxation",
}

Change = Callable[[dict[str, Any]], object]

#: Changes to a document that make it none of SPDX 2.3, each by its place.
WRONG: dict[str, Change] = {
    "document": lambda document: document.update(wrong=1),
    "creationInfo": lambda document: document["creationInfo"].update(wrong=1),
    "package": lambda document: document["packages"][1].update(wrong=1),
    "checksum": lambda document: checksum(document).update(wrong=1),
    "externalRef": lambda document: document["packages"][1]["externalRefs"][0].update(wrong=1),
    "annotation of a package": lambda document: document["packages"][1]["annotations"][0].update(wrong=1),
    "annotation": lambda document: document["annotations"][0].update(wrong=1),
    "relationship": lambda document: document["relationships"][0].update(wrong=1),
    "no license": lambda document: document.pop("dataLicense"),
    "no time": lambda document: document["creationInfo"].pop("created"),
    "no location": lambda document: document["packages"][1].pop("downloadLocation"),
    "no name": lambda document: document["packages"][1].pop("name"),
    "algorithm": lambda document: checksum(document).update(algorithm="sha256"),
    "purpose": lambda document: document["packages"][1].update(primaryPackagePurpose="library"),
    "kind of relationship": lambda document: document["relationships"][0].update(relationshipType="NEEDS"),
    "number as version": lambda document: document["packages"][1].update(versionInfo=1),
}


def checksum(document: dict[str, Any]) -> dict[str, Any]:
    found = next(package["checksums"][0] for package in document["packages"] if "checksums" in package)
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def away() -> Shell:
    """Programs with a clean environment; nothing here is offline."""
    return Shell(clean_environment(), ())


@pytest.fixture(scope="module")
def example(away: Shell, cache_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bill of the documentation's example."""
    output = tmp_path_factory.mktemp("example-spdx") / "out"
    away.fetch(EXAMPLE, output, cache_dir, "--sbom-output-type", "spdx", "pip")
    return output / "bom.json"


@pytest.fixture(scope="module", params=INDEX)
def bill(request: pytest.FixtureRequest, away: Shell, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bill of a project that has one of everything, in permissive mode, under a name of the program."""
    folder = tmp_path_factory.mktemp(f"spdx-{request.param}")
    program = folder / request.param
    program.symlink_to(BIN / "cachi2ish")
    fig = make_repository(folder / "git" / "fig.git")
    commit = fig.commit(sdist_files("fig", "3.0"))
    with git_server(folder / "git") as git, IndexServer() as index:
        fill(index)
        source = checkout(folder / "source", index, git.url("fig.git"), commit)
        settings = {"CACHI2ISH_CACHE_DIR": str(folder / "cache"), INDEX[request.param]: index.index_url}
        Shell({**away.environment, **settings}, ()).run(
            *(program, "--mode", "permissive", "fetch-deps", INPUT, "--sbom-output-type", "spdx"),
            *("--source", source, "--output", folder / "out", "--index-date", "2024-10-01"),
        )
    return folder / "out" / "bom.json"


def fill(index: IndexServer) -> None:
    distributions = (
        make_sdist("apple", "1.0"),
        make_wheel("apple", "1.0"),
        Dist("bare-1.0.tar.gz", pack_tar({"bare-1.0/code.py": b""})),  # nothing in it tells what it is
        make_sdist("builder", "2.0"),
    )
    for distribution in distributions:
        index.add(distribution.filename.partition("-")[0], distribution, upload_time=UPLOADED)


def checkout(source: Path, index: IndexServer, git: str, commit: str) -> Path:
    source.mkdir()
    pear = make_sdist("pear", "2.0")
    url = f"{index.serve_file(pear)}#sha256={pear.sha256}"
    (source / "requirements.txt").write_text(REQUIREMENTS.format(url=url, git=git, commit=commit))
    (source / "requirements-build.txt").write_text("builder==2.0\n")
    (source / "pyproject.toml").write_text('[project]\nname = "shop"\nversion = "1"\n')
    remote = ("remote", "add", "origin", "https://git.example/group/shop.git")
    author = ("-c", "user.name=a", "-c", "user.email=a@host.example")
    for command in (("init", "--quiet"), remote, (*author, "commit", "--quiet", "--allow-empty", "-m", "work")):
        subprocess.run(["git", "-C", source, *command], env=clean_environment(), check=True)
    return source


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def written(inventory: Inventory) -> Any:
    return json.loads("".join(SpdxWriter("cachi2ish").pieces(inventory)))


def test_the_bill_of_the_example_fits_the_schema(published: Published, example: Path) -> None:
    document = read(example)
    told = {f"{package['name']}=={package['versionInfo']}" for package in document["packages"]}
    assert pins("requirements.txt") | pins("requirements-build.txt") < told
    assert problems(published.spdx, document) == []


def test_a_bill_of_everything_fits_the_schema(published: Published, bill: Path) -> None:
    text = bill.read_text()
    assert [what for what, words in TOLD.items() if words not in text] == []
    drop_in = bill.parent.parent.name.startswith("spdx-hermeto")
    assert drop_in == ("hermeto:found_by" in text) == ('"sourceInfo"' in text)
    assert problems(published.spdx, json.loads(text)) == []


def test_two_bills_merged_fit_the_schema(
    published: Published, away: Shell, example: Path, bill: Path, tmp_path: Path
) -> None:
    merged = tmp_path / "bom.json"
    away.run(BIN / "cachi2ish", "merge-sboms", example, bill, "--sbom-output-type", "spdx", "--output", merged)
    document = read(merged)
    assert len(document["packages"]) == len(read(example)["packages"]) + len(read(bill)["packages"]) - 1
    assert problems(published.spdx, document) == []


@pytest.mark.parametrize("name", ["HERMETO_CYCLONEDX", "HERMETO_SPDX", "SCANNED_CYCLONEDX", "SCANNED_SPDX"])
def test_a_bill_merged_with_one_of_another_tool_fits_the_schema(
    published: Published, away: Shell, bill: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "other.json").write_text(json.dumps(getattr(foreign_documents, name)))
    for files in ((bill, tmp_path / "other.json"), (tmp_path / "other.json", bill)):
        merged = away.run(BIN / "cachi2ish", "merge-sboms", *files, "--sbom-output-type", "spdx")
        assert problems(published.spdx, json.loads(merged)) == []


@pytest.mark.parametrize("inventory", inventories.EACH.values(), ids=inventories.EACH)
def test_what_the_unit_tests_write_fits_the_schema(published: Published, inventory: Inventory) -> None:
    assert problems(published.spdx, written(inventory)) == []


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_what_is_not_spdx_is_refused(published: Published, change: Change) -> None:
    document = written(inventories.EVERYTHING)
    change(document)
    assert len(problems(published.spdx, document)) == 1


def test_the_schema_of_the_unit_tests_has_the_names_of_the_published_one(published: Published) -> None:
    """It was written after the specification, for tests without a network."""
    schema = published.spdx.schema
    assert isinstance(schema, dict)
    assert list(differences(SCHEMA, schema)) == []


def differences(ours: dict[str, Any], theirs: dict[str, Any], place: str = "$") -> Iterator[str]:
    """Names of fields and words that only one of two schemas has, and demands that only theirs makes."""
    if "properties" in ours:
        mine, others = ours["properties"], theirs["properties"]
        yield from (f"{place}.{name} is in one only" for name in mine.keys() ^ others.keys())
        missed = set(theirs.get("required", ())) - set(ours["required"])
        yield from (f"{place}.{name} is demanded" for name in missed)
        for name in mine.keys() & others.keys():
            yield from differences(mine[name], others[name], f"{place}.{name}")
    if "items" in ours:
        yield from differences(ours["items"], theirs["items"], f"{place}[]")
    if set(ours.get("enum", ())) ^ set(theirs.get("enum", ())) and "enum" in ours:
        yield f"{place} has other words"
    if ours.get("type", theirs["type"]) != theirs["type"]:
        yield f"{place} is of another type"
