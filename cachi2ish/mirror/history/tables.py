"""The tables of the history (SQLAlchemy Core): events, and no copies of pages.

Nothing here is of one database alone. Instants are microseconds after 1970, UTC; digests are bytes. A row is added
and not changed, but for what the comments name.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from cachi2ish.mirror.history.engines.packed_texts import Digests, Place

#: Rows of SQLite are numbered by 64 bits under the name INTEGER alone.
_Key = BigInteger().with_variant(Integer, "sqlite")

#: What is ordered by: by the numbers of its characters, whatever language a server speaks.
_Name = Text().with_variant(Text(collation="C"), "postgresql")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# The rules may change; what is dated and closed keeps what they have made of it.
registry = Table(
    "registry",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", _Name, nullable=False, unique=True),
    Column("url", Text, nullable=False),
    Column("untimed", Text, nullable=False),
    Column("private", Boolean, nullable=False),
    Column("settling", BigInteger, nullable=False),
    Column("interval", BigInteger, nullable=False),
)

# due_at changes: when the project is to be looked at, NULL where it is not followed. closed_until changes and only
# grows: pages as of cutoffs up to then never change again.
project = Table(
    "project",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("registry_id", Integer, ForeignKey("registry.id"), nullable=False),
    Column("name", _Name, nullable=False),
    Column("due_at", BigInteger),
    Column("closed_until", BigInteger),
    UniqueConstraint("registry_id", "name"),
    Index(None, "registry_id", "due_at"),
)

# A name that is deleted and registered again is another project. since: it is the one that the name means for
# cutoffs after that; NULL for the first. first_available changes: the least of its files, NULL without any.
generation = Table(
    "generation",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("project_id", _Key, ForeignKey("project.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("since", BigInteger),
    Column("first_seen", BigInteger, nullable=False),
    Column("first_available", BigInteger),
    UniqueConstraint("project_id", "number"),
)

# seen_from: it was so at this look; the next row of the same generation tells when it was otherwise.
# versions: whether the pages state versions (PEP 700).
project_state = Table(
    "project_state",
    metadata,
    Column("generation_id", _Key, ForeignKey("generation.id"), primary_key=True),
    Column("seen_from", BigInteger, primary_key=True),
    Column("exists", Boolean, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("versions", Boolean, nullable=False),
)

# Where files lie: addresses of an index begin alike.
site = Table(
    "site",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("url", Text, nullable=False, unique=True),
)

# hashes: JSON of what else than sha256 is stated, in its order, or NULL. key: see `HistoricFile.key`, as bytes;
# with a zero byte before it where it is no sha256. site, path: the address; a path that ends with a slash is
# followed by the file name. They change when the upstream moves the file. available: the file is on pages as of
# cutoffs after that; NULL for none. It is set once: the upload time, or the look that contradicts it, or the first
# sight.
file = Table(
    "file",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("generation_id", _Key, ForeignKey("generation.id"), nullable=False),
    Column("filename", _Name, nullable=False),
    Column("version", Text),
    Column("key", LargeBinary, nullable=False),
    Column("hashes", Text),
    Column("site_id", Integer, ForeignKey("site.id"), nullable=False),
    Column("path", Place, nullable=False),
    Column("first_seen", BigInteger, nullable=False),
    Column("available", BigInteger),
    Index(None, "generation_id"),
    # By its hash where that can be: half of what a tree of random keys takes.
    Index(None, "key", postgresql_using="hash"),
)

# upload_time: the upstream's, NULL where it has stated none so far. metadata: JSON, "{}" without digests, or NULL.
file_state = Table(
    "file_state",
    metadata,
    Column("file_id", _Key, ForeignKey("file.id"), primary_key=True),
    Column("seen_from", BigInteger, primary_key=True),
    Column("listed", Boolean, nullable=False),
    Column("upload_time", BigInteger),
    Column("size", BigInteger),
    Column("requires_python", Text),
    Column("yanked", Text),  # the reason, which may be empty; NULL where it is not yanked
    Column("metadata", Digests),
    Column("provenance", Text),
    sqlite_with_rowid=False,
)

# Looks that saw the same are one row; last_at and looks change. missing: there was no page.
observation = Table(
    "observation",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("project_id", _Key, ForeignKey("project.id"), nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("looks", Integer, nullable=False),
    Column("missing", Boolean, nullable=False),
    Column("serial", BigInteger),
    Column("etag", Text),
    Column("digest", LargeBinary),
    Index(None, "project_id", "last_at"),
)

alarm = Table(
    "alarm",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("project_id", _Key, ForeignKey("project.id"), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("text", Text, nullable=False),
)

# What became of the bytes of a vanished file. state: 0 to be fetched, 1 held, 2 lost; it changes.
rescue = Table(
    "rescue",
    metadata,
    Column("file_id", _Key, ForeignKey("file.id"), primary_key=True),
    Column("since", BigInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
)

# What a file is of which no sha256 is stated: the one that was served first. key: as in `file`.
content = Table(
    "content",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("sha256", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

# From the sha256 of wheels to that of the metadata in them.
wheel_metadata = Table(
    "wheel_metadata",
    metadata,
    Column("wheel", LargeBinary, primary_key=True),
    Column("metadata", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

frozen = Table(
    "frozen",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("registry_id", Integer, ForeignKey("registry.id"), nullable=False),
    Column("cutoff", BigInteger, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("projects", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    UniqueConstraint("registry_id", "cutoff", "digest"),
)

# The leaves, in their order, so that one of them can be proved.
frozen_page = Table(
    "frozen_page",
    metadata,
    Column("frozen_id", _Key, ForeignKey("frozen.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("project_id", _Key, ForeignKey("project.id"), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
