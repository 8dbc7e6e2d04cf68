"""Commands of the mirror that work on its history: status, track, sync, diff, freeze, verify, export, import."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from cachi2ish.cli.wiring_history import mirror_history
from cachi2ish.errors import StorageError
from cachi2ish.exit_codes import ExitCode
from cachi2ish.files.locks import try_lock
from cachi2ish.mirror.history.store import SqlHistory
from cachi2ish.mirror.records import Registry, UntimedFiles
from cachi2ish.settings.flags import Flags
from tests.cache.support import read_only_view
from tests.cli.conftest import Person
from tests.support.distributions import make_sdist
from tests.support.index_server import Fault
from tests.support.mirror_keeper import Keeper

OLD = datetime(2024, 1, 1, tzinfo=UTC)
NEW = datetime(2024, 3, 1, tzinfo=UTC)


READING = (("status",), ("diff", "apple", "2024-02-01", "2024-04-01"))


@pytest.fixture
def keeper(person: Person, tmp_path: Path) -> Keeper:
    person.index.add("apple", make_sdist("apple", "1.0"), upload_time=OLD)
    person.index.add("apple", make_sdist("apple", "2.0"), upload_time=NEW)
    return Keeper(person, tmp_path / "mirror")


@pytest.fixture
def filled(keeper: Keeper) -> Keeper:
    keeper.runs("track", "Apple")
    keeper.syncs()
    return keeper


def test_what_is_followed_is_looked_at_once_it_is_due(keeper: Keeper) -> None:
    names = keeper.person.writes(
        "names.txt", "# ours\n--no-binary :all:\n\napple==1.0 --hash=sha256:0\npear[x]>1\n"
    )
    assert "2 projects more followed" in keeper.runs("track", "apple", "-r", names).err
    assert keeper.status()["due"] == 2
    assert "looked 2 times" in keeper.syncs().err
    assert (keeper.status()["due"], keeper.status()["files"]) == (0, 2)
    assert "looked 0 times" in keeper.syncs().err


def test_a_registry_that_does_not_answer_leaves_projects_due(keeper: Keeper) -> None:
    keeper.runs("track", "apple")
    outcome = keeper.runs("sync", "--registry", "pypi=http://127.0.0.1:9/simple/", code=ExitCode.NETWORK)
    assert "still due" in outcome.err
    assert keeper.status()["due"] == 1


def test_two_dates_are_told_apart(filled: Keeper) -> None:
    assert filled.runs("diff", "Apple", "2024-02-01", "2024-04-01").out == "+ apple-2.0.tar.gz\n"
    [added] = json.loads(filled.runs("diff", "apple", "2024-02-01", "2024-04-01", "-f", "json").out)
    assert added == {"filename": "apple-2.0.tar.gz", "change": "added", "before": "", "after": ""}
    assert filled.runs("diff", "apple", "2024-04-01", "2024-04-01").out == ""
    assert filled.runs("diff", "apple", "2023-01-01", "2024-02-01").out.splitlines()[1:] == ["+ apple-1.0.tar.gz"]


def test_dates_that_go_back_in_time_are_warned_of(filled: Keeper) -> None:
    back = filled.runs("diff", "apple", "2024-04-01", "2024-02-01")
    assert (back.out, "2024-04-01 is after 2024-02-01: this goes back in time" in back.err) == (
        "- apple-2.0.tar.gz\n",
        True,
    )
    assert "goes back" not in filled.runs("diff", "apple", "2024-02-01", "2024-04-01").err


def test_two_dates_before_the_first_file_do_not_differ(filled: Keeper) -> None:
    assert filled.runs("diff", "apple", "2020-01-01", "2021-01-01").out == ""
    [status, _] = json.loads(filled.runs("diff", "apple", "2020-01-01", "2024-02-01", "-f", "json").out)
    assert status == {"filename": "", "change": "status", "before": "not-yet", "after": "active"}


def test_a_project_that_nobody_has_seen_has_no_difference(filled: Keeper) -> None:
    outcome = filled.runs("diff", "aple", "2024-02-01", "2024-04-01", code=ExitCode.INPUT)
    assert "nothing is known of aple of pypi" in outcome.err
    assert "mirror track" in outcome.err


def test_where_there_is_no_mirror_nothing_is_looked_at_and_none_is_made(keeper: Keeper) -> None:
    assert "there is no mirror in" in keeper.syncs(code=ExitCode.INPUT).err
    assert not keeper.directory.exists()


@pytest.mark.parametrize("name", ["bad name!!", "<<<", "apple pear", "-", "."])
def test_what_is_no_name_of_a_project_is_not_followed(keeper: Keeper, name: str) -> None:
    keeper.runs("track", "--", name, code=ExitCode.INPUT if name != "-" else ExitCode.USAGE)


def test_a_closed_day_has_a_digest_that_stays(filled: Keeper) -> None:
    digest = filled.runs("freeze", "2024-02-01").out
    assert digest.startswith("sha256:")
    assert filled.runs("freeze", "2024-02-01T23:00:00Z").out == digest
    assert filled.runs("freeze", "2024-04-01").out != digest
    assert "nothing contradicts" in filled.runs("verify").err


def test_a_day_that_is_not_over_has_no_digest(filled: Keeper) -> None:
    outcome = filled.runs("freeze", "2999-01-01", code=ExitCode.UNAVAILABLE)
    assert "is not closed" in outcome.err
    assert outcome.out == ""


def test_a_history_moves_with_its_digest_or_with_a_key(filled: Keeper, tmp_path: Path) -> None:
    key = filled.person.writes("key", "0123456789abcdef")
    first, second = tmp_path / "first.gz", tmp_path / "second.gz"
    digest = filled.runs("export", first).out.strip()
    assert filled.runs("export", second).out.strip() == digest
    assert first.read_bytes() == second.read_bytes()
    filled.runs("export", second, "--cache-key", key)
    for number, (file, proof) in enumerate([(first, ["--digest", digest]), (second, ["--cache-key", str(key)])]):
        other = Keeper(filled.person, tmp_path / f"other{number}")
        # The index is another one here, so its address has to be the same.
        refused = other.runs("import", file, *proof, code=ExitCode.INPUT)
        assert "this is the history of" in refused.err
        other.runs("track", "fig")
        other.syncs()
        assert "1 project taken over" in other.runs("import", file, *proof).err
        assert other.runs("freeze", "2024-02-01").out == filled.runs("freeze", "2024-02-01").out
        assert "0 projects taken over" in other.runs("import", file, *proof).err


@pytest.mark.parametrize("proof", [(), ("--digest", "sha256:" + "0" * 64)])
def test_a_history_that_nothing_proves_is_refused(filled: Keeper, tmp_path: Path, proof: tuple[str, ...]) -> None:
    filled.runs("export", tmp_path / "file.gz")
    filled.runs("prune", "apple")
    outcome = filled.runs(
        "import", tmp_path / "file.gz", *proof, code=ExitCode.DIGEST if proof else ExitCode.INPUT
    )
    assert "expected" in outcome.err or "nothing tells" in outcome.err


def test_what_is_no_history_is_refused(filled: Keeper) -> None:
    for content in (b"", b"no gzip", b"\x1f\x8b\x08\x00"):
        file = filled.person.writes("file.gz", content)
        filled.runs("import", file, "--digest", "sha256:" + "0" * 64, code=ExitCode.INPUT)
    filled.runs("import", file.with_name("none.gz"), "--digest", "0" * 64, code=ExitCode.STORAGE)


@pytest.mark.parametrize("digest", ["foo", "", "sha256:0", "md5:" + "0" * 32])
def test_what_is_no_digest_of_a_history_is_a_matter_of_usage(filled: Keeper, tmp_path: Path, digest: str) -> None:
    filled.runs("export", tmp_path / "file.gz")
    outcome = filled.runs("import", tmp_path / "file.gz", "--digest", digest, code=ExitCode.USAGE)
    assert "write it as mirror export prints it" in " ".join(outcome.err.split())


def test_dates_to_come_and_equal_ones_are_warned_of(filled: Keeper) -> None:
    told = filled.runs("diff", "apple", "2099-01-01", "2099-02-01").err
    assert "warning: 2099-01-01 is still to come" in told
    assert "warning: 2099-02-01 is still to come" in told
    assert "warning: both dates are the same" in filled.runs("diff", "apple", "2024-04-01", "2024-04-01").err
    today = datetime.now(UTC).date().isoformat()
    assert "warning" not in filled.runs("diff", "apple", "2024-04-01", today).err


def test_a_day_before_all_projects_is_warned_of(filled: Keeper) -> None:
    assert "warning: no project of pypi is known" in filled.runs("freeze", "1990-01-01").err


def test_a_project_is_named_by_its_name_alone(filled: Keeper) -> None:
    for name in ("apple==1.0", "apple[x]", "# apple", "-r x", ""):
        outcome = filled.runs("diff", "--", name, "2024-02-01", "2024-04-01", code=ExitCode.USAGE)
        assert f"error: {name!r} is no name of a project" in outcome.err
        assert "hint: give the name alone" in outcome.err


def test_a_directory_that_cannot_be_used_is_named_by_its_own_option(keeper: Keeper) -> None:
    keeper.runs("track", "apple")
    (keeper.directory / "files").write_text("in the way")
    told = keeper.syncs(code=ExitCode.STORAGE).err
    assert "choose another place with --directory" in told
    assert "--cache-dir" not in told


def test_a_project_is_followed_no_more(filled: Keeper) -> None:
    assert "1 project followed no more" in filled.runs("prune", "apple").err
    assert "0 projects followed no more" in filled.runs("prune", "apple").err


def test_status_is_for_people_too(filled: Keeper) -> None:
    lines = filled.runs("status").out.splitlines()
    assert [line.split("  ")[0] for line in lines][:2] == ["projects of pypi", "files"]
    assert lines[-1].split() == ["alarms", "none"]


def test_what_cannot_be_understood_is_told(keeper: Keeper) -> None:
    assert "there is no mirror" in keeper.runs("status", code=ExitCode.INPUT).err
    assert "no project is named" in keeper.runs("track", code=ExitCode.USAGE).err
    assert "is no name" in keeper.runs("track", "?", code=ExitCode.INPUT).err
    keeper.runs("track", "apple")
    assert "is not a date" in keeper.runs("freeze", "yesterday", code=ExitCode.USAGE).err
    assert "no registry 'other'" in keeper.runs("track", "apple", "--index", "other", code=ExitCode.INPUT).err


def test_a_day_that_is_not_closed_names_the_projects_that_may_change(keeper: Keeper) -> None:
    keeper.runs("track", "apple", "fig", *(f"pear{number}" for number in range(12)))
    outcome = keeper.runs("freeze", "2024-02-01", code=ExitCode.UNAVAILABLE)
    assert "14 projects of pypi may still change (apple, fig, pear0, " in outcome.err
    assert "pear5 and 4 more)" in outcome.err
    assert "mirror sync" in outcome.err


def test_status_tells_projects_that_are_followed_from_those_that_were_ever_there(keeper: Keeper) -> None:
    keeper.runs("track", "apple", "nowhere")
    keeper.syncs()
    assert (keeper.status()["projects"], keeper.status()["followed"]) == ({"pypi": 1}, {"pypi": 2})
    keeper.runs("prune", "apple")
    assert (keeper.status()["projects"], keeper.status()["followed"]) == ({"pypi": 1}, {"pypi": 1})
    assert "projects of pypi              1 seen, 1 followed" in keeper.runs("status").out


def test_a_single_look_is_one_time(keeper: Keeper) -> None:
    keeper.runs("track", "apple")
    assert "looked 1 time\n" in keeper.syncs().err


def test_export_tells_the_digest_of_the_history_from_that_of_the_file(filled: Keeper, tmp_path: Path) -> None:
    file = tmp_path / "history.gz"
    outcome = filled.runs("export", file)
    of_file = hashlib.sha256(file.read_bytes()).hexdigest()
    assert outcome.out.strip() != f"sha256:{of_file}"
    assert (
        f"that is the digest of the history, for import --digest; of the file it is sha256:{of_file}"
        in outcome.err
    )


def test_an_import_that_fails_leaves_nothing(filled: Keeper, tmp_path: Path) -> None:
    file = tmp_path / "history.gz"
    filled.runs("export", file)
    for directory in (tmp_path / "other", tmp_path / "there"):
        if directory.name == "there":
            directory.mkdir()
        other = Keeper(filled.person, directory)
        other.runs("import", file, "--digest", "sha256:" + "0" * 64, code=ExitCode.INPUT)
        assert not directory.exists() or list(directory.iterdir()) == []
        assert "there is no mirror in" in other.runs("status", code=ExitCode.INPUT).err
    other.runs("track", "bad name!!", code=ExitCode.INPUT)
    assert list(directory.iterdir()) == []


def test_a_registry_that_is_not_known_is_answered_with_those_that_are(filled: Keeper) -> None:
    outcome = filled.runs("diff", "apple", "2024-02-01", "2024-04-01", "--index", "foo", code=ExitCode.INPUT)
    assert "the mirror knows no registry 'foo'; it knows pypi" in outcome.err


@pytest.mark.parametrize("command", ["status", "verify", "freeze"])
def test_what_is_no_history_is_said_once_and_what_to_do(filled: Keeper, command: str) -> None:
    (filled.directory / "history.sqlite").write_bytes(b"no database at all " * 1000)
    arguments = (command, "2024-02-01") if command == "freeze" else (command,)
    outcome = filled.runs(*arguments, code=ExitCode.STORAGE)
    assert "file is not a database" in outcome.err
    assert "bring it back from a backup" in outcome.err
    assert "verify tells" not in outcome.err


@contextmanager
def only_to_read(directory: Path, place: Path) -> Iterator[Path]:
    """Yield the directory as somebody sees it who may not write there."""
    if os.geteuid() == 0:
        with read_only_view(directory, place) as view:
            yield view
        return
    directory.chmod(0o500)
    try:
        yield directory
    finally:
        directory.chmod(0o700)


def test_who_may_only_read_a_mirror_reads_it_and_is_told_what_he_may_not(filled: Keeper, tmp_path: Path) -> None:
    expected = [filled.runs(*one).out for one in READING]
    with only_to_read(filled.directory, tmp_path / "view") as view:
        reader = Keeper(filled.person, view)
        assert [reader.runs(*one).out for one in READING] == expected
        assert "nothing contradicts" in reader.runs("verify").err
        reader.runs("export", tmp_path / "history.gz")
        refused = reader.runs("track", "fig", code=ExitCode.STORAGE)
        assert "who only reads them may use status, diff, verify and export" in refused.err


def test_all_that_a_registry_lists_is_followed(keeper: Keeper) -> None:
    keeper.person.index.add("pear", make_sdist("pear", "1.0"), upload_time=OLD)
    keeper.person.index.add_project("fig")
    registry = ("--registry", f"pypi={keeper.person.index.index_url}")
    for mode, more in (("json", "3 projects"), ("html", "0 projects")):
        keeper.person.index.mode = "html" if mode == "html" else "json"
        assert f"{more} more followed" in keeper.runs("track", "--all", *registry).err
    assert (keeper.status()["followed"], keeper.status()["due"]) == ({"pypi": 3}, 3)
    assert "looked 3 times" in keeper.syncs().err


def test_a_registry_that_lists_nothing_is_told(keeper: Keeper) -> None:
    index = keeper.person.index
    index.serve_page("/simple/", b"%PDF", "application/pdf")
    registry = ("--registry", f"pypi={index.index_url}")
    outcome = keeper.runs("track", "--all", *registry, code=ExitCode.UNAVAILABLE)
    assert "does not list projects: it is of type application/pdf" in outcome.err
    index.script("/simple/", [Fault.status(404)])
    assert "(HTTP 404)" in keeper.runs("track", "--all", *registry, code=ExitCode.UNAVAILABLE).err
    unknown = keeper.runs("track", "--all", "--index", "foo", *registry, code=ExitCode.INPUT)
    assert "no registry is called 'foo' here; there are: pypi" in unknown.err
    both = keeper.runs("track", "--all", "apple", code=ExitCode.USAGE)
    assert "--all and names are given" in both.err
    index.script("/simple/", [Fault.reset()])
    keeper.runs("track", "--all", *registry, code=ExitCode.NETWORK)


def rules_of(directory: Path) -> dict[str, Registry]:
    with SqlHistory(directory / "history.sqlite") as history:
        return {one.name: one for one in history.registries()}


def test_what_a_command_line_does_not_say_leaves_the_rules_of_a_mirror(keeper: Keeper) -> None:
    url = keeper.person.index.index_url
    corp, pypi = ("--registry", f"corp={url}"), ("--registry", f"pypi={url}")
    keeper.runs("track", "apple")
    keeper.runs("sync", *corp, *pypi, "--first-seen", "corp", "--private", "corp")
    rules = rules_of(keeper.directory)
    assert (rules["corp"].untimed, rules["corp"].private) == (UntimedFiles.FIRST_SEEN, True)
    assert rules["pypi"].url == url
    keeper.runs("track", "--all", "--index", "corp")
    keeper.runs("track", "--all", "--index", "corp", *corp)
    keeper.runs("track", "--all")
    assert rules_of(keeper.directory) == rules
    keeper.runs("sync", *corp)
    assert rules_of(keeper.directory) == rules
    other = keeper.runs("track", "--all", "--registry", "pypi=http://127.0.0.1:9/simple/", code=ExitCode.INPUT)
    assert f"pypi is {url} in this mirror" in other.err
    assert rules_of(keeper.directory) == rules


def test_sync_changes_no_rules_while_a_server_follows(filled: Keeper) -> None:
    rules = rules_of(filled.directory)
    with (filled.directory / "following.lock").open("wb") as file:
        assert try_lock(file.fileno())
        outcome = filled.runs("sync", "--registry", "pypi=http://127.0.0.1:9/simple/", code=ExitCode.INPUT)
    assert "a server follows the projects" in outcome.err
    assert rules_of(filled.directory) == rules


@pytest.mark.parametrize("option", ["--registry", "--private", "--first-seen"])
def test_rules_beside_names_that_are_followed_are_refused(keeper: Keeper, option: str) -> None:
    value = f"pypi={keeper.person.index.index_url}" if option == "--registry" else "pypi"
    outcome = keeper.runs("track", "apple", option, value, code=ExitCode.USAGE)
    assert f"{option} is given without --all" in outcome.err
    assert not keeper.directory.exists()


@pytest.mark.parametrize("links", [True, False])
def test_a_history_begins_also_where_there_are_no_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    flags = Flags(mirror_directory=tmp_path / "mirror")
    with pytest.raises(StorageError, match="another process has begun"), mirror_history(flags, make=True):
        (tmp_path / "mirror/history.sqlite").touch()
    (tmp_path / "mirror/history.sqlite").unlink()
    with pytest.raises(FileExistsError), mirror_history(flags, make=True):
        raise FileExistsError(errno.EEXIST, "of something else")
    with mirror_history(flags, make=True) as history:
        history.track("pypi", [canonicalize_name("apple")], 1)
    with mirror_history(flags) as history:
        assert history.status(2).followed == {"pypi": 1}
    assert [one.name for one in (tmp_path / "mirror").iterdir()] == ["history.sqlite"]
