"""A workspace of uv with all that makes one hard, locked by the real uv and fetched for two targets in one run."""

from __future__ import annotations

import json

from tests.cli.conftest import Person
from tests.support.distributions import make_sdist, make_wheel
from tests.support.index_server import IndexServer
from tests.support.uv_project import UvProject, indexes_of, member

ROOT = """\
[project]
name = "app"
version = "0"
requires-python = ">=3.11"
dependencies = ["one", "two"]
[project.optional-dependencies]
cpu = ["torch==1.0"]
gpu = ["torch==2.0"]
[dependency-groups]
dev = ["elder"]
docs = ["fig"]
[tool.uv]
conflicts = [[{ extra = "cpu" }, { extra = "gpu" }]]
[tool.uv.workspace]
members = ["one", "two"]
[tool.uv.sources]
one = { workspace = true }
two = { workspace = true }
secret = { index = "private" }
"""
TARGETS = [
    {"python": "3.12", "platform": "manylinux_2_28_x86_64"},
    {"python": "3.13", "platform": "win_amd64"},
]


def test_it_is_one_request_for_each_file(person: Person) -> None:
    with IndexServer(credentials=("ci", "s3cret/%:")) as private:
        wheels = {
            name: make_wheel(*name)
            for name in (
                ("elder", "1.0"),
                ("fig", "1.0"),
                ("torch", "1.0"),
                ("torch", "2.0", "cp312-cp312-manylinux_2_28_x86_64"),
                ("torch", "2.0", "cp313-cp313-win_amd64"),
                ("torch", "2.0", "cp313-cp313-macosx_14_0_arm64"),
                ("kiwi", "1.0"),
            )
        }
        for (name, *_), dist in wheels.items():
            person.index.add(name, dist)
        person.index.add("lemon", make_sdist("lemon", "1.0"))
        private.add("secret", make_wheel("secret", "1.0", requires=("kiwi ; sys_platform == 'win32'",)))
        project = UvProject(person.source)
        project.writes(
            {
                "pyproject.toml": ROOT + indexes_of(person.index.index_url, private.index_url),
                "one/pyproject.toml": member("one", "secret", "lemon", python=">=3.11"),
                "two/pyproject.toml": member(
                    "two", "one", python=">=3.11", more="[tool.uv.sources]\none = { workspace = true }\n"
                ),
            }
        )
        project.uv("lock", UV_INDEX_PRIVATE_USERNAME="ci", UV_INDEX_PRIVATE_PASSWORD="s3cret/%:")
        for server in (person.index, private):
            server.forget_requests()
        person.environ["PIP_EXTRA_INDEX_URL"] = private.index_url_with_credentials
        each = {"type": "uv", "groups": ["docs"], "targets": TARGETS}
        request = [{**each, "extras": [extra]} for extra in ("cpu", "gpu")]

        outcome = person.fetches(json.dumps(request))

        assert outcome.code == 0, outcome.told
        names = person.deps()
        assert names == [
            "elder-1.0-py3-none-any.whl",
            "fig-1.0-py3-none-any.whl",
            "kiwi-1.0-py3-none-any.whl",
            "lemon-1.0.tar.gz",
            "secret-1.0-py3-none-any.whl",
            "torch-1.0-py3-none-any.whl",
            "torch-2.0-cp312-cp312-manylinux_2_28_x86_64.whl",
            "torch-2.0-cp313-cp313-win_amd64.whl",
        ]
        requests = (*person.index.requests, *private.requests)
        assert len(requests) == len(names)
        assert [path.rpartition("/")[2] for path in private.paths] == ["secret-1.0-py3-none-any.whl"]
        assert "s3cret" not in outcome.told + (person.output / "bom.json").read_text()
