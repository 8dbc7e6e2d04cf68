"""``cachi2ish serve``: an output as an index, around one command or until it is ended."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

import pytest

from cachi2ish.services.index_environment import index_environment
from tests.cli.conftest import Person
from tests.mirror.server.test_serve import get
from tests.support.command_line import Outcome
from tests.support.distributions import make_sdist, make_wheel
from tests.support.index_server import IndexServer
from tests.support.offline import backend, buildable
from tests.support.program import PROGRAM, environment, serving_at, start

WHEEL = make_wheel("ripe-banana", "1.0+local")

#: A command that says when it has begun, and how it was ended.
PATIENT = """
import signal, sys, time
heard = []
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, lambda number, _: heard.append(number))
print("begun", flush=True)
while not heard:
    time.sleep(0.02)
time.sleep(0.5)
print(*map(int, heard))
sys.exit(9)
"""


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Somebody with an output that has an sdist, its build back-end in two versions, and a wheel."""
    place = tmp_path_factory.mktemp("serve")
    for name in ("home", "source"):
        (place / name).mkdir()
    with IndexServer() as index:
        index.add("apple", make_sdist("apple", "1.0", files=buildable("apple", "1.0", requires=("Ripe.Banana",))))
        index.add("ripe-banana", WHEEL)
        for version in ("3.9", "4.0"):
            index.add("flit-core", backend(version))
        person = Person(place / "home", place / "source", place / "out", index, {"PIP_INDEX_URL": index.index_url})
        person.writes("requirements.txt", "apple==1.0\nripe-banana==1.0+local\n")
        person.writes("requirements-build.txt", "flit-core==3.9\n")
        person.writes("requirements-newer.txt", "flit-core==4.0\n")
        builds = ["requirements-build.txt", "requirements-newer.txt"]
        done = person.fetches(
            json.dumps({"type": "pip", "allow_binary": True, "requirements_build_files": builds})
        )
        assert done.code == 0, done.told
    return person


def around(person: Person, *command: str, options: tuple[str, ...] = (), **environ: str) -> Outcome:
    """Run a command, or a line of Python, with the output as its index."""
    words = (sys.executable, "-c", *command) if len(command) == 1 else command
    process = start("serve", person.output, *options, "--", *words, environ=environment(person.home, environ))
    out, err = process.communicate(timeout=120)
    return Outcome(process.returncode, out, err)


@contextmanager
def served(person: Person, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Serve alone; yields the address of the index."""
    process = start("serve", person.output, *options, environ=environment(person.home))
    with serving_at(process, r"serving (http://127\.0\.0\.1:[0-9]+/simple/) from ") as found:
        yield found


def test_what_is_no_output_is_refused(person: Person, tmp_path: Path) -> None:
    (tmp_path / "deps/pip").mkdir(parents=True)
    done = person.runs("serve", tmp_path, "--", "true")
    assert (done.code, done.out) == (3, "")
    assert (
        f"{tmp_path} has no pages of an index: deps/simple cannot be read: No such file or directory" in done.err
    )
    pages = tmp_path / "deps/simple/apple"
    pages.mkdir(parents=True)
    for text, says in (
        ("no page", "it is no page of an index"),
        ('{"files": [{"filename": "../x.whl", "url": "x"}]}', "lists '../x.whl' as fetch-deps does not"),
        ('{"files": [{"filename": "apple-1.0.zip", "url": "x"}]}', "lists 'apple-1.0.zip' as fetch-deps does not"),
    ):
        (pages / "index.json").write_text(text)
        done = person.runs("serve", tmp_path, "--", "true")
        assert (done.code, says in done.err) == (3, True), done.err


def test_a_command_that_cannot_be_run_ends_it_as_env_does(person: Person) -> None:
    missing, folder = around(person, "no-such-command", "x"), around(person, "/", "x")
    assert (missing.code, missing.err) == (
        127,
        "error: no-such-command cannot be run: No such file or directory\n",
    )
    assert (folder.code, folder.err) == (126, "error: / cannot be run: Permission denied\n")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("raise SystemExit(42)", 42),
        ("import os; os.kill(os.getpid(), 9)", 137),
    ],
)
def test_its_exit_status_is_that_of_the_command(person: Person, line: str, code: int) -> None:
    done = around(person, line)
    assert (done.code, done.out, done.err) == (code, "", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_the_matter_of_the_command(person: Person, number: signal.Signals) -> None:
    process = start("serve", person.output, "--", sys.executable, "-c", PATIENT, environ=environment(person.home))
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (9, f"{int(number)}\n", "")


def test_ctrl_c_at_a_terminal_reaches_the_command_once(person: Person) -> None:
    leader, follower = pty.openpty()
    take = (
        "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
    )
    command = [
        sys.executable,
        "-c",
        take,
        *PROGRAM,
        "serve",
        str(person.output),
        "--",
        sys.executable,
        "-c",
        PATIENT,
    ]
    process = subprocess.Popen(
        command,
        stdin=follower,
        stdout=subprocess.PIPE,
        env=environment(person.home),
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        os.write(leader, b"\x03")
        assert process.communicate(timeout=60)[0] == f"{int(signal.SIGINT)}\n"
        assert process.returncode == 9
    finally:
        process.kill()
        os.close(leader)
        os.close(follower)


def test_pip_builds_and_installs_with_nothing_but_the_index(person: Person, tmp_path: Path) -> None:
    pip = (sys.executable, "-m", "pip", "install", "--no-cache-dir", "--target", str(tmp_path), "apple")
    done = around(person, *pip, PIP_NO_INDEX="true", HTTP_PROXY="http://127.0.0.1:9", PIP_CONFIG_FILE=os.devnull)
    assert done.code == 0, done.err
    assert {path.name for path in tmp_path.glob("*.py")} == {"apple.py", "ripe_banana.py"}


def test_a_file_that_has_changed_is_refused_by_the_digest_of_its_page(person: Person, tmp_path: Path) -> None:
    wheel = person.output / "deps/pip" / WHEEL.filename
    wheel.write_bytes(make_wheel("ripe-banana", "1.0+local", metadata="Summary: other\n").content)
    try:
        done = around(
            person,
            *(sys.executable, "-m", "pip", "download", "--no-cache-dir", "--dest", str(tmp_path), "ripe-banana"),
            PIP_CONFIG_FILE=os.devnull,
        )
    finally:
        wheel.write_bytes(WHEEL.content)
    assert done.code == 1
    assert "HASH" in done.err.upper()


def test_a_stage_has_the_versions_that_its_constraints_allow(person: Person, tmp_path: Path) -> None:
    stage = tmp_path / "constraints.txt"
    stage.write_text("flit_core==3.9\n")
    line = (
        "import os, urllib.request\n"
        "print(urllib.request.urlopen(os.environ['UV_DEFAULT_INDEX'] + 'flit-core/').read().decode())"
    )
    everything, some = around(person, line), around(person, line, options=("-c", str(stage)))
    for version, in_some in (("3.9", True), ("4.0", False)):
        assert f"flit_core-{version}-" in everything.out
        assert (f"flit_core-{version}-" in some.out) == in_some


def test_alone_it_serves_until_it_is_ended(person: Person) -> None:
    with served(person) as (url, process):
        page = json.loads(get(request(f"{url}ripe-banana/", accept="application/vnd.pypi.simple.v1+json")))
        [file] = page["files"]
        assert (page["meta"]["api-version"], file["size"]) == ("1.4", len(WHEEL.content))
        address = urljoin(f"{url}ripe-banana/", file["url"])
        assert get(address) == WHEEL.content
        assert get(request(address, range="bytes=0-3")) == WHEEL.content[:4]
        assert get(url.replace("/simple/", "/healthz")) == b"ok\n"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (0, "", "ended\n")


def test_what_it_does_not_have_is_refused_with_the_reason(person: Person, tmp_path: Path) -> None:
    with served(person) as (url, _):
        root = url.removesuffix("simple/")
        for path, reason in (
            ("simple/pear/", "the output has no pear"),
            ("2024-01-01/simple/apple/", "there is nothing here; the first page has the addresses that there are"),
            (f"files/{'0' * 64}/{WHEEL.filename}", f"the output has no {WHEEL.filename} with this sha256"),
            (
                f"files/{WHEEL.sha256}/..%2F..%2Fbom.json",
                "there is nothing here; the first page has the addresses that there are",
            ),
        ):
            with pytest.raises(urllib.error.HTTPError) as caught:
                get(root + path)
            assert (caught.value.code, caught.value.reason) == (404, reason)
            caught.value.close()
        gone = (person.output / "deps/pip" / WHEEL.filename).rename(tmp_path / "aside")
        try:
            with pytest.raises(urllib.error.HTTPError, match="cannot be read: No such file") as caught:
                get(f"{root}files/{WHEEL.sha256}/{WHEEL.filename}")
            caught.value.close()
            os.mkfifo(person.output / "deps/pip" / WHEEL.filename)
            with pytest.raises(urllib.error.HTTPError, match="is no regular file") as caught:
                get(f"{root}files/{WHEEL.sha256}/{WHEEL.filename}")
            caught.value.close()
            assert get(f"{root}healthz") == b"ok\n"
        finally:
            gone.rename(person.output / "deps/pip" / WHEEL.filename)


def request(url: str, **headers: str) -> urllib.request.Request:
    return urllib.request.Request(url, headers=headers)


def test_the_environment_names_one_index_and_no_other_place() -> None:
    before = {
        "PATH": "/bin",
        "PIP_NO_INDEX": "true",
        "PIP_FIND_LINKS": "/out",
        "UV_OFFLINE": "true",
        "UV_INDEX": "https://a.example/simple/",
        "PIP_INDEX_URL": "https://b.example/simple/",
        "NO_PROXY": "b.example",
    }
    assert index_environment(before, "http://127.0.0.1:1/simple/", "127.0.0.1") == {
        "PATH": "/bin",
        "NO_PROXY": "b.example,127.0.0.1",
        "no_proxy": "127.0.0.1",
        **dict.fromkeys(
            (
                "PIP_INDEX_URL",
                "UV_DEFAULT_INDEX",
                "UV_INDEX_URL",
                "PDM_PYPI_URL",
                "PIPENV_PYPI_MIRROR",
                "POETRY_PYPI_MIRROR_URL",
            ),
            "http://127.0.0.1:1/simple/",
        ),
    }


def test_without_the_extra_it_says_what_to_install_and_what_needs_no_server(
    person: Person, tmp_path: Path
) -> None:
    (tmp_path / "uvicorn.py").write_text("raise ModuleNotFoundError('no uvicorn', name='uvicorn')")
    environ = environment(person.home)
    environ["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{environ['PYTHONPATH']}"
    done = subprocess.run(
        [*PROGRAM, "serve", person.output, "--", "true"], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert "serve needs uvicorn, which is not installed" in done.stderr
    assert "deps/simple in the output is an index" in done.stderr
