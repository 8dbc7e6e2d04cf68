"""Real distributions, small and built in the test: pip can install every one of them."""

from __future__ import annotations

import base64
import bz2
import csv
import gzip
import hashlib
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_MTIME = 1_700_000_000

_PYPROJECT = """\
[build-system]
requires = {requires}
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "{version}"
"""


@dataclass(frozen=True)
class Dist:
    """A file of an index: its name and its bytes."""

    filename: str
    content: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def hash_option(self, algorithm: str = "sha256") -> str:
        """What goes into a requirements file behind the requirement."""
        return f"--hash={algorithm}:{hashlib.new(algorithm, self.content).hexdigest()}"

    def write(self, folder: Path) -> Path:
        path = folder / self.filename
        path.write_bytes(self.content)
        return path


def module_name(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")


def core_metadata(name: str, version: str, extra: str = "") -> str:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{extra}"


def sdist_files(
    name: str,
    version: str,
    *,
    build_requires: tuple[str, ...] = ("setuptools",),
    pkg_info: str | None = None,
) -> dict[str, str]:
    module = module_name(name)
    return {
        "PKG-INFO": core_metadata(name, version) if pkg_info is None else pkg_info,
        "pyproject.toml": _PYPROJECT.format(requires=list(build_requires), name=name, version=version).replace(
            "'", '"'
        ),
        f"{module}.py": f'VERSION = "{version}"\n',
    }


def make_sdist(
    name: str,
    version: str,
    extension: str = ".tar.gz",
    *,
    files: Mapping[str, str] | None = None,
    filename: str | None = None,
    padding: int = 0,
) -> Dist:
    """Build an sdist; ``padding`` adds a file of so many incompressible bytes."""
    root = f"{name}-{version}"
    members = {f"{root}/{path}": text.encode() for path, text in (files or sdist_files(name, version)).items()}
    if padding:
        members[f"{root}/padding.bin"] = noise(padding)
    content = _zip(members) if extension == ".zip" else pack_tar(members, extension)
    return Dist(filename or f"{root}{extension}", content)


def make_wheel(
    name: str,
    version: str,
    tag: str = "py3-none-any",
    *,
    requires: tuple[str, ...] = (),
    metadata: str = "",
    modules: Mapping[str, str] | None = None,
) -> Dist:
    """Build a wheel that installs one module, or those of ``modules`` (PEP 427). metadata: further lines."""
    module = module_name(name)
    info = f"{module}-{version}.dist-info"
    tags = [
        f"Tag: {python}-{abi}-{platform}\n"
        for python in tag.split("-", maxsplit=1)[0].split(".")
        for abi in tag.split("-")[1].split(".")
        for platform in tag.split("-")[2].split(".")
    ]
    sources = {f"{module}.py": f'VERSION = "{version}"\n'} if modules is None else modules
    members = {
        **{path: text.encode() for path, text in sources.items()},
        f"{info}/METADATA": core_metadata(
            name, version, metadata + "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
        ).encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n{''.join(tags)}".encode(),
    }
    record = io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    for path, data in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.writerow([path, f"sha256={digest}", len(data)])
    rows.writerow([f"{info}/RECORD", "", ""])
    members[f"{info}/RECORD"] = record.getvalue().encode()
    return Dist(f"{module}-{version}-{tag}.whl", _zip(members))


def noise(size: int) -> bytes:
    """Bytes that do not compress, the same at every call."""
    return hashlib.shake_128(b"noise").digest(size)


def pack_tar(members: Mapping[str, bytes], extension: str = ".tar.gz") -> bytes:
    """Pack files into a tar archive, compressed as the ending says."""
    buffer = io.BytesIO()
    with tarfile.open(mode="w", fileobj=buffer) as archive:
        for path, data in members.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            info.mtime = _MTIME
            archive.addfile(info, io.BytesIO(data))
    return _COMPRESS.get(extension, bytes)(buffer.getvalue())


def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)  # tarfile would write the time of day


def _lzma_alone(content: bytes) -> bytes:
    return lzma.compress(content, format=lzma.FORMAT_ALONE)


_COMPRESS: Mapping[str, Callable[[bytes], bytes]] = {
    ".tar.gz": _gzip,
    ".tgz": _gzip,
    ".tar.bz2": bz2.compress,
    ".tbz": bz2.compress,
    ".tar.xz": lzma.compress,
    ".txz": lzma.compress,
    ".tar.lzma": _lzma_alone,
    ".tlz": _lzma_alone,
}


def _zip(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in members.items():
            archive.writestr(zipfile.ZipInfo(path, (2023, 11, 14, 0, 0, 0)), data)
    return buffer.getvalue()
