"""Reads an archive or a folder for what it says of how it is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec.structs import replace
from packaging.utils import canonicalize_name

from cachi2ish.build.crates import needs_crates
from cachi2ish.build.declared import crates_of, facts_of, has_hook_of, requires_of_setup, states_itself
from cachi2ish.build.facts import PYPROJECT, SETUP_PY, TOP, SdistFacts
from cachi2ish.build.rules import flit_rule, in_tree_rule
from cachi2ish.build.rules.toml_values import table
from cachi2ish.files.foreign import UnfitFileError, read_foreign
from cachi2ish.sdists.interface import TextReader

#: Returns contents by path below the top of those files whose paths are wanted.
_Below = Callable[[Callable[[str], bool]], Mapping[str, bytes]]


#: Where flit looks for what a module states, the module itself first.
_OF_MODULE = ("/__init__.py", ".py", "/version.py", "/_version.py", "/__version__.py")


class FactsReader:
    """Implements `BuildFactsReader`."""

    def __init__(self, archives: TextReader) -> None:
        self._archives = archives

    def of_archive(self, path: Path, filename: str) -> SdistFacts:
        """Return what the sdist says; raises `DistributionError` for an archive that is broken or unsafe."""
        facts = facts_of(self._archives.top(path, filename, TOP))
        return _completed(facts, lambda wanted: self._archives.below(path, filename, wanted))

    def of_folder(self, folder: Path) -> SdistFacts | None:
        """Return what a project says; None for a folder that is not built."""
        contents = {name: content for name in TOP if (content := _read(folder / name)) is not None}
        if PYPROJECT not in contents and SETUP_PY not in contents:
            return None
        if SETUP_PY not in contents and b"build-system" not in contents[PYPROJECT]:
            return None
        return _completed(facts_of(contents), lambda _wanted: {})


def _completed(facts: SdistFacts, below: _Below) -> SdistFacts:
    """Return the facts with those that take a second look, at files further down."""
    modules = _modules_of_backend(facts)
    project = canonicalize_name(facts.name).replace("-", "_")
    flit = facts.hook in flit_rule.MODULES and {"version", "description"} & set(facts.dynamic)
    rust = needs_crates(facts) and facts.crates is None
    plain = facts.dependencies_of_wheel is None
    if not (modules or flit or rust or plain):
        return facts
    named = str(table(facts.tool, "flit", "module").get("name") or project).replace(".", "/")
    own = tuple(f"{root}{named}{end}" for root in ("", "src/") for end in _OF_MODULE) if flit else ()

    def wanted(path: str) -> bool:
        return (
            path in modules
            or path in own
            or (rust and path.endswith("/Cargo.lock"))
            or (plain and path.endswith(".egg-info/requires.txt"))
        )

    contents = below(wanted)
    source = next((contents[one] for one in modules if one in contents), None)
    locks = [crates_of(content) for path, content in contents.items() if path.endswith("/Cargo.lock")]
    written = [content for path, content in contents.items() if path.endswith("requires.txt")]
    return replace(
        facts,
        in_tree="" if source is None else has_hook_of(source),
        names_itself=_names_itself(facts, contents, own),
        crates=max(locks, default=None) if facts.crates is None else facts.crates,
        requires_dist_of_setup=requires_of_setup(written[0]) if written else None,
    )


def _modules_of_backend(facts: SdistFacts) -> tuple[str, ...]:
    if not facts.backend_path or canonicalize_name(facts.name) in in_tree_rule.OF_PROJECT:
        return ()
    module = facts.backend.partition(":")[0].strip().replace(".", "/")
    roots = [one.strip("/").removeprefix("./") for one in facts.backend_path]
    below = ["" if root in {"", "."} else f"{root}/" for root in roots]
    return tuple(f"{root}{module}{end}" for root in below for end in (".py", "/__init__.py"))


def _names_itself(facts: SdistFacts, contents: Mapping[str, bytes], own: tuple[str, ...]) -> bool | None:
    sources = [contents[one] for one in own if one in contents]
    if not sources:
        return None
    # The summary is that of the module, and the version may stand in a file beside it.
    summary = "description" not in facts.dynamic or states_itself(sources[0], summary=True, version=False)
    version = "version" not in facts.dynamic or any(
        states_itself(source, summary=False, version=True) for source in sources
    )
    return summary and version


def _read(path: Path) -> bytes | None:
    try:
        return read_foreign(path)
    except (OSError, UnfitFileError):
        return None
