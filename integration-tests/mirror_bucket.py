"""A bucket of a real S3 server, for mirrors that reach it through a proxy, which a test lets fail."""

from __future__ import annotations

from typing import Self

import obstore
from obstore.store import S3Store

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

    def contents(self) -> dict[str, bytes]:
        """Return all files that are there, by the sha256 in their names: asked of the server itself."""
        store = S3Store(
            self.name,
            endpoint=self._s3.endpoint,
            access_key_id=ACCESS_KEY,
            secret_access_key=SECRET_KEY,
            region="us-east-1",
            client_options={"allow_http": True},
        )
        paths = [one["path"] for batch in obstore.list(store) for one in batch if "/sha256/" in one["path"]]
        return {path.rpartition("/")[2]: bytes(obstore.get(store, path).bytes()) for path in paths}
