"""Wheels and sdists in the source tree that a lock names by path, as the tool of each format writes it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from cachi2ish.exit_codes import ExitCode
from tests.cli.conftest import Person
from tests.support.distributions import Dist, make_sdist, make_wheel

CHERRY, DAMSON = make_wheel("cherry", "1.0"), make_sdist("damson", "1.0")
BOTH = (CHERRY, DAMSON)


def named(dist: Dist) -> str:
    """The name of its project."""
    return dist.filename.partition("-")[0]


def _of_uv(dist: Dist) -> str:
    wheel = dist is CHERRY
    files = (
        f'wheels = [\n    {{ filename = "{dist.filename}", hash = "sha256:{dist.sha256}" }},\n]\n'
        if wheel
        else f'sdist = {{ hash = "sha256:{dist.sha256}" }}\n'
    )
    source = f'source = {{ path = "vendor/{dist.filename}" }}\n'
    return f'\n[[package]]\nname = "{named(dist)}"\nversion = "1.0"\n{source}{files}'


def uv() -> str:
    needs = "".join(f'    {{ name = "{named(one)}" }},\n' for one in BOTH)
    own = f'\n[[package]]\nname = "own"\nversion = "1"\nsource = {{ virtual = "." }}\ndependencies = [\n{needs}]\n'
    return "version = 1\nrevision = 3\n" + "".join(map(_of_uv, BOTH)) + own


def pylock() -> str:
    def entry(dist: Dist) -> str:
        file = f'{{ path = "vendor/{dist.filename}", hashes = {{ sha256 = "{dist.sha256}" }} }}'
        key = f"wheels = [{file}]" if dist is CHERRY else f"archive = {file}"
        version = 'version = "1.0"\n' if dist is CHERRY else ""
        return f'[[packages]]\nname = "{named(dist)}"\n{version}{key}\n'

    return 'lock-version = "1.0"\ncreated-by = "test"\n' + "".join(map(entry, BOTH))


def poetry() -> str:
    def entry(dist: Dist) -> str:
        return (
            f'[[package]]\nname = "{named(dist)}"\nversion = "1.0"\noptional = false\ngroups = ["main"]\n'
            f'files = [\n    {{file = "{dist.filename}", hash = "sha256:{dist.sha256}"}},\n]\n'
            f'\n[package.source]\ntype = "file"\nurl = "vendor/{dist.filename}"\n\n'
        )

    return "".join(map(entry, BOTH)) + '[metadata]\nlock-version = "2.1"\npython-versions = ">=3.9"\n'


def pdm() -> str:
    def entry(dist: Dist) -> str:
        # With the strategy static_urls, PDM writes the path on its machine beside the one in the project.
        file = f'{{url = "file:///home/me/{dist.filename}", hash = "sha256:{dist.sha256}"}}'
        path = f'path = "./vendor/{dist.filename}"\ngroups = ["default"]\n'
        return f'[[package]]\nname = "{named(dist)}"\nversion = "1.0"\n{path}files = [{file}]\n'

    strategy = 'strategy = ["inherit_metadata", "static_urls"]\nlock_version = "4.5.1"\n'
    head = f'[metadata]\ngroups = ["default"]\n{strategy}'
    return head + "".join(map(entry, BOTH))


def pipenv() -> str:
    def entry(dist: Dist) -> Mapping[str, object]:
        key = "file" if dist is CHERRY else "path"
        return {"hashes": [f"sha256:{dist.sha256}"], key: f"./vendor/{dist.filename}"}

    meta = {"hash": {}, "pipfile-spec": 6, "requires": {}, "sources": []}
    return json.dumps(
        {"_meta": meta, "default": {named(one): entry(one) for one in BOTH}, "develop": {}}, indent=4
    )


def pixi() -> str:
    def entry(dist: Dist) -> str:
        facts = f"  name: {named(dist)}\n  version: '1.0'\n  sha256: {dist.sha256}\n"
        return f"- pypi: ./vendor/{dist.filename}\n{facts}"

    listed = "".join(f"      - pypi: ./vendor/{one.filename}\n" for one in BOTH)
    head = f"version: 6\nenvironments:\n  default:\n    packages:\n      linux-64:\n{listed}packages:\n"
    return head + "".join(map(entry, BOTH))


LOCKS: Mapping[str, tuple[str, Callable[[], str]]] = {
    "uv": ("uv.lock", uv),
    "pylock": ("pylock.toml", pylock),
    "poetry": ("poetry.lock", poetry),
    "pdm": ("pdm.lock", pdm),
    "pipenv": ("Pipfile.lock", pipenv),
    "pixi": ("pixi.lock", pixi),
}

formats = pytest.mark.parametrize("tool", LOCKS)


def vendored(person: Person, folder: str = "vendor") -> None:
    for dist in BOTH:
        person.writes(f"{folder}/{dist.filename}", dist.content)


def request_for(tool: str, **more: object) -> str:
    return json.dumps({"type": tool, "allow_binary": True, **more})


def components(person: Person) -> dict[str, dict[str, object]]:
    bill = json.loads((person.output / "bom.json").read_text())
    return {one["name"]: one for one in bill["components"]}


@formats
def test_they_are_taken_over_and_the_bill_says_where_they_lay(person: Person, tool: str) -> None:
    file, lock = LOCKS[tool]
    vendored(person)
    person.writes(file, lock())
    outcome = person.fetches(request_for(tool))
    assert outcome.code == 0, outcome.told
    assert person.index.paths == ()
    damson = f"damson-url-sha256-{DAMSON.sha256}.tar.gz"
    assert person.deps() == sorted([CHERRY.filename, damson])
    assert (person.output / "deps/pip" / damson).read_bytes() == DAMSON.content
    for dist in BOTH:
        component = components(person)[named(dist)]
        assert component["purl"] == (
            f"pkg:pypi/{named(dist)}@1.0?checksum=sha256:{dist.sha256}&download_url=file:vendor/{dist.filename}"
        )
        assert str(person.source) not in json.dumps(component)
    # The tool finds them where they lie, so nothing is rewritten.
    assert person.runs("inject-files", person.output, "--for-output-dir", "/o").code == 0
    assert (person.source / file).read_text() == lock()


@formats
def test_they_lie_relative_to_their_lock(person: Person, tool: str) -> None:
    file, lock = LOCKS[tool]
    vendored(person, "app/vendor")
    person.writes(f"app/{file}", lock())
    outcome = person.fetches(request_for(tool, path="app"))
    assert outcome.code == 0, outcome.told
    assert f"download_url=file:app/vendor/{CHERRY.filename}" in str(components(person)["cherry"]["purl"])


@formats
def test_one_that_has_changed_is_refused_even_if_the_cache_has_the_old_one(person: Person, tool: str) -> None:
    file, lock = LOCKS[tool]
    vendored(person)
    person.writes(file, lock())
    assert person.fetches(request_for(tool)).code == 0
    person.writes(f"vendor/{CHERRY.filename}", DAMSON.content)
    outcome = person.fetches(request_for(tool))
    assert outcome.code == ExitCode.DIGEST
    assert f"{CHERRY.filename} from file:vendor/{CHERRY.filename} is not the file that was promised" in outcome.err
    assert "or lock again" in outcome.err


def test_an_export_names_them_in_the_output(person: Person) -> None:
    vendored(person)
    person.writes("uv.lock", uv())
    place = person.source / "exported.txt"
    assert person.fetches(request_for("uv"), "--export", place).code == 0
    before = place.read_text()
    assert person.runs("inject-files", person.output, "--for-output-dir", "/o").code == 0
    for dist, name in zip(BOTH, person.deps(), strict=True):
        assert (
            f"{named(dist)} @ file:///o/deps/pip/{name} \\\n    --hash=sha256:{dist.sha256}\n" in place.read_text()
        )
    assert person.runs("inject-files", person.output, "--revert").code == 0
    assert place.read_text() == before


def test_a_folder_that_is_an_index_of_uv_has_no_hashes_which_is_said(person: Person) -> None:
    files = (
        f'wheels = [\n    {{ path = "{CHERRY.filename}" }},\n]\n',
        f'sdist = {{ path = "{DAMSON.filename}" }}\n',
    )
    entries = "".join(
        f'\n[[package]]\nname = "{named(one)}"\nversion = "1.0"\nsource = {{ registry = "vendor" }}\n{more}'
        for one, more in zip(BOTH, files, strict=True)
    )
    vendored(person)
    person.writes(
        "uv.lock", uv().partition("\n[[package]]")[0] + entries + uv()[uv().index('\n[[package]]\nname = "own"') :]
    )
    outcome = person.fetches(request_for("uv"))
    assert outcome.code == 0, outcome.told
    assert person.deps() == [CHERRY.filename, DAMSON.filename]
    assert f"{CHERRY.filename} is unverified" in outcome.err


def _gone(path: Path) -> None:
    path.unlink()


def _linked_out(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/hostname")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_gone, f"the source has no file vendor/{CHERRY.filename}"),
        (_linked_out, "is a link that leads out of the source"),
        (_folder, "in the source is a directory, and no archive"),
        (_pipe, "in the source is not a regular file"),
    ],
)
def test_what_is_no_file_of_the_source_is_refused_with_the_line_of_its_package(
    person: Person, spoil: Callable[[Path], None], says: str
) -> None:
    vendored(person)
    person.writes("poetry.lock", poetry())
    spoil(person.source / "vendor" / CHERRY.filename)
    outcome = person.fetches(request_for("poetry"))
    assert outcome.code == ExitCode.LOCKFILE, outcome.told
    assert "poetry.lock:1" in outcome.err
    assert says in outcome.err


def test_without_a_network_they_are_there_all_the_same(person: Person) -> None:
    vendored(person)
    person.writes("pdm.lock", pdm())
    outcome = person.fetches(request_for("pdm"), "--offline")
    assert outcome.code == 0, outcome.told
    assert len(person.deps()) == 2
