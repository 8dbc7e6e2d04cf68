"""What runs in the sandbox: makes the environment of a build as installers do, and calls hooks of the back-end.

A script for any Python 3.8 and later that needs nothing else. It runs twice: with the interpreter that is to
build, which unpacks, and then with that of the environment, which calls; and in between once for each sdist of the
environment, of which it makes a wheel. What holds the code that it calls are the walls around it; here it is only
noticed, and written down, that it ran against them.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import traceback
import zipfile
from collections.abc import Iterator
from typing import Any

BUILD = "/build"
ANSWER = f"{BUILD}/answer/answer.json"
ENVIRONMENT = f"{BUILD}/env"
SOURCE = f"{BUILD}/source"
WHEELS = f"{BUILD}/wheels"

_SCRIPT = """#!{python}
import sys
from {module} import {top}
sys.exit({call}())
"""


def unpack(question: dict[str, Any]) -> None:
    """Make the environment and the source tree, and before that the wheels that have to be built."""
    for number, build in enumerate(question["builds"]):
        make_wheel(number, build)
    furnish(ENVIRONMENT, question["wheels"])
    if question["archive"]:
        unpack_sdist(question["archive"], SOURCE)


def make_wheel(number: int, build: dict[str, Any]) -> None:
    """Make a wheel of an sdist of the environment, in an environment of its own; end where that fails."""
    place = f"{BUILD}/first"
    os.makedirs(f"{WHEELS}/{number}")
    furnish(f"{place}/env", build["wheels"])
    unpack_sdist(build["archive"], f"{place}/source")
    environ = {**os.environ, "PATH": os.environ["PATH"].replace(f"{ENVIRONMENT}/bin", f"{place}/env/bin")}
    command = [f"{place}/env/bin/python", "-B", f"{BUILD}/within.py", "build", str(number)]
    status = subprocess.run(command, env=environ, check=False).returncode
    if status and not os.path.exists(ANSWER):
        answer(problem=f"it ended with status {status}", building=os.path.basename(build["archive"]))
    if status:
        os._exit(3)
    shutil.rmtree(place, ignore_errors=True)


def furnish(environment: str, wheels: list[str]) -> None:
    """Make a virtual environment of wheels; a folder stands for the wheel that was made in it."""
    os.makedirs(f"{environment}/bin")
    python = os.path.realpath(sys.executable)
    with open(f"{environment}/pyvenv.cfg", "w") as file:
        file.write(f"home = {os.path.dirname(python)}\ninclude-system-site-packages = false\n")
    for name in ("python", "python3"):
        os.symlink(python, f"{environment}/bin/{name}")
    site = sysconfig.get_path("purelib", "posix_prefix", {"base": environment})
    os.makedirs(site)
    for wheel in wheels:
        names = os.listdir(wheel) if os.path.isdir(wheel) else [""]
        for name in names:
            unpack_wheel(os.path.join(wheel, name) if name else wheel, site, environment)


def unpack_wheel(path: str, site: str, environment: str) -> None:
    """Do what installers do with a wheel (PEP 427): files, scripts, entry points."""
    with zipfile.ZipFile(path) as wheel:
        for member in wheel.infolist():
            if member.is_dir():
                continue
            content, target = wheel.read(member), os.path.join(site, member.filename)
            head, _, rest = member.filename.partition("/")
            if head.endswith(".data"):
                kind, _, below = rest.partition("/")
                folders = {"purelib": site, "platlib": site, "scripts": f"{environment}/bin", "data": environment}
                target = os.path.join(folders.get(kind, f"{environment}/{kind}"), below)
                if kind == "scripts" and content.startswith(b"#!python"):
                    content = f"#!{environment}/bin/python\n".encode() + content.partition(b"\n")[2]
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb") as file:
                file.write(content)
            if (
                member.external_attr >> 16 & 0o111
                or "/scripts/" in target
                or target.startswith(f"{environment}/bin")
            ):
                os.chmod(target, 0o755)
            if member.filename.endswith(".dist-info/entry_points.txt"):
                write_scripts(content.decode("utf-8"), environment)


def write_scripts(text: str, environment: str) -> None:
    """Write the commands of a distribution."""
    section = ""
    for line in map(str.strip, io.StringIO(text)):
        if line.startswith("["):
            section = line.strip("[]")
        elif "=" in line and section == "console_scripts":
            name, _, where = line.partition("=")
            module, _, call = where.partition("[")[0].strip().partition(":")
            path = f"{environment}/bin/{name.strip()}"
            words = {"module": module.strip(), "top": call.strip().partition(".")[0], "call": call.strip()}
            with open(path, "w") as file:
                file.write(_SCRIPT.format(python=f"{environment}/bin/python", **words))
            os.chmod(path, 0o755)


def unpack_sdist(path: str, source: str) -> None:
    """Unpack an archive; what it does beside is done in the sandbox."""
    os.makedirs(source)
    if path.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            archive.extractall(source)
    else:
        with tarfile.open(path) as archive:
            safely: dict[str, Any] = {"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}
            archive.extractall(source, **safely)


def top_of(folder: str) -> str:
    """Return the one folder in an unpacked sdist."""
    names = os.listdir(folder)
    return os.path.join(folder, names[0]) if len(names) == 1 else folder


def answer(**words: object) -> None:
    """Write down how it went."""
    with open(ANSWER, "w") as file:
        json.dump(words, file)


def end(problem: str, building: str) -> None:
    """End at once, whatever the code would make of an error."""
    answer(problem=problem, building=building)
    os._exit(3)


def watch(homes: list[str], kept: list[str], building: str) -> None:
    """Notice what runs against the walls: the code may hide the errors that it gets there."""
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT

    def on_event(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg") and isinstance(arguments[1], tuple):
            end(f"it opened a connection to {arguments[1][0]!r}", building)
        elif event == "socket.getaddrinfo":
            end(f"it looked for the host {arguments[0]!r}", building)
        elif event in ("open", "os.listdir", "os.scandir") and isinstance(arguments[0], (str, bytes)):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            inside = [one for one in homes if path == one or path.startswith(f"{one}/")]
            if inside and not path.startswith(tuple(f"{one}/" for one in kept)) and path not in kept:
                end(f"it looked into the home, at {path}", building)
            if event == "open" and writes(arguments) and not path.startswith((f"{BUILD}/", "/tmp/", "/dev/")):
                end(f"it wrote to {path}, which is outside of its scratch folder", building)

    def writes(arguments: tuple[Any, ...]) -> bool:
        mode, flags = arguments[1], arguments[2]
        return bool(set(mode) & set("wax+")) if isinstance(mode, str) else bool((flags or 0) & writing)

    if hasattr(sys, "addaudithook"):
        sys.addaudithook(on_event)


def call(question: dict[str, Any]) -> None:
    """Call the hooks, and write down what they ask for."""
    with back_end(question, top_of(SOURCE) if question["archive"] else SOURCE) as backend:
        requires = []
        for name in question["hooks"]:
            hook = getattr(backend, name, None)
            requires += [str(one) for one in (hook(None) if hook else ())]
    answer(requires=requires)
    os._exit(0)


def build_wheel(question: dict[str, Any], number: int) -> None:
    """Make a wheel of an sdist of the environment."""
    build = question["builds"][number]
    building = os.path.basename(build["archive"])
    with back_end({**question, **build}, top_of(f"{BUILD}/first/source"), building) as backend:
        backend.build_wheel(f"{WHEELS}/{number}")
    os._exit(0)


@contextlib.contextmanager
def back_end(question: dict[str, Any], tree: str, building: str = "") -> Iterator[Any]:
    """Yield the back-end of a source tree, in which the block runs. building: the sdist, where a wheel is made."""
    os.chdir(tree)
    backend_path = [os.path.join(tree, one) for one in question["backend_path"]]
    sys.path[:] = backend_path + [one for one in sys.path if one != os.path.dirname(__file__)]
    watch(question["homes"], question["kept"], building)
    try:
        module, _, attributes = question["backend"].partition(":")
        backend = importlib.import_module(module.strip())
        for attribute in filter(None, attributes.strip().split(".")):
            backend = getattr(backend, attribute)
        yield backend
    except MemoryError:
        end("it took more memory than it may have", building)
    except BaseException as error:  # noqa: BLE001  (whatever the code ends with)
        traceback.print_exc()
        words = str(error).strip().splitlines() or [""]
        said = f"it ended with {type(error).__name__}{': ' if words[-1] else ''}{words[-1]}"
        answer(problem=said, building=building)
        sys.stdout.flush()
        os._exit(1)


if __name__ == "__main__":
    with open(f"{BUILD}/question.json") as given:
        read = json.load(given)
    if sys.argv[1] == "unpack":
        unpack(read)
        os.execv(f"{ENVIRONMENT}/bin/python", [f"{ENVIRONMENT}/bin/python", "-B", f"{BUILD}/within.py", "call"])
    if sys.argv[1] == "build":
        build_wheel(read, int(sys.argv[2]))
    call(read)
