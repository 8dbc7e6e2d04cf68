"""Texts made up by hypothesis: nothing crashes, and what is rewritten comes back."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from cachi2ish.core.requirements import Git, Purpose, Url
from cachi2ish.errors import Cachi2ishError, LockFileError, leaves
from cachi2ish.lockfiles.interface import Lock
from cachi2ish.lockfiles.pylock import PylockReader
from tests.lockfiles.injecting import OUTPUT, REWRITER, inject
from tests.lockfiles.reading import COMMIT, GIT, A, read
from tests.support.pylocks import EVERYTHING

HEADS = st.sampled_from(
    ["# note https://x.example/a.zip", "", "  ", "--pre", "pinned==1.0", "-i https://i.example/", "\t# \\"]
)
ADDRESSES = st.sampled_from(
    [
        f"https://files.example/NAME-1.0.zip#sha256={A}",
        f"HTTPS://files.example/a;b.zip#egg=NAME&sha256={A}",
        f"https://me:pw@files.example/x.tgz?q=1#egg=NAME&sha256={A}",
        f"{GIT}#egg=NAME",
        f"git+ssh://git@git.example/r@{COMMIT}#subdirectory=s&egg=NAME",
        f"https://files.example/${{UNSET}}/NAME-1.0.zip#sha256={A}",
    ]
)
ENDS = st.sampled_from(
    ["\n", "\r\n", " # why\n", " \\\n\n", "   \n", " \\\n  # comment \\\n", " ; os_name == 'nt'\n"]
)


@st.composite
def requirements_texts(draw: st.DrawFn) -> str:
    lines = []
    for number in range(draw(st.integers(0, 6))):
        lines.append(draw(HEADS) + draw(st.sampled_from(["\n", "\r\n"])))
        name = draw(st.sampled_from(["", "", "NAME @ ", "NAME@", "NAME [x,y] @\t", "  NAME @ \\\n"]))
        address = draw(ADDRESSES)
        if address.startswith("git+"):
            name = (
                draw(st.sampled_from(["-e ", "--editable=", "-e \\\n", "-eNAME@"]))
                if draw(st.booleans())
                else name
            )
        if draw(st.booleans()):
            cut = draw(st.integers(1, len(address) - 1))
            address = f"{address[:cut]}\\\n{address[cut:]}"
        lines.append((name + address).replace("NAME", f"n{number}") + draw(ENDS))
    return "".join(lines).rstrip() if draw(st.booleans()) else "".join(lines)


@given(requirements_texts())
@settings(max_examples=200)
def test_what_is_read_is_what_is_rewritten_and_comes_back(content: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            lock = read(Path(folder).resolve(), content)
        except Cachi2ishError:
            return  # an address that pip splits at its ";", a continuation that cuts a name in two
        for text in lock.texts:
            rewritten, record = inject(text)
            assert rewritten.count(f"file://{OUTPUT}/deps/pip/") == len(text.direct)
            assert REWRITER.restore(rewritten, record) == content
            again: dict[str, str | bytes] = {
                "requirements.txt": rewritten.encode(),
                ".requirements.txt.cachi2ish.json": record,
            }
            assert facts(read(Path(folder).resolve(), again)) == facts(lock)
            assert "pw@" not in REWRITER.redacted(content)


WORDS = st.sampled_from(
    [
        *[
            "foo",
            "==",
            "1.0",
            ">=2",
            "[x]",
            " ",
            "@",
            " @ ",
            ";",
            "os_name=='nt'",
            "\\\n",
            "\n",
            "\r",
            "#",
            "'",
            '"',
            "$",
        ],
        *[
            "https://",
            "git+https://",
            "git+ssh://",
            "file:///",
            "h.example/foo-1.0.zip",
            "me:pw@",
            "@main",
            f"@{COMMIT}",
        ],
        *[
            "#egg=",
            "&sha256=",
            "#subdirectory=",
            A,
            "--hash=sha256:",
            "--hash",
            " -r ",
            "a.txt",
            " -c ",
            "${VAR}",
            "-i ",
        ],
        *[
            "--no-binary",
            ":all:",
            "-e",
            "-e ",
            "--editable=",
            "./",
            "..",
            "%2F",
            "%",
            "[",
            "]",
            "(",
            ")",
            "\ufeff",
            "é",
            "\udc80",
            "\0",
            "\x1c",
            "*",
        ],
    ]
)


@given(st.lists(WORDS, max_size=20).map("".join), st.lists(WORDS, max_size=8).map("".join))
@settings(max_examples=300)
def test_any_text_is_a_lock_or_an_error_of_this_program(content: str, nested: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = {
            name: text.encode("utf-8", "surrogateescape")
            for name, text in (("requirements.txt", content), ("a.txt", nested))
        }
        try:
            lock = read(Path(folder).resolve(), files, environ={"VAR": nested.replace("\0", "")})
        except Cachi2ishError:
            return
        for text in lock.texts:
            rewritten, record = inject(text)
            assert REWRITER.restore(rewritten, record) == text.text


@given(st.lists(WORDS, max_size=30).map("".join))
def test_any_text_can_be_redacted_and_restored(text: str) -> None:
    REWRITER.redacted(text)
    REWRITER.restore(text, '{"replaced": []}')


def facts(lock: Lock) -> list[tuple[str, str | None, tuple[str, ...], str]]:
    return [
        (
            str(found),
            found.marker,
            found.extras,
            found.url.with_credentials if isinstance(found, (Url, Git)) else "",
        )
        for found in lock.requirements
    ]


#: What is between two of these is exchanged: keys, values, quotation marks, brackets.
PIECES = re.split(r"([\s\[\]{}=,\"'.:/-]+)", EVERYTHING)


@given(st.data())
def test_a_pylock_that_was_changed_anywhere_is_read_or_refused_with_a_place(data: st.DataObject) -> None:
    pieces = list(PIECES)
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(pieces) - 1))
        other = st.one_of(
            st.sampled_from(PIECES),
            st.text(max_size=6),
            st.sampled_from(
                ["0001-01-01T00:00:00+10:00", "9" * 5000, "-1", "true", '"' * 3, "[[packages]]", ".."]
            ),
        )
        pieces[position] = data.draw(other)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "pylock.toml").write_bytes("".join(pieces).encode("utf-8", "surrogatepass"))
        try:
            lock = PylockReader().read(Path(folder), "pylock.toml", Purpose.RUNTIME, {})
        except Cachi2ishError as error:
            for one in leaves(error):
                assert isinstance(one, LockFileError)
                assert one.origin is not None
                assert one.origin.file == "pylock.toml"
                assert one.hint
        else:
            assert lock.require_hashes
