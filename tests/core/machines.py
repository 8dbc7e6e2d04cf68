"""Machines to choose files for."""

from __future__ import annotations

from cachi2ish.core.targets.machine import Target

LINUX = Target.parse("3.12", "manylinux_2_28_x86_64")
MAC = Target.parse("3.12", "macosx_14_0_arm64")
WINDOWS = Target.parse("3.12", "win_amd64")
ALPINE = Target.parse("3.12", "musllinux_1_2_aarch64")
THREADED = Target.parse("3.13", "manylinux_2_28_x86_64", abi="cp313t")
PYPY = Target.parse("3.11", "manylinux_2_28_x86_64", "pp")
