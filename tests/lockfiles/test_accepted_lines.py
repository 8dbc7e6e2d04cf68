"""Lines that are read: what each of them becomes."""

from __future__ import annotations

from pathlib import Path

import pytest
from pip._internal.exceptions import InstallationError
from pip._internal.req.constructors import install_req_from_line
from pip._internal.req.req_file import get_line_parser, preprocess

from cachi2ish.core.digests import Digest
from cachi2ish.core.requirements import Formats, Git, Indexes, Pinned, Purpose, Url
from cachi2ish.core.urls import Address
from cachi2ish.errors import Origin
from cachi2ish.lockfiles.pip.requirements_reader import PipRequirementsReader
from tests.lockfiles.reading import COMMIT, GIT, HASH_A, HASH_B, ZIP, A, B, names, pins, read, write

SHA512 = "d" * 128

PINNED = [
    ("foo==1.0", "foo", "1.0"),
    ("foo == 1.0", "foo", "1.0"),
    ("Foo.Bar_baz==1.0", "foo-bar-baz", "1.0"),
    ("foo==1!1.0.post1.dev2+local.1", "foo", "1!1.0.post1.dev2+local.1"),
    ("foo==1.0,>=0.5", "foo", "1.0"),
    ("foo (==1.0)", "foo", "1.0"),
    ("foo==1.0rc1,!=1.0", "foo", "1.0rc1"),
    ("foo[b,a]==1.0", "foo", "1.0"),
    ("foo==1.0;python_version<'3.9'", "foo", "1.0"),
    ("\ufefffoo==1.0", "foo", "1.0"),
    ("foo==1.0 # comment", "foo", "1.0"),
    ("foo==${VERSION}", "foo", "9.1"),
    ("${NAME}==1.0", "foo", "1.0"),
    ("foo==1.0 --config-settings=a=b -C c=d --global-option=x --install-option='--y'", "foo", "1.0"),
    ("foo \\\n == \\\n 1.0", "foo", "1.0"),
    ("foo==1.0\r\n", "foo", "1.0"),
    ("--pre\n--prefer-binary\n--use-feature=fast-deps\n--only-final :all:\nfoo==1.0", "foo", "1.0"),
]


@pytest.mark.parametrize(("line", "project", "version"), PINNED)
def test_a_pinned_requirement_is_read(line: str, project: str, version: str, tmp_path: Path) -> None:
    lock = read(tmp_path, line, environ={"VERSION": "9.1", "NAME": "foo"})
    (requirement,) = lock.requirements
    assert isinstance(requirement, Pinned)
    assert (requirement.project, requirement.version, requirement.arbitrary) == (project, version, False)
    assert lock.texts == ()


def test_arbitrary_equality_keeps_its_text(tmp_path: Path) -> None:
    (requirement,) = read(tmp_path, "foo===2004-odd").requirements
    assert isinstance(requirement, Pinned)
    assert (requirement.version, requirement.arbitrary) == ("2004-odd", True)


def test_name_extras_marker_origin_and_purpose_are_kept(tmp_path: Path) -> None:
    write(tmp_path, {"sub/requirements.txt": "# top\n\nFoo[B,a] == 1.0 ; python_version < '3.9' \\\n  " + HASH_A})
    lock = PipRequirementsReader().read(tmp_path, "sub/requirements.txt", Purpose.BUILD, {})
    (requirement,) = lock.requirements
    assert requirement == Pinned(
        name="Foo",
        extras=("B", "a"),
        marker='python_version < "3.9"',
        origin=Origin("sub/requirements.txt", 3),
        purpose=Purpose.BUILD,
        version="1.0",
        digests=frozenset({Digest("sha256", A)}),
    )
    assert lock.file == "sub/requirements.txt"
    assert lock.require_hashes


@pytest.mark.parametrize(
    "line",
    [
        f"foo==1.0 \\\n\t{HASH_A} \\\n\t{HASH_B}",
        f"foo==1.0\t{HASH_A}\t{HASH_B}",
        f"foo==1.0 ; python_version > '3'\t \t{HASH_A} {HASH_B}",
    ],
)
def test_a_tab_before_options_is_read_as_uv_and_hermeto_do_and_pips_refusal_is_told(
    line: str, tmp_path: Path
) -> None:
    lock = read(tmp_path, line)
    (requirement,) = pins(lock)
    assert requirement.digests == {Digest("sha256", A), Digest("sha256", B)}
    assert lock.warnings == (
        "requirements.txt:1: a tab stands before the options, where pip wants a space: it refuses the line",
    )
    ((_, text),) = preprocess(line)
    with pytest.raises(InstallationError, match="Invalid requirement"):
        install_req_from_line(get_line_parser(None)(text)[0])


@pytest.mark.parametrize(
    "line", [f"foo==1.0 {HASH_A}\t{HASH_B}", f"\tfoo==1.0 {HASH_A}\t", "-i\thttps://h.example/"]
)
def test_a_tab_that_pip_reads_is_no_matter(line: str, tmp_path: Path) -> None:
    assert read(tmp_path, line).warnings == ()


@pytest.mark.parametrize(
    ("option", "digest"),
    [
        (f"--hash=sha256:{A}", Digest("sha256", A)),
        (f"--hash sha256:{A}", Digest("sha256", A)),
        (f"--hash='sha256:{A}'", Digest("sha256", A)),
        (f"--hash=SHA256:{A.upper()}", Digest("sha256", A)),
        (f"--hash=sha512:{SHA512}", Digest("sha512", SHA512)),
        (f"--hash=sha3_256:{A}", Digest("sha3_256", A)),
        (f"--hash=blake2b:{SHA512}", Digest("blake2b", SHA512)),
        (f"--hash=sha256:{A} --hash=sha256:{A}", Digest("sha256", A)),
    ],
)
def test_any_guaranteed_algorithm_in_any_case_is_accepted(option: str, digest: Digest, tmp_path: Path) -> None:
    lock = read(tmp_path, f"foo==1.0 {option}\n{GIT}#egg=bar\nbaz @ {ZIP} {option}")
    pinned, _, url = lock.requirements
    assert isinstance(pinned, Pinned)
    assert isinstance(url, Url)
    assert pinned.digests == {digest}
    assert url.digest == digest
    assert lock.require_hashes


URLS = [
    (f"foo @ {ZIP} {HASH_A}", "foo", ZIP, None),
    (f"foo@{ZIP} {HASH_A}", "foo", ZIP, None),
    (f"Foo [x] @ {ZIP}#sha256={A} ; python_version < '3'", "Foo", ZIP, None),
    (f"foo @ {ZIP};python_version<'3' {HASH_A}", "foo", ZIP, None),
    (f"foo @ {ZIP}#sha256={A.upper()} {HASH_A}", "foo", ZIP, None),
    (f"foo @ {ZIP}#md5={'a' * 32} {HASH_A}", "foo", ZIP, None),
    (f"foo @ {ZIP}#egg=foo&subdirectory=pkg/foo&sha256={A}", "foo", ZIP, "pkg/foo"),
    (f"{ZIP}#egg=bar {HASH_A}", "bar", ZIP, None),
    (f"{ZIP}#egg=bar[x]&sha256={A}", "bar", ZIP, None),
    (f"{ZIP} {HASH_A}", "foo", ZIP, None),
    (f"{ZIP}; python_version < '3' {HASH_A}", "foo", ZIP, None),
    (f"http://h.example/foo_bar-1.0.tgz {HASH_A}", "foo_bar", "http://h.example/foo_bar-1.0.tgz", None),
    (
        f"https://h.example/foo-1.0-py3-none-any.whl {HASH_A}",
        "foo",
        "https://h.example/foo-1.0-py3-none-any.whl",
        None,
    ),
    (f"foo @ https://h.example/v1.tar.xz?raw=1 {HASH_A}", "foo", "https://h.example/v1.tar.xz?raw=1", None),
    (f"foo @ https://u:${{PASSWORD}}@h.example/v1.zip {HASH_A}", "foo", "https://u:s3cret@h.example/v1.zip", None),
    (f"foo @ ${{BASE}}/v1.zip {HASH_A}", "foo", "https://h.example/v1.zip", None),
    (f"foo @ https://h.example/\\\nv1.zip {HASH_A}", "foo", "https://h.example/v1.zip", None),
]


@pytest.mark.parametrize(("line", "name", "url", "subdirectory"), URLS)
def test_a_url_requirement_is_read(
    line: str, name: str, url: str, subdirectory: str | None, tmp_path: Path
) -> None:
    lock = read(tmp_path, line, environ={"PASSWORD": "s3cret", "BASE": "https://h.example"})
    (requirement,) = lock.requirements
    assert isinstance(requirement, Url)
    assert (requirement.name, requirement.url.with_credentials, requirement.subdirectory) == (
        name,
        url,
        subdirectory,
    )
    assert requirement.digest == Digest("sha256", A)
    assert "s3cret" not in repr(lock)
    (text,) = lock.texts
    assert (text.file, text.text, text.direct) == ("requirements.txt", line, (requirement,))


GITS = [
    (f"foo @ {GIT}", "https://git.example/org/repo.git", None),
    (f"foo @ {GIT.upper().replace('GIT+HTTPS', 'git+https')}", "https://GIT.EXAMPLE/ORG/REPO.GIT", None),
    (f"{GIT}#egg=foo&subdirectory=src/foo", "https://git.example/org/repo.git", "src/foo"),
    (f"foo @ git+ssh://git@git.example:2222/repo@{COMMIT}", "ssh://git@git.example:2222/repo", None),
    (f"foo @ git+http://git.example/repo@{COMMIT} ; os_name == 'nt'", "http://git.example/repo", None),
    (f"foo @ git+file:///srv/repo@{COMMIT}", "file:///srv/repo", None),
    (f"-e {GIT}#egg=foo", "https://git.example/org/repo.git", None),
    (f"--editable={GIT}#egg=foo&subdirectory=src/foo", "https://git.example/org/repo.git", "src/foo"),
    (f"-e 'foo[x] @ {GIT}'", "https://git.example/org/repo.git", None),
    (f"-e git+ssh://git@git.example/r@{COMMIT}#egg=foo -C a=b", "ssh://git@git.example/r", None),
    (f"foo @ git+https://u:p@git.example/at@sign/repo@{COMMIT}", "https://u:p@git.example/at@sign/repo", None),
]


@pytest.mark.parametrize(("line", "url", "subdirectory"), GITS)
def test_a_git_requirement_is_read(line: str, url: str, subdirectory: str | None, tmp_path: Path) -> None:
    (requirement,) = read(tmp_path, f"--require-hashes\n{line}").requirements
    assert isinstance(requirement, Git)
    assert (requirement.name, requirement.url.with_credentials, requirement.subdirectory) == (
        "foo",
        url,
        subdirectory,
    )
    assert requirement.commit == COMMIT


def test_direct_requirements_are_listed_in_the_order_of_the_text(tmp_path: Path) -> None:
    content = f"b @ {GIT}\nx==1 {HASH_A}\na @ {ZIP} {HASH_A}\n-r more.txt\n{GIT}#egg=b\n"
    lock = read(tmp_path, {"requirements.txt": content, "more.txt": f"c @ {ZIP} {HASH_A}"})
    listed = {text.file: [str(one).partition(" ")[0] for one in text.direct] for text in lock.texts}
    assert listed == {
        "requirements.txt": ["b", "a", "b"],
        "more.txt": ["c"],
    }
    assert names(lock) == [f"b @ git {COMMIT[:12]}", "x==1", "a @ URL", "c @ URL"]


def test_the_last_index_url_wins_and_extra_ones_accumulate(tmp_path: Path) -> None:
    lock = read(
        tmp_path,
        {
            "requirements.txt": "-i https://one.example/\n--extra-index-url 'https://x.example/'\n"
            "-r sub/more.txt\n--extra-index-url=https://${USER}:${TOKEN}@z.example/\n"
            "--trusted-host h.example:8443",
            "sub/more.txt": "--pypi-url=https://two.example/\n--extra-index-url https://y.example/\n"
            "--extra-index-url https://x.example/\nfoo==1.0",
        },
        environ={"USER": "me", "TOKEN": "s3cret"},
    )
    addresses = (
        Address("https://two.example/"),
        Address("https://x.example/"),
        Address("https://y.example/"),
        Address("https://me:s3cret@z.example/"),
    )
    (foo,) = pins(lock)
    assert foo.indexes == Indexes(addresses, alone=True)
    assert lock.index_urls == addresses
    assert lock.trusted_hosts == ("h.example:8443",)
    assert "s3cret" not in repr(lock)


def test_extra_indexes_alone_come_behind_those_of_the_settings(tmp_path: Path) -> None:
    (foo,) = pins(read(tmp_path, "--extra-index-url https://x.example/\nfoo==1.0"))
    assert foo.indexes == Indexes((Address("https://x.example/"),), alone=False)
    (foo,) = pins(read(tmp_path, "foo==1.0"))
    assert foo.indexes == Indexes()


def test_format_options_of_the_closure_are_put_together(tmp_path: Path) -> None:
    lock = read(
        tmp_path,
        {
            "requirements.txt": "--no-binary :all:\n-c c.txt\n--only-binary Foo.Bar,baz\n"
            "foo_bar==1\nBaz==1\nfig==1",
            "c.txt": "--no-binary=Foo_Bar",
        },
    )
    assert [one.formats for one in pins(lock)] == [Formats.WHEELS, Formats.WHEELS, Formats.SDISTS]


@pytest.mark.parametrize(
    ("options", "formats"),
    [
        ("", Formats.BOTH),
        ("--no-binary :all:", Formats.SDISTS),
        ("--no-binary foo", Formats.SDISTS),
        ("--only-binary :all:", Formats.WHEELS),
        ("--only-binary foo", Formats.WHEELS),
        ("--only-binary bar", Formats.BOTH),
        ("--no-binary :all:\n--only-binary foo", Formats.WHEELS),
        ("--only-binary :all:\n--no-binary foo", Formats.SDISTS),
    ],
)
def test_each_pin_knows_the_formats_that_may_be_taken(tmp_path: Path, options: str, formats: Formats) -> None:
    (foo,) = pins(read(tmp_path, f"{options}\nFoo==1.0"))
    assert foo.formats is formats


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"requirements.txt": "foo==1"}, False),
        ({"requirements.txt": "--require-hashes"}, True),
        ({"requirements.txt": f"foo==1 {HASH_A}"}, True),
        ({"requirements.txt": f"--no-require-hashes\nfoo==1 {HASH_A}\nbar==1"}, False),
        ({"requirements.txt": f"foo==1 {HASH_A}\n-c c.txt", "c.txt": ""}, True),
        ({"requirements.txt": "foo==1\n-c c.txt", "c.txt": f"foo==1 {HASH_B}"}, True),
        ({"requirements.txt": "-r a.txt", "a.txt": f"foo==1 {HASH_B}"}, True),
        ({"requirements.txt": "-r a.txt", "a.txt": "--require-hashes"}, True),
        ({"requirements.txt": f"foo @ {ZIP}#sha256={B}\nbar==1"}, False),
    ],
)
def test_hash_checking_mode_is_on_for_the_whole_closure(
    *, files: dict[str, str], expected: bool, tmp_path: Path
) -> None:
    assert read(tmp_path, files).require_hashes is expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (f"foo==1 {HASH_A}\nbar[x]==1 {HASH_B}", ["foo==1", "bar==1"]),
        ("foo==1", []),
        (f"foo==1 {HASH_A}\nbar @ {ZIP} {HASH_B}", ["foo==1"]),
        ({"requirements.txt": f"foo==1 {HASH_A}\n-c c.txt", "c.txt": "foo==1"}, []),
        ({"requirements.txt": f"foo==1 {HASH_A}\n-c c.txt", "c.txt": "foo<2"}, ["foo==1"]),
        ({"requirements.txt": f"foo==1 {HASH_A}\n-c c.txt", "c.txt": "foo==1 ; os_name == 'nt'"}, ["foo==1"]),
        ({"requirements.txt": f"foo==1 {HASH_A}\n-c c.txt", "c.txt": "bar==1,==2"}, ["foo==1"]),
    ],
)
def test_pins_that_no_constraint_repeats_are_told_apart_in_hash_checking_mode(
    files: dict[str, str | bytes] | str, expected: list[str], tmp_path: Path
) -> None:
    assert list(map(str, read(tmp_path, files).unconstrained)) == expected


def test_of_build_requirements_none_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "build.txt").write_text(f"foo==1 {HASH_A}")
    assert PipRequirementsReader().read(tmp_path, "build.txt", Purpose.BUILD, {}).unconstrained == ()


def test_encodings_reach_the_lock_for_writing_back(tmp_path: Path) -> None:
    content = f"# -*- coding: latin-1 -*-\nfoo @ {ZIP} {HASH_A} # é"
    (text,) = read(tmp_path, content.encode("latin-1")).texts
    assert (text.encoding, text.text) == ("latin-1", content)
    (text,) = read(tmp_path, b"\xef\xbb\xbf" + f"foo @ {ZIP} {HASH_A}".encode()).texts
    assert text.text.encode(text.encoding).startswith(b"\xef\xbb\xbffoo")


def test_a_file_is_read_whose_name_leaves_no_room_for_that_of_a_record(tmp_path: Path) -> None:
    name = f"{'n' * 246}.txt"
    assert names(read(tmp_path, f"one==1.0 {HASH_A}", file=name)) == ["one==1.0"]
