"""What conda's kin lock: the part that is pip's is read, and what is conda's own is listed."""

from __future__ import annotations

from pathlib import Path

import pytest

from cachi2ish.core.requirements import Git, Pinned, Purpose, Url
from cachi2ish.errors import Cachi2ishError, InputError, Origin, leaves
from cachi2ish.lockfiles.interface import Lock, Selection
from cachi2ish.lockfiles.readers import READERS
from tests.lockfiles.reading import COMMIT, HASH_A, A, B, names, pins, write

FILES = "https://files.example"

ENVIRONMENT = f"""\
name: notes
channels: [conda-forge]
dependencies:
  - python=3.12
  - conda-forge::numpy
  - pip
  - pip:
      - rich==15.0.0 {HASH_A}
      - "foo @ {FILES}/foo-1.0.zip ; os_name == 'nt' {HASH_A}"
      - -r more.txt
"""


def wheel_of(name: str, version: str, platform: str, sha256: str, tag: str = "py3") -> str:
    """A package of conda-lock's file that is pip's."""
    return (
        f"- name: {name}\n  version: {version}\n  manager: pip\n  platform: {platform}\n"
        f"  url: {FILES}/{name}-{version}-{tag}-none-any.whl\n  hash: {{sha256: {sha256}}}\n  category: main\n"
    )


_wheels = "".join(wheel_of("rich", "15.0.0", platform, A) for platform in ("linux-64", "osx-arm64", "win-64"))
_wheels += wheel_of("colorama", "0.4.6", "win-64", B, "py2.py3")
CONDA_LOCK = f"""\
version: 1
metadata:
  platforms: [linux-64, osx-arm64, win-64]
package:
- {{name: python, version: 3.12.1, manager: conda, platform: linux-64, url: "https://c.example/python-3.12.1-h1.conda"}}
{_wheels}- name: tool
  version: 1.0
  manager: pip
  platform: linux-64
  url: git+https://git.example/tool?subdirectory=py@{COMMIT}
  category: dev
"""
PIXI = f"""\
version: 6
environments:
  default:
    channels: [{{url: "https://conda.example/conda-forge/"}}]
    packages:
      linux-64:
      - conda: https://conda.example/linux-64/python-3.12.1-h1_cpython.conda
      - pypi: {FILES}/numpy-2.0-cp312-cp312-manylinux_2_28_x86_64.whl
      - pypi: ./lib
      osx-arm64:
      - conda: https://conda.example/osx-arm64/python-3.12.1-h2_cpython.conda
      - pypi: {FILES}/numpy-2.0-cp312-cp312-macosx_14_0_arm64.whl
  docs:
    packages:
      linux-64:
      - pypi: {FILES}/sphinx-8.0-py3-none-any.whl
packages:
- conda: https://conda.example/linux-64/python-3.12.1-h1_cpython.conda
  sha256: {A}
- pypi: {FILES}/numpy-2.0-cp312-cp312-manylinux_2_28_x86_64.whl
  name: numpy
  version: '2.0'
  sha256: {A}
- pypi: {FILES}/numpy-2.0-cp312-cp312-macosx_14_0_arm64.whl
  name: numpy
  version: '2.0'
  sha256: {B}
- pypi: {FILES}/sphinx-8.0-py3-none-any.whl
  name: sphinx
  version: '8.0'
  sha256: {A}
- pypi: ./lib
  name: lib
  version: 0.1.0
  editable: true
"""
PIXI_5 = f"""\
version: 5
environments:
  default:
    packages:
      win-64:
      - pypi: {FILES}/rich-15.0.0-py3-none-any.whl
packages:
- kind: conda
  name: python
- kind: pypi
  name: rich
  version: 15.0.0
  url: {FILES}/rich-15.0.0-py3-none-any.whl
  sha256: {A}
"""


def read(root: Path, name: str, text: str, selection: Selection = Selection(), **more: str) -> Lock:  # noqa: B008
    write(root, {name: text, **{file.replace("_", "."): content for file, content in more.items()}})
    reader = next(one for one in READERS if name in one.names)
    return reader.read(root, name, Purpose.RUNTIME, {}, selection)


def errors_of(root: Path, name: str, text: str, **selection: tuple[str, ...]) -> list[Cachi2ishError]:
    with pytest.raises(Cachi2ishError) as caught:
        read(root, name, text, Selection(**selection))
    return list(leaves(caught.value))


def test_the_pip_part_of_an_environment_is_read_as_pip_reads_it(tmp_path: Path) -> None:
    lock = read(tmp_path, "environment.yml", ENVIRONMENT, more_txt=f"bar==2.0 {HASH_A}\n")
    assert names(lock) == ["rich==15.0.0", "foo @ URL", "bar==2.0"]
    assert [str(one.origin) for one in lock.requirements] == [
        "environment.yml:8",
        "environment.yml:9",
        "more.txt:1",
    ]
    assert lock.requirements[1].marker == 'os_name == "nt"'
    (note,) = lock.notes
    assert str(note).startswith("environment.yml: conda's own packages are not fetched here, only those of pip; ")
    assert str(note).endswith(" has to bring conda-forge::numpy, pip, python=3.12")
    assert lock.texts == ()


def test_a_range_in_an_environment_is_an_error_on_its_line(tmp_path: Path) -> None:
    (error,) = errors_of(tmp_path, "environment.yml", ENVIRONMENT.replace("- -r more.txt", "- bar>=2"))
    assert str(error.origin) == "environment.yml:10"
    assert "bar>=2" in error.problem


def test_an_item_of_several_lines_is_as_many_lines_for_pip(tmp_path: Path) -> None:
    text = f"dependencies:\n- pip:\n  - |\n    foo==1.0 \\\n      {HASH_A}\n    bar==2.0 {HASH_A} # why\n"
    lock = read(tmp_path, "environment.yml", text)
    assert names(lock) == ["foo==1.0", "bar==2.0"]


def test_no_address_is_shown_with_its_password(tmp_path: Path) -> None:
    lock = read(tmp_path, "environment.yml", "dependencies:\n- https://me:s3cret@h.example/p-1-0.conda\n")
    assert "s3cret" not in str(lock.notes[0])


def test_a_subdirectory_may_stand_behind_the_commit(tmp_path: Path) -> None:
    text = CONDA_LOCK.replace(COMMIT, f"{COMMIT}#subdirectory=sub").replace("?subdirectory=py", "")
    (tool,) = read(tmp_path, "conda-lock.yml", text, Selection(groups=("dev",), no_groups=("main",))).requirements
    assert isinstance(tool, Git)
    assert tool.subdirectory == "sub"


def test_a_conda_lock_has_packages_of_pip_for_some_platforms(tmp_path: Path) -> None:
    lock = read(tmp_path, "conda-lock.yml", CONDA_LOCK)
    assert {str(one): one.marker for one in lock.requirements} == {
        "rich==15.0.0": None,
        "colorama==0.4.6": 'platform_machine == "AMD64" and sys_platform == "win32"',
    }
    assert [one.filename for one in pins(lock)[0].files] == ["rich-15.0.0-py3-none-any.whl"]
    assert str(lock.requirements[0].origin) == "conda-lock.yml:6"
    (note,) = lock.notes
    assert str(note).endswith("a conda client has to bring python")


def test_categories_are_groups(tmp_path: Path) -> None:
    lock = read(tmp_path, "conda-lock.yml", CONDA_LOCK, Selection(groups=("dev",), no_groups=("main",)))
    (tool,) = lock.requirements
    assert isinstance(tool, Git)
    assert (str(tool.url), tool.commit, tool.subdirectory) == ("https://git.example/tool", COMMIT, "py")
    assert lock.needs is not None
    assert lock.needs().groups == {0: {"dev"}}
    (error,) = errors_of(tmp_path, "conda-lock.yml", CONDA_LOCK, groups=("dve",))
    assert isinstance(error, InputError)
    assert "dev" in (error.hint or "")


@pytest.mark.parametrize(("groups", "taken"), [((), ["numpy==2.0"]), (("docs",), ["numpy==2.0", "sphinx==8.0"])])
def test_environments_of_pixi_are_groups_and_a_package_has_the_files_of_all_platforms(
    tmp_path: Path, groups: tuple[str, ...], taken: list[str]
) -> None:
    lock = read(tmp_path, "pixi.lock", PIXI, Selection(groups=groups))
    assert names(lock) == taken
    numpy = lock.requirements[0]
    assert isinstance(numpy, Pinned)
    assert (numpy.marker, len(numpy.files)) == (None, 2)
    assert [str(note).partition(": ")[2] for note in lock.notes] == [
        "lib is not fetched: it is the folder 'lib' of the source",
        "conda's own packages are not fetched here, only those of pip; a conda client has to bring python",
    ]


@pytest.mark.parametrize("shape", ["fragment", "key"])
def test_an_address_of_no_index_is_an_archive(tmp_path: Path, shape: str) -> None:
    """Pixi writes ``direct+`` before it, and behind it what the project states of it."""
    url = f"{FILES}/v1.zip"
    location = f"direct+{url}#sha256={A}&subdirectory=py" if shape == "fragment" else f"direct+{url}"
    sha256 = f"  sha256: {A}\n" if shape == "key" else ""
    old = f"{FILES}/sphinx-8.0-py3-none-any.whl"
    text = PIXI.replace(
        f"{old}\n  name: sphinx\n  version: '8.0'\n  sha256: {A}\n", f"{old}\n  name: sphinx\n{sha256}"
    )
    lock = read(tmp_path, "pixi.lock", text.replace(old, location), Selection(groups=("docs",)))
    sphinx = lock.requirements[-1]
    assert isinstance(sphinx, Url)
    assert (str(sphinx.url), sphinx.digest.value) == (url, A)
    assert sphinx.subdirectory == ("py" if shape == "fragment" else None)


def test_a_merge_key_takes_over_what_a_mapping_has_not_itself(tmp_path: Path) -> None:
    before, third = CONDA_LOCK.replace("- name: rich", "- &rich\n  name: rich", 1).rsplit("- name: rich", 1)
    rest = third[third.index("- name: colorama") :]
    text = f"{before}- <<: *rich\n  platform: win-64\n{rest}"
    lock, plain = read(tmp_path, "conda-lock.yml", text), read(tmp_path, "conda-lock.yml", CONDA_LOCK)
    assert {str(one): one.marker for one in lock.requirements} == {
        str(one): one.marker for one in plain.requirements
    }


def test_older_versions_of_pixi_have_other_keys(tmp_path: Path) -> None:
    lock = read(tmp_path, "pixi.lock", PIXI_5)
    assert names(lock) == ["rich==15.0.0"]


@pytest.mark.parametrize(
    ("name", "text", "says", "line"),
    [
        ("environment.yml", "a: [", "it is no YAML: ", 2),
        ("environment.yml", "- a\n", "it is no mapping", None),
        ("environment.yml", "dependencies: *x\n", "it is no YAML: the alias 'x' has no anchor", 1),
        ("environment.yml", "a: 1\na: 2\n", "it is no YAML: the key 'a' stands twice", 2),
        ("environment.yml", "a:\n  <<: [b]\n", "it is no YAML: what << merges is no mapping", 2),
        ("environment.yml", "a: &a\n  b: {<<: *a}\n", "it is no YAML: what << merges has itself in it", 2),
        ("environment.yml", "dependencies:\n  pip: [x==1]\n", "dependencies is no list", 2),
        ("environment.yml", "dependencies:\n- pip: x==1\n", "pip is no list", 2),
        ("pixi.lock", "a: " + "[" * 100_000, "it ", None),
        ("pixi.lock", "version: 7\n", "it has version 7, and of pixi.lock the versions 4, 5, 6", None),
        (
            "pixi.lock",
            PIXI.replace("- pypi: ./lib\n  name: lib\n  version: 0.1.0\n  editable: true\n", ""),
            "the package './lib' of an environment",
            9,
        ),
        ("pixi.lock", PIXI.replace("./lib", "../lib"), "lib: the directory '../lib' is outside", 32),
        ("pixi.lock", PIXI.replace(f"  sha256: {B}\n", ""), "numpy: ", 20),
        ("conda-lock.yml", "package: []\n", "it has no version", None),
        ("conda-lock.yml", CONDA_LOCK.replace(f"hash: {{sha256: {B}}}", "x: 1"), "colorama: ", 27),
        ("conda-lock.yml", CONDA_LOCK.replace("- name: rich\n", "- x: y\n", 1), "a package has no name", 6),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    tmp_path: Path, name: str, text: str, says: str, line: int | None
) -> None:
    for error in errors_of(tmp_path, name, text):
        assert error.problem.startswith(says)
        assert error.hint
        assert error.origin is not None
        assert error.origin.file == name
        if line is not None:
            assert error.origin.line == line


def test_a_commit_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    text = CONDA_LOCK.replace(COMMIT, "main")
    (error,) = errors_of(tmp_path, "conda-lock.yml", text, groups=("dev",))
    assert "no full commit" in error.problem


def test_aliases_are_not_followed_without_end(tmp_path: Path) -> None:
    names_before = ["a", *(f"k{number}" for number in range(60))]
    bomb = "a: &a [x, x]\n" + "".join(
        f"k{number}: &k{number} [*{name}, *{name}]\n" for number, name in enumerate(names_before)
    )
    lock = read(tmp_path, "environment.yml", bomb + "dependencies: *k60\n")
    assert lock.requirements == ()


_WIDE = "a: &a {" + ", ".join(f"k{number}: 1" for number in range(2000)) + "}\n"


def test_aliases_and_merge_keys_do_not_multiply_what_a_file_has(tmp_path: Path) -> None:
    merged = "its merge keys (<<) stand for more than 100000 values"
    written = "its aliases (*) stand for more than 10 times what it has"
    for text, problem, line in (
        (f"{_WIDE}b:\n" + "- {<<: *a}\n" * 4000, merged, 52),
        ("a: &a {}\nl: &l [" + "*a, " * 2000 + "*a]\nb:\n" + "- {<<: *l}\n" * 4000, merged, 53),
        ("d: &d {pip: [" + "x, " * 2000 + "x]}\ndependencies: [" + "*d, " * 4000 + "*d]\n", written, None),
        (f"t: &t {'x' * 20_000}\ndependencies: [{{pip: [{'*t, ' * 4000}*t]}}]\n", written, None),
    ):
        (error,) = errors_of(tmp_path, "environment.yml", text)
        assert (error.problem, error.origin) == (problem, Origin("environment.yml", line))
    once = f"{_WIDE}b: {{<<: [{'*a, ' * 60}*a]}}\ndependencies: [{{pip: [x==1]}}]\n"
    assert names(read(tmp_path, "environment.yml", once)) == ["x==1"]
