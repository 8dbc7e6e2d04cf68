"""pip's requirements files, read as pip reads them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from msgspec.structs import replace

from cachi2ish.core.requirements import Pinned, Purpose, Requirement
from cachi2ish.errors import Cachi2ishError, LockFileError, Origin, raise_all
from cachi2ish.lockfiles.interface import DEFAULT, Lock, Selection
from cachi2ish.lockfiles.pip.assembling import assemble, demand_hashes
from cachi2ish.lockfiles.pip.closure import Closure
from cachi2ish.lockfiles.pip.lines import pin_of
from cachi2ish.lockfiles.pip.pip_options import OptionCollector
from cachi2ish.lockfiles.source_tree import SourceTree


class PipRequirementsReader:
    """`LockReader` for the requirements file format of pip."""

    names = ("requirements*.txt",)
    keys: frozenset[str] = frozenset()

    def read(
        self,
        source: Path,
        file: str,
        purpose: Purpose,
        environ: Mapping[str, str],
        selection: Selection = DEFAULT,  # noqa: ARG002  (all of such a file is wanted)
    ) -> Lock:
        """Return the requirements of ``source / file`` and of all that it includes. See `LockReader.read`."""
        return self.read_in(SourceTree(Path(os.path.realpath(source))), file, purpose, environ)

    def read_in(self, tree: SourceTree, file: str, purpose: Purpose, environ: Mapping[str, str]) -> Lock:
        """Return the same of a file in ``tree``."""
        closure = Closure(tree, purpose, environ)
        closure.walk(closure.tree.name_of(file, ""))
        requirements, errors = assemble(closure.entries, closure.constraints, purpose)
        closure.refuse(errors)
        because = _hash_checking(closure)
        if because:
            closure.refuse(demand_hashes(requirements, because))
        # A line that several requirements meet is told once.
        raise_all({(str(error), error.hint): error for error in closure.errors}.values())
        requirements = tuple(_with_options(requirements, closure.options))
        return Lock(
            file=file,
            requirements=requirements,
            index_urls=closure.options.indexes.addresses,
            trusted_hosts=tuple(dict.fromkeys(closure.options.trusted_hosts)),
            require_hashes=bool(because),
            format_control=closure.options.formats,
            unconstrained=_unconstrained(requirements, closure) if because else (),
            texts=tuple(closure.texts),
            warnings=tuple(dict.fromkeys(closure.warnings)),
        )


def _with_options(requirements: Iterable[Requirement], options: OptionCollector) -> Iterator[Requirement]:
    """Yield ``requirements``, the pinned ones with what the options of the whole closure say of them."""
    indexes, formats = options.indexes, options.formats
    for one in requirements:
        yield (
            replace(one, indexes=indexes, formats=formats.permits(one.project)) if isinstance(one, Pinned) else one
        )


def _unconstrained(requirements: Iterable[Requirement], closure: Closure) -> tuple[Pinned, ...]:
    """Return the pins that no constraint repeats. Of build requirements none: each is installed by itself."""
    if closure.purpose is Purpose.BUILD:
        return ()
    pins = {one.project for one in requirements if isinstance(one, Pinned)}
    repeated = {
        line.project
        for line in closure.constraints
        if line.project in pins and line.marker is None and pin_of(line.name, line.specifier, line.origin)
    }
    return tuple(one for one in requirements if isinstance(one, Pinned) and one.project not in repeated)


def _hash_checking(closure: Closure) -> str | None:
    """Return why hash-checking mode is on, or None where it is off, by pip's rules.

    ``--require-hashes`` or one ``--hash`` anywhere turns it on; ``--no-require-hashes`` says that a hash
    does not. Hashes in addresses do not.
    """
    options = closure.options
    if options.require_hashes and options.no_require_hashes:
        closure.errors.append(_both_ways(options.require_hashes, options.no_require_hashes))
    if options.require_hashes:
        return f"--require-hashes stands at {options.require_hashes}"
    lines = (*closure.entries, *closure.constraints)
    hashed = next((line for line in lines if line.digests), None)
    if hashed is None or options.no_require_hashes:
        return None
    return f"{hashed.name} at {hashed.origin} has a --hash"


def _both_ways(require: Origin, no_require: Origin) -> Cachi2ishError:
    return LockFileError(
        f"--no-require-hashes contradicts --require-hashes at {require}",
        hint="remove one of them",
        origin=no_require,
    )
