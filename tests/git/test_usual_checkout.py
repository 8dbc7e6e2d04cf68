"""What is read without GitPython is what GitPython reads, and everything unusual is left to it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cachi2ish.git import checkout as reader
from cachi2ish.git.checkout import UsualCheckout, read_usual
from cachi2ish.git.command import GitCommand
from tests.git.conftest import run_git
from tests.support.git_server import git_environment

URL = "https://git.example.test/team/project.git"
REMOTE = f'[remote "origin"]\n\turl = {URL}\n'
CORE = "[core]\n\trepositoryformatversion = 0\n\tbare = false\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    run_git(tmp_path, "init", "--quiet", "--initial-branch=main")
    run_git(tmp_path, "commit", "--quiet", "--allow-empty", "-m", "one")
    return tmp_path


def read(folder: Path) -> UsualCheckout | None:
    return read_usual(folder / ".git", lambda file: file.read_text() if file.is_file() else None)


@pytest.mark.parametrize(
    "settings",
    [
        CORE + REMOTE,
        CORE + REMOTE + "\tfetch = +refs/heads/*:refs/remotes/origin/*\n",
        CORE + REMOTE + '[branch "feature/one"]\n\tremote = origin\n[user]\n\tname = A B\n',
        CORE + '[http "https://git.example.test/"]\n\textraheader = AUTHORIZATION: basic AAAA==\n' + REMOTE,
        CORE + '[remote "a"]\n\turl = /a b\n[remote "b"]\n\turl = git@h:x.git\n',
        CORE + '[remote "only"]\n    url = ../x.git\n',
        CORE + '[remote "origin"]\n\tfetch = x\n',
        CORE,
    ],
)
@pytest.mark.parametrize("detached", [False, True])
def test_a_usual_checkout_is_read_as_gitpython_reads_it(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, settings: str, detached: bool
) -> None:
    if detached:
        run_git(checkout, "checkout", "--quiet", "--detach")
    (checkout / ".git/config").write_text(settings)
    assert read(checkout) is not None
    command = GitCommand(git_environment(), 10)
    ours = reader.origin_of_checkout(checkout, command)
    monkeypatch.setattr(reader, "read_usual", lambda *_: None)
    assert ours == reader.origin_of_checkout(checkout, command)


@pytest.mark.parametrize(
    "settings",
    [
        "",
        "url = x\n" + CORE,
        CORE + REMOTE + REMOTE,
        CORE + REMOTE + "\turl = /second\n",
        CORE + REMOTE.replace("url", "URL"),
        CORE + '[remote "origin"]\n\turl = "https://git.example.test/a b"\n',
        CORE + '[remote "origin"]\n\turl = /a\\\n  b\n',
        CORE + '[remote "origin"]\n\turl = /a ; a comment\n',
        CORE + '[remote "origin"]\n\turl = /a # a comment\n',
        CORE + '[remote "origin"]\n\turl=/a\n',
        CORE + '[remote "origin"]\n\turl\n',
        CORE + '[remote "or\\"igin"]\n\turl = /a\n',
        CORE + "[include]\n\tpath = other\n" + REMOTE,
        CORE + '[includeIf "gitdir:/x"]\n\tpath = other\n' + REMOTE,
        CORE + "[extensions]\n\tworktreeConfig = true\n" + REMOTE,
        CORE + "# a comment\n" + REMOTE,
        CORE + REMOTE.replace("\n", "\r\n"),
    ],
)
def test_settings_of_another_form_are_left_to_gitpython(checkout: Path, settings: str) -> None:
    (checkout / ".git/config").write_text(settings, newline="")
    assert read_usual(checkout / ".git", lambda file: file.read_bytes().decode()) is None


@pytest.mark.parametrize(
    "head", ["", "ref: refs/heads/none\n", "ref: refs/heads/../../x\n", "ref: HEAD\n", "f00\n"]
)
def test_a_head_of_another_form_is_left_to_gitpython(checkout: Path, head: str) -> None:
    (checkout / ".git/config").write_text(CORE + REMOTE)
    (checkout / ".git/HEAD").write_text(head)
    assert read(checkout) is None


def test_packed_references_and_worktrees_are_left_to_gitpython(checkout: Path) -> None:
    run_git(checkout, "worktree", "add", "--quiet", str(checkout / "tree"), "-b", "other")
    assert read(checkout / "tree") is None
    assert read_usual(checkout / ".git/worktrees/tree", lambda file: file.read_text()) is None
    run_git(checkout, "pack-refs", "--all")
    assert read(checkout) is None


def test_gitpython_is_not_imported_for_a_clone(checkout: Path) -> None:
    run_git(checkout, "clone", "--quiet", ".", "clone")
    program = (
        "import sys; from pathlib import Path; from cachi2ish.git.command import GitCommand;"
        "from cachi2ish.git.checkout import origin_of_checkout;"
        "print(origin_of_checkout(Path('clone'), GitCommand({}, 10)).commit, 'git' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=checkout, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [run_git(checkout, "rev-parse", "HEAD"), "False"]
