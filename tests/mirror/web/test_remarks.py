"""What pages remark about what was asked, and where else there is to go."""

from __future__ import annotations

import json
import re

import pytest

from tests.support.mirror_server import MirrorServer


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/diff?project=demo&from=2023-05-01&to=2023-06-01&to=2023-06-02", ["from", "to"]),
        ("/projects/demo?day=2023-06-01", ["day"]),
        ("/projects/demo/1.0?date=2023-06-01&versoin=2", ["versoin"]),
        ("/state?<b>x</b>=1", ["<b>x</b>"]),
        ("/locks/since?pins=demo==1.0&date=2023-06-01", ["date"]),
        ("/?date=2023-06-01&registry=pypi", []),
        ("/diff?project=demo&before=2023-05-02", []),
    ],
)
def test_what_a_page_does_not_take_is_said_on_it_and_in_its_twin(
    mirror: MirrorServer, path: str, names: list[str]
) -> None:
    mirror.get("/live/simple/demo/")
    page = mirror.get(path).body.decode()
    told = ", ".join(names).replace("<", "&lt;").replace(">", "&gt;")
    assert (f"Without effect here: {told}. This page takes" in page) is bool(names)
    twin = mirror.get("/index.json" + path[1:] if path[1] == "?" else re.sub(r"\?|$", ".json?", path, count=1))
    assert json.loads(twin.body).get("ignored", []) == names


@pytest.mark.parametrize(
    ("before", "after", "backwards"),
    [("2024-07-01", "2023-06-01", True), ("live", "2023-06-01", True), ("2023-06-01", "2024-07-01", False)],
)
def test_dates_that_go_back_in_time_are_remarked(
    mirror: MirrorServer, before: str, after: str, *, backwards: bool
) -> None:
    for path in ("diff?project=demo", "locks/diff?pins=demo==2.0"):
        mirror.get("/live/simple/demo/")
        dated = f"/{path}&before={before}&after={after}"
        assert ("this goes back in time" in mirror.get(dated).body.decode()) is backwards
        assert json.loads(mirror.get(dated.replace("?", ".json?")).body)["backwards"] is backwards


@pytest.mark.parametrize(
    ("path", "ways"),
    [
        ("/projects/demo/9.9?date=2023-06-01", ["../../projects/demo?date=2023-06-01"]),
        ("/projects/demo/1.0?date=2300-01-01", ["../../projects/demo", "../../projects/demo/1.0"]),
        ("/projects/demo?date=2300-01-01", ["../projects/demo"]),
        ("/projects/-odd-", []),
        ("/diff?project=demo&before=2300-01-01", ["projects/demo", "diff"]),
        ("/locks/diff?pins=-r", ["../locks"]),
    ],
)
def test_a_page_that_is_not_there_leads_to_those_that_are(
    mirror: MirrorServer, path: str, ways: list[str]
) -> None:
    mirror.get("/live/simple/demo/")
    page = mirror.get(path).body.decode().partition('<ul class="ways">')[2].partition("</ul>")[0]
    assert re.findall(r'href="([^"]+)"', page)[:-1] == ways
