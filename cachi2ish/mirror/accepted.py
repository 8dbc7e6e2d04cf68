"""Which clients a private registry has let in within the last minutes, and who may use the mirror at all."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable

from packaging.utils import NormalizedName

from cachi2ish.mirror.upstream import Login

#: Seconds for which an acceptance holds.
_HOLDS = 300.0

#: Acceptances that are remembered.
_MOST = 20_000


class Acceptances:
    """Logins that a registry has accepted for a project, as keyed hashes. The key is made anew at each start.

    For one thread. clock: seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def note(self, registry: str, project: NormalizedName, login: Login | None) -> None:
        """Note that a registry has just let ``login`` read the page of ``project``."""
        name = self.name(registry, project, login)
        self._until[name] = self._clock() + _HOLDS
        self._until.move_to_end(name)
        while len(self._until) > _MOST:
            self._until.popitem(last=False)

    def forget(self, registry: str, project: NormalizedName, login: Login | None) -> None:
        """Note that it does not let it in any more."""
        self._until.pop(self.name(registry, project, login), None)

    def holds(self, registry: str, project: NormalizedName, login: Login | None) -> bool:
        """Return whether it was accepted a short time ago."""
        return self._until.get(self.name(registry, project, login), 0.0) > self._clock()

    def name(self, registry: str, project: NormalizedName, login: Login | None) -> bytes:
        """Return what stands for a login in memory: nobody can get it back from this."""
        parts = (registry, project, *((login.user, login.password) if login else ()))
        # Lengths before the texts, so that no two sequences have one name.
        text = b"".join(b"%d:%s" % (len(raw), raw) for raw in (part.encode() for part in parts))
        return hmac.digest(self._key, text, "sha256")


class Tokens:
    """The passwords of those who may use the mirror, as hashes. Immutable."""

    def __init__(self, tokens: Iterable[str]) -> None:
        self._digests = [hashlib.sha256(token.encode()).digest() for token in tokens]

    def admit(self, authorization: str | None) -> bool:
        """Return whether an ``Authorization`` header has one: as the password of any user, or as ``Bearer``."""
        scheme, _, rest = (authorization or "").partition(" ")
        login = Login.of(authorization)
        given = login.password or login.user if login else rest.strip() if scheme.lower() == "bearer" else ""
        digest = hashlib.sha256(given.encode("utf-8", "surrogateescape")).digest()
        return any(hmac.compare_digest(digest, one) for one in self._digests)
