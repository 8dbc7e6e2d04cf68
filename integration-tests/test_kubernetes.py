"""The manifests of ``kubernetes/``: what a cluster says of them, and their Pods, run as they are by podman."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness import ROOT
from schemas import Published, problems, resource_of_kubernetes

FOLDER = ROOT / "kubernetes"
EXAMPLES = FOLDER / "examples"

#: The oldest release that has all of these resources at these versions, and the newest that is published.
RELEASES = ("1.25", "1.37")

Resource = dict[str, Any]


def resources(*files: Path) -> list[Resource]:
    return [one for file in files for one in yaml.safe_load_all(file.read_text())]


BASE = resources(
    *(FOLDER / name for name in yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"])
)
ALL = [*BASE, *resources(*sorted(EXAMPLES.glob("*.yaml")))]


def the(kind: str, among: list[Resource] = ALL) -> Resource:
    (found,) = (one for one in among if one["kind"] == kind)
    return found


def pods() -> list[Resource]:
    """What the Pods of the servers and of the sync are made from."""
    return [the("Deployment")["spec"]["template"], the("CronJob")["spec"]["jobTemplate"]["spec"]["template"]]


@pytest.mark.parametrize("release", RELEASES)
def test_a_cluster_knows_every_field_of_the_manifests(published: Published, release: str) -> None:
    wrong = copy.deepcopy(the("Deployment"))
    wrong["spec"]["template"]["spec"]["containers"][0]["readinessProb"] = {}
    assert problems(resource_of_kubernetes(published.kubernetes, wrong, release), wrong) != []
    for one in ALL:
        assert problems(resource_of_kubernetes(published.kubernetes, one, release), one) == [], one["kind"]


def test_the_base_has_every_manifest_and_names_no_namespace_and_no_secret() -> None:
    files = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert len(resources(*(FOLDER / name for name in files))) == len(BASE)
    assert "Secret" not in {one["kind"] for one in BASE}
    assert not any("namespace" in one["metadata"] for one in ALL)


def test_what_the_manifests_name_of_each_other_is_there() -> None:
    labels = [pod["metadata"]["labels"].items() for pod in pods()]
    for selector in (
        the("Deployment")["spec"]["selector"]["matchLabels"],
        the("Service")["spec"]["selector"],
        the("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
    ):
        assert [selector.items() <= one for one in labels] == [True, False], selector
    everything = the("NetworkPolicy")["spec"]["podSelector"]["matchLabels"]
    assert all(everything.items() <= one for one in labels)
    secret, settings = the("Secret"), the("ConfigMap")
    for pod in pods():
        (container,) = pod["spec"]["containers"]
        assert [one["configMapRef"]["name"] for one in container["envFrom"]] == [settings["metadata"]["name"]]
        for variable in container["env"]:
            reference = variable["valueFrom"]["secretKeyRef"]
            assert reference["name"] == secret["metadata"]["name"]
            assert reference["key"] in secret["stringData"]
        volumes = {one["name"]: one for one in pod["spec"]["volumes"]}
        assert volumes.keys() == {one["name"] for one in container["volumeMounts"]}
    (container,) = pods()[0]["spec"]["containers"]
    ports = {one["name"] for one in container["ports"]}
    probes = [container[f"{name}Probe"]["httpGet"]["port"] for name in ("startup", "liveness", "readiness")]
    assert {*probes, *(one["targetPort"] for one in the("Service")["spec"]["ports"])} == ports


def test_the_pods_of_servers_and_of_the_sync_differ_only_in_what_they_do() -> None:
    server, sync = (copy.deepcopy(one["spec"]) for one in pods())
    for spec, own in ((server, {"tokens"}), (sync, set[str]())):
        (container,) = spec["containers"]
        for name in ("name", "args", "resources"):
            del container[name]
        mounts = container["volumeMounts"]
        container["volumeMounts"] = [one for one in mounts if one["name"] not in own]
        spec["volumes"] = [one for one in spec["volumes"] if one["name"] not in own]
        del spec["terminationGracePeriodSeconds"]
    (container,) = server["containers"]
    for name in ("ports", "startupProbe", "livenessProbe", "readinessProbe", "lifecycle"):
        del container[name]
    del server["topologySpreadConstraints"], sync["restartPolicy"]
    assert server == sync


def test_no_pod_has_more_rights_than_it_needs() -> None:
    for pod in pods():
        spec = pod["spec"]
        (container,) = spec["containers"]
        assert spec["automountServiceAccountToken"] is False
        # Else the Service would set CACHI2ISH_MIRROR_PORT to an address.
        assert spec["enableServiceLinks"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"].keys() == {"memory", "ephemeral-storage"}
        assert all("sizeLimit" in one["emptyDir"] for one in spec["volumes"] if "emptyDir" in one)
    assert the("CronJob")["spec"]["concurrencyPolicy"] == "Forbid"
