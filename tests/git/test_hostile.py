"""Repositories that somebody made to do harm: each is refused with a place, or does nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cachi2ish.errors import GitError
from cachi2ish.git import objects, submodules
from tests.git.conftest import Workbench, run_git, wanted
from tests.support.git_server import Link, Repository, Submodule


def test_gitmodules_includes_no_file_of_this_machine(bench: Workbench) -> None:
    sub = bench.repository("sub.git").commit({"s.txt": "s"})
    secret = bench.root / "secret"
    secret.write_text('[submodule "sub"]\n\tpath = sub\n\turl = ../sub.git\n')
    include = f"[include]\n\tpath = {secret}\n"
    commit = bench.repository("outer.git").commit({"sub": Submodule(sub), ".gitmodules": include})
    with pytest.raises(GitError, match="has no address for the submodule sub"):
        bench.fetch(bench.server.url("outer.git"), commit)


def test_gitmodules_waits_for_no_pipe(bench: Workbench) -> None:
    os.mkfifo(bench.root / "pipe")
    include = f"[include]\n\tpath = {bench.root / 'pipe'}\n"
    commit = bench.repository("outer.git").commit({"sub": Submodule("1" * 40), ".gitmodules": include})
    with pytest.raises(GitError, match="has no address for the submodule sub"):
        bench.fetch(bench.server.url("outer.git"), commit)


def tree_of(repository: Repository, *entries: tuple[str, str, str]) -> str:
    """A tree object with exactly these entries: (mode, name, object)."""
    content = b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(oid) for mode, name, oid in entries)
    return repository.git("hash-object", "-t", "tree", "--literally", "-w", "--stdin", content=content)


@pytest.mark.parametrize(
    ("first", "second"), [("setup.py", "setup.py"), ("setup.py", "Setup.py"), ("straße", "STRASSE")]
)
def test_a_folder_that_names_one_file_twice_is_refused(bench: Workbench, first: str, second: str) -> None:
    repository = bench.repository()
    blob = repository.git("hash-object", "-w", "--stdin", content=b"x")
    commit = repository.commit_tree(
        tree_of(repository, ("100644", first, blob), ("100644", second, blob)), reference="refs/heads/main"
    )
    with pytest.raises(GitError, match="which it holds twice") as caught:
        bench.fetch(bench.server.url("project.git"), commit)
    assert first in str(caught.value)
    assert second in str(caught.value)


def test_a_link_and_a_folder_of_one_name_do_not_reach_what_the_link_leads_to(bench: Workbench) -> None:
    repository = bench.repository()
    link = repository.git("hash-object", "-w", "--stdin", content=b".git")
    config = repository.git("hash-object", "-w", "--stdin", content=b"[core]\n\tfsmonitor = touch pwned\n")
    inner = tree_of(repository, ("100644", "config", config))
    commit = repository.commit_tree(
        tree_of(repository, ("120000", "a", link), ("40000", "a", inner)), reference="refs/heads/main"
    )
    with pytest.raises(GitError, match="which it holds twice"):
        bench.fetch(bench.server.url("project.git"), commit)


def test_one_name_in_two_folders_is_fine(bench: Workbench) -> None:
    commit = bench.repository().commit({"a/x": "1", "b/x": "2", "B2/x": "3"})
    folder = bench.unpack(bench.fetch(bench.server.url("project.git"), commit))
    assert (folder / "b/x").read_text() == "2"


def test_a_link_whose_target_is_longer_than_any_path_is_refused(bench: Workbench) -> None:
    commit = bench.repository().commit({"l": Link("a/" * 4096), "a": "a"})
    with pytest.raises(GitError, match=r"link 'l', whose target has 8192 bytes"):
        bench.fetch(bench.server.url("project.git"), commit)


def test_a_commit_with_more_files_than_any_project_has_is_refused(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "MOST_ENTRIES", 3)
    commit = bench.repository().commit({name: name for name in "abcd"})
    with pytest.raises(GitError, match="more than 3 files"):
        bench.fetch(bench.server.url("project.git"), commit)


def test_a_commit_without_a_date_is_refused(bench: Workbench) -> None:
    repository = bench.repository()
    tree = repository.git("hash-object", "-t", "tree", "-w", "--stdin", content=b"")
    text = f"tree {tree}\nauthor A <a@b.test> 1700000000 +0100\ncommitter A\n\nwork\n".encode()
    commit = repository.git("hash-object", "-t", "commit", "--literally", "-w", "--stdin", content=text)
    repository.git("update-ref", "refs/heads/main", commit)
    with pytest.raises(GitError, match=f"holds a commit {commit} without a date"):
        bench.fetch(bench.server.url("project.git"), commit)


@pytest.mark.parametrize("name", ["config", "HEAD", "refs/heads/main", "packed-refs", "commondir"])
def test_a_pipe_in_the_place_of_gits_own_file_is_an_error_and_no_silence(tmp_path: Path, name: str) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    run_git(checkout, "init", "--quiet", "--initial-branch=main")
    run_git(checkout, "commit", "--quiet", "--allow-empty", "-m", "one")
    place = checkout / ".git" / name
    place.unlink(missing_ok=True)
    os.mkfifo(place)
    reading = subprocess.run(
        [sys.executable, "-c", ORIGIN, str(checkout)], capture_output=True, text=True, timeout=20, check=False
    )
    assert reading.returncode == 0, reading.stderr
    assert f"{name} is not a regular file" in reading.stdout


ORIGIN = """
import sys
from pathlib import Path
from cachi2ish.errors import GitError
from cachi2ish.git.repositories import GitRepositories
try:
    print(GitRepositories(None, None, {}).origin(Path(sys.argv[1])))
except GitError as error:
    print(error.problem)
"""


def test_settings_of_a_checkout_include_no_other_file(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    run_git(checkout, "init", "--quiet", "--initial-branch=main")
    run_git(checkout, "commit", "--quiet", "--allow-empty", "-m", "one")
    (tmp_path / "other").write_text('[remote "origin"]\n\turl = https://elsewhere.test/x.git\n')
    with (checkout / ".git/config").open("a") as config:
        config.write(f"[include]\n\tpath = {tmp_path / 'other'}\n")
    done = subprocess.run(
        [sys.executable, "-c", ORIGIN, str(checkout)], capture_output=True, text=True, timeout=20, check=True
    )
    assert done.stdout.strip() == "None"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no such limit")
def test_a_commit_that_takes_more_memory_than_git_may_have_is_refused(bench: Workbench) -> None:
    repository = bench.repository()
    honest = repository.commit({"a": "a"})
    head, message = repository.git("cat-file", "commit", honest), b"\n\n" + bytes(80_000_000).replace(b"\0", b"x")
    commit = repository.git("hash-object", "-t", "commit", "-w", "--stdin", content=head.encode() + message)
    repository.git("update-ref", "refs/heads/large", commit)
    room = bench.room(memory=70_000_000)
    assert room.archive(wanted(bench.server.url("project.git"), honest)).size
    with pytest.raises(GitError, match="takes more than 2000 MB of memory"):
        room.archive(wanted(bench.server.url("project.git"), commit))


def test_more_submodules_than_any_project_has_are_refused_wherever_they_are(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = bench.repository("inner.git").commit({"a": "a"})
    outer = '[submodule "i"]\n\tpath = i\n\turl = ../inner.git\n'
    middle = bench.repository("middle.git").commit({"i": Submodule(inner), ".gitmodules": outer})
    texts = "".join(f'[submodule "{name}"]\n\tpath = {name}\n\turl = ../middle.git\n' for name in "ab")
    commit = bench.repository("project.git").commit(
        {"a": Submodule(middle), "b": Submodule(middle), ".gitmodules": texts}
    )
    monkeypatch.setattr(submodules, "MOST_SUBMODULES", 4)
    assert bench.fetch(bench.server.url("project.git"), commit)
    monkeypatch.setattr(submodules, "MOST_SUBMODULES", 3)
    with pytest.raises(GitError, match="it has more than 3 submodules"):
        bench.fetch(bench.server.url("project.git"), commit)
