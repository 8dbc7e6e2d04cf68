"""The Tasks in ``tekton/``: read into closed models, and their steps with parameters and paths put in.

The models are the part of Tekton's API ``tekton.dev/v1`` that a Task of ours may use, with its names and types
(the reference is ``pkg/apis/pipeline/v1`` of Tekton's source). Tekton's own schema is not in this repository:
``integration-tests/test_tekton_schema.py`` fetches it, and holds the Tasks against it.
"""
# ruff: noqa: N815  (the fields are called what Tekton calls them)

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

TASKS = Path(__file__).resolve().parents[2] / "tekton"
PLAIN, TRUSTED = "prefetch-dependencies", "prefetch-dependencies-oci-ta"

#: ``$(params.input)``, ``$(workspaces.netrc.path)``, ``$(results.NAME.path)``.
REFERENCE = re.compile(r"\$\((params|workspaces|results|context)\.([^()]+)\)")

#: What Kubernetes calls a DNS label, and what it calls a C identifier.
Label = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
#: Of a parameter and of a result.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$")]
#: An amount of a resource, such as ``500m`` and ``1Gi``.
Quantity = Annotated[str, StringConstraints(pattern=r"^\d+(\.\d+)?(m|[kKMGTPE]i?)?$")]
Absolute = Annotated[str, StringConstraints(pattern=r"^/")]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Param(_Closed):
    name: Name
    type: Literal["string"]
    description: str
    default: str | None = None


class Result(_Closed):
    name: Name
    type: Literal["string"]
    description: str


class Workspace(_Closed):
    name: Label
    description: str
    mountPath: Absolute | None = None
    readOnly: bool = False
    optional: bool = False


class KeyToPath(_Closed):
    key: str
    path: str


class ConfigMap(_Closed):
    name: str
    items: list[KeyToPath]
    optional: bool = False


class EmptyDir(_Closed):
    pass


class Volume(_Closed):
    name: Label
    configMap: ConfigMap | None = None
    emptyDir: EmptyDir | None = None


class VolumeMount(_Closed):
    name: Label
    mountPath: Absolute
    readOnly: bool = False


class Variable(_Closed):
    name: Identifier
    value: str


class SecurityContext(_Closed):
    runAsUser: int


class Resources(_Closed):
    requests: dict[Literal["cpu", "memory"], Quantity]
    limits: dict[Literal["cpu", "memory"], Quantity]


class Step(_Closed):
    name: Label
    image: str
    imagePullPolicy: Literal["Always", "Never", "IfNotPresent"] | None = None
    script: str | None = None
    args: list[str] = Field(default_factory=list)
    env: list[Variable] = Field(default_factory=list)
    computeResources: Resources | None = None
    securityContext: SecurityContext | None = None
    volumeMounts: list[VolumeMount] = Field(default_factory=list)


class StepTemplate(_Closed):
    volumeMounts: list[VolumeMount]


class TaskSpec(_Closed):
    description: str
    params: list[Param]
    results: list[Result] = Field(default_factory=list)
    workspaces: list[Workspace]
    volumes: list[Volume]
    stepTemplate: StepTemplate | None = None
    steps: list[Step]

    def step(self, name: str) -> Step:
        (found,) = (step for step in self.steps if step.name == name)
        return found


class Metadata(_Closed):
    name: Label
    labels: dict[str, str]
    annotations: dict[str, str]


class Task(_Closed):
    apiVersion: Literal["tekton.dev/v1"]
    kind: Literal["Task"]
    metadata: Metadata
    spec: TaskSpec


def text_of(name: str) -> str:
    return (TASKS / f"{name}.yaml").read_text(encoding="utf-8")


def read_task(name: str) -> TaskSpec:
    """Read a Task; an unknown field or a value of another type is an error."""
    return Task.model_validate(yaml.safe_load(text_of(name))).spec


@dataclass(frozen=True)
class Run:
    """What Tekton lets a container execute: a script, and its environment."""

    script: str
    environment: Mapping[str, str]


def prepared(
    task: TaskSpec,
    step: str,
    params: Mapping[str, str],
    workspaces: Mapping[str, Path] | None = None,
    results: Mapping[str, Path] | None = None,
) -> Run:
    """Put parameters and paths in, as Tekton does; a workspace that is not bound has the empty path."""
    known = {param.name: param.default for param in task.params} | dict(params)
    places = {workspace.name: "" for workspace in task.workspaces}
    places |= {name: str(path) for name, path in (workspaces or {}).items()}
    assert known.keys() == {param.name for param in task.params}, "a parameter that the Task does not have"
    assert places.keys() == {workspace.name for workspace in task.workspaces}

    def value(match: re.Match[str]) -> str:
        kind, rest = match.groups()
        if kind == "params":
            given = known[rest]
            assert given is not None, f"the parameter {rest} has no default"
            return given
        name, _, what = rest.rpartition(".")
        assert what == "path", match.group()
        return places[name] if kind == "workspaces" else str((results or {})[name])

    chosen = task.step(step)
    assert chosen.script is not None
    environment = {variable.name: REFERENCE.sub(value, variable.value) for variable in chosen.env}
    return Run(REFERENCE.sub(value, chosen.script), environment)
