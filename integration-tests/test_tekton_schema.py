"""The Tasks and the Pipeline of the documentation fit the schemas of Tekton.

These come from Tekton's own definitions of its resources; unknown fields are refused. They do not say which values
a field may have, such as the names that Kubernetes takes, or ``type`` of a parameter; that ``labels`` and
``annotations`` are texts; nor anything of the values of parameters. For that there are the models of
``tests/support/tekton.py``, and tekton-lint.
"""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from harness import ROOT
from schemas import Published, problems

from tests.support.tekton import PLAIN, TRUSTED, text_of

BOTH = pytest.mark.parametrize("name", [PLAIN, TRUSTED])

#: Where in the Task with trusted artifacts, which has one of everything.
STEP = ("spec", "steps", 2)
OBJECTS: dict[str, tuple[str | int, ...]] = {
    "task": (),
    "metadata": ("metadata",),
    "spec": ("spec",),
    "param": ("spec", "params", 0),
    "result": ("spec", "results", 0),
    "workspace": ("spec", "workspaces", 0),
    "stepTemplate": ("spec", "stepTemplate"),
    "mount of stepTemplate": ("spec", "stepTemplate", "volumeMounts", 0),
    "step": STEP,
    "env": (*STEP, "env", 0),
    "securityContext": (*STEP, "securityContext"),
    "computeResources": (*STEP, "computeResources"),
    "mount": (*STEP, "volumeMounts", 0),
    "volume": ("spec", "volumes", 0),
    "configMap": ("spec", "volumes", 0, "configMap"),
    "key of configMap": ("spec", "volumes", 0, "configMap", "items", 0),
    "emptyDir": ("spec", "volumes", 1, "emptyDir"),
}

#: Fields with a value that is none of theirs; None takes the field away.
WRONG: dict[tuple[str | int, ...], object] = {
    ("metadata", "labels"): ["a"],
    ("spec", "params", 0, "name"): None,
    ("spec", "params", 0, "type"): True,
    ("spec", "results", 0, "name"): None,
    ("spec", "workspaces", 0, "optional"): "true",
    ("spec", "volumes", 0, "name"): None,
    ("spec", "volumes", 0, "configMap", "optional"): "true",
    ("spec", "stepTemplate", "volumeMounts", 0, "mountPath"): None,
    (*STEP, "name"): None,
    (*STEP, "script"): ["echo"],
    (*STEP, "env", 0, "value"): 1,
    (*STEP, "securityContext", "runAsUser"): "0",
    (*STEP, "computeResources", "limits", "memory"): "much",
    (*STEP, "volumeMounts", 0, "readOnly"): "yes",
}


def task(name: str) -> Any:
    return yaml.safe_load(text_of(name))


def documented_pipeline() -> Any:
    _, _, text = (ROOT / "docs/how-to/tekton.md").read_text().partition("```yaml\n")
    return yaml.safe_load(text.partition("```")[0])


def at(document: Any, place: tuple[str | int, ...]) -> Any:
    for step in place:
        document = document[step]
    return document


@BOTH
def test_the_task_fits_the_schema_of_tekton(published: Published, name: str) -> None:
    assert problems(published.task, task(name)) == []


def test_the_pipeline_of_the_documentation_fits_the_schema_of_tekton(published: Published) -> None:
    assert problems(published.pipeline, documented_pipeline()) == []


@pytest.mark.parametrize("place", OBJECTS.values(), ids=OBJECTS)
def test_a_field_that_tekton_does_not_know_is_refused(published: Published, place: tuple[str | int, ...]) -> None:
    wrong = task(TRUSTED)
    at(wrong, place)["wrong"] = "here"
    (problem,) = problems(published.task, wrong)
    assert "'wrong' was unexpected" in problem


@pytest.mark.parametrize("place", WRONG, ids=lambda place: "-".join(map(str, place)))
def test_a_value_of_another_type_and_a_missing_name_are_refused(
    published: Published, place: tuple[str | int, ...]
) -> None:
    wrong = task(TRUSTED)
    *before, last = place
    if WRONG[place] is None:
        del at(wrong, tuple(before))[last]
    else:
        at(wrong, tuple(before))[last] = WRONG[place]
    assert problems(published.task, wrong)


def test_a_task_is_no_pipeline(published: Published) -> None:
    assert problems(published.pipeline, task(PLAIN))
    assert problems(published.task, documented_pipeline())
