"""``uv.lock``: what each part of it means, and what is wrong in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cachi2ish.core.digests import Digest
from cachi2ish.core.requirements import Git, Indexes, Pinned, Purpose, Url
from cachi2ish.core.urls import Address
from cachi2ish.errors import Cachi2ishError, InputError, LockFileError, Origin, leaves
from cachi2ish.lockfiles.interface import Lock, Scope, Selection
from cachi2ish.lockfiles.uv.uv_reader import UvReader
from tests.lockfiles.reading import COMMIT, A, B, names, pins, write
from tests.support.pylocks import value

HEAD = 'version = 1\nrevision = 3\nrequires-python = ">=3.9"\n'
INDEX = {"registry": "https://index.example/simple"}
FILES = "https://files.example"


def package(name: str, version: str | None = "1.0", **more: object) -> str:
    """A package; by itself one of an index with a wheel. ``_`` for ``-``; None leaves a key out."""
    wheels = [{"url": f"{FILES}/{name}-{version}-py3-none-any.whl", "hash": f"sha256:{A}"}]
    keys = {"name": name, "version": version, "source": INDEX, "wheels": wheels, **more}
    lines = (f"{key.replace('_', '-')} = {value(item)}\n" for key, item in keys.items() if item is not None)
    return f"\n[[package]]\n{''.join(lines)}"


def project(*needs: object, **more: object) -> str:
    """The project itself, which needs packages: names, or tables."""
    keys = {"source": {"virtual": "."}, "wheels": None, "dependencies": edges(*needs), **more}
    return package("own", "0", **keys)


def edges(*needs: object) -> list[object]:
    return [{"name": one} if isinstance(one, str) else one for one in needs]


def read(root: Path, text: str | bytes, selection: Selection = Selection(), **files: str) -> Lock:  # noqa: B008
    write(root, {"uv.lock": text, **{name.replace("_", "."): content for name, content in files.items()}})
    return UvReader().read(root, "uv.lock", Purpose.RUNTIME, {}, selection)


def errors_of(root: Path, text: str | bytes, **selection: tuple[str, ...]) -> list[Cachi2ishError]:
    with pytest.raises(Cachi2ishError) as caught:
        read(root, text, Selection(**selection))
    return list(leaves(caught.value))


def error_of(root: Path, text: str | bytes, **selection: tuple[str, ...]) -> Cachi2ishError:
    (error,) = errors_of(root, text, **selection)
    assert error.hint
    assert error.origin is not None
    return error


class TestFiles:
    def test_a_package_names_its_files_with_all_that_is_known_of_them(self, tmp_path: Path) -> None:
        sdist = {
            "url": f"{FILES}/foo-1.0.tar.gz",
            "hash": f"sha256:{B}",
            "size": 7,
            "upload-time": "2026-03-19T14:22:25.026Z",
        }
        foo = package("foo", source={"registry": "https://me:pw@index.example/simple"}, sdist=sdist)
        lock = read(tmp_path, HEAD + foo + project("foo"))
        (pin,) = pins(lock)
        assert (str(pin), pin.marker, pin.origin) == ("foo==1.0", None, Origin("uv.lock", 5))
        assert pin.indexes == Indexes((Address("https://me:pw@index.example/simple"),), alone=True)
        assert pin.digests == {Digest("sha256", A), Digest("sha256", B)}
        assert (pin.files[0].filename, pin.files[0].url, pin.files[0].size) == (
            "foo-1.0.tar.gz",
            f"{FILES}/foo-1.0.tar.gz",
            7,
        )
        assert pin.files[0].upload_time == datetime(2026, 3, 19, 14, 22, 25, 26000, tzinfo=UTC)
        assert pin.files[1].filename == "foo-1.0-py3-none-any.whl"
        assert lock.require_hashes
        assert lock.scope == Scope(">=3.9")
        assert "pw" not in repr(lock)

    def test_the_key_that_uv_0_6_wrote_is_an_upload_time_too(self, tmp_path: Path) -> None:
        wheel = {"url": f"{FILES}/foo-1.0-py3-none-any.whl", "hash": f"sha256:{A}"}
        text = HEAD + package("foo", wheels=[wheel]) + project("foo")
        text = text.replace('.whl"', '.whl", upload_time = "2024-01-01T00:00:00Z"')
        assert pins(read(tmp_path, text))[0].files[0].upload_time == datetime(2024, 1, 1, tzinfo=UTC)

    def test_a_git_source_becomes_its_commit(self, tmp_path: Path) -> None:
        git = f"ssh://git@git.example/r.git?subdirectory=py&rev=main#{COMMIT}"
        (one,) = read(
            tmp_path, HEAD + package("foo", source={"git": git}, wheels=None) + project("foo")
        ).requirements
        assert isinstance(one, Git)
        assert (one.url.with_credentials, one.commit, one.subdirectory) == (
            "ssh://git@git.example/r.git",
            COMMIT,
            "py",
        )

    def test_an_address_becomes_a_url_requirement(self, tmp_path: Path) -> None:
        source = {"url": f"{FILES}/v1.zip", "subdirectory": "py"}
        foo = package("foo", source=source, wheels=None, sdist={"hash": f"sha256:{A}"})
        (one,) = read(tmp_path, HEAD + foo + project("foo")).requirements
        assert isinstance(one, Url)
        assert (one.url.with_credentials, one.digest, one.subdirectory) == (
            f"{FILES}/v1.zip",
            Digest("sha256", A),
            "py",
        )

    @pytest.mark.parametrize("kind", ["editable", "directory"])
    def test_a_folder_of_the_source_is_not_fetched_and_that_is_said(self, kind: str, tmp_path: Path) -> None:
        foo = package("foo", source={kind: "libs/foo"}, wheels=None, dependencies=edges("bar"))
        lock = read(tmp_path, HEAD + package("bar") + foo + project("foo"))
        assert names(lock) == ["bar==1.0"]
        assert tuple(map(str, lock.notes)) == (
            "uv.lock:11: foo is not fetched: it is the folder 'libs/foo' of the source",
        )


GRAPH = (
    HEAD
    + package("bar")
    + package("baz", optional_dependencies={"more": edges("qux")})
    + package("foo", dependencies=edges("bar", {"name": "baz", "marker": "sys_platform == 'win32'"}))
    + package("qux", dependencies=edges("foo"))
    + package("zap")
    + project(
        "foo",
        optional_dependencies={"s3": edges({"name": "baz", "extra": ["more"], "marker": "os_name == 'posix'"})},
        dev_dependencies={"dev": edges("zap"), "docs": edges("qux")},
    )
)


class TestWhatIsTaken:
    @pytest.mark.parametrize(
        ("selection", "taken"),
        [
            ({}, {"bar": None, "baz": 'sys_platform == "win32"', "foo": None, "zap": None}),
            ({"no_groups": ("dev",)}, {"bar": None, "baz": 'sys_platform == "win32"', "foo": None}),
            ({"no_groups": (":all:",)}, {"bar": None, "baz": 'sys_platform == "win32"', "foo": None}),
            (
                {"extras": ("S3",), "no_groups": ("dev",)},
                {
                    "bar": None,
                    "baz": 'os_name == "posix" or sys_platform == "win32"',
                    "foo": None,
                    "qux": 'os_name == "posix"',
                },
            ),
            (
                {"groups": (":all:",)},
                {"bar": None, "baz": 'sys_platform == "win32"', "foo": None, "qux": None, "zap": None},
            ),
        ],
    )
    def test_what_is_needed_is_taken_where_it_is_needed(
        self, selection: dict[str, tuple[str, ...]], taken: dict[str, str | None], tmp_path: Path
    ) -> None:
        lock = read(tmp_path, GRAPH, Selection(**selection))
        assert {one.name: one.marker for one in lock.requirements} == taken

    def test_what_is_left_out_is_counted(self, tmp_path: Path) -> None:
        assert read(tmp_path, GRAPH).notes == (
            "uv.lock: 1 of 6 packages are left out: no group or extra that is taken needs them",
        )

    @pytest.mark.parametrize(
        ("groups", "names"), [('["docs"]', ["qux"]), ('"all"', ["qux", "zap"]), ("[]", []), ("5", [])]
    )
    def test_the_groups_that_the_project_calls_its_default_ones_are_taken(
        self, groups: str, names: list[str], tmp_path: Path
    ) -> None:
        lock = read(tmp_path, GRAPH, pyproject_toml=f"[tool.uv]\ndefault-groups = {groups}\n")
        assert [one.name for one in lock.requirements if one.name in {"qux", "zap"}] == names

    @pytest.mark.parametrize(
        ("selection", "problem", "hint"),
        [
            ({"groups": ("doc",)}, "the lock has no group 'doc'", "did you mean 'docs'?"),
            ({"no_groups": ("x",)}, "the lock has no group 'x'", "it has dev, docs"),
            ({"extras": ("s4",)}, "the lock has no extra 's4'", "it has s3"),
            ({"packages": ("owm",)}, "the lock has no workspace member 'owm'", "did you mean 'own'?"),
        ],
    )
    def test_a_name_that_the_lock_lacks_is_answered_with_the_nearest(
        self, selection: dict[str, tuple[str, ...]], problem: str, hint: str, tmp_path: Path
    ) -> None:
        error = error_of(tmp_path, GRAPH, **selection)
        assert isinstance(error, InputError)
        assert (error.problem, error.hint, error.origin) == (problem, hint, Origin("uv.lock"))

    def test_a_circle_ends(self, tmp_path: Path) -> None:
        text = HEAD + package("a", dependencies=edges("b")) + package("b", dependencies=edges("a")) + project("a")
        assert names(read(tmp_path, text)) == ["a==1.0", "b==1.0"]

    def test_a_workspace_whose_root_is_no_project_stands_for_all_its_members(self, tmp_path: Path) -> None:
        members = (
            package(name, source={"editable": name}, wheels=None, dependencies=edges(need))
            for name, need in (("one", "foo"), ("two", "bar"))
        )
        manifest = (
            '\n[manifest]\nmembers = ["one", "two"]\n[manifest.dependency-groups]\ndev = [{ name = "baz" }]\n'
        )
        text = HEAD + manifest + package("bar") + package("baz") + package("foo") + "".join(members)
        assert names(read(tmp_path, text)) == ["bar==1.0", "baz==1.0", "foo==1.0"]
        assert names(read(tmp_path, text, Selection(packages=("Two",)))) == ["bar==1.0"]

    def test_a_script_has_its_requirements_in_the_manifest(self, tmp_path: Path) -> None:
        manifest = '\n[manifest]\nrequirements = [{ name = "foo", marker = "os_name == \'nt\'" }]\n'
        assert names(read(tmp_path, HEAD + manifest + package("bar") + package("foo"))) == ["foo==1.0"]


CONFLICT = (
    HEAD
    + 'conflicts = [[{ package = "own", extra = "cpu" }, { package = "own", extra = "gpu" }]]\n'
    + package("foo", "1.0")
    + package("foo", "2.0")
    + package(
        "user",
        dependencies=[
            {"name": "foo", "version": "1.0", "marker": "extra == 'extra-3-own-cpu'"},
            {
                "name": "foo",
                "version": "2.0",
                "marker": "extra == 'extra-3-own-gpu' or (os_name == 'nt' and extra != 'extra-3-own-cpu')",
            },
        ],
    )
    + project("user", optional_dependencies={"cpu": edges("user"), "gpu": edges("user")})
)


class TestConflicts:
    @pytest.mark.parametrize(
        ("extras", "taken"),
        [
            ((), {"foo==2.0": 'os_name == "nt"'}),
            (("cpu",), {"foo==1.0": None}),
            (("gpu",), {"foo==2.0": None}),
        ],
    )
    def test_markers_of_conflicts_hold_for_what_is_selected(
        self, extras: tuple[str, ...], taken: dict[str, str | None], tmp_path: Path
    ) -> None:
        lock = read(tmp_path, CONFLICT, Selection(extras=extras))
        assert {str(one): one.marker for one in pins(lock) if one.name == "foo"} == taken

    @pytest.mark.parametrize("extras", [("cpu", "gpu"), (":all:",)])
    def test_what_conflicts_is_refused_as_uv_does(self, extras: tuple[str, ...], tmp_path: Path) -> None:
        error = error_of(tmp_path, CONFLICT, extras=extras)
        assert error.problem.startswith("the extra 'cpu' of own and the extra 'gpu' of own conflict")


#: What real files have, and a reader may stumble over: a lock, and what is read of it.
TRAPS: Mapping[str, tuple[str, dict[str, str | None]]] = {
    "a placeholder beside a span": (
        HEAD
        + '\n[options]\nexclude-newer = "0001-01-01T00:00:00Z"\nexclude-newer-span = "P7D"\n'
        + package("foo")
        + project("foo"),
        {"foo==1.0": None},
    ),
    "a wheel of an index without a hash": (
        HEAD + package("foo", wheels=[{"url": f"{FILES}/foo-1.0-py3-none-any.whl"}], sdist=None) + project("foo"),
        {"foo==1.0": None},
    ),
    "a package without files, where a marker spares it": (
        HEAD
        + package("foo", wheels=None)
        + package("bar")
        + project({"name": "foo", "marker": "os_name == 'x'"}, "bar"),
        {"bar==1.0": None},
    ),
    "one name and version from two addresses": (
        HEAD
        + "".join(
            package("foo", source={"url": f"{FILES}/{tag}/foo-1.0-py3-none-any.whl"}) for tag in ("cpu", "gpu")
        )
        + project(
            *(
                {
                    "name": "foo",
                    "version": "1.0",
                    "source": {"url": f"{FILES}/{tag}/foo-1.0-py3-none-any.whl"},
                    "marker": f"sys_platform {operator} 'linux'",
                }
                for tag, operator in (("gpu", "=="), ("cpu", "!="))
            )
        ),
        {f"{FILES}/cpu": 'sys_platform != "linux"', f"{FILES}/gpu": 'sys_platform == "linux"'},
    ),
    "files that an extra repeats": (
        HEAD
        + package("foo", wheels=[{"url": f"{FILES}/foo-1.0-py3-none-any.whl", "hash": f"sha256:{A}"}] * 2)
        + project("foo", {"name": "foo", "extra": ["x"]}),
        {"foo==1.0": None},
    ),
    "an index that is a folder, whose files have addresses": (
        HEAD + package("foo", source={"registry": "../wheels"}) + project("foo"),
        {"foo==1.0": None},
    ),
    "no package but the project": (HEAD + project(), {}),
    "a marker over requires-python": (
        HEAD + package("foo") + project({"name": "foo", "marker": "python_full_version < '3.12'"}),
        {"foo==1.0": 'python_version < "3.12"'},
    ),
}


@pytest.mark.parametrize(("text", "taken"), TRAPS.values(), ids=TRAPS.keys())
def test_what_real_files_have_is_read(text: str, taken: dict[str, str | None], tmp_path: Path) -> None:
    lock = read(tmp_path, text)
    found = {
        one.url.with_credentials.rpartition("/")[0] if isinstance(one, Url) else str(one): one.marker
        for one in lock.requirements
    }
    assert found == taken


def test_a_package_without_a_hash_is_no_promise_and_one_without_files_is_said(tmp_path: Path) -> None:
    without = read(tmp_path, TRAPS["a wheel of an index without a hash"][0])
    assert not without.require_hashes
    assert pins(without)[0].digests == frozenset()
    assert read(tmp_path, TRAPS["a package without files, where a marker spares it"][0]).warnings == (
        'uv.lock:5: foo is left out: the lock has no file of it, so nobody can install it (os_name == "x")',
    )


def test_a_hash_of_another_file_does_not_have_to_be_that_of_a_file_without(tmp_path: Path) -> None:
    wheels = [{"url": f"{FILES}/foo-1.0-cp312-cp312-win_amd64.whl"}]
    sdist = {"url": f"{FILES}/foo-1.0.tar.gz", "hash": f"sha256:{A}"}
    (pin,) = pins(read(tmp_path, HEAD + package("foo", wheels=wheels, sdist=sdist) + project("foo")))
    assert pin.digests == frozenset()
    assert [len(one.digests) for one in pin.files] == [1, 0]


#: A lock, and what is wrong in it: the problem and the line.
WRONG: Mapping[str, tuple[str, str, int | None]] = {
    "no version": ("[[package]]\n", "it has no version, and only version 1", None),
    "a newer version": ("version = 2\n", "it has version 2, and only version 1 of uv.lock is known", None),
    "true": ("version = true\n", "it has version True", None),
    "no TOML": (HEAD + "[[package]]\nname = \n", "it is no TOML, in column 8", 5),
    "a conflict marker of git": (HEAD + "<<<<<<< HEAD\n", "it has a merge conflict", 4),
    "no name": (HEAD + '\n[[package]]\nversion = "1"\n', "package[0]: Object missing required field", 5),
    "another kind": (
        HEAD + package("foo", dependencies="bar") + project("foo"),
        "foo: Expected `array`, got `str` - at `$.dependencies`",
        5,
    ),
    "another kind at the top": (HEAD + "conflicts = 5\n", "Expected `array`, got `int` - at `$.conflicts`", None),
    "an edge to nowhere": (HEAD + project("foo"), "a package here needs foo, which is not in it", 5),
    "an edge to two": (
        HEAD + package("foo", "1") + package("foo", "2") + project("foo"),
        "a package here needs foo, which is in it several times",
        17,
    ),
    "no marker": (
        HEAD + package("foo") + project({"name": "foo", "marker": "nonsense"}),
        "a marker cannot be read: Expected a marker",
        11,
    ),
    "no source": (
        HEAD + package("foo", source={}) + project("foo"),
        "foo: it comes from nowhere that is known",
        5,
    ),
    "a file of a folder": (
        HEAD + package("foo", source={"path": "../foo-1.0.tar.gz"}) + project("foo"),
        "foo: the file '../foo-1.0.tar.gz' is outside the source",
        5,
    ),
    "a file without path": (
        HEAD + package("foo", wheels=[{"filename": "foo.whl"}]) + project("foo"),
        "foo: 'foo.whl' has neither address nor path",
        5,
    ),
    "a wheel of a folder": (
        HEAD + package("foo", source={"registry": ".."}, wheels=[{"path": "foo.whl"}]) + project("foo"),
        "foo: the file '../foo.whl' is outside the source",
        5,
    ),
    "a folder outside": (
        HEAD + package("foo", source={"editable": "../foo"}, wheels=None) + project("foo"),
        "foo: the directory '../foo' is outside the source",
        5,
    ),
    "no files": (HEAD + package("foo", wheels=None) + project("foo"), "foo: the lock has no file of it", 5),
    "no hash of an archive": (
        HEAD + package("foo", source={"url": f"{FILES}/foo-1.zip"}, wheels=None) + project("foo"),
        "foo: the lock has no hash of its archive",
        5,
    ),
    "a weak hash": (
        HEAD
        + package("foo", wheels=[{"url": f"{FILES}/foo-1.0-py3-none-any.whl", "hash": f"md5:{'a' * 32}"}])
        + project("foo"),
        "foo: foo-1.0-py3-none-any.whl has no hash that proves it, only md5",
        5,
    ),
    "no commit": (
        HEAD + package("foo", source={"git": "https://git.example/r#main"}, wheels=None) + project("foo"),
        "foo: its commit-id 'main' is no full commit",
        5,
    ),
    "a time that is none": (
        HEAD
        + package(
            "foo",
            wheels=[{"url": f"{FILES}/foo-1.0-py3-none-any.whl", "hash": f"sha256:{A}", "upload-time": "soon"}],
        )
        + project("foo"),
        "foo: the upload time 'soon' of foo-1.0-py3-none-any.whl is no time",
        5,
    ),
}


@pytest.mark.parametrize(("text", "problem", "line"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_one_error_with_its_line(
    text: str, problem: str, line: int | None, tmp_path: Path
) -> None:
    error = error_of(tmp_path, text)
    assert isinstance(error, LockFileError)
    assert error.problem.startswith(problem)
    assert error.origin == Origin("uv.lock", line)


def test_all_that_is_wrong_is_raised_at_once(tmp_path: Path) -> None:
    text = HEAD + package("bar", wheels=None) + package("foo", source={}) + project("foo", "bar")
    assert [str(one.origin) for one in errors_of(tmp_path, text)] == ["uv.lock:5", "uv.lock:10"]


def test_a_newer_revision_is_read_with_a_warning(tmp_path: Path) -> None:
    text = HEAD.replace("revision = 3", "revision = 99") + package("foo") + project("foo")
    lock = read(tmp_path, text)
    assert names(lock) == ["foo==1.0"]
    assert lock.warnings == (
        "uv.lock has the revision 99: what is newer in it than version 1, revision 5 is not read",
    )


METADATA = {
    "requires-dist": [
        {"name": "foo", "specifier": ">=1.0"},
        {"name": "bar", "extras": ["x"], "marker": "extra == 's3'", "specifier": "==2.*"},
        {"name": "baz", "git": "https://git.example/baz"},
    ],
    "requires-dev": {"dev": [{"name": "zap", "marker": "python_full_version < '3.12'"}]},
}
FRESH = """\
[project]
name = "own"
version = "0"
requires-python = ">=3.9"
dependencies = ["Foo >= 1", "baz>=7"]
[project.optional-dependencies]
s3 = ["bar[X]==2.*"]
[dependency-groups]
dev = [{ include-group = "inner" }]
inner = ["zap; python_version < '3.12'"]
"""


class TestFreshness:
    TEXT = (
        HEAD
        + "".join(package(name) for name in ("bar", "baz", "foo", "zap"))
        + project(
            "foo",
            "baz",
            metadata={
                **METADATA,
                "requires-dev": {**METADATA["requires-dev"], "inner": [{"name": "zap"}]},  # type: ignore[dict-item]
            },
        )
    )

    def test_a_lock_that_fits_its_project_is_fresh(self, tmp_path: Path) -> None:
        assert read(tmp_path, self.TEXT, pyproject_toml=FRESH).stale == ()
        (tmp_path / "pyproject.toml").unlink()
        assert read(tmp_path, self.TEXT).stale == ()
        assert read(tmp_path, self.TEXT, pyproject_toml="= broken").stale == ()

    @pytest.mark.parametrize(
        ("before", "after", "says"),
        [
            (">= 1", ">= 2", "declares foo>=2, other than when it was locked"),
            ('"Foo >= 1", ', "", "does not declare foo>=1, other than"),
            ('["Foo', '["new", "Foo', "declares new, other than"),
            ('"bar[X]', '"bar[y]', "bar[x]==2.* (extra s3)"),
            ("s3", "s4", "bar[x]==2.* (extra s"),
            ('["zap', '["zip", "zap', "declares zip (group dev), other than"),
            (">=3.9", ">=3.10", "has another requires-python than >=3.9, with which it was locked"),
        ],
    )
    def test_what_the_project_declares_otherwise_is_said(
        self, before: str, after: str, says: str, tmp_path: Path
    ) -> None:
        (stale,) = read(tmp_path, self.TEXT, pyproject_toml=FRESH.replace(before, after)).stale
        assert stale.problem.startswith("it does not fit pyproject.toml any more, which ")
        assert says in stale.problem
        assert stale.hint == "run `uv lock`, and commit what it writes"
        assert stale.origin == Origin("uv.lock")

    def test_what_only_a_build_tells_is_not_compared(self, tmp_path: Path) -> None:
        dynamic = FRESH.replace('dependencies = ["Foo >= 1", "baz>=7"]', 'dynamic = ["dependencies"]')
        assert read(tmp_path, self.TEXT, pyproject_toml=dynamic).stale == ()


def test_a_lock_deeper_in_the_source_has_its_place(tmp_path: Path) -> None:
    write(tmp_path, {"service/uv.lock": HEAD + package("foo") + project("foo")})
    lock = UvReader().read(tmp_path, "service/uv.lock", Purpose.RUNTIME, {})
    assert (lock.file, lock.requirements[0].origin) == ("service/uv.lock", Origin("service/uv.lock", 5))
    assert isinstance(lock.requirements[0], Pinned)
    assert json.dumps(lock.notes) == "[]"
