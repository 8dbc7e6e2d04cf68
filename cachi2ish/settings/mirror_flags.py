"""Settings of the mirror. Their options belong to ``cachi2ish mirror`` and need no prefix there."""

# Without `annotations` from `__future__`: `SETTINGS` in flags.py needs objects, no text.
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from cachi2ish.settings.values import (
    Setting,
    Values,
    metavar,
    one_of,
    parse_size,
    path_of,
    toml_boolean,
    toml_number,
    toml_pairs,
    toml_text,
    toml_text_or_none,
    toml_texts,
    whole_number,
)

#: Where the mirror listens, unless it is told otherwise.
DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8417

#: Bytes of files on the disk of a machine that shares them with others.
DEFAULT_LOCAL_SIZE = 10_000_000_000

#: Bytes for pages that are asked for again.
DEFAULT_MEMORY = 64_000_000


class WantedCoverage(StrEnum):
    """What a page must rest on: a look in its time, or any."""

    OBSERVED = "observed"
    COMPUTED = "computed"


class MirrorFlags(Values):
    """What is mirrored, where it is kept, and who may ask."""

    mirror_directory: Annotated[
        Path | None,
        Setting(
            help="Where history and files are kept. [default: cachi2ish/mirror in the user's data directory]",
            option="directory",
            metavar="DIR",
            parse=path_of,
            toml=toml_text_or_none,
            wanted="the path of a folder, as text",
        ),
    ] = None
    mirror_database: Annotated[
        str | None,
        Setting(
            help="Keep the history in this database of PostgreSQL, for servers on several machines:"
            " postgresql://user@host/name. [default: history.sqlite in the directory]",
            option="database",
            metavar="URL",
            toml=toml_text_or_none,
            wanted="the address of a database, as text",
        ),
    ] = None
    mirror_files: Annotated[
        str | None,
        Setting(
            help="Share the files with other machines in this bucket of S3: s3://BUCKET/PREFIX. Keys, region and"
            " endpoint come from AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL and their like."
            " [default: only in the directory]",
            option="files",
            metavar="URL",
            toml=toml_text_or_none,
            wanted="a place in S3, as text",
        ),
    ] = None
    mirror_local_size: Annotated[
        int | None,
        Setting(
            help="With --files, keep what is in the directory below SIZE: what was not used for longest is in S3"
            " alone then. [default: 10GB]",
            option="local-size",
            metavar="SIZE",
            parse=parse_size,
            toml=toml_text,
            wanted='a size with a unit such as "10GB", as text',
        ),
    ] = None
    mirror_host: Annotated[
        str | None,
        Setting(
            help=f"The address to listen on. [default: {DEFAULT_HOST}, which no other machine reaches]",
            option="host",
            metavar="HOST",
            toml=toml_text_or_none,
            wanted="an address of this machine, as text",
        ),
    ] = None
    mirror_port: Annotated[
        int | None,
        Setting(
            help=f"The port to listen on, 0 for any that is free. [default: {DEFAULT_PORT}]",
            option="port",
            metavar="N",
            parse=whole_number(0, 65535),
            toml=toml_number,
            wanted="a whole number from 0 to 65535",
        ),
    ] = None
    mirror_registry: Annotated[
        tuple[str, ...],
        Setting(
            help="Mirror the index at URL under /r/NAME/; pypi=URL stands in for PyPI. May be repeated.",
            option="registry",
            metavar="NAME=URL",
            repeatable=True,
            toml=toml_pairs,
            wanted='a table of addresses by name, such as {work = "https://host/simple/"}',
        ),
    ] = ()
    mirror_private: Annotated[
        tuple[str, ...],
        Setting(
            help="Registry NAME is for those whom it lets in itself: clients send their user name and password."
            " May be repeated.",
            option="private",
            metavar="NAME",
            repeatable=True,
            toml=toml_texts,
            wanted="names of registries, as a list",
        ),
    ] = ()
    mirror_registry_token: Annotated[
        tuple[str, ...],
        Setting(
            help="Ask registry NAME with the token in FILE, as Bearer. May be repeated.",
            option="registry-token",
            metavar="NAME=FILE",
            repeatable=True,
            toml=toml_pairs,
            wanted='a table of files by name, such as {work = "work.token"}',
        ),
    ] = ()
    mirror_first_seen: Annotated[
        tuple[str, ...],
        Setting(
            help="Registry NAME states no upload times: files are dated by when they were first seen. May be"
            " repeated.",
            option="first-seen",
            metavar="NAME",
            repeatable=True,
            toml=toml_texts,
            wanted="names of registries, as a list",
        ),
    ] = ()
    mirror_exempt: Annotated[
        tuple[str, ...],
        Setting(
            help="No cool-down (/7d/simple/) holds for PROJECT. May be repeated.",
            option="exempt",
            metavar="PROJECT",
            repeatable=True,
            toml=toml_texts,
            wanted="names of projects, as a list",
        ),
    ] = ()
    mirror_require_coverage: Annotated[
        WantedCoverage | None,
        Setting(
            help="observed: refuse a page as of a date before which nobody had looked. [default: computed]",
            option="require-coverage",
            metavar=metavar(WantedCoverage),
            parse=one_of(WantedCoverage),
            toml=toml_text,
            wanted='"observed" or "computed"',
        ),
    ] = None
    mirror_token_file: Annotated[
        Path | None,
        Setting(
            help="Let in only who sends one of the lines of FILE as the password, or as a Bearer token.",
            option="token-file",
            metavar="FILE",
            never_empty=True,
            parse=path_of,
            toml=toml_text_or_none,
            wanted="the path of a file, as text",
        ),
    ] = None
    mirror_open: Annotated[
        bool | None,
        Setting(
            help="Serve other machines without tokens: a proxy or a firewall decides who may ask.",
            option="open",
            negatable=True,
            toml=toml_boolean,
            wanted="true or false",
        ),
    ] = None
    mirror_memory: Annotated[
        int | None,
        Setting(
            help="Memory for pages that are asked for again. [default: 64MB]",
            option="memory",
            metavar="SIZE",
            parse=parse_size,
            toml=toml_text,
            wanted='a size with a unit such as "64MB", as text',
        ),
    ] = None
    mirror_follow: Annotated[
        bool | None,
        Setting(
            help="Look at the projects that are due, beside serving. Where a timer runs `mirror sync`, --no-follow"
            " leaves that to it. [default: follow]",
            option="follow",
            negatable=True,
            toml=toml_boolean,
            wanted="true or false",
        ),
    ] = None
