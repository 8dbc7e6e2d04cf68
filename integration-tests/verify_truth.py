"""Compares ``cachi2ish verify`` with what pip does: real projects, really installed, with the network cut off.

    python integration-tests/verify_truth.py --python python3.11 --python pypy3 [--first 10] [--work DIR]
    python integration-tests/verify_truth.py --locked        what CI compares, in a minute or so

Each project is locked by uv for each interpreter, as of a date, every second one with hashes. It is fetched twice:
the best wheels for the target, and sdists alone, beside a handful of back-ends that is not enough for all of them.
pip says what is true. Anybody can run it where there is an index. It takes an hour or so, and prints what it
counts.

With ``--locked`` these are small projects whose locks are kept (``data/verify/locks``), so that uv is not asked,
and back-ends that take long to build come as wheels.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import BIN, ROOT, cut_off_command

DATA = ROOT / "integration-tests" / "data" / "verify"

#: What the index was on that day: projects go on.
AS_OF = "2026-10-01"

#: Locks of some of the projects as of that day, every second one with hashes: CONTRIBUTING.md tells how they are
#: made.
LOCKS = DATA / "locks"

#: What comes as a wheel there. The others of ``requirements-build.txt`` are sdists, built for each project.
AS_WHEELS = (
    *("hatchling", "hatch-vcs", "packaging", "pathspec", "pluggy", "setuptools", "setuptools-scm", "tomlkit"),
    *("trove-classifiers", "vcs-versioning", "wheel"),
)

#: The newest pip that runs on Python 3.9.
PIP = "25.3"

#: What pip says where a file is missing or does not fit, and not where a compiler or the code of a build fails.
MISSING = (
    "No matching distribution found",
    "Could not find a version",
    "ResolutionImpossible",
    "requires a different Python",
    "must have their versions pinned with ==",
    "DO NOT MATCH THE HASHES",
    "is already being built",
    "not supported on this platform",
)

_PROBE = """
import json, platform, sys
from pip._vendor.packaging import tags
first = next(iter(tags.sys_tags()))
print(json.dumps([platform.python_version(), next(iter(tags.platform_tags())), first.interpreter[:2], first.abi]))
"""


@dataclass(frozen=True)
class Interpreter:
    """A Python that installs. pip: the folder of the one that it runs."""

    command: str
    pip: Path
    target: dict[str, str]

    @classmethod
    def of(cls, command: str, pip: Path) -> Interpreter:
        environment = {**os.environ, "PYTHONPATH": str(pip)}
        probe = subprocess.run(
            [command, "-c", _PROBE], env=environment, capture_output=True, text=True, check=True
        )
        python, platform, implementation, abi = json.loads(probe.stdout)
        target = {"python": python, "platform": platform, "implementation": implementation, "abi": abi}
        return cls(command, pip, target)

    @property
    def option(self) -> str:
        return ",".join(f"{key}={value}" for key, value in self.target.items())


@dataclass(frozen=True)
class Result:
    """verdict: what was said before. installed: what pip did. missing: it fails for want of a file, as it says."""

    project: str
    variant: str
    target: str
    verdict: str
    installed: bool
    missing: bool
    reasons: tuple[str, ...]
    said: str

    @property
    def word(self) -> str:
        if self.verdict == "unknown":
            return "unknown"
        if self.verdict == "proved":
            if self.installed:
                return "right"
            return "FALSE PROOF" if self.missing else "beyond the proof"
        return "FALSE DISPROOF" if self.installed else "right"


def clean(**more: str) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "CACHI2ISH_"))
    }
    ours = {name: os.environ[name] for name in ("PIP_INDEX_URL", "PIP_CERT") if name in os.environ}
    return {**kept, **ours, "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **more}


def run(
    *command: str | Path, check: bool = True, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    done = subprocess.run(words, env=clean(**(environment or {})), capture_output=True, text=True, check=False)
    if check and done.returncode:
        msg = f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
        raise RuntimeError(msg)
    return done


def compile_lock(wanted: Path | str, into: Path, interpreter: Interpreter, *, hashes: bool) -> None:
    """Lock with uv."""
    source = Path(wanted)
    if not source.is_file():
        source = into.with_suffix(".in")
        source.write_text(f"{wanted}\n")
    options = ["--generate-hashes"] if hashes else []
    uv = shutil.which("uv", path=f"{BIN}:{os.environ['PATH']}") or "uv"
    index = {"UV_DEFAULT_INDEX": os.environ["PIP_INDEX_URL"]} if "PIP_INDEX_URL" in os.environ else {}
    certificates = {"SSL_CERT_FILE": os.environ["PIP_CERT"]} if "PIP_CERT" in os.environ else {}
    run(
        uv, "pip", "compile", "--quiet", "--no-header", "--python", interpreter.command, "--exclude-newer", AS_OF,
        *options, source, "--output-file", into, environment={"UV_NO_CONFIG": "1", **index, **certificates},
    )  # fmt: skip


def compare(
    project: str, number: int, interpreter: Interpreter, build: Path, work: Path, *, locked: bool = False
) -> Iterator[Result]:
    """Yield what is found for the wheels of a project, and for its sdists."""
    for variant in ("wheels", "sdists"):
        folder = work / f"{project}-{variant}-{interpreter.target['implementation']}"
        source, output = folder / "source", folder / "out"
        source.mkdir(parents=True)
        try:
            if locked:
                shutil.copy(LOCKS / f"{project}.txt", source / "requirements.txt")
            else:
                compile_lock(project, source / "requirements.txt", interpreter, hashes=number % 2 == 0)
            package: dict[str, object] = {"type": "pip", **({"index_date": AS_OF} if locked else {})}
            if variant == "wheels":
                package["targets"] = [interpreter.target]
            else:
                shutil.copy(build, source / "requirements-build.txt")
                if locked:
                    package["binary"] = {"packages": ",".join(AS_WHEELS)}
            fetched = run(
                BIN / "cachi2ish", "fetch-deps", "--source", source, "--output", output, json.dumps(package),
                check=False,
            )  # fmt: skip
            if fetched.returncode:  # an sdist that nobody has published, say: there is nothing to prove
                print(f"{project:14} {variant:7} not fetched: {fetched.stderr.splitlines()[-1]}", flush=True)
                continue
            yield judged(project, variant, interpreter, source, output)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def judged(project: str, variant: str, interpreter: Interpreter, source: Path, output: Path) -> Result:
    """Prove, and install."""
    verified = run(
        BIN / "cachi2ish",
        "verify",
        output,
        "--target",
        interpreter.option,
        "--tools",
        tools(),
        "--json",
        check=False,
    )
    proof = json.loads(verified.stdout)
    findings = [
        f"{finding['verdict']}: {finding['subject']} {finding['problem']}"
        for target in proof["targets"]
        for findings in (target["findings"], *(package["findings"] for package in target["packages"]))
        for finding in findings
    ]
    into = output.parent / "installed"
    done = run(
        *(cut_off_command() or ()), interpreter.command, interpreter.pip / "pip", "install", "--no-cache-dir",
        "--no-compile", "--target", into, "-r", source / "requirements.txt",
        check=False, environment={"PIP_NO_INDEX": "true", "PIP_FIND_LINKS": str(output / "deps" / "pip")},
    )  # fmt: skip
    said = done.stdout + done.stderr
    return Result(
        project=project,
        variant=variant,
        target=interpreter.option,
        verdict=proof["verdict"],
        installed=done.returncode == 0,
        missing=any(words in said for words in MISSING),
        reasons=tuple(findings),
        said=said[-1500:],
    )


def tools() -> str:
    """Return the programs of this machine that back-ends look for."""
    return ",".join(name for name in ("ninja", "cmake", "cargo", "patchelf") if shutil.which(name))


def pip_folder(work: Path) -> Path:
    """Return the folder of a pip that any Python from 3.9 on can run; from a wheel, each run would compile it."""
    run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", f"pip=={PIP}", "--dest", work)
    with zipfile.ZipFile(next(work.glob("pip-*.whl"))) as wheel:
        wheel.extractall(work / "pip")
    return work / "pip"


def locked_projects() -> list[str]:
    """Return the projects whose locks are kept."""
    return sorted(path.stem for path in LOCKS.glob("*.txt") if path.stem != "requirements-build")


def compared(pythons: Sequence[str], projects: Sequence[str], work: Path, *, locked: bool = False) -> list[Result]:
    """Return what is found for all, and print it as it comes. locked: by the locks that are kept."""
    pip = pip_folder(work)
    results: list[Result] = []
    for command in pythons:
        interpreter = Interpreter.of(command, pip)
        build = LOCKS / "requirements-build.txt"
        if not locked:
            build = work / f"build-{interpreter.target['implementation']}.txt"
            compile_lock(DATA / "requirements-build.in", build, interpreter, hashes=False)
        for number, project in enumerate(projects):
            for result in compare(project, number, interpreter, build, work, locked=locked):
                results.append(result)
                shown = f"{result.project:14} {result.variant:7} {result.target.split(',')[0]:16}"
                print(
                    f"{shown} {result.verdict:10} {'installed' if result.installed else 'failed':10} {result.word}"
                )
                if result.word != "right":
                    print("".join(f"    {reason}\n" for reason in result.reasons[:5]), flush=True)
                    print("    " + result.said.replace("\n", "\n    "), flush=True)
    return results


def main() -> int:
    """Compare, and print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", action="append", help="an interpreter to install with; may be repeated")
    parser.add_argument("--first", type=int, help="so many projects of the list")
    parser.add_argument("--locked", action="store_true", help="the projects whose locks are kept, as CI does")
    parser.add_argument("--work", type=Path, help="where to work; kept")
    arguments = parser.parse_args()
    everything = locked_projects() if arguments.locked else (DATA / "projects.txt").read_text().split()
    projects = everything[: arguments.first]
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        results = compared(arguments.python or [sys.executable], projects, work, locked=arguments.locked)
    words = Counter(result.word for result in results)
    verdicts = Counter(f"{result.verdict}, {'installed' if result.installed else 'failed'}" for result in results)
    print(f"{len(results)} comparisons: {dict(sorted(words.items()))}; {dict(sorted(verdicts.items()))}")
    return int(words["FALSE PROOF"] > 0)


if __name__ == "__main__":
    sys.exit(main())
