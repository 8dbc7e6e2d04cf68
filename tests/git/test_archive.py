from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.git.conftest import Workbench, run_git, wanted
from tests.support.git_server import Executable, Link, Repository, make_repository

DESCRIBE = ("describe", "--tags", "--long", "--dirty")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A history with tags of all kinds, and files that git may change on their way."""
    repository = make_repository(tmp_path_factory.mktemp("template") / "project.git")
    repository.commit({"a.txt": "one\n"})
    repository.tag("v0.1")
    repository.commit({"a.txt": "two\n"})
    repository.tag("v0.2", message="second")
    repository.commit({"a.txt": "three\n", "deep/er/b.py": "B = 1\n"})
    repository.tag("other-9.9")
    repository.commit(
        {
            "a.txt": "with\r\nreturns\r\n",
            "unix.txt": "with\nlines\n",
            "id.txt": "$Id$\n",
            "big.bin": bytes(range(256)) * 700,
            "run.sh": Executable("#!/bin/sh\n"),
            "link": Link("a.txt"),
            "deep/link": Link("../a.txt"),
            "absolute": Link("/etc/passwd"),
            "deep/out": Link("../../outside"),
            "ünï cödé.txt": "u\n",
            f"{'long' * 40}/{'name' * 40}.txt": "l\n",
            "sub.txt": "$Format:%H$\n",
            "lfs.bin": "version https://git-lfs.github.com/spec/v1\n",
            "hidden.txt": "not exported\n",
            ".gitattributes": "unix.txt text eol=crlf\nid.txt ident\nsub.txt export-subst\n"
            "hidden.txt export-ignore\nlfs.bin filter=lfs diff=lfs merge=lfs -text\n",
            ".gitignore": "*.pyc\n",
        },
        "everything",
    )
    return repository


@pytest.fixture
def sample(bench: Workbench, template: Repository) -> Repository:
    """The same, for one test and on the server."""
    path = bench.root / "repositories/project.git"
    shutil.copytree(template.path, path)
    return Repository(path, template.commits)


def tip(repository: Repository) -> str:
    return repository.git("rev-parse", "main")


def test_the_archive_holds_the_files_as_git_stores_them(bench: Workbench, sample: Repository) -> None:
    folder = bench.unpack(bench.fetch(bench.server.url("project.git"), tip(sample)))
    assert folder.name == f"project-{tip(sample)}"
    assert (folder / "a.txt").read_bytes() == b"with\r\nreturns\r\n"
    assert (folder / "unix.txt").read_bytes() == b"with\nlines\n"
    assert (folder / "id.txt").read_text() == "$Id$\n"
    assert (folder / "sub.txt").read_text() == "$Format:%H$\n"
    assert (folder / "hidden.txt").exists()
    assert (folder / "lfs.bin").read_text().startswith("version https")
    assert (folder / "big.bin").read_bytes() == bytes(range(256)) * 700
    assert (folder / "ünï cödé.txt").exists()
    assert (folder / ("long" * 40) / f"{'name' * 40}.txt").exists()
    assert os.access(folder / "run.sh", os.X_OK)
    assert not (folder / "a.txt").stat().st_mode & 0o111
    assert (folder / "link").readlink() == Path("a.txt")
    assert (folder / "deep/link").read_bytes() == b"with\r\nreturns\r\n"


def test_links_that_lead_out_are_left_out(bench: Workbench, sample: Repository) -> None:
    folder = bench.unpack(bench.fetch(bench.server.url("project.git"), tip(sample)))
    assert not (folder / "absolute").is_symlink()
    assert not (folder / "deep/out").is_symlink()


@pytest.mark.parametrize("revision", ["v0.1", "v0.1~0", "v0.2^0", "other-9.9", "main"])
def test_git_describes_the_archive_as_it_describes_a_clone(
    bench: Workbench, sample: Repository, revision: str
) -> None:
    sample.commit({"later": "x"})
    sample.tag("v7")
    commit = sample.git("rev-parse", f"{revision}^{{commit}}" if revision != "main" else "main~1")
    folder = bench.unpack(bench.fetch(bench.server.url("project.git"), commit))
    clone = bench.clone(sample, commit)
    for question in (
        DESCRIBE,
        (*DESCRIBE, "--match", "v[0-9]*"),
        (*DESCRIBE, "--always", "--first-parent"),
        ("rev-list", "--count", "HEAD"),
        ("rev-parse", "--is-shallow-repository"),
        ("for-each-ref", "refs/tags", "--merged", "HEAD"),
        ("show", "--no-patch", "--format=%ci", "HEAD"),
        ("log", "--simplify-by-decoration", "--topo-order", "--decorate=full", "HEAD", "--format=%H%d"),
        ("log", "--format=%H %an %s"),
        ("ls-files",),
        ("status", "--porcelain"),
    ):
        assert run_git(folder, *question, check=False) == run_git(clone, *question, check=False), question


def test_git_in_the_archive_finds_nothing_changed_whatever_the_user_prefers(
    bench: Workbench, sample: Repository, tmp_path: Path
) -> None:
    folder = bench.unpack(bench.fetch(bench.server.url("project.git"), tip(sample)))
    config = tmp_path / "config"
    config.write_text(
        '[core]\nautocrlf = true\n[filter "lfs"]\nclean = false\nrequired = true\n'
        "[status]\nshowUntrackedFiles = all\n"
    )
    assert run_git(folder, *DESCRIBE, GIT_CONFIG_GLOBAL=str(config)).endswith(tip(sample)[:7])
    assert run_git(folder, "status", "--porcelain", GIT_CONFIG_GLOBAL=str(config)) == ""


def test_a_change_in_the_unpacked_archive_is_seen(bench: Workbench, sample: Repository) -> None:
    folder = bench.unpack(bench.fetch(bench.server.url("project.git"), tip(sample)))
    (folder / "a.txt").write_text("changed")
    assert run_git(folder, *DESCRIBE).endswith("-dirty")


def test_git_archive_works_in_the_archive(bench: Workbench, sample: Repository) -> None:
    folder = bench.unpack(bench.fetch(bench.server.url("project.git"), tip(sample)))
    run_git(folder, "archive", "--format=tar", "-o", "../exported.tar", "HEAD")
    with tarfile.open(folder.parent / "exported.tar") as exported:
        names = exported.getnames()
    assert "big.bin" in names
    assert "hidden.txt" not in names


@pytest.fixture
def _surroundings() -> Iterator[None]:
    mask, zone = os.umask(0o077), os.environ.get("TZ")
    yield
    os.umask(mask)
    if zone is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = zone


@pytest.mark.usefixtures("_surroundings")
def test_the_bytes_depend_on_nothing_but_the_commit(
    bench: Workbench, sample: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = bench.server.url("project.git")
    first = bench.fetch(url, tip(sample))
    config = tmp_path / "config"
    config.write_text(
        "[core]\nautocrlf = true\ncompression = 9\nabbrev = 12\nquotePath = false\nsymlinks = false\n"
        "[pack]\ncompression = 0\ndepth = 1\nthreads = 1\n[index]\nversion = 4\nskipHash = true\n"
        "[tag]\nsort = -refname\n[versionsort]\nsuffix = -\n[color]\nui = always\n[column]\nui = always\n"
        "[log]\nshowSignature = true\ndate = relative\n[init]\ndefaultBranch = trunk\n[fetch]\nunpackLimit = 1\n"
    )
    os.umask(0o027)
    monkeypatch.setenv("TZ", "Pacific/Chatham")
    again = bench.fetch(
        url, tip(sample), GIT_CONFIG_GLOBAL=str(config), TZ="Pacific/Chatham", LC_ALL="de_DE.UTF-8"
    )
    assert again == first
    sample.git("gc", "--quiet", "--aggressive")
    sample.git("config", "uploadpack.allowFilter", "false")
    bench.server.protocols = False
    assert bench.fetch(url, tip(sample)) == first
    assert bench.fetch(f"file://{sample.path}", tip(sample)) == first


def test_a_later_commit_or_tag_elsewhere_changes_no_byte(bench: Workbench, sample: Repository) -> None:
    url, commit = bench.server.url("project.git"), tip(sample)
    first = bench.fetch(url, commit)
    sample.commit({"later": "x"})
    sample.tag("v7")
    assert bench.fetch(url, commit) == first


def test_the_format_of_the_bytes_is_pinned(bench: Workbench) -> None:
    # If this changes, every hash that inject-files has written changes: raise archive.FORMAT with it.
    repository = bench.repository()
    repository.commit({"a.txt": "hello\n", "ü": Link("a.txt")})
    repository.tag("v1", message="one")
    commit = repository.commit({"b/c.txt": b"\x00" * 70_000})
    content = bench.fetch(bench.server.url("project.git"), commit)
    sha256 = "baf1badd23ef9ea35c13f73859803939757eeb08033aa12e19e798f91a93c4d4"
    assert hashlib.sha256(content).hexdigest() == sha256
    assert len(gzip.decompress(content)) % 512 == 0


def test_what_was_archived_once_is_not_asked_for_again(bench: Workbench, sample: Repository) -> None:
    room, requirement = bench.room(), wanted(bench.server.url("project.git", "user:secret"), tip(sample))
    first = room.archive(requirement)
    asked = len(bench.server.requests)
    assert room.archive(requirement) == first
    assert len(bench.server.requests) == asked
    assert "secret" not in "".join([*bench.memory, *bench.memory.values()])


def test_an_archive_that_the_store_has_lost_is_made_again(bench: Workbench, sample: Repository) -> None:
    room, requirement = bench.room(), wanted(bench.server.url("project.git"), tip(sample))
    first = room.archive(requirement)
    first.path.unlink()
    assert room.archive(requirement) == first


def test_two_projects_of_one_commit_have_their_own_archives(bench: Workbench, sample: Repository) -> None:
    room, url = bench.room(), bench.server.url("project.git")
    one = room.archive(wanted(url, tip(sample), name="One.Name"))
    other = room.archive(wanted(url, tip(sample), name="other", subdirectory="deep"))
    assert bench.unpack(one.path.read_bytes()).name == f"one-name-{tip(sample)}"
    assert (bench.unpack(other.path.read_bytes()) / "deep/.git_archival.txt").exists()


def test_nothing_is_left_in_the_scratch_folder(bench: Workbench, sample: Repository) -> None:
    bench.fetch(bench.server.url("project.git"), tip(sample))
    assert [list(folder.iterdir()) for folder in bench.root.glob("scratch*")] == [[]]


def test_hooks_and_templates_of_the_user_are_not_run(bench: Workbench, sample: Repository, tmp_path: Path) -> None:
    hooks, trace = tmp_path / "hooks", tmp_path / "trace"
    hooks.mkdir()
    for name in ("reference-transaction", "post-checkout", "post-merge"):
        (hooks / name).write_text(f"#!/bin/sh\necho {name} >> {trace}\n")
        (hooks / name).chmod(0o755)
    config = tmp_path / "config"
    config.write_text(f"[core]\nhooksPath = {hooks}\n[init]\ntemplateDir = {tmp_path}\n")
    bench.fetch(bench.server.url("project.git"), tip(sample), GIT_CONFIG_GLOBAL=str(config))
    assert not trace.exists()


def test_a_git_directory_in_the_environment_is_not_touched(bench: Workbench, sample: Repository) -> None:
    victim = bench.repository("victim.git")
    commit = victim.commit({"v": "v"})
    before = sorted(victim.path.rglob("*"))
    bench.fetch(
        bench.server.url("project.git"),
        tip(sample),
        GIT_DIR=str(victim.path),
        GIT_INDEX_FILE=str(victim.path / "index2"),
        GIT_OBJECT_DIRECTORY=str(victim.path / "objects"),
    )
    assert sorted(victim.path.rglob("*")) == before
    assert tip(victim) == commit
