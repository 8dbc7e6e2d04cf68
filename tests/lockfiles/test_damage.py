"""What editors and version control leave in lock files is said in their words, with the line, in every format."""

from __future__ import annotations

from pathlib import Path

import pytest

from cachi2ish.errors import Cachi2ishError, InputError, Origin, StorageError
from cachi2ish.lockfiles.interface import Lock
from cachi2ish.lockfiles.readers import NamedReaders
from tests.lockfiles.reading import write
from tests.lockfiles.test_conda import CONDA_LOCK, ENVIRONMENT, PIXI
from tests.support.pylocks import EVERYTHING

DATA = Path(__file__).parent / "data"
LOCKS = {
    "uv.lock": (DATA / "uv-revision-3/uv.lock").read_text(),
    "poetry.lock": (DATA / "poetry-2.1/poetry.lock").read_text(),
    "pdm.lock": (DATA / "pdm-static/pdm.lock").read_text(),
    "Pipfile.lock": (DATA / "pipenv/Pipfile.lock").read_text(),
    "pylock.toml": EVERYTHING,
    "conda-lock.yml": CONDA_LOCK,
    "pixi.lock": PIXI,
    "environment.yml": ENVIRONMENT.replace("      - -r more.txt\n", ""),
}
OF_CONDA = {"conda-lock.yml", "pixi.lock", "environment.yml"}

each = pytest.mark.parametrize("name", LOCKS)


def read(root: Path, name: str, content: bytes) -> Lock:
    write(root, {name: content})
    return NamedReaders().read_lock(root, name, {})


def error_of(root: Path, name: str, content: bytes) -> Cachi2ishError:
    with pytest.raises(Cachi2ishError) as caught:
        read(root, name, content)
    assert caught.value.hint
    return caught.value


@each
def test_line_ends_of_windows_change_nothing(tmp_path: Path, name: str) -> None:
    text = LOCKS[name]
    plain = read(tmp_path, name, text.encode())
    assert read(tmp_path, name, text.replace("\n", "\r\n").encode()).requirements == plain.requirements


@each
def test_a_byte_order_mark_is_named_or_passed_over(tmp_path: Path, name: str) -> None:
    content = b"\xef\xbb\xbf" + LOCKS[name].encode()
    if name in OF_CONDA:  # YAML has room for one
        assert read(tmp_path, name, content).requirements == read(tmp_path, name, content[3:]).requirements
        return
    error = error_of(tmp_path, name, content)
    assert str(error) == f"{name}:1: it begins with a byte-order mark, which no lock has"


@each
def test_a_merge_conflict_is_called_one(tmp_path: Path, name: str) -> None:
    *before, last = LOCKS[name].rstrip("\n").split("\n")
    marks = ("<<<<<<< HEAD", last, "=======", last, ">>>>>>> theirs")
    error = error_of(tmp_path, name, "\n".join((*before, *marks, "")).encode())
    assert error.problem == "it has a merge conflict that nobody has settled"
    assert error.origin == Origin(name, len(before) + 1)


@each
@pytest.mark.parametrize("content", [b"", b" \n\n"])
def test_an_empty_file_is_called_empty(tmp_path: Path, name: str, content: bytes) -> None:
    assert str(error_of(tmp_path, name, content)) == f"{name}: it is empty"


@each
def test_text_of_powershell_is_named(tmp_path: Path, name: str) -> None:
    error = error_of(tmp_path, name, LOCKS[name].encode("utf-16"))
    assert str(error) == f"{name}:1: the file is UTF-16 text"
    assert "-Encoding utf8" in str(error.hint)


@each
def test_half_a_lock_is_an_error_at_its_end(tmp_path: Path, name: str) -> None:
    half = LOCKS[name][: len(LOCKS[name]) // 2].rpartition("\n")[0]
    if name == "environment.yml":  # half of which is another environment
        half += "\n      - pip: ["
    error = error_of(tmp_path, name, half.encode() + b"\n[")
    assert error.origin is not None
    assert error.origin.file == name


@pytest.mark.parametrize(
    ("name", "begin", "says"),
    [
        ("pixi.lock", PIXI.partition("packages:\n- conda")[0], "it is cut off: it has no packages"),
        ("pixi.lock", "version: 6\n", "it is cut off: it has no environments and no packages"),
        ("conda-lock.yml", CONDA_LOCK.partition("package:\n")[0], "it is cut off: it has no package"),
    ],
)
def test_a_lock_of_yaml_that_is_cut_off_between_its_parts_is_no_empty_one(
    tmp_path: Path, name: str, begin: str, says: str
) -> None:
    assert error_of(tmp_path, name, begin.encode()).problem == says


@pytest.mark.parametrize("name", ["uv.lock", "poetry.lock", "pdm.lock"])
def test_a_lock_without_a_version_is_to_be_restored(tmp_path: Path, name: str) -> None:
    error = error_of(tmp_path, name, b'[[package]]\nname = "a"\n')
    assert error.hint == "restore it from version control, or lock again"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("my-uv.lock", "if it is one, call it uv.lock; "),
        ("poetry.lock.orig", "if it is one, call it poetry.lock; "),
        ("poety.lock", "did you mean 'poetry.lock'? "),
        ("deps.txt", ""),
    ],
)
def test_a_wrong_name_is_told_with_the_right_one(tmp_path: Path, name: str, hint: str) -> None:
    with pytest.raises(InputError, match="no lock file that is known") as caught:
        NamedReaders().read_lock(tmp_path, name, {})
    assert caught.value.hint == f'{hint}a requirements file of any name is named with "requirements_files"'


@each
def test_a_lock_that_nobody_can_read_is_told_once(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to(name)
    with pytest.raises(StorageError) as caught:
        NamedReaders().read_lock(tmp_path, name, {})
    assert str(caught.value).startswith(f"{name}: it cannot be read: ")
