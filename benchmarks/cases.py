"""What is compared: one command for each tool and task, with what it should bring."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks import script
from benchmarks.checking import Check, holds_files, holds_installed
from benchmarks.mirror import Mirror
from benchmarks.serving import Plan
from benchmarks.sources import Sources
from benchmarks.tools import Tool, Tools
from benchmarks.workload import ARCHITECTURE, GLIBC, PYTHON, Held, platforms

Group = Literal["sdists", "wheels"]

#: What all ratios of a group are made against: the files alone, without pages, digests and a record.
LIMIT = "curl --parallel"

#: The case of each group that the others are compared with.
PRODUCT = "cachi2ish"


@dataclass(frozen=True)
class Case:
    """One command. ``folder`` is its own; ``keeps_cache``: an earlier run's cache stays there for the next one."""

    group: Group
    title: str
    command: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    check: Check
    keeps_cache: bool = False

    @property
    def name(self) -> str:
        return f"{self.group}: {self.title}"

    @property
    def is_needed(self) -> bool:
        """Whether there is nothing to compare without it."""
        return self.title.startswith((LIMIT, PRODUCT))

    @property
    def output(self) -> Path:
        return self.folder / "output"

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    @property
    def home(self) -> Path:
        return self.folder / "home"


@dataclass(frozen=True)
class Bench:
    """What cases are made of: the tools, the mirror and its server, and a folder for what they write."""

    tools: Tools
    mirror: Mirror
    plan: Plan
    sources: Sources
    work: Path

    def cases(self) -> tuple[Case, ...]:
        return (*self._sdists(), *self._wheels())

    def _sdists(self) -> list[Case]:
        held = [each for each in self.mirror.held if each.kind == "sdist"]
        check = holds_files({each.file.filename: each.file.sha256 for each in held})
        pip = {"type": "pip"}
        cases = [
            self._curl("sdists", held, check),
            self._script(check),
            self._cachi2ish("sdists", PRODUCT, self.sources.json, pip, check),
            self._cachi2ish("sdists", "cachi2ish, HTML pages", self.sources.html, pip, check),
            self._cachi2ish("sdists", "cachi2ish, second run", self.sources.json, pip, check, keeps_cache=True),
        ]
        if self.tools.hermeto:
            cases.append(self._prefetch("sdists", "Hermeto", self.tools.hermeto, self.sources.json, pip, check))
        return cases

    def _wheels(self) -> list[Case]:
        held = [each for each in self.mirror.held if each.kind == "wheel"]
        check = holds_files({each.file.filename: each.file.sha256 for each in held})
        target = {"python": f"{PYTHON[0]}.{PYTHON[1]}", "platform": platforms()[0]}
        cases = [
            self._curl("wheels", held, check),
            self._cachi2ish("wheels", PRODUCT, self.sources.json, {"type": "pip", "targets": [target]}, check),
        ]
        if self.tools.pip:
            cases.append(self._pip(self.tools.pip, check))
        if self.tools.uv:
            installed = holds_installed([self.mirror.site / each.file.path for each in held])
            cases.append(self._uv(self.tools.uv, installed))
        return cases

    def _curl(self, group: Group, held: Sequence[Held], check: Check) -> Case:
        folder = self._folder(group, LIMIT)
        listed = folder / "files.curl"
        listed.write_text(curl_list(held, self.plan.addresses.files_url))
        options = ("--silent", "--show-error", "--fail", "--parallel", "--create-dirs", "--config", str(listed))
        return self._case(group, LIMIT, (*self.tools.curl.command, *options), check)

    def _script(self, check: Check) -> Case:
        where = (self.plan.addresses.index_url, str(self.sources.pins), "output")
        return self._case(
            "sdists", "a script with requests", (sys.executable, str(Path(script.__file__)), *where), check
        )

    def _cachi2ish(
        self, group: Group, title: str, source: Path, package: object, check: Check, *, keeps_cache: bool = False
    ) -> Case:
        cache = ("--cache-dir", str(self._folder(group, title) / "cache"))
        return self._prefetch(
            group, title, self.tools.cachi2ish, source, package, check, *cache, keeps_cache=keeps_cache
        )

    def _prefetch(
        self,
        group: Group,
        title: str,
        tool: Tool,
        source: Path,
        package: object,
        check: Check,
        *options: str,
        keeps_cache: bool = False,
    ) -> Case:
        places = ("--source", str(source), "--output", str(self._folder(group, title) / "output"))
        command = (*tool.command, "fetch-deps", *places, *options, json.dumps(package))
        return self._case(group, title, command, check, keeps_cache=keeps_cache)

    def _pip(self, pip: Tool, check: Check) -> Case:
        # pip takes a platform by its letter; its cache is left out, since it would only cost it time here.
        machine = ("--implementation", "cp", "--python-version", f"{PYTHON[0]}.{PYTHON[1]}")
        accepted = [word for platform in platforms() for word in ("--platform", platform)]
        command = (*pip.command, "download", "--quiet", "--no-cache-dir", "--dest", "output", *machine, *accepted)
        return self._case("wheels", "pip download", (*command, *self._pinned()), check)

    def _uv(self, uv: Tool, check: Check) -> Case:
        machine = (
            *("--python-version", f"{PYTHON[0]}.{PYTHON[1]}"),
            *("--python-platform", f"{ARCHITECTURE}-manylinux_{GLIBC[0]}_{GLIBC[1]}"),
        )
        places = ("--no-config", "--python", sys.executable, "--target", "output", "--cache-dir", "cache")
        command = (*uv.command, "pip", "install", "--quiet", *places, *machine, *self._pinned())
        return self._case("wheels", "uv pip install", command, check)

    def _pinned(self) -> tuple[str, ...]:
        """The options that pip and uv share: what is pinned, from the mirror, wheels only."""
        only = ("--no-deps", "--require-hashes", "--only-binary", ":all:")
        return (*only, "--index-url", self.plan.addresses.index_url, "--requirement", str(self.sources.pins))

    def _case(
        self, group: Group, title: str, command: Sequence[str], check: Check, *, keeps_cache: bool = False
    ) -> Case:
        folder = self._folder(group, title)
        settings = environment(folder / "home", self.plan.certificates.authority)
        return Case(group, title, tuple(command), folder, settings, check, keeps_cache)

    def _folder(self, group: Group, title: str) -> Path:
        folder = self.work / f"{group}-{title.replace(',', '').replace('--', '').replace(' ', '-')}".lower()
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def curl_list(held: Sequence[Held], files_url: str) -> str:
    """A configuration file of curl: each file's address, and its place below the working directory."""
    return "".join(
        f'url = "{files_url}{each.file.path}"\noutput = "output/{each.file.filename}"\n' for each in held
    )


def environment(home: Path, authority: Path) -> dict[str, str]:
    """What a tool sees: nothing of the user's settings and caches, and the certificates of the mirror."""
    trust = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE")
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        **dict.fromkeys(trust, str(authority)),
    }
