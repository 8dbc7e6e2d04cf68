"""Ceph with its radosgw, from Debian: another real S3 server, with one monitor and one OSD on a file, on loopback.

    python integration-tests/mirror_ceph.py make mirror-company     # runs this with the server's address

It needs: apt-get install --no-install-recommends ceph-mon ceph-osd radosgw. Starting takes some 15 seconds.
``S3_SERVER=ceph pytest integration-tests/test_mirror_fleet.py`` has it in the place of SeaweedFS.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support.s3_server import ACCESS_KEY, SECRET_KEY, GivenS3, free_ports

#: Programs of the packages. That they are there in part only is said by the first one that is missing.
PROGRAMS = ("ceph", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")

#: Seconds after which a server that is not ready will never be.
_PATIENCE = 120.0

_SETTINGS = """\
[global]
fsid = {id}
mon host = v1:127.0.0.1:{mon}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr2 = false
auth cluster required = none
auth service required = none
auth client required = none
run dir = {folder}
admin socket = {folder}/$name.asok
log file = {folder}/$name.log
pid file = {folder}/$name.pid
mon data = {folder}/mon
mon data avail crit = 1
mon allow pool size one = true
mon max pg per osd = 1000
osd data = {folder}/osd
osd objectstore = bluestore
osd memory target = 939524096
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
bluestore block create = true
bluestore block size = 10737418240
rgw dynamic resharding = false
"""


class CephServer(GivenS3):
    """One server; a context manager. It can be killed and started again, and has what it had."""

    def __init__(self) -> None:
        self.ports = free_ports("mon", "s3")
        super().__init__(f"http://127.0.0.1:{self.ports['s3']}", self.ports)
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        # Not below pytest's folder: the paths of its sockets would be too long.
        self._folder = Path(tempfile.mkdtemp(prefix="ceph-"))
        self._settings = self._folder / "ceph.conf"
        try:
            self._make()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        self._run("ceph-mon", "-i", "a", "-f")
        self._run("ceph-osd", "-i", "0", "-f")
        self._run("radosgw", "-n", "client.rgw.a", "-f", f"--rgw-frontends=beast endpoint={self.endpoint[7:]}")
        end = time.monotonic() + _PATIENCE
        while not self._answers():
            assert time.monotonic() < end, self._log()
            time.sleep(0.1)

    def kill(self) -> None:
        """End all of it as a machine that loses its power would."""
        for process in reversed(self._processes):
            process.kill()
            process.wait()
        self._processes.clear()

    def refuse_writes(self, bucket: str) -> None:
        """Let the quota of the bucket be used up."""
        self._quota("set", bucket, "--max-objects=0")
        self._quota("enable", bucket)

    def accept_writes(self, bucket: str) -> None:
        self._quota("disable", bucket)

    def _keep_until_the_end(self, bucket: str) -> None:
        """Leave it: the server goes with all that it has."""

    def _make(self) -> None:
        numbers = {"id": uuid.uuid4(), "mon": self.ports["mon"], "folder": self._folder}
        self._settings.write_text(_SETTINGS.format(**numbers))
        for part in ("mon", "osd"):
            (self._folder / part).mkdir()
        monitors, osd = self._folder / "monitors", str(uuid.uuid4())
        place = f"[v1:127.0.0.1:{self.ports['mon']}]"
        self._call("monmaptool", "--create", "--fsid", str(numbers["id"]), "--addv", "a", place, str(monitors))
        self._call("ceph-mon", "--mkfs", "-i", "a", "--monmap", str(monitors))
        self._run("ceph-mon", "-i", "a", "-f")
        self._call("ceph", "osd", "new", osd)
        self._call("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self._run("ceph-osd", "-i", "0", "-f")
        keys = (f"--access-key={ACCESS_KEY}", f"--secret-key={SECRET_KEY}")
        self._call("radosgw-admin", "user", "create", "--uid=tests", "--display-name=tests", *keys)
        self.kill()

    def _quota(self, change: str, bucket: str, *more: str) -> None:
        self._call("radosgw-admin", "quota", change, "--quota-scope=bucket", f"--bucket={bucket}", *more)

    def _call(self, program: str, *arguments: str) -> None:
        command = [program, "--conf", str(self._settings), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE)
        assert done.returncode == 0, (command, done.stdout, done.stderr)

    def _run(self, program: str, *arguments: str) -> None:
        with (self._folder / f"{program}.out").open("ab") as out:
            command = [program, "--conf", str(self._settings), *arguments]
            self._processes.append(
                subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=self._folder)
            )

    def _answers(self) -> bool:
        for process in self._processes:
            assert process.poll() is None, (process.args, self._log())
        with suppress(OSError):
            urllib.request.urlopen(self.endpoint, timeout=10).close()
            return True
        return False

    def _log(self) -> str:
        return "\n".join(path.read_text()[-2000:] for path in sorted(self._folder.glob("*.out")))


def main() -> int:
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing or len(sys.argv) < 2:
        print(__doc__, *(f"there is no {program}" for program in missing), sep="\n", file=sys.stderr)
        return 2
    with ExitStack() as stack:
        server = stack.enter_context(CephServer())
        keys = {"MIRROR_S3_ACCESS_KEY": ACCESS_KEY, "MIRROR_S3_SECRET_KEY": SECRET_KEY}
        return subprocess.call(sys.argv[1:], env={**os.environ, "MIRROR_S3": server.endpoint, **keys})


if __name__ == "__main__":
    sys.exit(main())
