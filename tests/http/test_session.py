from __future__ import annotations

import gzip
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from cachi2ish.errors import HostError, InputError, NetworkError
from tests.http.support import Client
from tests.support.index_server import Answer, Fault, IndexServer
from tests.support.raw_server import RawServer

Connect = Callable[..., Client]


def test_requests_one_after_the_other_share_a_connection(index: IndexServer, connect: Connect) -> None:
    index.serve_page("/page", b"x" * 100_000, "text/plain")
    session = connect().session

    for _ in range(10):
        session.get(f"{index.url}/page")
        session.get(f"{index.url}/missing")

    assert index.connections == 1
    assert len(index.requests) == 20


def test_32_threads_have_at_most_as_many_connections_as_allowed(index: IndexServer, connect: Connect) -> None:
    for number in range(200):
        index.serve_page(f"/{number}", b"%d" % number * 1000, "text/plain")
    session = connect(connections=8).session

    with ThreadPoolExecutor(32) as pool:
        bodies = list(pool.map(lambda number: session.get(f"{index.url}/{number}").body, range(200)))

    assert bodies == [b"%d" % number * 1000 for number in range(200)]
    assert 1 <= index.connections <= 8
    assert len(index.requests) == 200


def test_a_compressed_page_is_decompressed(index: IndexServer, connect: Connect) -> None:
    index.serve_page("/page", b"hello " * 1000, "text/plain")

    answer = connect().session.get(f"{index.url}/page")

    assert answer.body == b"hello " * 1000
    assert answer.headers["content-encoding"] == "gzip"
    assert index.requests[0].sent < 1000


def packed(index: IndexServer, *members: bytes) -> str:
    """Serve a page made of several gzip members (RFC 1952, 2.2)."""
    body = b"".join(gzip.compress(member, mtime=0) for member in members)
    headers = {"Content-Type": "text/plain", "Content-Encoding": "gzip"}
    index.script("/page", [Fault(instead=Answer(200, body, headers))] * 9)
    return f"{index.url}/page"


def test_a_page_in_several_compressed_pieces_is_whole(index: IndexServer, connect: Connect) -> None:
    assert connect().session.get(packed(index, b"hello ", b"", b"world")).body == b"hello world"


@pytest.mark.parametrize("behind", [b"x", b"hello", b"hello hello hello"])
def test_what_stands_behind_a_compressed_page_is_passed_over(
    index: IndexServer, connect: Connect, behind: bytes
) -> None:
    body = gzip.compress(b"hello", mtime=0) + behind
    answer = Answer(200, body, {"Content-Type": "text/plain", "Content-Encoding": "gzip"})
    index.script("/page", [Fault(instead=answer)])
    assert connect(retries=0).session.get(f"{index.url}/page").body == b"hello"


def test_a_page_in_thousands_of_compressed_pieces_is_refused(index: IndexServer, connect: Connect) -> None:
    """Each of them costs a copy of all that follows it."""
    with pytest.raises(NetworkError, match="compressed in a way"):
        connect(retries=0).session.get(packed(index, *[b""] * 5000))


def test_headers_are_sent_and_given_back_in_lower_case(index: IndexServer, connect: Connect) -> None:
    index.serve_page("/page", b"", "text/x-test", X_Last_Serial="42")

    answer = connect(user_agent="cachi2ish/9").session.get(f"{index.url}/page", headers={"Accept": "text/x-test"})

    sent = index.requests[0].headers
    assert (sent["user-agent"], sent["accept"]) == ("cachi2ish/9", "text/x-test")
    assert (answer.headers["content-type"], answer.headers["x-last-serial"]) == ("text/x-test", "42")


def test_a_page_that_has_not_changed_is_answered_with_304(index: IndexServer, connect: Connect) -> None:
    index.serve_page("/page", b"hello", "text/plain")
    session = connect().session
    etag = session.get(f"{index.url}/page").headers["etag"]

    assert session.get(f"{index.url}/page", headers={"If-None-Match": etag}).status == 304
    assert index.connections == 1


def test_a_cookie_is_not_kept(index: IndexServer, connect: Connect) -> None:
    index.serve_page("/page", b"", "text/plain", Set_Cookie="session=secret")
    session = connect().session

    session.get(f"{index.url}/page")
    session.get(f"{index.url}/page")

    assert "cookie" not in index.requests[1].headers


def test_redirects_are_followed_and_the_last_address_is_told(index: IndexServer, connect: Connect) -> None:
    index.serve_page("/end", b"here", "text/plain")
    for number, status in enumerate((301, 302, 303, 307, 308)):
        index.script(f"/{number}", [Fault.redirect("/end" if number == 4 else f"{number + 1}?a=b", status)])

    answer = connect().session.get(f"{index.url}/0#fragment")

    assert (answer.status, answer.url, answer.body) == (200, f"{index.url}/end", b"here")
    assert index.connections == 1


def test_a_redirect_without_a_target_is_an_answer(index: IndexServer, connect: Connect) -> None:
    index.script("/page", [Fault.status(302), Fault.status(300)])
    session = connect().session

    assert [session.get(f"{index.url}/page").status for _ in range(2)] == [302, 300]


def test_a_redirect_loop_ends(index: IndexServer, connect: Connect) -> None:
    index.script("/page", [Fault.redirect("/page?token=hidden")] * 100)
    client = connect()

    with pytest.raises(NetworkError, match="redirects more than 10 times") as caught:
        client.session.get(f"{index.url}/page")

    assert "hidden" not in str(caught.value)
    assert client.waits == []
    assert len(index.requests) == 11


@pytest.mark.parametrize(
    "target",
    ["ftp://host.test/x", "file:///etc/passwd", "http://[broken/", "https://user:pa/ss@host.test/"],
)
def test_a_redirect_to_what_cannot_be_fetched_is_an_error(
    index: IndexServer, connect: Connect, target: str
) -> None:
    index.script("/page", [Fault.redirect(target)])

    with pytest.raises(
        NetworkError, match=r"is not an address that can be fetched.*/page redirects to it"
    ) as caught:
        connect().session.get(f"{index.url}/page")

    assert "user:pa" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://host.test/x", "only http and https"),
        ("file:///etc/passwd", "no valid host|only http and https"),
        ("git+https://host.test/x", "only http and https"),
        ("host.test/x", "no valid host"),
        ("", "no valid host"),
        ("http://", "no valid host"),
        ("http://user@/x", "no valid host"),
        ("http://host.test:port/", "no valid host or port"),
        ("http://host.test:99999/", "no valid host or port"),
        ("http://[::1/", "no valid host or port"),
        ("http://" + "a" * 70 + ".test/", "wrong form|does not resolve"),
        ("http://*.host.test/", "wrong form|does not resolve"),
    ],
)
def test_an_address_that_cannot_be_fetched_is_refused(connect: Connect, url: str, says: str) -> None:
    client = connect(retries=0)

    with pytest.raises(NetworkError, match=says) as caught:
        client.session.get(url)

    assert caught.value.hint


def test_a_name_that_does_not_resolve_is_an_error_with_a_hint(connect: Connect) -> None:
    with pytest.raises(NetworkError, match=r"the host name nonexistent\.invalid does not resolve") as caught:
        connect().session.get("https://nonexistent.invalid/simple/")

    assert "proxy" in (caught.value.hint or "")


def test_a_refused_connection_is_tried_again_and_then_an_error(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x"
    client = connect()

    with pytest.raises(
        NetworkError, match=r"127\.0\.0\.1:\d+ cannot be reached: connection refused \(after 4 attempts\)"
    ):
        client.session.get(url)

    assert len(client.waits) == 3


def test_a_network_that_does_not_reach_so_far_is_an_error_of_the_host(connect: Connect) -> None:
    with pytest.raises(HostError, match=r"^255\.255\.255\.255 cannot be reached: (?!no answer)") as caught:
        connect(retries=0).session.get("http://255.255.255.255/x")

    assert "check the network connection" in (caught.value.hint or "")


def test_a_host_that_was_given_up_is_not_asked_again(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    client = connect()
    with pytest.raises(HostError) as first:
        client.session.get(f"{url}/x")
    waits = len(client.waits)

    with pytest.raises(HostError) as second:
        client.session.get(f"{url}/y")

    assert len(client.waits) == waits
    assert (second.value.problem, second.value.cause) == (first.value.problem, first.value.cause)
    assert second.value is not first.value


def test_an_answer_that_is_not_http_is_an_error(connect: Connect) -> None:
    with RawServer([b"SSH-2.0-OpenSSH_9.6\r\n\r\n"]) as server, pytest.raises(NetworkError, match="broke"):
        connect(retries=0).session.get(server.url)


def test_the_proxy_of_the_settings_is_used_with_its_credentials(index: IndexServer, connect: Connect) -> None:
    index.serve_page("/page", b"by proxy", "text/plain")
    proxy = index.url.replace("://", "://me:p%40ss@")

    answer = connect(proxy=proxy).session.get("http://nonexistent.invalid/page")

    assert answer.body == b"by proxy"
    assert index.requests[0].path == "http://nonexistent.invalid/page"
    assert index.requests[0].headers["proxy-authorization"] == "Basic bWU6cEBzcw=="
    assert "authorization" not in index.requests[0].headers


def test_the_proxy_of_the_environment_is_used_but_for_no_proxy(
    index: IndexServer, other: IndexServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.serve_page("/page", b"by proxy", "text/plain")
    other.serve_page("/page", b"directly", "text/plain")
    monkeypatch.setenv("http_proxy", index.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    session = connect().session

    assert session.get("http://nonexistent.invalid/page").body == b"by proxy"
    assert session.get(f"{other.url}/page").body == b"directly"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            b"407 Proxy Authentication Required",
            "the proxy asks for a user name and password to connect to host.test",
        ),
        (b"403 Forbidden", "the proxy refuses the connection to host.test with HTTP 403"),
        (b"503 Busy", r"the proxy does not connect to host.test \(HTTP 503\)"),
    ],
)
def test_a_proxy_that_does_not_connect_is_named_as_the_cause(connect: Connect, answer: bytes, says: str) -> None:
    with RawServer([b"HTTP/1.1 " + answer + b"\r\nContent-Length: 0\r\n\r\n"]) as proxy:
        with pytest.raises(NetworkError, match=says) as caught:
            connect(proxy=proxy.url, retries=0).session.get("https://host.test/")
        assert "HTTPS_PROXY" in (caught.value.hint or "")
        assert proxy.requests[0].startswith(b"CONNECT host.test:443 ")


def test_a_proxy_that_wants_credentials_is_an_error_for_plain_http_too(
    index: IndexServer, connect: Connect
) -> None:
    index.script("/page", [Fault.status(407)])

    with pytest.raises(NetworkError, match="the proxy asks for a user name"):
        connect(proxy=index.url).session.get("http://host.test/page")


def test_a_proxy_that_cannot_be_reached_is_named_as_the_cause(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        proxy = f"http://me:secret@127.0.0.1:{server.getsockname()[1]}"
    client = connect(proxy=proxy)

    with pytest.raises(NetworkError, match=r"the proxy does not connect to host\.test") as caught:
        client.session.get("https://host.test/")

    assert "secret" not in str(caught.value)
    assert len(client.waits) == 3


@pytest.mark.parametrize("proxy", ["http://", "http://user:pa/ss@host:1", "http://host:port", ""])
def test_a_proxy_address_that_makes_no_sense_is_refused_without_showing_it(connect: Connect, proxy: str) -> None:
    with pytest.raises(InputError, match=r"^the address of the proxy cannot be used$"):
        connect(proxy=proxy)


def test_a_proxy_of_the_environment_that_makes_no_sense_is_an_error(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://user:pa/ss@host:1")

    with pytest.raises(NetworkError, match=r"^the address of the proxy cannot be used$"):
        connect().session.get("http://host.test/")
