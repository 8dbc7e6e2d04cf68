"""Passwords from the program ``keyring``, as pip's ``--keyring-provider subprocess`` and uv ask it for them."""

from __future__ import annotations

import subprocess

from cachi2ish.core.lazy import OncePerKey
from cachi2ish.core.urls import Address
from cachi2ish.errors import InputError

#: Seconds. A store may have to be unlocked by somebody first.
_TIMEOUT = 60.0


class KeyringProgram:
    """Asks for each password once, when it is first needed. Safe to use from many threads.

    program: the path of ``keyring``. A password is neither kept nor shown; nothing that the program writes
    to standard error is.
    """

    def __init__(self, program: str) -> None:
        self._program = program
        self._passwords = OncePerKey(self._ask)

    def password(self, service: Address, user: str) -> str | None:
        """Return the password of ``user`` at an index, None where there is none; raises `InputError`.

        service: the address of the index without user information. As in pip, what is stored under that address
        comes first, and then what is stored under its host.
        """
        return self._passwords((service.with_credentials, service.host, user))

    def _ask(self, key: tuple[str, str, str]) -> str | None:
        address, host, user = key
        if user.startswith("-"):
            return None  # the program would take it for an option, of which some name code to load
        return self._get(address, user) or self._get(host, user)

    def _get(self, service: str, user: str) -> str | None:
        try:
            answer = subprocess.run(
                [self._program, "get", service, user],
                stdin=subprocess.DEVNULL,  # never a question that nobody sees
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise self._error(f"has not answered for {_TIMEOUT:.0f} seconds") from None
        except OSError as error:
            raise self._error(f"cannot be run: {error.strerror}") from None
        if answer.returncode != 0:
            return None
        return answer.stdout.decode("utf-8", "surrogateescape").rstrip("\r\n") or None

    def _error(self, problem: str) -> InputError:
        return InputError(
            f"{self._program} {problem}",
            hint="try: keyring get ADDRESS USER; or do without with --keyring-provider disabled",
            cause=(self._program, "keyring"),
        )
