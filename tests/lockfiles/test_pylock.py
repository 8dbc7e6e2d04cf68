"""``pylock.toml``: each package becomes what it names, and all that is wrong is told with its place."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cachi2ish.core.digests import Digest
from cachi2ish.core.requirements import Git, Indexes, Pinned, Purpose, Url
from cachi2ish.core.urls import Address
from cachi2ish.errors import Cachi2ishError, InputError, LockFileError, Origin, leaves
from cachi2ish.exit_codes import ExitCode
from cachi2ish.lockfiles.interface import Lock, Scope, Selection
from cachi2ish.lockfiles.pylock import PylockReader
from tests.lockfiles.reading import COMMIT, A, B, names, pins, write
from tests.support.pylocks import HEAD, package, pylock

SDIST = "https://files.example/foo-1.0.tar.gz"
WHEEL = "https://files.example/foo-1.0-py3-none-any.whl"
SHA = {"sha256": A}


def a_file(url: str, **more: object) -> dict[str, object]:
    return {"url": url, "hashes": SHA, **{key.replace("_", "-"): item for key, item in more.items()}}


def foo(**more: object) -> str:
    keys = {"version": "1.0", "wheels": [a_file(WHEEL)], **more}
    return package("foo", **keys)  # type: ignore[arg-type]  # the version is among them


def read(root: Path, text: str | bytes, file: str = "pylock.toml") -> Lock:
    write(root, {file: text})
    return PylockReader().read(root, file, Purpose.RUNTIME, {})


def errors_of(root: Path, text: str | bytes) -> list[Cachi2ishError]:
    with pytest.raises(Cachi2ishError) as caught:
        read(root, text)
    return list(leaves(caught.value))


def error_of(root: Path, text: str | bytes) -> Cachi2ishError:
    (error,) = errors_of(root, text)
    assert isinstance(error, LockFileError)
    return error


class TestFiles:
    def test_a_package_names_its_files_with_all_that_is_known_of_them(self, tmp_path: Path) -> None:
        time = datetime(2026, 3, 19, 14, 22, 25, tzinfo=UTC)
        lock = read(
            tmp_path,
            pylock(
                foo(
                    index="https://me:pw@index.example/simple",
                    requires_python=">=3.9",
                    marker="os_name == 'posix'",
                    sdist=a_file(SDIST, size=7, upload_time=time),
                    wheels=[a_file(f"{WHEEL}#fragment", hashes={"sha256": B, "shiny9": "00"})],
                )
            ),
        )
        (pin,) = pins(lock)
        assert (pin.name, pin.version, pin.marker) == ("foo", "1.0", 'os_name == "posix"')
        assert pin.origin == Origin("pylock.toml", 4)
        assert pin.indexes == Indexes((Address("https://me:pw@index.example/simple"),), alone=True)
        assert pin.digests == {Digest("sha256", A), Digest("sha256", B)}
        sdist, wheel = pin.files
        assert (sdist.filename, sdist.url, sdist.size, sdist.upload_time) == ("foo-1.0.tar.gz", SDIST, 7, time)
        assert (wheel.filename, wheel.url, wheel.digests) == (
            Path(WHEEL).name,
            WHEEL,
            frozenset({Digest("sha256", B)}),
        )
        assert {sdist.requires_python, wheel.requires_python} == {">=3.9"}
        assert lock.require_hashes
        assert "pw" not in repr(lock)

    def test_a_file_is_called_by_its_name_and_not_by_its_address(self, tmp_path: Path) -> None:
        wheel = a_file("https://files.example/download?id=5", name="foo-1.0-py3-none-any.whl")
        (pin,) = pins(read(tmp_path, pylock(foo(wheels=[wheel]))))
        assert [one.filename for one in pin.files] == ["foo-1.0-py3-none-any.whl"]

    def test_an_upload_time_without_an_offset_is_in_utc_as_the_standard_has_it(self, tmp_path: Path) -> None:
        wheel = a_file(WHEEL, upload_time=datetime(2026, 3, 19, 14, 0))  # noqa: DTZ001  (the case in question)
        (pin,) = pins(read(tmp_path, pylock(foo(wheels=[wheel]))))
        assert pin.files[0].upload_time == datetime(2026, 3, 19, 14, 0, tzinfo=UTC)

    def test_a_version_that_is_not_stated_is_that_of_the_files(self, tmp_path: Path) -> None:
        (pin,) = pins(read(tmp_path, pylock(foo(version=None))))
        assert pin.version == "1.0"

    def test_files_of_two_versions_are_refused(self, tmp_path: Path) -> None:
        other = a_file("https://files.example/foo-2.0-py3-none-any.whl")
        error = error_of(tmp_path, pylock(foo(version=None, wheels=[a_file(WHEEL), other])))
        assert error.problem == "foo: it states no version, and its files are of several: 1.0, 2.0"


class TestOtherSources:
    def test_an_archive_becomes_a_url_requirement(self, tmp_path: Path) -> None:
        archive = a_file(
            "https://files.example/v1.zip", hashes={"sha512": "c" * 128, "sha256": A}, subdirectory="py"
        )
        (one,) = read(tmp_path, pylock(package("foo", archive=archive))).requirements
        assert isinstance(one, Url)
        assert (one.url.with_credentials, one.digest, one.subdirectory) == (
            "https://files.example/v1.zip",
            Digest("sha256", A),
            "py",
        )

    @pytest.mark.parametrize(
        "url",
        ["https://git.example/org/repo.git", "ssh://git@git.example/r", "git+https://git.example/org/repo.git"],
    )
    def test_a_commit_becomes_a_git_requirement(self, tmp_path: Path, url: str) -> None:
        vcs = {
            "type": "git",
            "url": url,
            "requested-revision": "main",
            "commit-id": COMMIT.upper(),
            "subdirectory": "py",
        }
        (one,) = read(tmp_path, pylock(package("foo", vcs=vcs))).requirements
        assert isinstance(one, Git)
        assert (one.url.with_credentials, one.commit, one.subdirectory) == (url.removeprefix("git+"), COMMIT, "py")

    @pytest.mark.parametrize("path", [".", "lib", "../other"])
    def test_a_directory_of_the_source_is_the_projects_own_and_not_fetched(
        self, tmp_path: Path, path: str
    ) -> None:
        text = pylock(package("own", directory={"path": path, "editable": True}), foo())
        lock = read(tmp_path, text, "service/pylock.toml")
        assert names(lock) == ["foo==1.0"]
        (note,) = lock.notes
        assert str(note).startswith("service/pylock.toml:4: own is not fetched: it is the folder ")

    @pytest.mark.parametrize("path", ["..", "/home/me/lib", "a/../../b"])
    def test_a_directory_outside_the_source_is_refused(self, tmp_path: Path, path: str) -> None:
        assert "outside the source" in error_of(tmp_path, pylock(package("own", directory={"path": path}))).problem


class TestSelection:
    TEXT = pylock(
        foo(name_="", marker="'default' in dependency_groups and python_version < '3.12'"),
        package(
            "bar",
            "1",
            marker="'dev' in dependency_groups",
            wheels=[a_file("https://f.example/bar-1-py3-none-any.whl")],
        ),
        package(
            "baz",
            "1",
            marker="'s3' in extras or os_name == 'nt'",
            wheels=[a_file("https://f.example/baz-1-py3-none-any.whl")],
        ),
        head=f'{HEAD}extras = ["s3"]\ndependency-groups = ["default", "dev"]\ndefault-groups = ["default"]\n',
    ).replace('name- = ""\n', "")

    def test_default_groups_are_selected_and_no_extra(self, tmp_path: Path) -> None:
        lock = read(tmp_path, self.TEXT)
        assert {str(one): one.marker for one in lock.requirements} == {
            "foo==1.0": 'python_version < "3.12"',
            "baz==1": 'os_name == "nt"',
        }
        assert lock.notes == (
            "pylock.toml: left out, since no default group needs them and no extra is selected: bar",
        )

    def test_what_is_left_out_need_not_be_fetchable(self, tmp_path: Path) -> None:
        text = pylock(package("own", marker="'dev' in dependency_groups", directory={"path": "../.."}))
        assert read(tmp_path, text).requirements == ()


def test_the_environments_of_the_lock_are_kept(tmp_path: Path) -> None:
    head = f'{HEAD}requires-python = ">=3.11"\nenvironments = ["os_name == \'posix\'"]\n'
    assert read(tmp_path, pylock(foo(), head=head)).scope == Scope(">=3.11", ('os_name == "posix"',))


def test_a_package_that_is_no_table_of_its_own_has_the_file_as_its_place(tmp_path: Path) -> None:
    text = (
        f'{HEAD}packages = [{{ name = "foo", vcs = {{ type = "hg", url = "https://h/r", commit-id = "1" }} }}]\n'
    )
    assert error_of(tmp_path, text).origin == Origin("pylock.toml")


def test_pip_lock_is_for_one_machine_which_is_said(tmp_path: Path) -> None:
    (note,) = read(tmp_path, pylock(foo(), head='lock-version = "1.0"\ncreated-by = "pip"\n')).notes
    assert note == "pylock.toml: pip lock has written it, for the Python and the machine that it ran on"


def test_a_newer_minor_version_is_read_with_a_warning_as_the_standard_has_it(tmp_path: Path) -> None:
    lock = read(tmp_path, pylock(foo(), head='lock-version = "1.1"\ncreated-by = "x"\n'))
    assert names(lock) == ["foo==1.0"]
    assert lock.warnings == ("pylock.toml has the lock-version 1.1: what is newer in it than 1.0 is not read",)


@pytest.mark.parametrize(
    ("head", "says"),
    [
        ('lock-version = "2.0"\n', "its lock-version is 2.0, which is not known here (known: 1.0)"),
        ('lock-version = "0.9"\n', "its lock-version is 0.9, which is not known here (known: 1.0)"),
        ("lock-version = 1.0\n", "it has a lock-version that is no version, so it is no lock file of PEP 751"),
        (f'lock-version = "{"9" * 5000}"\n', "it has a lock-version that is no version"),
        ('created-by = "x"\n', "it has no lock-version"),
        ('lock-version = "1.0"\n', "created-by: Missing required value"),
        (f"{HEAD}packages = 5\n", "packages: Unexpected type int (expected Sequence)"),
        (f"{HEAD}packages = [5]\n", "packages[0]: Unexpected type int (expected Mapping)"),
        (f'{HEAD}requires-python = "three"\n', "requires-python: Invalid specifier"),
        (f'{HEAD}environments = ["?"]\n', "environments[0]: "),
    ],
)
def test_a_head_that_is_not_by_the_standard_is_refused(tmp_path: Path, head: str, says: str) -> None:
    text = head if "packages" in head else f"{head}packages = []\n"
    error = error_of(tmp_path, text)
    assert error.problem.startswith(says)
    assert error.hint
    assert error.origin == Origin("pylock.toml")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (f"{HEAD}packages = [\n\n", 3, "it is no TOML: "),
        (f'{HEAD}name = "foo\n', 3, "it is no TOML, in column 12: Illegal character"),
        (f"{HEAD}n = {'9' * 5000}\n", None, "it is no TOML"),
        (f"{HEAD}n = {'[' * 5000}\n", None, "it is nested too deeply"),
        (HEAD.encode() + b"# caf\xe9\n", 3, "the file is not UTF-8 text"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(
    tmp_path: Path, text: str | bytes, line: int | None, says: str
) -> None:
    error = error_of(tmp_path, text)
    assert error.problem.startswith(says)
    assert error.origin is not None
    assert line is None or error.origin == Origin("pylock.toml", line)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (package("Foo", "1.0", wheels=[a_file(WHEEL)]), "Foo, name: Name 'Foo' is not normalized"),
        (foo(version="one"), "foo, version: Invalid version"),
        (foo(marker="os_name = 'nt'"), "foo, marker: "),
        (foo(marker="extras == 's3'"), 'foo: extras == "s3" is no comparison with a set'),
        (foo(wheels=[a_file(WHEEL, hashes={})]), "foo, wheels[0].hashes: At least one hash must be provided"),
        (foo(wheels=[a_file("https://f.example/bar-1.0-py3-none-any.whl")]), "foo, wheels[0]: Name in "),
        (foo(wheels=[a_file("http://[/foo-1.0-py3-none-any.whl")]), "foo: Invalid IPv6 URL"),
        (foo(wheels=[a_file("ftp://f.example/foo-1.0-py3-none-any.whl")]), "no http or https address"),
        (foo(wheels=[a_file("file:///srv/foo-1.0-py3-none-any.whl")]), "no http or https address"),
        (foo(wheels=[a_file("https://f.example/a b/foo-1.0-py3-none-any.whl")]), "no http or https address"),
        (foo(wheels=[{"path": "../foo-1.0-py3-none-any.whl", "hashes": SHA}]), "is outside the source"),
        (foo(wheels=[a_file(WHEEL, hashes={"md5": "a" * 32})]), "has no hash that proves it, only md5"),
        (foo(wheels=[a_file(WHEEL, hashes={"shiny9": "00"})]), "has no hash that proves it, only shiny9"),
        (foo(wheels=[a_file(WHEEL, hashes={"sha256": "a" * 63})]), "a sha256 digest has 64 hexadecimal digits"),
        (foo(wheels=[a_file(WHEEL, size=-1)]), "is negative"),
        (foo(wheels=[a_file(WHEEL, size=True)]), "foo, wheels[0].size: Unexpected type bool"),
        (foo(wheels=[a_file(WHEEL), a_file(WHEEL, hashes={"sha256": B})]), "stands there twice"),
        (foo(index="relative/simple"), "foo: index has no http or https address"),
        (foo(archive=a_file("https://f.example/v1.zip")), "None of vcs, directory, archive must be set"),
        (package("foo"), "Exactly one of vcs, directory, archive must be set"),
        (package("foo", archive=a_file("https://f.example/download")), "no wheel and no archive that pip reads"),
        (package("foo", archive=a_file("https://f.example/bar-1-py3-none-any.whl")), "which is no wheel of it"),
        (package("foo", archive=a_file("https://f.example/v1.zip", subdirectory="../x")), "leads out of"),
        (package("foo", archive={"path": "/v1.zip", "hashes": SHA}), "foo: the file '/v1.zip' is outside"),
        (package("foo", archive={"path": "v\n.zip", "hashes": SHA}), "has a character that no path has"),
        (package("foo", vcs={"type": "hg", "url": "https://h/r", "commit-id": COMMIT}), "only git is supported"),
        (package("foo", vcs={"type": "git", "url": "https://h/r", "commit-id": "main"}), "is no full commit"),
        (package("foo", vcs={"type": "git", "url": "git@h:r.git", "commit-id": COMMIT}), "no address"),
        (package("foo", vcs={"type": "git", "url": "https://-x/r", "commit-id": COMMIT}), "no address"),
        (package("foo", vcs={"type": "git", "path": "../r", "commit-id": COMMIT}), "is the path '../r'"),
    ],
)  # fmt: skip
def test_a_package_that_cannot_be_fetched_is_told_with_its_line(tmp_path: Path, entry: str, says: str) -> None:
    error = error_of(tmp_path, pylock(package("own", directory={"path": "."}), entry))
    assert says in error.problem
    assert error.origin == Origin("pylock.toml", 8)
    assert error.hint


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = pylock(
        foo(
            wheels=[a_file(WHEEL, hashes={"md5": "a" * 32}), a_file("https://f/foo-1.0-py2-none-any.whl", size=-1)]
        ),
        foo(index="nowhere"),
        package("Bar"),
        head=f'{HEAD}requires-python = "three"\n',
    )
    told = [str(error) for error in errors_of(tmp_path, text)]
    assert [one.partition(": ")[0] for one in told] == [
        "pylock.toml",
        *["pylock.toml:5"] * 2,
        "pylock.toml:10",
        "pylock.toml:16",
    ]


def test_the_credentials_of_an_address_are_not_told(tmp_path: Path) -> None:
    text = pylock(foo(wheels=[a_file("ftp://me:s3cret@f.example/foo-1.0-py3-none-any.whl")]))
    error = error_of(tmp_path, text)
    assert "s3cret" not in f"{error} {error.hint}"


def test_an_invalid_lock_of_pipenv_is_answered_with_what_to_do(tmp_path: Path) -> None:
    """As pipenv 2026.10.3 writes it: names as they are typed."""
    head = 'lock-version = "1.0"\nenvironments = []\nextras = []\ncreated-by = "pipenv"\n'
    text = pylock(
        package("PyYAML", "6.0", wheels=[a_file("https://f/PyYAML-6.0-py3-none-any.whl")]),
        foo(index="x"),
        head=head,
    )
    error = error_of(tmp_path, text)
    assert error.problem == "pipenv wrote it, and not by the standard (PEP 751): no installer reads it"
    assert "pipenv requirements --hash" in str(error.hint)


def test_a_file_that_is_not_there_is_an_error_of_the_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"pylock\.toml: it does not exist") as caught:
        PylockReader().read(tmp_path, "pylock.toml", Purpose.RUNTIME, {})
    assert caught.value.exit_code is ExitCode.INPUT


def test_a_pinned_requirement_is_told_from_another_by_its_digests(tmp_path: Path) -> None:
    text = pylock(
        foo(marker="os_name == 'nt'"), foo(marker="os_name == 'nt'", wheels=[a_file(WHEEL, hashes={"sha256": B})])
    )
    first, second = pins(read(tmp_path, text))
    assert first != second
    assert isinstance(first, Pinned)


class TestGroupsOfTheInput:
    TEXT = pylock(
        foo(marker="'dev' in dependency_groups"),
        package("bar", "1.0", wheels=[a_file(WHEEL.replace("foo", "bar"))], marker="'s3' in extras"),
        package("baz", "1.0", wheels=[a_file(WHEEL.replace("foo", "baz"))], marker="'docs' in dependency_groups"),
        head=f'{HEAD}extras = ["s3"]\ndependency-groups = ["dev", "docs"]\ndefault-groups = ["dev"]\n',
    )

    @pytest.mark.parametrize(
        ("selection", "taken"),
        [
            (Selection(), ["foo"]),
            (Selection(groups=("docs",)), ["foo", "baz"]),
            (Selection(groups=(":all:",), no_groups=("dev",)), ["baz"]),
            (Selection(no_groups=(":all:",), extras=("S3",)), ["bar"]),
            (Selection(extras=(":all:",)), ["foo", "bar"]),
        ],
    )
    def test_groups_and_extras_are_taken_beside_the_default_groups(
        self, selection: Selection, taken: list[str], tmp_path: Path
    ) -> None:
        write(tmp_path, {"pylock.toml": self.TEXT})
        lock = PylockReader().read(tmp_path, "pylock.toml", Purpose.RUNTIME, {}, selection)
        assert [one.name for one in lock.requirements] == taken

    @pytest.mark.parametrize("created_by", ["a test", "pipenv"])
    def test_a_name_that_the_file_lacks_is_answered_with_the_nearest(
        self, created_by: str, tmp_path: Path
    ) -> None:
        write(tmp_path, {"pylock.toml": self.TEXT.replace("a test", created_by)})
        with pytest.raises(InputError, match="the lock has no group 'doc'") as caught:
            PylockReader().read(tmp_path, "pylock.toml", Purpose.RUNTIME, {}, Selection(groups=("doc",)))
        assert caught.value.hint == "did you mean 'docs'?"
