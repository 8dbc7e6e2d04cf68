"""Properties say what the formats have no words for."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from cachi2ish.core.inventory import Dependency
from cachi2ish.sbom import properties
from tests.sbom import inventories


def of(dependency: Dependency) -> list[tuple[str, str]]:
    return list(properties.of_dependency(dependency, "cachi2ish"))


PLAIN = replace(inventories.BUILDER, build=False)
FOUND = ("cachi2ish:found_by", "cachi2ish")


@pytest.mark.parametrize(
    ("dependency", "expected"),
    [
        (PLAIN, [FOUND]),
        (replace(PLAIN, build=True), [FOUND, ("cachi2ish:pip:package:build-dependency", "true")]),
        (
            replace(PLAIN, files=(*PLAIN.files, inventories.file("builder-80.0-py3-none-any.whl"))),
            [FOUND, ("cachi2ish:pip:package:binary", "true")],
        ),
        (
            replace(PLAIN, missing_hash_in=("b.txt", "a.txt")),
            [FOUND, ("cachi2ish:missing_hash:in_file", "a.txt"), ("cachi2ish:missing_hash:in_file", "b.txt")],
        ),
        (
            replace(PLAIN, files=(inventories.file("builder-80.0.tar.gz", verified=False),)),
            [FOUND, ("cachi2ish:pip:package:unverified", "builder-80.0.tar.gz")],
        ),
        (
            replace(
                PLAIN,
                files=(*PLAIN.files, inventories.file("b-1-py3-none-any.whl", upload_time=inventories.UPLOADED)),
            ),
            [
                FOUND,
                ("cachi2ish:pip:package:binary", "true"),
                ("cachi2ish:pip:package:upload_time", "b-1-py3-none-any.whl 2024-09-30T12:00:00.500000Z"),
            ],
        ),
        (
            replace(PLAIN, markers=("python_version < '3.12'", "extra == 'x'")),
            [
                FOUND,
                ("cachi2ish:pip:package:marker", "extra == 'x'"),
                ("cachi2ish:pip:package:marker", "python_version < '3.12'"),
            ],
        ),
    ],
)
def test_each_fact_is_a_property(dependency: Dependency, expected: list[tuple[str, str]]) -> None:
    assert of(dependency) == sorted(expected)


def test_a_main_package_was_found_by_cachi2ish() -> None:
    assert list(properties.of_main_package("cachi2ish")) == [FOUND]


def test_a_stand_in_has_the_names_of_whom_it_stands_in_for_where_those_have_one() -> None:
    dependency = replace(inventories.PRIVATE, build=True)
    assert list(properties.of_dependency(dependency, "hermeto")) == [
        ("cachi2ish:pip:package:unverified", "private-1.0+local.1.tar.gz"),
        ("cachi2ish:pip:package:upload_time", "private-1.0+local.1.tar.gz 2024-09-30T12:00:00.500000Z"),
        ("hermeto:found_by", "hermeto"),
        ("hermeto:missing_hash:in_file", "requirements.txt"),
        ("hermeto:missing_hash:in_file", "requirements/more.txt"),
        ("hermeto:pip:package:build-dependency", "true"),
    ]
    assert list(properties.of_main_package("hermeto")) == [("hermeto:found_by", "hermeto")]


@pytest.mark.parametrize(
    ("names", "found_by"),
    [
        (["cachi2ish:found_by", "x"], "cachi2ish"),
        (["cachi2:found_by"], "cachi2"),
        (["cachi2ish:found_by", "hermeto:found_by"], "hermeto"),
        (["syft:found_by", "found_by"], None),
        ([], None),
    ],
)
def test_the_finder_is_read_from_the_names(names: list[str], found_by: str | None) -> None:
    assert properties.finder(names) == found_by


def test_the_bill_as_a_whole_says_each_date_once() -> None:
    assert list(properties.of_bill(inventories.EVERYTHING)) == [
        ("cachi2ish:pip:index_date", "2024-10-02T00:00:00Z"),
        ("cachi2ish:pip:index_date_override", "pinned 2024-06-02T00:00:00Z"),
        ("cachi2ish:pip:index_date_override", "private none"),
    ]
    assert properties.of_bill(replace(inventories.EVERYTHING, index_dates=())) == ()
