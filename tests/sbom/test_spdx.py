"""The SPDX document is valid, says what the CycloneDX one says, is known to Konflux, and stays the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from cachi2ish.core.as_of import RecordedDates
from cachi2ish.core.inventory import Inventory, MainPackage
from cachi2ish.sbom.cyclonedx.cyclonedx_bom import CycloneDxWriter
from cachi2ish.sbom.cyclonedx.cyclonedx_bom import render as render_cyclonedx
from cachi2ish.sbom.interface import SbomWriter
from cachi2ish.sbom.merge.to_cyclonedx import to_cyclonedx, unplaced
from cachi2ish.sbom.spdx.spdx_model import Document
from cachi2ish.sbom.spdx.spdx_writer import SpdxWriter
from cachi2ish.sbom.wire import as_json
from tests.sbom import inventories
from tests.sbom.spdx_reader import judged

ROOT = "SPDXRef-DocumentRoot-File-"
UNDATED = replace(inventories.EVERYTHING, index_dates=())
EACH = pytest.mark.parametrize("inventory", list(inventories.EACH.values()), ids=list(inventories.EACH))


def render(inventory: Inventory, found_by: str = "cachi2ish") -> str:
    writer: SbomWriter = SpdxWriter(found_by)
    return "".join(writer.pieces(inventory))


def load(inventory: Inventory = inventories.EVERYTHING, found_by: str = "cachi2ish") -> dict[str, Any]:
    document: dict[str, Any] = json.loads(render(inventory, found_by))
    return document


def package(document: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (each for each in document["packages"] if each["name"] == name)
    assert isinstance(found, dict)
    return found


def properties(annotated: dict[str, Any]) -> set[tuple[str, str]]:
    comments = (json.loads(each["comment"]) for each in annotated.get("annotations", []))
    return {(each["name"], each["value"]) for each in comments}


def relationships(document: dict[str, Any], kind: str) -> set[tuple[str, str]]:
    return {
        (each["spdxElementId"], each["relatedSpdxElement"])
        for each in document["relationships"]
        if each["relationshipType"] == kind
    }


@EACH
def test_the_document_is_valid_and_a_second_reader_finds_every_package(inventory: Inventory) -> None:
    read = judged(render(inventory))
    document = load(inventory)
    assert read.creation_info.spdx_version == "SPDX-2.3"
    assert {each.spdx_id for each in read.packages} == {each["SPDXID"] for each in document["packages"]}
    assert len(read.packages) == len({each["SPDXID"] for each in document["packages"]})


@pytest.mark.parametrize("name", sorted(inventories.EACH.keys() - {"nothing"}))
def test_both_formats_say_the_same(name: str) -> None:
    """There and back, nothing is missing: the bytes are those of the CycloneDX document."""
    undated = replace(inventories.EACH[name], index_dates=())
    read = Document.model_validate_json(render(undated))
    assert unplaced(read) == ()
    assert render_cyclonedx(as_json(to_cyclonedx(read))) == "".join(CycloneDxWriter("cachi2ish").pieces(undated))


def test_dates_of_the_index_are_on_the_document_itself() -> None:
    assert properties(load()) >= {
        ("cachi2ish:pip:index_date", "2024-10-02T00:00:00Z"),
        ("cachi2ish:pip:index_date_override", "private none"),
    }


def test_a_package_of_one_file_says_where_it_is_from_and_what_it_is() -> None:
    builder = package(load(), "builder")
    assert builder["downloadLocation"] == "https://files.example/builder-80.0.tar.gz"
    assert builder["packageFileName"] == "builder-80.0.tar.gz"
    assert builder["versionInfo"] == "80.0"
    assert builder["primaryPackagePurpose"] == "LIBRARY"
    assert builder["checksums"] == [
        {"algorithm": "SHA256", "checksumValue": inventories.digest("builder-80.0.tar.gz").value}
    ]
    assert builder["externalRefs"] == [
        {
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": "pkg:pypi/builder@80.0",
        }
    ]


def test_a_package_of_several_files_has_each_in_an_annotation() -> None:
    pinned = package(load(), "pinned")
    assert pinned["downloadLocation"] == "NOASSERTION"
    assert "checksums" not in pinned
    files = [
        json.loads(value)
        for name, value in properties(pinned)
        if name == "cachi2ish:cyclonedx:externalReferences[]"
    ]
    assert {file["url"] for file in files} == {
        "https://files.example/pinned-1.0.tar.gz",
        "https://files.example/pinned-1.0-py3-none-any.whl",
    }
    assert all(file["hashes"] for file in files)


def test_a_commit_is_the_download_location_of_a_checkout() -> None:
    document = load()
    commit = inventories.COMMIT
    assert package(document, "App")["downloadLocation"] == f"git+https://git.example/group/app.git@{commit}"
    checkout = package(document, "checkout")
    assert checkout["downloadLocation"] == f"git+ssh://git@git.example/group/x.git@{commit}"
    assert checkout["packageFileName"] == "checkout-git-0.tar.gz"


def test_a_root_without_a_name_contains_every_package() -> None:
    document = load()
    assert relationships(document, "DESCRIBES") == {("SPDXRef-DOCUMENT", ROOT)}
    assert relationships(document, "CONTAINS") == {
        (ROOT, each["SPDXID"]) for each in document["packages"] if each["SPDXID"] != ROOT
    }
    assert document["packages"][0] == {
        "SPDXID": ROOT,
        "name": "",
        "versionInfo": "",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
    }


def test_packages_depend_on_what_they_need() -> None:
    document = load()
    names = {each["SPDXID"]: each["name"] for each in document["packages"]}
    needs = {(names[one], names[other]) for one, other in relationships(document, "DEPENDS_ON")}
    assert needs == {
        ("App", "plugin"),
        ("App", "archive"),
        ("App", "builder"),
        ("App", "pinned"),
        ("App", "private"),
        ("plugin", "checkout"),
        ("plugin", "pinned"),
    }
    assert document["name"] == "App"
    assert ("cachi2ish:subject", package(document, "App")["SPDXID"]) in properties(document)


@pytest.mark.parametrize("found_by", ["cachi2ish", "hermeto"])
def test_every_package_says_who_found_it_in_the_words_that_are_compared(found_by: str) -> None:
    for each in load(found_by=found_by)["packages"]:
        if each["SPDXID"] == ROOT:
            continue  # nobody has found it
        (found,) = [one for one in each["annotations"] if "found_by" in one["comment"]]
        assert found["comment"] == f'{{"name": "{found_by}:found_by", "value": "{found_by}"}}'
        assert found["annotator"] == f"Tool: {found_by}:jsonencoded"
        assert found["annotationType"] == "OTHER"


def test_a_drop_in_has_hermetos_names_for_what_hermeto_knows() -> None:
    document = load(found_by="hermeto")
    assert ("hermeto:pip:package:binary", "true") in properties(package(document, "pinned"))
    assert ("hermeto:missing_hash:in_file", "requirements.txt") in properties(package(document, "private"))
    assert ("cachi2ish:pip:package:marker", "python_version < '3.12'") in properties(package(document, "pinned"))


def test_the_address_of_a_proxy_is_where_policies_look_for_it() -> None:
    text = "".join(SpdxWriter("hermeto", "https://proxy.example/simple/").pieces(inventories.EVERYTHING))
    judged(text)
    through = {each["name"]: each.get("sourceInfo") for each in json.loads(text)["packages"]}
    assert {name for name, info in through.items() if info == "https://proxy.example/simple/"} == {
        "pinned",
        "builder",
    }


def test_the_time_is_the_index_dates_else_the_sources_else_the_commits_else_none() -> None:
    def created(
        inventory: Inventory, source_date: datetime | None = None, committed: datetime | None = None
    ) -> str:
        writer = SpdxWriter("cachi2ish", source_date=source_date)
        document = json.loads("".join(writer.pieces(inventory, lambda: committed)))
        dates = {each["annotationDate"] for one in document["packages"] for each in one.get("annotations", [])}
        assert dates == {document["creationInfo"]["created"]}
        return str(document["creationInfo"]["created"])

    elsewhere = datetime(2025, 1, 2, 3, 4, 5, 999, tzinfo=timezone(timedelta(hours=2)))
    only_override = replace(UNDATED, index_dates=(RecordedDates(".", None, (("a", "2024-06-02T00:00:00Z"),)),))
    assert created(inventories.EVERYTHING) == "2024-10-02T00:00:00Z"
    assert created(inventories.EVERYTHING, elsewhere) == "2024-10-02T00:00:00Z"
    assert created(only_override) == "2024-06-02T00:00:00Z"
    committed = datetime(2023, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert created(inventories.EVERYTHING, None, committed) == "2024-10-02T00:00:00Z"
    assert created(UNDATED, elsewhere, committed) == "2025-01-02T01:04:05Z"
    assert created(UNDATED, None, committed) == "2023-05-06T07:08:09Z"
    assert created(UNDATED, elsewhere) == "2025-01-02T01:04:05Z"
    assert created(UNDATED) == "1970-01-01T00:00:00Z"
    assert created(UNDATED, datetime(1970, 1, 1, tzinfo=UTC)) == "1970-01-01T00:00:00Z"


def test_the_namespace_follows_the_content() -> None:
    first, second = load(), load(replace(inventories.EVERYTHING, tool_version="0.1.1"))
    assert first["documentNamespace"] == load()["documentNamespace"]
    assert first["documentNamespace"] != second["documentNamespace"]
    assert first["documentNamespace"].startswith("https://spdx.org/spdxdocs/app-")


def test_no_credential_gets_out() -> None:
    text = render(inventories.CREDENTIALS)
    assert "hunter2" not in text
    assert "user" not in text


def test_the_bytes_are_the_same_in_another_process_with_other_hashes_of_strings() -> None:
    script = (
        "import sys\n"
        "from cachi2ish.sbom.spdx.spdx_writer import SpdxWriter\n"
        "from tests.sbom.inventories import EVERYTHING\n"
        "sys.stdout.writelines(SpdxWriter('cachi2ish').pieces(EVERYTHING))\n"
    )
    rendered = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "31")
    }
    assert rendered == {render(inventories.EVERYTHING).encode()}


_TEXT = st.text(min_size=1, max_size=12)


@settings(max_examples=30, deadline=None)
@given(name=_TEXT, version=st.none() | _TEXT, marker=_TEXT)
def test_odd_texts_make_a_valid_document_and_come_back(name: str, version: str | None, marker: str) -> None:
    odd = Inventory(
        root=MainPackage(name=f"n{name}", version=version),
        packages=(),
        dependencies=(replace(inventories.BUILDER, version=version, markers=(marker,)),),
        tool_version="1",
    )
    text = render(odd)
    judged(text)
    cyclonedx = "".join(CycloneDxWriter("cachi2ish").pieces(odd))
    assert render_cyclonedx(as_json(to_cyclonedx(Document.model_validate_json(text)))) == cyclonedx
