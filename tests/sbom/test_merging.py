"""Bills become one: each package once, nothing of it lost, in either format, whoever has written them."""

from __future__ import annotations

import copy
import itertools
import json
import random
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from packageurl import PackageURL

from cachi2ish.core.inventory import Dependency, Inventory, MainPackage
from cachi2ish.core.modes import SbomKind
from cachi2ish.errors import ErrorGroup, InputError
from cachi2ish.sbom.cyclonedx.cyclonedx_bom import CycloneDxWriter
from cachi2ish.sbom.interface import MergedSbom, SbomFile, SbomMerger
from cachi2ish.sbom.merge.merger import Merger
from cachi2ish.sbom.spdx.spdx_writer import SpdxWriter
from tests.sbom import foreign_documents, inventories
from tests.sbom.spdx_reader import judged

VALIDATOR = JsonStrictValidator(SchemaVersion.V1_6)
CYCLONEDX, SPDX = SbomKind.CYCLONEDX, SbomKind.SPDX
OURS = "".join(CycloneDxWriter("cachi2ish").pieces(inventories.EVERYTHING))
OURS_SPDX = "".join(SpdxWriter("cachi2ish").pieces(inventories.EVERYTHING))

FOREIGN = {
    "hermeto": foreign_documents.HERMETO_CYCLONEDX,
    "hermeto-spdx": foreign_documents.HERMETO_SPDX,
    "scanner": foreign_documents.SCANNED_CYCLONEDX,
    "scanner-spdx": foreign_documents.SCANNED_SPDX,
}
ALL = {"ours": OURS, "ours-spdx": OURS_SPDX, **{name: json.dumps(one) for name, one in FOREIGN.items()}}
PAIRS = list(itertools.permutations(ALL, 2))


def merge_texts(*texts: str | dict[str, Any], kind: SbomKind = CYCLONEDX, name: str | None = None) -> MergedSbom:
    merger: SbomMerger = Merger("0.1.0")
    files = [
        SbomFile(f"{number}.json", (text if isinstance(text, str) else json.dumps(text)).encode())
        for number, text in enumerate(texts)
    ]
    return merger.merge(files, kind, name)


def merged(*texts: str | dict[str, Any], kind: SbomKind = CYCLONEDX) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(merge_texts(*texts, kind=kind).text)
    return document


def checked(text: str, kind: SbomKind) -> None:
    if kind is SPDX:
        judged(text)
    else:
        assert VALIDATOR.validate_str(text) is None


def purls(document: dict[str, Any]) -> list[str]:
    if "bomFormat" in document:
        components = [*document.get("components", []), document.get("metadata", {}).get("component", {})]
        return [each["purl"] for each in components if "purl" in each]
    return [
        ref["referenceLocator"]
        for each in document["packages"]
        for ref in each.get("externalRefs", [])
        if ref["referenceType"] == "purl"
    ]


def one(document: dict[str, Any], purl: str) -> dict[str, Any]:
    if "components" in document:
        (found,) = (each for each in document["components"] if each.get("purl") == purl)
    else:
        (found,) = (
            each
            for each in document["packages"]
            if any(ref["referenceLocator"] == purl for ref in each.get("externalRefs", []))
        )
    assert isinstance(found, dict)
    return found


def unordered(value: Any) -> Any:
    return sorted(value, key=json.dumps) if isinstance(value, list) else value


def stated(thing: dict[str, Any]) -> set[tuple[str, str]]:
    if "properties" in thing:
        return {(each["name"], each["value"]) for each in thing["properties"]}
    decoded = (json.loads(each["comment"]) for each in thing["annotations"] if each["comment"].startswith("{"))
    return {(each["name"], each["value"]) for each in decoded}


@pytest.mark.parametrize("kind", SbomKind)
@pytest.mark.parametrize("names", PAIRS, ids="+".join)
def test_any_two_make_a_valid_bill_with_the_packages_of_both(names: tuple[str, str], kind: SbomKind) -> None:
    texts = [ALL[name] for name in names]
    result = merge_texts(*texts, kind=kind)
    checked(result.text, kind)
    found = purls(json.loads(result.text))
    before = {purl for text in texts for purl in purls(json.loads(text))}
    assert sorted(before) == sorted(found)


@pytest.mark.parametrize("kind", SbomKind)
def test_all_at_once_in_any_order_are_the_same_packages(kind: SbomKind) -> None:
    shuffled = list(ALL.values())
    random.Random(1).shuffle(shuffled)
    first, second = merged(*ALL.values(), kind=kind), merged(*shuffled, kind=kind)
    assert sorted(purls(first)) == sorted(purls(second))


@pytest.mark.parametrize("kind", SbomKind)
def test_the_same_files_make_the_same_bytes_and_no_time_of_now(kind: SbomKind) -> None:
    first, second = (merge_texts(*ALL.values(), kind=kind).text for _ in range(2))
    assert first == second
    assert first.endswith("}\n")
    newest = "2026-03-01T10:00:00Z"
    document = json.loads(first)
    times = document["metadata"]["timestamp"] if kind is CYCLONEDX else document["creationInfo"]["created"]
    assert times == newest


@pytest.mark.parametrize("kind", SbomKind)
def test_a_package_of_both_has_what_each_says(kind: SbomKind) -> None:
    builder = one(merged(OURS, FOREIGN["hermeto"], kind=kind), "pkg:pypi/builder@80.0")
    assert stated(builder) >= {
        ("cachi2ish:found_by", "cachi2ish"),
        ("hermeto:found_by", "hermeto"),
        ("hermeto:pip:package:binary", "true"),
    }
    address = "https://proxy.example/simple/"
    assert address in json.dumps(builder)
    assert "https://files.example/builder-80.0.tar.gz" in json.dumps(builder)


def test_what_holds_only_where_all_say_so_is_not_said_when_one_does_not() -> None:
    build = ("cachi2ish:pip:package:build-dependency", "true")
    runtime = Inventory(
        root=inventories.APP,
        packages=(),
        dependencies=(replace(inventories.BUILDER, build=False), replace(inventories.PINNED, markers=())),
        tool_version="0.1.0",
    )
    document = merged(OURS, "".join(CycloneDxWriter("cachi2ish").pieces(runtime)))
    assert build not in stated(one(document, "pkg:pypi/builder@80.0"))
    assert not [name for name, _ in stated(one(document, "pkg:pypi/pinned@1.0")) if name.endswith(":marker")]
    # A scanner does not know what is needed for building: that it does not say so means nothing.
    document = merged(OURS, FOREIGN["scanner"])
    assert build in stated(one(document, "pkg:pypi/builder@80.0"))
    # Hermeto and its stand-in say the same under two names.
    document = merged(OURS, FOREIGN["hermeto-spdx"])
    assert stated(one(document, "pkg:pypi/builder@80.0")) >= {
        build,
        ("hermeto:pip:package:build-dependency", "true"),
    }


@pytest.mark.parametrize("kind", SbomKind)
def test_digests_of_two_files_of_one_package_stay_with_their_files(kind: SbomKind) -> None:
    def alone(*names: str) -> str:
        files = tuple(inventories.file(name) for name in names)
        dependency: Dependency = replace(inventories.BUILDER, files=files)
        inventory = Inventory(root=inventories.APP, packages=(), dependencies=(dependency,), tool_version="1")
        return "".join(
            (CycloneDxWriter("cachi2ish") if kind is CYCLONEDX else SpdxWriter("cachi2ish")).pieces(inventory)
        )

    sdist, wheel = "builder-80.0.tar.gz", "builder-80.0-py3-none-any.whl"
    apart = merged(alone(sdist), alone(wheel), kind=kind)
    together = json.loads(alone(sdist, wheel))
    builder, same = (one(each, "pkg:pypi/builder@80.0") for each in (apart, together))
    for field in ("hashes", "externalReferences", "checksums", "downloadLocation", "packageFileName"):
        assert builder.get(field) == same.get(field)
    for name in (sdist, wheel):
        assert inventories.digest(name).value in json.dumps(builder)


def test_references_that_mean_two_things_are_told_apart() -> None:
    other = copy.deepcopy(FOREIGN["scanner"])
    other["components"][1] |= {"name": "right-pad", "purl": "pkg:npm/right-pad@1.0.0"}
    document = merged(FOREIGN["scanner"], other)
    right = one(document, "pkg:npm/right-pad@1.0.0")["bom-ref"]
    left = one(document, "pkg:npm/left-pad@1.3.0")["bom-ref"]
    needs = {each["ref"]: each.get("dependsOn", []) for each in document["dependencies"]}
    assert (left, right) == ("2", "2|2")
    assert needs["1"] == ["2", "2|2"]
    affected = [affects["ref"] for each in document["vulnerabilities"] for affects in each["affects"]]
    assert sorted(affected) == ["2", "2|2"]
    refs = [each["bom-ref"] for each in document["components"]]
    assert len(refs) == len(set(refs))


def test_identifiers_that_mean_two_things_are_told_apart_licenses_included() -> None:
    other = copy.deepcopy(FOREIGN["scanner-spdx"])
    other["packages"][1]["externalRefs"][1]["referenceLocator"] = "pkg:pypi/other@80.0"
    other["hasExtractedLicensingInfos"][0]["extractedText"] = "Do not."
    document = merged(FOREIGN["scanner-spdx"], other, kind=SPDX)
    judged(json.dumps(document))
    second = one(document, "pkg:pypi/other@80.0")
    assert second["SPDXID"] == "SPDXRef-1-2"
    assert second["licenseDeclared"] == "MIT AND LicenseRef-1-2"
    texts = {each["licenseId"]: each["extractedText"] for each in document["hasExtractedLicensingInfos"]}
    assert texts == {"LicenseRef-1": "Do as you like.", "LicenseRef-1-2": "Do not."}
    assert {each["SPDXID"] for each in document["files"]} == {"SPDXRef-File-1", "SPDXRef-File-1-2"}
    evident = {
        (each["spdxElementId"], each["relatedSpdxElement"])
        for each in document["relationships"]
        if each["relationshipType"] == "OTHER"
    }
    assert evident == {("SPDXRef-1", "SPDXRef-File-1"), ("SPDXRef-1-2", "SPDXRef-File-1-2")}


def test_the_first_files_subject_is_that_of_the_whole_and_the_others_are_components() -> None:
    document = merged(FOREIGN["scanner"], OURS)
    assert document["metadata"]["component"]["name"] == "registry.example/app"
    assert "App" in {each["name"] for each in document["components"]}
    document = merged(OURS, FOREIGN["scanner"])
    assert document["metadata"]["component"]["name"] == "App"
    assert "registry.example/app" in {each["name"] for each in document["components"]}
    assert "component" not in merged(FOREIGN["hermeto"], OURS)["metadata"]


def test_a_bill_merged_with_itself_says_nothing_new() -> None:
    document, before = merged(OURS, OURS), json.loads(OURS)
    for each in (document, before):
        del each["serialNumber"]
    assert document == before


def test_both_forms_of_one_bill_are_one_bill() -> None:
    undated = replace(inventories.EVERYTHING, index_dates=())
    ours, spdx = (
        "".join(CycloneDxWriter("cachi2ish").pieces(undated)),
        "".join(SpdxWriter("cachi2ish").pieces(undated)),
    )
    assert merged(ours, spdx)["components"] == json.loads(ours)["components"]
    assert merged(spdx, ours, kind=SPDX)["packages"] == json.loads(spdx)["packages"]


def test_a_package_that_needs_one_of_its_own_name_still_does() -> None:
    builder_itself = MainPackage(name="builder", version="80.0")
    named_alike = replace(inventories.EVERYTHING, root=builder_itself, packages=(builder_itself,))
    document = merged("".join(CycloneDxWriter("cachi2ish").pieces(named_alike)), OURS)
    root = document["metadata"]["component"]
    builder = one(document, root["purl"])["bom-ref"]
    (needs,) = [each["dependsOn"] for each in document["dependencies"] if each["ref"] == root["bom-ref"]]
    assert builder != root["bom-ref"]
    assert builder in needs

    document = merged("".join(SpdxWriter("cachi2ish").pieces(named_alike)), OURS, kind=SPDX)
    names = {each["SPDXID"]: each["name"] for each in document["packages"]}
    edges = [each for each in document["relationships"] if each["relationshipType"] == "DEPENDS_ON"]
    assert "builder" in {
        names[each["relatedSpdxElement"]] for each in edges if names[each["spdxElementId"]] == "builder"
    }


def test_tools_of_both_forms_are_named_together() -> None:
    tools = merged(FOREIGN["hermeto"], FOREIGN["scanner"])["metadata"]["tools"]["components"]
    assert {each["name"] for each in tools} == {"cachi2ish", "hermeto", "scanner"}
    assert [each["manufacturer"] for each in tools if each["name"] == "hermeto"] == [{"name": "red hat"}]
    creators = merged(FOREIGN["hermeto"], FOREIGN["hermeto-spdx"], kind=SPDX)["creationInfo"]["creators"]
    assert creators == ["Tool: cachi2ish-0.1.0", "Tool: hermeto", "Organization: red hat"]


def test_what_other_tools_say_survives_in_their_own_format() -> None:
    document = merged(FOREIGN["scanner"], OURS)
    builder = one(document, "pkg:pypi/builder@80.0")
    for field in ("cpe", "licenses", "scope", "evidence", "components"):
        assert builder[field] == FOREIGN["scanner"]["components"][0][field]
    for field in ("services", "vulnerabilities"):
        assert document[field] == FOREIGN["scanner"][field]
    assert document["metadata"]["lifecycles"] == [{"phase": "build"}]

    document = merged(FOREIGN["scanner-spdx"], OURS_SPDX, kind=SPDX)
    builder = one(document, "pkg:pypi/builder@80.0")
    for field in ("licenseConcluded", "licenseDeclared", "copyrightText", "sourceInfo"):
        assert builder[field] == FOREIGN["scanner-spdx"]["packages"][1][field]
    assert document["files"] == FOREIGN["scanner-spdx"]["files"]
    assert document["creationInfo"]["licenseListVersion"] == "3.24"


@pytest.mark.parametrize("name", ["hermeto", "scanner"])
def test_a_component_is_the_same_after_it_was_a_package(name: str) -> None:
    nothing = {"bomFormat": "CycloneDX", "specVersion": "1.6"}
    direct = merged(FOREIGN[name], nothing)
    there = merge_texts(FOREIGN[name], nothing, kind=SPDX).text
    back = merged(there, nothing)
    assert {each["name"] for each in back["components"]} >= {each["name"] for each in direct["components"]}
    for each in direct["components"]:
        if "purl" in each:
            # What it contains has become packages of their own.
            expected = {field: value for field, value in each.items() if field not in {"components", "bom-ref"}}
            again = one(back, each["purl"])
            assert {field: value for field, value in again.items() if field != "bom-ref"} == expected
    assert back["metadata"].get("component", {}).get("name") == direct["metadata"].get("component", {}).get("name")


def test_a_package_is_the_same_after_it_was_a_component() -> None:
    nothing = {"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT"}
    for name in ("hermeto-spdx", "scanner-spdx"):
        direct = merged(FOREIGN[name], nothing, kind=SPDX)
        back = merged(merge_texts(FOREIGN[name], nothing).text, nothing, kind=SPDX)
        for purl in purls(direct):
            before, after = one(direct, purl), one(back, purl)
            assert stated(after) == stated(before) if "annotations" in before else True
            for field in before.keys() - {"SPDXID", "annotations"}:
                assert unordered(after[field]) == unordered(before[field]), field


def test_remarks_that_are_no_properties_change_format_with_their_subjects() -> None:
    module = "pkg:golang/mod.example/tool@v1.2.3?type=module"
    nothing = {"bomFormat": "CycloneDX", "specVersion": "1.6"}
    package = one(merged(FOREIGN["hermeto"], nothing, kind=SPDX), module)
    assert ("Organization: red hat", "hermeto:backend:gomod") in {
        (each["annotator"], each["comment"]) for each in package["annotations"]
    }
    document = merged(FOREIGN["hermeto-spdx"], nothing)
    (remark,) = document["annotations"]
    assert remark["text"] == "hermeto:backend:gomod"
    assert remark["subjects"] == [one(document, module)["bom-ref"]]


def test_what_the_other_format_has_no_place_for_is_named() -> None:
    assert merge_texts(OURS, FOREIGN["scanner"], kind=SPDX).notes == (
        "1.json: SPDX has no place for metadata.lifecycles, services, vulnerabilities: left out",
    )
    assert merge_texts(FOREIGN["scanner-spdx"], OURS).notes == (
        (
            "0.json: CycloneDX has no place for files, hasExtractedLicensingInfos, relationships of type CONTAINS,"
            " relationships of type OTHER: left out"
        ),
    )
    assert merge_texts(*[ALL[name] for name in ("ours", "ours-spdx", "hermeto", "hermeto-spdx")]).notes == ()


def test_an_spdx_document_has_the_name_that_is_asked_for() -> None:
    texts = (FOREIGN["hermeto-spdx"], OURS)
    assert json.loads(merge_texts(*texts, kind=SPDX, name="whole").text)["name"] == "whole"
    assert json.loads(merge_texts(*texts, kind=SPDX).text)["name"] == "sbom"
    assert json.loads(merge_texts(OURS, OURS_SPDX, kind=SPDX).text)["name"] == "App"


def test_an_empty_root_is_the_only_one() -> None:
    document = merged(FOREIGN["hermeto-spdx"], FOREIGN["hermeto"], OURS_SPDX, kind=SPDX)
    roots = [each["SPDXID"] for each in document["packages"] if not each["name"]]
    assert roots == ["SPDXRef-DocumentRoot-File-"]
    contained = {
        each["relatedSpdxElement"] for each in document["relationships"] if each["relationshipType"] == "CONTAINS"
    }
    assert contained == {each["SPDXID"] for each in document["packages"]} - set(roots)


BROKEN = {
    "not JSON: ": "{",
    "not text": b"\xff\xfe\x00",
    "not a bill": "[]",
    "neither bomFormat nor spdxVersion": "{}",
    "specVersion is '1.7'": {"bomFormat": "CycloneDX", "specVersion": "1.7"},
    "specVersion is None": {"bomFormat": "CycloneDX"},
    "spdxVersion is 'SPDX-2.1'": {"spdxVersion": "SPDX-2.1"},
    "SPDX 3": {"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": []},
    "components.0.name": {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"type": "library"}]},
    "packages.0.SPDXID": {"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "packages": [{"name": "x"}]},
    "nested too deeply": "[" * 100_000,
    "number that JSON has not": '{"bomFormat": NaN}',
}


@pytest.mark.parametrize("problem", BROKEN)
def test_a_file_that_is_no_bill_is_named_with_what_is_wrong(problem: str) -> None:
    content = BROKEN[problem]
    data = (
        content if isinstance(content, bytes) else (content if isinstance(content, str) else json.dumps(content))
    )
    file = SbomFile("bad.json", data if isinstance(data, bytes) else data.encode())
    with pytest.raises(InputError, match=problem) as caught:
        Merger("1").merge([SbomFile("a.json", OURS.encode()), file], CYCLONEDX, None)
    assert caught.value.origin is not None
    assert caught.value.origin.file == "bad.json"


def test_all_bad_files_are_told_at_once() -> None:
    with pytest.raises(ErrorGroup) as caught:
        merge_texts("{", OURS, "[]")
    assert [error.origin.file for error in caught.value.errors if error.origin] == ["0.json", "2.json"]


def _bom(**fields: Any) -> dict[str, Any]:
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", **fields}


def _library(name: str, ref: str, **more: Any) -> dict[str, Any]:
    return {"type": "library", "name": name, "bom-ref": ref, **more}


def _document(**fields: Any) -> dict[str, Any]:
    return {"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", **fields}


def _package(name: str, spdx_id: str) -> dict[str, Any]:
    return {"name": name, "SPDXID": spdx_id, "downloadLocation": "NOASSERTION"}


def _license(text: str) -> dict[str, str]:
    return {"licenseId": "LicenseRef-1", "extractedText": text}


#: Files in which one name stands for two things, by the name.
REPEATING = {
    "components": (_bom(components=[_library("a", "x"), _library("b", "x")]), "x"),
    "equal components": (_bom(components=[_library("a", "x"), _library("a", "x")]), "x"),
    "a part": (_bom(components=[_library("a", "x", components=[_library("b", "x")])]), "x"),
    "the subject": (_bom(metadata={"component": _library("a", "x")}, components=[_library("b", "x")]), "x"),
    "a service": (_bom(components=[_library("a", "x")], services=[{"name": "s", "bom-ref": "x"}]), "x"),
    "packages": (_document(packages=[_package("a", "SPDXRef-x"), _package("b", "SPDXRef-x")]), "SPDXRef-x"),
    "the document": (_document(packages=[_package("a", "SPDXRef-DOCUMENT")]), "SPDXRef-DOCUMENT"),
    "a file": (
        _document(packages=[_package("a", "SPDXRef-x")], files=[{"fileName": "f", "SPDXID": "SPDXRef-x"}]),
        "SPDXRef-x",
    ),
    "licenses": (_document(hasExtractedLicensingInfos=[_license("One."), _license("Two.")]), "LicenseRef-1"),
}


@pytest.mark.parametrize("kind", SbomKind)
@pytest.mark.parametrize("case", REPEATING)
def test_a_file_with_one_reference_for_two_things_is_refused(case: str, kind: SbomKind) -> None:
    content, reference = REPEATING[case]
    with pytest.raises(InputError, match=f"'{reference}'") as caught:
        merge_texts(OURS, content, kind=kind)
    assert str(caught.value.origin) == "1.json"


def test_all_repeated_references_are_told_at_once_with_the_other_errors() -> None:
    twice = [_library(str(number), ref) for number, ref in enumerate("xyzxyy")]
    many = [_package(f"{number}", f"SPDXRef-{number % 40:02}") for number in range(80)]
    with pytest.raises(ErrorGroup) as caught:
        merge_texts(_bom(components=twice), "{", _document(packages=many))
    first, second, third = caught.value.errors
    assert [error.origin.file for error in caught.value.errors if error.origin] == ["0.json", "1.json", "2.json"]
    assert first.problem == "each of these bom-refs is given more than once: 'x', 'y'"
    assert "not JSON" in second.problem
    assert "'SPDXRef-00'" in third.problem
    assert third.problem.endswith(" and 35 more")


def test_the_same_reference_in_two_files_is_no_error() -> None:
    a, b = (_bom(components=[_library(name, "x")]) for name in "ab")
    assert {each["bom-ref"] for each in merged(a, b)["components"]} == {"x", "x|2"}


def test_repeated_names_that_identify_nothing_are_no_error() -> None:
    properties = [{"name": "bom-ref", "value": "x"}] * 2
    others = [{"type": "file", "name": name} for name in "bc"]
    needs = [{"ref": "x", "dependsOn": []}]
    content = _bom(components=[_library("a", "x", properties=properties), *others], dependencies=needs)
    assert {"a", "b", "c"} <= {each["name"] for each in merged(content, OURS)["components"]}


def test_leftovers_that_somebody_has_spoiled_are_kept_as_they_are() -> None:
    spoiled = copy.deepcopy(FOREIGN["scanner"])
    properties = [
        {"name": "cachi2ish:spdx:checksums", "value": '"none"'},
        {"name": "cachi2ish:spdx:supplier", "value": "{"},
    ]
    spoiled["components"][0]["properties"] = properties
    text = merge_texts(spoiled, OURS, kind=SPDX).text
    judged(text)


_TEXT = st.text(min_size=1, max_size=8)


@settings(max_examples=25, deadline=None)
@given(
    components=st.lists(
        st.fixed_dictionaries(
            {"type": st.sampled_from(["library", "data", "file"]), "name": _TEXT},
            optional={
                "version": _TEXT,
                "purl": st.sampled_from(["pkg:npm/a@1", "pkg:golang/b", "pkg:pypi/A_b@1", "pkg:pypi/a-b@1"]),
                "bom-ref": st.sampled_from(["1", "2"]),
                "group": _TEXT,
                "scope": st.sampled_from(["required", "optional"]),
                "properties": st.lists(
                    st.fixed_dictionaries({"name": _TEXT}, optional={"value": _TEXT}), max_size=2
                ),
            },
        ),
        max_size=4,
        unique_by=lambda each: each.get("bom-ref", id(each)),
    ),
    kind=st.sampled_from(SbomKind),
)
def test_odd_components_survive(components: list[dict[str, Any]], kind: SbomKind) -> None:
    odd = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": components}
    result = merge_texts(odd, OURS, kind=kind)
    checked(result.text, kind)
    if kind is SPDX:
        result = merge_texts(result.text, OURS)
    names = {each["name"] for each in json.loads(result.text)["components"]}
    assert {each["name"] for each in components if "purl" not in each} <= names
    kept = {str(PackageURL.from_string(each["purl"])) for each in components if "purl" in each}
    assert kept <= {str(PackageURL.from_string(purl)) for purl in purls(json.loads(result.text))}
