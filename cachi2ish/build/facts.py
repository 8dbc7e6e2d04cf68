"""What an sdist says of how it is built: the words of PEP 517, PEP 518 and PEP 621."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

#: What installers take where nothing is declared (PEP 518); pip before 24.0 takes wheel as well.
IMPLICIT = ("setuptools>=40.8.0", "wheel")

#: The back-end where none is named (PEP 517).
LEGACY_BACKEND = "setuptools.build_meta:__legacy__"

#: The files at the top that are read, and those whose presence matters.
PKG_INFO, PYPROJECT, SETUP_CFG, SETUP_PY, CARGO_LOCK = (
    "PKG-INFO",
    "pyproject.toml",
    "setup.cfg",
    "setup.py",
    "Cargo.lock",
)
TOP = (PKG_INFO, PYPROJECT, SETUP_CFG, SETUP_PY, CARGO_LOCK, "Cargo.toml", "CMakeLists.txt", "meson.build")


class SdistFacts(Struct, frozen=True, kw_only=True, gc=False):
    """All that an sdist says of how it is built. Kept between runs, since it follows from the digest.

    requires: ``build-system.requires`` as it is written; None where nothing is declared.
    backend: ``build-system.build-backend``; "" where none is named. backend_path: where it is in the tree.
    in_tree: of a back-end in the tree, the module whose hook it has; "" where it has one of its own.
    tool: the tables of ``[tool]`` that a rule reads. dynamic, dependencies, optional: of ``[project]`` (PEP 621).
    setup_requires: of ``setup.py`` and ``setup.cfg``. setup_computed: whether ``setup.py`` computes some of it.
    top: the names of those files at the top that matter.
    names_itself: whether the module states what flit needs to know of it; None where that was not looked for.
    crates: how many packages of a registry ``Cargo.lock`` names; None where there is none.
    dependencies_of_wheel: ``Requires-Dist`` of a PKG-INFO that speaks for the wheel too (metadata 2.2), else None.
    requires_dist_of_setup: what setuptools wrote of them into the sdist (``requires.txt``), or None.
    requires_python: or "". unreadable: what could not be read, as a clause, or "".
    """

    name: str = ""
    version: str = ""
    requires: tuple[str, ...] | None = None
    backend: str = ""
    backend_path: tuple[str, ...] = ()
    in_tree: str = ""
    tool: dict[str, Any] = {}
    dynamic: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    optional: dict[str, tuple[str, ...]] = {}
    setup_requires: tuple[str, ...] = ()
    setup_computed: bool = False
    top: tuple[str, ...] = ()
    names_itself: bool | None = None
    crates: int | None = None
    dependencies_of_wheel: tuple[str, ...] | None = None
    requires_dist_of_setup: tuple[str, ...] | None = None
    requires_python: str = ""
    unreadable: str = ""

    @property
    def is_legacy(self) -> bool:
        """Whether no build system is declared at all."""
        return self.requires is None

    @property
    def hook(self) -> str:
        """The module whose hook is called; "" for one in the tree whose hook nobody knows."""
        backend = self.backend or LEGACY_BACKEND
        return self.in_tree if self.backend_path else backend.partition(":")[0].strip()
