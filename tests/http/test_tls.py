from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cachi2ish.core.urls import Address
from cachi2ish.errors import InputError, NetworkError
from cachi2ish.http.access.tls import TrustedHosts
from tests.http.support import Client
from tests.http.tunnel import Tunnel
from tests.support.index_server import Fault, IndexServer

Connect = Callable[..., Client]
pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made with openssl")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One PEM file: a certificate for 127.0.0.1 that is its own authority, and its key."""
    directory = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test"
    extensions = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "keyUsage=digitalSignature,keyCertSign"]
    files = ["-keyout", str(directory / "key.pem"), "-out", str(directory / "cert.pem")]
    subprocess.run([*command.split(), *extensions, *files], check=True, capture_output=True)
    both = directory / "both.pem"
    both.write_text((directory / "key.pem").read_text() + (directory / "cert.pem").read_text())
    return both


def _serve(context: ssl.SSLContext) -> IndexServer:
    server = IndexServer()
    server.serve_page("/page", b"secure", "text/plain")
    listener = server._server.socket
    server._server.socket = context.wrap_socket(listener, server_side=True)
    return server


@pytest.fixture
def secure(certificate: Path) -> Iterator[IndexServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with _serve(context) as server:
        yield server


def test_a_redirect_that_leaves_tls_is_followed_to_a_trusted_host_only(
    secure: IndexServer, index: IndexServer, connect: Connect, certificate: Path
) -> None:
    secure.script("/page", [Fault.redirect(f"{index.url}/page")] * 2)
    index.serve_page("/page", b"clear", "text/plain")

    with pytest.raises(
        NetworkError, match=r"redirects to http://127\.0\.0\.1:\d+/page, which is not encrypted"
    ) as caught:
        connect(ca_bundle=str(certificate)).session.get(address(secure))
    assert "--trusted-host" in str(caught.value.hint)
    assert index.requests == ()
    session = connect(ca_bundle=str(certificate), trusted_hosts=("127.0.0.1",)).session
    assert session.get(address(secure)).body == b"clear"


def address(server: IndexServer, host: str = "127.0.0.1") -> str:
    return server.url.replace("http://127.0.0.1", f"https://{host}") + "/page"


def test_a_certificate_of_the_given_bundle_is_believed(
    secure: IndexServer, connect: Connect, certificate: Path
) -> None:
    session = connect(ca_bundle=str(certificate)).session

    assert [session.get(address(secure)).body for _ in range(3)] == [b"secure"] * 3
    assert secure.connections == 1


def test_a_directory_of_certificates_is_believed(
    secure: IndexServer, connect: Connect, certificate: Path, tmp_path: Path
) -> None:
    shown = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", certificate], check=True, capture_output=True, text=True
    )
    shutil.copy(certificate, tmp_path / f"{shown.stdout.strip()}.0")

    assert connect(ca_bundle=str(tmp_path)).session.get(address(secure)).body == b"secure"


def test_an_unknown_certificate_is_an_error_whatever_the_environment_says(
    secure: IndexServer, connect: Connect, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(certificate))
    client = connect()

    with pytest.raises(NetworkError, match=r"certificate of 127\.0\.0\.1 is not trusted: self.signed") as caught:
        client.session.get(address(secure))

    assert client.waits == []
    assert "REQUESTS_CA_BUNDLE" in (caught.value.hint or "")
    assert "--trusted-host 127.0.0.1" in (caught.value.hint or "")


def test_a_certificate_for_another_name_is_an_error(
    secure: IndexServer, connect: Connect, certificate: Path
) -> None:
    with pytest.raises(NetworkError, match=r"certificate of localhost is not trusted: .*ostname mismatch"):
        connect(ca_bundle=str(certificate)).session.get(address(secure, "localhost"))


def test_a_trusted_host_needs_no_proof_and_gives_no_warning(
    secure: IndexServer, connect: Connect, recwarn: pytest.WarningsRecorder
) -> None:
    port = secure._server.server_port

    for trusted in ("127.0.0.1", f"127.0.0.1:{port}"):
        assert connect(trusted_hosts=(trusted,)).session.get(address(secure)).body == b"secure"
    assert list(recwarn) == []


def test_another_host_or_port_than_the_trusted_is_checked(secure: IndexServer, connect: Connect) -> None:
    session = connect(trusted_hosts=("localhost", "127.0.0.1:1", "127.0.0")).session

    with pytest.raises(NetworkError, match="is not trusted"):
        session.get(address(secure))


@pytest.mark.parametrize(
    ("hosts", "url", "expected"),
    [
        (("host.test",), "https://host.test/x", True),
        (("HOST.test",), "https://host.test:8443/x", True),
        (("host.test:443",), "https://host.test/x", True),
        (("host.test:80",), "http://host.test/x", True),
        (("host.test:443",), "https://host.test:8443/x", False),
        (("host.test",), "https://host.test.evil.test/x", False),
        (("host.test",), "https://sub.host.test/x", False),
        (("[::1]:8443",), "https://[::1]:8443/x", True),
        ((), "https://host.test/x", False),
        (("host.test",), "nonsense", False),
        (("host.test",), "https://[", False),
    ],
)
def test_exactly_the_named_hosts_are_trusted(hosts: tuple[str, ...], url: str, expected: bool) -> None:
    assert TrustedHosts(hosts).has(Address(url)) is expected


@pytest.mark.parametrize("text", ["", "https://host.test", "host.test/simple", "me:secret@host.test", "host:port"])
def test_what_is_no_host_cannot_be_trusted(text: str) -> None:
    with pytest.raises(InputError, match="is no host that can be trusted") as caught:
        TrustedHosts((text,))

    assert "secret" not in str(caught.value)


def test_a_client_certificate_is_shown(connect: Connect, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.load_verify_locations(certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    with _serve(context) as server:
        session = connect(ca_bundle=str(certificate), client_cert=str(certificate)).session
        assert session.get(address(server)).body == b"secure"
        with pytest.raises(NetworkError):
            connect(ca_bundle=str(certificate), retries=0).session.get(address(server))


@pytest.mark.parametrize("setting", ["ca_bundle", "client_cert"])
@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_certificate_file_that_cannot_be_read_is_an_error(
    connect: Connect, tmp_path: Path, setting: str, content: str | None
) -> None:
    file = tmp_path / "certificate.pem"
    if content is not None:
        file.write_text(content)

    with pytest.raises(InputError, match=r"certificate.*certificate\.pem cannot be read: .") as caught:
        connect(**{setting: str(file)}).session.get("https://host.test/")

    assert caught.value.hint


def test_a_key_with_a_password_is_refused_without_a_question(
    connect: Connect, certificate: Path, tmp_path: Path
) -> None:
    locked = tmp_path / "locked.pem"
    command = ["openssl", "ec", "-aes256", "-passout", "pass:secret", "-in", str(certificate)]
    key = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    locked.write_text(key + certificate.read_text().partition("-----END PRIVATE KEY-----")[2])

    with pytest.raises(InputError, match=r"the client certificate .*locked\.pem cannot be read"):
        connect(client_cert=str(locked)).session.get("https://host.test/")


def test_plain_http_where_tls_is_expected_is_an_error_with_a_hint(index: IndexServer, connect: Connect) -> None:
    with pytest.raises(NetworkError, match=r"no secure connection to 127\.0\.0\.1") as caught:
        connect(retries=1).session.get(address(index))

    assert "https or http" in (caught.value.hint or "")


@pytest.mark.parametrize("secure_proxy", [False, True])
def test_certificates_are_checked_through_a_proxy_as_without(
    secure: IndexServer,
    connect: Connect,
    certificate: Path,
    secure_proxy: bool,
) -> None:
    with Tunnel(certificate if secure_proxy else None) as tunnel:
        session = connect(ca_bundle=str(certificate), proxy=tunnel.url).session
        assert [session.get(address(secure)).body for _ in range(2)] == [b"secure"] * 2
        with pytest.raises(NetworkError, match=r"certificate of localhost is not trusted"):
            session.get(address(secure, "localhost"))
        assert tunnel.targets == [address(secure).split("/")[2], address(secure, "localhost").split("/")[2]]


def test_a_trusted_host_behind_a_proxy_needs_no_proof(
    secure: IndexServer, connect: Connect, recwarn: pytest.WarningsRecorder
) -> None:
    with Tunnel() as tunnel:
        session = connect(trusted_hosts=("127.0.0.1",), proxy=tunnel.url).session
        assert session.get(address(secure)).body == b"secure"
    assert list(recwarn) == []


def test_a_proxy_whose_certificate_is_unknown_is_an_error_even_for_a_trusted_host(
    secure: IndexServer, connect: Connect, certificate: Path
) -> None:
    with Tunnel(certificate) as tunnel, pytest.raises(NetworkError, match="proxy"):
        connect(trusted_hosts=("127.0.0.1",), proxy=tunnel.url, retries=0).session.get(address(secure))
