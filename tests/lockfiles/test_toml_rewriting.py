"""Locks in TOML are rewritten for an offline build: the addresses of what was fetched, and no byte beside them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cachi2ish.core.requirements import Git, Purpose, Url
from cachi2ish.errors import InputError
from cachi2ish.lockfiles.interface import Addressed, Lock, LockReader, LockText, Placed
from cachi2ish.lockfiles.readers import READERS, rewriter_of
from cachi2ish.lockfiles.toml_strings import strings_in
from tests.lockfiles.reading import COMMIT, A, B, write
from tests.lockfiles.test_uv_lock import GRAPH, HEAD, package, project
from tests.support.pylocks import EVERYTHING

DATA = Path(__file__).parent / "data"
OUTPUT = "/a place/out"
GIT = f"https://git.example/r.git?rev=main#{COMMIT}"
ZIP = "https://files.example/v1.zip"


def texts(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    match value:
        case str():
            yield path, value
        case dict():
            for key, item in value.items():
                yield from texts(item, (*path, key))
        case list():
            for number, item in enumerate(value):
                yield from texts(item, (*path, number))


ODD = """
# "no" = "text"
'a.b'."c d".e = 'x # y' # z
[ t . "u" ]
list = [ "1", ['2', { k = "3", m.n = "4" }], 5.5, 2024-01-01 07:32:00, "6" ]
multi = \"""one ""two\"" \\
   three\"\"\"\"
raw = '''it's # it''' # "not"
escaped = "a\\u0041\\\\\\""
[[p]]
k = "7"
[[p.q]]
k = "8"
[[p.q]]
k = "9"
[p.r]
k = "10"
[[p]]
[p.r]
k = "11"
[[p.q]]
k = "12"
"""


KEPT = [path.read_text() for path in sorted(DATA.glob("*/p[do]*.lock"))]


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("text", [ODD, GRAPH, EVERYTHING, *KEPT])
def test_each_text_is_found_where_the_reader_of_the_language_finds_it(text: str, ends: str) -> None:
    text = text.replace("\n", ends)
    found = list(strings_in(text))
    assert sorted((one.path, one.value) for one in found) == sorted(texts(tomllib.loads(text)))
    for one in found:
        if "\n" not in text[slice(*one.span)]:
            assert tomllib.loads(f"x = {text[slice(*one.span)]}") == {"x": one.value}


@given(st.text(st.sampled_from("[]{}=.,\"'\\\n #ab1"), max_size=60))
def test_what_is_no_document_is_walked_to_its_end(text: str) -> None:
    spans = [one.span for one in strings_in(text)]
    assert spans == sorted(spans)


def read(root: Path, name: str, files: Mapping[str, str | bytes]) -> Lock:
    write(root, files)
    return reader_of(name).read(root, name, Purpose.RUNTIME, {})


def reader_of(name: str) -> LockReader:
    return next(one for one in READERS if name in one.names)


def placed(one: Addressed | None) -> Placed | None:
    match one:
        case Git():
            return Placed(f"{one.project}-git.tar.gz", B)
        case Url():
            return Placed(f"{one.project}-url.zip")
        case None:
            return None
    return Placed(one.filename)


def rewritten(lock: Lock, output: str = OUTPUT) -> tuple[str, str]:
    """The text and the record of a lock of which all was fetched."""
    (text,) = lock.texts
    rewriter = rewriter_of(text.file)
    urls = rewriter.replacement_urls(text.text, [placed(one) for one in text.direct])
    there = [url.replace("${output_dir}", output.replace(" ", "%20")) for url in urls]
    return rewriter.substitute(text.text, there), rewriter.record(text.text, urls)


DECLARED = {"requires-dist": [{"name": "baz", "url": ZIP}]}
UV = (
    HEAD
    + package("foo", sdist={"url": "https://files.example/foo-1.0.tar.gz#x", "hash": f"sha256:{B}", "size": 1})
    + package("bar", source={"git": GIT}, wheels=None, dependencies=[{"name": "baz", "source": {"url": ZIP}}])
    + package("baz", source={"url": ZIP}, wheels=None, sdist={"hash": f"sha256:{A}"})
    + package("baz", "2.0")
    + package("sub", source={"git": GIT.replace("?", "?subdirectory=py&")}, wheels=None)
    + project("foo", {"name": "bar", "source": {"git": GIT}}, "sub", metadata=DECLARED)
)


class TestUv:
    def test_files_become_addresses_and_archives_become_paths(self, tmp_path: Path) -> None:
        text, _ = rewritten(read(tmp_path, "uv.lock", {"uv.lock": UV}))
        there = "file:///a%20place/out/deps/pip/"
        assert text == (
            UV.replace("https://files.example/foo-1.0-py3", f"{there}foo-1.0-py3")
            .replace("https://files.example/foo-1.0.tar.gz#x", f"{there}foo-1.0.tar.gz")
            .replace(
                f'source = {{ git = "{GIT}" }}\n',
                f'source = {{ path = "{OUTPUT}/deps/pip/bar-git.tar.gz" }}\nsdist = {{ hash = "sha256:{B}" }}\n',
            )
            .replace(f'source = {{ git = "{GIT}" }}', f'source = {{ path = "{OUTPUT}/deps/pip/bar-git.tar.gz" }}')
            .replace(f'source = {{ url = "{ZIP}" }}', f'source = {{ path = "{OUTPUT}/deps/pip/baz-url.zip" }}')
        )
        document = tomllib.loads(text)
        assert document["package"][1]["sdist"] == {"hash": f"sha256:{B}"}

    def test_a_folder_of_a_commit_stays_what_it_is(self, tmp_path: Path) -> None:
        """uv reads no folder of an archive that is a file."""
        text, record = rewritten(read(tmp_path, "uv.lock", {"uv.lock": UV}))
        assert "?subdirectory=py&" in text
        assert "subdirectory" not in record


PDM = (DATA / "pdm-static" / "pdm.lock").read_text()
DIRECT = DATA / "direct"
LOCKS = {
    "uv.lock": UV,
    "pylock.toml": EVERYTHING,
    "pdm.lock": PDM,
    "poetry.lock": (DIRECT / "poetry.lock").read_text(),
    "Pipfile.lock": (DIRECT / "Pipfile.lock").read_text(),
}


def parsed(name: str, text: str) -> object:
    return json.loads(text) if name == "Pipfile.lock" else tomllib.loads(text)


#: The same, in the other form that the language has.
TABLES = EVERYTHING.replace(
    'vcs = { type = "git", url = "https://git.example/r.git", commit-id = ',
    '[packages.vcs]\ntype = "git"\nurl = "https://git.example/r.git"\ncommit-id = ',
).replace(f'"{"c" * 40}" }}', f'"{"c" * 40}"')


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("name", "text"), [*LOCKS.items(), ("pylock.toml", TABLES), ("pdm.lock", (DIRECT / "pdm.lock").read_text())]
)
class TestEach:
    def lock(self, root: Path, name: str, text: str, ends: str) -> tuple[Lock, LockText]:
        project = (DATA / "pdm-static" / "pyproject.toml").read_text()
        lock = read(root, name, {name: text.replace("\n", ends).encode(), "pyproject.toml": project})
        (one,) = lock.texts
        return lock, one

    def test_all_comes_back_byte_for_byte(self, tmp_path: Path, name: str, text: str, ends: str) -> None:
        lock, original = self.lock(tmp_path, name, text, ends)
        changed, record = rewritten(lock)
        assert parsed(name, changed) != parsed(name, original.text)
        assert rewriter_of(name).restore(changed, record) == original.text == text.replace("\n", ends)

    def test_a_rewritten_lock_is_read_as_before(self, tmp_path: Path, name: str, text: str, ends: str) -> None:
        lock, _ = self.lock(tmp_path, name, text, ends)
        changed, record = rewritten(lock)
        write(tmp_path, {name: changed.encode(), f".{name}.cachi2ish.json": record})
        again = reader_of(name).read(tmp_path, name, Purpose.RUNTIME, {})
        assert replace(again, stale=()) == replace(lock, stale=())  # errors are not compared

    def test_what_was_not_fetched_stays(self, tmp_path: Path, name: str, text: str, ends: str) -> None:
        _, one = self.lock(tmp_path, name, text, ends)
        rewriter = rewriter_of(name)
        urls = rewriter.replacement_urls(one.text, [None] * len(one.direct))
        assert rewriter.substitute(one.text, urls) == one.text

    def test_a_damaged_record_is_an_error_with_its_place(
        self, tmp_path: Path, name: str, text: str, ends: str
    ) -> None:
        self.lock(tmp_path, name, text, ends)
        write(tmp_path, {f".{name}.cachi2ish.json": "{}"})
        with pytest.raises(InputError, match="is damaged") as caught:
            reader_of(name).read(tmp_path, name, Purpose.RUNTIME, {})
        assert caught.value.origin is not None
        assert caught.value.origin.file == f".{name}.cachi2ish.json"

    def test_another_number_of_addresses_is_refused(self, tmp_path: Path, name: str, text: str, ends: str) -> None:
        _, one = self.lock(tmp_path, name, text, ends)
        with pytest.raises(InputError, match="addresses, and"):
            rewriter_of(name).substitute(one.text, ["file:///x"] * (len(one.direct) + 1))


@pytest.mark.parametrize("text", [EVERYTHING, TABLES])
def test_a_commit_becomes_an_archive_with_its_hash(tmp_path: Path, text: str) -> None:
    changed, _ = rewritten(read(tmp_path, "pylock.toml", {"pylock.toml": text}))
    bar = next(one for one in tomllib.loads(changed)["packages"] if one["name"] == "bar")
    assert "vcs" not in bar
    assert bar["archive"]["url"] == "file:///a%20place/out/deps/pip/bar-git.tar.gz"
    assert bar["archive"]["hashes"] == {"sha256": B}


#: What each format makes of a commit, an archive at an address and a wheel at one, as its tool reads it.
FIG, GUAVA, GRAPE = "fig-git.tar.gz", "guava-url.zip", "grape-url.zip"
THERE = "file:///a%20place/out/deps/pip"


def by_name(listed: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in listed}


def test_pdm_gets_addresses_of_files_with_their_hashes(tmp_path: Path) -> None:
    changed, _ = rewritten(read(tmp_path, "pdm.lock", {"pdm.lock": (DIRECT / "pdm.lock").read_text()}))
    found = by_name(tomllib.loads(changed)["package"])
    assert "git" not in found["fig"]
    assert found["fig"]["url"] == f"{THERE}/{FIG}"
    assert found["fig"]["files"] == [{"file": FIG, "hash": f"sha256:{B}"}]
    for name, file in (("guava", GUAVA), ("grape", GRAPE)):
        assert found[name]["url"] == f"{THERE}/{file}"
        assert [one["url"] for one in found[name]["files"]] == [f"{THERE}/{file}"]


def test_poetry_gets_paths_of_files_by_the_names_that_they_have(tmp_path: Path) -> None:
    text = (DIRECT / "poetry.lock").read_text()
    changed, _ = rewritten(read(tmp_path, "poetry.lock", {"poetry.lock": text}))
    before, found = by_name(tomllib.loads(text)["package"]), by_name(tomllib.loads(changed)["package"])
    for name, file in (("fig", FIG), ("guava", GUAVA), ("grape", GRAPE)):
        assert found[name]["source"]["type"] == "file"
        assert found[name]["source"]["url"] == f"{OUTPUT}/deps/pip/{file}"
        [one] = found[name]["files"]
        assert one["file"] == file
        assert one["hash"] == (f"sha256:{B}" if name == "fig" else before[name]["files"][0]["hash"])
    assert found["apple"] == before["apple"]


def test_pipenv_gets_the_hash_behind_the_address(tmp_path: Path) -> None:
    text = (DIRECT / "Pipfile.lock").read_text()
    changed, _ = rewritten(read(tmp_path, "Pipfile.lock", {"Pipfile.lock": text}))
    before, found = json.loads(text)["default"], json.loads(changed)["default"]
    assert "git" not in found["fig"]
    assert found["fig"]["file"] == f"{THERE}/{FIG}#sha256={B}"
    digest = before["guava"]["hashes"][0].replace(":", "=")
    assert found["guava"]["file"] == f"{THERE}/{GUAVA}#{digest}"
    assert found["apple"] == before["apple"]


def test_pdm_and_pipenv_build_a_folder_of_a_file(tmp_path: Path) -> None:
    pdm, pipenv = ((DIRECT / name).read_text() for name in ("pdm.lock", "Pipfile.lock"))
    pdm = pdm.replace('name = "fig"\n', 'name = "fig"\nsubdirectory = "py/x"\n')
    pipenv = pipenv.replace('"git": ', '"subdirectory": "py/x", "git": ').replace(
        '"file": ', '"subdirectory": "src", "file": '
    )
    changed, _ = rewritten(read(tmp_path, "pdm.lock", {"pdm.lock": pdm}))
    fig = by_name(tomllib.loads(changed)["package"])["fig"]
    assert (fig["url"], fig["subdirectory"]) == (f"{THERE}/{FIG}", "py/x")
    lock = read(tmp_path, "Pipfile.lock", {"Pipfile.lock": pipenv})
    changed, record = rewritten(lock)
    found = json.loads(changed)["default"]
    assert found["fig"]["file"] == f"{THERE}/{FIG}#sha256={B}&subdirectory=py/x"
    assert found["guava"]["file"].endswith("&subdirectory=src")
    assert rewriter_of("Pipfile.lock").restore(changed, record) == pipenv


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("pdm.lock", 'name = "fig"\n', 'name = "fig"\neditable = true\n'),
        ("poetry.lock", 'reference = "HEAD"\n', 'reference = "HEAD"\nsubdirectory = "py"\n'),
        ("poetry.lock", "files = []\n", "files = [ ]\n"),
        ("Pipfile.lock", '"git": ', '"editable": true, "git": '),
        ("Pipfile.lock", '"git": ', '"subdirectory": "p+y", "git": '),
    ],
)
def test_a_commit_that_its_tool_reads_from_no_file_stays(tmp_path: Path, name: str, old: str, new: str) -> None:
    text = (DIRECT / name).read_text()
    assert text.count(old) == 1
    changed, record = rewritten(read(tmp_path, name, {name: text.replace(old, new)}))
    assert "fig.git" in changed
    assert "fig" not in record


def test_a_commit_in_dotted_keys_stays(tmp_path: Path) -> None:
    """Else the other keys would stand beside an archive, which the standard forbids."""
    dotted = TABLES.replace("[packages.vcs]\n", "").replace('type = "git"\nurl =', 'vcs.type = "git"\nvcs.url =')
    text = dotted.replace("\ncommit-id =", "\nvcs.commit-id =")
    changed, _ = rewritten(read(tmp_path, "pylock.toml", {"pylock.toml": text}))
    bar = next(one for one in tomllib.loads(changed)["packages"] if one["name"] == "bar")
    assert ("archive" in bar, bar["vcs"]["url"]) == (False, "https://git.example/r.git")


@pytest.mark.parametrize("secret", ["me:secret@", "me:sec/ret@", "me:s[ecret@", "me:s'ecret@", "me:s?ecret@"])
@pytest.mark.parametrize("quote", ['"', "'"])
def test_credentials_of_addresses_are_in_no_output(secret: str, quote: str) -> None:
    text = f"x=[{quote}https://{secret}files.example/x.whl{quote},{quote}ssh://git@git.example/r{quote}]\n"
    redacted = rewriter_of("uv.lock").redacted(text)
    assert "ecret" not in redacted
    assert "ssh://git@git.example/r" in redacted


@pytest.mark.parametrize("folder", ["é", "😀", "a\x7fb", 'a"b', "a\\b"])
def test_a_folder_may_have_any_name(tmp_path: Path, folder: str) -> None:
    lock = read(tmp_path, "uv.lock", {"uv.lock": UV})
    (one,) = lock.texts
    rewriter = rewriter_of("uv.lock")
    urls = [
        f"file:///{quote(folder)}/out/deps/pip/x-{number}.tar.gz#sha256={A}" for number in range(len(one.direct))
    ]
    changed = rewriter.substitute(one.text, urls)
    paths = [
        str(source["path"])
        for package in tomllib.loads(changed)["package"]
        if "path" in (source := package["source"])
    ]
    assert any(path.startswith(f"/{folder}/out/") for path in paths)
    assert rewriter.restore(changed, rewriter.record(one.text, urls)) == one.text
