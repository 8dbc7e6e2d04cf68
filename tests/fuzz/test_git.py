"""Repositories of others, as objects and as files, and the settings of the user's own checkout."""

from __future__ import annotations

import errno
import hashlib
import os
import tarfile
import zlib
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import strategies as st

from cachi2ish.errors import GitError
from cachi2ish.git import checkout
from cachi2ish.git.checkout import origin_of_checkout
from cachi2ish.git.command import GitCommand
from cachi2ish.git.repositories import GitRepositories
from tests.fuzz.campaign import fuzzed
from tests.fuzz.guards import each_error
from tests.fuzz.mutating import bytes_like, files_like, write
from tests.git.conftest import _FILTER, Folder, Memory, wanted
from tests.support.git_server import Link, git_environment, make_repository

COMMAND = GitCommand(git_environment(), 20.0, 20.0)
GIT = {"programs": frozenset({"git"})}

COMMIT = """\
tree {tree}
author A. Author <author@example.test> 1700000000 +0100
committer A. Author <author@example.test> 1700000000 +0100

work
"""
TAG = """\
object {commit}
type commit
tag v1.0
tagger A. Author <author@example.test> 1700000000 +0100

a release
"""
MODULES = (
    (
        '[submodule "sub"]\n\tpath = sub\n\turl = ../sub.git\n[submodule "x.y"]\n'
        '\tpath = "a b"\n\turl = ./../sub.git\n\tupdate = none\n'
    ),
    '[include]\n\tpath = /etc/passwd\n[submodule "sub"]\n\tpath = sub/\n\turl = https://me:pw@h.invalid/x.git\n',
    (
        '[submodule "sub"]\n\tpath = sub\n\turl = ext::sh -c touch% pwned\n'
        "\tupdate = !touch pwned\n[core]\n\tfsmonitor = touch pwned\n"
    ),
)
ARCHIVAL = (
    (
        "node: $Format:%H$\nnode-date: $Format:%cI$\n"
        "describe-name: $Format:%(describe:tags=true,match=*[0-9]*,exclude=-x)$\n"
    ),
    "x\n",
)
CONTENTS = bytes_like(
    [*MODULES, *ARCHIVAL, "x = 1\n", "../a", "/etc/passwd", "a"], ("--", "$Format:", "%(describe:", ")$", "match=")
)
NAMES = st.sampled_from(
    [
        *(
            b"a",
            b"A",
            b"setup.py",
            b"sub",
            b".gitmodules",
            b".git_archival.txt",
            b"pyproject.toml",
            b"a b",
            b"d",
            b"x",
        ),
        *(
            b".git",
            b".GIT",
            b"..",
            b".",
            b"a/b",
            b"",
            b"\xc3\xa9",
            b"e\xcc\x81",
            b"\xff",
            b"n" * 300,
            b"git~1",
            b"a\nb",
            b"-x",
        ),
        *(b".gitattributes", b"\xe2\x80\x8c.git", b".git ", b"CON", b"a\\b", b"C:"),
    ]
)
MODES = st.sampled_from(
    [b"100644", b"100644", b"100755", b"120000", b"100664", b"0", b"777777", b"0100644", b"40000", b"160000"]
)
LEAVES = st.tuples(NAMES, MODES, CONTENTS)


def trees(depth: int = 2) -> st.SearchStrategy[Any]:
    """Lists of (name, mode, content or a tree)."""
    entry = (
        LEAVES
        if depth == 0
        else LEAVES | st.tuples(NAMES, st.just(b"40000"), st.deferred(lambda: trees(depth - 1)))
    )
    return st.lists(entry, max_size=4)


def put(repository: Path, kind: str, content: bytes) -> bytes:
    """Write a loose object; return its name."""
    whole = f"{kind} {len(content)}\0".encode() + content
    name = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
    write(repository, {f"objects/{name[:2]}/{name[2:]}": zlib.compress(whole, 1)})
    return name.encode()


def put_tree(repository: Path, entries: Any, links: bytes, *, in_order: bool) -> bytes:
    found = []
    for name, mode, what in entries:
        if isinstance(what, list):
            oid = put_tree(repository, what, links, in_order=in_order)
        else:
            oid = links if mode == b"160000" else put(repository, "blob", what)
        found.append((name + b"/" * (mode == b"40000"), mode + b" " + name + b"\0" + bytes.fromhex(oid.decode())))
    if in_order:
        found = sorted(dict(found).items())
    return put(repository, "tree", b"".join(entry for _, entry in found))


def make(repository: Path) -> Path:
    write(
        repository,
        {
            "HEAD": b"ref: refs/heads/main\n",
            "config": b"[core]\n\trepositoryformatversion = 0\n\tbare = true\n[uploadpack]\nallowFilter = true\n",
        },
    )
    for folder in ("objects", "refs/heads", "refs/tags"):
        (repository / folder).mkdir(parents=True)
    return repository


@fuzzed(
    entries=trees(),
    in_order=st.booleans(),
    modules=st.none() | bytes_like(MODULES, ("[submodule ", "url = ", "path = ", "include", "\\\n", "../")),
    commit=st.just(COMMIT.encode())
    | bytes_like([COMMIT], ("parent ", "tree ", "gpgsig ", "encoding x\n", "{tree}")),
    tag=bytes_like([TAG], ("object ", "type tree\n", "tag ")),
    reference=st.sampled_from(["v1.0", "1", "-x", "a-1-gabc", "$x", "é", "v1.0^{}"]),
    subdirectory=st.sampled_from([None, None, "a", "..", "/", "d/"]),
    guard=GIT,
)
def test_git_objects(
    entries: Any,
    in_order: bool,
    modules: bytes | None,
    commit: bytes,
    tag: bytes,
    reference: str,
    subdirectory: str | None,
    room: Path,
) -> None:
    inner, outer = make(room / "sub.git"), make(room / "outer.git")
    sub = put(inner, "commit", COMMIT.format(tree=put(inner, "tree", b"").decode()).encode())
    write(inner, {"refs/heads/main": sub + b"\n"})
    if modules is not None:
        entries = [(b".gitmodules", b"100644", modules), (b"sub", b"160000", b""), *entries]
    tree = put_tree(outer, entries, sub, in_order=in_order)
    oid = put(outer, "commit", commit.replace(b"{tree}", tree))
    write(outer, {"refs/heads/main": oid + b"\n"})
    with suppress(OSError):
        write(outer, {f"refs/tags/{reference}": put(outer, "tag", tag.replace(b"{commit}", oid)) + b"\n"})
    fetch(room, outer, oid.decode(), subdirectory)


def fetch(room: Path, repository: Path, commit: str, subdirectory: str | None) -> None:
    """Make the archive of a commit, which is one that can be unpacked, or raise what is ours."""
    store, scratch = room / "store", room / "scratch"
    store.mkdir()
    scratch.mkdir()
    repositories = GitRepositories(
        Folder(store), Memory(), git_environment(), scratch=scratch, stall_seconds=20, timeout=20
    )
    try:
        with each_error(lambda one: isinstance(one, GitError)):
            blob = repositories.archive(wanted(f"file://{repository}", commit, subdirectory=subdirectory))
    finally:
        assert list(scratch.iterdir()) == []
        assert not list(room.glob("**/pwned"))
    with tarfile.open(blob.path) as archive:
        for member in archive:
            parts = member.name.split("/")
            assert parts[0] == f"project-{commit}"
            assert ".." not in parts
            assert member.isreg() or member.isdir() or member.issym()
            assert not any(part.lower() == ".git" for part in parts[2:])
        try:
            archive.extractall(room / "unpacked", **_FILTER)
        except OSError as error:  # no checkout could have such a name either
            if error.errno != errno.ENAMETOOLONG:
                raise


@cache
def packed() -> tuple[dict[str, bytes], str]:
    """The files of a repository of one pack, with two commits and a tag, and the name of the second commit."""
    with TemporaryDirectory(dir=os.environ.get("TMPDIR", "/tmp")) as folder:  # the room is not there yet
        repository = make_repository(Path(folder, "packed.git"))
        repository.commit({"setup.py": "x = 1\n" * 50, "d/a": "a", "l": Link("d/a")})
        commit = repository.commit({"setup.py": "x = 1\n" * 51})
        repository.tag("v1.0", message="a release")
        repository.git("repack", "-adq")
        found = {
            str(file.relative_to(repository.path)): file for file in repository.path.rglob("*") if file.is_file()
        }
        return {name: file.read_bytes() for name, file in found.items()}, commit


def _changed(ending: str) -> st.SearchStrategy[dict[str, bytes]]:
    files, _ = packed()
    name = next(name for name in files if name.endswith(ending))
    return bytes_like([files[name]]).map(lambda content: {**files, name: content})


@fuzzed(
    files=st.sampled_from([".pack", ".pack", ".idx", "HEAD", "config", "main", "v1.0"]).flatmap(_changed),
    guard=GIT,
)
def test_git_pack(files: dict[str, bytes], room: Path) -> None:
    write(room / "packed.git", files)
    fetch(room, room / "packed.git", packed()[1], None)


CHECKOUT = {
    ".git/HEAD": (
        "ref: refs/heads/main\n",
        "1" * 40 + "\n",
        "ref: ../../etc/passwd\n",
        "ref: refs/heads/main" + "\0" * 9,
    ),
    ".git/config": (
        '[core]\n\tbare = false\n[remote "origin"]\n\turl = https://h.test/r.git\n\tfetch = +refs/*:refs/*\n',
        (
            '[core]\n\tbare = false\n[remote "origin"]\n\turl = https://me:pw@h.test/r.git\n'
            "\tfetch = +refs/*:refs/*\n[include]\n\tpath = x\n"
        ),
        (
            '[remote "a"]\n\turl = git@h.test:r.git\n[remote "b"]\n\turl = ../r\n'
            '[includeIf "gitdir:/"]\n\tpath = /etc/passwd\n'
        ),
        (
            "[extensions]\n\trefstorage = reftable\n\tworktreeConfig = true\n[core]\n"
            '\tfsmonitor = touch pwned\n[remote "origin"]\n\turl="a \\\n b"\n'
        ),
    ),
    ".git/packed-refs": (
        "# pack-refs with: peeled fully-peeled sorted \n" + "2" * 40 + " refs/heads/main\n^" + "3" * 40 + "\n",
    ),
    ".git/refs/heads/main": ("4" * 40 + "\n", "ref: refs/heads/main\n"),
    ".git/commondir": ("../other\n", "/etc\n"),
    ".git/config.worktree": ("[core]\n\tx = 1\n",),
}


@fuzzed(
    files=files_like(
        CHECKOUT,
        ("ref: ", "[remote ", "url = ", "\\\n", "include"),
    ),
    gitdir=st.none() | bytes_like(["gitdir: real\n", "gitdir: /etc\n", "gitdir: ../x\n"]),
    whole=st.booleans(),
    guard={**GIT, "readable": ("",)},  # as for git, a checkout names the folder of its repository: any
)
def test_checkout(files: dict[str, bytes], gitdir: bytes | None, whole: bool, room: Path) -> None:
    make(room / ".git")  # where looking for a checkout ends
    source = room / "source"
    source.mkdir()
    write(source, files)
    if whole:
        for folder in ("objects", "refs"):
            (source / ".git" / folder).mkdir(parents=True, exist_ok=True)
    if gitdir is not None:
        with suppress(OSError):
            (source / ".git").rename(source / "real")
        (source / ".git").write_bytes(gitdir)
    origin = origin_of_checkout(source, COMMAND)
    with pytest.MonkeyPatch.context() as patch:  # what needs no GitPython is read as GitPython reads it
        patch.setattr(checkout, "read_usual", lambda *_: None)
        assert origin_of_checkout(source, COMMAND) == origin
    assert not list(room.glob("**/pwned"))
    if origin is not None:
        assert "pw@" not in origin.url
        assert len(origin.commit) == 40
