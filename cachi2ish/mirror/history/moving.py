"""The history of a registry as one file, so that a new mirror begins with another one's past.

Lines of JSON, by the names of the projects: equal histories give equal bytes. The last line has the digest of all
before it, and where there is a key, its signature (HMAC, as rows of the cache have it). An importer must know one
of the two from elsewhere: by the digest it is sure of the file, and by the key of who has made it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, insert, select

from cachi2ish.errors import DigestMismatchError, InputError
from cachi2ish.mirror.history.comparing import site_number
from cachi2ish.mirror.history.interface import Seal
from cachi2ish.mirror.history.known_files import FileState
from cachi2ish.mirror.history.moved_lines import (
    MovedFile,
    MovedGeneration,
    MovedHead,
    MovedLook,
    MovedProject,
    MovedProjectState,
    MovedState,
    MovedTail,
)
from cachi2ish.mirror.history.projects_seen import KnownRegistry, ProjectState, find_project
from cachi2ish.mirror.history.tables import (
    file,
    file_state,
    generation,
    observation,
    project,
    project_state,
    site,
)

#: What the first line says.
_FORMAT = "cachi2ish history 1"


# Out.


def export(
    connection: Connection, registry: KnownRegistry, write: Callable[[bytes], object], seal: Seal | None
) -> str:
    """Write the history; return the digest (``sha256:…``) that an importer may be told."""
    digest = sha256()

    def put(line: bytes) -> None:
        digest.update(line)
        write(line)

    put(msgspec.json.encode(MovedHead(_FORMAT, registry.rules.url)) + b"\n")
    chosen = select(project).where(project.c.registry_id == registry.id).order_by(project.c.name)
    for row in connection.execute(chosen).all():
        one = MovedProject(
            row.name,
            row.due_at is not None,
            row.closed_until,
            tuple(_looks(connection, row.id)),
            tuple(_generations(connection, row.id)),
        )
        put(msgspec.json.encode(one) + b"\n")
    signature = None if seal is None else seal.sign(_FORMAT, digest.hexdigest()).hex()
    tail = MovedTail(digest.hexdigest(), signature)
    write(msgspec.json.encode(tail) + b"\n")
    return f"sha256:{digest.hexdigest()}"


def _looks(connection: Connection, project_id: int) -> Iterator[MovedLook]:
    chosen = select(observation).where(observation.c.project_id == project_id).order_by(observation.c.first_at)
    for row in connection.execute(chosen):
        digest = None if row.digest is None else row.digest.hex()
        yield MovedLook(row.first_at, row.last_at, row.looks, row.missing, row.serial, row.etag, digest)


def _generations(connection: Connection, project_id: int) -> Iterator[MovedGeneration]:
    chosen = select(generation).where(generation.c.project_id == project_id).order_by(generation.c.number)
    for row in connection.execute(chosen).all():
        states = select(project_state).where(project_state.c.generation_id == row.id)
        yield MovedGeneration(
            row.number,
            row.since,
            row.first_seen,
            row.first_available,
            tuple(
                MovedProjectState(one.seen_from, *(getattr(one, name) for name in ProjectState._fields))
                for one in connection.execute(states.order_by(project_state.c.seen_from))
            ),
            tuple(_files(connection, row.id)),
        )


def _files(connection: Connection, generation_id: int) -> Iterator[MovedFile]:
    states: dict[int, list[MovedState]] = {}
    chosen = (
        select(file_state)
        .join(file, file.c.id == file_state.c.file_id)
        .where(file.c.generation_id == generation_id)
        .order_by(file_state.c.file_id, file_state.c.seen_from)
    )
    for row in connection.execute(chosen):
        state = MovedState(row.seen_from, *(getattr(row, name) for name in FileState._fields))
        states.setdefault(row.file_id, []).append(state)
    listed = select(file, site.c.url).join(site, site.c.id == file.c.site_id)
    listed = listed.where(file.c.generation_id == generation_id)
    for row in connection.execute(listed.order_by(file.c.first_seen, file.c.filename, file.c.key)):
        yield MovedFile(
            row.filename,
            row.version,
            row.key.hex(),
            row.hashes,
            row.url,
            row.path,
            row.first_seen,
            row.available,
            tuple(states[row.id]),
        )


# In.


def import_(
    connection: Connection,
    registry: KnownRegistry,
    lines: Iterable[bytes],
    *,
    digest: str | None,
    seal: Seal | None,
) -> int:
    """Take what is new; the caller's transaction must end without it where this raises.

    Raises `DigestMismatchError` where neither digest nor key proves the file, and `InputError` for what is none.
    """
    if digest is None and seal is None:
        raise InputError(
            "nothing tells who has made this history",
            hint="name the digest that export has printed with --digest, or the key of both with --cache-key",
        )
    hashed = sha256()
    waiting: bytes | None = None
    count, first = 0, True
    for line in lines:
        if waiting is not None:
            hashed.update(waiting)
            if first:
                _check_head(waiting, registry)
                first = False
            else:
                count += _add(connection, registry, _read(waiting, MovedProject))
        waiting = line
    if waiting is None or first:
        raise InputError("this is no history of cachi2ish: it has no beginning or no end")
    tail = _read(waiting, MovedTail)
    found = hashed.hexdigest()
    if digest is not None and digest.removeprefix("sha256:").lower() != found:
        raise DigestMismatchError(f"this history is sha256:{found}, and {digest} was expected")
    if seal is not None and not seal.has_signed(_signature(tail), _FORMAT, found):
        raise DigestMismatchError(
            "this history is not signed with the key", hint="ask who has made it; nothing of it was taken"
        )
    return count


def _signature(tail: MovedTail) -> bytes:
    try:
        return bytes.fromhex(tail.signature or "")
    except ValueError:
        return b""


def _check_head(line: bytes, registry: KnownRegistry) -> None:
    head = _read(line, MovedHead)
    if head.format != _FORMAT:
        raise InputError("this history has a format that is not known here", hint="look for a newer cachi2ish")
    if head.url.rstrip("/") != registry.rules.url.rstrip("/"):
        raise InputError(
            f"this is the history of {head.url}, and {registry.rules.name} is {registry.rules.url}",
            hint="name the registry that it belongs to with --registry",
        )


def _read(line: bytes, kind: type[Any]) -> Any:  # noqa: ANN401  (of any of the kinds above)
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InputError(f"this is no history of cachi2ish: {error}") from None


def _add(connection: Connection, registry: KnownRegistry, one: MovedProject) -> int:
    """Add a project, unless something is known of it: two pasts do not fit together."""
    if find_project(connection, registry.id, one.name) is not None:
        return 0
    last = max((look.last_at for look in one.looks), default=0)
    row = {
        "registry_id": registry.id,
        "name": one.name,
        "due_at": last if one.followed else None,
        "closed_until": one.closed_until,
    }
    number = connection.execute(insert(project).returning(project.c.id), row).scalar_one()
    looks = [{"project_id": number, **_fields(look), "digest": _bytes(look.digest)} for look in one.looks]
    if looks:
        connection.execute(insert(observation), looks)
    for each in one.generations:
        _add_generation(connection, number, each)
    return 1


def _add_generation(connection: Connection, project_id: int, one: MovedGeneration) -> None:
    row = {
        "project_id": project_id,
        "number": one.number,
        "since": one.since,
        "first_seen": one.first_seen,
        "first_available": one.first_available,
    }
    number = connection.execute(insert(generation).returning(generation.c.id), row).scalar_one()
    states = [{"generation_id": number, **_fields(state)} for state in one.states]
    connection.execute(insert(project_state), states)
    rows = [
        {
            "generation_id": number,
            **{name: value for name, value in _fields(each).items() if name not in {"site", "states"}},
            "key": bytes.fromhex(each.key),
            "site_id": site_number(connection, each.site),
        }
        for each in one.files
    ]
    if not rows:
        return
    adding = insert(file).returning(file.c.id, sort_by_parameter_order=True)
    numbers: Sequence[int] = connection.execute(adding, rows).scalars().all()
    connection.execute(
        insert(file_state),
        [
            {"file_id": file_id, **_fields(state)}
            for file_id, each in zip(numbers, one.files, strict=True)
            for state in each.states
        ],
    )


def _fields(one: Struct) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)
