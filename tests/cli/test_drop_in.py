"""What a Konflux step and its wrapper call, as they call it: the program under Hermeto's names, as a process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pypi_simple import PYPI_SIMPLE_ENDPOINT

from cachi2ish import __version__
from cachi2ish.exit_codes import ExitCode
from tests.support.command_line import Outcome, run
from tests.support.distributions import make_sdist
from tests.support.index_server import IndexServer
from tests.support.program import environment

#: The entry point that an installer writes for ``cachi2ish``.
_ENTRY = "#!{}\nfrom cachi2ish.cli.main import main\n\nmain()\n"

NAMES = ("hermeto", "cachi2")

#: The input as the wrapper hands it on, whatever form the user gave it.
PIP = '{"type": "pip"}'


@dataclass
class Step:
    """A workspace ``W``, and the program under all its names."""

    workspace: Path
    index: IndexServer
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def output(self) -> Path:
        return self.workspace / "cachi2" / "output"

    def runs(self, *words: str | Path) -> Outcome:
        """Run it as a process of its own."""
        program, *arguments = map(str, words)
        done = subprocess.run(
            [self.workspace / "bin" / program, *arguments],
            env=environment(self.workspace / "home", self.environ),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def quickly(self, program: str, *words: str | Path) -> Outcome:
        """Run it in this process, under the same name."""
        return run(*words, home=self.workspace / "home", environ=self.environ, program=program)

    def command(self, program: str, *before: str, asked: str = PIP) -> tuple[str | Path, ...]:
        """The command line of the wrapper, word for word."""
        return (
            *(program, "--log-level", "debug", "--mode", "strict", *before, "fetch-deps", asked),
            *("--sbom-output-type", "spdx"),
            *("--source", self.workspace / "source", "--output", self.output),
        )

    def fetches(self, *before: str, asked: str = PIP) -> Outcome:
        program, *words = self.command("hermeto", *before, asked=asked)
        return self.quickly(str(program), *words)

    def writes(self, name: str, text: str) -> Path:
        path = self.workspace / name
        path.write_text(text)
        return path

    def deps(self) -> list[str]:
        return sorted(path.name for path in (self.output / "deps" / "pip").iterdir())


@pytest.fixture
def step(tmp_path: Path) -> Iterator[Step]:
    for folder in ("bin", "home", "source", "cachi2"):
        (tmp_path / folder).mkdir()
    program = tmp_path / "bin" / "cachi2ish"
    program.write_text(_ENTRY.format(sys.executable))
    program.chmod(0o755)
    for name in NAMES:
        (tmp_path / "bin" / name).symlink_to("cachi2ish")
    (tmp_path / "source" / "requirements.txt").write_text("apple==1.0\n")
    with IndexServer() as index:
        index.add("apple", make_sdist("apple", "1.0"))
        yield Step(tmp_path, index, {"PIP_INDEX_URL": index.index_url})


@pytest.mark.parametrize("name", NAMES)
def test_the_version_needs_no_input_and_says_who_stands_in(step: Step, name: str) -> None:
    done = step.runs(name, "--version")
    assert (done.code, done.out) == (0, f"{name} {__version__} (cachi2ish)\n")


def test_its_own_name_has_no_other_behind_it(step: Step) -> None:
    assert step.runs("cachi2ish", "--version").out == f"cachi2ish {__version__}\n"


@pytest.mark.parametrize("name", NAMES)
def test_the_six_calls_of_the_step_leave_an_environment_with_the_variables_of_hermeto_only(
    step: Step, name: str
) -> None:
    """The version, the prefetch, three files of one environment, and the requirements files: word for word."""
    place = step.workspace / "cachi2"
    calls: list[tuple[str | Path, ...]] = [(name, "--version"), step.command(name)]
    for file in ("cachi2.env", "prefetch.env", "prefetch-env.json"):
        generate = (name, "--log-level", "debug", "generate-env", step.output)
        calls.append((*generate, "--for-output-dir", "/cachi2/output", "--output", place / file))
    calls.append((name, "--log-level", "debug", "inject-files", step.output, "--for-output-dir", "/cachi2/output"))
    for words in calls:
        done = step.runs(*words)
        assert done.code == 0, (words, done.err)
    expected = {"PIP_FIND_LINKS": "/cachi2/output/deps/pip", "PIP_NO_INDEX": "true"}
    lines = "".join(f"export {variable}={value}\n" for variable, value in expected.items())
    assert (place / "cachi2.env").read_text() == (place / "prefetch.env").read_text() == lines
    listed = [{"name": variable, "value": value} for variable, value in expected.items()]
    assert json.loads((place / "prefetch-env.json").read_text()) == listed
    recorded = json.loads((step.output / ".build-config.json").read_text())
    assert {one["name"] for one in recorded["environment_variables"]} == set(expected)


def test_the_variables_of_uv_and_pdm_are_there_on_request_whoever_has_fetched(step: Step) -> None:
    def names(program: str, *options: str) -> set[str]:
        listed = step.quickly(program, "generate-env", step.output, "--format", "json", *options).out
        return {one["name"] for one in json.loads(listed)}

    pip = {"PIP_FIND_LINKS", "PIP_NO_INDEX"}
    others = {"PDM_PYPI_URL", "UV_DEFAULT_INDEX", "UV_FIND_LINKS", "UV_OFFLINE"}
    for fetching in ("hermeto", "cachi2ish"):
        program, *words = step.command(fetching)
        assert step.quickly(str(program), *words).code == 0
        assert names("hermeto") == names("cachi2ish", "--no-uv") == pip
        assert names("hermeto", "--uv") == names("cachi2ish", "--uv") == pip | others
        assert names("cachi2ish") == (pip if fetching == "hermeto" else pip | others)


@pytest.mark.parametrize("name", NAMES)
def test_the_whole_step_works_as_the_wrapper_calls_it(step: Step, name: str) -> None:
    archive = make_sdist("pear", "2.0")
    url = step.index.serve_file(archive)
    step.writes("source/requirements.txt", f"apple==1.0\npear @ {url}#sha256={archive.sha256}\n")

    fetched = step.runs(*step.command(name))
    assert fetched.code == 0, fetched.err
    assert len(step.deps()) == 2
    bom = (step.output / "bom.json").read_text()
    assert json.loads(bom)["spdxVersion"] == "SPDX-2.3"
    assert "hermeto:found_by" in bom
    assert "cachi2ish:found_by" not in bom

    for file in ("cachi2.env", "prefetch.env", "prefetch-env.json"):
        place = step.workspace / "cachi2" / file
        done = step.runs(
            *(name, "--log-level", "debug", "generate-env", step.output),
            *("--for-output-dir", "/cachi2/output", "--output", place),
        )
        assert done.code == 0, done.err
    cachi2_env = (step.workspace / "cachi2" / "cachi2.env").read_text()
    assert "export PIP_FIND_LINKS=/cachi2/output/deps/pip\n" in cachi2_env
    assert (step.workspace / "cachi2" / "prefetch.env").read_text() == cachi2_env
    variables = json.loads((step.workspace / "cachi2" / "prefetch-env.json").read_text())
    assert {"name": "PIP_FIND_LINKS", "value": "/cachi2/output/deps/pip"} in variables

    done = step.runs(
        *(name, "--log-level", "debug", "inject-files", step.output, "--for-output-dir", "/cachi2/output")
    )
    assert done.code == 0, done.err
    assert "file:///cachi2/output/deps/pip/pear-" in (step.workspace / "source" / "requirements.txt").read_text()


def test_options_stand_in_any_order_before_or_after_with_an_equals_sign_or_without(step: Step) -> None:
    source, output = f"--source={step.workspace / 'source'}", f"--output={step.output}"
    orders: list[list[str]] = [
        ["--log-level=WARNING", "fetch-deps", "--dev-package-managers", source, output, "pip"],
        ["fetch-deps", "pip", source, "--mode=strict", output, "--log-level", "Warning"],
        [source, "--mode", "strict", "--output", str(step.output), "fetch-deps", "pip"],
        ["fetch-deps", source, "pip", "--config-file", "/dev/null", output],
        [
            "-o",
            str(step.output),
            "--config-file=/dev/null",
            "fetch-deps",
            "pip",
            "-s",
            str(step.workspace / "source"),
        ],
    ]
    for number, words in enumerate(orders):
        program = ("hermeto", "cachi2", "cachi2ish")[number % 3]
        done = (step.runs if number < len(NAMES) else step.quickly)(program, *words)
        assert done.code == 0, (words, done.err)
        assert step.deps() == ["apple-1.0.tar.gz"]
        shutil.rmtree(step.output)


@pytest.mark.parametrize("level", ["fatal", "panic", "CRITICAL"])
def test_at_the_highest_levels_nothing_but_errors_is_told(step: Step, level: str) -> None:
    done = step.quickly(
        "hermeto",
        "--log-level",
        level,
        "fetch-deps",
        "pip",
        "--source",
        step.workspace / "source",
        "-o",
        step.output,
    )
    assert (done.code, done.err) == (0, "")


def test_trace_is_as_much_as_there_is_to_tell(step: Step) -> None:
    done = step.quickly(
        "hermeto",
        *("--log-level", "trace", "fetch-deps", "--dev-package-managers", PIP),
        *("--source", step.workspace / "source", "--output", step.output),
    )
    assert done.code == 0, done.err
    assert "debug: flags of other package managers are accepted, and of no effect" in done.err


def test_a_level_that_nobody_knows_is_refused(step: Step) -> None:
    done = step.quickly("hermeto", "--log-level", "loud", "fetch-deps", "pip")
    assert done.code == ExitCode.USAGE
    assert "'loud' is not one of debug, info, warning, error" in done.err


def test_messages_about_usage_have_the_name_that_was_called(step: Step) -> None:
    done = step.quickly("hermeto", "fetch-deps")
    assert done.code == ExitCode.USAGE
    assert "Usage: hermeto fetch-deps" in done.err


@pytest.mark.parametrize("name", [*NAMES, "cachi2ish"])
def test_without_a_place_the_output_is_called_after_the_program(
    step: Step, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(step.workspace / "source")
    assert step.quickly(name, "fetch-deps", "pip").code == 0
    assert (step.workspace / "source" / f"{name}-output" / "bom.json").is_file()


@pytest.mark.parametrize("asked", ["[]", '{"packages": []}', '{"packages": [], "flags": ["gomod-vendor"]}'])
def test_an_empty_list_is_refused_and_where_it_is_allowed_changes_nothing_in_the_build(
    step: Step, asked: str
) -> None:
    done = step.fetches(asked=asked)
    assert done.code == ExitCode.INPUT
    assert "the input lists no package" in done.err
    assert not step.output.exists()
    done = step.fetches("--allow-empty", asked=asked)
    assert done.code == 0, done.err
    assert (step.output / "bom.json").is_file()
    assert step.deps() == []
    assert step.index.requests == ()
    env = step.workspace / "cachi2.env"
    step.quickly("hermeto", "generate-env", step.output, "--for-output-dir", "/cachi2/output", "--output", env)
    assert env.read_text() == ""
    assert step.quickly("hermeto", "generate-env", step.output, "--format", "json").out == "[]\n"
    assert step.quickly("hermeto", "inject-files", step.output).code == 0


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ('{"type": "gomod"}', "not gomod"),
        ("npm", "not npm"),
        ('[{"type": "pip"}, {"type": "yarn"}, {"type": "gomod"}]', "not gomod, yarn (the input, packages[1], "),
        (
            '{"packages": [{"type": "rpm", "include_summary_in_sbom": true}, {"type": "pip"}]}',
            "not rpm (the input",
        ),
    ],
)
def test_other_types_of_packages_are_refused_in_one_line_that_names_them_all(
    step: Step, asked: str, told: str
) -> None:
    done = step.fetches(asked=asked)
    assert done.code == ExitCode.INPUT
    line = next(line for line in done.err.splitlines() if told in line)
    assert "cachi2ish prefetches packages of type pip" in line
    assert not step.output.exists()


def test_the_proxy_stands_in_for_the_public_index_with_its_credentials(step: Step) -> None:
    """And nothing is asked of the public index, for which this machine may have no route."""
    step.index.credentials = ("bot", "s3:cret@/")
    step.writes("source/requirements-build.txt", f"--index-url {PYPI_SIMPLE_ENDPOINT.rstrip('/')}\napple==1.0\n")
    step.environ = {
        "HERMETO_PIP__PROXY_URL": step.index.index_url,
        "HERMETO_PIP__PROXY_LOGIN": "bot",
        "HERMETO_PIP__PROXY_PASSWORD": "s3:cret@/",
        "HERMETO_NPM__PROXY_URL": "https://npm.example/",
        "HERMETO_YARN__PROXY_URL": "https://npm.example/",
    }
    done = step.runs(
        *("hermeto", "fetch-deps", "pip", "--source", step.workspace / "source", "--output", step.output)
    )
    assert done.code == 0, done.err
    assert step.deps() == ["apple-1.0.tar.gz"]
    assert len(step.index.requests) == 2, "both files name the one index"
    assert done.err.count("about other package managers: HERMETO_NPM__PROXY_URL, HERMETO_YARN__PROXY_URL\n") == 1
    bom = (step.output / "bom.json").read_text()
    assert '"pkg:pypi/apple@1.0"' in bom, "as a package of the public index, which it is"
    written = bom + done.err + (step.output / ".build-config.json").read_text()
    assert "s3" not in written


def test_the_credentials_of_the_proxy_go_to_no_other_host(step: Step) -> None:
    with IndexServer() as files:
        dist = make_sdist("pear", "1.0")
        step.index.credentials = ("bot", "secret")
        step.index.add("pear", dist, url=files.serve_file(dist))
        step.writes("source/requirements.txt", "pear==1.0\n")
        step.environ = {
            "HERMETO_PIP__PROXY_URL": step.index.index_url,
            "HERMETO_PIP__PROXY_LOGIN": "bot",
            "HERMETO_PIP__PROXY_PASSWORD": "secret",
        }
        assert step.fetches().code == 0
        assert [request.headers.get("authorization") for request in files.requests] == [None]


@pytest.mark.parametrize("where", ["variable", "requirements"])
def test_an_index_of_ones_own_is_not_replaced_by_the_proxy(step: Step, where: str) -> None:
    with IndexServer() as proxy:
        step.environ = {"HERMETO_PIP__PROXY_URL": proxy.index_url}
        if where == "variable":
            step.environ["PIP_INDEX_URL"] = step.index.index_url
        else:
            step.writes("source/requirements.txt", f"--index-url {step.index.index_url}\napple==1.0\n")
        assert step.fetches().code == 0
        assert proxy.requests == ()
        assert step.deps() == ["apple-1.0.tar.gz"]


def test_a_configuration_file_in_yaml_says_the_same(step: Step) -> None:
    del step.environ["PIP_INDEX_URL"]
    config = step.writes(
        "config.yaml",
        "---\n"
        f"pip:\n  proxy_url: {step.index.index_url}\n"
        "http:\n  read_timeout: 300\n"
        "gomod:\n  download_max_tries: 3\n"
        "goproxy_url: https://go.example\n"
        "concurrency_limit: 5\n",
    )
    done = step.fetches("--config-file", str(config))
    assert done.code == 0, done.err
    assert step.deps() == ["apple-1.0.tar.gz"]
    told = [line for line in done.err.splitlines() if "other package managers" in line]
    assert len(told) == 1
    assert told[0].endswith(": gomod, goproxy_url")


def test_what_no_one_knows_in_it_is_refused_with_what_was_meant(step: Step) -> None:
    config = step.writes("config.yaml", "pip:\n  proxy_ulr: x\nconcurency_limit: 3\n")
    done = step.fetches("--config-file", str(config))
    assert done.code == ExitCode.INPUT
    assert "did you mean 'pip.proxy_url'?" in done.err
    assert "did you mean 'concurrency_limit'?" in done.err
    assert f"{config}: key 'pip.proxy_ulr'" in done.err


def test_netrc_holds_under_the_other_name_too(step: Step) -> None:
    step.index.credentials = ("bot", "secret")
    netrc = step.writes("netrc", "machine 127.0.0.1 login bot password secret\n")
    assert step.fetches().code == ExitCode.UNAVAILABLE
    step.environ["NETRC"] = str(netrc)
    assert step.fetches().code == 0


def test_the_bundle_of_certificates_holds_under_the_other_name_too(step: Step) -> None:
    step.environ["REQUESTS_CA_BUNDLE"] = str(step.workspace / "nowhere.pem")
    done = step.fetches()
    assert done.code == ExitCode.INPUT
    assert "REQUESTS_CA_BUNDLE" in done.err


def test_the_users_file_of_hermeto_is_read_and_one_lying_about_is_not(
    step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(step.workspace / "source")
    folder = step.workspace / "home" / ".config" / "hermeto"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("http:\n  read_timeout: soon\n")
    words = ("fetch-deps", "pip", "--output", step.output)
    done = step.quickly("hermeto", *words)
    assert done.code == ExitCode.INPUT
    assert "http.read_timeout: 'soon' is not a number of seconds" in done.err
    assert step.quickly("cachi2ish", *words).code == 0

    (folder / "config.yaml").unlink()
    step.writes("source/.hermeto.yaml", "pip:\n  proxy_url: https://evil.example/simple/\n")
    done = step.quickly("hermeto", *words)
    assert done.code == 0, done.err
    assert ".hermeto.yaml in the current directory is not read" in done.err


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("words", [(), ("fetch-deps",)])
def test_its_help_names_the_settings_of_hermeto(step: Step, name: str, words: tuple[str, ...]) -> None:
    done = step.quickly(name, *words, "--help")
    told = " ".join(done.out.split())
    assert done.code == 0
    for named in ("HERMETO_PIP__PROXY_URL", "HERMETO_MODE", "~/.config/hermeto/config.yaml", "in YAML"):
        assert named in told
    assert "HERMETO_MODE" not in step.quickly("cachi2ish", *words, "--help").out
