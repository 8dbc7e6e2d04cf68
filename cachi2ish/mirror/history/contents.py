"""What was found out about the content of files: what all machines of a mirror have to agree on."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, insert, select

from cachi2ish.mirror.batches import in_batches
from cachi2ish.mirror.history.known_files import key_bytes
from cachi2ish.mirror.history.tables import content, wheel_metadata

#: Keys in one statement.
_AT_ONCE = 500

#: Rows that are in memory at once.
_STREAMED = 5000


def content_of(connection: Connection, key: str) -> str | None:
    """Return the sha256 of a file without a stated one, by its key; None where nobody was served it yet."""
    chosen = select(content.c.sha256).where(content.c.key == key_bytes(key))
    found = connection.execute(chosen).scalar_one_or_none()
    return None if found is None else found.hex()


def write_content(connection: Connection, key: str, sha256: str) -> str:
    """Write down what a file is that is stated without a sha256; return what it is: the first that said so."""
    known = content_of(connection, key)
    if known is not None:
        return known
    connection.execute(insert(content), {"key": key_bytes(key), "sha256": bytes.fromhex(sha256)})
    return sha256


def metadata_of(connection: Connection, wheels: Collection[str]) -> dict[str, str]:
    """Return the sha256 of the metadata in wheels, by their own, as far as it is known."""
    found: dict[str, str] = {}
    for some in in_batches((bytes.fromhex(one) for one in wheels), _AT_ONCE):
        rows = connection.execute(select(wheel_metadata).where(wheel_metadata.c.wheel.in_(some)))
        found.update((row.wheel.hex(), row.metadata.hex()) for row in rows)
    return found


def wheels_of(connection: Connection, metadata: Collection[str]) -> dict[str, list[str]]:
    """Return the wheels that have this metadata, by its sha256 and by their own, as far as they are known.

    All wheels are read once: an index by their metadata would take more than this saves, now and then.
    """
    found: dict[str, list[str]] = {}
    wanted = {bytes.fromhex(one) for one in metadata}
    if not wanted:
        return found
    options = {"yield_per": _STREAMED}
    for rows in connection.execute(select(wheel_metadata), execution_options=options).partitions():
        for row in rows:
            if row.metadata in wanted:
                found.setdefault(row.metadata.hex(), []).append(row.wheel.hex())
    return found


def write_metadata(connection: Connection, found: Mapping[str, str]) -> None:
    """Write down the sha256 of the metadata in wheels, by their own; what is known stays."""
    known = metadata_of(connection, found)
    rows = [
        {"wheel": bytes.fromhex(wheel), "metadata": bytes.fromhex(metadata)}
        for wheel, metadata in found.items()
        if wheel not in known
    ]
    if rows:
        connection.execute(insert(wheel_metadata), rows)
