"""A hook of a back-end answers in the sandbox; one that reaches out of it, or takes too much, is ended."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cachi2ish.core.targets.machine import Target
from cachi2ish.errors import InputError
from cachi2ish.sandbox.hook_runner import SandboxedHooks
from cachi2ish.sandbox.interface import OF_EDITABLE, OF_WHEEL, HookFailedError, HookQuestion, Interpreter, Limits
from tests.support.distributions import make_sdist, make_wheel
from tests.support.offline import HERE
from tests.support.sandbox_here import needs_a_sandbox

__all__ = ("needs_a_sandbox",)

MIB = 1 << 20
LIMITS = Limits(seconds=20, memory=256 * MIB, processes=24, space=64 * MIB)
TARGET = Target.parse(*(part.partition("=")[2] for part in HERE.split(",")))


def hook(body: str, *, more: str = "") -> dict[str, str]:
    """The files of an sdist whose back-end is in it."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return {"backend.py": f"import os, sys\n{more}\ndef {OF_WHEEL}(settings=None):\n{lines}"}


@cache
def runner_within(limits: Limits) -> SandboxedHooks:
    return SandboxedHooks(limits)  # which looks for each interpreter once


def ask(
    folder: Path,
    files: dict[str, str],
    *,
    limits: Limits = LIMITS,
    wheels: tuple[tuple[str, dict[str, str]], ...] = (),
    hooks: tuple[str, ...] = (OF_WHEEL,),
    tools: frozenset[str] = frozenset(),
) -> tuple[str, ...]:
    runner = runner_within(limits)
    sdist = make_sdist("apple", "1.0", files=files)
    made = [make_wheel(name, "1.0", modules=modules) for name, modules in wheels]
    question = HookQuestion(
        source=sdist.write(folder),
        source_name=sdist.filename,
        backend="backend",
        backend_path=(".",),
        hooks=hooks,
        wheels={one.filename: one.write(folder) for one in made},
        tools=tools,
    )
    return runner.ask(question, runner.interpreter(TARGET))


def failure(folder: Path, body: str, *, limits: Limits = LIMITS) -> str:
    with pytest.raises(HookFailedError) as caught:
        ask(folder, hook(body), limits=limits)
    return str(caught.value)


def test_a_hook_that_opens_a_socket_is_ended_whether_it_hides_that_or_not(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connected = threading.Event()

        def accept() -> None:
            server.accept()
            connected.set()

        threading.Thread(target=accept, daemon=True).start()
        body = (
            "import socket\n"
            f"try: socket.socket().connect(('127.0.0.1', {server.getsockname()[1]}))\n"
            "except OSError: pass\nreturn ['hidden']"
        )
        assert failure(tmp_path, body) == "its hook was ended: it opened a connection to '127.0.0.1'"
        # No audit sees this one, and there is no network to be reached.
        program = f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 1)"
        body = (
            f'import subprocess\nreturn [str(subprocess.run([sys.executable, "-c", """{program}"""]).returncode)]'
        )
        assert ask(tmp_path, hook(body)) == ("1",)
        assert not connected.is_set()


def test_a_hook_that_looks_for_a_host_is_ended(tmp_path: Path) -> None:
    assert "it looked for the host 'example.org'" in failure(
        tmp_path, "import urllib.request\nurllib.request.urlopen('https://example.org')"
    )


def test_a_hook_that_reads_the_home_is_ended_and_finds_nothing_there(tmp_path: Path) -> None:
    home = Path.home()
    body = f"try: open('{home}/.netrc')\nexcept OSError: pass\nreturn []"
    assert f"it looked into the home, at {home}/.netrc" in failure(tmp_path, body)
    body = f"import subprocess\nreturn [subprocess.run(['ls', '{home}/.bashrc', '{Path(__file__)}']).returncode]"
    assert ask(tmp_path, hook(body)) == ("2",)


def test_a_hook_that_writes_outside_is_ended_and_writes_nothing(tmp_path: Path) -> None:
    assert "it wrote to /usr/lib/planted" in failure(tmp_path, "open('/usr/lib/planted', 'w')")
    planted = Path(sys.base_prefix, "planted")
    body = f"import subprocess\nreturn [subprocess.run(['touch', '{planted}', '/etc/planted']).returncode]"
    assert ask(tmp_path, hook(body)) == ("1",)
    assert not planted.exists()
    assert not Path("/etc/planted").exists()


def test_a_hook_that_forks_without_end_is_ended(tmp_path: Path) -> None:
    body = "while True:\n    try: os.fork()\n    except OSError: pass"
    assert "its hook was ended: it started more than 24 processes" in failure(tmp_path, body)


def test_a_hook_that_eats_memory_is_ended_alone_or_in_company(tmp_path: Path) -> None:
    assert "memory" in failure(tmp_path, "eaten = []\nwhile True: eaten.append(bytearray(10_000_000))")
    body = (
        "import time\nfor _ in range(8):\n    if not os.fork():\n        eaten = bytearray(b'x') * 100_000_000\n"
        "        time.sleep(30)\ntime.sleep(30)"
    )
    assert "it took more than 256 MiB of memory" in failure(tmp_path, body)


UNMAPPED = """files = [os.memfd_create('x') for _ in range(8)]
for file in files:
    for _ in range(50): os.write(file, bytes(MIB))
"""
SHARED = """import mmap
shared = [mmap.mmap(-1, 50 * MIB) for _ in range(3)]
for _ in range(2):
    if not os.fork(): break
for one in shared:
    for _ in range(50): one.write(bytes(MIB))
"""


@pytest.mark.parametrize("body", [UNMAPPED, SHARED])
def test_memory_that_processes_share_or_that_nobody_has_mapped_counts_too(tmp_path: Path, body: str) -> None:
    body = f"import time\nMIB = 1 << 20\n{body}\ntime.sleep(30)"
    assert "it took more than 256 MiB of memory" in failure(tmp_path, body)


def test_a_file_in_memory_is_no_larger_than_the_scratch_folder(tmp_path: Path) -> None:
    body = "file = os.memfd_create('x')\nwhile True: os.write(file, bytes(1_000_000))"
    assert "File too large" in failure(tmp_path, body)


KEYCTL = {"x86_64": 250}.get(os.uname().machine, 219)


def test_the_session_keyring_of_the_user_is_not_that_of_a_hook(tmp_path: Path) -> None:
    found: list[str] = []

    def compare() -> None:
        own = ctypes.CDLL(None).syscall(KEYCTL, 1, None)  # of this thread alone; -1 where that is not permitted
        body = f"import ctypes\nreturn [str(ctypes.CDLL(None).syscall({KEYCTL}, 0, -3, 0))]"
        found.extend((str(own), *ask(tmp_path, hook(body))))

    thread = threading.Thread(target=compare)
    thread.start()
    thread.join()
    own, of_the_hook = found
    assert own != of_the_hook or own == "-1"


def test_a_hook_that_fills_its_scratch_folder_is_ended(tmp_path: Path) -> None:
    body = "with open('/tmp/large', 'wb') as file:\n    while True: file.write(bytes(1_000_000))"
    assert "No space left on device" in failure(tmp_path, body)


def test_a_hook_that_has_no_end_is_ended(tmp_path: Path) -> None:
    limits = Limits(seconds=1, memory=256 * MIB, processes=24, space=64 * MIB)
    body = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(1)"
    assert "it ran longer than 1 seconds" in failure(tmp_path, body, limits=limits)


def test_a_hook_has_no_rights_to_open_what_is_closed(tmp_path: Path) -> None:
    body = (
        "import ctypes\n"
        "libc = ctypes.CDLL(None)\n"
        "remounted = libc.mount(None, b'/usr', None, ctypes.c_ulong(4096 | 32), None)\n"
        "nested = libc.unshare(0x10000000)\n"
        "status = [line.split() for line in open('/proc/self/status') if line.startswith(('CapEff', 'CapBnd'))]\n"
        "rights = [words[1] for words in status]\n"
        "return [str(remounted), str(nested) + '!', *rights, *os.listdir('/')]"
    )
    remounted, nested, rights, *folders = ask(tmp_path, hook(body))  # what is there twice is there once
    assert (remounted, nested, set(rights)) == ("-1", "-1!", {"0"})
    assert not {"root", "home", "var", "srv", "sys"} & set(folders) - set(Path(sys.base_prefix).parts)


def test_what_a_hook_leaves_running_ends_with_it(tmp_path: Path) -> None:
    assert ask(tmp_path, hook("import subprocess\nsubprocess.Popen(['sleep', '777.25'])\nreturn ['x']")) == ("x",)
    listed = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # a process that has ended
            listed.append(path.read_bytes())
    assert b"pytest" in b"".join(listed)
    assert b"sleep\x00777.25\x00" not in listed


def test_an_answer_is_that_of_the_environment_with_its_modules_and_commands(tmp_path: Path) -> None:
    banana = {
        "banana.py": "def main(): print('peeled')",
        "banana-1.0.dist-info/entry_points.txt": "[console_scripts]\npeel = banana:main\n",
    }
    body = (
        "import banana, shutil, subprocess\n"
        "word = subprocess.run(['peel'], capture_output=True, text=True).stdout.strip()\n"
        "open('made', 'w').close()\n"
        "return [word, word, sys.prefix, str(shutil.which('cmake'))]"
    )
    assert ask(tmp_path, hook(body), wheels=(("banana", banana),)) == ("peeled", "/build/env", "None")


def test_a_hook_that_is_not_there_asks_for_nothing(tmp_path: Path) -> None:
    assert ask(tmp_path, hook("return ['x']"), hooks=(OF_WHEEL, OF_EDITABLE)) == ("x",)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("import nowhere", "ModuleNotFoundError: No module named 'nowhere'"),
        ("sys.exit('no compiler')", "SystemExit: no compiler"),
        ("os.kill(os.getpid(), 11)", "status -11"),
        ("os._exit(0)", "status 0"),
        ("os.symlink('/etc/passwd', '/build/answer/answer.json')\nos._exit(0)", "status 0"),
        ("os.mkfifo('/build/answer/answer.json')\nos._exit(0)", "status 0"),
    ],
)
def test_a_hook_without_an_answer_says_how_it_ended(tmp_path: Path, body: str, words: str) -> None:
    assert words in failure(tmp_path, body)


WRITTEN = "with open('/build/answer/answer.json', 'w') as file: file.write({})\nos._exit(0)"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (WRITTEN.format("'[' * 200_000"), "it has lists in lists without end"),
        (WRITTEN.format("""'{"requires": [7]}'"""), "it asks for what is no text"),
        (WRITTEN.format(r"""'{"requires": ["a; os_name == \'\\ud800\'"]}'"""), "it asks for what is no text"),
        ("return [f'a{one}' for one in range(301)]", "it asks for more than 300 requirements"),
        ("return ['a>=1', 'a' * 501]", "it asks for more than 500 characters in one requirement"),
    ],
)
def test_an_answer_that_would_have_to_be_cut_is_not_taken(tmp_path: Path, body: str, words: str) -> None:
    assert failure(tmp_path, body) == f"its answer was not taken: {words}"


def test_where_there_can_be_no_sandbox_it_is_refused_with_the_reason_and_what_to_do() -> None:
    program = "from cachi2ish.sandbox.hook_runner import SandboxedHooks; SandboxedHooks().check()"
    script = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$0" -c "$1"'
    done = subprocess.run(
        ["unshare", "--map-root-user", "sh", "-c", script, sys.executable, program],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert "InputError: --run-hooks: there is no sandbox here: making namespaces" in done.stderr


def test_a_python_whose_folder_holds_a_home_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = Path(sys.base_prefix).resolve()
    (tmp_path / "home").symlink_to(prefix / "home")
    for home in (prefix / "home", tmp_path / "home"):
        monkeypatch.setenv("HOME", str(home))
        with pytest.raises(InputError, match=f"the sandbox would show all of {prefix}"):
            SandboxedHooks().interpreter(TARGET)
        with pytest.raises(InputError, match="the sandbox would show all of"):
            SandboxedHooks().check()


def test_a_folder_that_holds_a_home_is_not_copied_into_the_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = runner_within(LIMITS)
    interpreter = runner.interpreter(TARGET)
    monkeypatch.setenv("HOME", str(tmp_path / "people" / "me"))
    for source in (tmp_path, tmp_path / "people", tmp_path / "people" / "me"):
        source.mkdir(exist_ok=True)
        question = HookQuestion(source, "mine", "backend", (".",), (OF_WHEEL,), {}, frozenset())
        with pytest.raises(InputError, match=f"would show all of {source}, and so the home") as caught:
            runner.ask(question, interpreter)
        assert "--source" in str(caught.value.hint)


def test_a_python_whose_folder_is_a_link_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = tmp_path / "python"
    link.symlink_to(sys.base_prefix)
    program = Path(os.path.realpath(sys.executable)).relative_to(Path(sys.base_prefix).resolve())
    monkeypatch.setattr(sys, "executable", str(link / program))
    for name in ("base_prefix", "base_exec_prefix"):
        monkeypatch.setattr(sys, name, str(link))
    runner = SandboxedHooks(LIMITS)
    runner.check()
    assert runner.interpreter(TARGET).folders == (Path(os.path.realpath(link)),)


def test_what_only_begins_as_a_folder_of_the_system_is_brought_in_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[dict[str, Any]] = []

    def run(self: SandboxedHooks, plan: dict[str, Any]) -> dict[str, Any]:
        del self
        plans.append(plan)
        return {"status": 0, "answer": '{"requires": []}'}

    monkeypatch.setattr(SandboxedHooks, "_run", run)
    question = HookQuestion(tmp_path / "a.zip", "a.zip", "backend", (), (OF_WHEEL,), {}, frozenset())
    python = Interpreter(Path("/usr2/bin/python3"), "3.12.1", (Path("/usr2"), Path("/usr/local")))
    SandboxedHooks().ask(question, python)
    assert ("/usr2", "/usr2") in plans[0]["binds"]
    assert ("/usr/local", "/usr/local") not in plans[0]["binds"]


def test_a_machine_that_is_not_this_one_is_refused() -> None:
    runner = SandboxedHooks()
    with pytest.raises(InputError, match="nothing on this machine runs what is built for manylinux_2_28_s390x"):
        runner.interpreter(Target.parse("3.12", "manylinux_2_28_s390x"))
    with pytest.raises(InputError, match="there is no such Python on the PATH"):
        runner.interpreter(Target.parse("3.99", TARGET.platform.tag))
