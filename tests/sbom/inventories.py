"""Inventories: one that has one of everything, and others that have something special."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from msgspec.structs import replace

from cachi2ish.core.as_of import RecordedDates
from cachi2ish.core.digests import Digest
from cachi2ish.core.inventory import (
    Dependency,
    FromGit,
    FromIndex,
    FromUrl,
    Inventory,
    InventoryFile,
    MainPackage,
    VcsOrigin,
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"
UPLOADED = datetime(2024, 9, 30, 12, 0, 0, 500_000, tzinfo=UTC)
VCS = VcsOrigin(url="https://git.example/group/app.git", commit=COMMIT)
INDEX = FromIndex(index="https://index.example/simple", default=True)
OTHER_INDEX = FromIndex(index="https://private.example/simple", default=False)


def digest(name: str, algorithm: str = "sha256") -> Digest:
    made = hashlib.new(algorithm, name.encode())
    return Digest(algorithm, made.hexdigest() if made.digest_size else made.hexdigest(32))  # type: ignore[call-arg]


def file(
    filename: str,
    *,
    url: str | None = None,
    algorithms: tuple[str, ...] = ("sha256",),
    verified: bool = True,
    upload_time: datetime | None = None,
) -> InventoryFile:
    return InventoryFile(
        filename=filename,
        url=url or f"https://files.example/{filename}",
        size=len(filename),
        digests=tuple(digest(filename, algorithm) for algorithm in algorithms),
        wheel=filename.endswith(".whl"),
        verified=verified,
        upload_time=upload_time,
    )


APP = MainPackage(name="App", version="1.0", vcs=VCS)
PLUGIN = MainPackage(name="plugin", version=None, path="plugins/a", vcs=VCS)

PINNED = Dependency(
    name="pinned",
    version="1.0",
    source=INDEX,
    files=(file("pinned-1.0.tar.gz", algorithms=("sha256", "sha512")), file("pinned-1.0-py3-none-any.whl")),
    markers=("python_version < '3.12'", "sys_platform == 'win32'"),
    required_by=(".", "plugins/a"),
)
PRIVATE = Dependency(
    name="private",
    version="1.0+local.1",
    source=OTHER_INDEX,
    files=(file("private-1.0+local.1.tar.gz", verified=False, upload_time=UPLOADED),),
    missing_hash_in=("requirements.txt", "requirements/more.txt"),
)
ARCHIVE = Dependency(
    name="archive",
    version=None,
    source=FromUrl(url="https://files.example/v1.zip", digest=digest("archive")),
    files=(file("archive-url-sha256-0.zip", url="https://files.example/v1.zip"),),
)
CHECKOUT = Dependency(
    name="checkout",
    version="0.1.dev1",
    source=FromGit(vcs=VcsOrigin(url="ssh://git@git.example/group/x.git", commit=COMMIT), subdirectory="python/x"),
    files=(file("checkout-git-0.tar.gz", url="ssh://git@git.example/group/x.git"),),
    required_by=("plugins/a",),
)
BUILDER = Dependency(
    name="builder", version="80.0", source=INDEX, files=(file("builder-80.0.tar.gz"),), build=True
)

EVERYTHING = Inventory(
    root=APP,
    packages=(APP, PLUGIN),
    dependencies=(ARCHIVE, BUILDER, CHECKOUT, PINNED, PRIVATE),
    tool_version="0.1.0",
    index_dates=(
        RecordedDates(".", "2024-10-02T00:00:00Z", (("pinned", "2024-06-02T00:00:00Z"), ("private", None))),
        RecordedDates("plugins/a", "2024-10-02T00:00:00Z"),
        RecordedDates("plugins/b", None, (("pinned", "2024-06-02T00:00:00Z"),)),
    ),
)

BARE = MainPackage(name="app", version=None)

#: Inventories by what is special about them.
EACH = {
    "everything": EVERYTHING,
    "nothing": Inventory(root=BARE, packages=(BARE,), dependencies=(), tool_version="1"),
    "no version, no checkout": replace(EVERYTHING, root=BARE, packages=(BARE,)),
    "two of one package URL": replace(
        EVERYTHING,
        dependencies=(PINNED, replace(PINNED, required_by=("plugins/a",))),
    ),
    "named like a dependency": replace(EVERYTHING, root=MainPackage(name="builder", version="80.0")),
    "odd addresses": replace(
        EVERYTHING,
        dependencies=tuple(
            replace(ARCHIVE, name=f"odd{number}", files=(file("x.zip", url=url),))
            for number, url in enumerate(
                [
                    "https://h.example/100%/a b.zip",
                    "https://h.example/a#b#c",
                    "file:///srv/x.zip",
                    r"https://h.example/a|b^c\d`é",
                ]
            )
        ),
    ),
}

_LEAK = VcsOrigin(url="https://user:hunter2@git.example/x.git", commit=COMMIT)
_LEAKY_ADDRESS = "https://user:hunter2@files.example/a.zip?token=hunter2"

#: With the credentials of ``user``, ``hunter2``, in every address.
CREDENTIALS = Inventory(
    root=MainPackage(name="app", version="1", vcs=_LEAK),
    packages=(),
    dependencies=(
        replace(CHECKOUT, source=FromGit(vcs=_LEAK)),
        replace(
            ARCHIVE,
            source=FromUrl(url=_LEAKY_ADDRESS, digest=digest("a")),
            files=(file("a.zip", url=_LEAKY_ADDRESS),),
        ),
    ),
    tool_version="1",
)
