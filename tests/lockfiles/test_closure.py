"""Nested files and constraints."""

from __future__ import annotations

from pathlib import Path

import pytest

from cachi2ish.core.digests import Digest
from cachi2ish.core.requirements import Pinned, Purpose
from cachi2ish.errors import Cachi2ishError, InputError, LockFileError, Origin, StorageError
from cachi2ish.lockfiles.pip.requirements_reader import PipRequirementsReader
from tests.lockfiles.reading import COMMIT, GIT, HASH_A, HASH_B, HASH_C, ZIP, A, B, errors_of, names, read, write


def test_nested_files_are_read_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    lock = read(
        tmp_path,
        {
            "requirements.txt": "-r sub/base.txt\nlast==3",
            "sub/base.txt": "--requirement=../other/more.txt\nmiddle==2\n",
            "other/more.txt": "first==1\n",
        },
    )
    assert names(lock) == ["first==1", "middle==2", "last==3"]
    assert [requirement.origin for requirement in lock.requirements] == [
        Origin("other/more.txt", 1),
        Origin("sub/base.txt", 2),
        Origin("requirements.txt", 2),
    ]


def test_a_quoted_name_an_absolute_name_and_a_variable_are_followed(tmp_path: Path) -> None:
    files = {"requirements.txt": f"-r 'a b.txt'\n-r {tmp_path}/c.txt\n-r ${{DIR}}/d.txt"}
    files |= {"a b.txt": "a==1", "c.txt": "c==1", "sub/d.txt": "d==1"}
    assert names(read(tmp_path, files, environ={"DIR": "sub"})) == ["a==1", "c==1", "d==1"]


def test_a_file_that_is_included_twice_is_fine(tmp_path: Path) -> None:
    files = {f"{n}.txt": f"-r {n + 1}.txt\n-r {n + 1}.txt" for n in range(30)} | {"30.txt": f"foo @ {GIT}"}
    lock = read(tmp_path, files | {"requirements.txt": "-r 0.txt"})
    assert len(lock.requirements) == 1
    assert [text.file for text in lock.texts] == ["30.txt"]


def test_a_circle_is_refused_with_its_chain(tmp_path: Path) -> None:
    (error,) = errors_of(
        tmp_path, {"requirements.txt": "-r a.txt", "a.txt": "x==1\n-c sub/b.txt", "sub/b.txt": "-r ../a.txt"}
    )
    assert "a.txt → sub/b.txt → a.txt" in error.problem
    assert error.origin == Origin("sub/b.txt", 1)


def test_files_that_include_each_other_endlessly_do_not_crash(tmp_path: Path) -> None:
    files = {f"{n}.txt": f"-r {n + 1}.txt" for n in range(400)} | {"requirements.txt": "-r 0.txt"}
    (error,) = errors_of(tmp_path, files)
    assert "in a row" in error.problem


def test_a_link_out_of_the_source_is_refused(tmp_path: Path) -> None:
    outside = write(tmp_path, {"outside.txt": "foo==1"}) / "outside.txt"
    source = write(tmp_path / "source", {"requirements.txt": "-r link.txt\n-r folder/outside.txt"})
    (source / "link.txt").symlink_to(outside)
    (source / "folder").symlink_to(tmp_path)
    found = errors_of(source, {})
    assert [str(error.origin) for error in found] == ["requirements.txt:1", "requirements.txt:2"]
    assert all("outside the source directory" in error.problem for error in found)


def test_a_link_inside_the_source_is_followed(tmp_path: Path) -> None:
    write(tmp_path, {"real/requirements.txt": "foo==1", "requirements.txt": "-r link/requirements.txt"})
    (tmp_path / "link").symlink_to("real")
    assert names(read(tmp_path, {})) == ["foo==1"]


def test_links_in_a_circle_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    (error,) = errors_of(tmp_path, "-r one\n")
    assert isinstance(error, (StorageError, LockFileError))
    assert error.origin == Origin("requirements.txt", 1)


@pytest.mark.parametrize(
    ("file", "expected", "problem"),
    [
        ("missing.txt", InputError, "does not exist"),
        ("file.txt/inside.txt", InputError, "does not exist"),
        ("folder", InputError, "is a directory"),
        ("../outside.txt", InputError, "outside the source"),
        ("nul\0byte", StorageError, "cannot be read"),
        ("x" * 300, StorageError, "cannot be read"),
    ],
)
def test_a_file_of_the_input_that_cannot_be_read_is_an_error(
    file: str, expected: type[Cachi2ishError], problem: str, tmp_path: Path
) -> None:
    write(tmp_path, {"outside.txt": "", "source/file.txt": "", "source/folder/x": ""})
    with pytest.raises(expected, match=problem) as caught:
        PipRequirementsReader().read(tmp_path / "source", file, Purpose.RUNTIME, {})
    assert caught.value.origin == Origin(file)


def test_an_undecodable_nested_file_is_named_itself(tmp_path: Path) -> None:
    (error,) = errors_of(tmp_path, {"requirements.txt": "-r a.txt", "a.txt": b"foo==1 # \xff"})
    assert error.origin == Origin("a.txt")


CONSTRAINED = [
    ("foo", "foo==1.0", ["foo==1.0"]),
    ("foo>=0.5", "Foo==1.0", ["foo==1.0"]),
    ("foo[x]", "foo==1.0\nfoo<2", ["foo==1.0"]),
    ("foo==1.0", "foo>=0.5\nbar==7", ["foo==1.0"]),
    ("foo==1.0.0", "foo==1.0", ["foo==1.0.0"]),
    ("foo==1.0", "foo==2.0 ; python_version < '3'", ["foo==1.0"]),
    ("foo", "foo==1 ; os_name == 'nt'\nfoo==2 ; os_name != 'nt'", ["foo==1", "foo==2"]),
    ("foo; os_name == 'nt'", "foo==1", ["foo==1"]),
    ("foo\nfoo==1", "", ["foo==1"]),
    ("foo[x]\nfoo==1", "foo<2", ["foo==1"]),
    ("", "foo==1.0\nbar", []),
]


@pytest.mark.parametrize(("requirements", "constraints", "expected"), CONSTRAINED)
def test_a_constraint_pins_but_fetches_nothing(
    requirements: str, constraints: str, expected: list[str], tmp_path: Path
) -> None:
    lock = read(tmp_path, {"requirements.txt": f"-c c.txt\n{requirements}", "c.txt": constraints})
    assert names(lock) == expected


def test_constraints_with_markers_give_their_markers(tmp_path: Path) -> None:
    files = {"requirements.txt": "-c c.txt\nfoo ; extra_ok == '1'".replace("extra_ok", "platform_version")}
    files["c.txt"] = "foo==1 ; os_name == 'nt'"
    (requirement,) = read(tmp_path, files).requirements
    assert requirement.marker == '(platform_version == "1") and (os_name == "nt")'


@pytest.mark.parametrize(
    ("requirement", "constraint", "digests"),
    [
        (f"foo==1 {HASH_A} {HASH_B}", f"foo==1 {HASH_B} {HASH_C}", {B}),
        ("foo==1", f"foo==1 {HASH_A} {HASH_B}", {A, B}),
        ("foo", f"foo==1 {HASH_A}", {A}),
        (f"foo==1 {HASH_A}", "foo==1", {A}),
        (f"foo==1 {HASH_A}", f"foo==1 ; os_name == 'nt' {HASH_B}", {A}),
        (f"foo==1 {HASH_A} {HASH_B}\nfoo[x]==1.0 {HASH_B}", "", {B}),
        (f"foo\nfoo==1 {HASH_A}", "", {A}),
        (f"foo; os_name == 'nt'\nfoo==1 {HASH_A}", "", {A}),
    ],
)
def test_hashes_of_constraints_and_repetitions_are_intersected(
    requirement: str, constraint: str, digests: set[str], tmp_path: Path
) -> None:
    lock = read(tmp_path, {"requirements.txt": f"{requirement}\n-c c.txt", "c.txt": constraint})
    for found in lock.requirements:
        assert isinstance(found, Pinned)
        assert found.digests == {Digest("sha256", value) for value in digests}


BAD_CONSTRAINTS = [
    ("foo==1", "foo==2", "foo==1 contradicts foo==2 at c.txt:1"),
    ("foo", "foo==1\nfoo==2", "foo==1, pinned at c.txt:1, contradicts foo==2 at c.txt:2"),
    ("foo==1", "foo>=2", "foo==1 contradicts foo>=2 at c.txt:1"),
    ("foo>=2", "foo==1", "foo==1, pinned at c.txt:1, contradicts foo>=2"),
    ("foo", "foo>=1", "foo is not pinned"),
    ("foo", "foo==1.*", "foo is not pinned"),
    (f"foo==1 {HASH_A}", f"foo==1 {HASH_B}", "no hash of foo is also one of those at c.txt:1"),
    ("foo==1", f"bar==1 {HASH_B}", "foo==1 has no hash, and hash-checking mode is on, because bar at c.txt:1"),
    ("foo==1", f"foo @ {ZIP}", "states no digest"),
    ("foo==1", f"{ZIP} {HASH_B}", "a constraint needs a name, as in pip"),
    ("foo==1", "./foo", "a constraint needs a name, as in pip"),
    ("foo==1", f"foo[x] @ {ZIP} {HASH_B}", "a constraint cannot have extras"),
    ("foo==1", f"-e {GIT}#egg=foo", "a constraint cannot be editable, as in pip"),
    (f"foo==1 {HASH_A}", f"foo @ {ZIP}#sha256={B}", "no hash of foo is also one of those at c.txt:1"),
    (
        f"foo==1 {HASH_A}",
        f"foo @ {GIT}",
        "foo has a hash, and the constraint at c.txt:1 says that it comes from git",
    ),
    (f"foo @ {ZIP}#sha256={A}", f"foo @ {ZIP}2.zip#sha256={A}", "foo @ URL contradicts foo @ URL at c.txt:1"),
    ("foo", f"foo @ {GIT}\nfoo @ {ZIP}#sha256={A}", "contradicts"),
    ("foo==1", "foo[x]==1", "a constraint cannot have extras"),
    ("foo==1", "-e .", "editable"),
]


@pytest.mark.parametrize(("requirement", "constraint", "problem"), BAD_CONSTRAINTS)
def test_a_constraint_that_cannot_hold_is_an_error(
    requirement: str, constraint: str, problem: str, tmp_path: Path
) -> None:
    (error,) = errors_of(tmp_path, {"requirements.txt": f"-c c.txt\n{requirement}", "c.txt": constraint})
    assert problem in error.problem
    assert error.hint


AT = f"foo @ {ZIP}#sha256={A}"
NT = "os_name == 'nt'"

#: lines, constraints, and of each requirement: what it is, its extras, its marker, and the versions beside it.
ADDRESSED = [
    ("foo", AT, [("foo @ URL", (), None, "")]),
    ("foo==1.0", AT, [("foo @ URL", (), None, "==1.0")]),
    ("Foo[x]>=1\nfoo[y]", f"{AT}\nfoo<2", [("Foo @ URL", ("x", "y"), None, "<2,>=1")]),
    ("foo==1.0", f"foo @ {GIT}", [(f"foo @ git {COMMIT[:12]}", (), None, "==1.0")]),
    (f"foo==1.0 {HASH_A}", AT, [("foo @ URL", (), None, "==1.0")]),
    (f"foo ; {NT}", AT, [("foo @ URL", (), 'os_name == "nt"', "")]),
    (f"foo ; {NT}", f"{AT} ; {NT}", [("foo @ URL", (), 'os_name == "nt"', "")]),
    ("foo", f"{AT} ; {NT}", [("foo @ URL", (), 'os_name == "nt"', "")]),
    ("foo==1.0", f"{AT} ; {NT}", [("foo @ URL", (), 'os_name == "nt"', "==1.0"), ("foo==1.0", (), None, "")]),
    (AT, AT, [("foo @ URL", (), None, "")]),
    (AT, f"{AT[:-64]}{B} ; {NT}", [("foo @ URL", (), None, "")]),
    (f"foo\n{AT}", AT, [("foo @ URL", (), None, "")]),
    ("", AT, []),
    ("bar==1", AT, [("bar==1", (), None, "")]),
]


@pytest.mark.parametrize(("lines", "constraints", "expected"), ADDRESSED)
def test_an_address_that_is_a_constraint_is_where_the_project_comes_from(
    lines: str, constraints: str, expected: list[tuple[str, tuple[str, ...], str | None, str]], tmp_path: Path
) -> None:
    lock = read(tmp_path, {"requirements.txt": f"-c c.txt\n{lines}", "c.txt": constraints})
    found = [
        (str(one), one.extras, one.marker, "" if isinstance(one, Pinned) else one.versions)
        for one in lock.requirements
    ]
    assert [(*rest, ",".join(sorted(versions.split(",")))) for *rest, versions in found] == expected
    assert all(one.origin.file == "requirements.txt" for one in lock.requirements)
    assert "c.txt" in [text.file for text in lock.texts]  # pip reads the address there, so it has to be rewritten


def test_a_file_of_addresses_may_be_requirements_and_constraints_at_once(tmp_path: Path) -> None:
    lock = read(tmp_path, {"requirements.txt": "-r a.txt\n-c a.txt", "a.txt": AT})
    assert names(lock) == ["foo @ URL"]
    assert [text.file for text in lock.texts] == ["a.txt"]


def test_requirements_named_by_a_constraints_file_are_requirements(tmp_path: Path) -> None:
    files = {"requirements.txt": "-c c.txt", "c.txt": "-r more.txt\nbar==1", "more.txt": f"foo @ {GIT}"}
    lock = read(tmp_path, files)
    assert [requirement.name for requirement in lock.requirements] == ["foo"]
    assert [text.file for text in lock.texts] == ["more.txt"]


def test_a_file_may_be_requirements_and_constraints_at_once(tmp_path: Path) -> None:
    lock = read(tmp_path, {"requirements.txt": "-r a.txt\n-c a.txt", "a.txt": f"foo==1 {HASH_A}"})
    assert names(lock) == ["foo==1"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("foo==1\nfoo==1", ["foo==1"]),
        ("foo==1\nFOO==1.0", ["foo==1"]),
        ("foo==1; os_name=='nt'\nfoo==2; os_name!='nt'", ["foo==1", "foo==2"]),
        ("foo==1\nfoo==2; os_name=='nt'", ["foo==1", "foo==2"]),
        (f"foo @ {GIT}\n{GIT}#egg=Foo", ["foo @ git 0123456789ab"]),
        (f"foo @ {ZIP} {HASH_A}\nfoo @ https://me:pw@files.example/foo-1.0.zip {HASH_A}", ["foo @ URL"]),
        (f"foo[x]\nfoo @ {GIT}", ["foo @ git 0123456789ab"]),
        (f"foo==1; os_name=='nt'\nfoo @ {GIT}", ["foo==1", "foo @ git 0123456789ab"]),
    ],
)
def test_repeated_requirements_merge_or_stand_beside_each_other(
    content: str, expected: list[str], tmp_path: Path
) -> None:
    lock = read(tmp_path, content)
    assert names(lock) == expected


def test_merged_requirements_have_the_extras_of_all(tmp_path: Path) -> None:
    (requirement,) = read(tmp_path, "foo[b]==1\nfoo[a,b]==1\nfoo==1\n").requirements
    assert requirement.extras == ("a", "b")


def test_a_project_on_more_lines_than_any_lock_has_is_one_error(tmp_path: Path) -> None:
    (error,) = errors_of(tmp_path, "name\n" * 30_000)
    assert str(error).startswith("requirements.txt:501: name stands on 30000 lines, more than the 500")
