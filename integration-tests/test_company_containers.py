"""The mirror for a company as its manifests and its compose file say: their containers, run by podman.

PostgreSQL and S3 are those of the tests, and the network is that of this machine.
"""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import cannot_run, new_postgresql, new_s3
from engines import Engine
from harness import ROOT
from test_kubernetes import pods, the

from tests.support.distributions import make_wheel
from tests.support.index_server import IndexServer
from tests.support.postgresql import PASSWORD, PostgresqlServer
from tests.support.s3_server import ACCESS_KEY, S3, SECRET_KEY

COMPOSE = yaml.safe_load((ROOT / "containers/compose-company.yaml").read_text())
PROXY = ROOT / "containers/company-proxy.conf"
PAGE = "2023-06-01/simple/apple/"
TOKEN = the("Secret")["stringData"]["tokens"].splitlines()[0]

#: What stands in the Secret, or in company.env, and where it is from in the tests.
KEYS = {"PGPASSWORD": PASSWORD, "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}


@dataclass(frozen=True)
class Container:
    """How a container is run. options: of ``podman run``. variables: as the file says them."""

    options: tuple[str, ...]
    variables: Mapping[str, str]
    command: tuple[str, ...]


@dataclass(frozen=True)
class Company:
    """What stands behind the mirrors, and the variables that lead there."""

    database: PostgresqlServer
    variables: Mapping[str, str]


def of_pod(pod: Any, tokens: Path) -> Container:
    """What a kubelet makes of a Pod. tokens: a folder with what the Secret has under that name."""
    spec = pod["spec"]
    (container,) = spec["containers"]
    user, rights = spec["securityContext"], container["securityContext"]
    volumes = {one["name"]: one for one in spec["volumes"]}
    options = [f"--user={user['runAsUser']}:{user['runAsGroup']}", "--security-opt=no-new-privileges"]
    options += [f"--cap-drop={one}" for one in rights["capabilities"]["drop"]]
    options += ["--read-only", "--read-only-tmpfs=false"] if rights["readOnlyRootFilesystem"] else []
    for mount in container["volumeMounts"]:
        volume, path = volumes[mount["name"]], mount["mountPath"]
        if "emptyDir" in volume:
            size = volume["emptyDir"]["sizeLimit"].removesuffix("i").lower()
            options.append(f"--tmpfs={path}:rw,mode=1777,size={size}")
        else:
            options.append(f"--volume={tokens}:{path}:ro")
    assert {one["name"] for one in container["env"]} == KEYS.keys()
    return Container(tuple(options), the("ConfigMap")["data"], tuple(container["args"]))


def of_compose(tokens: Path) -> Container:
    """What ``docker compose`` makes of the service of the mirrors."""
    service = COMPOSE["services"]["mirror"]
    assert service["volumes"] == ["/mirror", "./tokens:/run/cachi2ish/tokens:ro"]
    options = (
        *(f"--cap-drop={one}" for one in service["cap_drop"]),
        *(f"--security-opt={one}" for one in service["security_opt"]),
        *(f"--tmpfs={one}" for one in service["tmpfs"]),
        *(("--read-only",) if service["read_only"] else ()),
        "--volume=/mirror",
        f"--volume={tokens}/tokens:/run/cachi2ish/tokens:ro",
    )
    return Container(options, service["environment"], tuple(service["command"]))


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with new_s3() as started:
        yield started


@pytest.fixture(scope="module")
def database() -> Iterator[PostgresqlServer]:
    with new_postgresql() as started:
        yield started


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer() as index:
        index.add("apple", make_wheel("apple", "1.0"), upload_time="2023-05-01T10:00:00+00:00")
        yield index


@pytest.fixture
def company(database: PostgresqlServer, s3: S3, index: IndexServer) -> Company:
    address = database.new_schema().with_credentials.replace(f":{PASSWORD}@", "@")
    variables = {
        "CACHI2ISH_MIRROR_DATABASE": f"{address}&connect_timeout=5",
        "CACHI2ISH_MIRROR_FILES": f"s3://{s3.new_bucket()}",
        "AWS_ENDPOINT_URL": s3.endpoint,
        "CACHI2ISH_MIRROR_REGISTRY": f"pypi={index.index_url}",
        "CACHI2ISH_MIRROR_HOST": "127.0.0.1",
        "CACHI2ISH_MIRROR_PORT": "0",
    }
    return Company(database, variables)


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    folder = tmp_path / "tokens"
    folder.mkdir()
    (folder / "tokens").write_text(the("Secret")["stringData"]["tokens"])
    (folder / "tokens").chmod(0o444)
    return folder


def run(image: str, container: Container, company: Company, *options: str) -> list[str]:
    """The words of ``podman run``."""
    variables = {**container.variables, **KEYS, **company.variables}
    return [
        *("run", "--pull=never", "--network=host", *options, *container.options),
        *(f"--env={name}={value}" for name, value in variables.items()),
        *(image, *container.command),
    ]


@contextmanager
def serving(engine: Engine, image: str, container: Container, company: Company) -> Iterator[tuple[str, str]]:
    """Yield the name of a container, and the address of the mirror in it."""
    name = f"company-{secrets.token_hex(4)}"
    engine.do(*run(image, container, company, "--detach", f"--name={name}"))
    try:
        deadline = time.monotonic() + 60
        while True:
            done = engine.try_("logs", name)
            if found := re.search(r"serving (http://\S+/)", done.output + done.errors):
                break
            assert time.monotonic() < deadline, done.output + done.errors
            time.sleep(0.1)
        yield name, found[1]
    finally:
        engine.do("rm", "--force", "--volumes", name)


def status_of(url: str, token: str = "") -> int:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            answer.read()
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_pods_answer_their_probes_let_tokens_in_and_end_well(
    engine: Engine, mirror_image: str, company: Company, tokens: Path
) -> None:
    pod, job = pods()
    (container,) = pod["spec"]["containers"]
    paths = {
        name: container[f"{name}Probe"]["httpGet"]["path"][1:] for name in ("startup", "liveness", "readiness")
    }
    with serving(engine, mirror_image, of_pod(pod, tokens), company) as (name, url):
        assert {status_of(url + path) for path in paths.values()} == {200}
        assert (status_of(url + PAGE), status_of(url + PAGE, TOKEN)) == (401, 200)
        assert engine.do("exec", name, "id", "-u").strip() == "10001"
        assert engine.try_("exec", name, "touch", "/written").status != 0
        engine.do("exec", name, *container["lifecycle"]["preStop"]["exec"]["command"])
        # The job runs beside servers that leave looks to it.
        done = engine.try_(*run(mirror_image, of_pod(job, tokens), company, "--rm"))
        assert done.status == 0, done.errors
        company.database.stop("immediate")
        try:
            assert status_of(url + paths["liveness"]) == 200
            assert status_of(url + paths["readiness"]) == 503
        finally:
            company.database.start()
        deadline = time.monotonic() + 60
        while status_of(url + paths["readiness"]) != 200:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        engine.do("stop", f"--time={pod['spec']['terminationGracePeriodSeconds']}", name)
        assert engine.do("inspect", "--format={{.State.ExitCode}}", name).strip() == "0"


def test_two_containers_of_the_compose_file_share_what_one_of_them_has_fetched(
    engine: Engine, mirror_image: str, company: Company, index: IndexServer, tokens: Path
) -> None:
    container = of_compose(tokens)
    with (
        serving(engine, mirror_image, container, company) as (_, first),
        serving(engine, mirror_image, container, company) as (_, second),
    ):
        sha256 = make_wheel("apple", "1.0").sha256
        for url in (first, second):
            assert status_of(url + PAGE, TOKEN) == 200
            assert status_of(f"{url}files/{sha256}/apple-1.0-py3-none-any.whl", TOKEN) == 200
    assert sum(path.startswith("/files/") for path in index.paths) == 1


def test_the_compose_file_and_the_manifests_say_the_same() -> None:
    settings = the("ConfigMap")["data"]
    for name in ("mirror", "sync"):
        environment = COMPOSE["services"][name]["environment"]
        assert environment.keys() == settings.keys()
        for variable in ("CACHI2ISH_MIRROR_FILES", "CACHI2ISH_MIRROR_LOCAL_SIZE", "CACHI2ISH_MIRROR_FOLLOW"):
            assert environment[variable] == settings[variable]
        assert environment["AWS_ENDPOINT_URL"] == settings["AWS_ENDPOINT_URL"]
    for service in COMPOSE["services"].values():
        assert service.get("env_file", "company.env") == "company.env"
        assert set(service.get("depends_on", ())) <= COMPOSE["services"].keys()


def test_the_compose_file_can_be_brought_up_again_beside_the_one_for_one_machine() -> None:
    services = COMPOSE["services"]
    # Else both would be the project of their folder, and `up` of one would replace the mirror of the other.
    assert "name" in COMPOSE
    # The check of the image asks a server; that of PostgreSQL must not ask the one that its first start makes.
    assert services["sync"]["healthcheck"] == {"disable": True}
    assert "--host=127.0.0.1" in services["postgresql"]["healthcheck"]["test"]
    # SeaweedFS needs more than the ten seconds that docker gives, and must know itself by a name that stays.
    assert services["s3"]["stop_grace_period"] == "60s"
    assert "-ip=s3" in services["s3"]["command"]


@pytest.mark.parametrize(("there", "asked"), [("", 2), ("cachi2ish-mirror", 1), ("cachi2ish-mirror-old", 2)])
def test_the_bucket_is_made_where_it_is_not_there_yet(tmp_path: Path, there: str, asked: int) -> None:
    weed = tmp_path / "weed"
    weed.write_text(
        f'#!/bin/sh\nread -r line; echo "$line" >>{tmp_path}/asked\n'
        f'case $line in *list) echo "  {there}\tsize:0";; *create*) [ "{there}" != cachi2ish-mirror ];; esac\n'
    )
    weed.chmod(0o755)
    bucket = COMPOSE["services"]["bucket"]
    (script,) = bucket["command"]
    command = [*bucket["entrypoint"], script.replace("$$", "$")]
    done = subprocess.run(command, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False)
    assert (done.returncode, len((tmp_path / "asked").read_text().splitlines())) == (0, asked)


def test_nginx_takes_the_settings_of_the_proxy(tmp_path: Path) -> None:
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin") or cannot_run("nginx is not installed")
    whole, settings = tmp_path / "nginx.conf", tmp_path / "default.conf"
    # As the entry point of its image fills the template.
    assert PROXY.read_text().count("${") == 1
    settings.write_text(PROXY.read_text().replace("${NGINX_LOCAL_RESOLVERS}", "127.0.0.11 [fe80::1]"))
    whole.write_text(
        f"pid {tmp_path}/pid; error_log {tmp_path}/log; events {{}} http {{ access_log off; include {settings}; }}"
    )
    done = subprocess.run([nginx, "-t", "-c", whole], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
