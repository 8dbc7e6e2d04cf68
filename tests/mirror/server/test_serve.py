"""``cachi2ish mirror serve`` as a program: how it begins, what it refuses, and how it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.mirror.server.conftest import OLD
from tests.support.command_line import run
from tests.support.distributions import Dist, make_wheel
from tests.support.index_server import Fault, IndexServer
from tests.support.program import environment, serving_at, start


@contextmanager
def serving(tmp_path: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run the program; yields its address."""
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    arguments = ("mirror", "serve", "--directory", str(tmp_path / "mirror"), "--port", "0", *options)
    with serving_at(start(*arguments, environ=environment(home)), r"serving (http://\S+:[0-9]+)/ from ") as found:
        yield found


def get(url: str | urllib.request.Request) -> bytes:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return bytes(answer.read())


def test_a_second_server_of_a_directory_says_so_and_both_serve(upstream: IndexServer, tmp_path: Path) -> None:
    registry = ("--registry", f"pypi={upstream.index_url}")
    with serving(tmp_path, *registry) as (first, alone), serving(tmp_path, *registry) as (second, other):
        assert other.stderr is not None
        assert other.stderr.readline().startswith("another server serves from there too: they share")
        page = "/2023-06-01/simple/demo/"
        assert OLD.filename.encode() in get(first + page)
        assert get(first + page) == get(second + page)
        alone.send_signal(signal.SIGTERM)
        assert alone.communicate(timeout=20)[1] == "ended\n"
        other.kill()
        other.wait()
        with serving(tmp_path, *registry) as (_, last):
            last.send_signal(signal.SIGTERM)
            assert last.communicate(timeout=20)[1] == "ended\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_ended_and_ends_well(
    upstream: IndexServer, tmp_path: Path, number: signal.Signals
) -> None:
    with serving(tmp_path, "--registry", f"pypi={upstream.index_url}") as (url, process):
        assert OLD.filename.encode() in get(f"{url}/2023-06-01/simple/demo/")
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (0, "", "ended\n")


def test_an_answer_that_is_under_way_is_finished_before_it_ends(upstream: IndexServer, tmp_path: Path) -> None:
    large = os.urandom(20_000_000)
    dist = Dist("large-1.0.tar.gz", large)
    upstream.add("large", dist, upload_time="2023-05-01T10:00:00+00:00")
    with serving(tmp_path, "--registry", f"pypi={upstream.index_url}") as (url, process):
        get(f"{url}/live/simple/large/")
        get(f"{url}/files/{dist.sha256}/{dist.filename}")
        with urllib.request.urlopen(f"{url}/files/{dist.sha256}/{dist.filename}", timeout=20) as answer:
            begun = answer.read(1000)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            assert begun + answer.read() == large
        assert process.wait(20) == 0


def test_it_goes_on_after_it_was_killed(upstream: IndexServer, tmp_path: Path) -> None:
    option = ("--registry", f"pypi={upstream.index_url}")
    with serving(tmp_path, *option) as (url, process):
        before = get(f"{url}/2023-06-01/simple/demo/")
        get(f"{url}/files/{OLD.sha256}/{OLD.filename}")
        process.kill()
    upstream.script("/simple/demo/", [Fault.status(503)] * 9)
    upstream.script(f"/files/{OLD.filename}", [Fault.status(503)] * 9)
    with serving(tmp_path, *option) as (url, _):
        assert get(f"{url}/2023-06-01/simple/demo/") == before
        assert get(f"{url}/files/{OLD.sha256}/{OLD.filename}") == OLD.content


def test_settings_come_from_the_file_and_from_variables(upstream: IndexServer, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'mirror-registry = {{team = "{upstream.index_url}"}}\nmirror-first-seen = ["team"]\n')
    with serving(tmp_path, "--config-file", str(config)) as (url, _):
        assert OLD.filename.encode() in get(f"{url}/r/team/2023-06-01/simple/demo/")


def refuses(tmp_path: Path, *options: str | Path, **environ: str) -> tuple[int, str]:
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    outcome = run("mirror", "serve", *options, home=home, environ=environ)
    assert outcome.out == ""
    return outcome.code, outcome.err


def test_a_port_in_use_is_an_error_like_any_other(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, text = refuses(tmp_path, "--directory", tmp_path / "m", "--port", port)
    assert code == 3
    assert f"port {port} of 127.0.0.1 is in use" in text
    assert "--port" in text


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--host", "no-such-host.invalid"), 3, "'no-such-host.invalid' does not resolve"),
        (("--host", "192.0.2.1", "--port", "0"), 3, "is no address of this machine"),
        (("--host", "0.0.0.0", "--port", "0"), 2, "--token-file"),
        (("--port", "70000"), 2, "70000"),
        (("--registry", "work"), 2, "'work' has no address"),
        (("--registry", "work=host/simple"), 2, "is not the address of an index"),
        (("--registry", "https://host/simple/"), 2, "'https://host/simple/' has no name"),
        (("--registry-token", "work=tokens"), 2, "there is no registry 'work' with an address"),
        (("--registry", "Work Place=https://host/simple/"), 2, "is no name of a registry"),
        (("--private", "work"), 2, "there is no registry 'work'"),
        (("--exempt", "-x-"), 2, "is no name of a project"),
        (("--token-file", "/nowhere/tokens"), 3, "does not exist"),
        (("--memory", "5"), 2, "has no unit"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, options: tuple[str, ...], code: int, says: str) -> None:
    got, text = refuses(tmp_path, "--directory", tmp_path / "m", *options)
    assert (got, says in text) == (code, True), text


def test_a_directory_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, text = refuses(tmp_path, "--directory", tmp_path / "file", "--port", "0")
    assert code == 10
    assert "the directory of the mirror" in text
    assert "--directory" in text


def test_tokens_that_could_be_guessed_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    for content in ("", "short\n"):
        file.write_text(content)
        code, text = refuses(tmp_path, "--directory", tmp_path / "m", "--port", "0", "--token-file", file)
        assert code == 3
        assert "secrets.token_urlsafe" in text


def test_a_token_of_the_mirror_never_goes_to_a_private_registry(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("a-long-token-of-ours\n")
    code, text = refuses(
        tmp_path,
        *("--directory", tmp_path / "m", "--port", "0", "--token-file", file),
        *("--registry", "work=https://packages.invalid/simple/", "--private", "work"),
    )
    assert code == 3
    assert "a token would go to the registry" in text


def test_pip_uv_and_fetch_deps_take_the_same_with_the_upstream_and_without(
    upstream: IndexServer, tmp_path: Path
) -> None:
    upstream.add("needs", make_wheel("needs", "1.0", requires=("demo",)), upload_time="2023-05-02T10:00:00+00:00")
    upstream.add("needs", make_wheel("needs", "2.0", requires=("demo",)), upload_time="2024-07-01T10:00:00+00:00")
    with serving(tmp_path, "--registry", f"pypi={upstream.index_url}") as (url, _):
        index = f"{url}/2023-06-01/simple/"
        for round_ in ("up", "down"):
            place = tmp_path / round_
            place.mkdir()
            wanted = {"demo-1.0", "needs-1.0"}
            assert set(pip(place, index)) == wanted
            assert set(uv(place, index)) == wanted
            assert set(fetched(place, index)) == wanted
            for path in ("/simple/demo/", "/simple/needs/", f"/files/{OLD.filename}"):
                upstream.script(path, [Fault.reset()] * 50)


def test_pip_uv_and_fetch_deps_send_a_token_of_the_mirror_as_a_password(
    upstream: IndexServer, tmp_path: Path
) -> None:
    upstream.add("needs", make_wheel("needs", "1.0", requires=("demo",)), upload_time="2023-05-02T10:00:00+00:00")
    (tmp_path / "tokens").write_text("a-long-token-of-ours\n")
    options = ("--token-file", str(tmp_path / "tokens"), "--registry", f"pypi={upstream.index_url}")
    with serving(tmp_path, *options) as (url, _):
        index = f"{url}/2023-06-01/simple/".replace("://", "://any:a-long-token-of-ours@")
        wanted = {"demo-1.0", "needs-1.0"}
        assert set(pip(tmp_path, index)) == wanted
        assert set(uv(tmp_path, index)) == wanted
        assert set(fetched(tmp_path, index)) == wanted


def pip(place: Path, index: str) -> list[str]:
    environ = environment(place) | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-cache-dir", "-i", index]
    subprocess.run([*command, "--target", str(place / "pip"), "needs"], env=environ, check=True, timeout=60)
    return sorted(path.name.removesuffix(".dist-info") for path in (place / "pip").glob("*.dist-info"))


def uv(place: Path, index: str) -> list[str]:
    environ = environment(place) | {"UV_CACHE_DIR": str(place / "uv-cache"), "UV_NO_CONFIG": "1"}
    command = [str(Path(sys.executable).parent / "uv"), "pip", "install", "-q", "--python", sys.executable]
    command += ["--target", str(place / "uv"), "--default-index", index, "needs"]
    subprocess.run(command, env=environ, check=True, timeout=60)
    return sorted(path.name.removesuffix(".dist-info") for path in (place / "uv").glob("*.dist-info"))


def fetched(place: Path, index: str) -> list[str]:
    source = place / "source"
    source.mkdir()
    (source / "requirements.txt").write_text("needs==1.0\ndemo==1.0\n")
    outcome = run(
        *("fetch-deps", "--source", source, "--output", place / "out", "--index-url", index),
        '{"type": "pip", "allow_binary": "true"}',
        home=place,
    )
    assert outcome.code == 0, outcome.err
    files = (place / "out/deps/pip").iterdir()
    return sorted({re.sub(r"[-.](py3-none-any\.whl|tar\.gz)$", "", path.name) for path in files})
