"""The step of the Tekton Tasks in the image, and the build that comes behind it in Konflux."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import cannot_run
from engines import Engine
from harness import DATA, EXAMPLE, ROOT, Done, clean_environment
from test_containers import TARGET
from test_example import EXPECTED

from tests.support.distributions import make_sdist, sdist_files
from tests.support.git_server import git_server, make_repository
from tests.support.index_server import IndexServer
from tests.support.tekton import PLAIN, TRUSTED, prepared, read_task, text_of
from tests.support.tls import make_certificate, needs_openssl, speak_tls

#: Where Tekton mounts a workspace.
WORKSPACE = Path("/workspace/source")

#: What the build task of Konflux does with a Containerfile: every RUN reads the environment first.
INJECT = (
    "-e",
    "H;1h;$!d;x",
    "-e",
    r"s@^\s*(run((\s|\\\n)+-\S+)*(\s|\\\n)+)@\1. /cachi2/cachi2.env \&\& \\\n    @igM",
)

PASSWORD = "s3cret-of-netrc"
UPLOADED = "2024-09-01T00:00:00Z"


@dataclass
class Pod:
    """A workspace of its own, and Secrets; the step of the Task runs in the image with them mounted."""

    engine: Engine
    image: str
    folder: Path
    secrets: dict[str, Path] = field(default_factory=dict)
    mounts: tuple[str, ...] = ()

    @property
    def source(self) -> Path:
        return self.folder / "workspace" / "source"

    @property
    def cachi2(self) -> Path:
        return self.folder / "workspace" / "cachi2"

    def binds(self, workspace: str, **files: str) -> None:
        """Bind a Secret; ``_`` in the name of a file stands for a dot."""
        place = self.folder / workspace
        place.mkdir()
        for name, text in files.items():
            (place / name.replace("_", ".")).write_text(text)
            (place / name.replace("_", ".")).chmod(0o400)
        self.secrets[workspace] = place

    def trusts(self, bundle: Path) -> None:
        """Have a ConfigMap with authorities."""
        self.mounts = (*self.mounts, "--volume", f"{bundle}:/mnt/trusted-ca/ca-bundle.crt:ro")

    def try_(self, params: Mapping[str, str]) -> Done:
        """Run the step to its end."""
        seen = {name: Path("/workspace") / name for name in self.secrets}
        run = prepared(read_task(PLAIN), PLAIN, params, {"source": WORKSPACE, **seen})
        script = self.folder / "script"
        script.write_text(run.script)
        script.chmod(0o755)
        volumes = {script: "/step:ro", self.folder / "workspace": WORKSPACE}
        volumes |= {place: f"{seen[name]}:ro" for name, place in self.secrets.items()}
        mounted = [part for outside, inside in volumes.items() for part in ("--volume", f"{outside}:{inside}")]
        given = [part for name, text in run.environment.items() for part in ("--env", f"{name}={text}")]
        options = ("--user=0", "--entrypoint=/step", *mounted, *given, *self.mounts)
        return self.engine.try_run(self.image, options=options, network="host")

    def runs(self, **params: str) -> Done:
        """Run the step to a good end; in parameters ``_`` stands for ``-``."""
        given = {name.replace("_", "-"): text for name, text in params.items()}
        done = self.try_({"input": "pip", **given})
        assert done.status == 0, f"exit {done.status}\n{done.output}\n{done.errors}"
        return done


def new_pod(engine: Engine, image: str, folder: Path) -> Pod:
    (folder / "workspace" / "source").mkdir(parents=True)
    return Pod(engine, image, folder)


@pytest.fixture
def pod(engine: Engine, tool_image: str, tmp_path: Path) -> Pod:
    return new_pod(engine, tool_image, tmp_path / "pod")


@pytest.mark.parametrize("sbom_type", ["spdx", "cyclonedx"])
def test_a_private_index_and_an_address_become_what_the_build_task_looks_for(pod: Pod, sbom_type: str) -> None:
    pear = make_sdist("pear", "2.0")
    with IndexServer(credentials=("robot", PASSWORD)) as index:
        index.add("apple", make_sdist("apple", "1.0"), upload_time=UPLOADED)
        url = index.serve_file(pear)
        (pod.source / "requirements.txt").write_text(f"apple==1.0\npear @ {url}#sha256={pear.sha256}\n")
        assert pod.try_({"input": "pip", "pip-index-url": index.index_url}).status != 0
        pod.binds("netrc", _netrc=f"machine 127.0.0.1 login robot password {PASSWORD}\n")
        if os.geteuid() == 0:  # a clone of somebody whom the image does not know
            subprocess.run(["chown", "-R", "4321:4321", pod.source], check=True)
        told = pod.runs(
            pip_index_url=index.index_url, sbom_type=sbom_type, index_date="2024-10-01", log_level="debug"
        )
    assert PASSWORD not in told.output + told.errors
    bom = json.loads((pod.cachi2 / "output/bom.json").read_text())
    form = bom["spdxVersion"] if sbom_type == "spdx" else f"{bom['bomFormat']}-{bom['specVersion']}"
    assert form == {"spdx": "SPDX-2.3", "cyclonedx": "CycloneDX-1.6"}[sbom_type]
    for name in ("cachi2.env", "prefetch.env"):
        assert "PIP_FIND_LINKS=/cachi2/output/deps/pip\n" in (pod.cachi2 / name).read_text()
    variables = json.loads((pod.cachi2 / "prefetch-env.json").read_text())
    assert {"name": "PIP_FIND_LINKS", "value": "/cachi2/output/deps/pip"} in variables
    assert "pear @ file:///cachi2/output/deps/pip/" in (pod.source / "requirements.txt").read_text()
    for path in (pod.folder / "workspace").rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path


@needs_openssl
def test_authorities_of_the_config_map_and_a_password_of_git_reach_the_servers(pod: Pod) -> None:
    certificate = make_certificate(pod.folder)
    repository = make_repository(pod.folder / "git" / "fig.git")
    commit = repository.commit(sdist_files("fig", "3.0"))
    index = IndexServer()
    speak_tls(index._server, certificate)
    index.add("apple", make_sdist("apple", "1.0"))
    with index, git_server(repository.path.parent) as git:
        speak_tls(git, certificate)
        git.password = f"robot:{PASSWORD}"
        origin = f"https://{git.host}"
        (pod.source / "requirements.txt").write_text(f"apple==1.0\nfig @ git+{origin}/fig.git@{commit}\n")
        subprocess.run(["git", "init", "--quiet", pod.source], check=True)
        subprocess.run(["git", "-C", pod.source, "remote", "add", "origin", f"{origin}/shop.git"], check=True)
        secure = index.index_url.replace("http:", "https:")
        pod.binds("git-basic-auth", username="robot", password=PASSWORD)
        params = {"input": "pip", "pip-index-url": secure, "mode": "permissive"}
        assert "certificate" in pod.try_(params).errors
        pod.trusts(certificate)
        done = pod.try_(params)
    assert done.status == 0, done.errors
    assert PASSWORD not in done.output + done.errors


def test_two_workspaces_mounted_at_one_place_make_the_same_archive(
    engine: Engine, tool_image: str, tmp_path: Path
) -> None:
    pear = make_sdist("pear", "2.0")
    digests = []
    with IndexServer() as index:
        index.add("apple", make_sdist("apple", "1.0"))
        url = index.serve_file(pear)
        for name in ("one", "two"):
            pod = new_pod(engine, tool_image, tmp_path / name)
            (pod.source / "requirements.txt").write_text(f"apple==1.0\npear @ {url}#sha256={pear.sha256}\n")
            pod.runs(pip_index_url=index.index_url)
            archive = tmp_path / f"{name}.tar"
            subprocess.run(["tar", "-c", "--sort=name", "-f", archive, "-C", pod.cachi2, "."], check=True)
            digests.append(hashlib.sha256(archive.read_bytes()).hexdigest())
    assert digests[0] == digests[1]


def test_konflux_builds_the_example_from_what_the_step_left(
    engine: Engine, base_image: str, pod: Pod, cache_dir: Path
) -> None:
    """Its Containerfile without the line for the environment, which the build task puts in."""
    if os.geteuid() != 0:
        cannot_run("to run buildah in a network namespace takes root here")
    if shutil.which("buildah") is None:
        cannot_run("no buildah here: on Debian, apt-get install buildah")
    shutil.copytree(EXAMPLE, pod.source, dirs_exist_ok=True)
    certificates = os.environ.get("PIP_CERT") or os.environ.get("REQUESTS_CA_BUNDLE")
    if certificates:
        pod.trusts(Path(certificates))
    pod.mounts = (*pod.mounts, "--volume", f"{cache_dir}:/cache")
    pod.runs(input=json.dumps({"type": "pip", "targets": [TARGET]}))

    containerfile = pod.folder / "Containerfile"
    written = (EXAMPLE / "Containerfile").read_text()
    plain = written.replace("RUN . /tmp/cachi2ish.env && ", "RUN --mount=type=tmpfs,target=/scratch ")
    assert plain != written
    containerfile.write_text(plain)
    subprocess.run(["sed", "-E", "-i", *INJECT, containerfile], check=True)
    assert ". /cachi2/cachi2.env && \\\n    pip install" in containerfile.read_text()
    place = pod.folder / "cachi2-of-the-build"
    shutil.copytree(pod.cachi2, place)
    done = engine.try_(
        *("--net", "--", "buildah", "build", "--pull=never", "--isolation=chroot", "--no-cache"),
        *("--volume", f"{place}:/cachi2", "--from", base_image),
        *("--file", containerfile, "--tag", "localhost/notes-of-konflux", pod.source),
        program="unshare",
    )
    assert done.status == 0, f"{done.output}\n{done.errors}"
    assert engine.run("localhost/notes-of-konflux", "list", "--today", "2026-01-01") == EXPECTED


@dataclass(frozen=True)
class Linter:
    """tekton-lint, with the rules of ``data/tekton-lint``."""

    folder: Path

    def judge(self, *files: Path) -> Done:
        program = self.folder / "node_modules" / ".bin" / "tekton-lint"
        done = subprocess.run(
            [program, "--max-warnings=0", *files], cwd=self.folder, capture_output=True, text=True, check=False
        )
        return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def linter(tmp_path_factory: pytest.TempPathFactory) -> Linter:
    if shutil.which("npm") is None:
        cannot_run("no npm here: on Debian, apt-get install npm")
    folder = tmp_path_factory.mktemp("tekton-lint")
    shutil.copytree(DATA / "tekton-lint", folder, dirs_exist_ok=True)
    install = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    done = subprocess.run(
        install, cwd=folder, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Linter(folder)


@pytest.mark.parametrize("name", [PLAIN, TRUSTED])
def test_tekton_lint_finds_nothing_in_the_tasks(linter: Linter, name: str) -> None:
    done = linter.judge(ROOT / "tekton" / f"{name}.yaml")
    assert done.status == 0, done.output
    assert not done.output.strip()


def test_tekton_lint_finds_nothing_in_the_pipeline_of_the_documentation(linter: Linter, tmp_path: Path) -> None:
    _, _, text = (ROOT / "docs/how-to/tekton.md").read_text().partition("```yaml\n")
    pipeline = tmp_path / "pipeline.yaml"
    pipeline.write_text(text.partition("```")[0])
    done = linter.judge(pipeline, ROOT / "tekton" / f"{PLAIN}.yaml")
    assert done.status == 0, done.output
    pipeline.write_text(pipeline.read_text().replace("name: input", "name: inputs"))
    assert linter.judge(pipeline, ROOT / "tekton" / f"{PLAIN}.yaml").status != 0


def test_tekton_lint_finds_a_parameter_that_is_not_declared(linter: Linter, tmp_path: Path) -> None:
    wrong = tmp_path / "task.yaml"
    wrong.write_text(text_of(PLAIN).replace("$(params.mode)", "$(params.mood)"))
    done = linter.judge(wrong)
    assert done.status != 0
    assert "mood" in done.output
