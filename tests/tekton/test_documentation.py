"""The page about Tekton says what the Tasks say."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from tests.support.tekton import PLAIN, read_task

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "tekton.md").read_text(encoding="utf-8")


def test_every_parameter_is_on_the_page_with_its_default() -> None:
    _, _, below = PAGE.partition("| parameter | default | |\n| --- | --- | --- |\n")
    documented: dict[str, str | None] = {}
    for row in below.partition("\n\n")[0].splitlines():
        names, defaults = (re.findall(r"`([^`]*)`", cell) for cell in row.split("|")[1:3])
        documented.update(zip(names, defaults or [None], strict=True))
    assert documented == {param.name: param.default or None for param in read_task(PLAIN).params}


def test_the_pipeline_on_the_page_passes_what_the_task_has() -> None:
    (pipeline,) = (yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
    (called,) = pipeline["spec"]["tasks"]
    task = read_task(PLAIN)
    assert {given["name"] for given in called["params"]} <= {param.name for param in task.params}
    assert {bound["name"] for bound in called["workspaces"]} <= {workspace.name for workspace in task.workspaces}
