from __future__ import annotations

import socket
from pathlib import Path

import pytest

from cachi2ish.core.urls import Address
from cachi2ish.errors import GitError, StorageError
from cachi2ish.git.git_errors import subject
from cachi2ish.git.remotes import remote
from cachi2ish.git.repositories import GitRepositories
from tests.git.conftest import ORIGIN, Folder, Memory, Workbench, wanted
from tests.support.git_server import git_environment, git_server

ABSENT = "0123456789" * 4


def failure(bench: Workbench, url: str, commit: str = ABSENT, **environ: str) -> GitError:
    with pytest.raises(GitError) as caught:
        bench.room(environ, stall_seconds=3).archive(wanted(url, commit))
    assert caught.value.origin == ORIGIN
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.fixture
def commit(bench: Workbench) -> str:
    repository = bench.repository()
    repository.commit({"a": "1"})
    repository.tag("v1", message="one")
    return repository.commit({"a": "2"})


@pytest.mark.usefixtures("commit")
def test_a_commit_that_is_not_there(bench: Workbench) -> None:
    error = failure(bench, bench.server.url("project.git"))
    assert (
        error.problem == f"project @ git {ABSENT[:12]}: {bench.server.url('project.git')} has no commit {ABSENT}"
    )
    assert "force-push" in str(error.hint)


@pytest.mark.usefixtures("commit")
def test_a_commit_that_is_not_there_for_an_old_server(bench: Workbench) -> None:
    bench.server.protocols = False
    assert "has no commit" in failure(bench, bench.server.url("project.git")).problem


def test_an_old_server_that_serves_only_branches_serves_their_commits(bench: Workbench, commit: str) -> None:
    bench.server.protocols = False
    url = bench.server.url("project.git")
    parent = bench.repository("other.git")
    first = parent.commit({"a": "1"})
    parent.commit({"a": "2"})
    content = bench.fetch(bench.server.url("other.git"), first)
    bench.server.protocols = True
    assert bench.fetch(bench.server.url("other.git"), first) == content
    assert bench.fetch(url, commit)


def test_a_commit_of_no_branch_is_fetched_by_its_name(bench: Workbench) -> None:
    repository = bench.repository()
    repository.commit({"a": "1"})
    loose = repository.commit_tree(repository.git("rev-parse", "main^{tree}"))
    assert bench.fetch(bench.server.url("project.git"), loose)


@pytest.mark.usefixtures("commit")
def test_a_tag_is_no_commit(bench: Workbench) -> None:
    path = bench.root / "repositories/project.git"
    tag = (path / "refs/tags/v1").read_text().strip()
    error = failure(bench, bench.server.url("project.git"), tag)
    assert "is a tag, not a commit" in error.problem
    assert str(error.hint).startswith("name the commit that it points to: ")


def test_a_missing_subdirectory(bench: Workbench, commit: str) -> None:
    requirement = wanted(bench.server.url("project.git"), commit, subdirectory="libs/none")
    with pytest.raises(GitError, match="has no folder 'libs/none'"):
        bench.room().archive(requirement)


def test_a_repository_that_is_not_there(bench: Workbench) -> None:
    assert "is no git repository" in failure(bench, bench.server.url("none.git")).problem
    assert "is no git repository" in failure(bench, f"file://{bench.root}/none.git").problem


def test_a_host_that_does_not_answer(bench: Workbench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/project.git"
    error = failure(bench, url)
    assert f"{url} cannot be fetched" in error.problem
    assert "network" in str(error.hint)


def test_a_host_that_falls_silent_is_given_up(bench: Workbench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/project.git"
        with pytest.raises(GitError, match="stopped answering"):
            bench.room(stall_seconds=0.3).archive(wanted(url, ABSENT))


def test_a_fetch_that_takes_longer_than_it_may_is_given_up(bench: Workbench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/project.git"
        with pytest.raises(GitError, match=r"took too long: git was not done after 0\.3 seconds"):
            bench.room(stall_seconds=60, timeout=0.3).archive(wanted(url, ABSENT))


@pytest.mark.parametrize("userinfo", ["", "user:wrong", "wrong", "wrong:", "us%65r:wr%2Fong", "a:b%0Ahost=x"])
def test_a_server_that_wants_other_credentials_and_no_credential_in_the_message(
    bench: Workbench, commit: str, userinfo: str
) -> None:
    bench.server.password = "user:secret"
    error = failure(bench, bench.server.url("project.git", userinfo), commit)
    shown = f"{error} {error.hint} {error!r}"
    assert "refused access" in shown
    given = ":" in userinfo.strip(":") and "%0A" not in userinfo
    assert ("refused access to the user name and password in its address" in shown) is given
    assert ("give git credentials" in shown) is not given
    assert not any(part in shown for part in ("wrong", "wr%2Fong", "wr/ong", "secret", "@127"))
    assert error.__cause__ is None


@pytest.mark.parametrize("userinfo", ["user:p%40ss%20w%3Ard", "us%65r:p%40ss%20w%3Ard"])
def test_credentials_of_the_address_are_used(bench: Workbench, commit: str, userinfo: str) -> None:
    bench.server.password = "user:p@ss w:rd"
    assert bench.fetch(bench.server.url("project.git", userinfo), commit)


def test_a_token_in_the_place_of_the_user_name_is_used(bench: Workbench, commit: str) -> None:
    bench.server.password = "token:"
    assert bench.fetch(bench.server.url("project.git", "token"), commit)


def test_credentials_of_the_address_go_before_those_of_a_helper(
    bench: Workbench, commit: str, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text('[credential]\nhelper = "!f() { echo username=user; echo password=stored; }; f"\n')
    environ = {"GIT_CONFIG_GLOBAL": str(config)}
    bench.server.password = "user:secret"
    assert bench.fetch(bench.server.url("project.git", "user:secret"), commit, **environ)
    bench.server.password = "user:stored"
    assert bench.fetch(bench.server.url("project.git", "user"), commit, **environ)
    assert bench.fetch(bench.server.url("project.git"), commit, **environ)


def test_netrc_is_used_as_git_uses_it(bench: Workbench, commit: str, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login user password secret\n")
    bench.server.password = "user:secret"
    assert bench.fetch(bench.server.url("project.git"), commit, HOME=str(tmp_path))


def test_credentials_do_not_follow_a_redirect_to_another_host(bench: Workbench, commit: str) -> None:
    with git_server(bench.root / "repositories") as other:
        other.password = "user:secret"
        bench.server.redirect = f"http://localhost:{other.server_port}"
        failure(bench, bench.server.url("project.git", "user:secret"), commit)
        assert {request.authorization for request in other.requests} == {None}


def test_nobody_is_asked_for_a_password(bench: Workbench, commit: str, tmp_path: Path) -> None:
    ask, trace = tmp_path / "ask", tmp_path / "trace"
    ask.write_text(f"#!/bin/sh\ntouch {trace}\necho secret\n")
    ask.chmod(0o755)
    bench.server.password = "user:secret"
    failure(bench, bench.server.url("project.git"), commit, GIT_ASKPASS=str(ask), SSH_ASKPASS=str(ask))
    assert not trace.exists()


def test_ssh_is_run_as_the_user_has_set_it_up_and_never_asks(bench: Workbench, tmp_path: Path) -> None:
    ssh, trace = tmp_path / "ssh", tmp_path / "trace"
    ssh.write_text(f'#!/bin/sh\necho "$@" >> {trace}\necho "Permission denied (publickey)." >&2\nexit 255\n')
    ssh.chmod(0o755)
    config = tmp_path / "config"
    config.write_text(f"[core]\nsshCommand = {ssh} --mine\n")
    url = "ssh://git@git.example.test/team/project.git"
    for environ in (
        {"PATH": f"{tmp_path}:{git_environment()['PATH']}"},
        {"GIT_SSH_COMMAND": f"{ssh} --mine"},
        {"GIT_SSH": str(ssh)},
        {"GIT_CONFIG_GLOBAL": str(config)},
    ):
        error = failure(bench, url, **environ)
        assert f"{url} refused access" in error.problem
    calls = [line for line in trace.read_text().splitlines() if "upload-pack" in line]
    assert ["BatchMode=yes" in call for call in calls] == [True, False, False, False]
    assert ["--mine" in call for call in calls] == [False, True, False, True]


def test_a_short_user_name_beside_a_password_hides_no_words_and_what_may_be_a_token_is_hidden() -> None:
    def said(userinfo: str, words: str) -> str:
        given = remote(Address(f"https://{userinfo}@git.example/a.git"))
        return subject("a", given, ABSENT, ORIGIN).quotable(words)

    assert said("a:s3cret", "fatal: a remote says s3cret") == "a remote says ****"
    assert said("ghp_0123456789:x-oauth", "fatal: ghp_0123456789 and x-oauth") == "**** and ****"
    assert said("tok3n", "fatal: tok3n is refused") == "**** is refused"


def test_no_credential_is_an_argument_of_a_process(bench: Workbench, commit: str, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    bench.server.password = "user:secret"
    url = bench.server.url("project.git", "user:secret")
    bench.fetch(url, commit, GIT_TRACE=str(trace), GIT_TRACE2=str(trace), GIT_TRACE_CURL=str(trace))
    assert not trace.exists()
    fake = tmp_path / "bin"
    fake.mkdir()
    real = git_environment()["PATH"]
    (fake / "git").write_text(f'#!/bin/sh\necho "$@" >> {trace}\nPATH={real} exec git "$@"\n')
    (fake / "git").chmod(0o755)
    bench.fetch(url, commit, PATH=f"{fake}:{real}")
    assert "fetch" in trace.read_text()
    assert "secret" not in trace.read_text()


def test_a_machine_without_git_is_told_so(bench: Workbench, tmp_path: Path) -> None:
    error = failure(bench, bench.server.url("project.git"), PATH=str(tmp_path))
    assert "the git command is missing" in error.problem
    assert "install git" in str(error.hint)


def test_a_scratch_folder_that_cannot_be_used_is_a_storage_error(bench: Workbench) -> None:
    scratch = bench.root / "file"
    scratch.touch()
    room = GitRepositories(Folder(bench.root), Memory(), git_environment(), scratch=scratch)
    with pytest.raises(StorageError, match="no archive can be made"):
        room.archive(wanted("http://git.example.test/x.git", ABSENT))


def test_a_failed_fetch_is_not_remembered_and_leaves_nothing(bench: Workbench) -> None:
    failure(bench, bench.server.url("none.git"))
    assert not bench.memory
    assert [list(folder.iterdir()) for folder in bench.root.glob("scratch*")] == [[]]


def test_a_shallow_repository_gives_what_it_has(bench: Workbench, commit: str) -> None:
    full = bench.root / "repositories/project.git"
    shallow = bench.repository("shallow.git")
    shallow.git("fetch", "--quiet", "--depth=1", f"file://{full}", commit)
    folder = bench.unpack(bench.fetch(bench.server.url("shallow.git"), commit))
    assert (folder / "a").read_text() == "2"
    assert (folder / ".git/shallow").read_text() == f"{commit}\n"
