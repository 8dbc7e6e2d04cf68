"""Requirements files and all that they include, as pip has them, and ``pylock.toml``."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from cachi2ish.core.requirements import Pinned, Purpose
from cachi2ish.lockfiles.interface import Lock
from cachi2ish.lockfiles.pip.requirements_reader import PipRequirementsReader
from cachi2ish.lockfiles.pylock import PylockReader
from tests.fuzz.campaign import fuzzed
from tests.fuzz.guards import each_error
from tests.fuzz.mutating import bytes_like, files_like, write
from tests.lockfiles.injecting import REWRITER, inject
from tests.lockfiles.reading import COMMIT, GIT, HASH_A, HASH_B, A
from tests.support.pylocks import EVERYTHING

ENVIRON = {"TOKEN": "s3cret", "EMPTY": "", "NESTED": "${TOKEN}"}

REQUIREMENTS = (
    f"""\
# what a release needs
--index-url https://me:${{TOKEN}}@index.example/simple/
--extra-index-url https://other.example/simple --trusted-host other.example:8443
--no-binary :all: --only-binary one,two
--require-hashes
-r nested.txt
-c constraints.txt
one==1.0 \\
    {HASH_A} \\
    {HASH_B}
Two[x,y] == 2.0.post1 ; python_version < "3.12" and sys_platform != 'win32' {HASH_A}
three @ https://files.example/three-3.0.zip#sha256={A}
https://me:pw@files.example/four-4.0.tar.gz?q=1#egg=four&sha256={A}  # why
five @ {GIT}#subdirectory=sub
-e {GIT}#egg=six
""",
    f"seven===7.0+local; extra == 'x'\r\neight==8.* {HASH_A}\r\n\t\\\r\nnine == 9.0 --hash=sha512:{'a' * 128}\r\n",
    'version = 1\nrequires-python = ">=3.9"\n\n[[package]]\nname = "one"\nversion = "1.0"\n',
    '{\n    "_meta": {"hash": {"sha256": "x"}, "pipfile-spec": 6},\n    "default": {}\n}\n',
    "# -*- coding: latin-1 -*-\n./folder\n-i\nhttps://h.example/\n--pre\n--find-links .\n",
)
NESTED = ("ten==10.0\n-r requirements.txt\n", "-r ../outside.txt\n-c nested.txt\n-r https://h.example/r.txt\n")
CONSTRAINTS = ("one==1.0\ntwo<3\nthree[x]==3\n", f"one @ https://files.example/one.zip#sha256={A}\n")
RECORDS = (
    '{"version": 1, "replaced": [{"placed": "three-3.0.zip", "original": "https://files.example/three-3.0.zip"}]}',
)
WORDS = (
    *(
        "--hash=sha256:",
        "--hash",
        A,
        "#egg=",
        "&sha256=",
        "#subdirectory=",
        "-e ",
        "-r ",
        "-c ",
        "-i ",
        "\\\n",
        " ;",
        " @ ",
    ),
    *(
        "${TOKEN}",
        "${NESTED}",
        "${UNSET}",
        "git+ssh://",
        f"@{COMMIT}",
        "file:///",
        "===",
        "~=",
        "[x]",
        ":all:",
        "#",
    ),
    *(
        "python_version",
        "extra ==",
        " and ",
        " or ",
        "(",
        ")",
        " in ",
        "'3.9'",
        "\x0c",
        "\x85",
        "\u2028",
        "--index-url=",
    ),
)
FILES = {
    "requirements.txt": REQUIREMENTS,
    "nested.txt": NESTED,
    "constraints.txt": CONSTRAINTS,
    ".requirements.txt.cachi2ish.json": RECORDS,
}


@fuzzed(files=files_like(FILES, WORDS))
def test_requirements_files(files: dict[str, bytes], room: Path) -> None:
    write(room, files)
    lock = read_requirements(room)
    for text in lock.texts:
        rewritten, record = inject(text)
        assert REWRITER.restore(rewritten, record) == text.text
        REWRITER.redacted(text.text)


def read_requirements(room: Path) -> Lock:
    with each_error(lambda one: one.origin is not None and "s3cret" not in f"{one} {one.hint}"):
        lock = PipRequirementsReader().read(room, "requirements.txt", Purpose.RUNTIME, ENVIRON)
    assert "s3cret" not in str(lock.notes + lock.warnings)
    return lock


NAMES = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,6}[A-Za-z0-9])?", fullmatch=True)
BLANKS = st.sampled_from(["", "", " ", "  ", "\t"])
EXTRAS = st.just("") | st.lists(NAMES, max_size=2).map(lambda names: f"[{', '.join(names)}]")
VERSIONS = st.sampled_from(
    ["1.0", "1", "1.0.0", "2024.1rc1", "1!2.0", "1.0.post1", "1.0+cpu", "1.0.dev3", "V1.0", "01.0"]
)
MARKERS = st.sampled_from(
    [
        *("", "; os_name == 'nt'", ';python_version<"3.8"', " ; 'linux' in sys_platform", "; (extra == 'x')"),
        *(
            "; python_full_version >= '3.11.2' and (os_name == 'nt' or os_name == 'posix')",
            "; implementation_name=='x'",
        ),
    ]
)


@st.composite
def pins(draw: st.DrawFn) -> str:
    equal = f"{draw(BLANKS)}=={draw(BLANKS)}"
    return f"{draw(NAMES)}{draw(BLANKS)}{draw(EXTRAS)}{equal}{draw(VERSIONS)}{draw(BLANKS)}{draw(MARKERS)}"


@fuzzed(line=pins())
def test_a_pin_is_what_packaging_says(line: str, room: Path) -> None:
    try:
        meant = Requirement(line)
    except InvalidRequirement:
        meant = None
    write(room, {"requirements.txt": f"{line} {HASH_A}\n".encode()})
    with each_error(lambda _: meant is None):  # else packaging reads it
        lock = PipRequirementsReader().read(room, "requirements.txt", Purpose.RUNTIME, {})
    assert meant is not None, "packaging does not read it"
    (pin,) = lock.requirements
    assert isinstance(pin, Pinned)
    assert canonicalize_name(pin.name) == canonicalize_name(meant.name)
    assert set(pin.extras) == meant.extras
    assert str(pin.version) in {one.version for one in meant.specifier}
    assert (pin.marker or None) == (str(meant.marker) if meant.marker else None)


PYLOCKS = (
    EVERYTHING,
    (
        'lock-version = "1.1"\ncreated-by = "pipenv"\npackages = []\n[tool.x]\n'
        'a = [1, 2.5, 1979-05-27T07:32:00Z, """\n"""]\n'
    ),
)
TOML_WORDS = (
    "[[packages]]\n",
    "[packages.sdist]\n",
    "\n[",
    "]]",
    "{ ",
    " }",
    '"""',
    "'''",
    " = ",
    "1979-05-27",
    "inf",
    "true",
)


@fuzzed(content=bytes_like(PYLOCKS, TOML_WORDS))
def test_pylock(content: bytes, room: Path) -> None:
    write(room, {"pylock.toml": content})
    with each_error(lambda one: one.origin is not None and one.hint):
        lock = PylockReader().read(room, "pylock.toml", Purpose.RUNTIME, {})
    assert lock.require_hashes
