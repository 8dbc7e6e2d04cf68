"""Whether this machine can have a sandbox. Where CI runs it has to: there, a test that cannot run is a failure."""

from __future__ import annotations

import os
from functools import cache

import pytest

from cachi2ish.errors import InputError
from cachi2ish.sandbox.hook_runner import SandboxedHooks


@cache
def refusal() -> str:
    """Return why there can be no sandbox here, "" where there can be one."""
    try:
        SandboxedHooks().check()
    except InputError as error:
        return str(error)
    return ""


@pytest.fixture(autouse=True)
def needs_a_sandbox() -> None:
    """Skip the tests of a file that imports this, where there can be none and no CI asks for them."""
    if "CI" not in os.environ and refusal():
        pytest.skip(refusal())
