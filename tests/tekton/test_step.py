"""What the step leaves in its workspace, and what it says."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from cachi2ish.exit_codes import ExitCode
from tests.support.archives import archived
from tests.support.distributions import make_sdist
from tests.support.tekton import TRUSTED, prepared, read_task
from tests.tekton.conftest import Pod

ENVIRONMENT = "export PIP_FIND_LINKS=/cachi2/output/deps/pip\n"


@pytest.fixture
def shop(pod: Pod) -> Pod:
    """A project that needs something from an index, and something from an address."""
    pear = make_sdist("pear", "2.0")
    pod.index.add("apple", make_sdist("apple", "1.0"), upload_time="2024-09-01T00:00:00Z")
    url = pod.index.serve_file(pear)
    pod.writes("requirements.txt", f"apple==1.0\npear @ {url}#sha256={pear.sha256}\n")
    pod.writes("pyproject.toml", '[project]\nname = "shop"\nversion = "1"\n')
    return pod


def test_everything_lies_where_the_build_looks_for_it(shop: Pod) -> None:
    done = shop.runs()
    assert done.code == 0, done.told
    assert sorted(path.name for path in shop.cachi2.iterdir()) == [
        "cachi2.env",
        "output",
        "prefetch-env.json",
        "prefetch.env",
    ]
    assert (shop.output / "deps" / "pip" / "apple-1.0.tar.gz").is_file()
    assert ENVIRONMENT in (shop.cachi2 / "cachi2.env").read_text()
    assert (shop.cachi2 / "prefetch.env").read_bytes() == (shop.cachi2 / "cachi2.env").read_bytes()
    assert {"name": "PIP_FIND_LINKS", "value": "/cachi2/output/deps/pip"} in shop.read("prefetch-env.json")
    rewritten = (shop.source / "requirements.txt").read_text()
    assert "pear @ file:///cachi2/output/deps/pip/" in rewritten
    bom = shop.read("output/bom.json")
    assert bom["spdxVersion"] == "SPDX-2.3"
    assert "hermeto:found_by" in (shop.output / "bom.json").read_text()


def test_the_other_parameters_reach_the_program_also_with_another_shell(shop: Pod) -> None:
    done = shop.runs(
        '[{"type": "pip", "path": "."}]',
        shell=("bash",),
        sbom_type="cyclonedx",
        mode="permissive",
        log_level="trace",
        index_date="2024-10-01",
        dev_package_managers="true",
        pip_index_url="",
        config_file_content=f'pip:\n  proxy_url: "{shop.index.index_url}"\ngoproxy_url: https://go.example\n',
    )
    assert done.code == 0, done.told
    bom = shop.read("output/bom.json")
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.6")
    assert "2024-10-02T00:00:00" in (shop.output / "bom.json").read_text()
    assert "goproxy_url" in done.err
    assert "debug:" in done.err.lower()


def test_a_file_that_was_not_there_on_the_date_is_refused_and_nothing_is_left(shop: Pod) -> None:
    done = shop.runs(index_date="2024-08-01")
    assert done.code == ExitCode.UNAVAILABLE, done.told
    assert not shop.output.exists()
    assert not (shop.cachi2 / "cachi2.env").exists()


def test_without_input_nothing_happens(shop: Pod) -> None:
    done = shop.runs("")
    assert done.code == 0
    assert "nothing is prefetched" in done.out
    assert not shop.cachi2.exists()
    assert shop.index.requests == ()


def test_what_a_parameter_says_is_not_run(shop: Pod) -> None:
    done = shop.runs("""$(touch pwned) `touch pwned` "; touch pwned; '; touch pwned; \"""")
    assert done.code == ExitCode.INPUT, done.told
    assert not list(shop.folder.rglob("pwned"))


def test_two_workspaces_seen_at_one_place_make_one_archive_and_a_second_run_does_too(shop: Pod) -> None:
    mount, lock = shop.workspace, (shop.source / "requirements.txt").read_text()
    archives = []
    for name in ("one", "two"):
        place = shop.folder / name
        (place / "source").mkdir(parents=True)
        (place / "source" / "requirements.txt").write_text(lock)
        os.utime(place / "source" / "requirements.txt", (1, 1))
        mount.rename(shop.folder / f"before-{name}")
        mount.symlink_to(place)
        done = shop.runs()
        assert done.code == 0, done.told
        archives.append(archived(place / "cachi2"))
    assert archives[0] == archives[1]
    again = shop.runs()  # of an input that points to the output already
    assert again.code == 0, again.told
    assert archived(shop.folder / "two" / "cachi2") == archives[0]


@pytest.mark.parametrize("asked", ["", "pip"])
def test_with_trusted_artifacts_the_source_is_handed_on_only_without_input(tmp_path: Path, asked: str) -> None:
    uri = "oci:registry.example/store@sha256:" + "a" * 64
    results = {name: tmp_path / name for name in ("SOURCE_ARTIFACT", "CACHI2_ARTIFACT")}
    params = {"input": asked, "SOURCE_ARTIFACT": uri, "ociStorage": "registry.example/store"}
    run = prepared(read_task(TRUSTED), "skip-ta", params, results=results)
    work = tmp_path / "workdir"
    environment = {"PATH": os.environ["PATH"], **run.environment, "WORKDIR": str(work)}
    subprocess.run(["sh", "-c", run.script], env=environment, check=True)
    if asked:
        assert list(tmp_path.iterdir()) == []
        return
    assert results["SOURCE_ARTIFACT"].read_text() == uri
    assert results["CACHI2_ARTIFACT"].read_text() == ""
    marked = [path.relative_to(work).as_posix() for path in work.rglob("*") if path.is_file()]
    assert sorted(marked) == ["cachi2/.skip-trusted-artifacts", "source/.skip-trusted-artifacts"]


def test_the_form_with_trusted_artifacts_differs_in_its_places_only() -> None:
    params = {"input": "pip", "SOURCE_ARTIFACT": "oci:x", "ociStorage": "x"}
    run = prepared(read_task(TRUSTED), "prefetch-dependencies", params)
    assert (run.environment["SOURCE_DIR"], run.environment["CACHI2_DIR"]) == (
        "/var/workdir/source",
        "/var/workdir/cachi2",
    )
    assert not re.search(r"/var/workdir|workspace/", run.script)
