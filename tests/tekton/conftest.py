"""A workspace, and the step of the Task run in it as Tekton would: the script alone, with its environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import Outcome
from tests.support.index_server import IndexServer
from tests.support.program import environment
from tests.support.tekton import PLAIN, prepared, read_task

#: Names that an engine of containers would not let in, and this test must not either.
_STEERING = ("GIT_", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


@dataclass
class Pod:
    """A folder with the workspaces. workspace: where the one called ``source`` is seen."""

    folder: Path
    index: IndexServer
    workspace: Path
    params: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, Path] = field(default_factory=dict)
    ca_bundle: Path = Path("/nonexistent")

    @property
    def source(self) -> Path:
        return self.workspace / "source"

    @property
    def cachi2(self) -> Path:
        return self.workspace / "cachi2"

    @property
    def output(self) -> Path:
        return self.cachi2 / "output"

    def writes(self, name: str, text: str) -> Path:
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def binds(self, workspace: str, **files: str) -> None:
        """Bind a Secret to an optional workspace; in the names ``_`` at the beginning stands for a dot."""
        place = self.folder / "secrets" / workspace
        place.mkdir(parents=True)
        for name, text in files.items():
            (place / name.replace("_", ".", 1).replace("_", "-")).write_text(text)
        self.secrets[workspace] = place

    def runs(self, asked: str = "pip", *, shell: tuple[str, ...] = (), **params: str) -> Outcome:
        """Run the step. shell: instead of the one that the script names. In parameters ``_`` stands for ``-``."""
        given = {"input": asked, **self.params, **{name.replace("_", "-"): text for name, text in params.items()}}
        run = prepared(read_task(PLAIN), PLAIN, given, {"source": self.workspace, **self.secrets})
        script = self.folder / "script"
        script.write_text(run.script)
        script.chmod(0o755)
        done = subprocess.run(
            [*shell, script],
            cwd=self.folder,
            env={**self._environment(), **run.environment, "CA_BUNDLE": str(self.ca_bundle)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert list((self.folder / "tmp").iterdir()) == [], "the home with the credentials is still there"
        return Outcome(done.returncode, done.stdout, done.stderr)

    def _environment(self) -> dict[str, str]:
        clean = {
            name: value
            for name, value in environment(self.folder / "home").items()
            if not name.startswith(_STEERING)
        }
        return {**clean, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "TMPDIR": str(self.folder / "tmp")}

    def read(self, name: str) -> Any:
        return json.loads((self.cachi2 / name).read_text())


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    for name in ("home", "tmp", "bin", "workspace/source"):
        (tmp_path / name).mkdir(parents=True)
    program = Path(sys.executable).with_name("cachi2ish")
    (tmp_path / "bin" / "hermeto").symlink_to(program)
    with IndexServer() as index:
        yield Pod(tmp_path, index, tmp_path / "workspace", {"pip-index-url": index.index_url})
