"""A bucket of a real S3 server, for mirrors that reach it through a proxy, which a test lets fail."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Self

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support.faulty_proxy import FaultyProxy
from tests.support.s3_server import ACCESS_KEY, S3, SECRET_KEY, environment_of


class Bucket:
    """A bucket that nobody else has, and the way there. A context manager."""

    def __init__(self, s3: S3) -> None:
        self._s3 = s3
        self.name = s3.new_bucket()
        self.proxy = FaultyProxy(s3.ports["s3"])

    def __enter__(self) -> Self:
        self.proxy.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.proxy.__exit__()

    @property
    def environment(self) -> dict[str, str]:
        """What lets a mirror keep its files there."""
        return environment_of(self.proxy.endpoint) | {"CACHI2ISH_MIRROR_FILES": f"s3://{self.name}/files"}

    def fill(self) -> None:
        """Let nothing be written any more."""
        self._s3.refuse_writes(self.name)
        _wait(lambda: not self._can_be_written())

    def empty(self) -> None:
        """Let all be written again."""
        self._s3.accept_writes(self.name)
        _wait(self._can_be_written)

    def contents(self) -> dict[str, bytes]:
        """Return all files that are there, by the sha256 in their names: asked of the server itself."""
        store = self._store()
        paths = [one["path"] for batch in obstore.list(store) for one in batch if "/sha256/" in one["path"]]
        return {path.rpartition("/")[2]: bytes(obstore.get(store, path).bytes()) for path in paths}

    def put(self, path: str, content: bytes) -> None:
        """Write a file: asked of the server itself."""
        obstore.put(self._store(), path, content, use_multipart=False)

    def _can_be_written(self) -> bool:
        with suppress(BaseError):
            self.put("written", b"by the test")
            return True
        return False

    def _store(self) -> S3Store:
        return S3Store(
            self.name,
            endpoint=self._s3.endpoint,
            access_key_id=ACCESS_KEY,
            secret_access_key=SECRET_KEY,
            region="us-east-1",
            client_options={"allow_http": True},
            retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=10)},
        )


def _wait(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "the S3 server does not do what it was told"
        time.sleep(0.05)
