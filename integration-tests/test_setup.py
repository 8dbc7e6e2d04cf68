"""``make venv`` with the pips of older machines, against an index that has a newer release of all that is pinned.

The index is on loopback; only the old pips come from PyPI. With the newest pip: ``tests/setup``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.clones import check_make_venv, make_clone
from tests.support.index_server import IndexServer

#: Before this one, pip prefers the newest release to a pin that lacks an extra which another pin asks for.
MENDED = "24.0"


@pytest.mark.parametrize("version", ["23.0.1", "23.2.1", "24.0"])
def test_an_old_pip_installs_what_is_pinned_and_asks_for_nothing_else(
    old_pips: Path, tmp_path: Path, version: str
) -> None:
    with IndexServer() as index:
        check_make_venv(make_clone(tmp_path / "clone", index, old_pips / version))


@pytest.mark.parametrize("version", ["23.0.1", "23.2.1", MENDED])
def test_the_trap_is_one_as_long_as_pip_looks_for_dependencies(
    old_pips: Path, tmp_path: Path, version: str
) -> None:
    """The control: the same Makefile without the option."""
    with IndexServer() as index:
        clone = make_clone(tmp_path / "clone", index, old_pips / version)
        text = clone.makefile.read_text()
        clone.makefile.write_text(text.replace("PINNED := --quiet --no-deps", "PINNED := --quiet"))
        assert clone.makefile.read_text() != text
        done = clone.make("venv")
    assert (done.returncode == 0) is (version == MENDED)
    if version != MENDED:
        assert "all requirements must have their versions pinned with ==" in done.stderr
        assert "core-2.0-py3-none-any.whl" in done.stderr
