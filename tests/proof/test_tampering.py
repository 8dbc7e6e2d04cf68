"""Property: an output of which anything has changed is never proved again, and what has changed is named."""

from __future__ import annotations

import io
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cli.conftest import Person
from tests.support.command_line import Outcome, run
from tests.support.distributions import make_sdist, make_wheel
from tests.support.index_server import IndexServer
from tests.support.offline import HERE, backend, buildable

FILES = (
    "apple-1.0.tar.gz",
    "banana-1.0-py3-none-any.whl",
    "cherry-1.0-py3-none-any.whl",
    "flit_core-3.9-py3-none-any.whl",
)

#: Stands for any of the pages in the output.
PAGE = "a page"


@pytest.fixture(scope="module")
def proved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """Somebody with a proved output."""
    place = tmp_path_factory.mktemp("proved")
    for name in ("home", "source"):
        (place / name).mkdir()
    with IndexServer() as index:
        person = Person(place / "home", place / "source", place / "out", index, {"PIP_INDEX_URL": index.index_url})
        index.add("apple", make_sdist("apple", "1.0", files=buildable("apple", "1.0", requires=("banana",))))
        index.add("banana", make_wheel("banana", "1.0", requires=("cherry>=1",)))
        index.add("cherry", make_wheel("cherry", "1.0"))
        index.add("flit-core", backend("3.9"))
        person.writes("requirements.txt", "apple==1.0\nbanana==1.0\ncherry==1.0\n")
        person.writes("requirements-build.txt", "flit-core==3.9\n")
        fetched = person.fetches('{"type": "pip", "allow_binary": true}')
        assert fetched.code == 0, fetched.told
        assert tuple(person.deps()) == FILES
        yield person


def verified(person: Person, output: Path) -> Outcome:
    return run("verify", output, "--target", HERE, home=person.home)


def other_python(name: str, content: bytes) -> bytes:
    """A wheel, or an sdist, with another Requires-Python."""
    changed = io.BytesIO()
    more = b"Requires-Python: <3\n"
    if name.endswith(".tar.gz"):
        with tarfile.open(fileobj=io.BytesIO(content)) as old, tarfile.open(fileobj=changed, mode="w:gz") as new:
            for member in old.getmembers():
                file = old.extractfile(member)
                inside = b"" if file is None else file.read()
                inside = more + inside if member.name.endswith("PKG-INFO") else inside
                member.size = len(inside)
                new.addfile(member, io.BytesIO(inside))
        return changed.getvalue()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(changed, "w") as after:
        for inner in before.namelist():
            after.writestr(inner, before.read(inner) + (more if inner.endswith("METADATA") else b""))
    return changed.getvalue()


def renamed(path: Path, how: str) -> Path:
    """The same file under the name of other tags, another project, or another version."""
    names = {
        "tags": path.name.replace("py3-none-any", "cp27-cp27m-win32"),
        "name": f"x{path.name}",
        "version": path.name.replace("-1.0", "-1.1").replace("-3.9", "-4.0"),
    }
    return path.rename(path.with_name(names[how]))


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, str, int]:
    """A file of the output, what is done to it, and a number for that."""
    others = ("bom.json", ".build-config.json", PAGE)
    file = draw(st.sampled_from((*(f"deps/pip/{name}" for name in FILES), *others)))
    kinds = ["remove", "flip", "cut", "append"]
    if file not in others:
        kinds += ["name", "version", "python"]
    if file.endswith(".whl"):
        kinds += ["tags"]
    return file, draw(st.sampled_from(kinds)), draw(st.integers(0, 1 << 20))


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(change=changes())
def test_whatever_changes_is_named_and_nothing_is_proved_any_more(
    proved: Person, change: tuple[str, str, int]
) -> None:
    file, kind, number = change
    with tempfile.TemporaryDirectory() as folder:
        output = Path(shutil.copytree(proved.output, Path(folder) / "out"))
        pages = sorted(one for one in (output / "deps" / "simple").rglob("*") if one.is_file())
        path = pages[number % len(pages)] if file == PAGE else output / file
        content = path.read_bytes()
        match kind:
            case "remove":
                path.unlink()
            case "flip":
                at = number % len(content)
                path.write_bytes(content[:at] + bytes((content[at] ^ (1 + number % 255),)) + content[at + 1 :])
            case "cut":
                path.write_bytes(content[: number % len(content)])
            case "append":
                path.write_bytes(content + b" ")
            case "python":
                path.write_bytes(other_python(path.name, content))
            case _:
                renamed(path, kind)
        found = verified(proved, output)
        assert found.code != 0, found.told
        assert "proved" not in found.out.splitlines()[-1:]
        assert (path.name if file != PAGE else "deps/simple is not as") in found.told


def test_without_a_change_it_is_proved(proved: Person) -> None:
    found = verified(proved, proved.output)
    assert (found.code, found.out.splitlines()[-1]) == (0, "proved")


def test_a_file_that_nobody_fetched_is_named(proved: Person, tmp_path: Path) -> None:
    output = Path(shutil.copytree(proved.output, tmp_path / "out"))
    make_wheel("flit-core", "9.9").write(output / "deps" / "pip")
    found = verified(proved, output)
    assert found.code == 1
    assert "flit_core-9.9-py3-none-any.whl was not put there by fetch-deps, and pip may take it" in found.out
