"""An output is an index, too: installers that want one are given the address of its pages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Person, tree
from tests.support.command_line import clean_environment, run
from tests.support.distributions import make_sdist, make_wheel
from tests.support.offline import HERE, backend, buildable


@pytest.fixture
def fetched(person: Person) -> Person:
    """Somebody with an output that has an sdist, its build back-end, a wheel, and a wheel of an address."""
    files = buildable("apple", "1.0", requires=("Ripe.Banana",))
    person.index.add("apple", make_sdist("apple", "1.0", files=files))
    person.index.add("ripe-banana", make_wheel("ripe-banana", "1.0+local"))
    person.index.add("flit-core", backend("3.9"))
    cherry = make_wheel("cherry", "2.0")
    person.writes(
        "requirements.txt",
        f"apple==1.0\nripe-banana==1.0+local\ncherry @ {person.index.serve_file(cherry)}#sha256={cherry.sha256}\n",
    )
    person.writes("requirements-build.txt", "flit-core==3.9\n")
    done = person.fetches('{"type": "pip", "allow_binary": true}')
    assert done.code == 0, done.told
    return person


def downloads(person: Person, *wanted: str) -> subprocess.CompletedProcess[str]:
    """Let pip look for it where the pages of the output are, and nowhere else."""
    index = (person.output / "deps/simple").as_uri()
    return subprocess.run(
        [sys.executable, "-m", "pip", "download", "--no-cache-dir", "--dest", str(person.home), *wanted],
        env=clean_environment(person.home, PIP_INDEX_URL=index, PIP_CONFIG_FILE="/dev/null"),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_file_that_has_changed_is_refused_by_the_digest_of_the_page(fetched: Person) -> None:
    wheel = fetched.output / "deps/pip/ripe_banana-1.0+local-py3-none-any.whl"
    wheel.write_bytes(make_wheel("ripe-banana", "1.0+local", metadata="Summary: other\n").content)
    done = downloads(fetched, "ripe-banana")
    assert done.returncode != 0
    assert "HASH" in done.stderr.upper()


def test_pip_finds_everything_by_the_pages_and_builds_with_what_they_list(fetched: Person) -> None:
    done = downloads(fetched, "apple", "cherry")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in fetched.home.glob("*-*")} == {
        "apple-1.0.tar.gz",
        "cherry-2.0-py3-none-any.whl",
        "ripe_banana-1.0+local-py3-none-any.whl",
    }


def test_both_forms_of_a_page_list_each_file_beside_them_with_its_digest_and_size(fetched: Person) -> None:
    pages = fetched.output / "deps/simple"
    listed = [one["name"] for one in json.loads((pages / "index.json").read_text())["projects"]]
    assert listed == ["apple", "cherry", "flit-core", "ripe-banana"]
    for project in listed:
        page = json.loads((pages / project / "index.json").read_text())
        html = (pages / project / "index.html").read_text()
        assert (page["name"], page["meta"], len(page["versions"])) == (project, {"api-version": "1.4"}, 1)
        for file in page["files"]:
            place = pages / project / file["url"].replace("%2B", "+")
            assert place.stat().st_size == file["size"]
            assert f'href="{file["url"]}#sha256={file["hashes"]["sha256"]}"' in html


def test_whatever_becomes_of_the_pages_the_output_is_not_proved_any_more(fetched: Person) -> None:
    def verdict() -> tuple[int, str]:
        done = run("verify", fetched.output, "--target", HERE, home=fetched.home)
        return done.code, done.told

    assert verdict()[0] == 0, verdict()
    page = fetched.output / "deps/simple/apple/index.html"
    before = tree(fetched.output)
    page.write_text(page.read_text().replace("../../pip/", "https://elsewhere.example/"))
    assert "deps/simple is not as fetch-deps wrote it" in verdict()[1]
    page.unlink()
    code, told = verdict()
    assert (code, "deps/simple is not as fetch-deps wrote it" in told) == (1, True)
    page.write_bytes(before["deps/simple/apple/index.html"])
    assert verdict()[0] == 0
    added = page.parent / os.fsdecode(b"\xff")
    added.touch()
    assert verdict()[0] == 1
    added.unlink()
    (page.parent / "more").symlink_to("/tmp")
    assert verdict()[0] == 1


def test_the_pages_of_an_earlier_output_go_with_it(fetched: Person) -> None:
    stranger = fetched.output / "deps/simple/mine.html"
    stranger.write_text("mine")
    refused = fetched.fetches("pip")
    assert refused.code != 0
    assert "deps/simple/mine.html" in refused.told
    stranger.unlink()
    fetched.writes("requirements.txt", "ripe-banana==1.0+local\n")
    fetched.writes("requirements-build.txt", "")
    assert fetched.fetches('{"type": "pip", "allow_binary": true}').code == 0
    assert sorted(path.name for path in (fetched.output / "deps/simple").iterdir()) == [
        "index.html",
        "index.json",
        "ripe-banana",
    ]


def test_the_folder_may_be_moved_with_all_that_is_in_it(fetched: Person) -> None:
    fetched.output = Path(fetched.output.rename(fetched.home / "elsewhere"))
    assert downloads(fetched, "ripe-banana==1.0+local").returncode == 0
