"""What is read of ``uv.lock`` is what the real uv exports of it, for the same groups, extras and members."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cachi2ish.core.requirements import Purpose
from cachi2ish.errors import InputError
from cachi2ish.lockfiles.interface import Lock, Selection
from cachi2ish.lockfiles.uv.uv_reader import UvReader
from tests.support.distributions import make_sdist, make_wheel
from tests.support.exports import exported, installed, locked, reexported
from tests.support.index_server import IndexServer
from tests.support.uv_project import UvProject, indexes_of, member

ROOT = """\
[project]
name = "root"
version = "0"
requires-python = ">=3.9"
dependencies = [
    "member-a", "apple", "cherry; sys_platform == 'win32'", "at-url @ {files}/at_url-1.0-py3-none-any.whl",
]
[project.optional-dependencies]
s3 = ["date[more]; python_version < '3.12'"]
cpu = ["torch==1.0"]
gpu = ["torch==2.0"]
[dependency-groups]
dev = ["elder"]
old = ["fig<2"]
new = ["fig>=2"]
[tool.uv]
conflicts = [[{{ extra = "cpu" }}, {{ extra = "gpu" }}], [{{ group = "old" }}, {{ group = "new" }}]]
[tool.uv.workspace]
members = ["member-*"]
[tool.uv.sources]
member-a = {{ workspace = true }}
private = {{ index = "private" }}
"""
#: What the members need, each beside its own.
OFTEN, TESTED = "banana; python_full_version >= '3.11'", '[dependency-groups]\ntest = ["grape"]\n'

#: name and version, and what it requires
PACKAGES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("apple", "1.0", ("banana ; platform_machine == 'arm64'", "Date")),
    ("banana", "1.0", ("cherry ; python_version < '3.10' or os_name == 'nt'",)),
    ("cherry", "1.0", ("apple",)),
    ("date", "1.0", ("elder ; extra == 'more'", "grape ; extra == 'more' and sys_platform != 'linux'")),
    ("elder", "1.0", ("user ; implementation_name == 'cpython'",)),
    ("fig", "1.0", ()),
    ("fig", "2.0", ()),
    ("grape", "1.0", ()),
    ("torch", "1.0", ()),
    ("torch", "2.0", ("user",)),
    ("user", "1.0", ("grape ; python_version >= '3.13'", "cherry ; sys_platform == 'darwin'")),
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UvProject]:
    with IndexServer() as public, IndexServer() as private:
        for name, version, requires in PACKAGES:
            public.add(name, make_wheel(name, version, requires=requires))
        public.add("apple", make_sdist("apple", "1.0"))
        private.add("private", make_wheel("private", "3.0", requires=("grape",)))
        at_url = public.serve_file(make_wheel("at_url", "1.0", requires=("fig ; os_name == 'nt'",)))
        folder = tmp_path_factory.mktemp("uv") / "project"
        made = UvProject(folder)
        made.writes(
            {
                "pyproject.toml": ROOT.format(files=at_url.rpartition("/")[0])
                + indexes_of(public.index_url, private.index_url),
                "member-a/pyproject.toml": member("member-a", "private", OFTEN, more=TESTED),
                "member-b/pyproject.toml": member("member-b", "fig", OFTEN, more=TESTED),
            }
        )
        made.uv("lock")
        yield made


def read(folder: Path, selection: Selection = Selection()) -> Lock:  # noqa: B008
    return UvReader().read(folder, "uv.lock", Purpose.RUNTIME, {}, selection)


CASES: dict[str, tuple[Selection, tuple[str, ...]]] = {
    "default": (Selection(), ()),
    "no dev": (Selection(no_groups=("dev",)), ("--no-group", "dev")),
    "no groups": (Selection(no_groups=(":all:",)), ("--no-default-groups",)),
    "extra": (Selection(extras=("s3",)), ("--extra", "s3")),
    "cpu": (Selection(extras=("cpu",)), ("--extra", "cpu")),
    "gpu": (
        Selection(extras=("gpu", "s3"), groups=("old",)),
        ("--extra", "gpu", "--extra", "s3", "--group", "old"),
    ),
    "old": (Selection(groups=("old",)), ("--group", "old")),
    "new": (Selection(groups=("new",)), ("--group", "new")),
    "member": (Selection(packages=("member-b",)), ("--package", "member-b")),
    "two members": (
        Selection(packages=("member-a", "member-b"), groups=("test",)),
        ("--package", "member-a", "--package", "member-b", "--group", "test"),
    ),
}


@pytest.mark.parametrize(("selection", "options"), CASES.values(), ids=CASES.keys())
def test_what_is_read_is_what_uv_exports(
    project: UvProject, selection: Selection, options: tuple[str, ...]
) -> None:
    text = project.uv(
        "export", "--frozen", "--offline", "--no-emit-workspace", "--no-annotate", "--no-header", *options
    )
    lock = read(project.folder, selection)
    assert installed(locked(lock.requirements)) == installed(exported(text))
    assert sorted(map(repr, reexported(lock))) == sorted(map(repr, locked(lock.requirements)))
    assert {one.what: one.digests for one in locked(lock.requirements)} == {
        one.what: one.digests for one in exported(text)
    }
    assert lock.stale == ()


@pytest.mark.parametrize(
    ("selection", "options"),
    [
        (Selection(extras=("cpu", "gpu")), ("--extra", "cpu", "--extra", "gpu")),
        (Selection(groups=("old", "new")), ("--group", "old", "--group", "new")),
        (Selection(extras=("s4",)), ("--extra", "s4")),
        (Selection(groups=("tests",)), ("--group", "tests")),
    ],
)
def test_what_is_refused_is_what_uv_refuses(
    project: UvProject, selection: Selection, options: tuple[str, ...]
) -> None:
    project.uv("export", "--frozen", "--offline", *options, expect=2)
    with pytest.raises(InputError):
        read(project.folder, selection)


def test_what_uv_calls_out_of_date_is_stale(project: UvProject) -> None:
    pyproject = project.folder / "pyproject.toml"
    text = pyproject.read_text()
    try:
        pyproject.write_text(text.replace('"apple",', '"apple", "grape",'))
        assert read(project.folder).stale
        assert "needs to be updated" in project.uv("lock", "--check", expect=1)
    finally:
        pyproject.write_text(text)


DATA = Path(__file__).parent / "data"
OLD = {"default": Selection(), "prod": Selection(no_groups=("dev",)), "s3": Selection(extras=("s3",))}


@pytest.mark.parametrize("name", OLD)
@pytest.mark.parametrize("revision", range(4))
def test_each_older_revision_is_read_as_the_uv_that_wrote_it_reads_it(revision: int, name: str) -> None:
    """The locks and the exports are those of uv 0.4.30, 0.6.10, 0.7.3 and 0.8.4 for one project."""
    folder = DATA / f"uv-revision-{revision}"
    lock = UvReader().read(folder, "uv.lock", Purpose.RUNTIME, {}, OLD[name])
    lines = exported((folder / f"export-{name}.txt").read_text())
    assert installed(locked(lock.requirements)) == installed(lines)
    assert {one.what: one.digests for one in locked(lock.requirements)} == {one.what: one.digests for one in lines}
    assert (lock.stale, lock.warnings) == ((), ())
