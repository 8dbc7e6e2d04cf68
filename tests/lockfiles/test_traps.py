"""The traps that real lock files hold, each in every format that has it: what is read, or how it is refused.

What the formats alone have stands beside their other tests (`TRAPS` and `WRONG` there).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from packaging.markers import Marker

from cachi2ish.core.requirements import Purpose, Url
from cachi2ish.errors import Cachi2ishError, leaves
from cachi2ish.lockfiles.interface import Lock, Selection
from cachi2ish.lockfiles.readers import READERS, NamedReaders
from tests.lockfiles import test_pdm_lock as pdm
from tests.lockfiles import test_pipfile_lock as pipenv
from tests.lockfiles import test_poetry_lock as poetry
from tests.lockfiles import test_uv_lock as uv
from tests.lockfiles.reading import A, B, write
from tests.support import pylocks
from tests.support.exports import MACHINES

FILES = "https://files.example"
WHEEL = "foo-1.0-py3-none-any.whl"


def read(root: Path, name: str, text: str | bytes, selection: Selection = Selection()) -> Lock:  # noqa: B008
    reader = next(one for one in READERS if name in one.names)
    write(root, {name: text})
    return reader.read(root, name, Purpose.RUNTIME, {"TOKEN": "x"}, selection)


def uv_lock(*packages: str) -> str:
    return uv.HEAD + "".join(packages)


def in_pylock(**more: object) -> str:
    return pylocks.pylock(pylocks.package("foo", "1.0", **more))


def wheel(**more: object) -> dict[str, object]:
    return {"url": f"{FILES}/{WHEEL}", **more}


#: A trap: the file, its text, and the requirements that are read of it, or the words of the error.
READ: Mapping[str, tuple[str, str, list[str]]] = {
    "uv: a wheel of an index that states no hash": (
        "uv.lock",
        uv_lock(uv.package("foo", wheels=[wheel()]), uv.project("foo")),
        ["foo==1.0"],
    ),
    "uv: files on another host than the index": (
        "uv.lock",
        uv_lock(uv.package("foo", source={"registry": "https://me:pw@index.example/simple"}), uv.project("foo")),
        ["foo==1.0"],
    ),
    "pylock: files on another host than the index": (
        "pylock.toml",
        in_pylock(index="https://me:pw@index.example/simple", wheels=[wheel(hashes={"sha256": A})]),
        ["foo==1.0"],
    ),
    "pylock: one version from two addresses": (
        "pylock.toml",
        pylocks.pylock(
            *(
                pylocks.package(
                    "foo",
                    "1.0",
                    marker=f"sys_platform {operator} 'linux'",
                    archive={"url": f"{FILES}/{tag}/{WHEEL}", "hashes": {"sha256": digest}},
                )
                for tag, operator, digest in (("gpu", "==", A), ("cpu", "!=", B))
            )
        ),
        [f"foo @ {FILES}/cpu/{WHEEL}", f"foo @ {FILES}/gpu/{WHEEL}"],
    ),
    "poetry: one version from two addresses": (
        "poetry.lock",
        poetry.lock(
            *(
                poetry.package(
                    "foo",
                    source={"type": "url", "url": f"{FILES}/{tag}/{WHEEL}"},
                    markers=f"sys_platform {operator} 'linux'",
                )
                for tag, operator in (("gpu", "=="), ("cpu", "!="))
            )
        ),
        [f"foo @ {FILES}/cpu/{WHEEL}", f"foo @ {FILES}/gpu/{WHEEL}"],
    ),
    "poetry: an extra of the project in a marker": (
        "poetry.lock",
        poetry.lock(
            poetry.package("foo", markers='extra == "all"'),
            poetry.package("bar"),
            more='[extras]\nall = ["foo"]\n',
        ),
        ["bar==1.0"],
    ),
    "pdm: files that an entry with extras repeats": (
        "pdm.lock",
        pdm.a_lock(pdm.package("foo"), pdm.package("foo", extras=["x"])),
        ["foo==1.0"],
    ),
    "pipenv: a package that the machine of the lock did not need": (
        "Pipfile.lock",
        pipenv.a_lock(
            {
                "foo": {"version": "*", "markers": "os_name == 'nt'"},
                "bar": {"version": "==1", "hashes": [f"sha256:{A}"]},
            }
        ),
        ["bar==1"],
    ),
    "pip: a lock of one machine": (
        "pylock.toml",
        in_pylock(wheels=[wheel(hashes={"sha256": A})]).replace("a test", "pip"),
        ["foo==1.0"],
    ),
}


@pytest.mark.parametrize(("name", "text", "taken"), READ.values(), ids=READ.keys())
def test_it_is_read(tmp_path: Path, name: str, text: str, taken: list[str]) -> None:
    lock = read(tmp_path, name, text)
    found = [
        f"{one.name} @ {one.url.with_credentials}" if isinstance(one, Url) else str(one)
        for one in lock.requirements
    ]
    assert sorted(found) == taken
    assert "pw" not in repr(lock)


EMPTY: Mapping[str, str] = {
    "uv.lock": uv_lock(uv.package("foo", wheels=None), uv.project("foo")),
    "poetry.lock": poetry.lock(poetry.package("foo", files=[])),
    "pdm.lock": pdm.a_lock(pdm.package("foo", files=[])),
    "Pipfile.lock": pipenv.a_lock({"foo": {"version": "==1.0"}}),
    "pylock.toml": in_pylock(),
}
#: Of a whole lock, so that each format has it.
WHOLE: Mapping[str, tuple[Callable[[str], str], str, int]] = {
    "an end in the middle": (lambda text: text[: text.rindex("foo") + 2], "it is no ", 1),
    "a conflict marker of git": (lambda text: f"{text}\n<<<<<<< HEAD\n", "it has a merge conflict", 1),
    "nothing": (lambda _: "", "it is empty", 0),
    "another format": (lambda _: "foo==1.0 --hash=sha256:00\n", "it is no ", 1),
}


@pytest.mark.parametrize("name", EMPTY)
def test_a_package_without_files_is_refused_at_its_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(Cachi2ishError) as caught:
        read(tmp_path, name, EMPTY[name])
    (error,) = leaves(caught.value)
    assert "foo" in error.problem
    assert error.hint
    assert error.origin is not None
    assert (error.origin.file, error.origin.line is None) == (name, False)


@pytest.mark.parametrize("name", EMPTY)
@pytest.mark.parametrize(("change", "says", "with_line"), WHOLE.values(), ids=WHOLE.keys())
def test_a_broken_file_is_refused_with_its_place(
    tmp_path: Path, name: str, change: Callable[[str], str], says: str, with_line: int
) -> None:
    with pytest.raises(Cachi2ishError) as caught:
        read(tmp_path, name, change(EMPTY[name]))
    for error in leaves(caught.value):
        assert error.origin is not None
        assert error.origin.file == name
        assert error.problem.startswith(says)
        assert (error.origin.line is not None) >= bool(with_line)


@pytest.mark.parametrize("name", EMPTY)
def test_a_stub_beside_it_is_never_chosen_from(tmp_path: Path, name: str) -> None:
    """Several locks in a folder, and the input names none: an error that lists them."""
    other = "poetry.lock" if name == "uv.lock" else "uv.lock"
    write(tmp_path, {name: EMPTY[name], other: ""})
    error = NamedReaders().unlocked(tmp_path, ".")
    assert error is not None
    assert ", ".join(sorted((name, other))) in error.problem
    assert "name the one that is meant" in (error.hint or "")


def test_a_pylock_that_pipenv_writes_is_refused_with_advice(tmp_path: Path) -> None:
    text = pylocks.pylock(pylocks.package("Foo_Bar", "1.0")).replace("a test", "pipenv")
    with pytest.raises(Cachi2ishError) as caught:
        read(tmp_path, "pylock.toml", text)
    assert "Pipfile.lock" in (caught.value.hint or "")


class Fact(Struct, frozen=True):
    """A marker as text, and when it holds: in an environment, for the extras of conflicts that are selected."""

    text: str
    holds: Callable[[Mapping[str, str], frozenset[str]], bool]


ATOMS = (
    Fact("sys_platform == 'linux'", lambda here, _: here["sys_platform"] == "linux"),
    Fact("os_name != 'nt'", lambda here, _: here["os_name"] != "nt"),
    Fact("python_version < '3.12'", lambda here, _: Marker("python_version < '3.12'").evaluate(dict(here))),
    Fact("extra == 'extra-3-own-cpu'", lambda _, chosen: "cpu" in chosen),
    Fact("extra != 'extra-3-own-cpu'", lambda _, chosen: "cpu" not in chosen),
    Fact("extra == 'extra-3-own-gpu'", lambda _, chosen: "gpu" in chosen),
)


def _both(one: Fact, other: Fact) -> Fact:
    return Fact(
        f"({one.text}) and ({other.text})",
        lambda here, chosen: one.holds(here, chosen) and other.holds(here, chosen),
    )


def _either(one: Fact, other: Fact) -> Fact:
    return Fact(
        f"({one.text}) or ({other.text})",
        lambda here, chosen: one.holds(here, chosen) or other.holds(here, chosen),
    )


FACTS = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.builds(_both, inner, inner) | st.builds(_either, inner, inner),
    max_leaves=4,
)
NAMES = ("a", "b", "c", "d")
EDGES = st.dictionaries(
    st.tuples(st.sampled_from(("own", *NAMES)), st.sampled_from(NAMES)), FACTS | st.none(), max_size=8
)


@given(EDGES, EDGES, st.sampled_from(((), ("cpu",), ("gpu",))))
def test_forks_and_conflicts_of_uv_hold_where_each_way_to_a_package_does(
    tmp_path_factory: pytest.TempPathFactory,
    drawn: dict[tuple[str, str], Fact | None],
    of_extra: dict[tuple[str, str], Fact | None],
    extras: tuple[str, ...],
) -> None:
    """Two versions of each package, as a fork has them; by markers."""
    edges: list[tuple[str, str, str, Fact | None]] = []
    for (source, target), fact in drawn.items():
        places = [source] if source == "own" else [f"{source}1", f"{source}2"]
        edges += [(place, target, "1", fact) for place in places]
        if fact is not None and of_extra:
            other = next(iter(of_extra.values()))
            edges += [(place, target, "2", other) for place in places]

    def needs(source: str) -> list[object]:
        return [
            {"name": target, "version": version, **({"marker": fact.text} if fact else {})}
            for place, target, version, fact in edges
            if place == source
        ]

    text = (
        uv.HEAD
        + 'conflicts = [[{ package = "own", extra = "cpu" }, { package = "own", extra = "gpu" }]]\n'
        + "".join(
            uv.package(name, version, dependencies=needs(f"{name}{version}")) for name in NAMES for version in "12"
        )
        + uv.project(*needs("own"), optional_dependencies={"cpu": [], "gpu": []})
    )
    lock = read(tmp_path_factory.mktemp("uv"), "uv.lock", text, Selection(extras=extras))
    chosen = frozenset(extras)
    for machine in MACHINES:
        here = {**machine, "extra": ""}
        reached: set[str] = set()
        waiting = ["own"]
        while waiting:
            place = waiting.pop()
            for source, target, version, fact in edges:
                node = f"{target}{version}"
                if source == place and node not in reached and (fact is None or fact.holds(here, chosen)):
                    reached.add(node)
                    waiting.append(node)
        read_here = {
            f"{one.name}{getattr(one, 'version', '')}"
            for one in lock.requirements
            if one.marker is None or Marker(one.marker).evaluate(here)
        }
        assert read_here == reached
