"""Runs one program where it can do no harm. Linux alone; no rights of root are needed.

A program, since namespaces belong to processes: `main` reads a plan as JSON from standard input, and prints how it
ended as JSON. There are three processes below it: one makes the namespaces, whose users the first one maps; the
*keeper* is their first process (when it ends, the kernel ends all the others); the *program* has no rights left.

Nothing of the machine is there but what the plan binds, read-only. The rest is a file system in memory of a fixed
size, in which the program writes. The network namespace has no network.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import shutil
import signal
import stat
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from cachi2ish.sandbox.consumption import taken

_LIBC = ctypes.CDLL(None, use_errno=True)

# From linux/sched.h, linux/mount.h, linux/prctl.h. mount_setattr(2), Linux 5.12, has everywhere the same number.
_NAMESPACES = 0x00020000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
_NOSUID, _NODEV, _NOEXEC, _BIND, _MOVE, _REC, _PRIVATE = 2, 4, 8, 1 << 12, 1 << 13, 1 << 14, 1 << 18
_SET_DEATH_SIGNAL, _DROP_CAPABILITY, _NO_NEW_PRIVILEGES = 1, 24, 38
_MOUNT_SETATTR, _HERE, _RECURSIVE, _READ_ONLY = 442, -100, 0x8000, 1

# keyctl(2) has a number of its own on each machine; the C library does not know it.
_JOIN_SESSION_KEYRING = 1
_KEYCTL = {"x86_64": 250, "aarch64": 219, "riscv64": 219, "loongarch64": 219, "ppc64le": 271, "s390x": 280}

#: Without rights, where the caller is root: the limit of processes does not hold for root.
_NOBODY = 65534

_DEVICES = ("null", "zero", "full", "random", "urandom")
_LAST_CAPABILITY = 63

#: Seconds between two looks at what the program takes; bytes of its messages that are kept.
_INTERVAL = 0.02
_MESSAGES = 4000
_LARGEST_ANSWER = 1 << 20


class _MountAttributes(ctypes.Structure):
    _fields_ = (
        ("set", ctypes.c_uint64),
        ("clear", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("users", ctypes.c_uint64),
    )


def _checked(result: int, what: str) -> None:
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    words = (source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode())
    _checked(_LIBC.mount(*words), f"mounting {kind or source}")


def _control(option: int, argument: int) -> None:
    none = ctypes.c_ulong(0)
    _checked(_LIBC.prctl(option, ctypes.c_ulong(argument), none, none, none), "prctl")


def _lock(target: str, flags: int) -> None:
    """Take rights from a mount and from all below it, whatever it had."""
    attributes = _MountAttributes(set=flags)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    words = (ctypes.c_long(_MOUNT_SETATTR), ctypes.c_int(_HERE), target.encode(), ctypes.c_uint(_RECURSIVE))
    _checked(_LIBC.syscall(*words, ctypes.byref(attributes), size), "making a mount read-only")


def main() -> None:
    """Run what the plan says; the last line of standard output is how it ended."""
    plan = json.load(sys.stdin)
    _control(_SET_DEATH_SIGNAL, signal.SIGKILL)
    ready, is_ready = os.pipe()
    go, may_go = os.pipe()
    report, reporting = os.pipe()
    child = os.fork()
    if child == 0:
        for descriptor in (ready, may_go, report):
            os.close(descriptor)
        _in_new_namespaces(plan, is_ready, go, reporting)
    for descriptor in (is_ready, go, reporting):
        os.close(descriptor)
    if os.read(ready, 1):
        _map_users(child)
        os.write(may_go, b"1")
    with open(report, "rb") as stream:
        text = stream.read()
    os.waitpid(child, 0)
    sys.stdout.write(text.decode() or json.dumps({"refused": "its first process has ended at once"}))


def _map_users(child: int) -> None:
    user, group = os.geteuid(), os.getegid()
    place = Path(f"/proc/{child}")
    if user:
        (place / "setgroups").write_text("deny")
    more = "" if user else f"{_NOBODY} {_NOBODY} 1\n"
    (place / "uid_map").write_text(f"0 {user} 1\n{more}")
    (place / "gid_map").write_text(f"0 {group} 1\n{more}")


def _in_new_namespaces(plan: dict[str, Any], is_ready: int, go: int, reporting: int) -> NoReturn:
    try:
        is_root = os.geteuid() == 0
        _control(_SET_DEATH_SIGNAL, signal.SIGKILL)
        _checked(_LIBC.unshare(ctypes.c_int(_NAMESPACES)), "making namespaces")
        os.write(is_ready, b"1")
        if not os.read(go, 1):
            os._exit(1)
        keeper = os.fork()
        if keeper == 0:
            _control(_SET_DEATH_SIGNAL, signal.SIGKILL)
            _furnish(plan)
            outcome = _keep(plan, is_root=is_root)
        else:
            os.waitpid(keeper, 0)
            os._exit(0)
    except OSError as error:
        outcome = {"refused": error.strerror or str(error)}
    os.write(reporting, json.dumps(outcome).encode())
    os._exit(0)


def _furnish(plan: dict[str, Any]) -> None:
    """Make a root of its own, and go there for good."""
    root = plan["root"]
    _mount("none", "/", "", _REC | _PRIVATE)
    _mount("tmpfs", root, "tmpfs", _NOSUID | _NODEV, f"mode=0755,size={plan['space']},nr_inodes=400k")
    for path in plan["folders"]:
        Path(root + path).mkdir(parents=True, exist_ok=True)
        if path in plan["apart"]:  # there is room for it when all else is full
            _mount("tmpfs", root + path, "tmpfs", _NOSUID | _NODEV, f"size={plan['apart'][path]}")
        os.chmod(root + path, 0o1777)
    for source, target in plan["binds"]:
        _bind(source, root + target, _READ_ONLY | _NOSUID | _NODEV)
    for name in _DEVICES:
        _bind(f"/dev/{name}", f"{root}/dev/{name}", _NOSUID | _NOEXEC)
    for path in plan["hidden"]:  # a program that is not to be there: /dev/null cannot be run
        if os.path.exists(root + path):
            _mount("/dev/null", root + path, "", _BIND)
    Path(f"{root}/proc").mkdir(exist_ok=True)
    _mount("proc", f"{root}/proc", "proc", _NOSUID | _NODEV | _NOEXEC)
    # Rights that one gets in a namespace of users are not had either.
    Path(f"{root}/proc/sys/user/max_user_namespaces").write_text("0")
    _lock(f"{root}/proc", _READ_ONLY)
    for target, text in plan["texts"].items():
        Path(root + target).parent.mkdir(parents=True, exist_ok=True)
        Path(root + target).write_text(text)
    for source, target in plan["copies"]:
        _copy(source, root + target)
    os.chdir(root)
    _mount(".", "/", "", _MOVE)
    os.chroot(".")
    os.chdir("/")


def _bind(source: str, target: str, flags: int) -> None:
    if os.path.islink(source):
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        os.symlink(os.readlink(source), target)
        return
    if os.path.isdir(source):
        Path(target).mkdir(parents=True, exist_ok=True)
    else:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(target).touch()
    _mount(source, target, "", _BIND | _REC)
    _lock(target, flags)


#: What of a project is not copied: environments, what node fetched, and what is an output of ours.
_NOT_OF_THE_PROJECT = ("pyvenv.cfg", ".build-config.json")


def _copy(source: str, target: str) -> None:
    def foreign(folder: str, names: list[str]) -> list[str]:
        inside = (Path(folder, name) for name in names)
        return [
            one.name
            for one in inside
            if one.name == "node_modules"
            or any((one / mark).exists() for mark in _NOT_OF_THE_PROJECT)
            or not (one.is_symlink() or one.is_file() or one.is_dir())
        ]

    Path(target).parent.mkdir(parents=True, exist_ok=True)
    if os.path.isdir(source):
        shutil.copytree(source, target, symlinks=True, ignore=foreign, copy_function=shutil.copy)
    else:
        shutil.copyfile(source, target)
    for path in (Path(target), *Path(target).rglob("*")):
        if not path.is_symlink():
            path.chmod(0o777 if path.is_dir() else 0o666 | (path.stat().st_mode & 0o111))


def _keep(plan: dict[str, Any], *, is_root: bool) -> dict[str, Any]:
    """Start the program, and watch it to its end; return how it ended."""
    program = os.fork()
    if program == 0:
        try:
            _become_program(plan, is_root=is_root)
        except OSError as error:
            os.write(2, f"{error}\n".encode())
            os._exit(126)
    end = time.monotonic() + plan["seconds"]
    bounded = ("/", *plan["apart"])
    while True:
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                if found[0] == program:
                    return {
                        "status": os.waitstatus_to_exitcode(found[1]),
                        "messages": _read(plan["messages"])[-_MESSAGES:],
                        "answer": _read(plan["answer"]),
                    }
        memory, processes = taken(bounded)
        if processes > plan["processes"]:
            return {"excess": "processes"}
        if memory > plan["memory"]:
            return {"excess": "memory"}
        if time.monotonic() > end:
            return {"excess": "time"}
        time.sleep(_INTERVAL)


def _leave_the_keyring() -> None:
    """Take an empty session keyring: that of the user may hold keys. Kernels without keys have none to leave."""
    number = _KEYCTL.get(os.uname().machine)
    if number is not None:
        _LIBC.syscall(ctypes.c_long(number), ctypes.c_int(_JOIN_SESSION_KEYRING), None)


def _become_program(plan: dict[str, Any], *, is_root: bool) -> NoReturn:
    os.setsid()
    messages = os.open(plan["messages"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    nothing = os.open("/dev/null", os.O_RDONLY)
    for descriptor, source in ((0, nothing), (1, messages), (2, messages)):
        os.dup2(source, descriptor)
    os.closerange(3, 1 << 16)
    for capability in range(_LAST_CAPABILITY + 1):
        with contextlib.suppress(OSError):  # those that this kernel does not have
            _control(_DROP_CAPABILITY, capability)
    if is_root:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    _control(_NO_NEW_PRIVILEGES, 1)
    _leave_the_keyring()
    _limit(resource.RLIMIT_AS, plan["memory"])
    _limit(resource.RLIMIT_CPU, int(plan["seconds"]) + 1)
    _limit(resource.RLIMIT_NPROC, plan["processes"] * 2)  # threads count there too
    _limit(resource.RLIMIT_FSIZE, plan["space"])
    _limit(resource.RLIMIT_CORE, 0)
    os.chdir(plan["home"])
    os.execve(plan["command"][0], plan["command"], plan["environ"])


def _limit(what: int, most: int) -> None:
    hard = resource.getrlimit(what)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))


def _read(path: str) -> str:
    """Return what the program has written, if that is a file: it may have put anything there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        size = os.fstat(descriptor).st_size
        file.seek(max(0, size - _LARGEST_ANSWER))
        return file.read(_LARGEST_ANSWER).decode("utf-8", "replace")
