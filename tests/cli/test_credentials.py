"""Who is sent which password, where it comes from, and what is said of one that a host refuses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cachi2ish.exit_codes import ExitCode
from tests.cli.conftest import Person, tree
from tests.support.distributions import make_sdist
from tests.support.index_server import IndexServer
from tests.support.tls import make_certificate, speak_tls

NAMES = ("apple", "fig", "pear")
PASSWORD = "s3cret/%:"


@pytest.fixture
def private(person: Person) -> Iterator[IndexServer]:
    """A private index, which lets in ``ci`` with the password, and a project that needs it."""
    with IndexServer(credentials=("ci", PASSWORD)) as index:
        dists = {name: make_sdist(name, "1.0") for name in NAMES}
        for name, dist in dists.items():
            index.add(name, dist)
        person.writes("requirements.txt", "".join(f"{name}==1.0 {dists[name].hash_option()}\n" for name in NAMES))
        person.environ["PIP_INDEX_URL"] = index.index_url
        yield index


def with_user(url: str, user: str) -> str:
    return url.replace("://", f"://{user}@")


def errors(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("error: ")]


@pytest.fixture
def keyring(person: Person, tmp_path: Path) -> Path:
    """The program ``keyring`` on PATH. It knows what is in the folder ``store``; returns what it was asked."""
    asked = tmp_path / "asked"
    program = tmp_path / "bin" / "keyring"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n"
        f'echo "$*" >>{asked}\n'
        "echo 'keyring: noise with s3cret in it' >&2\n"
        f'exec cat "{tmp_path}/store/$(printf %s "$2-$3" | tr / _)"\n'
    )
    program.chmod(0o755)
    (tmp_path / "store").mkdir()
    person.environ["PATH"] = f"{program.parent}:{os.environ['PATH']}"
    return asked


def stored(keyring: Path, service: str, user: str, password: str) -> None:
    (keyring.parent / "store" / f"{service}-{user}".replace("/", "_")).write_text(f"{password}\n")


# A password that is refused.


def test_a_netrc_file_that_does_not_exist_is_told_by_its_variable_and_once(
    person: Person, private: IndexServer
) -> None:
    person.environ["NETRC"] = str(person.home / "nowhere")

    outcome = person.fetches()

    assert outcome.code == ExitCode.INPUT
    assert errors(outcome.err) == [f"error: NETRC names {person.home / 'nowhere'}, which does not exist"]
    assert private.requests == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [("machine\n", "cannot be understood"), (b"\xff", "cannot be read: it is not UTF-8 text")],
)
def test_a_netrc_file_that_cannot_be_read_is_not_the_fault_of_a_requirement(
    person: Person, private: IndexServer, text: str | bytes, problem: str
) -> None:
    netrc = person.home / ".netrc"
    netrc.write_bytes(text if isinstance(text, bytes) else text.encode())

    outcome = person.fetches()

    assert private.requests == ()
    (error,) = errors(outcome.err)
    assert error.startswith("error: the netrc file ")
    assert problem in error


@pytest.mark.parametrize("where", ["url", "netrc", "keyring"])
def test_a_wrong_password_is_told_once_with_where_it_comes_from(
    person: Person, private: IndexServer, keyring: Path, where: str
) -> None:
    if where == "url":
        person.environ["PIP_INDEX_URL"] = with_user(private.index_url, "ci:mistaken")
        source = "the URL"
    elif where == "netrc":
        (person.home / ".netrc").write_text("machine 127.0.0.1 login ci password mistaken\n")
        source = f"the netrc file {person.home / '.netrc'}"
    else:
        person.environ["PIP_INDEX_URL"] = with_user(private.index_url, "ci")
        stored(keyring, private.index_url, "ci", "mistaken")
        source = "keyring"

    outcome = person.fetches("pip", "--keyring-provider", "subprocess")

    assert outcome.code == ExitCode.UNAVAILABLE
    (error,) = errors(outcome.err)
    assert error == (
        f"error: requirements.txt:1: 127.0.0.1 refuses the user name and password from {source} (HTTP 401 from"
        f" {private.index_url}); the same for requirements.txt:2 and requirements.txt:3"
    )
    hint = "store the right one with: keyring set ADDRESS USER" if where == "keyring" else "correct them there"
    assert f"hint: {hint}" in outcome.err
    assert "mistaken" not in outcome.told


@pytest.mark.usefixtures("private")
def test_a_host_that_asks_for_a_password_is_told_once(person: Person) -> None:
    outcome = person.fetches()

    (error,) = errors(outcome.err)
    assert "does not let the page of apple be read (HTTP 401" in error
    assert error.endswith("the same for requirements.txt:2 and requirements.txt:3")
    assert "give a user name and password for 127.0.0.1" in outcome.err


def test_files_that_need_another_password_than_their_index_are_told_once(person: Person) -> None:
    with IndexServer() as index:
        for name in NAMES:
            dist = make_sdist(name, "1.0")
            index.add(name, dist)
        person.environ["PIP_INDEX_URL"] = with_user(index.index_url, "ci:mistaken")
        person.writes("requirements.txt", "".join(f"{name}==1.0\n" for name in NAMES))
        assert person.fetches("pip", "--dry-run").code == 0
        index.credentials = ("ci", PASSWORD)
        outcome = person.fetches("pip", "--index-date", "2030-01-01", "--index-date-missing", "allow")

    assert outcome.code in {ExitCode.NETWORK, ExitCode.UNAVAILABLE}
    (error,) = errors(outcome.err)
    assert "the user name and password from the URL" in error
    assert "mistaken" not in outcome.told


# keyring.


def test_keyring_is_asked_once_for_the_password_of_the_user_in_the_index_url(
    person: Person, private: IndexServer, keyring: Path
) -> None:
    person.environ["PIP_INDEX_URL"] = with_user(private.index_url, "ci")
    stored(keyring, private.index_url, "ci", PASSWORD)

    outcome = person.fetches("pip", "--keyring-provider", "subprocess", "--log-level", "debug")

    assert outcome.code == 0, outcome.told
    assert keyring.read_text() == f"get {private.index_url} ci\n"
    written = b"".join([*tree(person.output).values(), *tree(person.home).values()])
    assert PASSWORD.encode() not in written
    assert "s3cret" not in outcome.told


def test_what_keyring_has_for_the_host_is_second(person: Person, private: IndexServer, keyring: Path) -> None:
    person.environ |= {"PIP_INDEX_URL": with_user(private.index_url, "ci"), "PIP_KEYRING_PROVIDER": "subprocess"}
    host = private.url.removeprefix("http://")
    stored(keyring, host, "ci", PASSWORD)

    assert person.fetches().code == 0
    assert keyring.read_text() == f"get {private.index_url} ci\nget {host} ci\n"


@pytest.mark.parametrize("provider", [None, "disabled", "auto"])
def test_keyring_is_not_asked_unless_the_user_says_so(
    person: Person, private: IndexServer, keyring: Path, provider: str | None
) -> None:
    person.environ["PIP_INDEX_URL"] = with_user(private.index_url, "ci")
    if provider is not None:
        person.environ["PIP_KEYRING_PROVIDER"] = provider

    assert person.fetches().code == ExitCode.UNAVAILABLE
    assert not keyring.exists()


def test_an_option_is_stronger_than_pips_setting(person: Person, private: IndexServer, keyring: Path) -> None:
    person.environ |= {"PIP_INDEX_URL": with_user(private.index_url, "ci"), "PIP_KEYRING_PROVIDER": "subprocess"}

    assert person.fetches("pip", "--keyring-provider", "disabled").code == ExitCode.UNAVAILABLE
    assert not keyring.exists()


def test_a_password_that_is_there_needs_no_keyring(person: Person, private: IndexServer, keyring: Path) -> None:
    person.environ |= {"PIP_INDEX_URL": with_user(private.index_url, "ci"), "PIP_KEYRING_PROVIDER": "subprocess"}
    (person.home / ".netrc").write_text(f"machine 127.0.0.1 login ci password {PASSWORD}\n")

    assert person.fetches().code == 0
    assert not keyring.exists()


def test_a_user_name_that_the_program_would_take_for_an_option_is_not_given_to_it(
    person: Person, private: IndexServer, keyring: Path
) -> None:
    """``--keyring-backend`` names code to load, and a requirements file may name an index."""
    named = with_user(private.index_url, "--keyring-backend=evil")
    person.writes("requirements.txt", f"--index-url {named}\napple==1.0\n")

    assert person.fetches("pip", "--keyring-provider", "subprocess").code == ExitCode.UNAVAILABLE
    assert not keyring.exists()


@pytest.mark.usefixtures("keyring")
def test_that_keyring_has_no_password_is_told(person: Person, private: IndexServer) -> None:
    person.environ["PIP_INDEX_URL"] = with_user(private.index_url, "ci")

    outcome = person.fetches("pip", "--keyring-provider", "subprocess")

    assert outcome.code == ExitCode.UNAVAILABLE
    assert "from the URL, for which keyring has no password (HTTP 401" in outcome.err
    assert "noise" not in outcome.told


def test_that_a_url_names_a_user_alone_is_told_with_who_may_know_the_password(
    person: Person, private: IndexServer
) -> None:
    person.environ["PIP_INDEX_URL"] = with_user(private.index_url, "ci")

    outcome = person.fetches()

    assert outcome.code == ExitCode.UNAVAILABLE
    assert "from the URL, which names a user alone (HTTP 401" in outcome.err
    assert "--keyring-provider subprocess" in outcome.err


@pytest.mark.usefixtures("private")
def test_a_keyring_that_is_not_there_is_an_error_where_it_was_asked_for_and_a_note_where_pip_was(
    person: Person,
) -> None:
    person.environ["PATH"] = str(person.home)

    outcome = person.fetches("pip", "--keyring-provider", "subprocess")
    assert outcome.code == ExitCode.USAGE
    assert errors(outcome.err) == ["error: --keyring-provider is subprocess, and no program keyring is on PATH"]

    person.environ["PIP_KEYRING_PROVIDER"] = "import"
    assert "warning: pip's setting keyring-provider is import, and no program keyring" in person.fetches().err


# Certificates.


@pytest.mark.parametrize("variable", ["PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_certificate_that_is_not_trusted_names_the_file_in_use_and_its_variable(
    person: Person, tmp_path: Path, variable: str
) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder in (ours, theirs):
        folder.mkdir()
    bundle = make_certificate(ours)
    for name in ("PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        person.environ[name] = ""
    person.environ[variable] = str(bundle)
    person.writes("requirements.txt", "apple==1.0\n")
    server = IndexServer()
    speak_tls(server._server, make_certificate(theirs))
    with server as index:
        person.environ["PIP_INDEX_URL"] = index.index_url.replace("http:", "https:")
        outcome = person.fetches()

    assert outcome.code == ExitCode.NETWORK
    assert f"the authorities in {bundle} are trusted, which {variable} names" in outcome.err
