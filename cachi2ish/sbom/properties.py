"""What cachi2ish says of a package beyond what the formats have words for, and who has made a document.

The names follow the taxonomy of properties: the tool, the ecosystem, the kind of thing, the fact. Where cachi2ish
stands in for Hermeto (``found_by``), the facts that Hermeto knows too have Hermeto's names, since that is what
policies and the merging of Konflux look for; what only cachi2ish knows keeps its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from cachi2ish.core.cutoff import rfc3339
from cachi2ish.core.inventory import Dependency, FromGit, FromIndex, FromUrl, Inventory, Source
from cachi2ish.sbom.document import JsonObject

if TYPE_CHECKING:
    from pydantic import JsonValue


#: Who put the package on the bill; on every one of them.
FOUND_BY = "cachi2ish:found_by"
#: "true" where a wheel of it was fetched.
BINARY = "cachi2ish:pip:package:binary"
#: "true" where it is needed for building only.
BUILD_DEPENDENCY = "cachi2ish:pip:package:build-dependency"
#: An environment marker (PEP 508) under which it is asked for; once for each.
MARKER = "cachi2ish:pip:package:marker"
#: The name of a file that no strong digest vouched for; once for each.
UNVERIFIED = "cachi2ish:pip:package:unverified"
#: A requirements file that states no digest for it; once for each.
MISSING_HASH = "cachi2ish:missing_hash:in_file"

#: A lock file, other than a requirements file, that asks for it; once for each.
LOCK_FILE = "cachi2ish:pip:package:lock_file"
#: Such a file, a space, and a group or an extra (``extra:s3``) of it that needs it; once for each.
GROUP = "cachi2ish:pip:package:group"
#: Where such a file has it from: the address of an index, of an archive, or of a repository with the commit.
SOURCE = "cachi2ish:pip:package:source"

#: A file's name, a space, and when it was uploaded (RFC 3339, UTC); for each file of which an index says it.
UPLOAD_TIME = "cachi2ish:pip:package:upload_time"
#: Of the bill as a whole: a problem that permissive mode has let pass: its kind, what it is about, what it is.
RELAXATION = "cachi2ish:permissive:relaxation"
#: Of the bill as a whole: files count that were uploaded before this instant; once for each that is used.
INDEX_DATE = "cachi2ish:pip:index_date"
#: Of the bill as a whole: a project, a space, and the instant for it alone, or "none"; once for each.
INDEX_DATE_OVERRIDE = "cachi2ish:pip:index_date_override"
#: Of the bill as a whole: the digest of a frozen day, and after a space the index where it is for one alone: what
#: this index has said was in that day.
INDEX_DIGEST = "cachi2ish:pip:index_digest"

TOOL = "cachi2ish"

#: Those that keep the same conventions and may have found a component (`FOUND_BY`); Hermeto had another name.
FINDERS = ("hermeto", "cachi2", TOOL)

#: Of an SPDX document as a whole, which has no field for it: the identifier of the package that it is about.
SUBJECT = "cachi2ish:subject"

#: What holds of a component only where all of `FINDERS` say so that have found it, without the tool's name.
ONLY_WHERE_ALL_AGREE = frozenset(
    {
        BUILD_DEPENDENCY.removeprefix(f"{TOOL}:"),
        MARKER.removeprefix(f"{TOOL}:"),
        "cdx:npm:package:bundled",
        "cdx:npm:package:development",
    }
)

#: What the name of `FOUND_BY` ends with, whoever it was.
_FOUND_BY = FOUND_BY.removeprefix(TOOL)

#: Those that Hermeto has as well, with the same meaning.
_SHARED = frozenset({FOUND_BY, BINARY, BUILD_DEPENDENCY, MISSING_HASH})


#: A name and a value. A name may occur several times.
Property = tuple[str, str]


def of_bill(inventory: Inventory) -> tuple[Property, ...]:
    """Return the properties of a bill as a whole, sorted."""
    found = {(RELAXATION, f"{one.kind} {one.subject}: {one.detail}") for one in inventory.relaxations}
    for dates in inventory.index_dates:
        if dates.uploaded_before is not None:
            found.add((INDEX_DATE, dates.uploaded_before))
        found |= {(INDEX_DATE_OVERRIDE, f"{name} {instant or 'none'}") for name, instant in dates.overrides}
    found |= {(INDEX_DIGEST, digest) for digest in inventory.index_digests}
    return tuple(sorted(found))


def of_main_package(found_by: str) -> tuple[Property, ...]:
    """Return the properties of a package of the user's own; ``found_by``: `TOOL`, or whom it stands in for."""
    return ((_named(FOUND_BY, found_by), found_by),)


def of_dependency(dependency: Dependency, found_by: str) -> tuple[Property, ...]:
    """Return the properties of a dependency, sorted; ``found_by``: `TOOL`, or whom it stands in for."""
    found = {(FOUND_BY, found_by)}
    if any(file.wheel for file in dependency.files):
        found.add((BINARY, "true"))
    if dependency.build:
        found.add((BUILD_DEPENDENCY, "true"))
    found |= {(MARKER, marker) for marker in dependency.markers}
    found |= {(UNVERIFIED, file.filename) for file in dependency.files if not file.verified}
    found |= {
        (UPLOAD_TIME, f"{file.filename} {rfc3339(file.upload_time)}")
        for file in dependency.files
        if file.upload_time is not None
    }
    found |= {(MISSING_HASH, file) for file in dependency.missing_hash_in}
    found |= {(LOCK_FILE, file) for file in dependency.lock_files}
    found |= {(GROUP, group) for group in dependency.groups}
    if dependency.lock_files and (source := _source(dependency.source)):
        found.add((SOURCE, source))
    return tuple(sorted((_named(name, found_by), value) for name, value in found))


def _source(source: Source) -> str:
    match source:
        case FromIndex():
            return source.index
        case FromUrl():
            return source.url
        case FromGit():
            return f"git+{source.vcs.url}@{source.vcs.commit}"


def _named(name: str, found_by: str) -> str:
    return f"{found_by}{name.removeprefix(TOOL)}" if name in _SHARED else name


def finder(names: Iterable[str]) -> str | None:
    """Return who has found a component that has properties of these names; None for none of `FINDERS`."""
    found = {name.removesuffix(_FOUND_BY) for name in names if name.endswith(_FOUND_BY)}
    return next((known for known in FINDERS if known in found), None)


_VERSIONED = r"(?P<name>.+)-(?P<version>v?\d[^-]*)"


def own_tools(version: str) -> JsonObject:
    """Return what names this program as the one that wrote a document."""
    return {"components": [{"type": "application", "name": TOOL, "version": version}]}


def tool_components(tools: JsonValue) -> list[JsonValue]:
    """Return the tools of either form (a list up to version 1.4, an object since) as components."""
    if isinstance(tools, list):
        return [_component(tool) for tool in tools if isinstance(tool, dict)]
    if isinstance(tools, dict):
        components = tools.get("components")
        return list(components) if isinstance(components, list) else []
    return []


def _component(tool: JsonObject) -> JsonObject:
    rest = {name: value for name, value in tool.items() if name != "vendor"}
    vendor = {"manufacturer": {"name": tool["vendor"]}} if tool.get("vendor") else {}
    return {"type": "application", "name": "unknown", **rest, **vendor}


def creators_of(tools: JsonValue, authors: JsonValue) -> tuple[str, ...]:
    """Return tools, their makers and authors as SPDX names them, each once."""
    creators: list[str] = []
    for tool in tool_components(tools):
        if isinstance(tool, dict):
            version = tool.get("version")
            creators.append(f"Tool: {tool.get('name')}{f'-{version}' if version else ''}")
            creators += [f"Organization: {name}" for name in _names([tool.get("manufacturer")])]
    creators += [f"Person: {name}" for name in _names(authors)]
    return tuple(dict.fromkeys(creators))


def _names(parties: JsonValue) -> list[str]:
    found = parties if isinstance(parties, list) else []
    names = (party.get("name") for party in found if isinstance(party, dict))
    return [name for name in names if isinstance(name, str)]


def tools_of(creators: Iterable[str]) -> JsonObject:
    """Return what SPDX calls creators as the fields ``tools`` and ``authors``, those of them that there are."""
    tools: list[JsonValue] = []
    authors: list[JsonValue] = []
    for creator in creators:
        kind, _, name = creator.partition(": ")
        if kind == "Tool":
            found = re.fullmatch(_VERSIONED, name)
            parts = found.groupdict() if found else {"name": name}
            tools.append({"type": "application", **parts})
        else:
            authors.append({"name": name or creator})
    fields: JsonObject = {"tools": {"components": tools}} if tools else {}
    return {**fields, "authors": authors} if authors else fields
