"""``--offline`` where there is no network, and what trusted pages are worth there."""

from __future__ import annotations

from pathlib import Path

from harness import BIN, Shell, tree

from cachi2ish.exit_codes import ExitCode
from tests.support.distributions import make_sdist, sdist_files
from tests.support.git_server import git_server, make_repository
from tests.support.index_server import IndexServer

APPLE, PLUM = make_sdist("apple", "1.0"), make_sdist("plum", "2.0")
UPLOADED = "2024-09-01T00:00:00Z"


def test_a_lock_without_hashes_and_all_kinds_of_requirements(shell: Shell, tmp_path: Path) -> None:
    source, cache = tmp_path / "source", tmp_path / "cache"
    source.mkdir()
    repository = make_repository(tmp_path / "git" / "fig.git")
    commit = repository.commit(sdist_files("fig", "3.0", pkg_info=""))
    with IndexServer() as index, git_server(repository.path.parent) as git:
        index.add("apple", APPLE, upload_time=UPLOADED)
        (source / "requirements.txt").write_text(
            f"--index-url {index.index_url}\n"
            "apple==1.0\n"
            f"plum @ {index.serve_file(PLUM)}#sha256={PLUM.sha256}\n"
            f"fig @ git+{git.url('fig.git')}@{commit}\n"
        )
        shell.fetch(source, tmp_path / "out", cache, "pip")
    for number, options in enumerate((("--offline",), ("--offline", "--index-date=2024-10-01"))):
        place = tmp_path / f"out-{number}"
        done = shell.fetch(source, place, cache, *options, "pip", offline=True)
        assert "0 from the network" in done.errors
        assert tree(place / "deps") == tree(tmp_path / "out" / "deps")
    # As of a date nobody has to be asked, and so nobody is, though nobody says that there is no network.
    shell.fetch(source, tmp_path / "dated", cache, "--index-date=2024-10-01", "pip", offline=True)


def test_with_the_public_index_and_an_empty_cache_all_is_missing_and_nobody_is_waited_for(
    shell: Shell, tmp_path: Path
) -> None:
    (tmp_path / "requirements.txt").write_text("six==1.16.0\nclick==8.1.7\n")
    places = ("--source", tmp_path, "--output", tmp_path / "out", "--cache-dir", tmp_path / "cache")
    done = shell.try_(BIN / "cachi2ish", "fetch-deps", *places, "--offline", "pip", offline=True)
    assert done.status == ExitCode.UNAVAILABLE
    assert done.errors.count("is not in the cache") == 2
    assert done.errors.count("run once without --offline") == 1
