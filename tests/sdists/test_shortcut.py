"""The quick way through an archive finds what the careful one finds, or nothing."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachi2ish.sdists.forward import Budget, Limits
from cachi2ish.sdists.shortcut import find_members

WANTED = ("PKG-INFO",)
FORMATS = (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT)

Entry = tuple[str, bytes, bytes]  # name, type, content

#: Behind these, others that are like them are passed over.
USUAL: list[Entry] = [(f"demo/{name}", tarfile.DIRTYPE, b"") for name in ("", "d", "e")]
USUAL += [(f"demo/e/{name}", tarfile.REGTYPE, b"x") for name in ("f", "g", "h")]


def archive(entries: list[Entry], form: int = tarfile.PAX_FORMAT, mtime: float = 0) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(mode="w:gz", fileobj=buffer, format=form) as packed:
        for name, kind, content in entries:
            info = tarfile.TarInfo(name)
            info.type, info.size, info.mtime = kind, len(content), mtime
            if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                info.linkname = "x" * 150 + "/PKG-INFO" if form != tarfile.USTAR_FORMAT else "x"
            packed.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def summed(header: bytearray) -> bytearray:
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return header


def quick(content: bytes, wanted: tuple[str, ...] = WANTED, limits: Limits | None = None) -> list[bytes] | None:
    *folder, name = wanted
    found = find_members(io.BytesIO(content), tuple(folder), (name,), Budget(limits or Limits()))
    return None if found is None else found[name]


def careful(content: bytes) -> list[bytes]:
    contents = []
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as packed:
        for info in packed:
            parts = info.name.removeprefix("./").split("/")
            if info.isreg() and len(parts) == 2 and parts[1] == "PKG-INFO":
                found = packed.extractfile(info)
                contents.append(found.read() if found else b"")
    return contents


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("directory", ["demo-1.0", "./demo-1.0", "d" * 120, "é" * 60])
def test_it_is_found_behind_directories_and_large_files(directory: str, form: int) -> None:
    entries: list[Entry] = [
        (directory, tarfile.DIRTYPE, b""),
        (f"{directory}/a/PKG-INFO", tarfile.REGTYPE, b"not this one"),
        (f"{directory}/{'n' * 90}", tarfile.REGTYPE, bytes(range(256)) * 20_000),
        (f"{directory}/empty", tarfile.REGTYPE, b""),
        (f"{directory}/PKG-INFO", tarfile.REGTYPE, b"Name: demo\n"),
        (f"{directory}/PKG-INFO", tarfile.REGTYPE, b"Name: other\n"),
    ]
    assert quick(archive(entries, form, mtime=0.5)) == [b"Name: demo\n", b"Name: other\n"]


def test_a_folder_of_the_archive_has_one_of_its_own() -> None:
    entries = [
        (f"demo/{name}", tarfile.REGTYPE, name.encode()) for name in ("PKG-INFO", "b/PKG-INFO", "c/b/PKG-INFO")
    ]
    assert quick(archive(entries), ("c", "b", "PKG-INFO")) == [b"c/b/PKG-INFO"]


@pytest.mark.parametrize(
    "name",
    [
        "../demo/x",
        "/PKG-INFO",
        "/demo/PKG-INFO",
        "demo/../PKG-INFO",
        "demo//PKG-INFO",
        "demo/./PKG-INFO",
        "demo\\PKG-INFO",
        "demo/a\\b",
        "demo/a/.",
        "PKG-INFO",
        "setup.py",
        "other/PKG-INFO",
    ],
)
def test_names_that_are_not_plain_are_left_to_the_careful_reader(name: str) -> None:
    entries = [(name, tarfile.REGTYPE, b"odd"), ("demo/PKG-INFO", tarfile.REGTYPE, b"plain")]
    assert quick(archive(entries)) is None
    assert quick(archive([*USUAL, *entries])) is None


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_beside_what_is_sought_are_passed_over(kind: bytes) -> None:
    entries = [("demo/a/link", kind, b""), ("demo/a/PKG", kind, b""), ("demo/a/b", tarfile.REGTYPE, b"x")]
    assert quick(archive([*entries, ("demo/PKG-INFO", tarfile.REGTYPE, b"plain")])) == [b"plain"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
@pytest.mark.parametrize(
    "entries",
    [
        [("setup.py", None)],
        [("demo", None)],
        [("demo/link/", None)],
        [("demo/PKG-INFO", None)],
        [("demo/PKG-INFO", b"x"), ("demo/PKG-INFO", None)],
        [("demo/a/PKG-INFO", None)],
        [("demo/a", None), ("demo/a", b"x")],
        [("demo/a", None), ("demo/a", None)],
        [("demo/a", None), ("./demo/a/b/c", b"x")],
        [("./demo/a", None), ("demo/a/PKG-INFO", b"x")],
        [(f"demo/{number}", None) for number in range(200)],
    ],
)
def test_links_that_may_lead_to_what_is_sought_are_left_to_the_careful_reader(
    entries: list[tuple[str, bytes | None]], kind: bytes
) -> None:
    packed = [(name, kind if data is None else tarfile.REGTYPE, data or b"") for name, data in entries]
    assert (
        quick(archive([*packed, ("demo/x", tarfile.REGTYPE, b""), ("demo/PKG-INFO", tarfile.REGTYPE, b"")]))
        is None
    )


def test_a_link_that_states_a_size_is_left_to_the_careful_reader() -> None:
    entries = [("demo/a", tarfile.SYMTYPE, b""), ("demo/PKG-INFO", tarfile.REGTYPE, b"plain")]
    plain = bytearray(gzip.decompress(archive(entries, tarfile.USTAR_FORMAT)))
    assert quick(gzip.compress(plain)) == [b"plain"]
    plain[124:135] = b"%011o" % 512
    plain[:512] = summed(plain[:512])
    assert quick(gzip.compress(plain)) is None


@pytest.mark.parametrize("form", FORMATS[:2])
def test_a_second_name_for_one_member_is_left_to_the_careful_reader(form: int) -> None:
    long = [("demo/" + name * 120, tarfile.REGTYPE, b"") for name in "ab"]
    first, second = (gzip.decompress(archive([one], form)) for one in long)
    plain = gzip.decompress(archive([("demo/PKG-INFO", tarfile.REGTYPE, b"plain")]))
    assert quick(gzip.compress(first[:1024] + second[:1536] + plain)) is None
    assert quick(gzip.compress(second[:1536] + plain)) == [b"plain"]


@pytest.mark.parametrize(
    "records", [b"10 mtime=120 path=demo/PKG-INFO\n", b"12 mtime=1.5\n20 path=demo/PKG-INFO\n"]
)
def test_a_record_that_is_shorter_than_its_line_is_left_to_the_careful_reader(records: bytes) -> None:
    entries = [("demo/h", tarfile.XHDTYPE, records), ("demo/x", tarfile.REGTYPE, b"Name: hidden\n")]
    assert quick(archive([*entries, ("demo/PKG-INFO", tarfile.REGTYPE, b"Name: demo\n")])) is None


def test_many_lengths_of_extended_headers_are_told_apart() -> None:
    entries: list[Entry] = []
    for length in range(1, 100):
        records = b"%d mtime=" % (length + 12)
        entries.append(("demo/h", tarfile.XHDTYPE, records.ljust(length + 11, b"1") + b"\n"))
        entries.append((f"demo/{length}", tarfile.REGTYPE, b"x"))
    assert quick(archive([*entries * 2, ("demo/PKG-INFO", tarfile.REGTYPE, b"Name: demo\n")])) == [b"Name: demo\n"]


def test_a_header_that_counts_must_have_the_right_sum() -> None:
    plain = bytearray(gzip.decompress(archive([("demo/PKG-INFO", tarfile.REGTYPE, b"Name: demo\n")])))
    assert quick(gzip.compress(plain)) == [b"Name: demo\n"]
    plain[108] ^= 1
    assert quick(gzip.compress(plain)) is None


@pytest.mark.parametrize(
    "limits", [Limits(members=2), Limits(total=100_000), Limits(metadata=5)], ids=["members", "total", "metadata"]
)
def test_limits_hold(limits: Limits) -> None:
    entries = [("demo/a", tarfile.REGTYPE, bytes(400_000)), ("demo/b", tarfile.REGTYPE, b"")]
    content = archive([*entries, ("demo/PKG-INFO", tarfile.REGTYPE, b"Name: demo\n")])
    assert quick(content) == [b"Name: demo\n"]
    assert quick(content, limits=limits) is None


@settings(max_examples=150, deadline=None)
@given(cut=st.integers(0, 2000), flips=st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 255)), max_size=4))
def test_damage_ends_in_nothing_or_in_the_right_file(cut: int, flips: list[tuple[int, int]]) -> None:
    plain = bytearray(
        gzip.decompress(archive([(f"demo/{n}", tarfile.REGTYPE, b"x" * 600) for n in ("a", "PKG-INFO")]))
    )
    for place, bits in flips:
        plain[place % len(plain)] ^= bits
    packed = gzip.compress(bytes(plain))
    found = quick(packed[: len(packed) - cut] if cut < 100 else packed)
    assert not found or [len(one) for one in found] == [600]


_NAMES = st.one_of(
    st.sampled_from(
        ["demo/PKG-INFO", "./demo/PKG-INFO", "demo/a/PKG-INFO", "demo/PKG-INFO2", "PKG-INFO/x", "other/PKG-INFO"]
    ),
    st.text("abé/.", min_size=1, max_size=130).map(lambda text: "demo/" + text.strip("/.") + "x"),
)
_KINDS = st.sampled_from(
    [tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CONTTYPE]
)
_ENTRIES = st.lists(st.tuples(_NAMES, _KINDS, st.binary(max_size=1500)), max_size=8)


@settings(max_examples=200, deadline=None)
@given(entries=_ENTRIES, form=st.sampled_from(FORMATS[:2]), mtime=st.sampled_from([0.0, 1.5]))
def test_it_finds_what_the_careful_reader_finds_or_nothing(entries: list[Entry], form: int, mtime: float) -> None:
    regular = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
    sound = [(name, kind, data if kind in regular else b"") for name, kind, data in entries]
    content = archive(sound, form, mtime)
    found = quick(content)
    assert found is None or found == careful(content)
    one_folder = len({name.removeprefix("./").partition("/")[0] for name, _, _ in sound}) < 2
    linked = any(kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) for _, kind, _ in sound)
    if one_folder and not linked and not any(odd in name for name, _, _ in sound for odd in ("..", "//", "/./")):
        assert found == careful(content)


@pytest.mark.parametrize("off", [0, 1, 65_521, -65_521])
def test_the_sum_of_a_header_is_that_of_its_bytes_whatever_they_are(off: int) -> None:
    plain = bytearray(gzip.decompress(archive([("demo/PKG-INFO", tarfile.REGTYPE, b"x" * 600)])))
    for field in (slice(157, 257), slice(265, 297), slice(297, 329)):  # link, user and group: of no meaning here
        plain[field] = b"\xff" * (field.stop - field.start)
    plain[148:156] = b" " * 8
    plain[148:156] = b"%06o\0 " % (sum(plain[:512]) + off)
    found = quick(gzip.compress(bytes(plain)))
    assert found == ([b"x" * 600] if off == 0 else None)


_PLACES = st.one_of(
    st.integers(0, 511), st.sampled_from([0, 5, 100, 124, 130, 134, 135, 148, 153, 154, 155, 156, 345])
)


@settings(max_examples=400, deadline=None)
@given(
    changes=st.lists(
        st.tuples(st.integers(0, 59), _PLACES, st.one_of(st.integers(0, 255), st.sampled_from(b"0157/.x \0"))),
        max_size=3,
    ),
    sums=st.booleans(),
    mtime=st.sampled_from([0.0, 1.5]),
)
def test_one_odd_header_among_many_usual_ones_is_seen(
    changes: list[tuple[int, int, int]], sums: bool, mtime: float
) -> None:
    hidden = archive([("demo/PKG-INFO", tarfile.REGTYPE, b"hidden")])
    entries: list[Entry] = [("demo", tarfile.DIRTYPE, b"")]
    for number in range(20):
        entries.append((f"demo/{number % 3}", tarfile.DIRTYPE, b""))
        entries.append((f"demo/{number % 3}/{number}", tarfile.REGTYPE, gzip.decompress(hidden)[:1536]))
    plain = bytearray(
        gzip.decompress(archive([*entries, ("demo/PKG-INFO", tarfile.REGTYPE, b"plain")], mtime=mtime))
    )
    with tarfile.open(fileobj=io.BytesIO(plain)) as packed:
        starts = [start for info in packed for start in {info.offset, info.offset_data - 512}]
    for number, place, byte in changes:
        start = starts[number % len(starts)]
        header = plain[start : start + 512]
        header[place] = byte
        if sums:
            header = summed(header)
        plain[start : start + 512] = header
    found = quick(gzip.compress(plain, 1))
    assert changes or found == [b"plain"]
    if found is not None:
        assert found == careful(gzip.compress(plain, 1))
