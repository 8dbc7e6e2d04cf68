"""setuptools' two ways to keep a version elsewhere: in a file (``file:``) or in a module (``attr:``).

Both are in ``setup.cfg`` and in ``[tool.setuptools.dynamic]`` of ``pyproject.toml``. setuptools imports the
module when its attribute is no literal; here it is read as a syntax tree, and what is computed is not told.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from packaging.version import InvalidVersion, Version

from cachi2ish.projects.constants import Constants, as_text, parse
from cachi2ish.projects.project_folder import ProjectFolder


@dataclass(frozen=True)
class Layout:
    """Where a project's modules are.

    package_dir: from package to folder, "" for all others (setuptools' ``package_dir``).
    where: the folders in which packages are looked for (``packages.find.where``).
    """

    package_dir: Mapping[str, str] = field(default_factory=dict)
    where: tuple[str, ...] = ()

    def module_files(self, module: str, *, has_src: bool) -> Iterable[str]:
        """Return the files that ``module`` may be in, the likeliest first, relative to the project."""
        parts = module.split(".") if module else ["__init__"]
        for folder in self._folders(parts, has_src=has_src):
            yield f"{folder}.py"
            yield f"{folder}/__init__.py"

    def _folders(self, parts: list[str], *, has_src: bool) -> Iterable[str]:
        for length in range(len(parts), 0, -1):  # the most specific entry first
            package = ".".join(parts[:length])
            if package in self.package_dir:
                yield posixpath.join(self.package_dir[package], *parts[length:])
        declared = [self.package_dir[""]] if "" in self.package_dir else list(self.where)
        # Where nothing is stated, setuptools finds a "src" layout by itself before a flat one.
        for root in declared or (["src", ""] if has_src else [""]):
            yield posixpath.join(root, *parts)


def version_in_files(folder: ProjectFolder, files: Iterable[str]) -> str | None:
    """Return the version that ``files`` hold together, None where they are not there or hold something else."""
    texts = [text for text in (folder.read_text(file.strip()) for file in files) if text is not None]
    version = "\n".join(texts).strip()
    try:
        Version(version)
    except InvalidVersion:
        return None
    return version


def version_in_module(folder: ProjectFolder, attribute: str, layout: Layout) -> str | None:
    """Return the value of ``package.module.NAME``, None where it is not there or is computed."""
    module_name, _, name = attribute.strip().rpartition(".")
    for file in layout.module_files(module_name, has_src=folder.has_folder("src")):
        content = folder.read_bytes(file)
        if content is not None:
            return _constant(content, name)
    return None


def _constant(content: bytes, name: str) -> str | None:
    module = parse(content)
    if module is None:
        return None
    constants = Constants.of(module)
    expression = constants.expression(name)
    try:
        return None if expression is None else as_text(constants.value(expression))
    except RecursionError:
        return None
