"""Whatever its description allows, and whatever it does not, the JSON API of the mirror answers as described."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode

from cachi2ish.mirror.web.openapi import document
from tests.mirror.server.conftest import OLD, YOUNG
from tests.support.distributions import make_wheel
from tests.support.index_server import IndexServer
from tests.support.mirror_server import MirrorServer

DATES = ("date", "before", "after")

#: For each door and mode: make fuzz-mirror sends more of them.
EXAMPLES = int(os.environ.get("MIRROR_EXAMPLES", "10"))

API = schemathesis.openapi.from_dict(document())
API.config.checks.negative_data_rejection.expected_statuses = ["4xx"]  # 414, too, is a refusal, and no 5xx is


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MirrorServer]:
    """A mirror of two indexes, one of them private, both of which know a project."""
    with IndexServer() as index, IndexServer(credentials=("anna", "s3cret")) as private:
        index.add("demo", OLD, upload_time="2023-05-01T10:00:00+00:00")
        index.add("demo", YOUNG, upload_time="2024-06-01T10:00:00+00:00", yanked="broken")
        private.add("ours", make_wheel("ours", "1.0"), upload_time="2023-05-01T10:00:00+00:00")
        folder: Path = tmp_path_factory.mktemp("mirror")
        with MirrorServer(folder, private=("team",), pypi=index.index_url, team=private.index_url) as server:
            server.json("/live/simple/demo/")
            yield server


#: Nobody guesses what the mirror knows: some requests name it.
KNOWN = st.fixed_dictionaries(
    {
        "project": st.sampled_from(["demo", "demo", "De.mo", "ours", None]),
        "version": st.sampled_from(["1.0", "2.0.0", None]),
        "registry": st.sampled_from(["pypi", "pypi", "team", None]),
        "pins": st.sampled_from(["demo==1.0", "demo==2.0,ours==1.0"]),
        "page": st.sampled_from(["1", "1", "2", None]),
        **{name: st.sampled_from(["live", "2023-06-01", "2024-06-02T00:00:00Z", None]) for name in DATES},
    }
)

#: What has no parameters cannot be asked for wrongly.
DOORS = [
    (path, mode)
    for path, operations in document()["paths"].items()
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or operations["get"]["parameters"]
]


@pytest.mark.parametrize(("path", "mode"), DOORS)
def test_each_answer_is_one_that_is_described(mirror: MirrorServer, path: str, mode: GenerationMode) -> None:
    operation = API[path]["GET"]

    @given(case=operation.as_strategy(generation_mode=mode), known=KNOWN)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=EXAMPLES <= 10,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def judge(case: Case[Any], known: dict[str, str | None]) -> None:
        if mode is GenerationMode.POSITIVE:
            case.path_parameters = _replaced(case.path_parameters, known)
            case.query = _replaced(case.query, known)
        case.call_and_validate(base_url=mirror.url, timeout=30)

    judge()


def _replaced(values: Mapping[str, object] | None, known: dict[str, str | None]) -> dict[str, object]:
    return {name: known.get(name) or value for name, value in (values or {}).items()}
