"""The target of a proof as the machine itself tells it: a script that is run there, and its answer."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from cachi2ish.build.interface import Machine
from cachi2ish.core.targets.machine import Target
from cachi2ish.errors import InputError, Origin
from cachi2ish.files.foreign import UnfitFileError, read_foreign
from cachi2ish.sandbox.interface import Images

#: For every Python 3, without anything else. It prints one line of JSON, and changes nothing.
PROBE = '''\
"""Prints what cachi2ish verify --target-file wants to know of this machine, as JSON."""
import json, os, platform, re, shutil, subprocess, sys, sysconfig


def machine():
    arch = platform.machine().lower()
    if sys.platform == "win32":
        return sysconfig.get_platform().replace("-", "_")
    if sys.platform == "darwin":
        major, minor = (platform.mac_ver()[0].split(".") + ["0"])[:2]
        return "macosx_%s_%s_%s" % (major, minor if major == "10" else "0", arch)
    if sys.maxsize < 2 ** 32:
        arch = {"x86_64": "i686", "aarch64": "armv7l"}.get(arch, arch)
    try:
        libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, OSError, ValueError):
        libc = ""
    family = "manylinux"
    if not libc:
        done = subprocess.Popen(["ldd", "--version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        libc, family = done.communicate()[0].decode("utf-8", "replace"), "musllinux"
    found = re.search(r"(?:glibc|Version) (\\d+)[.](\\d+)", libc)
    return "%s_%s_%s_%s" % (family, found.group(1), found.group(2), arch) if found else "linux_" + arch


def abi():
    if platform.python_implementation() == "PyPy":
        return "pp", sysconfig.get_config_var("SOABI").replace("-", "_")
    flags = "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else "m" if sys.version_info < (3, 8) else ""
    return "cp", "cp%d%d%s" % (sys.version_info[0], sys.version_info[1], flags)


tools = ("cargo", "cmake", "ninja", "ninja-build", "patchelf", "samu")
implementation, own_abi = abi()
print(json.dumps({
    "python": "%d.%d.%d" % sys.version_info[:3],
    "platform": machine(),
    "implementation": implementation,
    "abi": own_abi,
    "tools": [tool for tool in tools if shutil.which(tool)],
}))
'''


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    python: str
    platform: str
    implementation: str = "cp"
    abi: str | None = None
    tools: list[str] = []


def read_target_file(path: Path) -> Machine:
    """Return the machine that the answer of `PROBE` at ``path`` describes; raises `InputError`."""
    try:
        content = read_foreign(path)
    except UnfitFileError as error:
        raise InputError(f"{path} {error.strerror}", hint="name the answer of the script of --describe") from None
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}", hint="check its name and its rights"
        ) from None
    return _machine(content, str(path), "give what the script of cachi2ish verify --describe has printed")


def read_image(image: str, images: Images) -> Machine:
    """Return the machine that a local image is; raises `InputError`."""
    return _machine(images.answer(image, PROBE), image, "see what the script of --describe prints in it")


def _machine(content: bytes, place: str, hint: str) -> Machine:
    try:
        answer = _Answer.model_validate_json(content)
        target = Target.parse(answer.python, answer.platform, answer.implementation, answer.abi)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"])) or "the whole"
        raise InputError(f"{key}: {first['msg']}", hint=hint, origin=Origin(place)) from None
    except InputError as error:
        raise error.at(Origin(place)) from None
    return Machine(target, frozenset(answer.tools))
