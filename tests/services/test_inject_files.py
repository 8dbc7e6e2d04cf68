"""``inject-files`` with records and files that somebody changed on purpose writes nothing where it should not."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path, PurePosixPath

import pytest
from msgspec.structs import replace

from cachi2ish.core.outputs import BuildConfig, ProjectFile, text_digest
from cachi2ish.errors import Cachi2ishError
from cachi2ish.files.user_files import DiskFiles
from cachi2ish.lockfiles.pip.rewriting import RequirementsRewriter
from cachi2ish.services.inject_files import inject_files, revert_files

TEXT = "demo @ https://files.test/demo-1.0.zip\n"
URL = "file://${output_dir}/deps/pip/demo-1.0.zip"
OUTPUT = PurePosixPath("/out")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "requirements.txt").write_text(TEXT)
    return folder


def recorded(source: Path, **changes: object) -> ProjectFile:
    path = "requirements.txt"
    one = ProjectFile(path=path, abspath=str(source / path), template="", urls=(URL,), sha256=text_digest(TEXT))
    return replace(one, **changes)


def inject(one: ProjectFile, source: Path | None = None) -> tuple[Path, ...]:
    config = BuildConfig(tool_version="1", environment_variables=(), project_files=(one,))
    return inject_files(config, source, OUTPUT, lambda _: RequirementsRewriter(), DiskFiles())


@pytest.mark.parametrize("named", [True, False])
def test_the_file_is_rewritten_where_it_is_and_where_it_was(source: Path, named: bool) -> None:
    assert inject(recorded(source), source if named else None) == (source / "requirements.txt",)
    assert (source / "requirements.txt").read_text() == "demo @ file:///out/deps/pip/demo-1.0.zip\n"


@pytest.mark.parametrize("named", [True, False])
def test_a_record_that_is_a_link_is_not_written_through(source: Path, tmp_path: Path, named: bool) -> None:
    (source / ".requirements.txt.cachi2ish.json").symlink_to(tmp_path / "made")
    with pytest.raises(Cachi2ishError, match=r"\.requirements\.txt\.cachi2ish\.json is a link"):
        inject(recorded(source), source if named else None)
    assert not (tmp_path / "made").exists()
    assert (source / "requirements.txt").read_text() == TEXT


@pytest.mark.parametrize("named", [True, False])
def test_a_requirements_file_that_leads_out_of_the_source_is_not_written(
    source: Path, tmp_path: Path, named: bool
) -> None:
    (tmp_path / "precious").write_text(TEXT)
    (source / "requirements.txt").unlink()
    (source / "requirements.txt").symlink_to(tmp_path / "precious")
    with pytest.raises(Cachi2ishError, match="leads out of"):
        inject(recorded(source), source if named else None)
    assert (tmp_path / "precious").read_text() == TEXT


def test_a_place_that_does_not_end_in_the_files_path_is_no_record_of_ours(source: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text(TEXT)
    with pytest.raises(Cachi2ishError, match="is recorded as the path of a requirements file, and is none"):
        inject(recorded(source, abspath=str(tmp_path / "precious")))


@pytest.mark.parametrize("name", [".bashrc", "link.txt", "pipe.txt"])
def test_a_record_of_another_tool_overwrites_nothing_but_a_requirements_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / ".bashrc").write_text("precious")
    (tmp_path / "link.txt").symlink_to(tmp_path / "precious")
    os.mkfifo(tmp_path / "pipe.txt")
    foreign = ProjectFile(path="", abspath=str(tmp_path / name), template="evil")
    with pytest.raises(Cachi2ishError, match=r"is none|is not a regular file|is a link"):
        inject(foreign)
    assert (tmp_path / "precious").read_text() == (tmp_path / ".bashrc").read_text() == "precious"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.test/demo-1.0.zip",
        "file:///etc/passwd",
        "file://${output_dir}/deps/pip/../../../etc/demo-1.0.zip",
        "file://${output_dir}/deps/pip/%2e%2e/demo-1.0.zip",
        "file://${output_dir}/deps/pip/",
    ],
)
def test_an_address_that_is_no_file_of_the_output_is_not_injected(source: Path, url: str) -> None:
    with pytest.raises(Cachi2ishError, match="an address that is not in the output is recorded"):
        inject(recorded(source, urls=(url,)))
    assert (source / "requirements.txt").read_text() == TEXT


@pytest.mark.parametrize("name", ["requirements.txt", ".requirements.txt.cachi2ish.json"])
def test_what_is_no_regular_file_is_not_waited_for(source: Path, name: str) -> None:
    (source / name).unlink(missing_ok=True)
    os.mkfifo(source / name)
    for call in (inject, revert):
        with pytest.raises(Cachi2ishError, match="is not a regular file"):
            call(recorded(source))


def revert(one: ProjectFile) -> tuple[Path, ...]:
    config = BuildConfig(tool_version="1", environment_variables=(), project_files=(one,))
    return revert_files(config, None, lambda _: RequirementsRewriter(), DiskFiles())


def test_a_device_without_end_is_not_read() -> None:
    with pytest.raises(Cachi2ishError, match=r"is not a regular file|is none"):
        inject(ProjectFile(path="", abspath="/dev/zero", template=""))


@pytest.mark.parametrize("length", [246, 300])
def test_a_name_too_long_for_a_record_or_for_any_file_is_an_error(source: Path, length: int) -> None:
    name = f"{'n' * length}.txt"
    with suppress(OSError):
        (source / name).write_text(TEXT)
    for one in (
        recorded(source, path=name, abspath=str(source / name)),
        recorded(source, path="", abspath=f"/{name}"),
    ):
        with pytest.raises(Cachi2ishError, match=r"File name too long|does not exist"):
            inject(one)
