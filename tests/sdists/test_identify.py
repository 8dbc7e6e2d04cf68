from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import warnings
import weakref
import zipfile
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import pytest

from cachi2ish.core.distributions import SDIST_EXTENSIONS
from cachi2ish.errors import DistributionError, StorageError
from cachi2ish.projects.project_reader import SourceTreeReader
from cachi2ish.sdists.archive_reader import ArchiveReader
from cachi2ish.sdists.forward import Limits
from cachi2ish.sdists.interface import Identity, WheelReader
from cachi2ish.sdists.text_reader import ArchiveTexts
from tests.sdists.conftest import Identify
from tests.support.distributions import core_metadata, make_sdist, make_wheel, pack_tar, sdist_files

NAMED = Identity("demo", "1.0")
PYPROJECT = b'[project]\nname = "demo"\nversion = "1.0"\n'


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(mode="w:gz", fileobj=buffer) as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def plain(name: str, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo(name), content


PKG_INFO = plain("demo-1.0/PKG-INFO", core_metadata("demo", "1.0").encode())


@pytest.mark.parametrize("extension", [e for e in SDIST_EXTENSIONS if e != ".tar.lz"])
def test_an_sdist_of_every_format_that_pip_unpacks_is_identified(identify: Identify, extension: str) -> None:
    dist = make_sdist("demo", "1.0", extension)
    assert identify(dist.content, dist.filename) == NAMED
    assert identify(dist.content, dist.filename.upper()) == NAMED


def test_a_zip_called_tar_gz_is_read_as_pip_reads_it(identify: Identify) -> None:
    assert identify(make_sdist("demo", "1.0", ".zip").content, "demo-1.0.tar.gz") == NAMED


def test_lzip_is_refused_because_nothing_could_install_it(identify: Identify) -> None:
    with pytest.raises(DistributionError, match="lzip"):
        identify(b"LZIP\x01" + bytes(600), "demo-1.0.tar.lz")


def test_a_wheel_is_identified_by_its_metadata(identify: Identify) -> None:
    wheel = make_wheel("demo", "1.0")
    assert identify(wheel.content, wheel.filename) == NAMED


def test_a_wheel_of_another_project_is_refused(identify: Identify) -> None:
    with pytest.raises(DistributionError, match=r"demo-1\.0\.dist-info"):
        identify(make_wheel("demo", "1.0").content, "other-1.0-py3-none-any.whl")


def test_a_wheel_without_metadata_is_refused(identify: Identify) -> None:
    with pytest.raises(DistributionError, match="no metadata"):
        identify(make_sdist("demo", "1.0", ".zip").content, "demo-1.0-py3-none-any.whl")


@pytest.mark.parametrize(
    ("pkg_info", "expected"),
    [
        (b"Metadata-Version: 1.0\nName: demo\nVersion: 1.0\n", NAMED),
        (b"Metadata-Version: 1.0\r\nName: demo\r\nVersion: 1.0\r\nAuthor: J\xf6rg\r\n", NAMED),
        (b"\xef\xbb\xbfName: demo\nVersion: 1.0\n", NAMED),
        ("Name: demo\nVersion: 1.0\nSummary: ünï\n\nName: not-this\n".encode(), NAMED),
        (b"name:   demo  \nVERSION: 1.0\nName: again\n", NAMED),
        (b"Name: demo\n", Identity("demo", None)),
        (b"Name: demo\nDescription: a\n        Name: b\nVersion: 1.0\n", NAMED),
    ],
)
def test_core_metadata_of_every_age_and_encoding_is_read(
    identify: Identify, pkg_info: bytes, expected: Identity
) -> None:
    assert identify(pack_tar({"demo-1.0/PKG-INFO": pkg_info}), "demo-1.0.tar.gz") == expected


@pytest.mark.parametrize("pkg_info", [b"", b"Name: UNKNOWN\nVersion: 0.0.0\n", b"\x00\xff\n\n", b"no header"])
def test_metadata_without_a_name_leaves_the_word_to_the_project_files(identify: Identify, pkg_info: bytes) -> None:
    content = pack_tar({"demo-1.0/PKG-INFO": pkg_info, "demo-1.0/pyproject.toml": PYPROJECT})
    assert identify(content, "demo-1.0.tar.gz") == NAMED


@pytest.mark.parametrize("form", ["tar.gz", "tar.bz2"])
def test_no_number_of_spellings_of_one_name_hides_another_name(identify: Identify, form: str) -> None:
    spelled = ["".join(letters) for letters in product(*((one, one.upper()) for one in "evilpkg"))]
    members = [plain("demo-1.0/PKG-INFO", core_metadata(name, "9.9").encode()) for name in spelled]
    with pytest.raises(DistributionError, match=r"says more than once what it is: evilpkg 9\.9, demo 1\.0$"):
        identify(packed([*members, PKG_INFO], form), f"demo-1.0.{form}")


def test_only_the_root_pkg_info_counts(identify: Identify) -> None:
    content = pack_tar(
        {
            "demo-1.0/vendored/PKG-INFO": core_metadata("vendored", "9").encode(),
            "demo-1.0/demo.egg-info/PKG-INFO": core_metadata("old", "0").encode(),
            "demo-1.0/PKG-INFO": core_metadata("demo", "1.0").encode(),
        },
    )
    assert identify(content, "demo-1.0.tar.gz") == NAMED


def test_an_archive_without_a_root_folder_is_identified(identify: Identify) -> None:
    assert identify(pack_tar({"PKG-INFO": core_metadata("demo", "1.0").encode()}), "demo.tar.gz") == NAMED
    assert identify(pack_tar({"pyproject.toml": PYPROJECT, "src/a.py": b""}), "demo.tar.gz") == NAMED


OTHER = plain("demo-1.0/PKG-INFO", core_metadata("other", "1.0").encode())


@pytest.mark.parametrize("form", ["tar.gz", "tar.bz2", "zip"])
@pytest.mark.parametrize("second", [OTHER, plain("other-1.0/PKG-INFO", OTHER[1])], ids=["one name", "two folders"])
def test_an_archive_that_says_twice_what_it_is_is_refused(
    identify: Identify, second: tuple[tarfile.TarInfo, bytes], form: str
) -> None:
    members = [PKG_INFO, plain("demo-1.0/a.py", b"x"), second]
    for ordered in (members, members[::-1]):
        with pytest.raises(DistributionError, match=r"says more than once what it is: (demo|other) 1\.0, "):
            identify(packed(ordered, form), f"demo-1.0.{form}")


@pytest.mark.parametrize("form", ["tar.gz", "tar.bz2", "zip"])
def test_the_same_metadata_twice_is_fine(identify: Identify, form: str) -> None:
    assert identify(packed([PKG_INFO, PKG_INFO], form), f"demo-1.0.{form}") == NAMED


@pytest.mark.parametrize("form", ["tar.gz", "tar.bz2", "zip"])
def test_a_folder_is_not_the_project_where_a_file_stands_beside_it(identify: Identify, form: str) -> None:
    """pip strips the one folder that holds everything, and no other: it would build what stands at the top."""
    beside = plain("pyproject.toml", b'[project]\nname = "other"\nversion = "2"\n')
    assert identify(packed([PKG_INFO, beside], form), f"demo-1.0.{form}") == Identity("other", "2")
    top = plain("PKG-INFO", OTHER[1])
    assert identify(packed([PKG_INFO, top], form), f"demo-1.0.{form}") == Identity("other", "1.0")


def test_a_link_at_the_top_is_a_file_beside_the_folder(identify: Identify) -> None:
    link = tarfile.TarInfo("pyproject.toml")
    link.type, link.linkname = tarfile.SYMTYPE, "demo-1.0/inner/pyproject.toml"
    assert identify(tar_of(PKG_INFO, (link, b"")), "demo-1.0.tar.gz") is None


def packed(members: list[tuple[tarfile.TarInfo, bytes]], form: str) -> bytes:
    if form == "zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # zipfile's word on a name that is there twice
            for info, content in members:
                archive.writestr(info.name, content)
        return buffer.getvalue()
    content = tar_of(*members)
    return content if form == "tar.gz" else bz2.compress(gzip.decompress(content))


@pytest.mark.parametrize("extension", [".tar.gz", ".zip"])
def test_a_hosting_sites_archive_is_identified_by_its_project_files(identify: Identify, extension: str) -> None:
    files = {
        "pyproject.toml": '[project]\nname = "demo"\ndynamic = ["version"]\n',
        "setup.cfg": "[metadata]\nversion = file: VERSION.txt\n",
        "VERSION.txt": "1.0\n",
    }
    dist = make_sdist("demo", "main", extension, files=files)
    assert identify(dist.content, "main" + extension) == NAMED


def test_a_subdirectory_is_the_project(identify: Identify) -> None:
    content = pack_tar(
        {
            "repo-main/pyproject.toml": b'[project]\nname = "root"\nversion = "9"\n',
            "repo-main/PKG-INFO": core_metadata("root", "9").encode(),
            "repo-main/libs/demo/pyproject.toml": PYPROJECT,
        },
    )
    assert identify(content, "main.tar.gz", "libs/demo") == NAMED
    assert identify(content, "main.tar.gz", "libs/demo/") == NAMED
    with pytest.raises(DistributionError, match="no folder 'libs/none'"):
        identify(content, "main.tar.gz", "libs/none")


def test_a_subdirectory_of_a_name_that_no_folder_can_have_is_not_there(identify: Identify) -> None:
    with pytest.raises(DistributionError, match="has no folder 'nnn"):
        identify(pack_tar({"a/pyproject.toml": PYPROJECT}), "main.tar.gz", "n" * 300)


@pytest.mark.parametrize("subdirectory", ["..", "../..", "/etc", "libs/../../.."])
def test_a_subdirectory_outside_of_the_archive_is_refused(identify: Identify, subdirectory: str) -> None:
    with pytest.raises(DistributionError, match="outside of the archive"):
        identify(pack_tar({"a/pyproject.toml": PYPROJECT}), "main.tar.gz", subdirectory)


def test_an_archive_that_says_nothing_has_no_identity(identify: Identify) -> None:
    assert identify(pack_tar({"repo/README": b"hello"}), "main.tar.gz") is None
    assert identify(pack_tar({}), "main.tar.gz") is None


def test_setup_py_is_not_run(identify: Identify, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    setup = f"open({str(trace)!r}, 'w')\nfrom setuptools import setup\nsetup(name='demo', version='1.0')\n"
    assert identify(pack_tar({"repo/setup.py": setup.encode()}), "main.tar.gz") == NAMED
    assert not trace.exists()


def test_a_broken_project_file_is_named(identify: Identify) -> None:
    with pytest.raises(DistributionError, match=r"main\.tar\.gz: .*pyproject\.toml"):
        identify(pack_tar({"repo/pyproject.toml": b"[project\n"}), "main.tar.gz")


@pytest.mark.parametrize(
    "member",
    [
        special("demo-1.0/absolute", tarfile.SYMTYPE, "/etc/passwd"),
        special("demo-1.0/out", tarfile.SYMTYPE, "../../../etc/passwd"),
        special("demo-1.0/hard", tarfile.LNKTYPE, "/etc/passwd"),
        special("demo-1.0/device", tarfile.CHRTYPE),
        special("demo-1.0/pipe", tarfile.FIFOTYPE),
    ],
)
def test_links_and_devices_do_not_stop_the_identification(
    identify: Identify, member: tuple[tarfile.TarInfo, bytes]
) -> None:
    assert identify(tar_of(member, PKG_INFO), "demo-1.0.tar.gz") == NAMED
    project = plain("demo-1.0/pyproject.toml", PYPROJECT)
    assert identify(tar_of(member, project), "main.tar.gz") == NAMED


@pytest.mark.parametrize(
    "members",
    {
        "a folder": [
            PKG_INFO,
            special("demo-1.0/l", tarfile.SYMTYPE, "."),
            plain("demo-1.0/l/PKG-INFO", OTHER[1]),
        ],
        "a file": [
            PKG_INFO,
            special("demo-1.0/x", tarfile.LNKTYPE, "demo-1.0/PKG-INFO"),
            plain("demo-1.0/x", b""),
        ],
        "a hard link over a link": [
            PKG_INFO,
            plain("demo-1.0/e", OTHER[1]),
            special("demo-1.0/x", tarfile.SYMTYPE, "PKG-INFO"),
            special("demo-1.0/x", tarfile.LNKTYPE, "demo-1.0/e"),
        ],
        "a hard link over another": [
            PKG_INFO,
            plain("demo-1.0/e", OTHER[1]),
            special("demo-1.0/x", tarfile.LNKTYPE, "demo-1.0/PKG-INFO"),
            special("demo-1.0/x", tarfile.LNKTYPE, "demo-1.0/e"),
        ],
        "in place": [plain("demo-1.0/x", OTHER[1]), PKG_INFO, special("demo-1.0/PKG-INFO", tarfile.SYMTYPE, "x")],
        "before": [special("demo-1.0/PKG-INFO", tarfile.SYMTYPE, "x"), PKG_INFO, plain("demo-1.0/x", OTHER[1])],
        "project": [
            PKG_INFO,
            plain("demo-1.0/pyproject.toml", PYPROJECT),
            special("demo-1.0/pyproject.toml", tarfile.LNKTYPE, "demo-1.0/x"),
        ],
        "a link": [
            PKG_INFO,
            special("demo-1.0/l", tarfile.SYMTYPE, "."),
            special("demo-1.0/l/PKG-INFO", tarfile.SYMTYPE, "x"),
        ],
    }.values(),
)
def test_links_through_which_pip_would_write_over_the_metadata_are_refused(
    identify: Identify, members: list[tuple[tarfile.TarInfo, bytes]]
) -> None:
    with pytest.raises(DistributionError, match=r"^demo-1\.0\.tar\.gz has 'demo-1\.0/\S+' behind or over a link$"):
        identify(tar_of(*members), "demo-1.0.tar.gz")


def test_a_link_in_the_place_of_metadata_says_nothing(identify: Identify) -> None:
    link = special("demo-1.0/PKG-INFO", tarfile.SYMTYPE, "/etc/hostname")
    assert identify(tar_of(link, plain("demo-1.0/pyproject.toml", PYPROJECT)), "main.tar.gz") == NAMED


def test_more_links_than_anybody_makes_are_refused(identify: Identify) -> None:
    links = [special(f"demo-1.0/{number}", tarfile.SYMTYPE, "x") for number in range(20_001)]
    with pytest.raises(DistributionError, match="more than 20000 links"):
        identify(tar_of(*links, PKG_INFO), "demo-1.0.tar.gz")


def test_a_file_behind_a_link_is_not_written_through_it(identify: Identify, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.mkdir()
    link = special("demo-1.0/sub", tarfile.SYMTYPE, str(trap))
    content = tar_of(link, plain("demo-1.0/sub/x", b"!"), plain("demo-1.0/pyproject.toml", PYPROJECT))
    with pytest.raises(DistributionError, match=r"'demo-1\.0/sub/x' behind or over a link"):
        identify(content, "main.tar.gz")
    assert list(trap.iterdir()) == []


@pytest.mark.parametrize("name", ["../evil", "demo-1.0/../../evil", "..\\evil", "/../evil"])
def test_a_member_outside_of_the_archive_is_refused(identify: Identify, name: str) -> None:
    for members in ((plain(name, b"!"), PKG_INFO), (PKG_INFO, plain(name, b"!"))):
        with pytest.raises(DistributionError, match="lies outside"):
            identify(tar_of(*members), "demo-1.0.tar.gz")


def test_an_absolute_member_stays_inside_as_in_pip(identify: Identify) -> None:
    info, content = PKG_INFO
    assert identify(tar_of(plain("/" + info.name, content)), "demo-1.0.tar.gz") == NAMED


def test_a_path_that_is_file_and_folder_is_no_reason_to_fail(identify: Identify) -> None:
    project = plain("r/pyproject.toml", PYPROJECT)
    long = plain(f"r/{'x' * 300}", b"")
    assert identify(tar_of(plain("r/a", b""), plain("r/a/b", b""), long, project), "main.tar.gz") == NAMED


@pytest.mark.parametrize("filename", ["demo-1.0.tar.gz", "demo-1.0.zip", "demo-1.0-py3-none-any.whl"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<!DOCTYPE html><html>Sign in</html>", "web page"),
        (b"\n\n<html><body>404</body></html>", "web page"),
        (b"", "it is empty"),
        (b"certainly no archive" * 100, "cannot be read"),
    ],
)
def test_what_is_no_archive_is_refused_with_the_reason(
    identify: Identify, filename: str, content: bytes, reason: str
) -> None:
    with pytest.raises(DistributionError, match=reason):
        identify(content, filename)


def test_an_encrypted_zip_is_refused(identify: Identify) -> None:
    content = bytearray(make_sdist("demo", "1.0", ".zip").content)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(signature)
        content[at + offset] |= 1
    with pytest.raises(DistributionError, match=r"encrypted"):
        identify(bytes(content), "demo-1.0.zip")


def test_a_missing_file_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"demo-1\.0\.tar\.gz"):
        ArchiveReader(SourceTreeReader()).identify(tmp_path / "none", "demo-1.0.tar.gz")


def test_an_archive_that_is_damaged_behind_its_metadata_is_refused(identify: Identify) -> None:
    sound = gzip.compress(pack_tar({"demo-1.0/PKG-INFO": core_metadata("demo", "1.0").encode()}, ".tar")[:1024])
    broken = bz2.compress(b"x" * 5000)[:20]
    with pytest.raises(DistributionError, match="cannot be read as an archive"):
        identify(sound + broken, "demo-1.0.tar.gz")


SMALL = Limits(members=20, total=1 << 20, piece=1 << 16, metadata=4096, file=1024, unpacked=8192)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({f"r/{number}": b"" for number in range(30)}, "more than 20 members"),
        ({"r/zeros": bytes(2 << 20)}, "unpacks to more than"),
        ({"r/PKG-INFO": b"Name: demo\n" + bytes(5000)}, "has 5011 bytes"),
        ({f"r/{number}.py": bytes(1000) for number in range(15)}, "small files"),
    ],
)
def test_a_bomb_is_refused(tmp_path: Path, members: dict[str, bytes], reason: str) -> None:
    path = tmp_path / "blob"
    path.write_bytes(pack_tar(members))
    with pytest.raises(DistributionError, match=reason):
        ArchiveReader(SourceTreeReader(), limits=SMALL).identify(path, "demo-1.0.tar.gz")


def test_a_header_of_absurd_size_is_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 4 << 30
    path = tmp_path / "blob"
    path.write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(4096)))
    with pytest.raises(DistributionError, match="larger than any distribution"):
        ArchiveReader(SourceTreeReader(), limits=SMALL).identify(path, "demo-1.0.tar.gz")


def test_a_zip_that_understates_its_sizes_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("r/PKG-INFO", b"Name: demo\n" + bytes(1 << 20))
    content = buffer.getvalue().replace(((1 << 20) + 11).to_bytes(4, "little"), (50).to_bytes(4, "little"))
    path = tmp_path / "blob"
    path.write_bytes(content)
    with pytest.raises(DistributionError):
        ArchiveReader(SourceTreeReader(), limits=SMALL).identify(path, "demo-1.0.zip")


def test_dependencies_with_extras_are_read_and_no_others(identify: Identify) -> None:
    stated = ("core[toml]>=1", "plain", 'other[a,b] ; extra == "x"', "odd ; extra == '[x]'", "core [spaced] (>=2)")
    found = identify(make_wheel("demo", "1.0", requires=stated).content, "demo-1.0-py3-none-any.whl")
    expected = ("core[toml]>=1", 'other[a,b] ; extra == "x"', "core [spaced] (>=2)")
    assert found == Identity("demo", "1.0", expected)


def test_a_folded_dependency_is_one(identify: Identify) -> None:
    dist = make_wheel("demo", "1.0", requires=("core[a,\n b]>=1",))
    assert identify(dist.content, dist.filename) == Identity("demo", "1.0", ("core[a, b]>=1",))


def test_no_metadata_makes_many_or_long_dependencies(identify: Identify) -> None:
    many = (*(f"core[x{number}]" for number in range(5000)), "core[" + "y" * 1000 + "]")
    found = identify(make_wheel("demo", "1.0", requires=many).content, "demo-1.0-py3-none-any.whl")
    assert found is not None
    assert len(found.extra_dependencies) == 200
    long = make_wheel("demo", "1.0", requires=many[-1:])
    assert identify(long.content, long.filename) == NAMED


@pytest.mark.parametrize("extension", [".tar.gz", ".tar.bz2", ".zip"])
def test_what_an_sdist_is_built_with_is_read_along(identify: Identify, extension: str) -> None:
    files = sdist_files("demo", "1.0", build_requires=("hatchling>=1", "hatch-vcs"))
    for members in (files, dict(reversed(files.items()))):
        found = identify(make_sdist("demo", "1.0", extension, files=members).content, f"demo-1.0{extension}")
        assert found is not None
        assert found.build_requires == ("hatchling>=1", "hatch-vcs")


@pytest.mark.parametrize("extension", [".tar.gz", ".zip"])
def test_an_sdist_without_a_pyproject_is_built_with_setuptools(identify: Identify, extension: str) -> None:
    files = {"PKG-INFO": core_metadata("demo", "1.0"), "a/pyproject.toml": "[build-system]\nrequires = ['x']\n"}
    found = identify(make_sdist("demo", "1.0", extension, files=files).content, f"demo-1.0{extension}")
    assert found is not None
    assert found.build_requires == ("setuptools>=40.8.0",)


def test_an_archive_of_a_hosting_site_is_built_with_what_its_pyproject_says(identify: Identify) -> None:
    files = sdist_files("demo", "1.0", build_requires=("flit_core",))
    del files["PKG-INFO"]
    below = {f"below/{name}": text for name, text in files.items()}
    found = identify(make_sdist("demo", "1.0", files=files).content, "demo-1.0.tar.gz")
    assert found is not None
    assert found.build_requires == ("flit_core",)
    found = identify(make_sdist("demo", "1.0", files=below).content, "demo-1.0.tar.gz", "below")
    assert found is not None
    assert found.build_requires == ("flit_core",)


def test_a_pyproject_with_a_key_of_very_many_parts_is_refused_and_not_read_for_hours(identify: Identify) -> None:
    files = {"pyproject.toml": "a." * 500_000 + "b = 1"}
    with pytest.raises(DistributionError, match="a key has more than 100 parts"):
        identify(make_sdist("demo", "1.0", files=files).content, "demo-1.0.tar.gz")


def test_the_metadata_of_a_wheel_is_given_as_it_stands_there(tmp_path: Path) -> None:
    wheel = make_wheel("demo", "1.0", requires=("other>=2",))
    path = tmp_path / "blob"
    path.write_bytes(wheel.content)
    reader: WheelReader = ArchiveReader(SourceTreeReader())

    metadata = reader.wheel_metadata(path, wheel.filename)

    with zipfile.ZipFile(path) as archive:
        assert metadata == archive.read("demo-1.0.dist-info/METADATA")


def test_a_wheel_that_is_none_has_no_metadata(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(make_wheel("demo", "1.0").content[:-40])
    with pytest.raises(DistributionError):
        ArchiveReader(SourceTreeReader()).wheel_metadata(path, "demo-1.0-py3-none-any.whl")


def test_single_files_of_an_archive_are_read_up_to_a_limit_together(tmp_path: Path) -> None:
    dist = make_sdist("demo", "1.0", files={"a.toml": "0123", "b.toml": "456789", "c.toml": "x"})
    path = dist.write(tmp_path)
    wanted = {"a.toml", "b.toml"}.__contains__
    texts = ArchiveTexts(Limits(unpacked=10)).below(path, dist.filename, wanted)
    assert texts == {"a.toml": b"0123", "b.toml": b"456789"}
    with pytest.raises(DistributionError, match="what is read of it has more than 9 bytes"):
        ArchiveTexts(Limits(unpacked=9)).below(path, dist.filename, wanted)


@pytest.mark.parametrize("kept", [1.0, 0.5])
def test_an_error_that_is_kept_holds_no_decompressor(
    identify: Identify, monkeypatch: pytest.MonkeyPatch, kept: float
) -> None:
    """It may have 128 MiB, and an error holds what was at hand where it was raised."""
    alive: weakref.WeakSet[Decoder] = weakref.WeakSet()

    class Decoder:
        def __init__(self, memlimit: int) -> None:
            self._own = lzma.LZMADecompressor(memlimit=memlimit)
            alive.add(self)

        def __getattr__(self, name: str) -> object:
            return getattr(self._own, name)

    counted = SimpleNamespace(**{**vars(lzma), "LZMADecompressor": Decoder})
    monkeypatch.setattr("cachi2ish.sdists.members.lzma", counted)
    other = plain("demo-1.0/PKG-INFO", core_metadata("evil", "1.0").encode())
    content = lzma.compress(gzip.decompress(tar_of(PKG_INFO, other)))
    with pytest.raises(DistributionError, match="says more than once" if kept == 1 else "ends before") as caught:
        identify(content[: int(len(content) * kept)], "demo-1.0.tar.xz")
    assert caught.value.__traceback__ is not None
    assert list(alive) == []
