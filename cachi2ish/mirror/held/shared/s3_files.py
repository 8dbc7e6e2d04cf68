"""Files in a bucket of S3, or of a store that speaks like it (obstore). Imported only where there is one."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from cachi2ish.core.urls import Address
from cachi2ish.errors import InputError
from cachi2ish.mirror.held.interface import Reading, SharedStoreError, StoredFile, parts_of
from cachi2ish.mirror.held.shared.s3_answers import REACH, code_of, failure
from cachi2ish.settings.buckets import Bucket

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

#: Bytes of a part. A smaller file is put by one request, which fails where somebody was faster.
_PART = 16 * 1024 * 1024

#: Parts of one file that are on their way at once: they are in memory.
_PARTS_AT_ONCE = 2

#: Bytes that are handed on at once while a file is read.
_PORTION = 256 * 1024

#: Seconds without a byte after which a request is given up: clients wait for what is read, not for what is put.
_PATIENCE_TO_READ, _PATIENCE_TO_PUT = 5, 20

#: Where a name of an endpoint may stand, the strongest first. obstore reads all other variables itself.
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")

_NAME = re.compile("(?:.*/)?sha256/([0-9a-f]{2})/([0-9a-f]{64})")


class S3Files:
    """Implements `cachi2ish.mirror.held.interface.SharedFiles` for a bucket, or a place in one.

    Credentials and region come from the usual variables (``AWS_ACCESS_KEY_ID``, …), a web identity, or the role of
    the machine, as obstore finds them. environ: where the endpoint and the certificates stand; plain http is
    spoken where the endpoint says so. Raises `InputError` for what is none of these.
    """

    def __init__(self, place: Bucket, environ: Mapping[str, str]) -> None:
        self.name = str(place)
        endpoint = next((environ[one] for one in ENDPOINTS if environ.get(one)), None)
        client: ClientConfig = {"timeout": timedelta(hours=6)}  # of a large file
        bundle = environ.get("AWS_CA_BUNDLE")
        if bundle:
            client["root_certificate"] = _certificates(Path(bundle))
        config: S3Config = {}
        if endpoint is not None:
            address = Address(endpoint)
            if not address.is_web or address.split_userinfo()[1]:
                raise InputError(
                    f"{address.redacted!r} is not the address of an S3 endpoint",
                    hint="write AWS_ENDPOINT_URL as https://host or http://host:port, without a user",
                )
            client["allow_http"] = address.scheme == "http"
            config["endpoint"] = endpoint.rstrip("/")
        try:
            self._store = _opened(place, client, config, _PATIENCE_TO_PUT)
            self._readable = _opened(place, client, config, _PATIENCE_TO_READ)
        except (BaseError, ValueError) as error:
            raise InputError(
                f"S3 cannot be used for {self.name}: {_first_words(error)}", hint="check the AWS_… variables"
            ) from None

    def check(self) -> None:
        """Raise `SharedStoreError` unless files can be read, listed, written and removed."""
        path = f"probe-{secrets.token_hex(8)}"  # others may begin at the same time
        with self._errors(putting=True):
            obstore.put(self._store, path, b"cachi2ish", mode="overwrite")
        with self._errors():
            try:
                read = bytes(obstore.get(self._store, path).bytes())
                next(iter(obstore.list(self._store, chunk_size=1)), None)
            finally:
                obstore.delete(self._store, path)
        if read != b"cachi2ish":
            raise SharedStoreError(f"{self.name} gives back other bytes than were put there", hint=REACH)

    def size_of(self, sha256: str) -> int | None:
        """Return the bytes of a file without reading it, None where it is not there."""
        with self._errors():
            try:
                return obstore.head(self._readable, _path_of(sha256))["size"]
            except FileNotFoundError as error:
                self._expect_bucket(error)
                return None

    def read(self, sha256: str, start: int = 0) -> Reading | None:
        """Begin to read a file at ``start``, None where it is not there."""
        with self._errors():
            try:
                found = obstore.get(
                    self._readable, _path_of(sha256), options={"range": {"offset": start}} if start else None
                )
            except FileNotFoundError as error:
                self._expect_bucket(error)
                return None
            return Reading(found.meta["size"], self._portions(iter(found.stream(min_chunk_size=_PORTION))))

    def put(
        self, sha256: str, path: Path, size: int, *, replace: bool = False, go_on: Callable[[], None] | None = None
    ) -> bool:
        """Put a file there, unless one of that size is there; return whether it was not. Raises `OSError`, too.

        Each request is signed with the digest of what it brings, so nothing else than that is stored.
        """
        name = _path_of(sha256)
        if size > _PART:
            if not replace and self.size_of(sha256) == size:
                return False
            with path.open("rb") as file, self._errors(putting=True):
                parts = parts_of(file, _PART, go_on)
                obstore.put(self._store, name, parts, chunk_size=_PART, max_concurrency=_PARTS_AT_ONCE)
            return True
        content = path.read_bytes()
        with self._errors(putting=True):
            if replace or not self._create(name, content):
                if not replace and self.size_of(sha256) == size:
                    return False
                obstore.put(self._store, name, content, mode="overwrite", use_multipart=False)
            return True

    def remove(self, sha256: str) -> None:
        """Remove a file, which need not be there."""
        with self._errors(), suppress(FileNotFoundError):
            obstore.delete(self._store, _path_of(sha256))

    def all(self) -> Iterator[StoredFile]:
        """Yield all files, by their sha256; what is called otherwise is none of ours."""
        batches = iter(obstore.list(self._store, "sha256"))
        while True:
            with self._errors():
                batch = next(batches, None)
            if batch is None:
                return
            for one in batch:
                named = _NAME.fullmatch(one["path"])
                if named is not None and named[2].startswith(named[1]):
                    yield StoredFile(named[2], one["size"], one["last_modified"])

    def _create(self, name: str, content: bytes) -> bool:
        """Put a small file where there is none; return False where there is one, or the store cannot tell."""
        try:
            obstore.put(self._store, name, content, mode="create")
        except AlreadyExistsError:
            return False
        except BaseError as error:
            if code_of(error) == "NotImplemented":
                return False
            raise
        return True

    def _portions(self, stream: Iterator[bytes]) -> Iterator[bytes]:
        while True:
            with self._errors():
                portion = next(stream, None)
            if portion is None:
                return
            yield bytes(portion)

    def _expect_bucket(self, error: FileNotFoundError) -> None:
        if code_of(error) == "NoSuchBucket":
            raise failure(self.name, error) from None

    @contextmanager
    def _errors(self, *, putting: bool = False) -> Iterator[None]:
        """Turn what obstore raises into what the mirror knows; drop its text: it may hold a secret."""
        try:
            yield
        except (BaseError, ValueError, FileNotFoundError) as error:
            raise failure(self.name, error, putting=putting) from None


def _opened(place: Bucket, client: ClientConfig, config: S3Config, patience: int) -> S3Store:
    """Return the place, where nobody waits longer than ``patience`` (seconds), about, for a sign of life."""
    retries: RetryConfig = {
        "max_retries": 3,
        "retry_timeout": timedelta(seconds=patience * 0.75),
        "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=3), "base": 2},
    }
    return S3Store(
        place.name,
        prefix=place.prefix or None,
        client_options={
            **client,
            "connect_timeout": timedelta(seconds=min(patience, 5)),
            "read_timeout": timedelta(seconds=patience),
        },
        retry_config=retries,
        config=config,
    )


def _first_words(error: Exception) -> str:
    return str(error).partition("\n")[0].partition(": ")[0]


def _path_of(sha256: str) -> str:
    return f"sha256/{sha256[:2]}/{sha256}"


def _certificates(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"the file of certificates {path} cannot be read: {error.strerror}", hint="check AWS_CA_BUNDLE"
        ) from None
