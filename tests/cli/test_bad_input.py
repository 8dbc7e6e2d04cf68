"""Bad input, case by case: its exit status, a message that names the place, and nothing half-written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cachi2ish.exit_codes import ExitCode
from tests.cli.conftest import Person, tree
from tests.support.distributions import make_sdist, make_wheel, pack_tar
from tests.support.index_server import Fault

GOOD = make_sdist("apple", "1.0")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
SHA = "a" * 64


@dataclass(frozen=True)
class Case:
    """What is wrong, and what must be told. lines: the content of requirements.txt."""

    says: tuple[str, ...]
    code: ExitCode
    lines: str | bytes = "apple==1.0\n"
    package_input: str = "pip"
    options: tuple[str, ...] = ()
    files: dict[str, str | bytes] = field(default_factory=dict)


def line(text: str, *says: str, number: int = 1) -> Case:
    return Case((f"requirements.txt:{number}: ", *says), ExitCode.LOCKFILE, lines=text)


def given(package_input: str, *says: str) -> Case:
    return Case(says, ExitCode.INPUT, package_input=package_input)


CASES = {
    # the argument
    "no such type": given("npm", "not npm"),
    "several foreign types": given('[{"type": "pip"}, {"type": "gomod"}, {"type": "npm"}]', "gomod, npm"),
    "foreign type among others": given(
        '[{"type": "pip"}, {"type": "npm"}]', "(the input, packages[1])", "Hermeto"
    ),
    "no type at all": given("nosuch", 'the only type is "pip"'),
    "foreign type and flag": given('{"packages": [{"type": "npm"}], "flags": ["bogus"]}', "not npm", "flags[0]"),
    "near miss of a type": given("pypi", 'did you mean "pip"?'),
    "broken JSON": given('{"type": "pip"', "not valid JSON", "line 1, column"),
    "deep JSON": given("[" * 100_000, "nested too deeply"),
    "number": given("5", "neither a package type, nor JSON, nor a file"),
    "missing input file": given("nowhere.json", "'nowhere.json'", "nor a file that exists"),
    "empty input": given(" ", "empty"),
    "null character": given("a\0b", "null"),
    "key twice": given('{"type": "pip", "type": "pip"}', "'type' stands twice"),
    "no type": given('{"path": "."}', "type is missing"),
    "type of another kind": given('{"type": ["pip"]}', "type", 'the text "pip"'),
    "misspelled key": given('{"type": "pip", "requirement_files": []}', "did you mean 'requirements_files'?"),
    "misspelled key outside": given('{"package": [], "packages": []}', "did you mean 'packages'?"),
    "null files": given('{"type": "pip", "requirements_files": null}', "is null", "an empty list for none"),
    "null build files": given('{"type": "pip", "requirements_build_files": null}', "is null"),
    "files as text": given('{"type": "pip", "requirements_files": "a.txt"}', "not a list of file names"),
    "number among files": given('{"type": "pip", "requirements_files": [1]}', "requirements_files[0]"),
    "allow_binary as word": given('{"type": "pip", "allow_binary": "yes"}', "allow_binary", "true or false"),
    "allow_binary as number": given('{"type": "pip", "allow_binary": 1}', "allow_binary"),
    "packages as object": given('{"packages": {}}', "not a list of packages"),
    "package as text": given('{"packages": ["pip"]}', "packages[0]"),
    "unknown flag": given('{"packages": [], "flags": ["cgo-disabel"]}', "did you mean 'cgo-disable'?"),
    # paths
    "absolute path": given('{"type": "pip", "path": "/etc"}', "'/etc'", "absolute"),
    "path upwards": given('{"type": "pip", "path": "../x"}', "'../x'", ".."),
    "path missing": given('{"type": "pip", "path": "nowhere"}', "'nowhere'", "does not exist"),
    "path to a file": given('{"type": "pip", "path": "requirements.txt"}', "not a directory"),
    "file missing": given('{"type": "pip", "requirements_files": ["reqs.txt"]}', "reqs.txt"),
    "file absolute": given('{"type": "pip", "requirements_files": ["/etc/passwd"]}', "/etc/passwd"),
    "file upwards": given('{"type": "pip", "requirements_files": ["../r.txt"]}', ".."),
    "file empty name": given('{"type": "pip", "requirements_files": [""]}', "names no file"),
    "all at once": given(
        '[{"type": "pip", "path": "a"}, {"type": "pip", "path": "b"}]', "'a' does not", "'b' does not", "2 errors"
    ),
    # requirement lines
    "unpinned": line("apple\n", "apple"),
    "range": line("apple>=1\n", "apple"),
    "wildcard": line("apple==1.*\n", "apple"),
    "compatible": line("apple~=1.0\n", "apple"),
    "two pins": line("apple==1.0,==2.0\n", "apple"),
    "not a version": line("apple==one\n", "one"),
    "nonsense": line("apple banana\n"),
    "third line": line("# first\n\napple\n", number=3),
    "after a continuation": line("apple==1.0 \\\n  # end\nbanana\n", number=3),
    "hash too short": line("apple==1.0 --hash=sha256:abc\n", "64"),
    "hash not hexadecimal": line(f"apple==1.0 --hash=sha256:{'z' * 64}\n", "hexadecimal"),
    "hash of no algorithm": line(f"apple==1.0 --hash=sha257:{SHA}\n", "sha257"),
    "hash without algorithm": line(f"apple==1.0 --hash={SHA}\n"),
    "hash mode, one without": line(f"apple==1.0 --hash=sha256:{SHA}\nbanana==1.0\n", "banana", number=2),
    "require hashes": line("--require-hashes\napple==1.0\n", "apple", number=2),
    "md5 only in hash mode": line(f"--require-hashes\napple==1.0 --hash=md5:{'a' * 32}\n", "md5", number=2),
    "url without digest": line("apple @ https://host.example/apple-1.0.tar.gz\n", "sha256"),
    "url with two digests": line(
        f"apple @ https://host.example/apple-1.0.tar.gz --hash=sha256:{SHA} --hash=sha256:{'b' * 64}\n"
    ),
    "url that is no archive": line(f"apple @ https://host.example/apple#sha256={SHA}\n", "apple"),
    "url that leaves": line(f"apple @ https://host.example/..%2F..%2Fapple-1.0.tar.gz#sha256={SHA}\n"),
    "ftp": line(f"apple @ ftp://host.example/apple-1.0.tar.gz#sha256={SHA}\n", "ftp"),
    "file url": line(f"apple @ file:///srv/apple-1.0.tar.gz#sha256={SHA}\n", "file"),
    "local path": line("./apple\n"),
    "local wheel": line("apple-1.0-py3-none-any.whl\n"),
    "editable": line("-e .\n"),
    "editable git": line("-e git+https://host.example/apple.git@main#egg=apple\n", "main"),
    "git branch": line("apple @ git+https://host.example/apple.git@main\n", "main"),
    "git short commit": line("apple @ git+https://host.example/apple.git@0123abc\n", "0123abc"),
    "git without commit": line("apple @ git+https://host.example/apple.git\n"),
    "mercurial": line("apple @ hg+https://host.example/apple@1\n", "hg"),
    "find-links": line("--find-links /srv/wheels\napple==1.0\n", "find-links"),
    "no-index": line("--no-index\napple==1.0\n", "no-index"),
    "misspelled option": line("--index-ulr https://host.example/simple/\n", "--index-url"),
    "nested file missing": line("-r other.txt\n", "other.txt"),
    "nested file outside": line("-r ../other.txt\n"),
    "nested url": line("-r https://host.example/requirements.txt\n"),
    "same project twice": line("apple==1.0\napple==2.0\n", "apple", number=2),
    "not text": Case(("requirements.txt",), ExitCode.LOCKFILE, lines=b"apple==1.0\n\xff\xfe\xfa\n"),
    "cycle": Case(
        ("requirements.txt", "other.txt"),
        ExitCode.LOCKFILE,
        lines="-r other.txt\n",
        files={"other.txt": "-r requirements.txt\n"},
    ),
    "several lines": Case(
        ("requirements.txt:1: ", "requirements.txt:2: ", "requirements.txt:3: ", "3 errors"),
        ExitCode.LOCKFILE,
        lines="apple\nbanana>1\n-e .\n",
    ),
    "error in a nested file": Case(
        ("nested/other.txt:2: ",),
        ExitCode.LOCKFILE,
        lines="-r nested/other.txt\n",
        files={"nested/other.txt": "# x\napple\n"},
    ),
    "broken pyproject": Case(
        ("pyproject.toml", "2"), ExitCode.INPUT, files={"pyproject.toml": "[project]\nname = apple\n"}
    ),
    # what the index has
    "no such project": Case(("requirements.txt:1: ", "pear"), ExitCode.UNAVAILABLE, lines="pear==1.0\n"),
    "no such version": Case(
        ("requirements.txt:1: ", "it has 1 version (1.0)"), ExitCode.UNAVAILABLE, "apple==2\n"
    ),
    "only wheels": Case(
        ("requirements.txt:1: ", "fig-1.0-py3-none-any.whl", "allow_binary"), ExitCode.UNAVAILABLE, "fig==1.0\n"
    ),
    "hash of another file": Case(
        ("requirements.txt:1: ", "none of the requirement's hashes"),
        ExitCode.UNAVAILABLE,
        f"apple==1.0 --hash=sha256:{SHA}\n",
    ),
    "quarantined": Case(("requirements.txt:1: ", "quarantined"), ExitCode.UNAVAILABLE, "nettle==1.0\n"),
    # files that are not what they should be
    "not an archive": Case(("requirements.txt:1: ", "hail-1.0.tar.gz"), ExitCode.DISTRIBUTION, "hail==1.0\n"),
    "no metadata": Case(("requirements.txt:1: ", "PKG-INFO"), ExitCode.DISTRIBUTION, "bare==1.0\n"),
    "length is not the promised one": Case(("requirements.txt:1: ",), ExitCode.DIGEST, "short==1.0\n"),
    # options
    "unknown option": Case(("--outptu",), ExitCode.USAGE, options=("--outptu", "x")),
    "no concurrency": Case(("concurrency",), ExitCode.USAGE, options=("--concurrency", "0")),
    "unknown level": Case(("loud", "debug"), ExitCode.USAGE, options=("--log-level", "loud")),
    "index that is no address": Case(("--index-url", "'host'"), ExitCode.USAGE, options=("--index-url", "host")),
    "index in a folder": Case(("file:///srv",), ExitCode.USAGE, options=("--index-url", "file:///srv")),
    "cache below a file": Case(("/dev/null/cache",), ExitCode.STORAGE, options=("--cache-dir", "/dev/null/cache")),
    "index that is away": Case(
        ("requirements.txt:1: ", "127.0.0.1:9"),
        ExitCode.NETWORK,
        options=("--index-url", "http://127.0.0.1:9/simple/"),
    ),
    "host that is not there": Case(
        ("requirements.txt:1: ", "index.invalid"),
        ExitCode.NETWORK,
        options=("--index-url", "http://index.invalid/simple/"),
    ),
}


@pytest.fixture
def shopper(person: Person) -> Person:
    """Somebody whose index holds good and bad things, and who gives up soon."""
    person.environ["PIP_RETRIES"] = "0"
    person.index.add("apple", GOOD)
    person.index.add("fig", make_wheel("fig", "1.0"))
    person.index.add("nettle", make_sdist("nettle", "1.0"))
    person.index.add_project("nettle", status="quarantined", reason="stings")
    hail = make_sdist("hail", "1.0")
    person.index.add("hail", type(hail)(hail.filename, b"<html>not an archive</html>"))
    bare = make_sdist("bare", "1.0")
    person.index.add("bare", type(bare)(bare.filename, pack_tar({"bare-1.0/setup.py": b""})))
    short = make_sdist("short", "1.0")
    person.index.add("short", short)
    person.index.script(f"/files/{short.filename}", [Fault.wrong_bytes(short.content[:-1])] * 5)
    return person


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_bad_input_ends_with_its_status_its_place_and_no_output(
    shopper: Person, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shopper.source)
    shopper.writes("requirements.txt", case.lines)
    for name, content in case.files.items():
        shopper.writes(name, content)
    before = tree(shopper.source)

    outcome = shopper.fetches(case.package_input, *case.options)

    assert outcome.code == case.code, outcome.told
    for text in case.says:
        assert text in outcome.err
    assert "Traceback" not in outcome.told
    assert "internal error" not in outcome.told
    assert not shopper.output.exists()
    assert tree(shopper.source) == before
    assert list(shopper.output.parent.glob(".*staging*")) == []


def test_there_are_at_least_sixty_cases() -> None:
    assert len(CASES) >= 60


def _somebodys_folder(path: Path) -> None:
    path.mkdir()
    (path / "thesis.tex").write_text("x")


OUTPUTS: dict[str, tuple[Callable[[Path], object], ExitCode, str]] = {
    "a file": (lambda path: path.write_text("x"), ExitCode.INPUT, "out"),
    "somebody's folder": (
        _somebodys_folder,
        ExitCode.INPUT,
        "thesis",
    ),
    "below a file": (lambda path: path.parent.joinpath("f").write_text("x"), ExitCode.STORAGE, "f"),
}


@pytest.mark.parametrize(("make", "code", "says"), OUTPUTS.values(), ids=OUTPUTS.keys())
def test_an_output_that_cannot_be_one_is_left_alone(
    shopper: Person, make: Callable[[Path], object], code: ExitCode, says: str
) -> None:
    make(shopper.output)
    shopper.writes("requirements.txt", "apple==1.0\n")
    if says == "f":
        shopper.output = shopper.output.parent / "f" / "out"
    before = tree(shopper.output.parent) if shopper.output.is_dir() else None

    outcome = shopper.fetches()

    assert outcome.code == code, outcome.told
    assert says in outcome.err
    assert "Traceback" not in outcome.told
    if before is not None:
        assert {name: data for name, data in tree(shopper.output.parent).items() if name in before} == before


@pytest.mark.parametrize("command", ["generate-env", "inject-files"])
def test_a_directory_that_is_no_output_is_told_to_be_none(person: Person, command: str) -> None:
    outcome = person.runs(command, person.home)
    assert outcome.code == ExitCode.INPUT
    assert "fetch-deps" in outcome.err


def test_a_source_that_is_not_there(person: Person) -> None:
    outcome = person.runs("fetch-deps", "--source", person.home / "nowhere", "--output", person.output, "pip")
    assert outcome.code == ExitCode.INPUT
    assert "--source" in outcome.err


def test_a_broken_pip_configuration_is_told_with_its_place(person: Person) -> None:
    person.environ["PIP_CONFIG_FILE"] = str(person.writes("pip.conf", "index-url = x\n"))
    outcome = person.fetches()
    assert outcome.code == ExitCode.INPUT
    assert "pip.conf" in outcome.err


def test_a_name_from_an_index_cannot_move_the_cursor(person: Person) -> None:
    person.index.add("apple", GOOD, yanked="\x1b[2J\nerror: forged")
    person.writes("requirements.txt", "apple==1.0\n")
    outcome = person.fetches()
    assert outcome.code == 0
    assert "\x1b" not in outcome.err
    assert "\nerror: forged" not in outcome.err


def test_a_source_that_is_a_circle_of_links_is_told(person: Person) -> None:
    first, second = person.home / "first", person.home / "second"
    first.symlink_to(second)
    second.symlink_to(first)
    person.source = first
    outcome = person.fetches()
    assert outcome.code == ExitCode.INPUT
    assert "Too many levels of symbolic links" in outcome.err


@pytest.mark.parametrize("name", ["requirements.txt", "dev.in", "pylock.toml", "uv.lock"])
def test_a_lock_outside_of_the_source_is_no_input(person: Person, name: str) -> None:
    (person.home / name).write_text("apple==1.0\n")
    done = person.fetches(str(person.home / name))
    assert done.code == ExitCode.INPUT
    assert "is no file in the source directory" in done.err
    assert "--source" in done.err


@pytest.mark.parametrize("name", ["uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock"])
def test_a_broken_lock_of_another_tool_as_the_input_is_an_error_with_its_line(person: Person, name: str) -> None:
    done = person.fetches(str(person.writes(name, "…")))
    assert done.code == ExitCode.LOCKFILE
    assert f"error: {name}:1: it is no " in done.err
    assert "hint: restore it from version control, or lock again" in done.err
