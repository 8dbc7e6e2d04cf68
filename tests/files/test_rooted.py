"""A path from outside stays inside, whatever it says and wherever its links lead."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachi2ish.errors import InputError, Origin, StorageError
from cachi2ish.files.rooted import RootedPath


@pytest.fixture
def root(tmp_path: Path) -> Path:
    inside = tmp_path / "root"
    (inside / "folder").mkdir(parents=True)
    (inside / "file.txt").write_text("inside")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("outside")
    (tmp_path / "root-evil").mkdir()
    return inside


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ("", "names no file"),
        ("/etc/passwd", "absolute"),
        ("//etc/passwd", "absolute"),
        ("..", "'..'"),
        ("../outside/secret.txt", "'..'"),
        ("folder/../../outside", "'..'"),
        ("folder/../file.txt", "'..'"),
        ("folder/..", "'..'"),
        ("a\0b", "null character"),
        ("\ud800", "cannot be the name of a file"),
        ("x" * 300, "File name too long"),
    ],
)
def test_a_part_that_could_leave_the_root_is_refused(root: Path, part: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        RootedPath.of(root).join(part)


@pytest.mark.parametrize(
    ("part", "relative"),
    [
        (".", "."),
        ("file.txt", "file.txt"),
        ("./folder//x/", "folder/x"),
        ("not/there/yet", "not/there/yet"),
        ("..hidden", "..hidden"),
        ("file.txt/below", "file.txt/below"),
        ("with space", "with space"),
        ("back\\slash", "back\\slash"),
        ("caf\udce9", "caf\udce9"),
    ],
)
def test_a_part_that_stays_is_joined(root: Path, part: str, relative: str) -> None:
    joined = RootedPath.of(root).join(part)
    assert joined.relative == str(joined) == relative
    assert joined.path == Path(os.fspath(joined)) == root / relative


def test_joining_goes_on_from_where_it_is(root: Path) -> None:
    joined = RootedPath.of(root).join("folder").join("deep/er")
    assert joined.relative == "folder/deep/er"
    assert joined == RootedPath.of(root).join("folder/deep/er")
    assert hash(joined) == hash(RootedPath.of(root).join("folder/deep/er"))


@pytest.mark.parametrize("target", ["../outside", "/", "../root-evil", "folder/../../outside/missing"])
def test_a_link_that_leads_out_is_refused_and_named(root: Path, target: str) -> None:
    (root / "link").symlink_to(target)
    origin = Origin("requirements.txt", 3)
    for part in ("link", "link/secret.txt"):
        with pytest.raises(InputError, match="leads out") as caught:
            RootedPath.of(root).join(part, origin=origin)
        assert caught.value.origin == origin
        assert caught.value.hint


def test_a_link_that_stays_inside_is_followed_under_its_own_name(root: Path) -> None:
    (root / "link").symlink_to("folder")
    (root / "folder" / "up").symlink_to("../file.txt")
    joined = RootedPath.of(root).join("link/up")
    assert joined.relative == "link/up"
    assert joined.path.read_text() == "inside"
    assert joined.resolved == root / "file.txt"


def test_a_loop_of_links_is_an_error_and_no_traceback(root: Path) -> None:
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    with pytest.raises(InputError, match="cannot be resolved"):
        RootedPath.of(root).join("a/x")


def test_a_root_that_is_a_link_is_where_the_link_leads(root: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(root)
    joined = RootedPath.of(tmp_path / "alias").join("file.txt")
    assert joined.path == root / "file.txt"


def test_a_link_that_is_turned_outwards_later_is_still_caught(root: Path) -> None:
    joined = RootedPath.of(root).join("later")
    joined.path.symlink_to("../outside")
    with pytest.raises(InputError, match="leads out"):
        _ = joined.resolved


def test_the_caller_chooses_the_kind_of_error(root: Path) -> None:
    with pytest.raises(StorageError):
        RootedPath.of(root, error=StorageError).join("folder").join("../x")
    with pytest.raises(StorageError):
        RootedPath.of("a\0b", error=StorageError)


_NAMES = st.sampled_from(["a", "b", "c", ".", "..", "", "/", "out", "\0", "é", "x" * 256])
_TARGETS = st.lists(st.sampled_from(["a", "b", "c", "..", ".", "out"]), min_size=1, max_size=4).map("/".join)


@given(
    links=st.dictionaries(st.sampled_from(["a", "b", "c", "d/a", "d/b"]), _TARGETS, max_size=4),
    parts=st.lists(_NAMES, max_size=5),
)
def test_whatever_is_joined_lies_inside(links: dict[str, str], parts: list[str]) -> None:
    with TemporaryDirectory() as directory:
        base = Path(directory).resolve()
        root = base / "root"
        (root / "d").mkdir(parents=True)
        (base / "out").mkdir()
        for name, target in links.items():
            (root / name).symlink_to(target)
        try:
            joined = RootedPath.of(root).join("/".join(parts))
        except InputError:
            return
        # What the kernel opens is below the root, or nothing.
        try:
            descriptor = os.open(joined.path, os.O_RDONLY | os.O_CREAT, 0o600)
        except OSError:
            assert not list((base / "out").iterdir())
            return
        opened = Path(f"/proc/self/fd/{descriptor}").readlink()
        os.close(descriptor)
        assert opened.is_relative_to(root)
        assert not list((base / "out").iterdir())


@given(parts=st.lists(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), max_size=20)))
def test_a_plain_relative_name_is_never_refused(parts: list[str]) -> None:
    named = [part for part in parts if part not in {"", ".", ".."} and len(part.encode()) <= 255]
    if named:
        joined = RootedPath.of("/nonexistent").join("/".join(named))
        assert joined.relative == "/".join(named)
