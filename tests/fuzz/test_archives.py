"""Sdists and wheels: what they say they are is read, from whatever bytes, and nothing is unpacked outside."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import strategies as st

from cachi2ish.errors import DistributionError
from cachi2ish.projects.project_reader import SourceTreeReader
from cachi2ish.sdists.archive_reader import ArchiveReader
from cachi2ish.sdists.forward import Limits
from tests.fuzz.campaign import fuzzed
from tests.fuzz.guards import each_error
from tests.fuzz.mutating import bytes_like, files_like, write
from tests.support.distributions import _COMPRESS, core_metadata, make_sdist, make_wheel

LIMITS = Limits(total=1 << 26, piece=1 << 20, seconds=2)
METADATA = (
    core_metadata("demo", "1.0", "Requires-Dist: x[y]; extra == 'z'\nDescription: a\n        |b\n\nand a body\n"),
    "Metadata-Version: 2.4\r\nName: demo\r\nVersion: 1.0\r\nDynamic: version\r\n\r\n",
    "Name:\n demo\nVersion: =?utf-8?q?1.0?=\nName: other\n",
)
PROJECTS = {
    "pyproject.toml": (
        (
            '[build-system]\nrequires = ["setuptools"]\n[project]\nname = "demo"\n'
            'dynamic = ["version"]\n[tool.setuptools.dynamic]\n'
            'version = {attr = "demo.__version__"}\n[tool.setuptools]\npackage-dir = {"" = "src"}\n'
            '[tool.setuptools.packages.find]\nwhere = ["src"]\n'
        ),
        '[tool.setuptools.dynamic]\nversion = {file = ["VERSION", "../x"]}\n[project]\ndynamic = ["version"]\n',
        '[tool.poetry]\nname = "demo"\nversion = "1.0"\n[project]\nname = 1\n[[a]]\nb.c."d e" = 2020-01-01\n',
    ),
    "setup.cfg": (
        "[metadata]\nname = demo\nversion = attr: demo.__version__\n[options]\npackage_dir =\n    = src\n",
        "[metadata]\nname = %(x)s\nx = %(y)s%(y)s\ny = %(x)s\nversion = file: VERSION, src/demo/__init__.py\n",
        "[options.packages.find]\nwhere = src\n[metadata]\nName=demo\nversion=1.0\n;a\n#b\n k = v\n",
    ),
    "setup.py": (
        (
            "from setuptools import setup\nimport demo\nNAME = 'demo'\n"
            "setup(name=NAME, version='%d.%d' % (1, 0), **{'a': 1})\n"
        ),
        (
            "import setuptools as s\nversion = '.'.join(map(str, (1, 2)))\nif True:\n"
            "    s.setup(name='d' + 'emo', version=f'{version}')\n"
        ),
        "exec(open('VERSION').read())\nsetup(*[], **dict(name='demo', version=open('VERSION').read().strip()))\n",
    ),
    "src/demo/__init__.py": (
        "__version__ = '1.0'\n",
        "__version__: str = '1' + '.0'\nfrom x import *\n",
        "a = b = (((1)))\n",
    ),
    "VERSION": ("1.0\n", "\ufeff1.0"),
}
NAMES = (
    *(
        "demo-1.0/PKG-INFO",
        "PKG-INFO",
        "demo-1.0/pyproject.toml",
        "demo-1.0/setup.py",
        "demo-1.0/demo.egg-info/PKG-INFO",
    ),
    *(
        "../PKG-INFO",
        "/PKG-INFO",
        "demo-1.0/../../x",
        "./demo-1.0/./setup.cfg",
        "demo-1.0\\PKG-INFO",
        "demo-1.0/" + "d/" * 40,
    ),
    *(
        "demo-1.0.dist-info/METADATA",
        "demo-1.0.dist-info/RECORD",
        "other-1.0.dist-info/METADATA",
        "demo-1.0/setup.py/x",
    ),
    *(
        "n" * 300,
        "demo-1.0/é",
        "demo-1.0/.git/config",
        "",
        ".",
        "..",
        "demo-1.0//PKG-INFO",
        "demo-1.0/\udcff",
        "C:\\x",
        "a\nb",
    ),
)
CONTENTS = bytes_like([*METADATA, *PROJECTS["pyproject.toml"], *PROJECTS["setup.cfg"], *PROJECTS["setup.py"]])
TARS = (".tar.gz", ".tar.bz2", ".tar.xz", ".tar.lzma", ".tar")
SUBDIRECTORIES = st.sampled_from(
    [None, None, None, "", ".", "src", "src/../..", "/", "..", "a\0b", "é", "n" * 300]
)


def identify(content: bytes, filename: str, subdirectory: str | None, room: Path) -> None:
    scratch = room / "scratch"
    scratch.mkdir()
    (room / "blob").write_bytes(content)
    reader = ArchiveReader(SourceTreeReader(), limits=LIMITS, scratch=scratch)
    try:
        with each_error(lambda one: isinstance(one, DistributionError) and str(one).startswith(filename)):
            reader.identify(room / "blob", filename, subdirectory)
    finally:
        assert list(scratch.iterdir()) == []


@fuzzed(
    content=bytes_like(
        [make_sdist("demo", "1.0", one).content for one in (*TARS, ".zip")]
        + [
            make_sdist("demo", "1.0", one, files={k: v[0] for k, v in PROJECTS.items()}).content
            for one in (".tar.gz", ".zip")
        ]
    ),
    extension=st.sampled_from([*TARS, ".zip"]),
    subdirectory=SUBDIRECTORIES,
)
def test_sdist_bytes(content: bytes, extension: str, subdirectory: str | None, room: Path) -> None:
    identify(content, f"demo-1.0{extension}", subdirectory, room)


@fuzzed(content=bytes_like([make_wheel("demo", "1.0").content, make_sdist("demo", "1.0", ".zip").content]))
def test_wheel_bytes(content: bytes, room: Path) -> None:
    identify(content, "demo-1.0-py3-none-any.whl", None, room)


_TYPES = b"0\x0012345677gxLKSVM"


@st.composite
def members(draw: st.DrawFn) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(draw(st.sampled_from(NAMES)))
    content = draw(CONTENTS)
    info.type = bytes([draw(st.sampled_from(_TYPES))])
    info.size = draw(st.sampled_from([len(content)] * 6 + [0, 1, 1 << 20, (8 << 30) - 1, len(content) + 512]))
    info.linkname = draw(st.sampled_from(["", "PKG-INFO", "../x", "/etc/passwd"]))
    info.mode = draw(st.sampled_from([0o644, 0, 0o7777]))
    info.pax_headers = draw(
        st.dictionaries(
            st.sampled_from(
                ["path", "size", "linkpath", "GNU.sparse.map", "GNU.sparse.size", "GNU.sparse.major", "hdrcharset"]
            ),
            st.sampled_from(["1", "-1", "9" * 30, "demo-1.0/PKG-INFO", "../x", "0,1", "é", "BINARY", "1,2,3,4"]),
            max_size=2,
        )
    )
    return info, content


def _tarred(found: Sequence[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    content = b""
    for info, data in found:
        try:
            content += info.tobuf(tarfile.PAX_FORMAT, errors="surrogateescape")
        except (ValueError, UnicodeError):
            continue
        content += data + bytes(-len(data) % 512)
    return content + bytes(1024)


@st.composite
def tars(draw: st.DrawFn) -> bytes:
    content = _tarred(draw(st.lists(members(), max_size=5)))
    return draw(st.just(content) | bytes_like([content]))


@fuzzed(content=tars(), extension=st.sampled_from(TARS), subdirectory=SUBDIRECTORIES)
def test_tar_members(content: bytes, extension: str, subdirectory: str | None, room: Path) -> None:
    identify(_COMPRESS.get(extension, bytes)(content), f"demo-1.0{extension}", subdirectory, room)


@st.composite
def zips(draw: st.DrawFn) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in draw(st.lists(st.sampled_from(NAMES), max_size=5, unique=True)):
            info = zipfile.ZipInfo(name.encode("utf-8", "replace").decode())
            info.external_attr = draw(
                st.sampled_from([0, 0o100644 << 16, 0o120777 << 16, 0o040755 << 16, 0o010644 << 16])
            )
            info.compress_type = draw(
                st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
            )
            info.extra = draw(st.sampled_from([b"", b"\x01\x00\x08\x00" + b"\xff" * 8, b"up\x05\x00\x01abcd"]))
            archive.writestr(info, draw(CONTENTS))
        archive.comment = draw(st.sampled_from([b"", b"PK\x05\x06", b"x" * 1000]))
    return draw(st.just(buffer.getvalue()) | bytes_like([buffer.getvalue()]))


@fuzzed(content=zips(), wheel=st.booleans(), subdirectory=SUBDIRECTORIES)
def test_zip_members(content: bytes, wheel: bool, subdirectory: str | None, room: Path) -> None:
    identify(content, "demo-1.0-py3-none-any.whl" if wheel else "demo-1.0.zip", subdirectory, room)


@fuzzed(
    files=files_like(
        PROJECTS, ("%(", ")s", "attr:", "file:", "[project]\n", "name = ", "setup(", "**", "f'{", "lambda: ")
    )
)
def test_project_files(files: dict[str, bytes], room: Path) -> None:
    write(room / "source", files)
    (room / "source").mkdir(exist_ok=True)
    found = SourceTreeReader().read(room / "source", ".", None)
    for text in (found.name, found.version):
        assert text is None or (text.isprintable() and text == text.strip())
