"""Rust, whichever back-end builds it: packages of a registry, which no index of Python has."""

from __future__ import annotations

from cachi2ish.build.interface import SdistFacts

#: Projects that build Rust into a wheel, as they stand among build requirements.
_BUILDERS = ("maturin", "setuptools-rust", "setuptools_rust")


def needs_crates(facts: SdistFacts) -> bool:
    """Return whether building takes packages of a registry of Rust, which have to be fetched in another way."""
    builds = facts.hook == "maturin" or any(
        one.replace(" ", "").lower().startswith(_BUILDERS) for one in facts.requires or ()
    )
    return builds and facts.crates != 0
