"""An archive that readers may read in two ways is left to the careful reader, which reads it as pip does."""

from __future__ import annotations

import gzip
import io
import posixpath
import tarfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachi2ish.errors import DistributionError
from cachi2ish.projects.project_reader import SourceTreeReader
from cachi2ish.sdists.archive_reader import ArchiveReader
from cachi2ish.sdists.forward import Budget, Limits
from cachi2ish.sdists.shortcut import find_members

BLOCK = 512
NAMES = ("PKG-INFO", "pyproject.toml", "a")
EVIL, GOOD = b"Name: evil\nVersion: 9\n", b"Name: demo\nVersion: 1.0\n"

#: Where numbers stand in a header (POSIX.1-2024, ustar interchange format).
FIELDS = {
    "mode": (100, 8),
    "uid": (108, 8),
    "gid": (116, 8),
    "size": (124, 12),
    "mtime": (136, 12),
    "checksum": (148, 8),
    "devmajor": (329, 8),
    "devminor": (337, 8),
}


class Part(NamedTuple):
    """A header and what follows it. fields: numbers by name, in the place of the right ones; padding: fills up."""

    name: bytes
    content: bytes = b""
    kind: bytes = b"0"
    fields: tuple[tuple[str, bytes], ...] = ()
    padding: bytes = b""
    prefix: bytes = b""


def packed(parts: Sequence[Part]) -> bytes:
    return b"".join(map(_part, parts)) + bytes(2 * BLOCK)


def _part(part: Part) -> bytes:
    given_fields = dict(part.fields)
    header = bytearray(BLOCK)
    header[: len(part.name)] = part.name
    header[156:157] = part.kind
    header[257:265] = b"ustar\x0000"
    header[345 : 345 + len(part.prefix)] = part.prefix
    usual = {"size": b"%011o\0" % len(part.content), "checksum": b" " * 8, "mtime": b"%011o\0" % 0}
    for name, (start, length) in FIELDS.items():
        field = given_fields.get(name, b"") if name != "checksum" else b""
        header[start : start + length] = (field or usual.get(name, b"%07o\0" % 0)).ljust(length, b"\0")[:length]
    right = b"%06o\0 " % sum(header)
    header[148:156] = given_fields.get("checksum", b"%s").replace(b"%s", right[:6]).ljust(8, b"\0")[:8]
    if "checksum" not in given_fields:
        header[148:156] = right
    missing = -len(part.content) % BLOCK
    return bytes(header) + part.content + (part.padding * missing + bytes(missing))[:missing]


def record(body: bytes, begin: bytes = b"") -> bytes:
    """Return a record of an extended header, behind ``begin``, with its right length if there is one."""
    fitting = (one for n in range(1, 999) if len(one := b"%s%d %s\n" % (begin, n, body)) == n)
    return next(fitting, b"")


def quick(raw: bytes) -> dict[str, list[bytes]] | None:
    return find_members(io.BytesIO(gzip.compress(raw, 1)), (), NAMES, Budget(Limits()))


def careful(raw: bytes) -> dict[str, list[bytes]] | None:
    """Return what tarfile finds, None where it or pip would refuse the archive."""
    found: dict[str, list[bytes]] = {name: [] for name in NAMES}
    tops = set[str]()
    try:
        with tarfile.open(fileobj=io.BytesIO(raw), mode="r:", encoding="utf-8") as archive:
            for info in archive:
                parts = posixpath.normpath(info.name).split("/")
                if "\0" in info.name or ".." in parts:
                    return None
                tops.add(parts[0])
                if info.isreg() and len(parts) == 2 and parts[1] in NAMES:
                    content = archive.extractfile(info)
                    assert content is not None
                    found[parts[1]].append(content.read())
    except (tarfile.TarError, ValueError, RecursionError):
        return None
    return found if len(tops - {".", ""}) <= 1 else None


GOOD_PART = Part(b"demo/PKG-INFO", GOOD)
EVIL_PART = Part(b"demo/PKG-INFO", EVIL)
HIDDEN = b"".join(map(_part, [EVIL_PART, Part(b"demo/pyproject.toml", b"[build-system]\n")]))


def extended(records: bytes, kind: bytes = b"x", padding: bytes = b"") -> Part:
    return Part(b"demo/h", records, kind, padding=padding)


def renamed(name: bytes, kind: bytes = b"0", header: bytes = b"demo/x") -> tuple[Part, ...]:
    return extended(record(b"path=" + name)), Part(header, EVIL, kind)


#: Each hides a file from one of two readers. Every one has been accepted.
CONTRADICTORY: dict[str, tuple[Part, ...]] = {
    f"a size of {field!r}": (Part(b"demo/x", HIDDEN, fields=(("size", field),)),)
    for field in (
        b"\0%010o\0" % len(HIDDEN),
        b" \0%09o\0" % len(HIDDEN),
        b"0o%09o\0" % len(HIDDEN),
        b"+%010o\0" % len(HIDDEN),
        b"%05o_%05o\0" % (0, len(HIDDEN)),
        b"\t%010o\0" % len(HIDDEN),
    )
}
CONTRADICTORY |= {
    f"a {name} of {field!r}": (Part(b"demo/b", b"", fields=((name, field),)), EVIL_PART)
    for name in ("mode", "uid", "gid", "mtime", "devmajor", "devminor")
    for field in (b"9", b"\xc3\xa9", b"1 2", b"0x1", b"-")
}
CONTRADICTORY |= {
    "a checksum behind a NUL": (Part(b"demo/b", b"", fields=(("checksum", b"\0%s"),)), EVIL_PART),
    "a checksum with a sign": (Part(b"demo/b", b"", fields=(("checksum", b"+%s"),)), EVIL_PART),
    "a wrong checksum": (Part(b"demo/b", b"", fields=(("checksum", b"001234\0 "),)), EVIL_PART),
    "a record's length with a sign": (extended(record(b"path=demo/zz", b"+")), EVIL_PART),
    "a record's length behind a space": (extended(record(b"path=demo/zz", b" ")), EVIL_PART),
    "a record's length with a bar": (extended(b"2_3 path=demo/" + b"z" * 8 + b"\n"), EVIL_PART),
    "a record that is cut off": (extended(b"99 path=demo/zz\n"), EVIL_PART),
    "a record behind the end": (
        extended(record(b"comment=x"), padding=record(b"path=demo/zz")),
        EVIL_PART,
    ),
    "a record behind that of the time": (extended(record(b"mtime=1"), padding=record(b"path=demo/zz")), EVIL_PART),
    "a name behind the time": (
        extended(record(b"mtime=1"), padding=record(b"path=demo/PKG-INFO")),
        Part(b"demo/b", EVIL),
    ),
    "no record": (extended(b"xx comment=x\n"), EVIL_PART),
    "no record behind that of the time": (extended(record(b"mtime=1") + b"x\n"), EVIL_PART),
    "a size of a record with a sign": (
        extended(record(b"size=+%d" % len(HIDDEN))),
        Part(b"demo/x", HIDDEN, fields=(("size", b"%011o\0" % 0),)),
    ),
    "a long name that goes on": (
        Part(b"././@LongLink", b"demo/PKG", b"L", padding=b"-INFO\0"),
        Part(b"demo/x", EVIL),
    ),
    "a name with a NUL": renamed(b"\0x/PKG-INFO"),
    "a name that ends with a slash": renamed(b"demo/PKG-INFO/"),
    "a name that ends with a dot": renamed(b"demo/PKG-INFO/."),
    "a folder as it once was": renamed(b"demo/x", b"\0", b"demo/x/"),
    "an extended header of nothing": (EVIL_PART, extended(record(b"mtime=1"))),
    "a long name of nothing": (EVIL_PART, Part(b"././@LongLink", b"demo/x\0", b"L")),
    "a global header of nothing": (EVIL_PART, extended(record(b"comment=x"), b"g")),
    "extended headers without end": (*[extended(record(b"mtime=1"))] * 2000, EVIL_PART),
    "a link in its place": (Part(b"demo/PKG-INFO", b"", b"1"),),
}


#: Behind these, others that are like them are passed over.
USUAL = (
    Part(b"demo/", kind=b"5"),
    Part(b"demo/d/", kind=b"5"),
    *(part for _ in range(3) for part in (extended(record(b"mtime=1")), Part(b"demo/b", b"x"))),
)


@pytest.mark.parametrize("name", CONTRADICTORY)
@pytest.mark.parametrize("before", [(), USUAL], ids=["first", "later"])
def test_an_archive_that_reads_in_two_ways_is_left_to_the_careful_reader(
    name: str, before: tuple[Part, ...]
) -> None:
    assert quick(packed([*before, GOOD_PART, *CONTRADICTORY[name]])) is None


def test_the_sum_of_a_header_has_no_sign() -> None:
    header = bytearray(_part(Part(b"demo/b")))
    header[148:149] = b"+"
    assert quick(packed(USUAL)[: -2 * BLOCK] + bytes(header) + packed([GOOD_PART])) is None


@pytest.mark.parametrize("digits", range(1, 9))
def test_the_sum_of_a_header_has_all_of_its_digits(digits: int) -> None:
    first = Part(b"demo/" + b"f" * digits, fields=(("checksum", b"0%s"),))
    last = _part(first)[154:155]
    assert quick(packed([first, GOOD_PART])) is not None
    second = Part(b"demo/b", fields=(("checksum", b"%s" + last),))
    assert quick(packed([first, second, GOOD_PART])) is None


def test_of_the_first_file_the_sum_is_looked_at() -> None:
    header = bytearray(_part(Part(b"demo/b", kind=b"\0")))
    header[154:] = bytes(len(header) - 154)
    header[148:154] = b"%06o" % (sum(header[:148]) + 1)  # without the spaces that the sum is taken for
    assert quick(packed([Part(b"demo/", kind=b"5"), GOOD_PART])) is not None
    raw = packed([Part(b"demo/", kind=b"5")])[:BLOCK] + bytes(header) + bytes(BLOCK) + packed([GOOD_PART])
    assert quick(raw) is None


def test_the_second_part_of_a_name_belongs_to_it() -> None:
    inner = Part(b"demo/PKG-INFO", GOOD, prefix=b"demo")
    raw = packed([Part(b"demo/", kind=b"5"), *[Part(b"demo/x", b"", prefix=b"demo")] * 3, inner])
    found = find_members(io.BytesIO(gzip.compress(raw, 1)), ("demo",), ("PKG-INFO",), Budget(Limits()))
    assert found == {"PKG-INFO": [GOOD]}


@pytest.mark.parametrize(
    "field", [b"%010o \0", b"%6o \0", b"%011o\0", b"%011o ", b"%012o", b"%o", b"     %o"], ids=str
)
def test_numbers_are_read_however_they_are_filled_up(field: bytes) -> None:
    part = Part(b"demo/a", b"x" * 600, fields=(("size", field % 600), ("mode", b"%6o \0" % 0o644), ("uid", b"")))
    assert quick(packed([part, GOOD_PART])) == {"PKG-INFO": [GOOD], "pyproject.toml": [], "a": [b"x" * 600]}


def test_a_user_whose_number_is_large_is_no_reason_to_look_closely() -> None:
    part = Part(
        b"demo/a", b"x", fields=(("uid", b"\x80\0\0\0\x7f\xff\xff\xff"), ("mtime", b"\x80" + b"\x01" * 11))
    )
    assert quick(packed([part, GOOD_PART])) == {"PKG-INFO": [GOOD], "pyproject.toml": [], "a": [b"x"]}


_numbers = st.one_of(
    st.sampled_from(
        [
            b"00OCTAL\0",
            b"0OCTAL\0",
            b"OCTAL",
            b" OCTAL ",
            b"\0OCTAL",
            b"+OCTAL",
            b"0oOCTAL",
            b"OCTAL\0 1",
            b"",
            b"\x80\0\0\0",
        ]
    ),
    st.binary(max_size=12),
)
_names = st.one_of(
    st.sampled_from([f"demo/{name}".encode() for name in NAMES]),
    st.sampled_from(
        [b"demo/", b"demo/d/a", b"./demo/a", b"demo/a/", b"demo/a/.", b"demo//a", b"demo/a\0/b", b"other/a"]
    ),
)
_bodies = st.one_of(
    _names.map(lambda name: b"path=" + name),
    st.integers(0, 1100).map(lambda size: b"size=%d" % size),
    st.sampled_from([b"mtime=1.5", b"comment=x\ny", b"size=+3", b"hdrcharset=BINARY", b"=", b"uid=9"]),
)
_records = st.lists(
    st.one_of(
        st.builds(record, _bodies),
        st.builds(record, _bodies, st.sampled_from([b"+", b" ", b"0"])),
        _bodies.map(lambda body: b"%d %s\n" % (len(body), body)),
        st.binary(max_size=20),
    ),
    max_size=3,
).map(b"".join)
_contents = st.sampled_from([b"", EVIL, GOOD, b"x" * BLOCK, _part(EVIL_PART), HIDDEN])
_paddings = st.sampled_from([b"", b"", b"", b"x", record(b"path=demo/a"), b"\0" + record(b"hdrcharset=x")])


def _fields(part: Part, name: str, field: bytes) -> Part:
    return part._replace(
        fields=((name, field.replace(b"OCTAL", b"%o" % (len(part.content) if name == "size" else 0))),)
    )


_parts = st.one_of(
    st.builds(Part, _names, _contents, st.sampled_from([b"0", b"0", b"\0", b"7", b"5", b"2"]), padding=_paddings),
    st.builds(Part, st.just(b"a"), _contents, prefix=st.sampled_from([b"demo", b"demo/d", b"other"])),
    st.builds(Part, st.just(b"demo/h"), _records, st.sampled_from([b"x", b"x", b"x", b"g"]), padding=_paddings),
    st.builds(Part, st.just(b"././@LongLink"), _names, st.sampled_from([b"L", b"K"]), padding=_paddings),
)
_mutated = st.one_of(_parts, _parts, st.builds(_fields, _parts, st.sampled_from([*FIELDS]), _numbers))


def unpacked(raw: bytes, place: Path) -> dict[str, bytes]:
    """Return the files that are sought, as pip unpacks them."""
    with tarfile.open(fileobj=io.BytesIO(raw), mode="r:", encoding="utf-8") as archive:
        archive.extractall(place, filter="data")
    return {name: (place / "demo" / name).read_bytes() for name in NAMES if (place / "demo" / name).is_file()}


@settings(max_examples=600, deadline=None)
@given(parts=st.lists(_mutated, min_size=1, max_size=6), cut=st.sampled_from([0, 0, 0, BLOCK, 2 * BLOCK]))
def test_the_shortcut_sees_what_tarfile_sees_and_pip_unpacks_or_nothing(parts: list[Part], cut: int) -> None:
    raw = packed(parts)
    raw = raw[: len(raw) - cut]
    found = quick(raw)
    assert found is None or found == careful(raw)
    if found is not None and any(found.values()):
        with TemporaryDirectory() as place, suppress(tarfile.TarError, OSError, LookupError, RecursionError):
            last = {name: contents[-1] for name, contents in found.items() if contents}
            assert unpacked(raw, Path(place)) in (last, {})


_members = st.sampled_from(
    [
        *(("PKG-INFO", tarfile.REGTYPE, GOOD) for _ in range(3)),
        *((name, tarfile.REGTYPE, EVIL) for name in ("PKG-INFO", "l/PKG-INFO", "x", "l/x")),
        *(("l", tarfile.SYMTYPE, target) for target in (b".", b"../demo")),
        *((name, tarfile.SYMTYPE, b"PKG-INFO") for name in ("x", "l/x")),
        *((name, tarfile.SYMTYPE, b"x") for name in ("PKG-INFO", "l/PKG-INFO")),
        *((name, tarfile.LNKTYPE, b"demo/PKG-INFO") for name in ("x", "l/x")),
        *((name, tarfile.LNKTYPE, b"demo/x") for name in ("PKG-INFO", "l/PKG-INFO")),
        ("e", tarfile.REGTYPE, EVIL),
        ("x", tarfile.LNKTYPE, b"demo/e"),
    ]
)


@settings(max_examples=400, deadline=None)
@given(members=st.lists(_members, min_size=1, max_size=6))
def test_what_an_sdist_says_is_what_pip_unpacks_whatever_links_are_in_it(
    members: list[tuple[str, bytes, bytes]],
) -> None:
    with TemporaryDirectory() as place:
        path, unpacked = Path(place, "demo-1.0.tar.gz"), Path(place, "unpacked")
        with tarfile.open(path, "w:gz") as archive:
            for name, kind, content in members:
                info = tarfile.TarInfo(f"demo/{name}")
                info.type = kind
                if kind == tarfile.REGTYPE:
                    info.size = len(content)
                else:
                    info.linkname = content.decode()
                archive.addfile(info, io.BytesIO(content))
        try:
            identity = ArchiveReader(SourceTreeReader()).identify(path, path.name)
            with tarfile.open(path) as archive:
                archive.extractall(unpacked, filter="data")
            text = (unpacked / "demo/PKG-INFO").read_text()
        except (DistributionError, tarfile.TarError, OSError, LookupError, RecursionError):
            return  # refused here or there
        assert identity is None or identity.name in text
