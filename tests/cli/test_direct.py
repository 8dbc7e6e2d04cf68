"""URL and git requirements: fetched, handed over by rewriting the file, and given back."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cyclonedx.model.bom import Bom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from cachi2ish.exit_codes import ExitCode
from tests.cli.conftest import Person, tree
from tests.support.distributions import make_sdist, make_wheel, sdist_files
from tests.support.git_server import GitServer, Repository


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def lines(person: Person, repository: Repository, server: GitServer) -> str:
    """A requirements file with all three kinds, comments, continuations and Windows line ends."""
    commit = repository.commit(sdist_files("fig", "3.0", pkg_info=""))
    plum = person.index.serve_file(make_sdist("plum", "2.0"))
    pear = person.index.serve_file(make_wheel("pear", "1.0"))
    apple = make_sdist("apple", "1.0")
    person.index.add("apple", apple)
    text = (
        "# what we need  \\\n"
        f"apple==1.0 {apple.hash_option()}\n"
        f"plum @ {plum} \\\n    {make_sdist('plum', '2.0').hash_option()}  # from a friend\r\n"
        f"pear[x] @ {pear}#sha256={make_wheel('pear', '1.0').sha256} ; python_version > '3'\n"
        f"fig @ git+{server.url('fig.git')}@{commit}#subdirectory=.\n\n"
        "# the end"
    )
    person.writes("requirements.txt", text)
    return text


def test_all_three_kinds_are_fetched_under_names_that_tell_what_they_are(person: Person, lines: str) -> None:
    outcome = person.fetches()

    assert outcome.code == 0, outcome.told
    commit = lines.partition("@" + " git+")[2].partition("@")[2][:40]
    assert person.deps() == [
        "apple-1.0.tar.gz",
        f"fig-git-{commit}.tar.gz",
        "pear-1.0-py3-none-any.whl",
        f"plum-url-sha256-{make_sdist('plum', '2.0').sha256}.tar.gz",
    ]


def test_a_second_run_asks_neither_servers_nor_repositories(person: Person, lines: str, server: GitServer) -> None:
    assert lines
    assert person.fetches().code == 0
    first = tree(person.output)
    asked = len(server.requests)
    person.index.forget_requests()

    outcome = person.fetches()

    assert "0 from the network, 4 from the cache" in outcome.err
    assert (person.index.requests, len(server.requests)) == ((), asked)
    assert tree(person.output) == first


def test_injecting_replaces_the_addresses_and_nothing_else(person: Person, lines: str) -> None:
    assert lines
    assert person.fetches().code == 0

    outcome = person.runs("inject-files", person.output, "--for-output-dir", "/tmp/my out")

    assert outcome.code == 0, outcome.told
    text = (person.source / "requirements.txt").read_bytes().decode()
    plum = make_sdist("plum", "2.0").sha256
    assert f"plum @ file:///tmp/my%20out/deps/pip/plum-url-sha256-{plum}.tar.gz \\\n" in text
    assert "# from a friend\r\n" in text
    assert "pear[x] @ file:///tmp/my%20out/deps/pip/pear-1.0-py3-none-any.whl#sha256=" in text
    assert "#subdirectory=.&sha256=" in text
    assert text.startswith("# what we need  \\\napple==1.0 --hash")
    assert text.endswith("\n\n# the end")
    assert "http://" not in text


def test_injecting_can_be_repeated_for_another_directory_and_undone(person: Person, lines: str) -> None:
    assert person.fetches().code == 0
    for place in ("/a", "/a", "/b c"):
        assert person.runs("inject-files", person.output, "--for-output-dir", place).code == 0
    assert "file:///b%20c/deps/pip/" in (person.source / "requirements.txt").read_text()

    outcome = person.runs("inject-files", person.output, "--revert")

    assert outcome.code == 0, outcome.told
    assert (person.source / "requirements.txt").read_bytes() == lines.encode()
    assert sorted(tree(person.source)) == ["requirements.txt"]
    again = person.runs("inject-files", person.output, "--revert")
    assert (again.code, again.err) == (0, "no file had to be written: they are as they should be\n")
    assert (person.source / "requirements.txt").read_bytes() == lines.encode()


def test_an_editable_commit_and_addresses_without_a_name_are_handed_over_with_one(
    person: Person, repository: Repository, server: GitServer
) -> None:
    commit = repository.commit(sdist_files("fig", "3.0", pkg_info=""))
    pear = person.index.serve_file(make_wheel("pear", "1.0"))
    address = f"git+{server.url('fig.git')}@{commit}"
    text = (
        f"--editable={address}#egg=Fig  # ours\n{address}#egg=fig[x]\n"
        f"{pear}#sha256={make_wheel('pear', '1.0').sha256}\n"
    )
    person.writes("requirements.txt", text)
    fetched = person.fetches()
    assert fetched.code == 0, fetched.told
    archive = sha256(person.output / "deps" / "pip" / f"fig-git-{commit}.tar.gz")

    assert person.runs("inject-files", person.output, "--for-output-dir", "/o").code == 0
    assert (person.source / "requirements.txt").read_text() == (
        f"Fig @ file:///o/deps/pip/fig-git-{commit}.tar.gz#sha256={archive}  # ours\n"
        f"fig[x] @ file:///o/deps/pip/fig-git-{commit}.tar.gz#sha256={archive}\n"
        f"pear @ file:///o/deps/pip/pear-1.0-py3-none-any.whl#sha256={make_wheel('pear', '1.0').sha256}\n"
    )
    first = tree(person.output)
    again = person.fetches()
    assert again.code == 0, again.told
    assert tree(person.output) == first
    assert person.runs("inject-files", person.output, "--revert").code == 0
    assert (person.source / "requirements.txt").read_text() == text
    assert sorted(tree(person.source)) == ["requirements.txt"]


def test_an_address_that_is_a_constraint_is_fetched_and_pip_takes_it_offline(
    person: Person, tmp_path: Path
) -> None:
    plum, pear = make_wheel("plum", "2.0"), make_wheel("pear", "1.0")
    person.index.add("plum", make_sdist("plum", "1.0"))
    person.writes("requirements.txt", "-c c.txt\nplum==2.0\n")
    constraints = (
        f"plum @ {person.index.serve_file(plum)}#sha256={plum.sha256}\n"
        f"pear @ {person.index.serve_file(pear)}#sha256={pear.sha256}\n"
    )
    person.writes("c.txt", constraints)
    fetched = person.fetches()
    assert fetched.code == 0, fetched.told
    assert person.deps() == [plum.filename]
    assert person.runs("inject-files", person.output).code == 0

    environ = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    words = ("download", "--no-index", "--quiet", "--dest", str(tmp_path / "taken"), "-r", "requirements.txt")
    subprocess.run(
        [sys.executable, "-m", "pip", *words],
        cwd=person.source,
        env=environ | {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        check=True,
    )
    assert [path.name for path in (tmp_path / "taken").iterdir()] == [plum.filename]
    assert person.runs("inject-files", person.output, "--revert").code == 0
    assert (person.source / "c.txt").read_text() == constraints


def test_an_address_that_is_a_constraint_and_leads_to_another_version_is_refused(person: Person) -> None:
    plum = make_sdist("plum", "3.0")
    person.writes("requirements.txt", "-c c.txt\nplum==2.0\n")
    person.writes("c.txt", f"plum @ {person.index.serve_file(plum)}#sha256={plum.sha256}\n")
    outcome = person.fetches()
    assert outcome.code == ExitCode.DISTRIBUTION
    assert "requirements.txt:2: " in outcome.err
    assert "says that it is version 3.0, which ==2.0 does not admit" in outcome.err


@pytest.mark.parametrize(
    ("before", "warned"), [("", False), ("${USER_NAME}:${TOKEN}@", False), ("ann:s3cret@", True)]
)
def test_where_the_addresses_are_kept_is_told_and_a_password_is_warned_of(
    person: Person, before: str, warned: bool
) -> None:
    person.environ |= {"USER_NAME": "ann", "TOKEN": "s3cret"}
    plum = make_sdist("plum", "2.0")
    url = person.index.serve_file(plum).replace("://", f"://{before}")
    person.writes("requirements.txt", f"plum @ {url} {plum.hash_option()}\n")
    assert person.fetches().code == 0
    outcome = person.runs("inject-files", person.output)
    assert outcome.code == 0, outcome.told
    record = person.source / ".requirements.txt.cachi2ish.json"
    told = [line for line in outcome.err.splitlines() if str(record) in line]
    assert len(told) == 1
    assert "keep it out of images" in told[0]
    assert told[0].startswith("warning: ") is ("password" in told[0]) is warned
    assert "s3cret" not in outcome.told
    assert person.runs("inject-files", person.output, "--revert").code == 0
    assert not record.exists()


def test_the_record_of_a_private_file_is_private(person: Person, lines: str) -> None:
    assert lines
    assert person.fetches().code == 0
    (person.source / "requirements.txt").chmod(0o600)
    assert person.runs("inject-files", person.output).code == 0
    assert [stat.S_IMODE(path.stat().st_mode) for path in sorted(person.source.iterdir())] == [0o600, 0o600]


def test_fetching_works_after_injecting_and_gives_the_same(person: Person, lines: str) -> None:
    assert lines
    assert person.fetches().code == 0
    first = tree(person.output)
    assert person.runs("inject-files", person.output, "--for-output-dir", "/a").code == 0

    outcome = person.fetches()

    assert outcome.code == 0, outcome.told
    assert tree(person.output) == first


def test_a_repository_that_has_moved_is_found_with_source(person: Person, lines: str, tmp_path: Path) -> None:
    assert lines
    assert person.fetches().code == 0
    moved = person.source.rename(tmp_path / "moved")

    lost = person.runs("inject-files", person.output)
    assert lost.code == ExitCode.INPUT
    assert "--source" in lost.err

    assert person.runs("inject-files", person.output, "--source", moved).code == 0
    assert f"file://{person.output}/deps/pip/" in (moved / "requirements.txt").read_text()


def test_a_file_that_has_changed_since_is_not_rewritten(person: Person, lines: str) -> None:
    assert person.fetches().code == 0
    person.writes("requirements.txt", lines + "\n# more\n")

    outcome = person.runs("inject-files", person.output)

    assert outcome.code == ExitCode.INPUT
    assert "changed since fetch-deps" in outcome.err
    assert "file:" not in (person.source / "requirements.txt").read_text()


def test_the_bill_of_materials_tells_where_each_comes_from(person: Person, lines: str) -> None:
    assert lines
    assert person.fetches().code == 0

    document = json.loads((person.output / "bom.json").read_text())
    purls = {component["name"]: component["purl"] for component in document["components"]}

    assert "vcs_url=git%2Bhttp://" in purls["fig"]
    assert purls["fig"].startswith("pkg:pypi/fig@3.0?")
    assert "checksum=sha256:" in purls["plum"]
    assert "download_url=" in purls["plum"]


def test_the_bill_of_materials_of_all_kinds_is_valid_and_can_be_read_by_others(person: Person, lines: str) -> None:
    assert lines
    person.index.add("mill", make_sdist("mill", "4.0"))
    person.writes("requirements-build.txt", "mill==4.0\n")
    assert person.fetches().code == 0
    text = (person.output / "bom.json").read_text()

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    read = Bom.from_json(json.loads(text))  # type: ignore[attr-defined]  # added by a decorator
    assert isinstance(read, Bom)
    assert {component.name: component.version for component in read.components} == {
        "apple": "1.0",
        "fig": "3.0",
        "mill": "4.0",
        "pear": "1.0",
        "plum": "2.0",
    }
    root = read.metadata.component
    assert root is not None
    needed = next(one for one in read.dependencies if one.ref == root.bom_ref)
    assert len(needed.dependencies) == 5
    assert all(component.hashes for component in read.components)


def test_a_url_that_serves_another_file_is_refused(person: Person) -> None:
    address = person.index.serve_file(make_sdist("plum", "2.0"))
    person.writes("requirements.txt", f"plum @ {address}#sha256={make_sdist('plum', '1.0').sha256}\n")
    assert person.fetches().code == ExitCode.DIGEST


def test_credentials_of_direct_requirements_stay_out_of_every_output(
    person: Person, repository: Repository, server: GitServer
) -> None:
    commit = repository.commit(sdist_files("fig", "3.0", pkg_info=""))
    plum = make_sdist("plum", "2.0")
    address = person.index.serve_file(plum).replace("http://", "http://user:s3cret@")
    person.environ["TOKEN"] = "t0ps3cret"
    text = (
        f"plum @ {address}#sha256={plum.sha256}\n"
        f"fig @ git+{server.url('fig.git', '${TOKEN}')}@{commit}\n"
        "--extra-index-url http://other:s3cret@127.0.0.1:9/simple/\n"
    )
    person.writes("requirements.txt", text)

    outcome = person.fetches("pip", "--log-level", "debug")

    assert outcome.code == 0, outcome.told
    written = b"".join([*tree(person.output).values(), *tree(person.home).values()])
    for secret in ("s3cret", "t0ps3cret"):
        assert secret.encode() not in written
        assert secret not in outcome.told
    assert person.runs("inject-files", person.output).code == 0
    assert person.runs("inject-files", person.output, "--revert").code == 0
    assert (person.source / "requirements.txt").read_text() == text


def test_a_commit_that_is_not_there_is_told_with_its_line(
    person: Person, server: GitServer, repository: Repository
) -> None:
    repository.commit({"a": "b"})
    person.writes("requirements.txt", f"fig @ git+{server.url('fig.git')}@{'0' * 39}1\n")
    outcome = person.fetches()
    assert outcome.code == ExitCode.GIT
    assert "requirements.txt:1: " in outcome.err


def test_a_plan_lists_direct_requirements(person: Person, lines: str) -> None:
    assert lines
    outcome = person.fetches("pip", "--dry-run")
    assert outcome.code == 0
    assert "clone fig-git-" in outcome.out
    assert "fetch plum-url-sha256-" in outcome.out
    assert not person.output.exists()


def test_files_recorded_by_another_tool_are_written_from_their_template(person: Person) -> None:
    file = person.writes("requirements.txt", "fig @ git+https://host.example/fig.git\n")
    person.output.mkdir()
    config = {
        "environment_variables": [{"name": "PIP_FIND_LINKS", "value": "${output_dir}/deps/pip"}],
        "project_files": [{"abspath": str(file), "template": "fig @ file://${output_dir}/deps/pip/fig.tar.gz\n"}],
    }
    (person.output / ".build-config.json").write_text(json.dumps(config))

    assert person.runs("inject-files", person.output, "--for-output-dir", "/x").code == 0
    assert file.read_text() == "fig @ file:///x/deps/pip/fig.tar.gz\n"
    assert person.runs("generate-env", person.output, "--format", "env", "--for-output-dir", "/x").out == (
        "export PIP_FIND_LINKS=/x/deps/pip\n"
    )


def test_a_place_for_the_build_is_of_no_use_to_a_revert_and_that_is_told(person: Person) -> None:
    person.writes("requirements.txt", "")
    assert person.fetches().code == 0
    done = person.runs("inject-files", person.output, "--revert", "--for-output-dir", "/tmp/out")
    assert done.code == 0
    assert "warning: --for-output-dir is of no effect with --revert" in done.err
    assert "no effect" not in person.runs("inject-files", person.output, "--revert").err
