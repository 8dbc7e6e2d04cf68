"""Memory stays flat, however many bytes come."""

from __future__ import annotations

import os
from pathlib import Path

from harness import BIN, clean_environment

from tests.support.distributions import make_sdist
from tests.support.index_server import IndexServer
from tests.support.program import weigh

FILES = 40


def peak_of_a_run(tmp_path: Path, size: int) -> int:
    """Fetch 40 files of ``size`` bytes into an empty cache; return the peak memory in bytes."""
    dists = [make_sdist(f"plum{number}", "1.0", padding=size) for number in range(FILES)]
    source = tmp_path / "source"
    source.mkdir(parents=True)
    (source / "pyproject.toml").write_text('[project]\nname = "orchard"\nversion = "1.0"\n')
    pins = (f"plum{number}==1.0 {dist.hash_option()}\n" for number, dist in enumerate(dists))
    (source / "requirements.txt").write_text("".join(pins))
    with IndexServer() as index:
        for number, dist in enumerate(dists):
            index.add(f"plum{number}", dist)
        where = ("--source", source, "--output", tmp_path / "out", "--index-url", index.index_url)
        done, peak = weigh(
            (BIN / "cachi2ish", "fetch-deps", "pip", *where),
            {**clean_environment(), "CACHI2ISH_CACHE_DIR": str(tmp_path / "cache"), "HOME": os.devnull},
        )
    assert done.returncode == 0, done.stderr
    assert sum(path.stat().st_size for path in (tmp_path / "out" / "deps" / "pip").iterdir()) > FILES * size
    return peak


def test_six_times_the_bytes_need_hardly_more_memory(tmp_path: Path) -> None:
    few = peak_of_a_run(tmp_path / "few", 1_000_000)
    many = peak_of_a_run(tmp_path / "many", 6_000_000)
    print(f"peak: {few / 1e6:.0f} MB for {FILES} MB, {many / 1e6:.0f} MB for six times as much")  # noqa: T201  (with -s)
    assert few < 150_000_000
    assert many < 150_000_000
    assert many < few * 1.25  # the aim is 1.1; threads that happen to meet make up for some megabytes
