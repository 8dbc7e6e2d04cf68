"""Who is on the bill and who needs whom, before any format: packages with a unique reference, and edges."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from cachi2ish.core.inventory import Dependency, Inventory, MainPackage
from cachi2ish.sbom import package_urls
from cachi2ish.sbom.document import unique


class MainNode(Struct, frozen=True):
    """A package of the user's own. ref: unique in the bill; purl: as text, None for what is no package."""

    ref: str
    purl: str | None
    package: MainPackage


class DependencyNode(Struct, frozen=True, gc=False):
    """A dependency. ref: unique in the bill; purl: as text."""

    ref: str
    purl: str
    dependency: Dependency


class Graph(Struct, frozen=True):
    """root: what the bill is about; packages: the others of the user's own; both sorted by package URL.

    edges: from the ``ref`` of a main package to those of what it needs directly, and from a dependency to those
    that it needs where a lock file tells; all sorted.
    """

    root: MainNode
    packages: tuple[MainNode, ...]
    dependencies: tuple[DependencyNode, ...]
    edges: tuple[tuple[str, tuple[str, ...]], ...]


def build(inventory: Inventory) -> Graph:
    """Return the graph of ``inventory``.

    A reference is the package URL; where two entries have the same one (a project and a dependency of the same
    name and version), the later gets a number. A package that is listed twice is there once. What no listed
    package asks for hangs on the root, so that nothing is out of reach.
    A repository whose packages are in subfolders has no package URL, and neither has a folder that nothing names:
    an index may have a stranger's project of that name.
    """
    references: set[str] = set()
    root = _main(inventory.root, references, is_package=inventory.root in inventory.packages)
    own = sorted(set(inventory.packages) - {inventory.root}, key=_main_key)
    packages = tuple(_main(package, references, is_package=True) for package in own)
    dependencies = tuple(
        DependencyNode(unique(purl, references, "|"), purl, dependency)
        for purl, dependency in _with_purls(inventory.dependencies)
    )
    return Graph(root, packages, dependencies, _edges(root, packages, dependencies, inventory.edges))


def _main(package: MainPackage, references: set[str], *, is_package: bool) -> MainNode:
    if is_package and not package.guessed:
        purl = package_urls.of_main_package(package)
        return MainNode(unique(purl, references, "|"), purl, package)
    reference = package_urls.vcs_url(package.vcs) if package.vcs else package.name
    return MainNode(unique(reference, references, "|"), None, package)


def _main_key(package: MainPackage) -> tuple[str, str, str]:
    return package_urls.of_main_package(package), package.path, package.name


def _with_purls(dependencies: Iterable[Dependency]) -> list[tuple[str, Dependency]]:
    pairs = [(package_urls.of_dependency(dependency), dependency) for dependency in set(dependencies)]
    return sorted(pairs, key=lambda pair: (pair[0], pair[1].files, pair[1].required_by, pair[1].markers))


def _edges(
    root: MainNode,
    packages: tuple[MainNode, ...],
    dependencies: tuple[DependencyNode, ...],
    among: tuple[tuple[Dependency, Dependency], ...],
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    needs: dict[str, set[str]] = {node.ref: set() for node in (root, *packages)}
    needs[root.ref] |= {node.ref for node in packages}
    refs_of_path: dict[str, set[str]] = {}
    for node in (root, *packages):
        refs_of_path.setdefault(node.package.path, set()).add(node.ref)
    needed = {other for _, other in among}
    for dependency in dependencies:
        needing = {ref for path in dependency.dependency.required_by for ref in refs_of_path.get(path, ())}
        if not needing and dependency.dependency not in needed:
            needing = {root.ref}
        for ref in needing:
            needs[ref].add(dependency.ref)
    refs = {node.dependency: node.ref for node in dependencies}
    for one, other in among:
        needs.setdefault(refs[one], set()).add(refs[other])
    return tuple(sorted((ref, tuple(sorted(refs_of))) for ref, refs_of in needs.items()))
