"""``Pipfile.lock``: what pipenv 2026.10 exports of a real one, what each part means, and what is wrong in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cachi2ish.core.requirements import Git, Indexes, Purpose, Url
from cachi2ish.errors import Cachi2ishError, InputError, LockFileError, Origin, leaves
from cachi2ish.lockfiles.interface import Lock, Selection
from cachi2ish.lockfiles.pipfile.pipfile_lock import PipfileLockReader
from tests.lockfiles.reading import COMMIT, A, names, pins, write
from tests.support.exports import exported, installed, locked, reexported

DATA = Path(__file__).parent / "data" / "pipenv"
FILES = "https://files.example"
PIN = {"version": "==1.0", "hashes": [f"sha256:{A}"]}
SOURCES = [
    {"name": "pypi", "url": "https://i.example/simple", "verify_ssl": True},
    {"name": "private", "url": "https://me:${TOKEN}@p.example/simple", "verify_ssl": True},
]


@pytest.mark.parametrize(
    ("name", "selection"),
    [
        ("default", Selection()),
        ("dev", Selection(groups=("dev",))),
        ("docs", Selection(groups=("Docs",), no_groups=("dev-packages",))),
    ],
)
def test_what_is_read_is_what_pipenv_exports(name: str, selection: Selection) -> None:
    lock = PipfileLockReader().read(DATA, "Pipfile.lock", Purpose.RUNTIME, {}, selection)
    lines = [one for one in exported((DATA / f"export-{name}.txt").read_text()) if one.digests]
    assert installed(locked(lock.requirements)) == installed(lines)
    assert sorted(map(repr, reexported(lock))) == sorted(map(repr, locked(lock.requirements)))
    assert {one.what: one.digests for one in locked(lock.requirements)} == {one.what: one.digests for one in lines}
    assert lock.stale == ()
    assert lock.notes == ("Pipfile.lock: pipenv has written it for Python 3.11, on one machine",)
    (warning,) = lock.warnings
    assert warning.startswith("Pipfile.lock:27: cherry is left out: pipenv has not locked it, as its machine")


def a_lock(default: object, spec: object = 6, **more: Any) -> str:
    meta = {"hash": {"sha256": "0123"}, "pipfile-spec": spec, "sources": SOURCES, **more.pop("meta", {})}
    return json.dumps({"_meta": meta, "default": default, **more}, indent=4)


PIPFILE_LOCK = a_lock(
    {
        "a": {"git": "https://git.example/r.git", "ref": COMMIT, "subdirectory": "py", "editable": True},
        "b": {"file": f"{FILES}/b-1.0.zip", "hashes": [f"sha256:{A}"]},
        "c": {"path": "libs/c", "editable": True},
        "d": {**PIN, "index": "private", "markers": "os_name == 'nt'"},
        "e": PIN,
    },
    develop={"d": {**PIN, "markers": "os_name == 'posix'"}, "own": {"path": ".", "editable": True}},
)


def read(root: Path, text: str, selection: Selection = Selection()) -> Lock:  # noqa: B008
    write(root, {"Pipfile.lock": text})
    return PipfileLockReader().read(root, "Pipfile.lock", Purpose.RUNTIME, {"TOKEN": "s3cret"}, selection)


def test_each_source_is_what_it_says(tmp_path: Path) -> None:
    lock = read(tmp_path, PIPFILE_LOCK)
    a, b, *_ = lock.requirements
    assert isinstance(a, Git)
    assert (a.commit, a.subdirectory, a.origin) == (COMMIT, "py", Origin("Pipfile.lock", 21))
    assert isinstance(b, Url)
    d, e = pins(lock)
    assert (str(d), d.marker) == ("d==1.0", 'os_name == "nt"')
    assert [one.with_credentials for one in d.indexes.addresses] == ["https://me:s3cret@p.example/simple"]
    assert len(e.indexes.addresses) == 2
    assert d.indexes.alone
    assert e.indexes.alone
    assert str(lock.notes[0]).endswith("c is not fetched: it is the folder 'libs/c' of the source")
    assert "s3cret" not in repr(lock)


def test_a_package_of_two_sections_is_needed_where_either_says(tmp_path: Path) -> None:
    lock = read(tmp_path, PIPFILE_LOCK, Selection(groups=("develop",)))
    assert [one.marker for one in pins(lock) if one.name == "d"] == ['os_name == "nt" or os_name == "posix"']


def test_without_sources_the_settings_say_which_index(tmp_path: Path) -> None:
    (pin,) = pins(read(tmp_path, a_lock({"e": PIN}, meta={"sources": []})))
    assert pin.indexes == Indexes()


def test_a_name_that_the_lock_lacks_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the lock has no group 'develp'") as caught:
        read(tmp_path, PIPFILE_LOCK, Selection(groups=("develp",)))
    assert caught.value.hint == "did you mean 'develop'?"
    assert names(read(tmp_path, PIPFILE_LOCK, Selection(no_groups=("packages",)))) == []


def test_a_pipfile_that_changed_since_makes_it_stale(tmp_path: Path) -> None:
    write(tmp_path, {"Pipfile": '[packages]\nfoo = "*"\n'})
    (stale,) = read(tmp_path, PIPFILE_LOCK).stale
    assert stale.hint == "run `pipenv lock`, and commit what it writes"
    write(tmp_path, {"Pipfile": "[packages]\nfoo = 2024-01-01\n"})
    assert read(tmp_path, PIPFILE_LOCK).stale == ()


WRONG: Mapping[str, tuple[str, str, int | None]] = {
    "no JSON": ('{\n  "_meta": }\n', "it is no JSON, in column 12: Expecting value", 2),
    "a list": ("[]", "it is no JSON object", None),
    "lists in lists": ("[" * 100_000, "it cannot be read as JSON", None),
    "no meta": ("{}", "Object missing required field `_meta`", None),
    "another specification": (a_lock({}, 7), "its pipfile-spec is 7, and only 6 is known here", None),
    "a section of another kind": (a_lock([]), "default is no table of packages", None),
    "a package of another kind": (a_lock({"e": {"hashes": "x"}}), "e: Expected `array`, got `str`", 21),
    "no marker": (a_lock({"e": {**PIN, "markers": "what"}}), "e: its markers cannot be read: Expected", 21),
    "no pin": (a_lock({"e": {**PIN, "version": "*"}}), "e: '*' pins no version", 21),
    "no hash": (a_lock({"e": {"version": "==1.0"}}), "e: the lock has no hash of it", 21),
    "no version": (a_lock({"e": {}}), "e: it comes from nowhere that is known here", 21),
    "a weak hash": (a_lock({"e": {**PIN, "hashes": [f"md5:{'a' * 32}"]}}), "e: its file has no hash that", 21),
    "another index": (
        a_lock({"e": {**PIN, "index": "privat"}}),
        "e: its index 'privat' is none of the sources",
        21,
    ),
    "a file": (a_lock({"e": {"file": "./e.whl"}}), "e: the lock has no hash of its archive", 21),
    "a file outside": (
        a_lock({"e": {"file": "file:///srv/e.whl", "hashes": [f"sha256:{A}"]}}),
        "e: the file '/srv/e.whl' is outside the source",
        21,
    ),
    "a path of a file": (a_lock({"e": {"path": "e.whl"}}), "e: the lock has no hash of its archive", 21),
    "a folder outside": (a_lock({"e": {"path": "../e"}}), "e: the directory '../e' is outside the source", 21),
    "no commit": (a_lock({"e": {"git": "https://git.example/r"}}), "e: its commit-id '' is no full commit", 21),
    "no hash of an archive": (
        a_lock({"e": {"file": f"{FILES}/e.zip"}}),
        "e: the lock has no hash of its arch",
        21,
    ),
    "no value of a variable": (
        a_lock({"e": PIN}, meta={"sources": [{"url": "https://${UNSET}@i.example"}]}),
        "an address of an index has the variable UNSET, which has no value",
        None,
    ),
}


@pytest.mark.parametrize(("text", "problem", "line"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_one_error_with_its_line(
    text: str, problem: str, line: int | None, tmp_path: Path
) -> None:
    with pytest.raises(Cachi2ishError) as caught:
        read(tmp_path, text)
    (error,) = leaves(caught.value)
    assert isinstance(error, LockFileError)
    assert error.problem.startswith(problem)
    assert error.origin == Origin("Pipfile.lock", line)
    assert error.hint


@pytest.mark.parametrize("again", ["{}", "[]", '"x"', "1"])
def test_an_address_below_a_key_that_stands_twice_is_not_rewritten(tmp_path: Path, again: str) -> None:
    """JSON takes the last one (RFC 8259, 4), in which there is no such package."""
    other = f'"docs": {{"e": {{"git": "https://git.example/r", "ref": "{COMMIT}"}}}}, "docs": {again}'
    text = a_lock({"foo": PIN}).rstrip().removesuffix("}") + f", {other}}}"
    (one,) = read(tmp_path, text).texts
    assert one.direct == (None,)
