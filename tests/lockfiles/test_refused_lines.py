"""Lines that are refused: each with its place, its reason and a way out, and never a credential."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from uv import find_uv_bin

from cachi2ish.errors import LockFileError
from cachi2ish.exit_codes import ExitCode
from cachi2ish.lockfiles.pip.foreign_options import hint_for
from cachi2ish.lockfiles.pip.whole_grammar import _option_parser
from tests.lockfiles.reading import COMMIT, GIT, HASH_A, HASH_B, ZIP, A, errors_of

# line, a part of the problem, a part of the hint
REFUSED = [
    # not one version
    ("foo", "foo is not pinned: it names no version", "pip-compile"),
    ("foo[x]", "names no version", "uv pip compile"),
    ("foo>=1.0", "foo>=1.0 is not pinned: it is a range", "name==version"),
    ("foo~=1.0", "range of versions", "name==version"),
    ("foo!=1.0", "range of versions", "name==version"),
    ("foo==1.*", "a wildcard stands for many versions", "name==version"),
    ("foo==1.0.*,>1", "a wildcard", "name==version"),
    (f"foo=={'9' * 5000}", "contradicts itself", "one exact version"),
    ("foo==1.0,==2.0", "contradicts itself", "one exact version"),
    ("foo==1.0,>=2.0", "contradicts itself", "one exact version"),
    ("foo===odd,>=2.0", "contradicts itself", "one exact version"),
    ("foo==${UNSET}", "no valid requirement", "set the variable UNSET"),
    # not a requirement
    ("foo=1.0", "no valid requirement", "two equals signs"),
    ("foo==1.0[x]", "no valid requirement", ""),
    ("foo bar", "no valid requirement", "name==version"),
    ("foo==1.0 ; python_version", "no valid requirement", ""),
    ("foo; " + "(" * 5000, "no valid requirement", ""),
    ("==1.0", "no valid requirement", ""),
    ("foo==1.0 ; $(rm)", "no valid requirement", ""),
    ("x" * 200_000, "is not pinned", ""),
    ("[" * 1_000_000, "more than 1000 brackets", "name==version"),
    # digests
    ("foo==1.0 --hash=sha256:abc", "64 hexadecimal digits, not 3", "--hash=sha256"),
    ("foo==1.0 --hash=sha257:" + A, "not a hash algorithm", "--hash=sha256"),
    ("foo==1.0 --hash=sha256:" + "z" * 64, "not hexadecimal", "--hash=sha256"),
    ("foo==1.0 --hash=" + A, "names no algorithm", "--hash=sha256"),
    ("foo==1.0 --hash=sha256=" + A, "names no algorithm", "--hash=sha256"),
    ("foo==1.0 --hash=md5:" + "a" * 32, "only md5 hashes, which prove nothing", "--generate-hashes"),
    ("--require-hashes\nfoo==1.0", "has no hash, and hash-checking mode is on", "--generate-hashes"),
    ("--hash=sha256:" + A, "a line without a requirement", "behind its requirement"),
    (f"foo==1.0 {HASH_A} ; python_version < '3'", "where pip ignores it", "markers before the options"),
    (f"--no-require-hashes\n--require-hashes\nfoo==1 {HASH_A}", "contradicts --require-hashes", "remove one"),
    # addresses
    (f"foo @ {ZIP}", "states no digest", "--hash=sha256"),
    (f"foo @ {ZIP} {HASH_A} {HASH_B}", "2 different digests", "exactly one --hash"),
    (f"foo @ {ZIP}#sha256={A} {HASH_B}", "2 different digests", "exactly one --hash"),
    (f"foo @ {ZIP}#sha1={'a' * 40}", "only sha1, which proves nothing", "sha256"),
    (f"foo @ {ZIP}#sha256=abc", "digest in the address cannot be used", "#sha256="),
    (f"foo @ https://h.example/foo.exe {HASH_A}", "no wheel and no archive", ".tar.gz"),
    (f"foo @ https://h.example/ {HASH_A}", "cannot be a file name", ""),
    (f"foo @ https://h.example/..%2Ffoo.zip {HASH_A}", "cannot be a file name", ""),
    (f"foo @ https://h.example/bar-1.0-py3-none-any.whl {HASH_A}", "no wheel of foo", "correct the name"),
    (f"https://h.example/main.zip {HASH_A}", "does not say which project", "name @ address"),
    (f"https://h.example/main.zip#egg=foo==1.0 {HASH_A}", "is no project name", "name @ address"),
    (f"https://h.example/odd.whl {HASH_A}", "no valid requirement", ""),
    (f"foo @ {ZIP}#subdirectory=../x&sha256={A}", "leads out of the archive", "a folder inside"),
    (f"foo @ https://h.example:port/foo.zip {HASH_A}", "no valid URL", "percent-encode"),
    (f"foo @ https:///foo.zip {HASH_A}", "only http, https and git", "https://"),
    (f"foo @ ftp://h.example/foo.zip {HASH_A}", "only http, https and git", "https://"),
    (f"foo @ ${{UNSET}} {HASH_A}", "cannot be prefetched", ""),
    (f"https://h.example/a b-1.zip {HASH_A}", "no valid URL", "%20"),
    (f"${{WHOLE}} {HASH_A}", "a variable holds more than a part", "inside the address only"),
    (f"foo @ ${{REST}} {HASH_A}", "a variable holds more than a part", "inside the address only"),
    ("s3://bucket/foo-1.0.zip", "only http, https and git addresses can be fetched, not s3", "https address"),
    (f"foo @ s3://bucket/foo-1.0.zip {HASH_A}", "can be fetched, not s3", "https address"),
    (f"foo @ GS://bucket/foo-1.0.zip {HASH_A}", "can be fetched, not gs", "https address"),
    (f"foo @ https://h.example:team/foo-1.0.zip {HASH_A}", "stands no port", "https://host:port/path"),
    (f"https://h.example:99999/foo-1.0.zip {HASH_A}", "stands no port", "https://host:port/path"),
    (f"foo @ files.example/foo-1.0.zip {HASH_A}", "the address has no scheme", "write https://"),
    # git
    (f"foo @ git+ssh://git@git.example:team/foo.git@{COMMIT}", "stands no port", "write a slash in its place"),
    (f"-e git+ssh://git@git.example:team/foo.git@{COMMIT}#egg=foo", "stands no port", "git+ssh://git@host/team"),
    (f"git+https://git.example:team/foo.git@{COMMIT}#egg=foo", "stands no port", "write a slash in its place"),
    ("foo @ git@git.example:team/foo.git", "scp-like", "git+ssh://"),
    ("git@git.example:team/foo.git", "scp-like", "git+ssh://"),
    ("foo @ ssh://git@git.example/foo.git", "git is not read over ssh", "git+ssh://"),
    ("foo @ git+https://git.example/repo", "names no commit", "git ls-remote"),
    ("foo @ git+https://git.example/repo@", "names no commit", "git ls-remote"),
    ("foo @ git+https://git.example/repo@main", "'main', a branch or tag", "full commit"),
    ("foo @ git+https://git.example/repo@abc1234", "7 digits instead of 40", "full commit"),
    ("foo @ git+https://git.example/repo@" + "a" * 64, "64 digits instead of 40", "full commit"),
    (f"{GIT}", "does not say which project", "name @ address"),
    (f"foo @ {GIT} {HASH_A}", "a digest, which a git requirement cannot have", "remove the hash"),
    (f"foo @ {GIT}#sha256={A}", "a digest, which a git requirement cannot have", "remove the hash"),
    (f"foo @ git+git://git.example/repo@{COMMIT}", "git is not read over git+git", "git+https"),
    (f"foo @ git+git@git.example:org/repo@{COMMIT}", "scp-like", "git+ssh://"),
    (f"git+git@git.example:org/repo@{COMMIT}#egg=foo", "scp-like", "git+ssh://"),
    (f"git://git.example/repo@{COMMIT}", "git is not read over git", "git+https"),
    (f"foo @ git+ssh://-oProxyCommand=x/repo@{COMMIT}", "names no host", "git+https"),
    (f"foo @ git+https:///repo@{COMMIT}", "names no host", "git+https"),
    (f"foo @ hg+https://h.example/repo@{COMMIT}", "only git is supported", "released archive"),
    ("svn+https://h.example/repo@1#egg=foo", "only git is supported", "released archive"),
    ("bzr+https://h.example/repo#egg=foo", "only git is supported", "released archive"),
    # this machine's files
    ("./foo", "a local path cannot be prefetched", "package of the input"),
    ("../foo", "a local path", "package of the input"),
    (".", "a local path", "package of the input"),
    ("/abs/foo", "a local path", "package of the input"),
    ("foo-1.0.tar.gz", "a local path", "package of the input"),
    ("foo-1.0-py3-none-any.whl", "a local path", "package of the input"),
    ("file:///srv/foo-1.0.zip#egg=foo", "a file: URL stands for a file of this machine", "https address"),
    ("foo @ file:///out/deps/pip/foo.zip", "a file: URL", "https address"),
    ("-e .", "editable", "package of the input"),
    ("-e git@git.example:org/repo#egg=foo", "editable", "git+https"),
    (f"-e {GIT}", "does not say which project", "append #egg=name"),
    ("-e git+https://git.example/repo#egg=foo", "names no commit", "git ls-remote"),
    ("--editable=git+https://git.example/repo@main#egg=foo", "'main', a branch or tag", "full commit"),
    (f"-e svn+https://h.example/r@{COMMIT}#egg=foo", "only git is supported", "released archive"),
    (f"-e {GIT}#egg=foo {HASH_A}", "a digest, which a git requirement cannot have", "remove the hash"),
    (f"-e {GIT}#egg=foo -e {GIT}#egg=bar", "--editable stands on the line", "a line of its own"),
    (f"-e {GIT}#egg=foo ; os_name == 'nt'", "stands behind an option, where pip ignores it", "markers before"),
    ("-f links", "--find-links", "--extra-index-url"),
    ("--find-links=https://h.example/links", "--find-links", "--extra-index-url"),
    ("--no-index", "--no-index forbids", "generate-env"),
    # options
    ("--hsah=sha256:abc", "--hsah is no option", "--hash"),
    ("--index_url=https://h.example/", "--index_url is no option", "--index-url"),
    ("--requirements other.txt", "--requirements is no option", "--requirement"),
    ("--no-deps", "--no-deps is no option", "remove it: exactly what is pinned is fetched"),
    ("--build-constraint c.txt", "--build-constraint is no option", "requirements-build.txt"),
    ("--default-index https://h.example/", "--default-index is no option", "write --index-url"),
    ("--use-wheel", "--use-wheel is no option", "allow_binary"),
    ("--exclude-newer 2024-01-01", "--exclude-newer is no option", "give the date with --index-date"),
    ("--platform win_amd64", "--platform is no option", '"targets"'),
    ("-Z", "-Z is no option", "remove it"),
    ("--index-url", "requires 1 argument", ""),
    ("--pre=yes", "does not take a value", ""),
    ("--re other.txt", "ambiguous option", ""),
    ("--index-url 'https://h.example/", "quotation mark", "close"),
    ("-i ftp://h.example/", "does not name an http or https address", "https://"),
    ("--extra-index-url ${UNSET}", "does not name an http or https address", "${VARIABLE}"),
    ("--trusted-host https://h.example/", "does not name a host", "host or host:port"),
    ("--trusted-host h.example:port", "does not name a host", "host or host:port"),
    ("--trusted-host ${UNSET}", "does not name a host", "host or host:port"),
    ("--no-binary ,", "needs project names", "name1,name2"),
    ("--no-binary --pre", "needs project names", "name1,name2"),
    (
        "foo==1.0 --index-url https://h.example/",
        "--index-url stands on the line of a requirement",
        "a line of its own",
    ),
    ("foo==1.0 --pre", "--pre stands on the line of a requirement", "a line of its own"),
    ("--pre foo==1.0", "'foo==1.0' stands behind an option", "a line of its own"),
    ("foo==1.0 -r other.txt", "--requirement stands on the line", "a line of its own"),
    ("-r a.txt -r b.txt", "shares its line", "a line of its own"),
    ("-r a.txt --pre", "shares its line", "a line of its own"),
    # files
    ("-r missing.txt", "missing.txt does not exist", "relative to the file that names it"),
    ("-c missing.txt", "missing.txt does not exist", "relative to the file that names it"),
    ("-r .", "is a directory", "name the file"),
    ("-r https://h.example/r.txt", "only files of the source directory", "store a copy"),
    ("-c file:///srv/c.txt", "only files of the source directory", "store a copy"),
    ("-r ../outside.txt", "outside the source directory", "copy it"),
    ("-r /etc/hostname", "outside the source directory", "copy it"),
    ("-r requirements.txt", "in a circle: requirements.txt → requirements.txt", "remove"),
    # the same project twice
    ("foo==1.0\nfoo==2.0", "foo==2.0 contradicts foo==1.0 at requirements.txt:1", "environment marker"),
    ("Foo.x==1.0\nfoo_X==1.1", "contradicts", "environment marker"),
    (f"foo==1.0 {HASH_A}\nfoo @ {ZIP} {HASH_A}", "foo @ URL contradicts foo==1.0", "environment marker"),
    (f"foo @ {ZIP} {HASH_A}\nfoo @ {ZIP} {HASH_B}", "foo @ URL contradicts foo @ URL", "environment marker"),
    ("foo==1; os_name=='nt'\nfoo==2; os_name=='nt'", "contradicts", "environment marker"),
    (f"foo==1 {HASH_A}\nfoo==1 {HASH_B}", "no hash of foo is also one of those", "same hashes"),
    ("foo==1\nfoo>=2", "contradicts foo>=2", "admit the same version"),
]


@pytest.mark.parametrize(("line", "problem", "hint"), REFUSED, ids=lambda value: value[:40])
def test_a_line_is_refused_with_reason_and_way_out(line: str, problem: str, hint: str, tmp_path: Path) -> None:
    environ = {"WHOLE": f"foo @ {ZIP}", "REST": f"{ZIP} ; os_name == 'nt'"}
    (error,) = errors_of(
        tmp_path, f"# the first line\n\n{line}\n".replace("requirements.txt:1", ""), environ=environ
    )
    assert isinstance(error, LockFileError)
    assert error.exit_code is ExitCode.LOCKFILE
    assert problem.replace("requirements.txt:1", "requirements.txt:3") in error.problem
    assert hint in (error.hint or "")
    assert error.origin is not None
    assert error.origin.file == "requirements.txt"
    assert error.origin.line is not None
    assert error.origin.line >= 3
    assert not error.problem.endswith(".")
    assert len(str(error)) < 400 or line.startswith("x")


def test_all_errors_of_a_closure_arrive_together_in_order(tmp_path: Path) -> None:
    found = errors_of(
        tmp_path,
        {
            "requirements.txt": "foo\n-r more.txt\n--find-links x\nok==1\n./path\n",
            "more.txt": "bar>=1\n-r missing.txt\n--hsah\n",
        },
    )
    assert sorted(str(error.origin) for error in found) == [
        "more.txt:1",
        "more.txt:2",
        "more.txt:3",
        "requirements.txt:1",
        "requirements.txt:3",
        "requirements.txt:5",
    ]


SECRET = "hunter22"

LEAKY = [
    f"foo @ https://me:{SECRET}@h.example/foo.zip",
    f"foo @ https://me:{SECRET}@h.example/foo.exe {HASH_A}",
    f"https://me:{SECRET}@h.example/main.zip {HASH_A}",
    f"foo @ git+https://{SECRET}@git.example/repo",
    f"git+https://me:{SECRET}@git.example/repo@{COMMIT}",
    f"--index-url=https://me:{SECRET}@h.example/ --wrong",
    f"-i ftp://me:{SECRET}@h.example/",
    f"-r https://me:{SECRET}@h.example/r.txt",
    f"-r ftp://me:{SECRET}@h.example/r.txt",
    f"--find-links https://me:{SECRET}@h.example/",
    f"-e git+https://me:{SECRET}@git.example/repo@{COMMIT}",
    f"https://me:{SECRET}",
    f"git+https://me:{SECRET}/x@git.example/repo@{COMMIT}#egg=foo",
    f"foo @ https://me:{SECRET}?x@h.example/foo.zip",
    f"foo @ s3://me:{SECRET}@bucket/foo.zip",
    f"-e git@h.example:{SECRET}@x/y",
    f"https://me:{SECRET}/x@h.example/foo.zip {HASH_A}",
    f"foo @ svn+https://me:{SECRET}@h.example/r",
    f"foo @ https://h.example/foo.exe?token={SECRET}",
    f"foo bar https://me:{SECRET}@h.example/foo.zip",
    f"foo==1.0 https://me:{SECRET}@h.example/",
    f"foo==1.0 --hash=sha256:{A} https://me:{SECRET}@h.example/",
    "foo @ https://me:${PASSWORD}@h.example/foo.exe",
    "foo @ https://h.example/${PASSWORD} " + HASH_A,
    "foo @ git+https://h.example/repo@${PASSWORD}",
    "foo @ https://h.example/foo.zip#sha256=${PASSWORD}",
    "foo @ https://h.example/foo.zip#subdirectory=../${PASSWORD}&sha256=" + A,
    "--index-url${PASSWORD} x",
    "--${PASSWORD}",
    "--pre ${PASSWORD}",
    "--pre ${SPLIT}",
    "foo==1.0 --hash=${PASSWORD}",
    "foo==1.0 --hash=sha256:${PASSWORD}",
    "${PASSWORD} nonsense",
    "./${PASSWORD}",
    "-r ${PASSWORD}",
    "-i ${PASSWORD}",
    "--trusted-host me:${PASSWORD}@h.example",
    "foo ${SPLIT}",
]


@pytest.mark.parametrize("line", LEAKY)
def test_no_message_shows_a_credential(line: str, tmp_path: Path) -> None:
    environ = {"PASSWORD": SECRET, "SPLIT": f"a {SECRET} b"}
    for error in errors_of(tmp_path, line, environ=environ):
        assert SECRET not in f"{error} {error.hint} {error!r} {error.__cause__}"


def test_no_option_of_pip_or_uv_is_taken_for_a_typing_error() -> None:
    pip, uv = (sys.executable, "-m", "pip"), (find_uv_bin(), "pip")
    commands: list[tuple[str, ...]] = [(*pip, name) for name in ("install", "download", "lock")]
    commands += [(*uv, name) for name in ("compile", "install", "sync")]
    wide = {**os.environ, "COLUMNS": "500"}
    texts = [subprocess.check_output((*command, "--help"), env=wide, text=True) for command in commands]
    options = {name for text in texts for name in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+[a-z0-9]", text)}
    known = set(_option_parser()._long_opt)
    assert len(options - known) > 100
    assert [name for name in options - known if hint_for(name, known).startswith("did you mean")] == []
