"""References are unique, and everything hangs on the root."""

from __future__ import annotations

from msgspec.structs import replace

from cachi2ish.core.inventory import Inventory, MainPackage
from cachi2ish.sbom import graph
from tests.sbom import inventories


def edges(inventory: Inventory) -> dict[str, tuple[str, ...]]:
    return dict(graph.build(inventory).edges)


def names(bill: graph.Graph) -> dict[str, str]:
    return {node.dependency.name: node.ref for node in bill.dependencies}


def test_each_main_package_needs_what_its_requirements_name() -> None:
    bill = graph.build(inventories.EVERYTHING)
    ref = names(bill)
    (plugin,) = bill.packages
    assert dict(bill.edges) == {
        bill.root.ref: tuple(
            sorted([plugin.ref, ref["archive"], ref["builder"], ref["pinned"], ref["private"]]),
        ),
        plugin.ref: tuple(sorted([ref["checkout"], ref["pinned"]])),
    }


def test_a_package_listed_twice_is_there_once() -> None:
    inventory = replace(inventories.EVERYTHING, packages=(inventories.APP, inventories.PLUGIN, inventories.PLUGIN))
    assert graph.build(inventory) == graph.build(inventories.EVERYTHING)


def test_a_root_that_is_no_listed_package_needs_the_listed_ones() -> None:
    inventory = replace(inventories.EVERYTHING, packages=(inventories.PLUGIN,))
    bill = graph.build(inventory)
    assert bill.packages[0].ref in dict(bill.edges)[bill.root.ref]


def test_what_is_no_package_of_the_input_has_no_package_url() -> None:
    """Else a scanner takes a stranger's project of that name for it."""
    listed = graph.build(inventories.EVERYTHING)
    assert listed.root.purl is not None
    unlisted = graph.build(replace(inventories.EVERYTHING, packages=(inventories.PLUGIN,)))
    assert unlisted.root.purl is None
    assert unlisted.root.ref == f"git+{inventories.VCS.url}@{inventories.VCS.commit}"
    assert unlisted.packages == listed.packages
    folder = MainPackage(name="source", version=None, guessed=True)
    unnamed = graph.build(Inventory(root=folder, packages=(folder,), dependencies=(), tool_version="1"))
    assert (unnamed.root.ref, unnamed.root.purl) == ("source", None)


def test_a_dependency_that_no_listed_package_asks_for_hangs_on_the_root() -> None:
    lost = replace(inventories.PINNED, required_by=("gone",))
    inventory = Inventory(root=inventories.APP, packages=(), dependencies=(lost,), tool_version="1")
    bill = graph.build(inventory)
    assert edges(inventory) == {bill.root.ref: (bill.dependencies[0].ref,)}


def test_a_project_and_a_dependency_of_the_same_name_and_version_have_two_references() -> None:
    root = MainPackage(name="pinned", version="1.0")
    inventory = Inventory(root=root, packages=(root,), dependencies=(inventories.PINNED,), tool_version="1")
    bill = graph.build(inventory)
    assert bill.root.purl == bill.dependencies[0].purl
    assert bill.root.ref != bill.dependencies[0].ref
    assert edges(inventory) == {bill.root.ref: (bill.dependencies[0].ref,)}


def test_the_order_of_the_input_does_not_matter() -> None:
    turned = replace(
        inventories.EVERYTHING,
        packages=tuple(reversed(inventories.EVERYTHING.packages)),
        dependencies=tuple(reversed(inventories.EVERYTHING.dependencies)),
    )
    assert graph.build(turned) == graph.build(inventories.EVERYTHING)
