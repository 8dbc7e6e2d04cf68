"""The image of the mirror, built as by ``make mirror-image``, and run as its compose file says."""

from __future__ import annotations

import json
import re
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import yaml
from engines import Engine
from harness import ROOT

from tests.support.distributions import make_wheel
from tests.support.index_server import IndexServer

BEFORE = "2023-05-01T10:00:00+00:00"
PAGE = "2023-06-01/simple/apple/"
COMPOSE = yaml.safe_load((ROOT / "containers/compose.yaml").read_text())["services"]["mirror"]

#: A port that the system gives, which the mirror says in its first line.
SERVE = ("serve", "--open", "--host", "127.0.0.1", "--port", "0")


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer() as index:
        index.add("apple", make_wheel("apple", "1.0"), upload_time=BEFORE)
        yield index


@pytest.fixture
def volume(engine: Engine) -> Iterator[str]:
    """The name of a volume that no other run has; it is gone afterwards."""
    name = f"mirror-{secrets.token_hex(4)}"
    yield name
    engine.try_("volume", "rm", "--force", name)


def as_composed(volume: str) -> tuple[str, ...]:
    """The options of ``podman run`` for what the compose file says, but for its port."""
    assert COMPOSE["volumes"] == ["mirror:/mirror"]
    assert COMPOSE["read_only"] is True
    return (
        *(f"--cap-drop={one}" for one in COMPOSE["cap_drop"]),
        *(f"--security-opt={one}" for one in COMPOSE["security_opt"]),
        *(f"--tmpfs={one}" for one in COMPOSE["tmpfs"]),
        "--read-only",
        f"--volume={volume}:/mirror",
    )


@contextmanager
def mirror(
    engine: Engine, image: str, index: IndexServer, volume: str, *options: str
) -> Iterator[tuple[str, str]]:
    """Yield the name of a container, and the address of the mirror in it; the network is that of this machine."""
    name = f"{volume}-served"
    command = (*SERVE, "--registry", f"pypi={index.index_url}")
    engine.do(
        *("run", "--detach", "--pull=never", "--network=host", f"--name={name}"),
        *(*as_composed(volume), *options, image, *command),
    )
    try:
        yield name, address_of(engine, name)
    finally:
        engine.do("rm", "--force", name)


def address_of(engine: Engine, name: str) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        done = engine.try_("logs", name)
        found = re.search(r"serving (http://\S+/)", done.output + done.errors)
        if found:
            return found[1]
        time.sleep(0.1)
    raise AssertionError(done.output + done.errors)


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=20) as answer:
        content: bytes = answer.read()
        return content


def test_the_image_serves_as_its_compose_file_says_and_its_volume_keeps_what_it_knows(
    engine: Engine, mirror_image: str, volume: str
) -> None:
    with IndexServer() as index:
        index.add("apple", make_wheel("apple", "1.0"), upload_time=BEFORE)
        with mirror(engine, mirror_image, index, volume) as (name, url):
            page = get(url + PAGE)
            assert b"apple-1.0-py3-none-any.whl" in page
            style = re.search(rb"web/style-[0-9a-f]+\.css", get(url))
            assert style is not None
            assert b"--paper" in get(url + style[0].decode())
            file = re.search(rb'href="\.\./\.\./\.\./(files/[^"#]+)', page)
            assert file is not None
            wheel = get(url + file[1].decode())
            assert wheel == make_wheel("apple", "1.0").content
            whose = engine.do("exec", name, "stat", "-c", "%u:%a", "/mirror/history.sqlite").strip()
            assert whose.startswith("10001:")
            engine.do("stop", "--time=30", name)
            ended = engine.do("inspect", "--format={{.State.ExitCode}}", name).strip()
            assert ended == "0"
    with IndexServer() as empty, mirror(engine, mirror_image, empty, volume) as (_, url):
        assert get(url + PAGE) == page
        assert get(url + file[1].decode()) == wheel


@pytest.mark.parametrize("user", ["1000650000:0", "4242:4242"])
def test_any_user_may_run_it(
    engine: Engine, mirror_image: str, index: IndexServer, volume: str, user: str
) -> None:
    with mirror(engine, mirror_image, index, volume, f"--user={user}") as (_, url):
        assert b"apple-1.0" in get(url + PAGE)


def test_the_health_check_tells_a_server_from_none(engine: Engine, mirror_image: str) -> None:
    config = json.loads(engine.do("image", "inspect", mirror_image))[0]
    check = config["Healthcheck"]["Test"]
    assert check == COMPOSE["healthcheck"]["test"]
    assert (config["User"], list(config["Config"]["Volumes"])) == ("10001:0", ["/mirror"])
    # On its own port, in a network of its own.
    name = f"health-{secrets.token_hex(4)}"
    engine.do("run", "--detach", "--pull=never", "--network=none", f"--name={name}", "--read-only", mirror_image)
    try:
        address_of(engine, name)
        engine.do("exec", name, *check[1:])
        engine.do("healthcheck", "run", name)
        other = engine.try_("exec", name, *(word.replace("8417", "9") for word in check[1:]))
        assert other.status != 0
    finally:
        engine.do("rm", "--force", name)


def test_without_tokens_and_without_a_word_for_that_it_does_not_serve(engine: Engine, mirror_image: str) -> None:
    done = engine.try_run(mirror_image, "serve", options=("--read-only",))
    assert done.status == 2
    assert "--token-file" in done.errors


def test_the_image_was_built_offline_and_has_a_bill_of_what_it_has_more(engine: Engine, mirror_image: str) -> None:
    names = (
        "import json; b = json.load(open('/opt/cachi2ish/bom-mirror.json'));"
        " print(*(c['name'] for c in b['components']))"
    )
    listed = engine.run(mirror_image, "-c", names, options=("--entrypoint", "python3")).split()
    assert {"uvicorn", "sqlalchemy", "starlette"} <= set(listed)
