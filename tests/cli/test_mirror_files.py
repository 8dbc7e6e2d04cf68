"""What the commands of the mirror say of files in S3: at their start, with what to do, and never a secret."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cachi2ish.exit_codes import ExitCode
from cachi2ish.mirror.held.interface import SharedStoreAwayError, SharedStoreError, SharedStoreFullError
from cachi2ish.mirror.held.shared.s3_files import S3Files
from cachi2ish.settings.buckets import Bucket
from tests.cli.conftest import Person
from tests.support.distributions import make_sdist
from tests.support.mirror_keeper import Keeper
from tests.support.s3_server import ACCESS_KEY, SECRET_KEY, environment_of, shared_s3
from tests.support.shared_files import files_in, new_place
from tests.support.tls import make_certificate, needs_openssl, speak_tls

APPLE = make_sdist("apple", "1.0")
BEFORE = "2023-05-01T10:00:00Z"

ENDPOINT, LOGIN = "AWS_ENDPOINT_URL", "AWS_SECRET_ACCESS_KEY"


@pytest.fixture
def keeper(person: Person, tmp_path: Path) -> Keeper:
    person.environ.update(shared_s3().environment)
    kept = Keeper(person, tmp_path / "mirror")
    kept.runs("track", "apple")
    return kept


def refusal(keeper: Keeper, place: str = "s3://files/here", **environ: str) -> str:
    keeper.person.environ.update(environ)
    outcome = keeper.runs("sync", "--files", place, code=ExitCode.NETWORK)
    assert SECRET_KEY not in outcome.told
    assert "Traceback" not in outcome.told
    return " ".join(outcome.err.split())


def test_sync_keeps_what_has_vanished_in_the_store(keeper: Keeper) -> None:
    index = keeper.person.index
    index.add("apple", APPLE, upload_time=BEFORE)
    place = new_place()
    options = ("--files", str(place), "--registry", f"pypi={index.index_url}", "--local-size", "0")
    keeper.runs("sync", *options)
    index.add_project("apple").files.clear()
    keeper.runs("track", "pear")
    keeper.let_all_be_due()
    keeper.runs("sync", *options)
    assert [one.sha256 for one in files_in(place).all()] == [APPLE.sha256]
    assert list((keeper.directory / "unsent").iterdir()) == []
    assert list((keeper.directory / "files/blobs").glob("sha256/*/*")) == []


def test_status_tells_whether_the_store_answers_and_what_is_still_to_be_put(keeper: Keeper) -> None:
    place = str(new_place())
    told = keeper.runs("status", "--files", place).out
    assert f"files are shared in           {place}\n" in told
    assert "files still to be put there   0\n" in told
    (keeper.directory / "unsent").mkdir()
    (keeper.directory / "unsent" / APPLE.sha256).touch()
    keeper.person.environ[ENDPOINT] = "http://127.0.0.1:9"
    told = keeper.runs("status", "--files", place, "--format", "json").out
    assert json.loads(told)["shared"] == {"place": place, "problem": "the connection is refused", "unsent": 1}


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("s3://user:hidden-7@files/here", "has a user, and keys do not belong there"),
        ("https://files.example/here", "is no place in S3"),
        ("s3://", "is no place in S3"),
        ("s3://b/p", "'b' is no name of a bucket\n  hint: a name has 3 to 63 letters"),
        ("s3://files/a//b", "is no place in S3"),
        ("s3://files/../b", "is no place in S3"),
        ("s3://files/a?b=c", "is no place in S3"),
    ],
)
def test_what_is_no_place_in_s3_is_refused(keeper: Keeper, place: str, says: str) -> None:
    outcome = keeper.runs("sync", "--files", place, code=ExitCode.USAGE)
    assert says in outcome.err
    assert "hidden-7" not in outcome.told


def test_a_wrong_key_is_named_as_one(keeper: Keeper) -> None:
    assert "the secret of the access key is wrong" in refusal(keeper, **{LOGIN: "hidden-7"})
    told = refusal(keeper, AWS_ACCESS_KEY_ID="NOBODY")
    assert "there is no such access key" in told
    assert "AWS_ACCESS_KEY_ID" in told


def test_a_store_that_is_not_there_is_named(keeper: Keeper) -> None:
    told = refusal(keeper, **{ENDPOINT: "http://127.0.0.1:9"})
    assert "the store of files s3://files/here cannot be used: the connection is refused" in told
    assert "check AWS_ENDPOINT_URL" in told
    assert "does not resolve" in refusal(keeper, **{ENDPOINT: "http://nowhere.invalid"})
    keeper.person.environ[ENDPOINT] = "http://user:hidden-7@127.0.0.1"
    outcome = keeper.runs("sync", "--files", "s3://files", code=ExitCode.INPUT)
    assert "is not the address of an S3 endpoint" in outcome.err
    assert "hidden-7" not in outcome.told


class Refusing(ThreadingHTTPServer):
    """A store that answers everything alike."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), RefusingHandler)
        self.status, self.body = 200, b""

    def says(self, status: int, code: str) -> None:
        self.status, self.body = status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def handle_error(self, *_: object) -> None:
        """Say nothing: clients go away."""


class RefusingHandler(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        server = self.server
        assert isinstance(server, Refusing)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(server.status)
        self.send_header("Content-Length", str(len(server.body)))
        self.end_headers()
        self.wfile.write(server.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def refusing() -> Iterator[Refusing]:
    with Refusing() as server:
        yield server
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (404, "NoSuchBucket", ("there is no such bucket", "check --files")),
        (403, "AccessDenied", ("the access is denied", "s3:PutObject")),
        (400, "AuthorizationHeaderMalformed", ("the region is another one", "AWS_REGION")),
        (301, "PermanentRedirect", ("the bucket is in another region", "AWS_REGION")),
        (403, "QuotaExceeded", ("the bucket is full", "raise its quota")),
        (403, "RequestTimeTooSkewed", ("the clocks differ", "set the clock")),
        (400, "ExpiredToken", ("the session token has expired", "AWS_SESSION_TOKEN")),
        (418, "Teapot", ("it answers Teapot", "look into its log")),
    ],
)
def test_what_a_store_refuses_is_explained(
    keeper: Keeper, refusing: Refusing, status: int, code: str, says: tuple[str, str]
) -> None:
    refusing.start()
    refusing.says(status, code)
    told = refusal(keeper, **{ENDPOINT: f"http://127.0.0.1:{refusing.server_port}"})
    assert all(one in told for one in says), told


@pytest.mark.parametrize(
    ("status", "code", "may_come_back"),
    [
        (503, "SlowDown", True),
        (500, "InternalError", True),
        (403, "QuotaExceeded", True),
        (400, "XMinioAdminBucketQuotaExceeded", True),
        (507, "XMinioStorageFull", True),
        (403, "AccessDenied", False),
        (404, "NoSuchBucket", False),
    ],
)
def test_a_store_that_may_come_back_is_told_from_settings_that_are_wrong(
    refusing: Refusing, monkeypatch: pytest.MonkeyPatch, status: int, code: str, may_come_back: bool
) -> None:
    for name, value in environment_of("").items():
        monkeypatch.setenv(name, value)
    refusing.start()
    refusing.says(status, code)
    files = S3Files(Bucket.parse("s3://files/here"), {ENDPOINT: f"http://127.0.0.1:{refusing.server_port}"})
    with pytest.raises(SharedStoreError) as refused:
        files.check()
    assert isinstance(refused.value, SharedStoreAwayError) is may_come_back
    assert isinstance(refused.value, SharedStoreFullError) is (may_come_back and status != 503)
    with pytest.raises(SharedStoreError) as unread:
        files.size_of("0" * 64)
    assert not isinstance(unread.value, SharedStoreFullError)


@needs_openssl
def test_a_certificate_is_checked_against_the_bundle_that_is_named(
    keeper: Keeper, refusing: Refusing, tmp_path: Path
) -> None:
    certificate = make_certificate(tmp_path)
    speak_tls(refusing, certificate)
    refusing.says(403, "AccessDenied")
    refusing.start()
    endpoint = f"https://127.0.0.1:{refusing.server_port}"
    told = refusal(keeper, **{ENDPOINT: endpoint})
    assert "its certificate is not trusted" in told
    assert "AWS_CA_BUNDLE" in told
    keeper.person.environ["AWS_CA_BUNDLE"] = str(tmp_path / "none.pem")
    outcome = keeper.runs("sync", "--files", "s3://files", code=ExitCode.INPUT)
    assert "cannot be read" in outcome.err
    assert ACCESS_KEY not in outcome.told
