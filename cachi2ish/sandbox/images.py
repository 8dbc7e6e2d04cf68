"""Runs a script with the Python of a local image: the same engine that will build in it, and no network."""

from __future__ import annotations

import shutil
import subprocess

from cachi2ish.core.messages import excerpt
from cachi2ish.errors import InputError

#: Seconds that a container may take to start and to answer.
_SECONDS = 120

#: No image is fetched, and nothing of the machine is there. The container is gone with the script, or with its
#: time: it does not end with the command that has started it.
_RUN = (
    "run",
    "--rm",
    "--interactive",
    f"--timeout={_SECONDS}",
    "--pull=never",
    "--network=none",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    "--entrypoint=python3",
)

#: What podman ends with where it fails itself, and where the program is not in the image.
_OF_PODMAN, _NO_PROGRAM = 125, (126, 127)

_LARGEST = 1 << 16


class PodmanImages:
    """Implements `cachi2ish.sandbox.interface.Images`."""

    def answer(self, image: str, script: str) -> bytes:
        """Return what ``script`` prints, run by the ``python3`` of a local image; raises `InputError`."""
        if image.startswith("-"):
            raise InputError(f"{excerpt(image)!r} is no image", hint="name one that podman images lists")
        podman = shutil.which("podman")
        if podman is None:
            raise InputError(
                "--in-image needs podman, which is not on the PATH",
                hint="install it, or run the script of --describe in the image, for --target-file",
            )
        try:
            done = subprocess.run(
                [podman, *_RUN, image, "-"],
                input=script.encode(),
                capture_output=True,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise InputError(
                f"the container of {image} has not answered within {_SECONDS} seconds",
                hint="see whether podman run works with it",
            ) from None
        if done.returncode:
            raise _failure(image, done)
        return done.stdout[:_LARGEST]


def _failure(image: str, done: subprocess.CompletedProcess[bytes]) -> InputError:
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or [f"status {done.returncode}"]
    if done.returncode in _NO_PROGRAM:
        return InputError(
            f"there is no python3 on the PATH of {image}: {excerpt(lines[-1])}",
            hint="name the image in which pip runs",
        )
    hint = "see whether podman run works with it"
    if done.returncode == _OF_PODMAN:
        hint = "name an image that podman images lists: none is fetched"
    return InputError(f"podman cannot run {image}: {excerpt(lines[-1])}", hint=hint)
