"""Two descriptions of one thing become one: nothing that only one of them says is lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce

from packageurl import PackageURL
from pydantic import JsonValue

from cachi2ish.sbom.cyclonedx.cyclonedx_model import Component, Property, reference_order
from cachi2ish.sbom.document import JsonObject, canonical
from cachi2ish.sbom.properties import FINDERS, ONLY_WHERE_ALL_AGREE, finder
from cachi2ish.sbom.spdx import leftovers
from cachi2ish.sbom.wire import as_json


def joined(first: JsonValue, second: JsonValue) -> JsonValue:
    """Return what both say: of lists every item once, of objects every field; else ``first`` counts."""
    if first is None:
        return second
    if isinstance(first, dict) and isinstance(second, dict):
        return joined_objects(first, second)
    if isinstance(first, list) and isinstance(second, list):
        known = {canonical(item) for item in first}
        return [*first, *(item for item in second if canonical(item) not in known)]
    return first


def joined_objects(first: JsonObject, second: JsonObject) -> JsonObject:
    """Return the fields of both, those that both have `joined`."""
    return {**second, **{name: joined(value, second.get(name)) for name, value in first.items()}}


def purl_key(purl: str) -> str:
    """Return ``purl`` in its canonical form, so that equal ones are equal texts; as it is if it is none."""
    try:
        return PackageURL.from_string(purl).to_string()
    except ValueError:
        return purl


def join_components(components: Sequence[Component]) -> Component:
    """Return one component for several of the same package URL; the first one's name and version count."""
    if len(components) == 1:
        return components[0]
    contents = [as_json(one.model_copy(update={"properties": ()})) for one in components]
    content = reduce(joined_objects, contents)
    merged = Component.model_validate(content | _licenses(content.get("licenses")))
    declared = {(hash_.alg, hash_.content) for ref in merged.external_references for hash_ in ref.hashes}
    algorithms = [hash_.alg for hash_ in merged.hashes]
    hashes = tuple(
        # Digests of two files are told apart by standing beside the address of each.
        hash_
        for hash_ in merged.hashes
        if algorithms.count(hash_.alg) == 1 or (hash_.alg, hash_.content) not in declared
    )
    references = sorted(merged.external_references, key=reference_order)
    return merged.model_copy(
        update={
            "hashes": hashes,
            "external_references": tuple(references),
            "properties": join_properties([one.properties for one in components]),
        }
    )


def join_properties(lists: Sequence[Iterable[Property]]) -> tuple[Property, ...]:
    """Return the properties of several descriptions of one component, each once, sorted.

    Some facts hold only where all say so that would know: what is needed for building only by one project, and by
    another while it runs, is not needed for building only.
    """
    declared = [tuple(one) for one in lists]
    described = [{_fact(each.name) for each in one} for one in declared if finder(each.name for each in one)]
    denied = {fact for fact in ONLY_WHERE_ALL_AGREE if not all(fact in facts for facts in described)}
    every: dict[tuple[str, str], Property] = {}
    single: set[str] = set()
    for each in (each for one in declared for each in one):
        if each.name not in single:  # of a field that can be there once, the first counts
            every.setdefault((each.name, each.value or ""), each)
        if leftovers.holds_one(each.name):
            single.add(each.name)
    return tuple(every[key] for key in sorted(every) if _fact(key[0]) not in denied)


def _fact(name: str) -> str:
    tool, _, fact = name.partition(":")
    return fact if tool in FINDERS else name


def _licenses(declared: JsonValue) -> JsonObject:
    # The format has one expression, or any number of single licenses.
    if not isinstance(declared, list) or len(declared) == 1:
        return {}
    named: list[JsonValue] = []
    for one in declared:
        match one:
            case {"expression": str(expression)}:
                if {"license": {"id": expression}} not in declared:
                    named.append({"license": {"name": expression}})
            case _:
                named.append(one)
    return {"licenses": named}
