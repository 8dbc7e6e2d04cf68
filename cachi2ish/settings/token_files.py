"""Files with a token on each line."""

from __future__ import annotations

from pathlib import Path

from cachi2ish.errors import InputError
from cachi2ish.files.foreign import UnfitFileError, decode_text, read_foreign

#: Characters of a token, so that nobody guesses one.
_SHORTEST_TOKEN = 16


def client_tokens(file: Path) -> tuple[str, ...]:
    """Return the tokens of those who may ask. Raises `InputError` for a file without one, or with a short one."""
    tokens = tokens_in(file, "--token-file")
    if not tokens or min(map(len, tokens)) < _SHORTEST_TOKEN:
        raise InputError(
            f"the file of tokens {file} has "
            + (f"one with less than {_SHORTEST_TOKEN} characters" if tokens else "none"),
            hint="write one in each line: python -c 'import secrets; print(secrets.token_urlsafe(24))'",
        )
    return tokens


def tokens_in(file: Path, setting: str) -> tuple[str, ...]:
    """Return the lines of a file that are no comments. Raises `InputError` where it cannot be read."""
    try:
        lines = decode_text(read_foreign(file)).splitlines()
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"the file of tokens {file} does not exist", hint=f"check {setting}") from None
    except UnfitFileError as error:
        raise InputError(f"the file of tokens {file} {error.strerror}", hint=error.hint) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(f"the file of tokens {file} cannot be read: {reason}") from None
    return tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))
