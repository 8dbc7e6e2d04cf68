"""The page of tutorials, command by command, with indexes on loopback in the place of those that it names."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.command_line import clean_environment
from tests.support.distributions import make_wheel
from tests.support.index_server import Fault, IndexServer

PAGE = Path(__file__).parents[3] / "docs" / "mirror-tutorials.md"
TITLES = re.findall(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


#: Runs commands that end with a zero byte, and prints the status of each between two of these.
_LOOP = """set -m
trap 'kill $(jobs -p); exit 1' TERM
while IFS= read -r -d '' line; do eval "$line" < /dev/null; printf '\\0%s\\0' $?; done
kill $(jobs -p); wait
"""

#: Seconds in which a command ends, and a mirror begins.
_PATIENCE = 120


def parts(title: str) -> list[list[tuple[str, str]]]:
    """The blocks of a part of the page: commands, each with what it prints."""
    text = PAGE.read_text(encoding="utf-8").partition(f"## {title}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 1
    return [re.findall(r"^\$ (.+(?:\n    .+)*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE) for block in blocks]


class Shell:
    """One shell for a part of the page; its mirror ends with it."""

    def __init__(self, folder: Path, **addresses: str) -> None:
        self.log = folder / "mirror.log"
        self.port = ""  # the mirror is given one, and says which
        self.addresses = addresses
        tools = str(Path(sys.executable).parent)
        environment = clean_environment(
            folder,
            PATH=f"{tools}:{os.environ['PATH']}",
            CACHI2ISH_MIRROR_REGISTRY=f"pypi={addresses['pypi']}",
            PIP_RETRIES="0",
            PIP_DISABLE_PIP_VERSION_CHECK="1",
            UV_CACHE_DIR=str(folder / "uv"),
            UV_PYTHON=sys.executable,
        )
        self.process = subprocess.Popen(
            ["bash", "-c", _LOOP],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def runs(self, command: str) -> str:
        """Return what a command prints; it has to end well."""
        for name in ("torch=https://wheels.example/whl/cpu/", "team=https://packages.example/simple/"):
            registry = name.partition("=")[0]
            mine = self.addresses.get(registry, "")
            command = command.replace(name, f"{registry}={mine} --registry pypi={self.addresses['pypi']}")
        begins = " mirror serve " in command
        if begins:
            self.log.unlink(missing_ok=True)
        command = command.replace("8417", "0" if begins else self.port)
        assert self.process.stdin is not None
        self.process.stdin.write(f"{command}\0".encode())
        self.process.stdin.flush()
        text, status = self._printed(command)
        assert status == "0", f"{command}: {text}"
        if begins:
            self._wait_for_mirror()
        return text

    def _printed(self, command: str) -> tuple[str, str]:
        assert self.process.stdout is not None
        printed, deadline = b"", time.monotonic() + _PATIENCE
        while not (found := re.search(rb"\0(\d+)\0$", printed)):
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            read = os.read(self.process.stdout.fileno(), 1 << 16) if ready else b""
            assert read, f"{command} does not end: {printed.decode()}; the log: {self._told()}"
            printed += read
        return printed[: found.start()].decode(), found[1].decode()

    def _wait_for_mirror(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not (found := re.search(r"^serving http://127\.0\.0\.1:(\d+)/* ", self._told(), re.MULTILINE)):
            assert time.monotonic() < deadline, f"the mirror does not begin: {self._told()}"
            time.sleep(0.02)
        self.port = found[1]

    def _told(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def ends(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.wait(timeout=60)
        self.process.stdout.close()


@pytest.fixture
def indexes() -> Iterator[dict[str, IndexServer]]:
    with ExitStack() as stack:
        found = {
            "pypi": stack.enter_context(IndexServer()),
            "torch": stack.enter_context(IndexServer()),
            "team": stack.enter_context(IndexServer(credentials=("you", "token"))),
        }
        now = datetime.now(UTC)
        public = found["pypi"]
        public.add("attrs", make_wheel("attrs", "23.1.0"), upload_time="2023-04-16T10:00:00+00:00")
        public.add("our-library", make_wheel("our_library", "1.0"), upload_time="2023-04-16T10:00:00+00:00")
        public.add("our-library", make_wheel("our_library", "2.0"), upload_time=now)
        public.add("brand-new", make_wheel("brand_new", "1.0"), upload_time=now - timedelta(days=1))
        found["torch"].add("torch", make_wheel("torch", "2.0"))
        found["team"].add("our-library", make_wheel("our_library", "1.0"), upload_time="2023-04-16T10:00:00+00:00")
        yield found


@pytest.mark.parametrize("title", TITLES)
def test_each_command_of_a_part_does_what_the_page_says(
    title: str, indexes: dict[str, IndexServer], tmp_path: Path
) -> None:
    public = indexes["pypi"]
    uploaded = datetime.now(UTC) - timedelta(days=1) if "cool-down" in title else "2024-06-01T10:00:00+00:00"
    public.add("attrs", make_wheel("attrs", "24.1.0"), upload_time=uploaded)
    shell = Shell(tmp_path, **{name: index.index_url for name, index in indexes.items()})
    printed = []
    try:
        for number, block in enumerate(parts(title)):
            if title.startswith("Only a copy") and number == 1:
                public.script("/simple/attrs/", [Fault.reset()] * 20)
            for command, shown in block:
                text = shell.runs(command)
                printed.append(text)
                for line in shown.splitlines():
                    assert line in text.splitlines(), f"{command}: {text}"
    finally:
        shell.ends()
