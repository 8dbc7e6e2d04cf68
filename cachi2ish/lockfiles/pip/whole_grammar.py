"""What any line of a requirements file says, read with pip-requirements-parser."""

from __future__ import annotations

import optparse
import re
import shlex
import sys
from typing import Any, NoReturn

import pip_requirements_parser as library
from msgspec.structs import replace
from packaging.specifiers import SpecifierSet

from cachi2ish.lockfiles.pip.foreign_options import hint_for
from cachi2ish.lockfiles.pip.pip_options import Option, RequirementLine, UnreadableLineError
from cachi2ish.lockfiles.pip.tokens import VARIABLE, split_arguments

_PIN_HINT = "write one requirement as name==version, or name @ address (PEP 508)"

#: Options of the library that pip no longer has, or never had.
_GONE = ("--allow-all-external", "--allow-external", "--allow-unverified", "--always-unzip", "--no-use-wheel")

#: Options that stand on the line of a requirement.
_OF_REQUIREMENT = frozenset({"--hash", "--config-settings", "--global-option", "--install-option"})

#: What pip clones behind ``-e``, with a name in front of it perhaps.
_REPOSITORY = re.compile(
    r"\s*(?:[A-Za-z0-9][\w.-]*\s*(?:\[[^\[\]]*\]\s*)?@\s*)?(?:git|hg|svn|bzr)[+:]", re.ASCII | re.IGNORECASE
)

_QUOTING = frozenset("'\"\\")

#: The library looks for extras in time that grows with the square of these.
_MOST_BRACKETS = 1000

_BLANKS = re.compile(r"[ \t\r\n]+")

#: Values recorded in the order of the line, under this name in optparse's result.
_RECORD = "stated_options"


class LibraryParser:
    """Parses logical lines, whatever they are. Holds no state between lines."""

    def __init__(self) -> None:
        self._options = _option_parser()

    def parse(self, line: str) -> RequirementLine | tuple[Option, ...]:
        """See `cachi2ish.lockfiles.pip.pip_options.PipLineParser.parse`."""
        arguments, behind = split_arguments(line)
        options, rest = self._read_options(behind)
        requirement = arguments.strip()
        if rest:
            raise UnreadableLineError(
                f"{' '.join(rest)!r} stands behind an option, where pip ignores it",
                "put markers before the options, and each requirement on a line of its own",
            )
        editable = not requirement and bool(options) and _is_repository(options[0])
        if editable:
            requirement, options = options[0].value, options[1:]
        if not requirement:
            return options
        for option in options:
            if option.name not in _OF_REQUIREMENT:
                raise UnreadableLineError(
                    f"{option.name} stands on the line of a requirement, where pip ignores it",
                    f"give {option.name} a line of its own",
                )
        found = _requirement(requirement, tuple(o.value for o in options if o.name == "--hash"))
        return replace(found, editable=editable)

    def _read_options(self, text: str) -> tuple[tuple[Option, ...], list[str]]:
        try:
            words = _words(text)
        except ValueError:
            raise UnreadableLineError(
                "a quotation mark in the options is not closed, or a backslash ends them",
                "close the quotation mark, or remove it",
            ) from None
        values = optparse.Values()
        setattr(values, _RECORD, [])
        _, rest = self._options.parse_args(words, values)
        return tuple(getattr(values, _RECORD)), rest


def _is_repository(option: Option) -> bool:
    return option.name == "--editable" and _REPOSITORY.match(option.value) is not None


def _words(text: str) -> list[str]:
    """Split options as a shell would; raises `ValueError`."""
    if _QUOTING.isdisjoint(text):  # nearly always: hashes; the shell's rules are slow
        return [word for word in _BLANKS.split(text) if word]
    return shlex.split(text)


def _requirement(text: str, hashes: tuple[str, ...]) -> RequirementLine:
    if text.count("[") > _MOST_BRACKETS:
        raise UnreadableLineError(
            f"it is no valid requirement: it has more than {_MOST_BRACKETS} brackets", _PIN_HINT
        )
    try:
        parsed = library.build_install_req(text)
        specifier = str(SpecifierSet(str(parsed.req.specifier) if parsed.req else ""))
    except Exception as error:  # noqa: BLE001  (the library lets its dependencies' exceptions through)
        raise UnreadableLineError(f"it is no valid requirement: {_reason(error)}", _hint(text)) from None
    return RequirementLine(
        name=parsed.req.name if parsed.req else None,
        extras=tuple(sorted(parsed.req.extras if parsed.req else parsed.extras)),
        specifier=specifier,
        marker=str(parsed.marker) if parsed.marker else None,
        url=parsed.link.url if parsed.link else None,
        hashes=hashes,
    )


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    lines = str(error).removeprefix("Invalid requirement: ").lstrip(": ").splitlines()
    return lines[0].strip().removesuffix(".") if lines else type(error).__name__


def _hint(text: str) -> str:
    unset = re.search(VARIABLE, text)  # it has no value: pip leaves it as it is
    if unset:
        return f"set the variable {unset.group(1)}: it is unset or empty"
    before_marker = text.partition(";")[0]
    if "=" in before_marker and not any(operator in before_marker for operator in ("==", "<=", ">=", "!=", "~=")):
        return "a pin has two equals signs: name==version"
    return _PIN_HINT


class _Parser(optparse.OptionParser):
    """Reports errors as `UnreadableLineError` instead of ending the process."""

    def error(self, msg: str) -> NoReturn:
        failure = sys.exception()  # optparse calls this with its text while it handles it
        if type(failure) is not optparse.BadOptionError:
            raise UnreadableLineError(msg, "see `pip install --help` for the form of the option")
        unknown = failure.opt_str
        raise UnreadableLineError(
            f"{unknown} is no option of a requirements file", hint_for(unknown, self._long_opt)
        )


def _option_parser() -> optparse.OptionParser:
    given = library.build_parser()
    for gone in _GONE:
        given.remove_option(gone)
    parser = _Parser(add_help_option=False, prog="")
    for option in given.option_list:
        # "--requirements" is an addition of the library: pip refuses it.
        names = [*option._short_opts, *(name for name in option._long_opts if name != "--requirements")]  # noqa: SLF001
        _add(parser, names, switch=not option.takes_value())
    for names, switch in (
        (["-C", "--config-settings"], False),
        (["--all-releases"], False),
        (["--only-final"], False),
        (["--no-require-hashes"], True),
    ):
        _add(parser, names, switch=switch)
    return parser


def _add(parser: optparse.OptionParser, names: list[str], *, switch: bool) -> None:
    long_name = next(name for name in names if name.startswith("--"))

    def record(_option: Any, _name: str, value: str | None, of: Any) -> None:  # noqa: ANN401  (optparse's)
        getattr(of.values, _RECORD).append(Option(long_name, value or ""))

    if switch:
        parser.add_option(*names, action="callback", callback=record)
    else:
        parser.add_option(*names, action="callback", callback=record, type="string", nargs=1)
