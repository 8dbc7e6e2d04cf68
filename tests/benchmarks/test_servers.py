from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from benchmarks.certificates import make_certificates
from benchmarks.mirror import build
from benchmarks.nginx import Nginx
from benchmarks.pages import write_pages
from benchmarks.python_server import PythonServer
from benchmarks.servers import find_nginx
from benchmarks.serving import Plan, Server, free_addresses
from benchmarks.traffic import Mark
from benchmarks.workload import read_pins
from tests.benchmarks.conftest import Closure
from tests.support.tls import needs_openssl

pytestmark = needs_openssl

JSON = {"Accept": "application/vnd.pypi.simple.v1+json, text/html;q=0.01"}
NGINX = pytest.param("nginx", marks=pytest.mark.skipif(find_nginx() is None, reason="there is no nginx"))


@pytest.fixture(params=[NGINX, "python"])
def plan(request: pytest.FixtureRequest, closure: Closure, tmp_path: Path) -> Iterator[Plan]:
    mirror = build(tmp_path, read_pins(closure.requirements), closure.index.index_url, lambda _: None)
    # A place with a space, as a checkout may have.
    state = tmp_path / "the server"
    plan = Plan(mirror.site, state, free_addresses(), make_certificates(state))
    write_pages(mirror, plan.addresses.files_url)
    server: Server = Nginx(find_nginx() or "") if request.param == "nginx" else PythonServer()
    with server.serve(plan):
        yield plan


@pytest.fixture
def client(plan: Plan) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.verify = str(plan.certificates.authority)
        yield session


def test_a_page_has_the_format_that_is_asked_for(plan: Plan, client: requests.Session) -> None:
    page = f"{plan.addresses.index_url}apple/"
    answered = client.get(page, headers=JSON)
    assert answered.headers["Content-Type"] == "application/vnd.pypi.simple.v1+json"
    assert [file["filename"] for file in answered.json()["files"]][:1] == ["apple-1.0.tar.gz"]
    assert client.get(page).headers["Content-Type"].startswith("text/html")


def test_there_is_an_index_that_has_html_only(plan: Plan, client: requests.Session) -> None:
    answered = client.get(f"{plan.addresses.html_index_url}apple/", headers=JSON)
    assert answered.headers["Content-Type"].startswith("text/html")
    assert "apple-1.0.tar.gz</a>" in answered.text


def test_pages_are_compressed_and_files_are_not(plan: Plan, client: requests.Session, closure: Closure) -> None:
    page = client.get(f"{plan.addresses.index_url}apple/", headers=JSON)
    assert page.headers["Content-Encoding"] == "gzip"
    file = client.get(page.json()["files"][0]["url"])
    assert "Content-Encoding" not in file.headers
    assert file.content == closure.sdists[0].content


def test_all_requests_and_connections_are_in_the_log(plan: Plan, client: requests.Session) -> None:
    mark = Mark.at_end(plan.log)
    page = client.get(f"{plan.addresses.index_url}apple/", headers=JSON)
    client.get(f"{plan.addresses.index_url}pear/", headers=JSON)
    files = page.json()["files"]
    sent = sum(len(client.get(file["url"]).content) for file in files[:2])
    assert client.get(files[2]["url"]).status_code == 404  # it is listed, and not held
    traffic = mark.traffic()
    assert (traffic.requests, traffic.connections, traffic.refused) == (5, 2, 1)
    assert traffic.sent > sent


def test_what_is_beside_the_site_is_not_served(plan: Plan) -> None:
    context = ssl.create_default_context(cafile=plan.certificates.authority)
    connection = http.client.HTTPSConnection("127.0.0.1", plan.addresses.file_port, context=context)
    try:
        connection.request("GET", "/packages/../../the%20server/server.key")
        assert connection.getresponse().status in (400, 404)
    finally:
        connection.close()
