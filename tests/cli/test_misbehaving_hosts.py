"""A prefetch from hosts that are not what they should be, and pages that are larger or otherwise than usual.

The table of all faults is in `tests.cli.test_misbehaving_servers`.
"""

from __future__ import annotations

import gzip
import json
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cachi2ish.exit_codes import ExitCode
from cachi2ish.http.bodies import LARGEST_BODY
from tests.cli.conftest import Person
from tests.support.distributions import Dist
from tests.support.index_server import Fault, IndexServer
from tests.support.orchard import APPLE, BIG, BIG_PATH, errors
from tests.support.program import PROGRAM, environment, weigh
from tests.support.raw_server import RawServer


@pytest.fixture
def orchard(person: Person) -> Person:
    person.index.add("apple", APPLE)
    person.index.add("big", BIG)
    person.writes("requirements.txt", f"big==1.0 {BIG.hash_option()}\n")
    person.environ |= {"PIP_RETRIES": "2"}
    return person


# other hosts


def test_credentials_stay_with_their_host_when_it_redirects_to_another(orchard: Person) -> None:
    with IndexServer(credentials=("user", "pa55word")) as private:
        private.add("big", BIG)
        private.script(BIG_PATH, [Fault.redirect(orchard.index.url + BIG_PATH)])
        orchard.environ["PIP_INDEX_URL"] = private.index_url_with_credentials

        outcome = orchard.fetches()

        assert outcome.code == 0, outcome.err
        assert [request.path for request in private.requests] == ["/simple/big/", BIG_PATH]
        assert all("authorization" in request.headers for request in private.requests)
    (elsewhere,) = orchard.index.requests
    assert "authorization" not in elsewhere.headers
    assert "pa55word" not in outcome.told
    written = [path.read_bytes() for path in orchard.output.rglob("*") if path.is_file()]
    assert all(b"pa55word" not in content for content in written)


def test_a_host_that_does_not_exist_is_told_by_its_name(orchard: Person) -> None:
    orchard.environ["PIP_INDEX_URL"] = "http://no-such-host.invalid/simple/"
    outcome = orchard.fetches()
    assert outcome.code == ExitCode.NETWORK
    assert any("the host name no-such-host.invalid does not resolve" in line for line in errors(outcome.err))
    assert "check the spelling of the host" in outcome.err


@pytest.fixture
def self_signed(tmp_path: Path) -> Iterator[IndexServer]:
    """An index with TLS and a certificate for another name that nobody has signed."""
    if shutil.which("openssl") is None:
        pytest.skip("certificates are made with openssl")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test"
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = IndexServer()
    server._server.socket = context.wrap_socket(server._server.socket, server_side=True)
    with server:
        yield server


def test_a_certificate_that_nobody_signed_is_refused_without_trying_again(
    orchard: Person, self_signed: IndexServer
) -> None:
    orchard.environ["PIP_INDEX_URL"] = self_signed.index_url.replace("http:", "https:")
    outcome = orchard.fetches()
    assert outcome.code == ExitCode.NETWORK
    (error,) = errors(outcome.err)
    assert "the TLS certificate of 127.0.0.1 is not trusted" in error
    assert "attempts" not in error
    assert "PIP_CERT" in outcome.err


# pages

JSON = "application/vnd.pypi.simple.v1+json"


def chunked(body: bytes, size: int) -> bytes:
    """The coding of RFC 9112 section 7.1."""
    pieces = (body[start : start + size] for start in range(0, len(body), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def one_file(person: Person, dist: Dist) -> dict[str, object]:
    url = person.index.serve_file(dist)
    return {"filename": dist.filename, "url": url, "hashes": {"sha256": dist.sha256}}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_page_may_be_chunked_and_compressed(orchard: Person, packed: bool) -> None:
    page = {"meta": {"api-version": "1.0"}, "name": "apple", "files": [one_file(orchard, APPLE)]}
    body = json.dumps(page).encode()
    coding = b"Content-Encoding: gzip\r\n" if packed else b""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n%b\r\n"
    sent = head % (JSON.encode(), coding) + chunked(gzip.compress(body) if packed else body, 7)
    orchard.writes("requirements.txt", "apple==1.0\n")
    with RawServer([sent]) as index:
        orchard.environ["PIP_INDEX_URL"] = f"{index.url}/simple/"
        outcome = orchard.fetches()
    assert outcome.code == 0, outcome.err
    assert orchard.deps() == [APPLE.filename]


#: Bytes of a page: nearly as many as one may have.
LARGE = LARGEST_BODY - 100_000
#: Bytes of memory for the page itself as text and as the server sent it, and what else a run takes.
LARGEST_MEMORY = 12 * LARGE


def json_page(person: Person) -> bytes:
    entry = {
        "filename": "apple-2.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "url": f"https://files.example/{'a' * 60}/apple-2.0-cp311-cp311-manylinux_2_17_x86_64.whl",
        "hashes": {"sha256": "ab" * 32},
        "requires-python": ">=3.8",
        "upload-time": "2024-10-01T00:00:00.000000Z",
    }
    other = json.dumps(entry).encode() + b","
    wanted = json.dumps(one_file(person, APPLE)).encode()
    return b'{"meta":{"api-version":"1.0"},"files":[' + other * (LARGE // len(other)) + wanted + b"]}"


def html_page(person: Person) -> bytes:
    name = "apple-2.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
    address = f"https://files.example/{'a' * 60}/{name}#sha256={'ab' * 32}"
    other = f'<a href="{address}" data-requires-python="&gt;=3.8">{name}</a><br>\n'.encode()
    url = person.index.serve_file(APPLE)
    wanted = f"<a href='{url}#sha256={APPLE.sha256}'>{APPLE.filename}</a>".encode()
    return other * (LARGE // len(other)) + wanted


@pytest.mark.parametrize(("make", "kind"), [(json_page, JSON), (html_page, "text/html")], ids=["JSON", "HTML"])
def test_a_page_as_large_as_may_be_is_read_in_bounded_memory(
    orchard: Person, make: Callable[[Person], bytes], kind: str
) -> None:
    orchard.index.serve_page("/simple/apple/", make(orchard), kind)
    orchard.writes("requirements.txt", f"apple==1.0 {APPLE.hash_option()}\n")
    command = (*PROGRAM, "fetch-deps", "--source", orchard.source, "--output", orchard.output, "pip")
    done, peak = weigh(command, environment(orchard.home, orchard.environ))
    assert done.returncode == 0, done.stderr
    assert orchard.deps() == [APPLE.filename]
    assert peak < LARGEST_MEMORY
