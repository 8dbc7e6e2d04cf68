"""Who has made a document: ``metadata.tools`` and ``authors`` in CycloneDX, ``creators`` in SPDX."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from cachi2ish.sbom.document import JsonObject
from cachi2ish.sbom.properties import TOOL

if TYPE_CHECKING:
    from pydantic import JsonValue

_VERSIONED = re.compile(r"(?P<name>.+)-(?P<version>v?\d[^-]*)")


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
            found = _VERSIONED.fullmatch(name)
            parts = found.groupdict() if found else {"name": name}
            tools.append({"type": "application", **parts})
        else:
            authors.append({"name": name or creator})
    fields: JsonObject = {"tools": {"components": tools}} if tools else {}
    return {**fields, "authors": authors} if authors else fields
