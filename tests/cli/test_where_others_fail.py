"""Input on which other tools of the field drop something, warn, or break: here it works."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from cachi2ish.exit_codes import ExitCode
from tests.cli.conftest import Person, tree
from tests.support.command_line import clean_environment
from tests.support.distributions import Dist, core_metadata, make_sdist, make_wheel
from tests.support.index_server import IndexServer


@pytest.fixture
def apple(person: Person) -> Dist:
    dist = make_sdist("apple", "1.0")
    person.index.add("apple", dist)
    return dist


def test_a_nested_requirements_file_is_followed(person: Person, apple: Dist) -> None:
    person.writes("requirements.txt", "-r more/base.txt\n")
    person.writes("more/base.txt", "apple==1.0\n")
    assert person.fetches().code == 0
    assert person.deps() == [apple.filename]


def test_a_constraint_pins_what_the_requirements_leave_open(person: Person, apple: Dist) -> None:
    person.writes("requirements.txt", "-c constraints.txt\napple\n")
    person.writes("constraints.txt", "apple==1.0\nbanana==3.0\n")
    assert person.fetches().code == 0
    assert person.deps() == [apple.filename]


def test_a_marker_is_recorded_and_the_file_fetched_for_whichever_machine_builds(
    person: Person, apple: Dist
) -> None:
    person.writes("requirements.txt", "apple==1.0 ; sys_platform == 'win32'\n")
    assert person.fetches().code == 0
    assert person.deps() == [apple.filename]
    (component,) = json.loads((person.output / "bom.json").read_text())["components"]
    assert {"name": "cachi2ish:pip:package:marker", "value": 'sys_platform == "win32"'} in component["properties"]


def test_a_digest_in_capitals_is_the_same_digest(person: Person, apple: Dist) -> None:
    person.writes("requirements.txt", f"apple==1.0 --hash=SHA256:{apple.sha256.upper()}\n")
    assert person.fetches().code == 0
    assert person.deps() == [apple.filename]


def test_a_byte_order_mark_a_variable_and_a_quoted_value_are_read_as_pip_reads_them(
    person: Person, apple: Dist
) -> None:
    del person.environ["PIP_INDEX_URL"]
    person.environ["PORT"] = str(person.index.index_url.rpartition(":")[2].partition("/")[0])
    lines = '--index-url "http://127.0.0.1:${PORT}/simple/"\napple==1.0\n'
    person.writes("requirements.txt", b"\xef\xbb\xbf" + lines.encode())
    outcome = person.fetches()
    assert outcome.code == 0, outcome.told
    assert person.deps() == [apple.filename]


def test_a_file_in_another_encoding_is_read_by_its_coding_line(person: Person, apple: Dist) -> None:
    person.writes("requirements.txt", "# -*- coding: latin-1 -*-\n# für alle\napple==1.0\n".encode("latin-1"))
    assert person.fetches().code == 0
    assert person.deps() == [apple.filename]


def test_a_comment_that_ends_in_a_backslash_swallows_nothing(person: Person, apple: Dist) -> None:
    person.writes("requirements.txt", "# C:\\\napple==1.0\n")
    assert person.fetches().code == 0
    assert person.deps() == [apple.filename]


@pytest.mark.parametrize("extension", [".tar.bz2", ".tar.xz", ".tgz", ".zip", ".tar", ".tbz", ".txz", ".tar.lzma"])
def test_every_kind_of_archive_is_taken(person: Person, extension: str) -> None:
    dist = make_sdist("apple", "1.0", extension)
    person.index.add("apple", dist)
    person.writes("requirements.txt", "apple==1.0\n")
    outcome = person.fetches()
    assert outcome.code == 0, outcome.told
    assert person.deps() == [dist.filename]


def test_an_absolute_link_inside_an_sdist_breaks_nothing(person: Person) -> None:
    buffer = io.BytesIO()
    with tarfile.open(mode="w:gz", fileobj=buffer) as archive:
        link = tarfile.TarInfo("apple-1.0/aaa")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        info = tarfile.TarInfo("apple-1.0/PKG-INFO")
        content = core_metadata("apple", "1.0").encode()
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    person.index.add("apple", Dist("apple-1.0.tar.gz", buffer.getvalue()))
    person.writes("requirements.txt", "apple==1.0\n")
    outcome = person.fetches()
    assert outcome.code == 0, outcome.told


def test_the_indexs_credentials_are_not_sent_to_the_host_it_links_to(person: Person) -> None:
    dist = make_sdist("apple", "1.0")
    with IndexServer(credentials=("user", "s3cret")) as private:
        private.add("apple", dist, url=person.index.serve_file(dist))
        person.environ["PIP_INDEX_URL"] = private.index_url_with_credentials
        person.writes("requirements.txt", "apple==1.0\n")
        outcome = person.fetches()
    assert outcome.code == 0, outcome.told
    assert person.index.requests
    assert all("authorization" not in {name.lower() for name in one.headers} for one in person.index.requests)


def test_a_read_only_source_that_is_no_checkout_will_do(person: Person, apple: Dist) -> None:
    file = person.writes("requirements.txt", f"apple==1.0 {apple.hash_option()}\n")
    file.chmod(stat.S_IRUSR)
    person.source.chmod(stat.S_IRUSR | stat.S_IXUSR)
    outcome = person.fetches()
    assert outcome.code == 0
    assert "leaves vcs_url out" in outcome.err
    assert sorted(tree(person.source)) == ["requirements.txt"]


def test_pip_installs_from_an_output_whose_path_has_a_space(person: Person, tmp_path: Path) -> None:
    person.index.add("apple", make_wheel("apple", "1.0"))
    person.writes("requirements.txt", "apple==1.0\n")
    person.output = tmp_path / "my output"
    assert person.fetches('{"type": "pip", "allow_binary": true}').code == 0
    env_file = tmp_path / "cachi2ish.env"
    assert person.runs("generate-env", person.output, "--output", env_file).code == 0

    install = (
        f'{sys.executable} -m pip install --target "{tmp_path / "site"}" -r "{person.source}/requirements.txt"'
    )
    done = subprocess.run(
        ["sh", "-c", f'. "{env_file}" && {install}'],
        env=clean_environment(person.home),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "site" / "apple.py").exists()


@pytest.mark.parametrize("name", ["env", "sh", "json"])
def test_the_format_follows_the_suffix(person: Person, apple: Dist, name: str) -> None:
    person.writes("requirements.txt", f"apple==1.0 {apple.hash_option()}\n")
    assert person.fetches().code == 0
    file = person.home / f"cachi2ish.{name}"
    assert person.runs("generate-env", person.output, "--output", file, "--for-output-dir", "/x y").code == 0
    if name == "json":
        values = {one["name"]: one["value"] for one in json.loads(file.read_text())}
    else:
        script = f'. "{file}" && printf "%s\\n%s" "$PIP_FIND_LINKS" "$PIP_NO_INDEX"'
        shown = subprocess.run(
            ["sh", "-c", script], capture_output=True, text=True, check=True, env=os.environ
        ).stdout
        values = dict(zip(("PIP_FIND_LINKS", "PIP_NO_INDEX"), shown.splitlines(), strict=True))
    assert values.items() >= {"PIP_FIND_LINKS": "file:///x%20y/deps/pip", "PIP_NO_INDEX": "true"}.items()


def test_without_a_file_the_variables_are_printed_as_json(person: Person, apple: Dist) -> None:
    person.writes("requirements.txt", f"apple==1.0 {apple.hash_option()}\n")
    assert person.fetches().code == 0
    outcome = person.runs("generate-env", person.output)
    assert {"name": "PIP_FIND_LINKS", "value": f"{person.output}/deps/pip"} in json.loads(outcome.out)


def test_an_environment_file_that_cannot_be_written_is_told(person: Person, apple: Dist) -> None:
    person.writes("requirements.txt", f"apple==1.0 {apple.hash_option()}\n")
    assert person.fetches().code == 0
    outcome = person.runs("generate-env", person.output, "--output", person.home / "nowhere" / "x.env")
    assert outcome.code == ExitCode.STORAGE
    assert "nowhere" in outcome.err


@pytest.mark.parametrize("is_folder", [True, False])
def test_a_requirements_file_that_is_no_file_is_told(person: Person, is_folder: bool) -> None:
    place = person.source / "requirements.txt"
    if is_folder:
        place.mkdir()
    else:
        place.symlink_to("nowhere.txt")
    person.writes("uv.lock", "version = 1\n")
    outcome = person.fetches()
    assert outcome.code == 3, outcome.told
    said = "a directory" if is_folder else "a link that leads nowhere"
    assert f"its requirements.txt is {said}" in outcome.err
