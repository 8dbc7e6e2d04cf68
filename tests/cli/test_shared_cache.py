"""A cache that somebody else may write to: what he writes there reaches no output."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from packaging.utils import canonicalize_name

from cachi2ish.cache.memory.page_format import dump
from cachi2ish.core.pages import IndexFile, Page
from cachi2ish.exit_codes import ExitCode
from tests.cache.support import as_stranger, share
from tests.cli.conftest import Person, tree
from tests.support.distributions import Dist, make_sdist, sdist_files
from tests.support.git_server import GitServer, Repository

APPLE, BANANA = make_sdist("apple", "1.0"), make_sdist("banana", "1.0")
EVIL = make_sdist("apple", "1.0", padding=100)
DATE = "--index-date=2024-10-01"


@pytest.fixture
def cache() -> Iterator[Path]:
    """Not below `tmp_path`, where nobody else comes."""
    with TemporaryDirectory(prefix="cachi2ish-shared-") as public:
        Path(public).chmod(0o755)
        (Path(public) / "cache").mkdir()
        yield Path(public) / "cache"


@pytest.fixture
def orchard(person: Person, cache: Path) -> Person:
    person.environ["CACHI2ISH_CACHE_DIR"] = str(cache)
    person.index.add("apple", APPLE, upload_time="2024-09-01T00:00:00Z")
    person.writes("requirements.txt", "apple==1.0\n")
    return person


EDIT = """
for path in sys.argv[3:]:
    place = Path("blobs", "sha256", Path(path).name[:2], Path(path).name[2:])
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, place)
connection = sqlite3.connect("catalogue.sqlite")
with connection:
    changed = connection.execute(sys.argv[1], (Path(sys.argv[2]).read_bytes(),)).rowcount
connection.close()
assert changed
"""


def edits(cache: Path, statement: str, value: bytes, *files: Dist) -> None:
    """A stranger sets something to ``value``, and brings files that are called by their sha256."""
    share(cache)
    brought = [cache.parent / file.sha256 for file in files]
    for place, file in zip(brought, files, strict=True):
        place.write_bytes(file.content)
    (cache.parent / "value").write_bytes(value)
    as_stranger(EDIT, cache, statement, cache.parent / "value", *brought)


def forged_body(cache: Path, dist: Dist) -> bytes:
    """The page of apple as the stranger would like it to be."""
    with closing(sqlite3.connect(cache / "catalogue.sqlite")) as connection:
        ((index,),) = connection.execute("SELECT address FROM page").fetchall()
    file = IndexFile(
        filename=APPLE.filename,
        url=f"https://evil.example/{APPLE.filename}",
        hashes=(("sha256", dist.sha256),),
        upload_time=datetime(2024, 9, 1, tzinfo=UTC),
    )
    return dump(Page(project=canonicalize_name("apple"), index=index, files=(file,)))[0]


@pytest.mark.parametrize("options", [(DATE,), ()], ids=["dated", "asked, and not modified"])
def test_a_forged_page_gives_no_other_file(
    orchard: Person, cache: Path, caplog: pytest.LogCaptureFixture, options: tuple[str, ...]
) -> None:
    assert orchard.fetches("pip", *options).code == 0
    first = tree(orchard.output)
    edits(cache, "UPDATE body SET content = ?", forged_body(cache, EVIL), EVIL)

    outcome = orchard.fetches("pip", *options)

    assert outcome.code == 0, outcome.told
    assert tree(orchard.output) == first
    assert caplog.text.count("Somebody has changed the catalogue") == 1


def test_a_forged_page_is_not_in_the_cache_without_a_network(orchard: Person, cache: Path) -> None:
    assert orchard.fetches().code == 0
    edits(cache, "UPDATE body SET content = ?", forged_body(cache, EVIL), EVIL)
    outcome = orchard.fetches("pip", "--offline")
    assert outcome.code == ExitCode.UNAVAILABLE
    assert "is not in the cache" in outcome.err


def test_a_forged_row_gives_no_other_archive_of_a_commit(
    orchard: Person, cache: Path, repository: Repository, server: GitServer
) -> None:
    commit = repository.commit(sdist_files("fig", "3.0", pkg_info=""))
    orchard.writes("requirements.txt", f"fig @ git+{server.url('fig.git')}@{commit}\n")
    assert orchard.fetches().code == 0
    first = tree(orchard.output)
    evil = make_sdist("fig", "3.0")
    forged = evil.sha256.encode()
    edits(cache, "UPDATE recollection SET value = CAST(? AS TEXT) WHERE key LIKE 'git-archive%'", forged, evil)
    verified = orchard.runs("cache", "verify")
    assert verified.code == ExitCode.STORAGE
    assert "somebody has changed its recollection git-archive" in verified.err

    outcome = orchard.fetches()

    assert outcome.code == 0, outcome.told
    assert tree(orchard.output) == first


def test_a_forged_row_makes_no_project_of_another(orchard: Person, cache: Path) -> None:
    """The index serves the file of another project, which is found out by what the file says."""
    disguised = Dist(APPLE.filename, BANANA.content)
    cherry = make_sdist("cherry", "1.0")
    orchard.index.add("cherry", cherry)
    orchard.writes("requirements.txt", "cherry==1.0\n")
    assert orchard.fetches().code == 0
    key = f"replace(replace(key, '{cherry.sha256}', '{disguised.sha256}'), 'cherry', 'apple')"
    edits(cache, f"UPDATE recollection SET key = {key}, value = CAST(? AS TEXT)", b"apple\n1.0", disguised)
    orchard.index.add("apple", disguised)
    orchard.writes("requirements.txt", "apple==1.0\n")

    outcome = orchard.fetches()

    assert outcome.code == ExitCode.DISTRIBUTION
    assert "says that it is banana, not apple" in outcome.err


def test_a_forged_etag_ends_no_run(orchard: Person, cache: Path) -> None:
    assert orchard.fetches().code == 0
    first = tree(orchard.output)
    edits(cache, "UPDATE page SET etag = CAST(? AS TEXT)", b'"x"\r\nX-Forged: 1')
    outcome = orchard.fetches()
    assert outcome.code == 0, outcome.told
    assert tree(orchard.output) == first


def test_another_user_is_not_served_what_the_first_one_remembers(orchard: Person, cache: Path) -> None:
    """His files are: they are what their digests say."""
    assert orchard.fetches("pip", DATE).code == 0
    share(cache)
    (cache / "catalogue.key").chmod(0o644)  # as if it were another user's
    orchard.index.forget_requests()
    outcome = orchard.fetches("pip", DATE)
    assert outcome.code == 0, outcome.told
    assert [request.path for request in orchard.index.requests] == ["/simple/apple/"]
    assert "(0 from the network, 1 from the cache)" in outcome.err

    orchard.index.forget_requests()
    assert orchard.fetches("pip", DATE).code == 0
    assert orchard.index.requests == ()


def test_users_with_one_key_share_what_they_remember(orchard: Person, cache: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("0123456789abcdef0123456789abcdef\n")
    assert orchard.fetches("pip", "--cache-key", key).code == 0
    assert not (cache / "catalogue.key").exists(), "there is no need of it"
    first = tree(orchard.output)
    orchard.index.forget_requests()

    without = orchard.fetches("pip", "--offline")
    assert without.code == ExitCode.UNAVAILABLE

    orchard.environ["CACHI2ISH_CACHE_KEY"] = str(key)
    outcome = orchard.fetches("pip", "--offline")
    assert outcome.code == 0, outcome.told
    assert tree(orchard.output) == first
    assert orchard.index.requests == ()

    edits(cache, "UPDATE recollection SET value = CAST(? AS TEXT)", b"evil")
    assert orchard.runs("cache", "verify").code == ExitCode.STORAGE
    key.write_text("another, and long enough\n")
    assert orchard.runs("cache", "verify").code == 0, "what others have written is theirs to verify"


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (
            b"short\n",
            ExitCode.INPUT,
            "has 5 bytes, and may be guessed\n  hint: make one with: openssl rand -hex 32",
        ),
        (
            None,
            ExitCode.STORAGE,
            "cannot be read: No such file or directory\n  hint: name a file that you may read",
        ),
    ],
)
def test_a_key_that_is_none_is_refused(
    orchard: Person, tmp_path: Path, content: bytes | None, code: ExitCode, said: str
) -> None:
    key = tmp_path / "key"
    if content is not None:
        key.write_bytes(content)
    outcome = orchard.fetches("pip", "--cache-key", key)
    assert outcome.code == code
    assert f"error: the key {key} of the cache {said}" in outcome.err


def test_a_key_that_is_a_named_pipe_is_refused_and_not_waited_for(orchard: Person, tmp_path: Path) -> None:
    key = tmp_path / "key"
    os.mkfifo(key)
    outcome = orchard.fetches("pip", "--cache-key", key)
    assert outcome.code == ExitCode.INPUT
    assert f"error: the key {key} of the cache is not a regular file" in outcome.err
