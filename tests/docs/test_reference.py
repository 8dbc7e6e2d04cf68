"""The reference says what the code does: whoever changes one is told to change the other."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from cachi2ish.exit_codes import ExitCode
from cachi2ish.lockfiles.pip.rewriting import RequirementsRewriter
from cachi2ish.sbom import properties
from cachi2ish.services.fetch.input.package_input import PackageInput
from tests.docs import options_page

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = DOCS / "reference"


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def table(text: str, heading: str) -> list[list[str]]:
    """The rows of the first table below a heading."""
    _, _, below = text.partition(f"{heading}\n")
    rows = [line for line in re.split(r"\n(?=#)", below)[0].splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[2:]]


def test_every_exit_code_is_in_the_reference_with_its_name() -> None:
    documented = {int(row[0]): row[1].strip("`") for row in table(page("exit-codes.md"), "# Exit codes")}
    assert documented == {code.value: code.name for code in ExitCode}


def test_the_options_page_is_what_the_command_line_says() -> None:
    _, mark, below = page("options.md").partition(options_page.MARK)
    assert mark
    assert below == options_page.generated(), "run: make reference"


def test_the_environment_page_has_what_the_settings_declare() -> None:
    text = page("environment.md")
    assert text == options_page.environment_page(text), "run: make reference"


def test_every_variable_of_an_option_is_in_the_environment_page() -> None:
    documented = {row[0].strip("`") for row in table(page("environment.md"), "## Of cachi2ish")}
    assert documented == set(re.findall(r"CACHI2ISH_\w+", options_page.generated()))


def test_every_key_of_a_package_is_in_the_input_page() -> None:
    documented = {row[0].strip("`") for row in table(page("input.md"), "## A package of type `pip`")}
    assert documented == set(PackageInput.__struct_fields__)


def test_every_property_of_the_bill_of_materials_is_in_the_reference() -> None:
    documented = {row[0].strip("`") for row in table(page("sbom.md"), "## Properties")}
    assert documented == {
        value for value in vars(properties).values() if isinstance(value, str) and re.match(r"cachi2ish:", value)
    }


def test_the_pattern_that_keeps_a_record_out_of_images_matches_each_record() -> None:
    section = (DOCS / "how-to" / "containers.md").read_text(encoding="utf-8").partition("## What goes into")[2]
    lines = section.partition("```text\n")[2].partition("```")[0].splitlines()
    assert any(
        fnmatch(RequirementsRewriter().record_name(name), line.removeprefix("**/"))
        for name in ("requirements.txt", "dev.in")
        for line in lines
    )


def test_every_dependency_has_its_line_of_reason() -> None:
    project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (DOCS / "explanation" / "dependencies.md").read_text(encoding="utf-8")
    of_all, _, of_mirror = text.partition("\nThe mirror (the extra")
    assert [row[0] for row in table(of_all, "# Dependencies")] == [
        Requirement(text).name for text in project["dependencies"]
    ]
    assert [row[0] for row in table(of_mirror, "No other command imports them.")] == [
        Requirement(text).name
        for extra in ("mirror", "postgresql", "s3")
        for text in project["optional-dependencies"][extra]
    ]


@pytest.mark.parametrize("file", sorted(DOCS.rglob("*.md")), ids=lambda file: file.relative_to(DOCS).as_posix())
def test_every_option_that_a_page_shows_exists(file: Path) -> None:
    """In the command lines of the documentation, for the commands of cachi2ish."""
    known = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", options_page.generated()))
    text = re.sub(r"\\\n\s*", " ", file.read_text(encoding="utf-8"))
    names = "fetch-deps|verify|generate-env|inject-files|cache (?:info|verify|prune|path)"
    names += "|mirror (?:serve|status|track|sync|prune|diff|freeze|verify|export|import|copy)"
    commands = re.findall(rf"(?:cachi2ish )?(?:{names}) [^\n`]*", text)
    used = {word for command in commands for word in re.findall(r"(?<!\S)--?[a-z][a-z-]*", command)}
    assert used <= known
