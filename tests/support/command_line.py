"""The command line, run in this process as a shell would run it."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from cachi2ish.cli.main import application

#: What the caller's pip, proxies and credentials would change; a test that wants one of them sets it.
_LEAKING = ("PIP_", "CACHI2ISH_", "HERMETO_", "UV_", "NETRC", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "XDG_")


@dataclass(frozen=True)
class Outcome:
    """What a command left: its exit status and the two streams."""

    code: int
    out: str
    err: str

    @property
    def told(self) -> str:
        """All that a person sees."""
        return self.out + self.err


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of a user who has configured nothing."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(_LEAKING)}
    return {**kept, "HOME": str(home), "PIP_CONFIG_FILE": os.devnull, "NO_PROXY": "127.0.0.1,localhost", **more}


def run(
    *arguments: str | Path,
    home: Path,
    environ: Mapping[str, str] | None = None,
    program: str = "cachi2ish",
) -> Outcome:
    """Run ``PROGRAM ARGUMENTS``."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, clean_environment(home, **(environ or {})), clear=True),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            application()([str(argument) for argument in arguments], prog_name=program)
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        else:
            code = 0
    return Outcome(code, out.getvalue(), err.getvalue())
