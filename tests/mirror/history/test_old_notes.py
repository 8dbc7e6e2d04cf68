"""What earlier versions knew of the content of files, beside the history: it is taken over once."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from cachi2ish.mirror.held.old_notes import take_over
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.records import recollected
from tests.mirror.history.world import Watched, a_file

WHEELS = {f"{number:064x}": f"{number + 100:064x}" for number in range(20)}
SHA256 = "ab" * 32


class Catalogue(dict[str, str]):
    """What was remembered beside the files."""

    def put(self, key: str, value: str) -> None:
        self[key] = value


def test_the_digests_of_metadata_and_the_content_of_files_without_a_sha256_go_into_the_history(
    history: SqlHistory, watched: Watched, tmp_path: Path
) -> None:
    watched.sees(1.5, replace(a_file("1.0", 0.5), hashes=()))
    [key] = history.keys_without_sha256()
    catalogue = Catalogue({recollected(key): SHA256})
    digests = tmp_path / "metadata-digests.txt"
    lines = "".join(f"{wheel} {metadata}\n" for wheel, metadata in WHEELS.items())
    digests.write_text(f"{lines}half a li")
    take_over(digests, history, catalogue)
    assert history.metadata_of([*WHEELS, "ff" * 32]) == WHEELS
    assert history.content_of(key) == SHA256
    assert not digests.exists()
    catalogue[recollected(key)] = "cd" * 32
    take_over(digests, history, catalogue)
    assert history.content_of(key) == SHA256


def test_of_two_who_say_what_a_file_is_the_first_is_right(history: SqlHistory) -> None:
    key = "u" + "0" * 63
    assert history.keep_content(key, SHA256) == SHA256
    assert history.keep_content(key, "cd" * 32) == SHA256
    history.keep_metadata({SHA256: "01" * 32})
    history.keep_metadata({SHA256: "02" * 32})
    assert history.metadata_of([SHA256]) == {SHA256: "01" * 32}
