"""What an output directory tells later commands, in the form that Hermeto's readers know."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from cachi2ish.core.as_of import RecordedDates
from cachi2ish.core.outputs import PIP_ENVIRONMENT, BuildConfig, EnvironmentVariable, ProjectFile
from cachi2ish.errors import InputError
from cachi2ish.output.build_config import read_build_config
from cachi2ish.output.directories import OutputDirectories
from tests.output.conftest import config_text

FILE = ProjectFile(
    path="app/requirements.txt",
    abspath="/src/app/requirements.txt",
    template="thing @ file://${output_dir}/deps/pip/thing-url-sha256-ab.zip\n",
    urls=("file://${output_dir}/deps/pip/thing-url-sha256-ab.zip",),
    sha256="ab" * 32,
)
DATES = RecordedDates(".", "2024-10-02T00:00:00Z", (("internal-lib", None), ("torch", "2024-06-02T00:00:00Z")))
CONFIG = BuildConfig(
    tool_version="1.2.3", environment_variables=PIP_ENVIRONMENT, project_files=(FILE,), index_dates=(DATES,)
)

EXPECTED = """\
{
  "environment_variables": [
    {
      "name": "PIP_FIND_LINKS",
      "value": "${output_dir}/deps/pip"
    },
    {
      "name": "PIP_NO_INDEX",
      "value": "true"
    }
  ],
  "project_files": [
    {
      "abspath": "/src/app/requirements.txt",
      "template": "thing @ file://${output_dir}/deps/pip/thing-url-sha256-ab.zip\\n",
      "path": "app/requirements.txt",
      "sha256": "SHA256",
      "urls": [
        "file://${output_dir}/deps/pip/thing-url-sha256-ab.zip"
      ]
    }
  ],
  "cachi2ish": {
    "version": "1.2.3",
    "index_dates": [
      {
        "path": ".",
        "uploaded_before": "2024-10-02T00:00:00Z",
        "overrides": {
          "internal-lib": null,
          "torch": "2024-06-02T00:00:00Z"
        }
      }
    ]
  }
}
""".replace("SHA256", "ab" * 32)


def write(directory: Path, content: str | bytes) -> Path:
    data = content.encode() if isinstance(content, str) else content
    (directory / ".build-config.json").write_bytes(data)
    return directory


def test_the_file_is_this_text_and_no_other() -> None:
    assert config_text(CONFIG) == EXPECTED


def test_it_is_read_back_as_it_was(tmp_path: Path) -> None:
    assert OutputDirectories().read_build_config(write(tmp_path, EXPECTED)) == CONFIG


def test_the_order_of_the_facts_does_not_matter() -> None:
    variables = [EnvironmentVariable(f"V{number}", "x") for number in range(9)] * 2
    files = [ProjectFile(path=f"{number}.txt", abspath=f"/{number}.txt", template="") for number in range(9)]
    texts = set()
    for seed in range(5):
        shuffle = random.Random(seed).sample
        texts.add(
            config_text(
                BuildConfig("1", tuple(shuffle(variables, len(variables))), tuple(shuffle(files, len(files))))
            )
        )
    assert len(texts) == 1
    assert texts.pop().count('"V3"') == 1


def test_a_file_of_hermeto_is_understood(tmp_path: Path) -> None:
    content = {
        "environment_variables": [
            {"name": "GOPROXY", "value": "file://${output_dir}/deps/gomod", "kind": "literal"}
        ],
        "project_files": [{"abspath": "/src/requirements.txt", "template": "x==1\n"}],
        "options": {"rpm": None},
    }
    config = read_build_config(write(tmp_path, json.dumps(content)))
    assert config.tool_version == ""
    assert config.environment_variables == (EnvironmentVariable("GOPROXY", "file://${output_dir}/deps/gomod"),)
    assert config.project_files == (ProjectFile(path="", abspath="/src/requirements.txt", template="x==1\n"),)


@pytest.mark.parametrize("content", ["{}", '{"cachi2ish": {"version": "1"}}', '{"options": null}'])
def test_a_file_with_none_of_what_a_prefetch_writes_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(InputError) as caught:
        read_build_config(write(tmp_path, content))
    told = str(caught.value)
    assert told.startswith(str(tmp_path / ".build-config.json"))
    assert "it has neither environment_variables nor project_files" in told
    assert caught.value.hint == "run fetch-deps again to write it anew"


@pytest.mark.parametrize("key", ["environment_variables", "project_files"])
def test_one_of_the_two_lists_may_be_missing_as_hermeto_permits(tmp_path: Path, key: str) -> None:
    assert read_build_config(write(tmp_path, json.dumps({key: []}))) == BuildConfig("")


def test_the_keys_that_readers_of_hermeto_know_are_where_they_look() -> None:
    wire = json.loads(config_text(CONFIG))
    assert {"name", "value"} == set(wire["environment_variables"][0])
    assert {"abspath", "template"} < set(wire["project_files"][0])


@pytest.mark.parametrize("missing", ["nothing", "file/below"])
def test_a_directory_that_is_no_output_says_what_to_do(tmp_path: Path, missing: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"is no output of fetch-deps") as caught:
        read_build_config(tmp_path / missing)
    assert "run fetch-deps first" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "Expecting value"),
        ("{", "Expecting property name"),
        ("[]", "the whole: "),
        ("null", "the whole: "),
        ('{"environment_variables": [{"name": "X"}]}', "environment_variables.0.value: Field required"),
        ('{"environment_variables": [{"name": "X", "value": 1}]}', "environment_variables.0.value: "),
        ('{"project_files": {}}', "project_files: "),
        ('{"project_files": [{"abspath": "/x"}]}', "project_files.0.template: "),
        ('{"cachi2ish": "1"}', "cachi2ish: "),
        (b"\xff\xfe\xff", "codec"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_damaged_file_is_named_with_the_reason(tmp_path: Path, content: str | bytes, reason: str) -> None:
    with pytest.raises(InputError, match="the file is damaged") as caught:
        read_build_config(write(tmp_path, content))
    assert reason in caught.value.problem
    assert "run fetch-deps again" in (caught.value.hint or "")
    assert caught.value.origin
    assert caught.value.origin.file.endswith(".build-config.json")


def test_a_directory_in_its_place_is_an_error(tmp_path: Path) -> None:
    (tmp_path / ".build-config.json").mkdir()
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_build_config(tmp_path)


def test_a_pipe_or_a_device_in_its_place_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / ".build-config.json"
    os.mkfifo(path)
    with pytest.raises(InputError, match="is not a regular file"):
        read_build_config(tmp_path)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(InputError, match="is not a regular file"):
        read_build_config(tmp_path)


def test_a_path_that_is_no_path_is_an_error() -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_build_config(Path("a\0b"))


def test_a_path_that_is_not_utf8_survives_and_the_file_is_utf8(tmp_path: Path) -> None:
    odd = os.fsdecode(b"/src/caf\xe9/requirements.txt")
    config = BuildConfig("1", (), (ProjectFile(path=odd[5:], abspath=odd, template="# é\n"),))
    with OutputDirectories().stage(tmp_path / "out") as staging:
        staging.write_build_config(config)
        staging.publish()
    content = (tmp_path / "out/.build-config.json").read_text(encoding="utf-8", errors="strict")
    assert "caf\\udce9" in content
    assert "# é" in content
    assert read_build_config(tmp_path / "out") == replace(config, files=())


_TEXT = st.text(max_size=30)


@settings(max_examples=40)
@given(
    _TEXT,
    st.frozensets(st.builds(EnvironmentVariable, _TEXT, _TEXT), max_size=3),
    st.frozensets(
        st.builds(ProjectFile, path=_TEXT, abspath=_TEXT, template=_TEXT, urls=st.lists(_TEXT).map(tuple)),
        max_size=3,
    ),
)
def test_whatever_is_recorded_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    version: str,
    variables: frozenset[EnvironmentVariable],
    files: frozenset[ProjectFile],
) -> None:
    config = BuildConfig(version, tuple(variables), tuple(files))
    content = config_text(config).encode("utf-8", "backslashreplace")
    directory = write(tmp_path_factory.getbasetemp(), content)
    assert read_build_config(directory) == BuildConfig(version, tuple(sorted(variables)), tuple(sorted(files)))
