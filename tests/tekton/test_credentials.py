"""Secrets on their way: they arrive where they belong, and are told to nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cachi2ish.exit_codes import ExitCode
from tests.support.command_line import Outcome
from tests.support.distributions import make_sdist, sdist_files
from tests.support.git_server import GitServer, git_server, make_repository
from tests.support.index_server import IndexServer
from tests.support.tls import make_certificate, needs_openssl, speak_tls
from tests.tekton.conftest import Pod

USER, PASSWORD = "robot", "s3cret:p@ss/w%rd #1"
NETRC_PASSWORD = "s3cret-of-netrc"


def told_nobody(pod: Pod, done: Outcome, secret: str) -> None:
    assert secret not in done.told
    for path in pod.workspace.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path


def test_a_private_index_is_read_with_the_netrc_workspace(pod: Pod) -> None:
    pod.writes("requirements.txt", "apple==1.0\n")
    with IndexServer(credentials=(USER, NETRC_PASSWORD)) as index:
        index.add("apple", make_sdist("apple", "1.0"))
        refused = pod.runs(pip_index_url=index.index_url)
        assert refused.code == ExitCode.UNAVAILABLE, refused.told
        pod.binds("netrc", _netrc=f"machine 127.0.0.1 login {USER} password {NETRC_PASSWORD}\n")
        done = pod.runs(pip_index_url=index.index_url, log_level="debug")
    assert done.code == 0, done.told
    told_nobody(pod, done, NETRC_PASSWORD)


def test_a_netrc_workspace_without_the_file_is_an_error(pod: Pod) -> None:
    pod.binds("netrc", netrc="machine 127.0.0.1 login robot password x\n")
    done = pod.runs()
    assert done.code == ExitCode.INPUT
    assert done.err == "error: the workspace netrc has no file .netrc\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def forge(pod: Pod, certificate: Path) -> Iterator[GitServer]:
    """A git server that speaks TLS and wants a password; the project needs something that it has."""
    repository = make_repository(pod.folder / "git" / "fig.git")
    commit = repository.commit(sdist_files("fig", "3.0"))
    with git_server(repository.path.parent) as server:
        speak_tls(server, certificate)
        server.password = f"{USER}:{PASSWORD}"
        pod.writes("requirements.txt", f"fig @ git+{address(server)}/fig.git@{commit}\n")
        pod.ca_bundle = certificate
        yield server


def address(server: GitServer, user: str = "") -> str:
    return f"https://{user}{server.host}"


def cloned_from(pod: Pod, origin: str) -> None:
    pod.writes(".git/config", f'[remote "origin"]\n\turl = {origin}\n')


@needs_openssl
def test_user_name_and_password_are_for_the_host_of_the_origin_and_its_authority_is_believed(
    pod: Pod, forge: GitServer, certificate: Path
) -> None:
    pod.binds("git-basic-auth", username=f"{USER}\n", password=f"{PASSWORD}\n")
    cloned_from(pod, address(forge, "somebody@") + "/shop.git")
    index = IndexServer()
    speak_tls(index._server, certificate)
    index.add("apple", make_sdist("apple", "1.0"))
    lock = pod.source / "requirements.txt"
    lock.write_text(lock.read_text() + "apple==1.0\n")
    with index:
        secure = index.index_url.replace("http:", "https:")
        pod.ca_bundle = Path("/nonexistent")
        refused = pod.runs(pip_index_url=secure)
        assert refused.code in {ExitCode.NETWORK, ExitCode.GIT}, refused.told
        assert "certificate" in refused.err
        pod.ca_bundle = certificate
        done = pod.runs(pip_index_url=secure, log_level="debug")
    assert done.code == 0, done.told
    told_nobody(pod, done, PASSWORD)


@needs_openssl
def test_credentials_of_git_are_taken_as_they_are(pod: Pod, forge: GitServer) -> None:
    refused = pod.runs()
    assert refused.code == ExitCode.GIT, refused.told
    quoted = "s3cret%3Ap%40ss%2Fw%25rd%20%231"
    stored = f"https://{USER}:{quoted}@{forge.host}\n"
    pod.binds("git-basic-auth", _gitconfig="[credential]\n\thelper = store\n", _git_credentials=stored)
    done = pod.runs()
    assert done.code == 0, done.told
    told_nobody(pod, done, quoted)


@pytest.mark.parametrize("origin", ["", "git@forge.example:shop.git", "http://forge.example/shop.git"])
def test_a_password_goes_nowhere_without_an_https_origin(pod: Pod, origin: str) -> None:
    pod.binds("git-basic-auth", username=USER, password=PASSWORD)
    if origin:
        cloned_from(pod, origin)
    done = pod.runs()
    assert done.code == ExitCode.INPUT
    assert "are for the https origin of the source" in done.err
    told_nobody(pod, done, PASSWORD)


def test_a_git_workspace_of_another_form_is_an_error(pod: Pod) -> None:
    pod.binds("git-basic-auth", token="x")
    done = pod.runs()
    assert done.code == ExitCode.INPUT
    assert "neither .gitconfig and .git-credentials nor username and password" in done.err
