from __future__ import annotations

import pytest

from cachi2ish.errors import GitError
from tests.git.conftest import Workbench, run_git, wanted
from tests.support.git_server import Link, Submodule


def modules(**urls: str) -> str:
    return "".join(f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n' for path, url in urls.items())


def test_submodules_are_checked_out_all_the_way_down(bench: Workbench) -> None:
    inner = bench.repository("libs/inner.git").commit({"inner.txt": "inner\n", "up": Link("../../../a.txt")})
    middle = bench.repository("libs/middle.git").commit(
        {"middle.txt": "middle\n", "nested": Submodule(inner), ".gitmodules": modules(nested="../inner.git")},
    )
    outer = bench.repository("outer.git")
    commit = outer.commit(
        {"a.txt": "a\n", "vendored": Submodule(middle), ".gitmodules": modules(vendored="../libs/middle.git")},
    )
    folder = bench.unpack(bench.fetch(bench.server.url("outer.git"), commit))
    assert (folder / "vendored/middle.txt").read_text() == "middle\n"
    assert (folder / "vendored/nested/inner.txt").read_text() == "inner\n"
    assert not (folder / "vendored/nested/up").is_symlink()
    assert run_git(folder, "describe", "--always", "--dirty") == commit[:7]
    assert run_git(folder, "status", "--porcelain") == ""


def test_a_submodule_of_which_git_would_check_out_nothing_is_empty(bench: Workbench) -> None:
    outer = bench.repository("outer.git")
    commit = outer.commit({"a": "a", "void": Submodule("1" * 40)})
    assert list((bench.unpack(bench.fetch(bench.server.url("outer.git"), commit)) / "void").iterdir()) == []
    commit = outer.commit({".gitmodules": modules(void="../none.git") + "\tupdate = none\n"})
    assert list((bench.unpack(bench.fetch(bench.server.url("outer.git"), commit)) / "void").iterdir()) == []


def test_a_submodule_without_an_address_is_an_error(bench: Workbench) -> None:
    commit = bench.repository("outer.git").commit({"sub": Submodule("1" * 40), ".gitmodules": ""})
    with pytest.raises(GitError, match=r"requirements\.txt:3: .* no address for the submodule sub"):
        bench.fetch(bench.server.url("outer.git"), commit)


def test_a_submodule_with_an_address_that_is_no_url_is_an_error(bench: Workbench) -> None:
    broken = modules(sub="https://me:secret[@h.invalid/x.git")
    commit = bench.repository("outer.git").commit({"sub": Submodule("1" * 40), ".gitmodules": broken})
    with pytest.raises(GitError, match=r"the address of the submodule sub is no valid URL") as caught:
        bench.fetch(bench.server.url("outer.git"), commit)
    assert "secret" not in str(caught.value)


def test_a_submodule_that_lacks_its_commit_is_named(bench: Workbench) -> None:
    bench.repository("sub.git").commit({"a": "a"})
    outer = bench.repository("outer.git")
    commit = outer.commit({"sub": Submodule("1" * 40), ".gitmodules": modules(sub="../sub.git")})
    with pytest.raises(GitError, match=rf"submodule sub: {bench.server.url('sub.git')} has no commit 1111"):
        bench.fetch(bench.server.url("outer.git"), commit)


@pytest.mark.parametrize("url", ["file://{root}/repositories/secret.git", "{root}/repositories/secret.git"])
def test_a_repository_on_the_network_cannot_reach_this_machines_files(bench: Workbench, url: str) -> None:
    secret = bench.repository("secret.git").commit({"secret": "x"})
    address = url.format(root=bench.root)
    commit = bench.repository("outer.git").commit({"s": Submodule(secret), ".gitmodules": modules(s=address)})
    with pytest.raises(GitError, match="not allowed"):
        bench.fetch(bench.server.url("outer.git"), commit)


@pytest.mark.parametrize("url", ["ext::sh -c touch% {root}/pwned", "--upload-pack=touch {root}/pwned", "-u"])
def test_a_submodule_address_runs_no_command(bench: Workbench, url: str) -> None:
    address = url.format(root=bench.root)
    commit = bench.repository("outer.git").commit({"s": Submodule("1" * 40), ".gitmodules": modules(s=address)})
    for base in (bench.server.url("outer.git"), f"file://{bench.root}/repositories/outer.git"):
        with pytest.raises(GitError):
            bench.fetch(base, commit)
    assert not (bench.root / "pwned").exists()


def test_credentials_reach_submodules_of_the_same_host(bench: Workbench) -> None:
    sub = bench.repository("sub.git").commit({"s.txt": "s"})
    outer = bench.repository("outer.git")
    commit = outer.commit({"sub": Submodule(sub), ".gitmodules": modules(sub="../sub.git")})
    bench.server.password = "user:pass word"
    folder = bench.unpack(bench.fetch(bench.server.url("outer.git", "user:pass%20word"), commit))
    assert (folder / "sub/s.txt").exists()


def test_credentials_do_not_reach_other_hosts(bench: Workbench) -> None:
    bench.repository("sub.git").commit({"s.txt": "s"})
    other = bench.server.url("sub.git").replace("127.0.0.1", "localhost")
    commit = bench.repository("outer.git").commit({"sub": Submodule("1" * 40), ".gitmodules": modules(sub=other)})
    bench.server.password = "user:secret"
    with pytest.raises(GitError, match=r"localhost.* refused access") as caught:
        bench.room().archive(wanted(bench.server.url("outer.git", "user:secret"), commit))
    assert "secret" not in f"{caught.value} {caught.value.hint}"
    assert [r.authorization for r in bench.server.requests if "/sub.git" in r.path] == [None]


@pytest.mark.parametrize("path", ["..", ".git", ".GIT", "."])
def test_a_tree_with_a_path_that_git_forbids_is_refused(bench: Workbench, path: str) -> None:
    repository = bench.repository()
    blob = repository.git("hash-object", "-w", "--stdin", content=b"[core]\n")
    inner = repository.git("mktree", content=f"100644 blob {blob}\tconfig\n".encode())
    raw = b"40000 %s\0%s" % (path.encode(), bytes.fromhex(inner))
    tree = repository.git("hash-object", "-w", "-t", "tree", "--literally", "--stdin", content=raw)
    commit = repository.commit_tree(tree, reference="refs/heads/main")
    with pytest.raises(GitError, match="not safe to unpack"):
        bench.fetch(bench.server.url("project.git"), commit)
