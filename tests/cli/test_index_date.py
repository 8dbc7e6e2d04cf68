"""An index that stands still, from the outside: what is fetched as of a date, and what is said of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from cachi2ish.exit_codes import ExitCode
from tests.cli.conftest import Person, tree
from tests.support.distributions import Dist, make_sdist, make_wheel
from tests.support.index_server import IndexServer

ALLOW = {"type": "pip", "allow_binary": True}
DATE = "--index-date=2024-10-01"
BEFORE, LAST, AFTER = "2024-09-30T12:00:00Z", "2024-10-01T23:59:59.999999Z", "2024-10-02T00:00:00Z"
UNTIL = "2024-10-02T00:00:00Z"


def bom(person: Person) -> dict[str, object]:
    document: dict[str, object] = json.loads((person.output / "bom.json").read_text())
    return document


def properties(person: Person, name: str = "") -> list[tuple[str, str]]:
    """Those of a component, or of the bill as a whole."""
    document = json.loads((person.output / "bom.json").read_text())
    place = next(one for one in document["components"] if one["name"] == name) if name else document["metadata"]
    return [(one["name"], one["value"]) for one in place.get("properties", ())]


def recorded(person: Person) -> object:
    return json.loads((person.output / ".build-config.json").read_text())["cachi2ish"]["index_dates"]


def lists(index: IndexServer, dist: Dist, uploaded: str | None) -> None:
    index.add(dist.filename.partition("-")[0], dist, upload_time=uploaded)


@pytest.fixture
def orchard(person: Person) -> Person:
    """An index on which apple 1.0 was there on the date, and more came later."""
    lists(person.index, make_sdist("apple", "1.0"), BEFORE)
    lists(person.index, make_wheel("apple", "1.0"), LAST)
    lists(person.index, make_wheel("apple", "1.0", "cp314-cp314-win32"), AFTER)
    lists(person.index, make_sdist("apple", "2.0"), AFTER)
    person.writes("requirements.txt", "apple==1.0\n")
    return person


def test_the_same_date_gives_the_same_bytes_though_the_index_has_grown(person: Person) -> None:
    lists(person.index, make_sdist("apple", "1.0"), BEFORE)
    lists(person.index, make_wheel("apple", "1.0"), LAST)
    lists(person.index, make_sdist("seed", "3.1"), BEFORE)
    person.writes("requirements.txt", "apple==1.0\n")
    person.writes("requirements-build.txt", "seed==3.1\n")
    request = json.dumps(ALLOW)
    assert person.fetches(request, DATE).code == 0
    first = tree(person.output)
    assert person.deps() == ["apple-1.0-py3-none-any.whl", "apple-1.0.tar.gz", "seed-3.1.tar.gz"]

    lists(person.index, make_wheel("apple", "1.0", "cp314-cp314-win32"), AFTER)
    lists(person.index, make_wheel("apple", "1.0", "cp315-cp315-win32"), "2026-01-01T00:00:00Z")
    lists(person.index, make_sdist("apple", "1.0", ".zip"), AFTER)
    lists(person.index, make_sdist("apple", "2.0"), AFTER)
    lists(person.index, make_wheel("seed", "3.1"), AFTER)
    lists(person.index, make_sdist("seed", "3.2"), AFTER)
    person.index.mode = "html"

    for options in ((), ("--no-cache",)):
        assert person.fetches(request, DATE, *options).code == 0
        assert tree(person.output) == first

    assert person.fetches(request).code == 0
    assert "apple-1.0-cp314-cp314-win32.whl" in person.deps()
    assert "seed-3.1-py3-none-any.whl" in person.deps()


def test_the_instant_is_printed_and_recorded_in_every_output(orchard: Person) -> None:
    outcome = orchard.fetches(json.dumps(ALLOW), DATE)
    assert outcome.code == 0, outcome.told
    assert f"index date: 2024-10-01, that is, files uploaded before {UNTIL} count" in outcome.err
    assert recorded(orchard) == [{"path": ".", "uploaded_before": UNTIL, "overrides": {}}]
    assert properties(orchard) == [("cachi2ish:pip:index_date", UNTIL)]


def test_every_component_states_the_upload_times_of_its_files_with_a_date_and_without(orchard: Person) -> None:
    name = "cachi2ish:pip:package:upload_time"
    expected = {(name, f"apple-1.0.tar.gz {BEFORE}"), (name, f"apple-1.0-py3-none-any.whl {LAST}")}
    assert orchard.fetches(json.dumps(ALLOW), DATE).code == 0
    assert {one for one in properties(orchard, "apple") if one[0] == name} == expected
    assert orchard.fetches(json.dumps(ALLOW)).code == 0
    assert {one for one in properties(orchard, "apple") if one[0] == name} > expected
    assert properties(orchard) == []
    assert recorded(orchard) == []


def test_upload_times_are_the_same_from_the_cache_and_without_one(orchard: Person) -> None:
    sdist = make_sdist("apple", "1.0")
    orchard.writes("requirements.txt", f"apple==1.0 {sdist.hash_option()}\n")
    trees = []
    for options in ((), (), ("--no-cache",)):
        assert orchard.fetches("pip", DATE, *options).code == 0
        trees.append(tree(orchard.output))
    assert trees[0] == trees[1] == trees[2]
    orchard.index.forget_requests()
    assert orchard.fetches("pip", "--index-date=2024-10-15").code == 0
    assert orchard.index.requests == ()


def test_a_locked_file_that_came_later_is_refused_from_memory_too(orchard: Person) -> None:
    later = make_sdist("apple", "2.0")
    orchard.writes("requirements.txt", f"apple==2.0 {later.hash_option()}\n")
    assert orchard.fetches().code == 0
    orchard.index.forget_requests()
    outcome = orchard.fetches("pip", DATE)
    assert outcome.code == ExitCode.UNAVAILABLE
    # Only the page is asked for once more, to say what there was then; it has not changed.
    assert [(one.path, one.status) for one in orchard.index.requests] == [("/simple/apple/", 304)]
    assert "apple==2.0 was not on" in outcome.err
    assert f"its first file was uploaded {AFTER}; then it had 1 version (1.0)" in outcome.err


def test_the_plan_tells_what_the_date_leaves_out(orchard: Person) -> None:
    outcome = orchard.fetches(json.dumps(ALLOW), DATE, "--dry-run")
    assert outcome.code == 0
    assert f"leave apple-1.0-cp314-cp314-win32.whl: uploaded {AFTER}, after the index date" in outcome.out
    assert "apple-2.0" not in outcome.out


@pytest.mark.parametrize("mode", ["json", "html"])
def test_an_upload_time_that_cannot_be_read_is_told_with_its_value(person: Person, mode: str) -> None:
    name, time = "apple-1.0.tar.gz", "2024-09-01T12:00:00"
    apple = make_sdist("apple", "1.0")
    person.index.serve_file(apple)
    file = {"filename": name, "url": f"/files/{name}", "hashes": {"sha256": apple.sha256}, "upload-time": time}
    if mode == "json":
        page = json.dumps({"meta": {"api-version": "1.1"}, "name": "apple", "files": [file]}).encode()
        person.index.serve_page("/simple/apple/", page, "application/vnd.pypi.simple.v1+json")
    else:
        link = f"{file['url']}#sha256={apple.sha256}"
        html = f'<html><body><a href="{link}" data-upload-time="{time}">{name}</a></body></html>'
        person.index.serve_page("/simple/apple/", html.encode(), "text/html")
    person.writes("requirements.txt", f"apple==1.0 {apple.hash_option()}\n")
    for options in ([], ["--offline"]):
        outcome = person.fetches("pip", DATE, *options)
        assert outcome.code == ExitCode.UNAVAILABLE
        assert (
            f"the upload time of its files cannot be read, as it has another form than RFC 3339: '{time}'"
        ) in outcome.err
        assert "none of its files has an upload time" not in outcome.err
    allowed = person.fetches("pip", DATE, "--index-date-missing=allow")
    assert allowed.code == 0
    assert f"requirements.txt:1: {name} has an upload time that cannot be read ('{time}')" in allowed.err


def test_a_project_that_was_not_there_yet_is_told_with_its_first_upload(person: Person) -> None:
    lists(person.index, make_sdist("apple", "1.0"), AFTER)
    person.writes("requirements.txt", "apple==1.0\n")
    outcome = person.fetches("pip", DATE)
    assert outcome.code == ExitCode.UNAVAILABLE
    assert f"requirements.txt:1: apple was not on {person.index.index_url} before {UNTIL}" in outcome.err
    assert f"its first file was uploaded {AFTER}" in outcome.err
    assert not person.output.exists()


def test_the_date_reaches_build_requirements_and_every_index(orchard: Person) -> None:
    with IndexServer() as extra:
        lists(extra, make_sdist("seed", "1.0"), AFTER)
        lists(extra, make_sdist("seed", "0.9"), BEFORE)
        orchard.writes("requirements-build.txt", f"--extra-index-url {extra.index_url}\nseed==1.0\n")
        outcome = orchard.fetches("pip", DATE)
    assert outcome.code == ExitCode.UNAVAILABLE
    assert "requirements-build.txt:2: seed==1.0 was not on" in outcome.err


def test_the_date_does_not_let_the_next_index_answer(orchard: Person) -> None:
    with IndexServer() as public:
        lists(public, make_sdist("apple", "2.0"), BEFORE)
        orchard.writes("requirements.txt", f"--extra-index-url {public.index_url}\napple==2.0\n")
        assert orchard.fetches("pip", DATE).code == ExitCode.UNAVAILABLE
        assert public.requests == ()


# who says it


def test_a_package_is_stronger_than_the_option_than_the_variable_than_the_file(orchard: Person) -> None:
    config = orchard.home / "config.toml"
    config.write_text("index-date = 2024-01-04\n")
    orchard.environ["CACHI2ISH_CONFIG_FILE"] = str(config)
    plain, own = '{"type": "pip"}', '{"type": "pip", "index_date": "2024-11-01"}'

    def date(request: str, *options: str) -> str:
        return orchard.fetches(request, *options, "--dry-run").err.partition("index date: ")[2][:10]

    assert date(plain) == "2024-01-04"
    orchard.environ["CACHI2ISH_INDEX_DATE"] = "2024-01-03"
    assert date(plain) == "2024-01-03"
    assert date(plain, "--index-date=2024-01-02") == "2024-01-02"
    assert date(own, "--index-date=2024-01-02") == "2024-11-01"
    assert date('{"type": "pip", "index_date": false}', "--index-date=2024-01-02") == ""


def test_a_duration_counts_back_from_the_start_of_the_run(orchard: Person) -> None:
    begin = datetime.now(UTC).replace(microsecond=0)
    assert orchard.fetches("pip", "--index-date=7 days").code == 0
    ((_, stated),) = properties(orchard)
    resolved = datetime.fromisoformat(stated)
    assert begin <= resolved + timedelta(days=7) <= datetime.now(UTC)


@pytest.mark.parametrize("date", ["9000-01-01", f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"])
def test_a_date_that_is_not_over_yet_is_warned_of(orchard: Person, date: str) -> None:
    outcome = orchard.fetches("pip", f"--index-date={date}")
    assert outcome.code == 0
    assert f"warning: the index date {date} ends at" in outcome.err
    assert "still to come" in outcome.err
    assert "still to come" not in orchard.fetches("pip", DATE).err


def test_two_packages_may_have_different_dates_and_the_page_is_asked_for_once(orchard: Person) -> None:
    orchard.writes("other/requirements.txt", "apple==2.0\n")
    packages = [
        {**ALLOW, "index_date": "2024-10-01"},
        {**ALLOW, "index_date": "2024-10-02", "path": "other"},
    ]
    outcome = orchard.fetches(json.dumps(packages))
    assert outcome.code == 0, outcome.told
    assert orchard.deps() == ["apple-1.0-py3-none-any.whl", "apple-1.0.tar.gz", "apple-2.0.tar.gz"]
    assert [path for path in orchard.index.paths if path.startswith("/simple/")] == ["/simple/apple/"]
    assert "index date for the package at 'other': 2024-10-02" in outcome.err
    assert [one["path"] for one in json.loads(json.dumps(recorded(orchard)))] == [".", "other"]
    assert [value for _, value in properties(orchard)] == [UNTIL, "2024-10-03T00:00:00Z"]


def test_a_page_that_fails_is_told_once_though_two_dates_ask_for_it(orchard: Person) -> None:
    orchard.writes("requirements.txt", "pear==1.0\n")
    packages = [{"type": "pip", "index_date": date} for date in ("2024-10-01", "2024-10-02")]
    outcome = orchard.fetches(json.dumps(packages))
    assert outcome.code == ExitCode.UNAVAILABLE
    assert outcome.err.count("error:") == 1


def test_the_same_file_with_a_date_and_without_is_one_file_on_the_bill(person: Person) -> None:
    sdist = make_sdist("apple", "1.0")
    person.index.add("apple", sdist)
    times = {"filename": sdist.filename, "digests": {"sha256": sdist.sha256}, "upload_time_iso_8601": BEFORE}
    person.index.serve_page("/pypi/apple/json", json.dumps({"releases": {"1.0": [times]}}).encode(), "text/json")
    person.writes("requirements.txt", "apple==1.0\n")
    packages = [{"type": "pip"}, {"type": "pip", "index_date": "2024-10-01"}]
    assert person.fetches(json.dumps(packages)).code == 0
    (component,) = (one for one in json.loads(json.dumps(bom(person)))["components"] if one["name"] == "apple")
    assert len(component["externalReferences"]) == 1
    assert ("cachi2ish:pip:package:upload_time", f"apple-1.0.tar.gz {BEFORE}") in properties(person, "apple")


def test_single_projects_have_dates_of_their_own_or_none(orchard: Person) -> None:
    lists(orchard.index, make_sdist("My.Lib", "1.0", filename="my_lib-1.0.tar.gz"), None)
    orchard.index.add("my-lib", make_sdist("My.Lib", "1.0", filename="my_lib-1.0.tar.gz"))
    orchard.writes("requirements.txt", "apple==2.0\nmy-lib==1.0\n")
    overrides = {"Apple": "2024-10-02", "My_Lib": False}
    outcome = orchard.fetches(json.dumps({"type": "pip", "index_date_overrides": overrides}), DATE)
    assert outcome.code == 0, outcome.told
    assert "index date for apple: 2024-10-02" in outcome.err
    assert "index date for my-lib: none" in outcome.err
    (stated,) = json.loads(json.dumps(recorded(orchard)))
    assert stated["overrides"] == {"apple": "2024-10-03T00:00:00Z", "my-lib": None}
    assert {value for name, value in properties(orchard) if name.endswith("override")} == {
        "apple 2024-10-03T00:00:00Z",
        "my-lib none",
    }


def test_an_override_that_names_no_requirement_is_warned_of(orchard: Person) -> None:
    overrides = {"appel": "2024-10-02"}
    outcome = orchard.fetches(json.dumps({"type": "pip", "index_date_overrides": overrides}), DATE)
    assert outcome.code == 0
    expected = "warning: the input, packages[0].index_date_overrides: no pinned requirement is called appel"
    assert expected in outcome.err


# files without upload time


def test_files_without_upload_time_are_refused_unless_someone_allows_them(person: Person) -> None:
    lists(person.index, make_sdist("apple", "1.0"), None)
    person.writes("requirements.txt", "apple==1.0\n")
    url = person.index.index_url
    outcome = person.fetches("pip", DATE)
    assert outcome.code == ExitCode.UNAVAILABLE
    assert "none of its files has an upload time" in outcome.err
    assert f"--index-date-missing={url}=allow" in outcome.err

    allowed: tuple[tuple[str, ...], ...] = (
        ("pip", DATE, "--index-date-missing=allow"),
        ("pip", DATE, f"--index-date-missing={url}=allow"),
        ("pip", DATE, "--index-date-missing=refuse", f"--index-date-missing={url.rstrip('/')}=Allow"),
        ('{"type": "pip", "index_date_missing": "allow"}', DATE),
        ('{"type": "pip", "index_date_missing": "allow"}', DATE, "--index-date-missing=refuse"),
    )
    for arguments in allowed:
        outcome = person.fetches(*arguments)
        assert outcome.code == 0, outcome.told
        assert "requirements.txt:1: apple-1.0.tar.gz has no upload time" in outcome.err
        assert "upload_time" not in (person.output / "bom.json").read_text()

    refused: tuple[tuple[str, ...], ...] = (
        ("pip", DATE, "--index-date-missing=https://other.example/simple/=allow"),
        ("pip", DATE, "--index-date-missing=allow", f"--index-date-missing={url}=refuse"),
        ('{"type": "pip", "index_date_missing": "refuse"}', DATE, f"--index-date-missing={url}=allow"),
    )
    for arguments in refused:
        assert person.fetches(*arguments).code == ExitCode.UNAVAILABLE
    assert "names https://other.example/simple, which is none of the indexes" in person.fetches(*refused[0]).err


def test_the_configuration_file_may_allow_it_for_one_index(person: Person) -> None:
    lists(person.index, make_sdist("apple", "1.0"), None)
    person.writes("requirements.txt", "apple==1.0\n")
    config = person.home / "settings.toml"
    config.write_text(f'[index-date-missing]\n"{person.index.index_url}" = "allow"\n')
    assert person.fetches("pip", DATE, "--config-file", config).code == 0
    # What the command line says of all indexes is stronger.
    outcome = person.fetches("pip", DATE, "--config-file", config, "--index-date-missing=refuse")
    assert outcome.code == ExitCode.UNAVAILABLE


def test_upload_times_come_from_the_metadata_document_where_pages_have_none(person: Person) -> None:
    sdist, wheel = make_sdist("apple", "1.0"), make_wheel("apple", "1.0")
    person.index.mode = "html"
    for dist in (sdist, wheel):
        lists(person.index, dist, None)
    entries = [
        {"filename": dist.filename, "digests": {"sha256": dist.sha256}, "upload_time_iso_8601": time}
        for dist, time in ((sdist, LAST), (wheel, AFTER))
    ]
    person.index.serve_page("/pypi/apple/json", json.dumps({"releases": {"1.0": entries}}).encode(), "text/json")
    person.writes("requirements.txt", f"apple==1.0 {sdist.hash_option()} {wheel.hash_option()}\n")
    trees = []
    for options in ((), (), ("--no-cache",)):
        assert person.fetches(json.dumps(ALLOW), DATE, *options).code == 0
        trees.append(tree(person.output))
    assert trees[0] == trees[1] == trees[2]
    assert person.deps() == [sdist.filename]
    person.index.forget_requests()
    assert person.fetches(json.dumps(ALLOW), DATE).code == 0
    assert person.index.requests == ()
    # Without a date nobody asks for it, and the bill says the same with the cache and without.
    for options in ((), ("--no-cache",)):
        assert person.fetches(json.dumps(ALLOW), *options).code == 0
        assert "upload_time" not in (person.output / "bom.json").read_text()


def test_an_index_pinned_by_its_own_address_works_and_a_date_holds_besides(person: Person) -> None:
    def entry(dist: Dist, uploaded: str | None) -> dict[str, object]:
        url = person.index.serve_file(dist)
        stated: dict[str, object] = {"filename": dist.filename, "url": url, "hashes": {"sha256": dist.sha256}}
        return stated if uploaded is None else {**stated, "upload-time": uploaded}

    files = [
        entry(make_sdist("apple", "1.0"), BEFORE),
        entry(make_wheel("apple", "1.0"), AFTER),
        entry(make_wheel("apple", "1.0", "cp312-cp312-win32"), None),
    ]
    page = {"meta": {"api-version": "1.1"}, "name": "apple", "files": files}
    body = json.dumps(page).encode()
    person.index.serve_page("/2024-10-01/simple/apple/", body, "application/vnd.pypi.simple.v1+json")
    person.writes("requirements.txt", "apple==1.0\n")
    pinned = f"--index-url={person.index.url}/2024-10-01/simple/"
    assert person.fetches(json.dumps(ALLOW), pinned).code == 0
    assert len(person.deps()) == 3
    assert person.fetches(json.dumps(ALLOW), pinned, DATE).code == 0
    assert person.deps() == ["apple-1.0.tar.gz"]


# bad dates

BAD = {
    "a word": ("soon", "is not a date, an instant or a duration"),
    "nothing": ("", "is not a date"),
    "no such day": ("2024-02-30", "not in the calendar"),
    "no offset": ("2024-10-01T00:00:00", "no offset from UTC"),
    "months": ("P1M", "whose length varies"),
    "a sign": ("-7 days", "has a sign"),
    "too far": ("90000 days", "more than a hundred years"),
    "no such time": ("2024-10-01T25:00:00Z", "not on the clock"),
    "too late": ("9999-12-31", "years 1 to 9999"),
    "control": ("2024-10-01\x1b[2J", "is not a date"),
}


@pytest.mark.parametrize(("date", "says"), BAD.values(), ids=BAD.keys())
def test_a_bad_date_is_told_with_its_place_wherever_it_is_said(orchard: Person, date: str, says: str) -> None:
    config = orchard.home / "config.toml"
    config.write_text(f"index-date = {json.dumps(date)}\n")
    own = {"type": "pip", "index_date": date}
    override = {"type": "pip", "index_date_overrides": {"apple": date}}
    asked: list[tuple[str, tuple[str, ...], str]] = [
        ("pip", (f"--index-date={date}",), "--index-date: "),
        ("pip", (f"--config-file={config}",), f"{config}: index-date: "),
        (json.dumps({"packages": [ALLOW, own]}), (), "the input, packages[1].index_date: "),
        (json.dumps(override), (), "the input, packages[0].index_date_overrides.apple: "),
    ]
    for request, options, place in asked:
        outcome = orchard.fetches(request, *options)
        assert outcome.code == (ExitCode.USAGE if place.startswith("--") else ExitCode.INPUT), outcome.told
        assert f"error: {place}" in outcome.err
        assert says in outcome.err
        assert "hint: " in outcome.err
        assert "\x1b" not in outcome.err
        assert not orchard.output.exists()
    assert orchard.index.requests == ()


@pytest.mark.parametrize(
    ("package", "says"),
    [
        ({"index_date": None}, ("index_date is null",)),
        ({"index_date": True}, ("index_date: true is not a date",)),
        ({"index_date": 0}, ("index_date: 0 is not a date",)),
        ({"index_date": 20241001}, ("index_date: 20241001 is not a date",)),
        ({"index_dates": "2024-10-01"}, ("unknown key 'index_dates'", "did you mean 'index_date'?")),
        ({"index_date_missing": "maybe"}, ("index_date_missing", '"refuse" or "allow"')),
        ({"index_date_missing": None}, ("index_date_missing is null",)),
        ({"index_date_missing": True}, ("index_date_missing", '"refuse" or "allow"')),
        ({"index_date_overrides": None}, ("index_date_overrides is null",)),
        ({"index_date_overrides": []}, ("index_date_overrides", "an object such as")),
        ({"index_date_overrides": {"apple": None}}, ("index_date_overrides.apple", "false for no date")),
        ({"index_date_overrides": {"apple": True}}, ("index_date_overrides.apple", "false for no date")),
        ({"index_date_overrides": {"not a name": False}}, ("'not a name' is not the name of a project",)),
        ({"index_date_overrides": {"a.b": False, "A_B": False}}, ("names a-b a second time",)),
        ({"index_date": "x", "index_date_overrides": {"a": "y", "b": "z"}}, ("'x'", "'y'", "'z'", "3 errors")),
        ({"index_date": "x", "requirements_files": ["nowhere.txt"]}, ("'x'", "nowhere.txt", "2 errors")),
    ],
)
def test_a_bad_key_of_the_input_is_told_with_its_place(
    orchard: Person, package: dict[str, object], says: tuple[str, ...]
) -> None:
    outcome = orchard.fetches(json.dumps({"type": "pip", **package}))
    assert outcome.code == ExitCode.INPUT, outcome.told
    for text in says:
        assert text in outcome.err
    assert "internal error" not in outcome.err
    assert not orchard.output.exists()


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("maybe", "'maybe' is neither refuse nor allow"),
        ("", "'' is neither refuse nor allow"),
        ("https://host.example/simple/", "neither refuse nor allow"),
        ("https://host.example/simple/=maybe", "'maybe' is neither refuse nor allow"),
        ("host=allow", "'host' is not the address of an index"),
        ("https://user:s3cret@=allow", "is not the address of an index"),
    ],
)
def test_a_bad_word_on_missing_times_is_told(orchard: Person, option: str, says: str) -> None:
    outcome = orchard.fetches("pip", DATE, f"--index-date-missing={option}")
    assert outcome.code == ExitCode.USAGE
    assert f"--index-date-missing: {says}" in outcome.err or says in outcome.err
    assert "s3cret" not in outcome.told
