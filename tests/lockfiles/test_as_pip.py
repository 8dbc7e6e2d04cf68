"""The same text through this reader and through the pip that is installed beside it."""

from __future__ import annotations

import io
import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from pip._internal.models.format_control import FormatControl as PipFormatControl
from pip._internal.req import req_file

from cachi2ish.errors import LockFileError, Origin
from cachi2ish.lockfiles.pip.lines import decode, encode, logical_lines
from cachi2ish.lockfiles.pip.pip_options import (
    Option,
    OptionCollector,
    PipLineParser,
    RequirementLine,
    UnreadableLineError,
)
from cachi2ish.lockfiles.pip.tokens import expand, split_arguments
from cachi2ish.lockfiles.pip.whole_grammar import LibraryParser, _words

ENVIRON = {"TOKEN": "s3cret", "EMPTY": "", "NESTED": "${TOKEN}", "A_1": "x"}

FRAGMENTS = st.sampled_from(
    [
        *[
            "foo==1.0",
            " ",
            "  ",
            "\t",
            "\\",
            "\\\\",
            "#",
            " # ",
            "# note",
            "\n",
            "\r\n",
            "\r",
            "\x0c",
            "\x85",
            "\u2028",
        ],
        *[
            "${TOKEN}",
            "${EMPTY}",
            "${NESTED}",
            "${UNSET}",
            "${lower}",
            "$TOKEN",
            "${A_1}",
            "\ufeff",
            "é",
            "\x1c",
            "\xa0",
        ],
        *[
            "--hash=sha256:ab",
            "https://h.example/a#egg=b",
            "; python_version < '3'",
            "\\\n",
            " \\\n    ",
            "#\\\n",
            '"',
        ],
    ]
)
TEXTS = st.lists(FRAGMENTS, max_size=25).map("".join)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNSET", raising=False)
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)


@given(TEXTS.filter(lambda text: not text.startswith("\ufeff")))
def test_logical_lines_and_their_numbers_are_those_of_pip(text: str) -> None:
    ours = [(line.number, expand(line.text, ENVIRON)) for line in logical_lines(text)]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRON.items():
            patch.setenv(name, value)
        assert ours == list(req_file.preprocess(text))


@given(TEXTS)
def test_every_character_of_a_logical_line_knows_its_place_in_the_file(text: str) -> None:
    for line in logical_lines(text):
        for position, character in enumerate(line.text):
            start, end = line.source_span(position, position + 1)
            assert text[start:end] == character


@pytest.mark.parametrize(
    "text",
    [
        "foo==1.0 # a comment that ends in a backslash \\\nbar==2.0\n",
        "# a comment that ends in a backslash \\\nbar==2.0\n",
        "foo==1.0 \\\n# a comment inside\nbar==2.0\n",
        "foo==1.0 \\",
        "foo==1.0\\\n\\\n\\\n  --hash=sha256:ab",
        "\\# not a comment\\\n",
        "https://h.example/a\\\n#egg=b",
    ],
)
def test_awkward_continuations_are_read_as_pip_reads_them(text: str) -> None:
    assert [(line.number, line.text) for line in logical_lines(text)] == list(req_file.preprocess(text))


@pytest.mark.parametrize(
    "content",
    [
        b"foo==1.0\n",
        b"\xef\xbb\xbffoo==1.0\n",
        *("foo==1.0 # é\n".encode(encoding) for encoding in ("utf-16", "utf-32", "utf-8-sig")),
        b"\xfe\xff" + "foo==1.0 # é\n".encode("utf-16-be"),
        "# -*- coding: latin-1 -*-\nfoo==1.0 # é\n".encode("latin-1"),
        "\n# vim: set fileencoding=cp1252 :\nfoo==1.0 # €\n".encode("cp1252"),
        "\n\n# coding: latin-1 (too late)\nfoo==1.0 # é\n".encode(),
    ],
)
def test_a_file_is_decoded_as_pip_decodes_it(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_bytes(content)
    _, theirs = req_file.get_file_content(str(path), None)  # type: ignore[arg-type]
    decoded = decode(content, "requirements.txt")
    assert [line.text for line in logical_lines(decoded.text)] == [line for _, line in req_file.preprocess(theirs)]
    assert encode(decoded.text, decoded.encoding) == content


def _hashes(line: RequirementLine) -> list[str]:
    """Return those that have been read, and those that have not."""
    return sorted({*line.hashes, *map(str, line.digests)})


LINES = [
    "foo==1.0",
    f"foo==1.0 --hash=sha256:{'a' * 64}",
    f"foo==1.0 --hash sha256:{'a' * 64} --hash 'sha512:{'b' * 128}'",
    "foo==1.0 ; python_version < '3.9' --config-settings=a=b -C c=d",
    "foo [a,b] == 1.0",
    "foo @ https://h.example/foo.zip#egg=foo ; python_version < '3'",
    "https://h.example/foo.zip ; python_version < '3'",
    "-i https://h.example/",
    "-ihttps://h.example/",
    "--index-url=https://h.example/",
    "--pypi-url 'https://h.example/ with a space'",
    "--index 'https://h.example/'",
    '--extra-index-url "https://h.example/"',
    "--pre --prefer-binary",
    "-r other.txt",
    "-cother.txt",
    "--require-hashes",
    "--no-require-hashes",
    "--no-index --find-links links",
    "-e .",
    "--trusted-host h.example:8080",
    "--all-releases :all:",
    "--only-final foo",
]


@pytest.mark.parametrize("line", LINES)
def test_what_is_accepted_says_the_same_to_pip(line: str) -> None:
    arguments, options = req_file.get_line_parser(None)(line)
    ours = PipLineParser().parse(line)
    if isinstance(ours, RequirementLine):
        assert arguments == split_arguments(line)[0]
        theirs = [f"{name}:{value}" for name, values in (options.hashes or {}).items() for value in values]
        assert _hashes(ours) == sorted(theirs)
    else:
        assert not arguments
        stated = {option.name: option.value for option in ours}
        assert stated.get("--index-url", "") == (options.index_url or "")
        assert [value for name, value in stated.items() if name == "--extra-index-url"] == options.extra_index_urls
        assert ("--requirement" in stated) == bool(options.requirements)
        assert ("--require-hashes" in stated) == bool(options.require_hashes)


PLAIN = [
    "foo==1.0",
    "Foo.bar_x==1.0rc1",
    f"foo==1.0 --hash=sha256:{'a' * 64} --hash=sha256:{'b' * 64}",
    f"foo==1.0.post2 ; python_version<'3.9' and os_name != \"nt\" --hash=sha256:{'a' * 64}",
    "--index-url https://h.example/simple/",
    "--extra-index-url=https://h.example/simple/?a=b",
]


@pytest.mark.parametrize("line", PLAIN)
def test_what_tools_write_is_read_without_the_library(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = _said(LibraryParser(), line)
    monkeypatch.setattr(LibraryParser, "parse", None)
    assert _said(PipLineParser(), line) == expected


PIECES = st.lists(
    st.sampled_from(
        [
            *(
                "foo",
                "F-o.o_",
                "-foo",
                "==",
                "===",
                "=",
                "1.0",
                "01.0",
                "1.0a1",
                "1.0.dev1",
                "1!2",
                "1.*",
                "v1",
                " ",
            ),
            *(
                ";",
                " ; ",
                "os_name == 'nt'",
                "extra == 'a'",
                'python_version<"3"',
                "and",
                "(",
                ")",
                "\t",
                "  ",
                "[x]",
            ),
            *(
                f" --hash=sha256:{'a' * 64}",
                " --hash=sha256:ab",
                f" --hash=md5:{'a' * 32}",
                " --pre",
                "é",
                "#",
                "\\",
                ",",
            ),
            *(
                "--index-url",
                "--extra-index-url",
                "--index",
                "https://h.example/",
                "'",
                "-i ",
                "@ https://h.example/foo.zip",
            ),
        ]
    ),
    max_size=7,
).map("".join)


def _said(parser: PipLineParser | LibraryParser, line: str) -> object:
    try:
        said = parser.parse(line)
    except UnreadableLineError as error:
        return str(error), error.hint
    if isinstance(said, RequirementLine):
        return replace(said, hashes=tuple(_hashes(said)), digests=frozenset())
    return said


@given(PIECES | st.tuples(st.sampled_from(PLAIN), PIECES).map("".join))
def test_every_line_says_the_same_to_the_library(line: str) -> None:
    assert _said(PipLineParser(), line) == _said(LibraryParser(), line)


@pytest.mark.parametrize(
    "line",
    ["--requirements other.txt", "--hsah=1", "-Z", "--allow-external x", "--index-url", "--pre=x", "-r 'open"],
)
def test_what_pip_refuses_is_refused(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(req_file.OptionParsingError):
        req_file.get_line_parser(None)(line)
    capsys.readouterr()
    with pytest.raises(UnreadableLineError):
        PipLineParser().parse(line)
    assert capsys.readouterr() == ("", "")


SELECTIONS = st.lists(
    st.tuples(
        st.sampled_from(["--no-binary", "--only-binary"]),
        st.lists(st.sampled_from([":all:", ":none:", "Foo", "foo", "bar_x", "bar-x"]), min_size=1, max_size=3),
    ),
    max_size=6,
)


@given(SELECTIONS)
def test_no_binary_and_only_binary_act_on_each_other_as_in_pip(selections: list[tuple[str, list[str]]]) -> None:
    ours, theirs = OptionCollector(), PipFormatControl()
    sets: dict[str, tuple[Any, Any]] = {
        "--no-binary": (theirs.no_binary, theirs.only_binary),
        "--only-binary": (theirs.only_binary, theirs.no_binary),
    }
    for name, values in selections:
        assert not list(ours.take([Option(name, ",".join(values))], Origin("r.txt", 1)))
        PipFormatControl.handle_mutual_excludes(",".join(values), *sets[name])
    assert ours.formats.no_binary == theirs.no_binary
    assert ours.formats.only_binary == theirs.only_binary
    for project in ("foo", "bar-x", "other"):
        allowed = theirs.get_allowed_formats(project)
        words = {"sdists": "source", "wheels": "binary"}
        assert {words[word] for word in ours.formats.permits(project).value.split(" and ")} == allowed


@given(st.text(alphabet=" \t\r\n\x0c\xa0-=ab#$;|", max_size=12))
def test_options_without_quotes_are_split_as_a_shell_would(text: str) -> None:
    assert _words(text) == shlex.split(text)


def test_a_line_of_a_million_spaces_is_read_at_once() -> None:
    text = "foo==1.0" + " " * 1_000_000 + "\\\n" + " " * 1_000_000 + "x"
    assert [line.number for line in logical_lines(text)] == [1]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"foo==1.0 # \xff\n", "not utf-8 text"),
        (b"# coding: klingon\nfoo==1.0\n", "'klingon' is not a text encoding"),
        (b"# coding: rot13\nfoo==1.0\n", "is not a text encoding"),
        (b"# coding: hex\nfoo==1.0\n", "is not a text encoding"),
        (b"foo==1.0\n\0\n", "NUL character"),
        ("foo==1.0\n".encode("utf-16-le"), "NUL character"),
        (b"# coding: utf-7\nfoo==1.0 # +AGEAYg-\n", "could not be kept"),
        (b"# coding: undefined\nfoo\n", "not undefined text"),
        (b"\xff\xfe\x00", "not utf-16-le text"),
    ],
)
def test_bytes_that_are_no_text_are_refused(content: bytes, problem: str) -> None:
    with pytest.raises(LockFileError, match=problem) as caught:
        decode(content, "requirements.txt")
    assert caught.value.origin is not None
    assert caught.value.hint


@given(st.binary(max_size=60))
def test_any_bytes_are_text_or_a_lock_file_error(content: bytes) -> None:
    try:
        decoded = decode(content, "requirements.txt")
    except LockFileError:
        return
    assert io.BytesIO(encode(decoded.text, decoded.encoding)).read() == content
