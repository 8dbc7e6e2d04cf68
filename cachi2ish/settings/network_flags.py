"""Settings of indexes and of connections to them."""

# Without `annotations` from `__future__`: `SETTINGS` in flags.py needs objects, no text.
from enum import StrEnum
from typing import Annotated

from cachi2ish.core.modes import Missing
from cachi2ish.settings.values import (
    Setting,
    Values,
    metavar,
    one_of,
    parse_size,
    toml_date,
    toml_number,
    toml_pairs,
    toml_text,
    toml_text_or_none,
    toml_text_or_pairs,
    toml_texts,
    toml_words,
    whole_number,
)


class IndexFlags(Values):
    """Which indexes are asked, and as of when."""

    index_url: Annotated[
        str | None,
        Setting(
            help="The index to ask. [default: pip's setting, else PyPI]",
            metavar="URL",
            toml=toml_text_or_none,
            wanted='the address of an index, such as "https://host/simple/"',
        ),
    ] = None
    extra_index_url: Annotated[
        tuple[str, ...],
        Setting(
            help="An index to ask for projects that the ones before it do not have; may be repeated.",
            metavar="URL",
            repeatable=True,
            toml=toml_texts,
            wanted="the address of an index, or a list of them",
        ),
    ] = ()
    index_date: Annotated[
        str | None,
        Setting(
            help="Read indexes as of then: 2024-10-01 (the end of that day, UTC), 2024-10-01T12:00:00Z, or a"
            " duration back from now such as '7 days' or P7D.",
            metavar="DATE",
            never_empty=True,
            toml=toml_date,
            wanted='a date such as 2024-10-01, an instant, or a duration such as "7 days"',
        ),
    ] = None
    index_date_missing: Annotated[
        tuple[str, ...],
        Setting(
            help="With a date: refuse or allow files without upload time, on all indexes or on the one at URL;"
            " may be repeated. [default: refuse]",
            metavar="[URL=]WORD",
            repeatable=True,
            toml=toml_words(Missing),
            wanted='"refuse" or "allow", or a table of these by the address of an index',
        ),
    ] = ()
    index_digest: Annotated[
        tuple[str, ...],
        Setting(
            help="Refuse pages that are not in the frozen day of a mirror that has this digest: of all indexes, or"
            " of the one at URL; may be repeated.",
            metavar="[URL=]DIGEST",
            never_empty=True,
            repeatable=True,
            toml=toml_text_or_pairs,
            wanted='a digest such as "sha256:…", or a table of these by the address of an index',
        ),
    ] = ()
    moved_host: Annotated[
        tuple[str, ...],
        Setting(
            help="Take the files that a lock names at HOST from the index at URL instead, by their digests;"
            " may be repeated.",
            metavar="HOST=URL",
            repeatable=True,
            toml=toml_pairs,
            wanted="a table of the addresses of indexes by host",
        ),
    ] = ()


#: As many connections as are fastest on a line of 400 Mbit/s at 30 ms. 24 of them compete for it, and take a fifth
#: longer and half as much again of processor time; 4 do not fill it.
DEFAULT_CONCURRENCY = 12

#: What ``--concurrency`` and the configuration file refuse to go beyond.
MOST_CONCURRENT = 256


class KeyringProvider(StrEnum):
    """Who is asked for the password of a user whom an index URL names without one: the program, or nobody."""

    DISABLED = "disabled"
    SUBPROCESS = "subprocess"


#: What pip has beside these words.
_OF_PIP = {
    "import": "write subprocess: the program keyring is asked, and nothing is imported",
    "auto": "write subprocess where the program keyring is to be asked, else leave the option out",
}


class ConnectionFlags(Values):
    """How servers are spoken to."""

    concurrency: Annotated[
        int | None,
        Setting(
            help=f"Files under way at once, at most {MOST_CONCURRENT}. [default: {DEFAULT_CONCURRENCY}]",
            metavar="N",
            parse=whole_number(1, MOST_CONCURRENT),
            toml=toml_number,
            wanted=f"a whole number from 1 to {MOST_CONCURRENT}",
        ),
    ] = None
    least_speed: Annotated[
        int | None,
        Setting(
            help="Give up an answer that comes more slowly, in bytes a second, and try again: 10kB, or 0 for any"
            " speed. [default: 1kB]",
            metavar="SIZE",
            parse=parse_size,
            toml=toml_text,
            wanted='a size with a unit such as "10kB", or "0", as text',
        ),
    ] = None
    keyring_provider: Annotated[
        KeyringProvider | None,
        Setting(
            help="Who knows the password of a user whom an index URL names without one: the program keyring"
            " (subprocess), or nobody but netrc. [default: pip's setting, else disabled]",
            metavar=metavar(KeyringProvider),
            parse=one_of(KeyringProvider, hints=_OF_PIP),
            toml=toml_text,
            wanted='"subprocess" or "disabled"',
        ),
    ] = None
