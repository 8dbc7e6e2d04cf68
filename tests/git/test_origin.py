from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cachi2ish.core.inventory import VcsOrigin
from cachi2ish.errors import GitError
from cachi2ish.git.repositories import GitRepositories
from tests.git.conftest import Folder, Memory, run_git
from tests.support.git_server import git_environment

URL = "https://git.example.test/team/project.git"


@pytest.fixture
def room(tmp_path: Path) -> GitRepositories:
    return GitRepositories(Folder(tmp_path), Memory(), git_environment())


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    run_git(folder, "init", "--quiet", "--initial-branch=main")
    run_git(folder, "commit", "--quiet", "--allow-empty", "-m", "one")
    run_git(folder, "remote", "add", "origin", URL)
    return folder


def head(folder: Path) -> str:
    return run_git(folder, "rev-parse", "HEAD")


def test_a_checkout_comes_from_its_origin(room: GitRepositories, checkout: Path) -> None:
    run_git(checkout, "remote", "add", "a-fork", "https://git.example.test/fork.git")
    assert room.origin(checkout) == VcsOrigin(url=URL, commit=head(checkout))


def test_a_folder_of_a_checkout_and_a_link_to_it_belong_to_it(room: GitRepositories, checkout: Path) -> None:
    (checkout / "a $HOME/b").mkdir(parents=True)
    (checkout.parent / "link").symlink_to(checkout / "a $HOME/b")
    for folder in (checkout / "a $HOME/b", checkout.parent / "link"):
        assert room.origin(folder) == VcsOrigin(url=URL, commit=head(checkout))


def test_the_time_of_a_checkout_is_that_of_its_commit(room: GitRepositories, checkout: Path) -> None:
    (checkout / "below").mkdir()
    committed = datetime.fromtimestamp(int(run_git(checkout, "log", "-1", "--format=%ct")), UTC)
    assert room.committed_at(checkout) == committed
    assert room.committed_at(checkout / "below") == committed
    run_git(checkout, "gc", "--quiet")
    run_git(checkout, "remote", "remove", "origin")
    assert room.committed_at(checkout) == committed


def test_no_checkout_and_no_commit_have_no_time(room: GitRepositories, tmp_path: Path) -> None:
    assert room.committed_at(tmp_path) is None
    run_git(tmp_path, "init", "--quiet")
    assert room.committed_at(tmp_path) is None
    (tmp_path / ".git" / "HEAD").write_text("nonsense")
    assert room.committed_at(tmp_path) is None


def test_packed_and_detached_heads_are_read(room: GitRepositories, checkout: Path) -> None:
    commit = head(checkout)
    run_git(checkout, "pack-refs", "--all")
    assert room.origin(checkout) == VcsOrigin(url=URL, commit=commit)
    run_git(checkout, "checkout", "--quiet", "--detach")
    assert room.origin(checkout) == VcsOrigin(url=URL, commit=commit)


def test_the_only_remote_serves_as_origin_and_several_do_not(room: GitRepositories, checkout: Path) -> None:
    run_git(checkout, "remote", "rename", "origin", "upstream")
    assert room.origin(checkout) == VcsOrigin(url=URL, commit=head(checkout))
    run_git(checkout, "remote", "add", "fork", "https://git.example.test/fork.git")
    assert room.origin(checkout) is None


def test_no_checkout_no_remote_and_no_commit_have_no_origin(room: GitRepositories, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    assert room.origin(plain) is None
    assert room.origin(tmp_path / "missing") is None
    run_git(plain, "init", "--quiet")
    assert room.origin(plain) is None
    run_git(plain, "remote", "add", "origin", URL)
    assert room.origin(plain) is None
    (tmp_path / "dangling").mkdir()
    (tmp_path / "dangling/.git").write_text("gitdir: /none\n")
    assert room.origin(tmp_path / "dangling") is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:secret@git.example.test/a.git", "https://git.example.test/a.git"),
        ("https://secret@git.example.test:8443/a.git", "https://git.example.test:8443/a.git"),
        ("git@git.example.test:team/a.git", "ssh://git@git.example.test/team/a.git"),
        ("git.example.test:team/a.git", "ssh://git.example.test/team/a.git"),
        ("git@[::1]:a.git", "ssh://git@[::1]/a.git"),
        ("git@git.example.test:/abs/a.git", "ssh://git@git.example.test/abs/a.git"),
        ("git@git.example.test:~me/a b.git", "ssh://git@git.example.test/~me/a%20b.git"),
        ("ssh://git:secret@git.example.test/a.git", "ssh://git@git.example.test/a.git"),
        ("ssh://git@git.example.test:2222/a.git", "ssh://git@git.example.test:2222/a.git"),
        ("/srv/git/a.git", "/srv/git/a.git"),
        ("../a.git", "../a.git"),
        ("file:///srv/git/a.git", "file:///srv/git/a.git"),
    ],
)
def test_an_address_is_shown_as_a_url_without_credentials(
    room: GitRepositories, checkout: Path, url: str, shown: str
) -> None:
    run_git(checkout, "remote", "set-url", "origin", url)
    assert room.origin(checkout) == VcsOrigin(url=shown, commit=head(checkout))


def test_a_worktree_has_the_origin_of_its_repository(room: GitRepositories, checkout: Path) -> None:
    run_git(checkout, "worktree", "add", "--quiet", "../tree", "-b", "other")
    tree = checkout.parent / "tree"
    run_git(tree, "commit", "--quiet", "--allow-empty", "-m", "two")
    assert head(tree) != head(checkout)
    assert room.origin(tree) == VcsOrigin(url=URL, commit=head(tree))


def test_a_shallow_clone_has_an_origin(room: GitRepositories, checkout: Path) -> None:
    run_git(checkout.parent, "clone", "--quiet", "--depth=1", f"file://{checkout}", "shallow")
    shallow = checkout.parent / "shallow"
    assert room.origin(shallow) == VcsOrigin(url=f"file://{checkout}", commit=head(checkout))


def test_a_submodule_has_its_own_origin(room: GitRepositories, checkout: Path) -> None:
    run_git(checkout, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(checkout), "sub")
    assert room.origin(checkout / "sub") == VcsOrigin(url=str(checkout), commit=head(checkout))


def test_a_checkout_of_another_user_is_read(room: GitRepositories, checkout: Path) -> None:
    commit = head(checkout)
    for path in (checkout, *checkout.rglob("*")):
        os.chown(path, 12345, 12345, follow_symlinks=False)
    assert room.origin(checkout) == VcsOrigin(url=URL, commit=commit)


def test_nothing_of_the_repository_is_run(room: GitRepositories, checkout: Path) -> None:
    trace = checkout.parent / "trace"
    run_git(checkout, "config", "core.fsmonitor", f"touch {trace}")
    run_git(checkout, "config", "core.sshCommand", f"touch {trace}")
    assert room.origin(checkout) is not None
    assert not trace.exists()


def test_a_machine_without_git_still_knows_the_origin(tmp_path: Path, checkout: Path) -> None:
    room = GitRepositories(Folder(tmp_path), Memory(), {"PATH": ""})
    assert room.origin(checkout) == VcsOrigin(url=URL, commit=head(checkout))


def test_settings_of_git_that_are_broken_are_an_error(room: GitRepositories, checkout: Path) -> None:
    (checkout / ".git/config").write_text('[remote "origin\nurl =\n[[[')
    with pytest.raises(GitError, match="cannot be read") as caught:
        room.origin(checkout)
    assert ".git/config" in str(caught.value.hint)


@pytest.mark.skipif(
    "reftable" not in run_git(Path("/"), "init", "-h", check=False) and True,
    reason="this git is too old for reftables",
)
def test_references_in_a_reftable_are_read(room: GitRepositories, tmp_path: Path) -> None:
    folder = tmp_path / "reftable"
    folder.mkdir()
    run_git(folder, "init", "--quiet", "--ref-format=reftable")
    run_git(folder, "commit", "--quiet", "--allow-empty", "-m", "one")
    run_git(folder, "remote", "add", "origin", URL)
    assert room.origin(folder) == VcsOrigin(url=URL, commit=head(folder))


def test_a_head_that_names_a_folder_is_no_commit(room: GitRepositories, checkout: Path) -> None:
    (checkout / ".git/HEAD").write_text("ref: refs/heads")
    assert room.origin(checkout) is None
