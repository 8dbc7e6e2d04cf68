"""When to try again, and how long to wait before: exponential back-off with jitter, and ``Retry-After``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from msgspec import Struct

from cachi2ish.core.urls import WebOrigin
from cachi2ish.errors import HostError, NetworkError

#: The statuses that speak of the moment and not of the request (RFC 9110 section 15.6, RFC 6585 section 4).
RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})

#: Back-off doubles with every attempt; beyond this many doublings only the limit counts.
_MOST_DOUBLINGS = 32

#: Seconds. Nobody waits for so long, and what is beyond may be any number at all, infinity included.
_DAY = 24 * 60 * 60


class TransientError(Exception):
    """An attempt failed in a way that another may not. Does not leave this room.

    problem, hint: as in `NetworkError`. retry_after: seconds that the server asks to wait, or None.
    served: how many requests the host had answered well when it said that this one was too much, or None.
    cause: as in `HostError`, where the failure is one of the host as a whole, else None. unreached: the host
    that no connection could be made to, or None. timed_out: whether the answer, or the rest of it, did not come.
    """

    def __init__(
        self,
        problem: str,
        *,
        hint: str | None = None,
        retry_after: float | None = None,
        served: int | None = None,
        cause: tuple[str, ...] | None = None,
        unreached: WebOrigin | None = None,
        timed_out: bool = False,
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint
        self.retry_after = retry_after
        self.served = served
        self.cause = cause
        self.unreached = unreached
        self.timed_out = timed_out

    def about(self, subject: str) -> TransientError:
        """Return the same failure as the reason why ``subject`` (a clause) holds."""
        return TransientError(
            f"{subject}: {self.problem}",
            hint=self.hint,
            retry_after=self.retry_after,
            served=self.served,
            cause=self.cause,
            unreached=self.unreached,
            timed_out=self.timed_out,
        )

    def for_good(self, problem: str, hint: str | None) -> NetworkError:
        """Return the error of a last attempt that failed."""
        if self.cause is None:
            return NetworkError(problem, hint=hint)
        return HostError(problem, cause=self.cause, hint=hint)


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """How often and how patiently to try again. Times in seconds.

    retries: attempts after the first. backoff: the wait before the second attempt, doubled for each further
    one up to ``limit``; half of it is at random, so that threads that failed together do not return together.
    limit: also the longest ``Retry-After`` that is obeyed. random: from 0 to 1. sleep: waits.
    timeout: how long each attempt waits for an answer, for the sentence.
    on_retry: is called with a sentence before each wait, so that it is not a silence.
    """

    retries: int
    backoff: float
    limit: float
    random: Callable[[], float]
    sleep: Callable[[float], None]
    timeout: float = 0.0
    on_retry: Callable[[str], None] = lambda _message: None

    def delay(self, failed: int, failure: TransientError) -> float:
        """Return the wait after attempt number ``failed``; raises `NetworkError` when it would be too long."""
        own = min(self.limit, self.backoff * 2.0 ** min(failed - 1, _MOST_DOUBLINGS))
        if failure.retry_after is None:
            return own * (1 + self.random()) / 2
        if failure.retry_after > self.limit:
            raise failure.for_good(
                f"{failure.problem} and asks to wait {readable_retry_after(failure.retry_after)} (Retry-After),"
                f" longer than the limit of {self.limit:g} seconds",
                "run again later, or with fewer connections at once",
            )
        return failure.retry_after + self.random() * self.backoff


class Attempts:
    """Counts the attempts at one thing.

    lost: is given the host that the last attempt could not reach, and the error that has come of it.
    """

    def __init__(self, policy: RetryPolicy, *, lost: Callable[[WebOrigin, HostError], None]) -> None:
        self._policy = policy
        self._lost = lost
        self._failed = 0
        self._served: int | None = None

    def failed(self, failure: TransientError) -> None:
        """Wait before the next attempt; raises `NetworkError` when there is to be none.

        Does not count where the host has just had enough of us, and has served others since the last time: it
        lets all of them through in the end, a few at a time.
        """
        waits_for_others = (
            self._served is not None and failure.served is not None and failure.served > self._served
        )
        self._served = failure.served
        if not waits_for_others:
            self._failed += 1
        if self._failed > self._policy.retries:
            times = "" if self._failed == 1 else f" (after {self._failed} attempts)"
            error = failure.for_good(f"{failure.problem}{times}", failure.hint)
            if failure.unreached is not None and isinstance(error, HostError):
                self._lost(failure.unreached, error)
            raise error
        delay = self._policy.delay(self._failed, failure)
        attempt = f"attempt {self._failed + 1} of {self._policy.retries + 1}"
        patience = f"; each waits {self._policy.timeout:g} s (PIP_TIMEOUT)" if failure.timed_out else ""
        self._policy.on_retry(f"{failure.problem}: trying again in {delay:.1f} s, {attempt}{patience}")
        self._policy.sleep(delay)

    def forget(self) -> None:
        """Begin to count anew, because there was progress."""
        self._failed = 0


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, or None (RFC 9110 section 10.2.3).

    An HTTP date is compared with the answer's own ``Date``, so that a wrong clock on either side does not
    matter; without one it says nothing. headers: names in lower case.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    until, now = _http_date(value), _http_date(headers.get("date", ""))
    return None if until is None or now is None else max(0.0, (until - now).total_seconds())


def readable_retry_after(seconds: float) -> str:
    """Return a time to wait as it may stand in a sentence: ``90 seconds``, or ``more than a day``."""
    return "more than a day" if seconds > _DAY else f"{seconds:.0f} seconds"


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the latter for numbers that no date has
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
