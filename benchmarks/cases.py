"""What is compared: one command for each tool and task, with what it should bring."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.checking import Check, holds_files, holds_installed
from benchmarks.failures import CannotMeasureError
from benchmarks.mirror import Mirror
from benchmarks.serving import Plan
from benchmarks.sources import Sources
from benchmarks.tools import Tool, Tools
from benchmarks.workload import ARCHITECTURE, GLIBC, PYTHON, Held, platforms

#: What all ratios of a group are made against: the files alone, without pages, digests and a record.
LIMIT = "curl --parallel"

#: The case of each group that the others are compared with.
PRODUCT = "cachi2ish"

SCRIPT = "a script with requests"
LEAST = "the least that looks into sdists"
HTML_PAGES = "cachi2ish, HTML pages"
SECOND_RUN = "cachi2ish, second run"
FLOOR = "openssl dgst, then cp"
PIP, UV, HERMETO = "pip download", "uv pip install", "Hermeto"
FEW, MANY = "200 projects", "2,000 projects"

#: The names of all cases, by group. The groups of "line" and "unshaped" have the longer list of projects.
TITLES: Mapping[str, tuple[str, ...]] = {
    "sdists": (LIMIT, SCRIPT, PRODUCT, HTML_PAGES, SECOND_RUN, HERMETO),
    "wheels": (LIMIT, PRODUCT, PIP, UV),
    "line sdists": (LIMIT, SCRIPT, LEAST, PRODUCT, SECOND_RUN, FLOOR, HERMETO),
    "line sdists and wheels": (LIMIT, PRODUCT),
    "line wheels": (LIMIT, PRODUCT, PIP, UV),
    "unshaped sdists": (PRODUCT, HERMETO),
    "scale": (FEW, MANY),
}


_SCRIPTS: Mapping[str, str] = {SCRIPT: "benchmarks.script", LEAST: "benchmarks.least"}


def case_name(group: str, title: str) -> str:
    return f"{group}: {title}"


@dataclass(frozen=True)
class Case:
    """One command. ``folder`` is its own; ``keeps_cache``: an earlier run's cache stays there for the next one.

    within: the words in front of the command that let it run elsewhere, in a namespace.
    """

    group: str
    title: str
    command: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    check: Check
    keeps_cache: bool = False
    within: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return case_name(self.group, self.title)

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
    """What cases are made of: the tools, the mirror and its server, and a folder for what they write.

    within: what is written in front of each command, so that it runs at the other end of the line.
    """

    tools: Tools
    mirror: Mirror
    plan: Plan
    sources: Sources
    work: Path
    within: tuple[str, ...] = ()

    def case(self, group: str, title: str) -> Case:
        """Make a case of `TITLES`. Raises CannotMeasureError for a tool that is not here."""
        kinds = (
            {"sdist", "wheel"} if group.endswith("sdists and wheels") else {group.rpartition(" ")[2].rstrip("s")}
        )
        held = [each for each in self.mirror.held if each.kind in kinds]
        files = holds_files({each.file.filename: each.file.sha256 for each in held})
        match title:
            case _ if title == LIMIT:
                return self._case(group, title, self._curl(group, held), files)
            case _ if title in _SCRIPTS:
                where = (self.plan.addresses.index_url, str(self.sources.pins), "output")
                return self._case(group, title, (*_python_here(), "-m", _SCRIPTS[title], *where), files)
            case _ if title == FLOOR:
                return self._case(group, title, self._floor(held), files)
            case _ if title == PIP:
                return self._case(group, title, self._pip(_found(self.tools.pip, "pip")), files)
            case _ if title == UV:
                installed = holds_installed([self.mirror.site / each.file.path for each in held])
                return self._case(group, title, self._uv(_found(self.tools.uv, "uv")), installed)
        tool = _found(self.tools.hermeto, "Hermeto") if title == HERMETO else self.tools.cachi2ish
        source = self.sources.html if title == HTML_PAGES else self.sources.json
        if kinds == {"sdist", "wheel"}:
            source = self.sources.held
        command = self._prefetch(group, title, tool, source, _package(kinds))
        return self._case(group, title, command, files, keeps_cache=title == SECOND_RUN)

    def scale_case(self, title: str, source: Path, held: Sequence[Held]) -> Case:
        """Make a case of as many projects as its title says."""
        command = self._prefetch("scale", title, self.tools.cachi2ish, source, {"type": "pip"})
        check = holds_files({each.file.filename: each.file.sha256 for each in held})
        return self._case("scale", title, command, check)

    def _curl(self, group: str, held: Sequence[Held]) -> tuple[str, ...]:
        listed = self._folder(group, LIMIT) / "files.curl"
        listed.write_text(curl_list(held, self.plan.addresses.files_url))
        options = ("--silent", "--show-error", "--fail", "--parallel", "--create-dirs", "--config", str(listed))
        return (*self.tools.curl.command, *options)

    def _floor(self, held: Sequence[Held]) -> tuple[str, ...]:
        """To hash each file and to copy it: what a second run cannot go without."""
        steps = 'openssl dgst -sha256 "$@" > /dev/null && mkdir output && cp "$@" output'
        return ("sh", "-c", steps, "sh", *(str(self.mirror.site / each.file.path) for each in held))

    def _prefetch(
        self, group: str, title: str, tool: Tool, source: Path, package: Mapping[str, object]
    ) -> tuple[str, ...]:
        places = ("--source", str(source), "--output", str(self._folder(group, title) / "output"))
        cache = () if title == HERMETO else ("--cache-dir", str(self._folder(group, title) / "cache"))
        return (*tool.command, "fetch-deps", *places, *cache, json.dumps(package))

    def _pip(self, pip: Tool) -> tuple[str, ...]:
        # pip takes a platform by its letter; its cache is left out, since it would only cost it time here.
        machine = ("--implementation", "cp", "--python-version", f"{PYTHON[0]}.{PYTHON[1]}")
        accepted = [word for platform in platforms() for word in ("--platform", platform)]
        command = (*pip.command, "download", "--quiet", "--no-cache-dir", "--dest", "output", *machine, *accepted)
        return (*command, *self._pinned())

    def _uv(self, uv: Tool) -> tuple[str, ...]:
        machine = (
            *("--python-version", f"{PYTHON[0]}.{PYTHON[1]}"),
            *("--python-platform", f"{ARCHITECTURE}-manylinux_{GLIBC[0]}_{GLIBC[1]}"),
        )
        places = ("--no-config", "--python", sys.executable, "--target", "output", "--cache-dir", "cache")
        return (*uv.command, "pip", "install", "--quiet", *places, *machine, *self._pinned())

    def _pinned(self) -> tuple[str, ...]:
        """The options that pip and uv share: what is pinned, from the mirror, wheels only."""
        only = ("--no-deps", "--require-hashes", "--only-binary", ":all:")
        return (*only, "--index-url", self.plan.addresses.index_url, "--requirement", str(self.sources.pins))

    def _case(
        self, group: str, title: str, command: Sequence[str], check: Check, *, keeps_cache: bool = False
    ) -> Case:
        folder = self._folder(group, title)
        settings = environment(folder / "home", self.plan.certificates.authority)
        if title == HERMETO:
            # Crates that extensions in Rust need come from another registry, and nobody else fetches them here.
            settings["HERMETO_PIP__IGNORE_DEPENDENCIES_CRATES"] = "true"
        return Case(group, title, tuple(command), folder, settings, check, keeps_cache, self.within)

    def _folder(self, group: str, title: str) -> Path:
        words = case_name(group, title).replace(":", "").replace(",", "").replace("--", "").split()
        folder = self.work / "-".join(words).lower()
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def _python_here() -> tuple[str, ...]:
    """Return the words in front of a module of this package, which is installed nowhere."""
    return ("env", f"PYTHONPATH={Path(__file__).parents[1]}", sys.executable)


def _found(tool: Tool | None, name: str) -> Tool:
    if tool is None:
        raise CannotMeasureError(f"{name} is not installed here")
    return tool


def _package(kinds: set[str]) -> dict[str, object]:
    python = f"{PYTHON[0]}.{PYTHON[1]}"
    if kinds == {"sdist"}:
        return {"type": "pip"}
    if kinds == {"wheel"}:
        return {"type": "pip", "targets": [{"python": python, "platform": platforms()[0]}]}
    return {
        "type": "pip",
        "binary": {"arch": ARCHITECTURE, "os": "linux", "py_version": int(python.replace(".", ""))},
    }


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
