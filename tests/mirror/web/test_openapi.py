"""The description of the JSON twins is true: each answer fits it, and each of them is in it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cachi2ish.mirror.accepted import Tokens
from cachi2ish.mirror.application import Rules
from cachi2ish.mirror.web import pin_views, views
from cachi2ish.mirror.web.openapi import description, document
from tests.support.index_server import IndexServer
from tests.support.mirror_server import MirrorServer

ADDRESSES = {
    "/index.json": [
        "/index.json",
        "/index.json?date=2023-06-01",
        "/index.json?date=nonsense",
        "/index.json?project=a",
    ],
    "/state.json": ["/state.json"],
    "/projects/{project}.json": [
        "/projects/demo.json?date=2023-06-01",
        "/projects/demo.json",
        "/projects/demmo.json",
        "/projects/Demo.json",
        "/projects/demo.json?page=x",
    ],
    "/projects/{project}/{version}.json": ["/projects/demo/1.0.json", "/projects/demo/9.json"],
    "/diff.json": ["/diff.json?project=demo&before=2023-06-01", "/diff.json"],
    "/locks/diff.json": ["/locks/diff.json?pins=demo==1.0", "/locks/diff.json", "/locks/diff.json?pins=demo"],
    "/locks/since.json": ["/locks/since.json?pins=demo==1.0,nothing==2", "/locks/since.json?pins=-r"],
}


def test_it_is_served_and_every_path_of_it_is_tried_here(mirror: MirrorServer) -> None:
    got = mirror.get("/openapi.json")
    assert got.headers["content-type"] == "application/json"
    assert got.body == description()
    assert set(document()["paths"]) == set(ADDRESSES)
    assert document()["openapi"].startswith("3.1.")


@pytest.mark.parametrize("path", ADDRESSES)
def test_each_answer_is_one_that_it_describes(mirror: MirrorServer, path: str) -> None:
    mirror.get("/live/simple/demo/")
    for address in ADDRESSES[path]:
        got = mirror.get(address)
        fits(path, got.status, got.headers["content-type"] if got.body else None, got.body)


def fits(path: str, status: int, content_type: str | None, body: bytes, method: str = "get") -> None:
    whole = document()
    response = whole["paths"][path][method]["responses"][str(status)]
    if content_type is None:
        assert "content" not in response
        return
    schema = {**response["content"][content_type]["schema"], "components": whole["components"]}
    Draft202012Validator(closed(schema)).validate(json.loads(body))


def closed(schema: Any) -> Any:
    """Refuse members that the description does not name."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(value) for name, value in schema.items()}
    return {**found, "additionalProperties": False} if found.get("type") == "object" else found


def test_its_schemas_fit_the_draft_that_openapi_names_and_every_reference_leads_somewhere() -> None:
    whole = document()
    for schema in whole["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(whole)))
    assert references <= set(whole["components"]["schemas"])
    answers = {
        name for name in {**vars(views), **vars(pin_views)} if name.endswith("View") and name != "CoverageView"
    }
    assert answers <= references


def test_a_mirror_with_tokens_guards_it_too(upstream: IndexServer, tmp_path: Path) -> None:
    rules = Rules(tokens=Tokens(["a-long-token-of-ours"]))
    with MirrorServer(tmp_path / "mirror", rules=rules, pypi=upstream.index_url) as mirror:
        for path in ("/", "/openapi.json", "/state.json", "/projects/demo"):
            got = mirror.get(path)
            fits("/state.json", got.status, got.headers["content-type"], got.body)
            assert got.status == 401
            assert mirror.get(path, login=("any", "a-long-token-of-ours")).status == 200
