"""A line between the server and the tools: two network namespaces, with a round trip and a rate between them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.failures import CannotMeasureError

ROUND_TRIP = 0.030  # seconds
RATE = 400_000_000  # bits a second, each way

#: Addresses for measurements (RFC 2544). Both are inside of the namespaces: nothing else sees them.
SERVER, CLIENT = "198.18.0.1", "198.18.0.2"

_RELAY = Path(__file__).with_name("delayed_line.py")


@dataclass(frozen=True)
class Line:
    """Both ends, each with the words in front of a command that runs there; and what makes the delay."""

    server: tuple[str, ...]
    client: tuple[str, ...]
    made_by: str

    def __str__(self) -> str:
        return f"{ROUND_TRIP * 1000:.0f} ms, {RATE / 1e6:.0f} Mbit/s, {self.made_by}"


@contextmanager
def open_line() -> Iterator[Line]:
    """Make the line, and take it away in the end. Raises CannotMeasureError where nobody may make one."""
    ip = shutil.which("ip") or shutil.which("ip", path="/usr/sbin:/sbin")
    if not sys.platform.startswith("linux") or os.geteuid() != 0 or ip is None:
        raise CannotMeasureError("the line needs Linux, root, and ip (of iproute2)")
    names = [f"cachi2ish-bench-{end}-{os.getpid()}" for end in ("server", "client")]
    devices = [f"bench{end}-{os.getpid()}" for end in "sc"]
    with ExitStack() as stack:
        for name in names:
            _run(ip, "netns", "add", name)
            stack.callback(_run, ip, "netns", "del", name)
            _run(ip, "-n", name, "link", "set", "lo", "up")
        made_by = _with_netem(ip, names, devices)
        if not made_by:
            stack.enter_context(_relay(devices))
            for name, device in zip(names, devices, strict=True):
                _run(ip, "link", "set", device, "netns", name)
            made_by = "a relay in Python, since this kernel has no netem"
        for name, device, address in zip(names, devices, (SERVER, CLIENT), strict=True):
            _run(ip, "-n", name, "addr", "add", f"{address}/24", "dev", device)
            _run(ip, "-n", name, "link", "set", device, "txqueuelen", "10000", "up")
        inside = [(ip, "netns", "exec", name) for name in names]
        yield Line(inside[0], inside[1], made_by)


def _with_netem(ip: str, names: list[str], devices: list[str]) -> str:
    tc = shutil.which("tc") or shutil.which("tc", path="/usr/sbin:/sbin")
    if tc is None:
        return ""
    (here, there), (near, far) = names, devices
    _run(ip, "link", "add", near, "netns", here, "type", "veth", "peer", "name", far, "netns", there)
    shape = ("netem", "delay", f"{ROUND_TRIP / 2 * 1000}ms", "rate", f"{RATE}bit", "limit", "100000")
    for name, device in zip(names, devices, strict=True):
        command = (tc, "-n", name, "qdisc", "add", "dev", device, "root", *shape)
        if subprocess.run(command, capture_output=True, check=False).returncode:
            _run(ip, "-n", here, "link", "del", near)
            return ""
    return "by netem"


@contextmanager
def _relay(devices: list[str]) -> Iterator[None]:
    delay, rate = str(ROUND_TRIP / 2), str(RATE)
    command = (sys.executable, "-I", "-S", str(_RELAY), *devices, delay, rate)
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as relay:
        assert relay.stdin
        assert relay.stdout
        assert relay.stderr
        try:
            if relay.stdout.readline() != "ready\n":
                last = relay.stderr.read().strip().splitlines()[-1:]
                raise CannotMeasureError(f"the line needs /dev/net/tun, or a kernel with netem: {''.join(last)}")
            # It stands for cables and routers, which do not wait for a processor.
            os.setpriority(os.PRIO_PROCESS, relay.pid, -10)
            yield
        finally:
            relay.stdin.close()


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotMeasureError(f"the line could not be made: {' '.join(command[1:])}: {done.stderr.strip()}")
