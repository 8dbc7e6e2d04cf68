"""Without any metadata, the repository's name and the sub-path make a name."""

from __future__ import annotations

import pytest

from cachi2ish.core.inventory import VcsOrigin
from cachi2ish.projects import project_reader


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://git.example/group/repo.git", "repo"),
        ("https://git.example/group/repo", "repo"),
        ("https://git.example/group/repo/", "repo"),
        ("https://git.example/group/repo.git/", "repo"),
        ("https://git.example/repo.git?ref=x#y", "repo"),
        ("https://git.example:8443/a/b/c/repo.git", "repo"),
        ("ssh://git@git.example/group/repo.git", "repo"),
        ("git@git.example:group/repo.git", "repo"),
        ("git@git.example:repo.git", "repo"),
        ("file:///srv/repo/.git", "repo"),
        ("/srv/git/repo.git", "repo"),
        ("../repo", "repo"),
        ("https://git.example/group/my%20repo.git", "my repo"),
        ("https://git.example/group/repo.gitignore", "repo.gitignore"),
        ("https://git.example", None),
        ("https://git.example/", None),
        ("", None),
    ],
)
def test_the_name_is_the_last_part_of_the_address(url: str, name: str | None) -> None:
    told = project_reader.read(VcsOrigin(url=url, commit="0" * 40), ".")
    assert (told.name, told.version) == (name, None)


@pytest.mark.parametrize(
    ("path", "name"),
    [(".", "repo"), ("", "repo"), ("pkg", "repo-pkg"), ("pkg/a", "repo-pkg-a"), ("./pkg//a/", "repo-pkg-a")],
)
def test_the_path_of_a_package_follows(path: str, name: str) -> None:
    assert project_reader.read(VcsOrigin(url="https://git.example/repo.git", commit="0" * 40), path).name == name


def test_without_a_repository_nothing_is_told() -> None:
    assert project_reader.read(None, "pkg").name is None
