"""What the index of an output lists: the distributions in ``deps/pip`` that have a name and a version."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from urllib.parse import quote

from packaging.utils import canonicalize_name

from cachi2ish.core.distributions import version_order
from cachi2ish.core.inventory import FromGit, FromUrl, Inventory, InventoryFile
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.core.placement import FILES_FROM_PAGES


def output_pages(inventory: Inventory) -> Iterator[Page]:
    """Yield a page for each project, with what comes from indexes and the wheels that come from addresses.

    Other archives from addresses, and those of commits, have no name that an installer reads a version in.
    """
    files: dict[str, dict[str, InventoryFile]] = defaultdict(dict)
    versions: dict[str, set[str]] = defaultdict(set)
    for one in inventory.dependencies:
        listed = [file for file in one.files if not isinstance(one.source, FromUrl | FromGit) or file.wheel]
        for file in listed:
            known = files[one.name].setdefault(file.filename, file)
            if known.upload_time is None:
                files[one.name][file.filename] = file
        if listed and one.version:
            versions[one.name].add(one.version)
    for project, found in sorted(files.items()):
        yield Page(
            project=canonicalize_name(project),
            index="",
            files=tuple(_listed(found[name]) for name in sorted(found)),
            versions=tuple(sorted(versions[project], key=lambda version: (version_order(version), version))),
        )


def _listed(file: InventoryFile) -> IndexFile:
    sha256 = next(one.value for one in file.digests if one.algorithm == "sha256")
    return IndexFile(
        filename=file.filename,
        url=f"{FILES_FROM_PAGES}{quote(file.filename)}",
        hashes=(("sha256", sha256),),
        size=file.size,
        upload_time=file.upload_time,
    )
