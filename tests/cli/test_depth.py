"""How much of our own lies between a command and the network: a reader has to go through all of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import Person
from tests.support.command_line import clean_environment
from tests.support.distributions import make_sdist

#: Notes where a page worker gets its first task, and where it opens its first connection: the frames in files of
#: the package, innermost first.
WATCHED = """
import json, os, sys, threading
import cachi2ish
ROOT = os.path.dirname(cachi2ish.__file__) + os.sep
place, stacks = sys.argv.pop(), {}
def note(name, frame):
    if name in stacks:
        return
    stacks[name] = []
    while frame is not None:
        if frame.f_code.co_filename.startswith(ROOT):
            stacks[name].append([frame.f_code.co_filename.removeprefix(ROOT), frame.f_code.co_name])
        frame = frame.f_back
    if len(stacks) == 2:
        with open(place, "w") as file:
            json.dump(stacks, file)
def on_call(frame, event, _argument):
    if event == "call" and frame.f_code.co_name == "submit":
        if getattr(frame.f_locals["self"], "_name", "") == "page":
            note("submit", frame)
            sys.setprofile(None)
def on_event(event, _arguments):
    if event == "socket.connect" and threading.current_thread().name.startswith("page"):
        note("connect", sys._getframe())
sys.setprofile(on_call)
sys.addaudithook(on_event)
from cachi2ish.cli.main import main
sys.argv[0] = "cachi2ish"
main()
"""

#: What takes a task, runs it in a thread, and keeps what it returns.
THREADS = [["services/fetch/scheduler.py", name] for name in ("submit", "_run", "settle")]


def test_from_the_command_to_the_socket_of_a_dated_page_are_at_most_fifteen_frames(
    person: Person, tmp_path: Path
) -> None:
    """Frames of functions of this package, counted while a run asks for a page as of a date.

    They are those from the command's function down to where the page's worker is given its task, which includes
    the command's function and the one that gives it; and those of the worker, from its function to the one
    that has the connection opened. Frames of libraries between them (requests, urllib3) do not count, nor do those
    of the threads (`LargestFirst`), through which every task goes.
    """
    person.index.add("apple", make_sdist("apple", "1.0"), upload_time="2024-09-01T00:00:00Z")
    person.writes("requirements.txt", "apple==1.0\n")
    places = ("--source", person.source, "--output", person.output)
    arguments = ("fetch-deps", *places, "--index-date=2024-10-01", "pip", tmp_path / "stacks.json")
    subprocess.run(
        [sys.executable, "-c", WATCHED, *map(str, arguments)],
        env=clean_environment(person.home, PYTHONPATH=os.pathsep.join(sys.path), **person.environ),
        check=True,
    )
    stacks = json.loads((tmp_path / "stacks.json").read_text())
    command = stacks["submit"].index(["cli/commands/fetch.py", "fetch_deps"])
    way = [*reversed(stacks["submit"][: command + 1]), *reversed(stacks["connect"])]
    way = [frame for frame in way if frame not in THREADS]
    assert len(way) <= 15, "\n".join(": ".join(frame) for frame in way)
    assert [file for file, _ in way if file.startswith("index/")] == [
        "index/dated.py",
        "index/upload_times.py",
        "index/cached.py",
        "index/first_match.py",
        "index/http_index.py",
    ]
