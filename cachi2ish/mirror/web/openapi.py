"""What the JSON twins of the pages are, as OpenAPI 3.1. The schemas come from the views themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import Struct

from cachi2ish import __version__
from cachi2ish.mirror.web.pin_views import LockDiffView, SinceView
from cachi2ish.mirror.web.views import (
    DiffView,
    HomeView,
    Problem,
    ProjectView,
    StateView,
    VersionView,
)

_REF = "#/components/schemas/{name}"

_Parameter = dict[str, Any]


def _in_query(name: str, text: str, *, required: bool = False, **schema: object) -> _Parameter:
    return {
        "name": name,
        "in": "query",
        "required": required,
        "description": text,
        "schema": {"type": "string", **schema},
    }


def _in_path(name: str, text: str) -> _Parameter:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": text,
        "schema": {"type": "string", "minLength": 1, "maxLength": 200},
    }


_PROJECT_NAME = "The name of a project. Other spellings of it are redirected to the normalised one (PEP 503)."
_DAY = "A day (its end, UTC), an instant with its offset, or `live`."

_REGISTRY = _in_query("registry", "The name of a registry; `pypi` where it is left out.")
_DATE = _in_query("date", f"{_DAY} Left out: `live`.")
_PAGE = _in_query("page", "The number of the page, from 1.", type="integer", minimum=1, maximum=100_000)

_BEFORE = _in_query("before", f"{_DAY} Left out: the day a week ago.")
_AFTER = _in_query("after", f"{_DAY} Left out: `live`.")
_PINS = _in_query("pins", "Pins, such as `requests==2.31.0,idna==3.4`.", required=True, minLength=1)

#: In each answer that is no refusal.
_IGNORED = {
    "type": "array",
    "items": {"type": "string"},
    "description": "Names in the query that mean nothing here; left out where there are none.",
}

#: Refusals of a lock.
_OF_LOCKS: Mapping[HTTPStatus, str] = {
    HTTPStatus.BAD_REQUEST: "There is no lock in it, or the form cannot be read.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The lock cannot be read, has something that is no pin, or too many pins.",
}

#: Refusals of what is sent.
_OF_FORMS: Mapping[HTTPStatus, str] = {
    HTTPStatus.REQUEST_TIMEOUT: "It took too long to arrive.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "It is too large.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "It is no form.",
}

#: Refusals that every door may answer with, and what they mean here.
_REFUSALS: Mapping[HTTPStatus, str] = {
    HTTPStatus.UNAUTHORIZED: "A token of the mirror, or a login of a private registry, is missing.",
    HTTPStatus.FORBIDDEN: "The registry does not let this login see the project.",
    HTTPStatus.NOT_FOUND: "There is no such project, version, date or registry.",
    HTTPStatus.CONFLICT: "Nobody had looked by then, and only what was observed is shown.",
    HTTPStatus.REQUEST_URI_TOO_LONG: "The path is too long.",
    HTTPStatus.BAD_GATEWAY: "The registry does not answer, or not with a page, and nothing is known.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Too much at once, or the disk cannot be written.",
    HTTPStatus.INSUFFICIENT_STORAGE: "The disk is full.",
}


class _Door(Struct, frozen=True, kw_only=True):
    """A path. view: what it answers with. moved: the status of a redirect.

    form: the fields beside a lock and its registry, and what they mean; None for a door that takes no lock. A door
    that takes one answers the same to ``GET``, with the pins in the query.
    """

    path: str
    name: str
    summary: str
    view: type[Struct]
    parameters: Sequence[_Parameter] = ()
    moved: str = ""
    form: Mapping[str, str] | None = None


_DOORS = (
    _Door(
        path="/index.json",
        name="home",
        summary="How to use a date, how much is known of it, and health",
        view=HomeView,
        parameters=(
            _in_query("date", f"{_DAY} Left out: the day a week ago."),
            _REGISTRY,
            _in_query("project", "A name: the answer leads on to that project."),
        ),
        moved="303",
    ),
    _Door(path="/state.json", name="state", summary="The state of sync and store", view=StateView),
    _Door(
        path="/projects/{project}.json",
        name="project",
        summary="A project as of a date, and what became of it since",
        view=ProjectView,
        parameters=(_in_path("project", _PROJECT_NAME), _DATE, _REGISTRY, _PAGE),
        moved="301",
    ),
    _Door(
        path="/projects/{project}/{version}.json",
        name="version",
        summary="The files of a version as of a date, and what became of them since",
        view=VersionView,
        parameters=(
            _in_path("project", _PROJECT_NAME),
            _in_path("version", "A version, in any spelling."),
            _DATE,
            _REGISTRY,
            _PAGE,
        ),
    ),
    _Door(
        path="/diff.json",
        name="diff",
        summary="How a project differs between two dates",
        view=DiffView,
        parameters=(
            _in_query("project", _PROJECT_NAME, required=True, minLength=1),
            _BEFORE,
            _AFTER,
            _REGISTRY,
            _PAGE,
        ),
    ),
    _Door(
        path="/locks/diff.json",
        name="lock_diff",
        summary="What changed for the pins of a lock between two dates",
        view=LockDiffView,
        parameters=(_PINS, _BEFORE, _AFTER, _REGISTRY),
        form={"before": _BEFORE["description"], "after": _AFTER["description"]},
    ),
    _Door(
        path="/locks/since.json",
        name="lock_since",
        summary="Since when all pins of a lock are there",
        view=SinceView,
        parameters=(_PINS, _REGISTRY),
        form={},
    ),
)


@cache
def description() -> bytes:
    """Return the description, as JSON."""
    return msgspec.json.format(msgspec.json.encode(document()), indent=1)


def document() -> dict[str, Any]:
    """Return the description."""
    views = [*dict.fromkeys(door.view for door in _DOORS), Problem]
    _, components = msgspec.json.schema_components(views, ref_template=_REF)
    for door in _DOORS:
        components[door.view.__name__]["properties"]["ignored"] = _IGNORED
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "cachi2ish mirror: pages for people",
            "version": __version__,
            "summary": "Package indexes as they were on any date",
            "description": "The JSON twin of each page. Installers use the Simple API (PEP 691), not this.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": ".", "description": "the mirror that serves this file"}],
        "paths": {door.path: _operations(door) for door in _DOORS},
        "components": {"schemas": components},
    }


def _operations(door: _Door) -> dict[str, Any]:
    if door.form is None:
        return {"get": _operation(door, _REFUSALS)}
    sending = _operation(door, {**_REFUSALS, **_OF_LOCKS, **_OF_FORMS})
    texts = {
        "registry": _REGISTRY["description"],
        "pins": "Lines of a requirements file, instead of a file.",
    }
    fields = {name: {"type": "string", "description": text} for name, text in {**door.form, **texts}.items()}
    file = {"type": "string", "format": "binary", "description": "A lock. Its name says of which kind it is."}
    form = {"schema": {"type": "object", "properties": {"file": file, **fields}}}
    lines = {"schema": {"type": "object", "properties": fields, "required": ["pins"]}}
    content = {"multipart/form-data": form, "application/x-www-form-urlencoded": lines}
    return {
        "get": _operation(door, {**_REFUSALS, **_OF_LOCKS}),
        "post": {
            **sending,
            "operationId": f"send_{door.name}",
            "parameters": [],
            "requestBody": {"required": True, "content": content},
        },
    }


def _operation(door: _Door, refusals: Mapping[HTTPStatus, str]) -> dict[str, Any]:
    responses: dict[str, Any] = {
        "200": {
            "description": door.summary,
            "content": {"application/json": {"schema": {"$ref": _REF.format(name=door.view.__name__)}}},
        }
    }
    if door.moved:
        responses[door.moved] = {
            "description": "The answer is at another address.",
            "headers": {"location": {"schema": {"type": "string"}, "required": True}},
        }
    for status, text in sorted(refusals.items()):
        responses[str(status.value)] = {
            "description": text,
            "content": {"application/problem+json": {"schema": {"$ref": _REF.format(name=Problem.__name__)}}},
        }
    return {
        "operationId": door.name,
        "summary": door.summary,
        "parameters": list(door.parameters),
        "responses": responses,
    }
