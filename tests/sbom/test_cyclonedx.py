"""The CycloneDX document is valid, complete, readable by another reader, and the same every time."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest
from cyclonedx.model.bom import Bom
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import FormatChecker
from msgspec.structs import replace

from cachi2ish.core.inventory import Dependency, Inventory, MainPackage, Relaxation, RelaxationKind
from cachi2ish.sbom import package_urls
from cachi2ish.sbom.cyclonedx.cyclonedx_bom import CycloneDxWriter
from cachi2ish.sbom.document import document_text, named_pieces, named_text
from cachi2ish.sbom.interface import SbomWriter
from tests.sbom import inventories


def render(inventory: Inventory) -> str:
    writer: SbomWriter = CycloneDxWriter("cachi2ish")
    return "".join(writer.pieces(inventory))


def load(inventory: Inventory = inventories.EVERYTHING) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(render(inventory))
    return document


def component(document: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (each for each in document["components"] if each["name"] == name)
    assert isinstance(found, dict)
    return found


def alone(dependency: Dependency) -> Inventory:
    return Inventory(root=inventories.APP, packages=(), dependencies=(dependency,), tool_version="1")


VALIDATOR = JsonStrictValidator(SchemaVersion.V1_6)


@pytest.fixture
def validator() -> JsonStrictValidator:
    return VALIDATOR


@pytest.mark.parametrize("inventory", list(inventories.EACH.values()), ids=list(inventories.EACH))
def test_the_document_fits_the_schema_and_reads_back(inventory: Inventory, validator: JsonStrictValidator) -> None:
    text = render(inventory)
    assert validator.validate_str(text) is None
    document = json.loads(text)
    assert (document["bomFormat"], document["specVersion"], document["version"]) == ("CycloneDX", "1.6", 1)

    read = Bom.from_json(document)  # type: ignore[attr-defined]
    assert isinstance(read, Bom)
    assert len(read.components) == len(document["components"])
    assert read.metadata.component is not None
    assert str(read.metadata.component.bom_ref) == document["metadata"]["component"]["bom-ref"]
    assert {str(each.purl) for each in read.components} == {each["purl"] for each in document["components"]}
    assert read.validate()


@pytest.mark.parametrize("inventory", list(inventories.EACH.values()), ids=list(inventories.EACH))
def test_every_reference_is_unique_and_within_reach_of_the_root(inventory: Inventory) -> None:
    document = load(inventory)
    root = document["metadata"]["component"]["bom-ref"]
    refs = [root, *(each["bom-ref"] for each in document["components"])]
    assert len(set(refs)) == len(refs)
    edges = {each["ref"]: each.get("dependsOn", []) for each in document["dependencies"]}
    reached, todo = set[str](), [root]
    while todo:
        ref = todo.pop()
        reached.add(ref)
        todo.extend(set(edges[ref]) - reached)
    assert reached == set(refs)


def test_nothing_is_lost_between_the_inventory_and_the_document() -> None:
    document = load(inventories.EACH["two of one package URL"])
    assert [each["name"] for each in document["components"]].count("pinned") == 2


def test_the_root_is_the_users_application() -> None:
    root = load()["metadata"]["component"]
    assert root["type"] == "application"
    assert (root["name"], root["version"]) == ("App", "1.0")
    assert root["purl"] == root["bom-ref"]
    assert root["purl"].startswith("pkg:pypi/app@1.0?vcs_url=git%2Bhttps://git.example/group/app.git%40")
    assert root["externalReferences"] == [
        {"type": "vcs", "url": inventories.VCS.url, "comment": f"commit {inventories.COMMIT}"}
    ]


def test_a_package_without_a_version_has_none() -> None:
    document = load(inventories.EACH["no version, no checkout"])
    root = document["metadata"]["component"]
    assert "version" not in root
    assert "externalReferences" not in root
    assert root["purl"] == "pkg:pypi/app"
    assert "version" not in component(document, "archive")


def test_the_tool_is_named() -> None:
    assert load()["metadata"]["tools"] == {
        "components": [{"name": "cachi2ish", "type": "application", "version": "0.1.0"}]
    }


def test_other_packages_are_applications_and_dependencies_are_libraries() -> None:
    types = {each["name"]: each["type"] for each in load()["components"]}
    assert types == {
        "plugin": "application",
        "archive": "library",
        "builder": "library",
        "checkout": "library",
        "pinned": "library",
        "private": "library",
    }


def test_a_single_files_digests_are_the_components() -> None:
    hashes = component(load(), "builder")["hashes"]
    assert hashes == [{"alg": "SHA-256", "content": inventories.digest("builder-80.0.tar.gz").value}]


def test_several_files_have_their_digests_beside_their_addresses() -> None:
    pinned = component(load(), "pinned")
    assert "hashes" not in pinned
    references = {each["comment"]: each for each in pinned["externalReferences"]}
    assert set(references) == {"pinned-1.0.tar.gz", "pinned-1.0-py3-none-any.whl"}
    assert {each["type"] for each in references.values()} == {"distribution"}
    sdist = references["pinned-1.0.tar.gz"]
    assert sdist["url"] == "https://files.example/pinned-1.0.tar.gz"
    assert {each["alg"] for each in sdist["hashes"]} == {"SHA-256", "SHA-512"}


def test_a_git_dependency_refers_to_its_repository() -> None:
    references = component(load(), "checkout")["externalReferences"]
    assert [each["type"] for each in references] == ["distribution", "vcs"]
    assert references[1]["url"] == "ssh://git@git.example/group/x.git"
    assert references[1]["comment"] == f"commit {inventories.COMMIT}"


def test_each_component_has_its_properties() -> None:
    document = load()
    stated = {
        each["name"]: sorted((one["name"], one["value"]) for one in each["properties"])
        for each in [*document["components"], document["metadata"]["component"]]
    }
    assert stated["App"] == stated["plugin"] == [("cachi2ish:found_by", "cachi2ish")]
    assert ("cachi2ish:pip:package:binary", "true") in stated["pinned"]
    assert ("cachi2ish:pip:package:marker", "python_version < '3.12'") in stated["pinned"]
    assert ("cachi2ish:pip:package:build-dependency", "true") in stated["builder"]
    assert ("cachi2ish:missing_hash:in_file", "requirements.txt") in stated["private"]
    assert ("cachi2ish:missing_hash:in_file", "requirements/more.txt") in stated["private"]
    assert ("cachi2ish:pip:package:unverified", "private-1.0+local.1.tar.gz") in stated["private"]
    assert all(("cachi2ish:found_by", "cachi2ish") in each for each in stated.values())


@pytest.mark.parametrize("algorithm", sorted(hashlib.algorithms_guaranteed))
def test_a_digest_is_stated_where_the_specification_knows_its_algorithm(
    algorithm: str, validator: JsonStrictValidator
) -> None:
    known = {
        "md5": "MD5",
        "sha1": "SHA-1",
        "sha256": "SHA-256",
        "sha384": "SHA-384",
        "sha512": "SHA-512",
        "sha3_256": "SHA3-256",
        "sha3_384": "SHA3-384",
        "sha3_512": "SHA3-512",
        "blake2b": "BLAKE2b-512",
    }
    inventory = alone(
        replace(inventories.BUILDER, files=(inventories.file("x-1.tar.gz", algorithms=(algorithm,)),))
    )
    text = render(inventory)
    assert validator.validate_str(text) is None
    hashes = component(json.loads(text), "builder").get("hashes", [])
    expected = inventories.digest("x-1.tar.gz", algorithm).value
    assert hashes == ([{"alg": known[algorithm], "content": expected}] if algorithm in known else [])


def test_no_credential_gets_out() -> None:
    text = render(inventories.CREDENTIALS)
    assert "hunter2" not in text
    assert "user" not in text


def test_nobody_but_gits_own_user_stands_before_a_host() -> None:
    userinfo = re.findall(r"://([^/\s\"]*?)(?:@|%40)(?!0123)", render(inventories.EVERYTHING))
    assert set(userinfo) == {"git"}


@settings(max_examples=60, deadline=None)
@given(st.from_regex(r"(https|file)://[a-z]{1,5}(\.example)?/.*", fullmatch=True))
def test_every_address_becomes_one_that_the_schema_takes(address: str) -> None:
    FormatChecker(formats=["iri-reference"]).check(package_urls.uri(address), "iri-reference")


def test_the_document_names_no_time() -> None:
    document = load()
    assert "timestamp" not in document["metadata"]


def test_the_serial_number_follows_the_content() -> None:
    first, second = load(), load(replace(inventories.EVERYTHING, tool_version="0.1.1"))
    assert first["serialNumber"] == load()["serialNumber"]
    assert first["serialNumber"] != second["serialNumber"]
    assert UUID(first["serialNumber"].removeprefix("urn:uuid:")).version == 5


def test_the_bytes_are_the_same_in_another_process_with_other_hashes_of_strings() -> None:
    script = (
        "import sys\n"
        "from cachi2ish.sbom.cyclonedx.cyclonedx_bom import CycloneDxWriter\n"
        "from tests.sbom.inventories import EVERYTHING\n"
        "sys.stdout.writelines(CycloneDxWriter('cachi2ish').pieces(EVERYTHING))\n"
    )
    rendered = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "31")
    }
    assert rendered == {render(inventories.EVERYTHING).encode()}


def test_the_order_of_the_inventory_does_not_matter() -> None:
    everything = inventories.EVERYTHING
    turned = replace(
        everything,
        packages=tuple(reversed(everything.packages)),
        dependencies=tuple(reversed(everything.dependencies)),
    )
    assert render(turned) == render(everything)
    assert render(everything).endswith("}\n")


@pytest.mark.parametrize("inventory", list(inventories.EACH.values()), ids=list(inventories.EACH))
def test_the_library_of_the_makers_of_the_format_would_write_the_same(inventory: Inventory) -> None:
    document = load(inventory)
    read = Bom.from_json(document)  # type: ignore[attr-defined]
    read.metadata.timestamp = None  # it would invent one
    written = json.loads(JsonV1Dot6(read).output_as_string())
    assert {**written, "components": written.get("components", [])} == document


_TEXT = st.text(min_size=1, max_size=20)


@settings(max_examples=30, deadline=None)
@given(name=_TEXT, version=st.none() | _TEXT, marker=_TEXT, detail=_TEXT)
def test_odd_texts_make_a_valid_document(name: str, version: str | None, marker: str, detail: str) -> None:
    odd = Inventory(
        root=MainPackage(name=f"n{name}", version=version),
        packages=(),
        dependencies=(replace(inventories.BUILDER, version=version, markers=(marker,)),),
        tool_version="1",
        relaxations=(Relaxation(kind=RelaxationKind.GIT_ORIGIN, subject=name, detail=detail),),
    )
    text = render(odd)
    assert VALIDATOR.validate_str(text) is None
    document = json.loads(text)
    assert document["metadata"]["component"]["name"] == f"n{name}"
    assert document["metadata"]["properties"][0]["value"] == f"git-origin-unreadable {name}: {detail}"


def test_a_drop_in_says_what_those_look_for_who_know_hermeto() -> None:
    document = json.loads("".join(CycloneDxWriter("hermeto").pieces(inventories.EVERYTHING)))
    stated = {
        each["name"]: {(one["name"], one["value"]) for one in each["properties"]}
        for each in [*document["components"], document["metadata"]["component"]]
    }
    assert all(("hermeto:found_by", "hermeto") in each for each in stated.values())
    assert ("hermeto:pip:package:binary", "true") in stated["pinned"]
    assert ("hermeto:pip:package:build-dependency", "true") in stated["builder"]
    assert ("hermeto:missing_hash:in_file", "requirements.txt") in stated["private"]
    # Hermeto has no name for these.
    assert ("cachi2ish:pip:package:unverified", "private-1.0+local.1.tar.gz") in stated["private"]
    assert ("cachi2ish:pip:package:marker", "python_version < '3.12'") in stated["pinned"]


def test_a_proxy_of_the_default_index_is_named_beside_what_came_through_it() -> None:
    text = "".join(CycloneDxWriter("hermeto", "https://proxy.example/simple/").pieces(inventories.EVERYTHING))
    through = {
        each["name"]
        for each in json.loads(text)["components"]
        for reference in each["externalReferences"]
        if (reference.get("comment"), reference["url"]) == ("proxy URL", "https://proxy.example/simple/")
    }
    assert through == {"pinned", "builder"}


def test_what_permissive_mode_has_let_pass_is_on_the_bill() -> None:
    relaxed = replace(
        inventories.EVERYTHING,
        relaxations=(
            Relaxation(kind=RelaxationKind.SDIST_METADATA, subject="x-1.tar.gz", detail="it has no PKG-INFO"),
        ),
    )
    assert {
        "name": "cachi2ish:permissive:relaxation",
        "value": "sdist-without-metadata x-1.tar.gz: it has no PKG-INFO",
    } in load(relaxed)["metadata"]["properties"]


def test_no_library_of_the_format_is_imported_to_write_it() -> None:
    script = (
        "import sys\n"
        "from cachi2ish.sbom.cyclonedx.cyclonedx_bom import CycloneDxWriter\n"
        "from tests.sbom.inventories import EVERYTHING\n"
        "''.join(CycloneDxWriter('cachi2ish').pieces(EVERYTHING))\n"
        "sys.exit('cyclonedx' in sys.modules)\n"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", script], env=environ, check=True)


_TREES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), _TREES), st.lists(st.dictionaries(st.text(), _TREES), max_size=3))
def test_the_fast_writer_writes_what_the_standard_library_writes(
    content: dict[str, Any], parts: list[dict[str, Any]]
) -> None:
    def name_of(pieces: Iterable[bytes]) -> str:
        return hashlib.sha256(b"".join(pieces)).hexdigest()

    unnamed = content | {"name": "nil", "parts": parts}
    named = unnamed | {"name": name_of([json.dumps(unnamed, sort_keys=True).encode()])}
    expected = json.dumps(named, indent=2, sort_keys=True) + "\n"
    assert named_text(unnamed, "name", name_of) == document_text(named) == expected
    beside = content | {"name": "nil"}
    assert "".join(named_pieces(beside, "name", name_of, {"parts": lambda: iter(parts)})) == expected


def test_the_serial_number_is_the_one_that_uuid_makes() -> None:
    document = load(inventories.EVERYTHING)
    content = document | {"serialNumber": UUID(int=0).urn}
    assert document["serialNumber"] == uuid5(NAMESPACE_URL, json.dumps(content, sort_keys=True)).urn


def test_no_piece_of_a_bill_but_the_needs_of_main_packages_grows_with_the_number_of_dependencies() -> None:
    def lengths(count: int) -> list[int]:
        many = (replace(inventories.PINNED, name=f"tree{number:04}") for number in range(count))
        inventory = replace(inventories.EVERYTHING, dependencies=tuple(many))
        pieces = list(CycloneDxWriter("cachi2ish").pieces(inventory))
        assert len(json.loads("".join(pieces))["components"]) > count
        return sorted(map(len, pieces), reverse=True)

    needs = 1 + len(inventories.EVERYTHING.packages)
    assert lengths(500)[needs] <= lengths(5)[0]
