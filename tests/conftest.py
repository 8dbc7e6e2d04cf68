"""What holds for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from cachi2ish.cache.blobs import DiskBlobs

# A shared machine is slow at times; that is no failure of a property.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

_TESTS = Path(__file__).parent

#: Tests for which one Python is enough (``make unit-python`` runs all others on each), as what they look at is the
#: same on all. What reads files, archives and pages, what speaks to the system and to the network, how the command
#: line starts and ends, and each new file of tests stay with the others.
ONE_PYTHON = {
    _TESTS / place: reason
    for reason, places in {
        "the text of a page of docs, of a lock or of a shell script": ("docs", "tekton"),
        "a bill against a schema": ("sbom", "cli/test_merge_sboms.py"),
        "a comparison of programs that nobody installs": ("benchmarks",),
        "rules of choosing, offline and dates, through the whole program; the rules run on each in tests/core": (
            "cli/test_index_date.py",
            "cli/test_modes.py",
            "cli/test_offline.py",
            "cli/test_settled.py",
            "cli/test_targets.py",
        ),
        "namespaces and limits of the kernel; what runs in them is the Python of a target": (
            "sandbox",
            "cli/test_run_hooks.py",
            "cli/test_verify_with_hooks.py",
        ),
        "requests that are made and counted; the client runs on each in tests/http": (
            "cli/test_direct.py",
            "cli/test_misbehaving_hosts.py",
            "cli/test_misbehaving_servers.py",
            "cli/test_politeness.py",
        ),
        "modules that are imported, and counted: the libraries import others on each": ("cli/test_cost.py",),
        "words, options and files in the names of another tool": (
            "cli/test_failure_note.py",
            "cli/test_any_order.py",
            "cli/test_cache.py",
            "cli/test_drop_in.py",
            "cli/test_report.py",
            "cli/test_where_others_fail.py",
        ),
    }.items()
    for place in places
}


@pytest.fixture
def store(tmp_path: Path) -> DiskBlobs:
    """A cache of files, for the rooms that keep and take them."""
    return DiskBlobs(tmp_path / "cache")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not ONE_PYTHON.keys().isdisjoint((item.path, *item.path.parents)):
            item.add_marker(pytest.mark.one_python)
