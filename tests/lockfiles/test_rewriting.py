"""inject-files: only addresses change, they come back, and fetch-deps reads the result as before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from uv import find_uv_bin

from cachi2ish.core.outputs import name_of_git
from cachi2ish.core.requirements import Git
from cachi2ish.errors import InputError, LockFileError
from cachi2ish.lockfiles.interface import Placed
from tests.lockfiles.injecting import OUTPUT, REWRITER, inject, placed
from tests.lockfiles.reading import COMMIT, GIT, HASH_A, ZIP, A, B, names, read
from tests.support.distributions import make_sdist, make_wheel

TEXT = f"""\
# Where things come from: {ZIP} \\
--index-url https://index.example/  # the index
foo[x] @ https://me:${{TOKEN}}@files.example/foo.tar.gz#egg=foo \\
    --hash=sha256:{A}   # why
bar==1.0 ; python_version < '3.9' \\
    {HASH_A}
{GIT}#egg=Baz&subdirectory=src/baz ; os_name == 'nt'\r
  qux@git+ssh://git@git.example/q\\
ux@{COMMIT};os_name=='nt'
https://files.example/whl/spam-1.0-py3-none-any.whl#sha256={A}"""

REWRITTEN = f"""\
# Where things come from: {ZIP} \\
--index-url https://index.example/  # the index
foo[x] @ file://{OUTPUT}/deps/pip/foo-url-sha256-{A}.tar.gz#egg=foo \\
    --hash=sha256:{A}   # why
bar==1.0 ; python_version < '3.9' \\
    {HASH_A}
Baz @ file://{OUTPUT}/deps/pip/baz-git-{COMMIT}.tar.gz#subdirectory=src/baz&sha256={B} ; os_name == 'nt'\r
  qux@file://{OUTPUT}/deps/pip/qux-git-{COMMIT}.tar.gz#sha256={B};os_name=='nt'
spam @ file://{OUTPUT}/deps/pip/spam-1.0-py3-none-any.whl#sha256={A}"""


def test_only_addresses_change_and_get_a_name_where_they_have_none(tmp_path: Path) -> None:
    (text,) = read(tmp_path, TEXT, environ={"TOKEN": "s3cret"}).texts
    assert inject(text)[0] == REWRITTEN


def test_templates_hold_the_output_directory_and_the_fragment(tmp_path: Path) -> None:
    (text,) = read(tmp_path, f"a @ {ZIP}#sha256={A}\nb @ {GIT}\nc @ {ZIP} {HASH_A}").texts
    assert REWRITER.replacement_urls(text.text, placed(text)) == (
        f"file://${{output_dir}}/deps/pip/a-url-sha256-{A}.zip#sha256={A}",
        f"file://${{output_dir}}/deps/pip/b-git-{COMMIT}.tar.gz#sha256={B}",
        f"file://${{output_dir}}/deps/pip/c-url-sha256-{A}.zip",
    )


def test_an_injected_file_is_read_as_its_original(tmp_path: Path) -> None:
    environ = {"TOKEN": "s3cret"}
    before = read(tmp_path, TEXT, environ=environ)
    rewritten, record = inject(before.texts[0])
    (tmp_path / REWRITER.record_name("requirements.txt")).write_text(record)
    after = read(tmp_path, rewritten, environ=environ)
    assert after.texts[0].text == TEXT
    assert after == before
    assert inject(after.texts[0], "/elsewhere")[0] == REWRITTEN.replace(OUTPUT, "/elsewhere")


def test_nested_files_have_their_own_record(tmp_path: Path) -> None:
    before = read(tmp_path, {"requirements.txt": "-r sub/more.txt", "sub/more.txt": f"foo @ {GIT}"})
    rewritten, record = inject(before.texts[0])
    after = read(tmp_path, {"sub/more.txt": rewritten, "sub/.more.txt.cachi2ish.json": record})
    assert after == before


def test_other_lines_may_be_edited_before_the_injection_is_undone(tmp_path: Path) -> None:
    (text,) = read(tmp_path, TEXT).texts
    rewritten, record = inject(text)
    edited = "new==1.0\nother @ https://new.example/o.zip\n" + rewritten.replace("# why", "# because")
    restored = "new==1.0\nother @ https://new.example/o.zip\n" + TEXT.replace("# why", "# because")
    assert REWRITER.restore(edited, record) == restored
    without_first = "".join(rewritten.splitlines(keepends=True)[4:])
    assert REWRITER.restore(without_first, record) == "".join(TEXT.splitlines(keepends=True)[4:])


def test_two_spellings_of_one_archive_come_back_in_their_order(tmp_path: Path) -> None:
    content = f"foo @ {ZIP} {HASH_A}\nfoo[x] @ https://me:pw@files.example/foo-1.0.zip {HASH_A}\n"
    (text,) = read(tmp_path, content).texts
    rewritten, record = inject(text)
    assert REWRITER.restore(rewritten, record) == content


def test_a_file_url_that_no_record_knows_is_refused(tmp_path: Path) -> None:
    (text,) = read(tmp_path, f"foo @ {GIT}").texts
    rewritten, record = inject(text)
    for content in (rewritten.replace("foo-git", "bar-git"), rewritten.replace("/deps/pip/", "/other/")):
        with pytest.raises(LockFileError, match="file: URL"):
            read(tmp_path, {"requirements.txt": content, ".requirements.txt.cachi2ish.json": record})


def test_a_record_changes_nothing_in_a_file_that_was_reverted(tmp_path: Path) -> None:
    (text,) = read(tmp_path, TEXT).texts
    assert REWRITER.restore(TEXT, inject(text)[1]) == TEXT
    assert REWRITER.restore(TEXT, None) == TEXT


@pytest.mark.parametrize(
    "record",
    ["", "{", "[]", '{"replaced": 1}', '{"version": 2, "replaced": []}', '{"replaced": [], "more": 1}', "\xff"],
)
def test_a_damaged_record_is_an_input_error(record: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="record of an earlier inject-files is damaged") as caught:
        read(
            tmp_path, {"requirements.txt": "foo==1", ".requirements.txt.cachi2ish.json": record.encode("latin-1")}
        )
    assert str(caught.value.origin) == ".requirements.txt.cachi2ish.json"
    assert caught.value.hint


def test_a_record_is_stable_json(tmp_path: Path) -> None:
    (text,) = read(tmp_path, f"foo @ {GIT}").texts
    record = inject(text)[1]
    assert json.loads(record) == {
        "version": 1,
        "replaced": [{"placed": f"foo-git-{COMMIT}.tar.gz#sha256={B}", "original": GIT}],
    }
    assert record == inject(text, "/elsewhere")[1]


def test_a_wrong_count_is_refused() -> None:
    text = f"foo @ {GIT}\n"
    for call in (
        lambda: REWRITER.substitute(text, []),
        lambda: REWRITER.replacement_urls(text, [Placed("a"), Placed("b")]),
        lambda: REWRITER.record(text, []),
    ):
        with pytest.raises(InputError, match="has 1 addresses"):
            call()


def test_a_character_that_the_encoding_lacks_is_an_input_error() -> None:
    with pytest.raises(InputError, match="cannot be stored as latin-1"):
        REWRITER.encode("file:///€/", "latin-1")


REDACTED = [
    ("-i https://me:pw@h.example/", "-i https://h.example/"),
    ('--extra-index-url "https://token@h.example/x?a=1"', '--extra-index-url "https://h.example/x?a=1"'),
    ("foo @ https://me:${PW}@h.example/f.zip#egg=foo", "foo @ https://h.example/f.zip#egg=foo"),
    ("foo @ git+ssh://git@h.example/r@main", "foo @ git+ssh://git@h.example/r@main"),
    ("foo @ git+ssh://git:pw@h.example/r@main", "foo @ git+ssh://h.example/r@main"),
    ("foo @ https://me:pa\\\nss@h.example/f.zip \\\n  --hash=x", "foo @ https://h.example/f.zip \\\n  --hash=x"),
    ("foo @ https://h.example/f.zip?token=se\\\ncret&b=1", "foo @ https://h.example/f.zip?token=****&b=1"),
    ("foo==1 # see https://me:pw@h.example/\r\n", "foo==1 # see https://h.example/\r\n"),
    ('-i "https://h.example/?token=abc"', '-i "https://h.example/?token=****"'),
    ("foo==1.0 # a@b ://@\n", "foo==1.0 # a@b ://\n"),
]


@pytest.mark.parametrize(("text", "expected"), REDACTED)
def test_a_stored_text_has_no_credentials(text: str, expected: str) -> None:
    assert REWRITER.redacted(text) == expected


def pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return subprocess.run(
        [sys.executable, "-m", "pip", *arguments],
        env=environ | {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        text=True,
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize("tampered", [False, True])
def test_pip_checks_the_digest_that_is_written_beside_a_git_archive(*, tampered: bool, tmp_path: Path) -> None:
    archive, wheel = make_sdist("gitted", "1.0"), make_wheel("pinned", "1.0")
    deps = tmp_path / "out put" / "deps" / "pip"
    deps.mkdir(parents=True)
    (deps / f"gitted-git-{COMMIT}.tar.gz").write_bytes(archive.content + (b"\0" if tampered else b""))
    wheel.write(deps)
    content = f"pinned==1.0 {wheel.hash_option()}\n{GIT}#egg=gitted ; python_version > '3'\n"
    (text,) = read(tmp_path, content).texts
    urls = REWRITER.replacement_urls(text.text, [Placed(f"gitted-git-{COMMIT}.tar.gz", archive.sha256)])
    output = (tmp_path / "out put").as_uri().removeprefix("file://")
    rewritten = REWRITER.substitute(text.text, [url.replace("${output_dir}", output) for url in urls])
    (tmp_path / "requirements.txt").write_text(rewritten)
    found = pip(
        *("download", "--no-deps", "--require-hashes", "--no-build-isolation", "--find-links", str(deps)),
        *("--dest", str(tmp_path / "taken"), "-r", str(tmp_path / "requirements.txt")),
    )
    if tampered:
        assert found.returncode != 0
        assert "DO NOT MATCH THE HASHES" in found.stderr
    else:
        assert found.returncode == 0, found.stderr
        assert {path.name for path in (tmp_path / "taken").iterdir()} == {
            f"gitted-git-{COMMIT}.tar.gz",
            "pinned-1.0-py3-none-any.whl",
        }


def test_names_are_those_of_the_lock(tmp_path: Path) -> None:
    assert names(read(tmp_path, f"foo @ {GIT}")) == [f"foo @ git {COMMIT[:12]}"]


EDITABLE = [
    (f"-e {GIT}#egg=Foo", f"Foo @ PLACED#sha256={B}"),
    (f"-e{GIT}#egg=foo", f"foo @ PLACED#sha256={B}"),
    (f"--editable={GIT}#egg=foo", f"foo @ PLACED#sha256={B}"),
    (f"  --editable  {GIT}#egg=foo  # why", f"  foo @ PLACED#sha256={B}  # why"),
    (f"-e \\\n  {GIT}#eg\\\ng=foo&subdirectory=py", f"foo @ PLACED#subdirectory=py&sha256={B}"),
    (f"-e '{GIT}#egg=foo'", f"foo @ PLACED#sha256={B}"),
    (f"-e foo@{GIT}", f"foo@PLACED#sha256={B}"),
    (
        f"-e \"foo[x] @ {GIT} ; os_name == 'nt'\" -C a=b",
        f"foo[x] @ PLACED#sha256={B} ; os_name == 'nt' -C a=b",
    ),
    (f"{GIT}#egg=foo[a,b]", f"foo[a,b] @ PLACED#sha256={B}"),
    (f"{GIT}#egg=foo&x=a;b; os_name == 'nt'", f"foo @ PLACED#x=a%3Bb&sha256={B}; os_name == 'nt'"),
]


@pytest.mark.parametrize(("line", "expected"), EDITABLE)
def test_an_editable_commit_is_installed_as_any_other_and_comes_back(
    line: str, expected: str, tmp_path: Path
) -> None:
    content = f"one==1.0\n{line}\ntwo==2.0\n"
    before = read(tmp_path, content)
    (text,) = before.texts
    rewritten, record = inject(text)
    placed_at = f"file://{OUTPUT}/deps/pip/foo-git-{COMMIT}.tar.gz"
    assert rewritten == f"one==1.0\n{expected.replace('PLACED', placed_at)}\ntwo==2.0\n"
    assert REWRITER.restore(rewritten, record) == content
    assert read(tmp_path, {"requirements.txt": rewritten, ".requirements.txt.cachi2ish.json": record}) == before


def test_an_address_whose_name_was_edited_away_is_left_as_it_is(tmp_path: Path) -> None:
    (text,) = read(tmp_path, f"-e {GIT}#egg=foo").texts
    rewritten, record = inject(text)
    edited = rewritten.replace("foo @", "bar @")
    assert REWRITER.restore(edited, record) == edited


def test_a_name_from_an_address_cannot_begin_a_line_of_its_own(tmp_path: Path) -> None:
    content = f"{GIT}#egg=foo[a%0A--index-url=x]"
    try:
        (text,) = read(tmp_path, content).texts
    except LockFileError:
        return
    assert inject(text)[0].count("\n") == 0


ARCHIVE, WHEEL = make_sdist("packed", "1.0"), make_wheel("wheeled", "1.0")


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_what_is_injected_is_read_by_pip_and_uv(installer: str, tmp_path: Path) -> None:
    deps = tmp_path / "deps" / "pip"
    deps.mkdir(parents=True)
    (deps / f"packed-url-sha256-{ARCHIVE.sha256}.tar.gz").write_bytes(ARCHIVE.content)
    (deps / f"packed-git-{COMMIT}.tar.gz").write_bytes(ARCHIVE.content)
    WHEEL.write(deps)
    lines = {
        "wheeled": f"https://files.example/{WHEEL.filename}#sha256={WHEEL.sha256}",
        "packed": f"https://files.example/packed-1.0.tar.gz#sha256={ARCHIVE.sha256}",
        "packed[x]": f"https://f.example/v1.tar.gz#egg=packed[x]&sha256={ARCHIVE.sha256}; os_name != 'nt'",
        "editable": f"-e {GIT}#egg=packed",
    }
    for line in lines.values():
        (text,) = read(tmp_path, line).texts
        files = [Placed(name_of_git(one), ARCHIVE.sha256) for one in text.direct if isinstance(one, Git)]
        urls = REWRITER.replacement_urls(text.text, files or placed(text))
        rewritten = REWRITER.substitute(text.text, [url.replace("${output_dir}", str(tmp_path)) for url in urls])
        (tmp_path / "rewritten.txt").write_text(rewritten)
        words = ("--dry-run", "--no-index", "--no-deps", "--require-hashes", "-r", str(tmp_path / "rewritten.txt"))
        if installer == "pip":
            found = pip("install", "--no-build-isolation", "--ignore-installed", *words)
        else:
            found = subprocess.run(
                [find_uv_bin(), "pip", "install", "--python", sys.executable, "--no-build-isolation", *words],
                env={
                    **os.environ,
                    "UV_OFFLINE": "1",
                    "UV_CACHE_DIR": str(tmp_path / "cache"),
                    "UV_NO_CONFIG": "1",
                },
                text=True,
                capture_output=True,
                check=False,
            )
        assert found.returncode == 0, (rewritten, found.stderr)
