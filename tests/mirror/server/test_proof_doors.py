"""The doors to frozen days: which digests a day has, and proofs that its pages are in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from packaging.utils import NormalizedName

from cachi2ish.core.cutoff import Cutoff
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.records import now_in_microseconds
from cachi2ish.simple_api.fields import PageSource
from cachi2ish.simple_api.negotiation import read_page
from cachi2ish.simple_api.page_digest import page_digest
from cachi2ish.simple_api.page_proof import read_proof
from tests.support.distributions import make_wheel
from tests.support.histories import history_at
from tests.support.index_server import IndexServer
from tests.support.mirror_server import MirrorServer

DAY = "2023-06-01"


def freezes(mirror: MirrorServer, registry: str = "pypi") -> str:
    """Return the digits of the digest."""
    cutoff = Cutoff.parse(DAY, datetime.now(UTC))
    with SqlHistory(history_at(mirror.directory / "history.sqlite")) as history:
        return history.freeze(registry, cutoff, now_in_microseconds()).digest.removeprefix("sha256:")


def test_a_page_in_either_form_is_proved_with_what_a_client_reads_of_it(mirror: MirrorServer) -> None:
    path = f"/{DAY}/simple/demo/"
    assert mirror.get(path).status == 200
    root = freezes(mirror)
    proof = read_proof(mirror.get(f"/{DAY}/frozen/{root}/demo/").body)
    assert proof is not None
    assert proof.leads_to(root, "demo")
    assert not proof.leads_to(root, "other")
    assert not proof.leads_to("0" * 64, "demo")
    got = mirror.get(path, Accept="application/vnd.pypi.simple.v1+json")
    page = read_page(
        got.body, got.headers["content-type"], PageSource.of(NormalizedName("demo"), mirror.url, mirror.url + path)
    )
    assert page_digest(page) == proof.digest


def test_a_day_lists_all_its_digests_the_newest_first(mirror: MirrorServer, upstream: IndexServer) -> None:
    def listed() -> object:
        return json.loads(mirror.get(f"/{DAY}/frozen/").body)["frozen"]

    mirror.get(f"/{DAY}/simple/demo/")
    assert listed() == []
    first = freezes(mirror)
    upstream.add("more", make_wheel("more", "1.0"), upload_time="2023-05-01T10:00:00+00:00")
    mirror.get(f"/{DAY}/simple/more/")
    second = freezes(mirror)
    assert listed() == [
        {"digest": f"sha256:{second}", "projects": 2},
        {"digest": f"sha256:{first}", "projects": 1},
    ]
    for root in (first, second, f"sha256:{first}"):
        got = mirror.get(f"/{DAY}/frozen/{root}/demo/")
        assert (got.status, "immutable" in got.headers["cache-control"]) == (200, True)
    missing = json.loads(mirror.get(f"/{DAY}/frozen/{first}/more/").body)
    assert missing["reason"] == "not-in-day"
    other = json.loads(mirror.get(f"/{DAY}/frozen/{'0' * 64}/demo/").body)
    assert (other["reason"], f"sha256:{second} and sha256:{first}" in other["detail"]) == ("other-digest", True)


def test_days_of_a_private_registry_are_proved_to_those_alone_whom_it_lets_in(tmp_path: Path) -> None:
    with IndexServer(credentials=("ann", "secret")) as index:
        index.add("demo", make_wheel("demo", "1.0"), upload_time="2023-05-01T10:00:00+00:00")
        with MirrorServer(tmp_path / "mirror", private=("team",), team=index.index_url) as mirror:
            path = f"/r/team/{DAY}/simple/demo/"
            assert mirror.get(path, login=("ann", "secret")).status == 200
            root = freezes(mirror, "team")
            proof = f"/r/team/{DAY}/frozen/{root}/demo/"
            assert mirror.get(proof).status == 401
            assert mirror.get(proof, login=("eve", "guess")).status == 403
            got = mirror.get(proof, login=("ann", "secret"))
            assert (got.status, got.headers["cache-control"]) == (200, "private, no-cache")
            assert mirror.get(f"/r/team/{DAY}/frozen/").status == 403
