"""Containers without any registry: an engine with a storage of its own, and a base image of Debian packages.

The fixtures ``engine``, ``base_image`` and ``tool_image`` stand in ``conftest.py``; they are made once for a run.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness import BIN, ROOT, Done, clean_environment

#: What the base image has: Python 3.11 or later with an old pip, and git. No compiler.
PACKAGES = (
    "base-files bash ca-certificates coreutils dash findutils git grep libc-bin "
    "python3 python3-distutils python3-minimal python3-pip sed tar"
)

#: Parts of these packages that no build needs.
_LEFT_OUT = (
    "./usr/share/doc",
    "./usr/share/locale",
    "./usr/share/man",
    "./usr/share/perl",
    "./usr/lib/*/perl",
    "./usr/lib/*/libLLVM*",
)

#: A root that lacks CAP_SYS_RESOURCE may not raise limits, and crun wants one hierarchy of control groups.
#: Of two limits podman 4.3 takes one for the other where it is asked as Docker is.
_CONTAINERS_CONF = """\
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = {runtime}
tmp_dir = "{home}/tmp"
volume_path = "{home}/volumes"
[network]
network_config_dir = "{home}/networks"
"""
_STORAGE_CONF = """\
[storage]
driver = "{driver}"
graphroot = "{home}/storage"
runroot = "{home}/run"
"""


@dataclass(frozen=True)
class Engine:
    """Podman, whose images, volumes and settings live in a folder of the test's own. environment: says so."""

    environment: Mapping[str, str]
    home: Path

    def try_(self, *command: str | Path, cwd: Path | None = None, program: str = "podman") -> Done:
        """Run podman (or buildah, on the same storage) to its end, whatever that is."""
        done = subprocess.run(
            [program, *map(str, command)],
            cwd=cwd,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def do(self, *command: str | Path, cwd: Path | None = None, program: str = "podman") -> str:
        """Run podman to a good end; return what it printed to standard output."""
        done = self.try_(*command, cwd=cwd, program=program)
        shown = " ".join((program, *map(str, command)))
        assert done.status == 0, f"{shown}: exit {done.status}\n{done.output}\n{done.errors}"
        return done.output

    def try_build(
        self, context: Path, tag: str, *options: str | Path, network: str = "none", program: str = "podman"
    ) -> Done:
        """Build the ``Containerfile`` of a folder; the network is cut off unless another one is named."""
        fixed = ("build", "--pull=never", "--network", network, "--tag", tag)
        return self.try_(*fixed, *options, ".", cwd=context, program=program)

    def build(
        self, context: Path, tag: str, *options: str | Path, network: str = "none", program: str = "podman"
    ) -> str:
        """The same to a good end; return all that was printed."""
        done = self.try_build(context, tag, *options, network=network, program=program)
        assert done.status == 0, f"build of {tag}: exit {done.status}\n{done.output}\n{done.errors}"
        return done.output + done.errors

    def run(
        self, image: str, *command: str | Path, options: tuple[str | Path, ...] = (), network: str = "none"
    ) -> str:
        """Run a container to a good end; return what it printed to standard output."""
        done = self.try_run(image, *command, options=options, network=network)
        assert done.status == 0, f"{image} {command}: exit {done.status}\n{done.output}\n{done.errors}"
        return done.output

    def try_run(
        self, image: str, *command: str | Path, options: tuple[str | Path, ...] = (), network: str = "none"
    ) -> Done:
        """Run a container to its end, whatever that is."""
        return self.try_("run", "--rm", "--pull=never", "--network", network, *options, image, *command)


def why_no_engine() -> str | None:
    """What is missing for tests with containers, or None."""
    missing = [name for name in ("podman", "apt-get", "dpkg-deb", "tar") if shutil.which(name) is None]
    return f"no {', '.join(missing)} here: on Debian, apt-get install podman runc buildah" if missing else None


@contextmanager
def running_engine() -> Iterator[Engine]:
    """Yield an engine; everything that it stored is removed afterwards."""
    # Not below pytest's own folder: sockets must have short paths.
    home = Path(tempfile.mkdtemp(prefix="c2i-"))
    engine = Engine(_environment(home), home)
    try:
        _configure(engine)
        yield engine
    finally:
        engine.try_("rm", "--all", "--force", "--time", "0")
        engine.try_("rmi", "--all", "--force")
        _remove(engine)


def _environment(home: Path) -> dict[str, str]:
    return {
        **clean_environment(),
        "CONTAINERS_CONF": str(home / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(home / "storage.conf"),
        "CONTAINERS_REGISTRIES_CONF": str(home / "registries.conf"),
        "REGISTRY_AUTH_FILE": str(home / "auth.json"),
        "BUILDAH_ISOLATION": "oci",
        "TMPDIR": str(home / "scratch"),  # cache mounts of builds live there, too
    }


def _configure(engine: Engine) -> None:
    home = engine.home
    runtime = json.dumps("runc" if shutil.which("runc") or Path("/usr/sbin/runc").exists() else "crun")
    (home / "scratch").mkdir()
    (home / "containers.conf").write_text(_CONTAINERS_CONF.format(home=home, runtime=runtime))
    (home / "registries.conf").write_text("unqualified-search-registries = []\n")
    (home / "auth.json").write_text("{}\n")
    for driver in ("overlay", "vfs"):
        (home / "storage.conf").write_text(_STORAGE_CONF.format(home=home, driver=driver))
        if engine.try_("info").status == 0:
            return
        shutil.rmtree(home / "storage", ignore_errors=True)
    engine.do("info")


def _remove(engine: Engine) -> None:
    if os.geteuid() == 0:
        places = (line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines())
        for place in sorted((place for place in places if place.startswith(f"{engine.home}/")), reverse=True):
            subprocess.run(["umount", "--lazy", place], capture_output=True, check=False)
    else:  # files of other users of its namespace are among them
        engine.try_("unshare", "rm", "-rf", engine.home)
    shutil.rmtree(engine.home, ignore_errors=True)


def make_base_image(engine: Engine, name: str, folder: Path, packages: str = PACKAGES) -> None:
    """Unpack Debian packages into an image: no registry, and no script of theirs is run."""
    archives = _download(folder, packages)
    root = folder / "root"
    root.mkdir()
    excluded = [f"--exclude={pattern}" for pattern in _LEFT_OUT]
    unpack = ("tar", "-x", "-C", str(root), "--no-same-owner", "--keep-directory-symlink", *excluded)
    for archive in archives:
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE) as unpacked:
            subprocess.run(unpack, stdin=unpacked.stdout, check=True)
        assert unpacked.returncode == 0
    _complete(root)
    image = folder / "image.tar"
    subprocess.run(["tar", "-c", "-f", image, "-C", root, "--owner=0", "--group=0", "."], check=True)
    engine.do("import", "--change", "ENV LANG=C.UTF-8", image, name)
    shutil.rmtree(folder)


def _download(folder: Path, packages: str) -> list[Path]:
    """Let apt fetch the packages with all that they depend on, as for a system that has nothing."""
    archives, lists = folder / "cache" / "archives", folder / "lists"
    for made in (archives, lists):
        (made / "partial").mkdir(parents=True)
    (folder / "status").touch()
    settings = {
        "Dir::State::status": folder / "status",
        "Dir::State::lists": lists,  # those of the system may be old, or not there
        "Dir::Cache": folder / "cache",
        "Debug::NoLocking": 1,
        "APT::Sandbox::User": "root",
        "APT::Keep-Downloaded-Packages": "true",
    }
    options = [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]
    install = ("install", "--download-only", "--yes", "--no-install-recommends", *packages.split())
    for command in (("update",), install):
        done = subprocess.run(
            ["apt-get", "--quiet", *options, *command], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"apt-get: {done.stdout}\n{done.stderr}"
    return sorted(archives.glob("*.deb"))


def _complete(root: Path) -> None:
    """Do what the packages' scripts would have done, as far as it is missed."""
    for marker in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        marker.unlink()
    (root / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc" / "group").write_text("root:x:0:\n")
    certificates = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    bundle = root / "etc/ssl/certs/ca-certificates.crt"
    bundle.parent.mkdir(parents=True, exist_ok=True)
    bundle.write_text("".join(file.read_text() for file in certificates))
    (root / "tmp").chmod(0o1777)
    if (root / "usr/bin/python3").exists():
        (root / "usr/bin/python").symlink_to("python3")


def make_tool_image(engine: Engine, name: str, base: str, cache_dir: Path) -> str:
    """Run the script of ``make image``; return what it printed."""
    return _make(engine, "image.sh", cache_dir, BASE=base, IMAGE=name)


def make_mirror_image(engine: Engine, name: str, tool: str, cache_dir: Path) -> str:
    """Run the script of ``make mirror-image``; return what it printed."""
    return _make(engine, "mirror-image.sh", cache_dir, IMAGE=tool, MIRROR_IMAGE=name)


def _make(engine: Engine, script: str, cache_dir: Path, **named: str) -> str:
    done = subprocess.run(
        [ROOT / "containers" / script, BIN],
        env={**engine.environment, "ENGINE": "podman", "CACHI2ISH_CACHE_DIR": str(cache_dir), **named},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{script}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr
