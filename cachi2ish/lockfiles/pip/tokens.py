"""The parts of a logical line before any grammar: arguments and options, the address, and variables in them.

Everything here works on the text as the user wrote it. That is what may be shown in a message: the values of
variables (``${NAME}``), which are often credentials, are never in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import unquote

from msgspec import Struct

from cachi2ish.core import urls
from cachi2ish.core.structs import repr_without
from cachi2ish.lockfiles.pip.lines import logical_lines

#: Where the options of a line begin: at a word that begins with "-". For pip only spaces part words there, for uv
#: and Hermeto tabs do as well.
_OPTIONS = re.compile(r"(?:^|[ \t])-")

#: ``name[extras] @``, after which the standard allows an address only (PEP 508).
NAMED = r"\s*[A-Za-z0-9][\w.-]*\s*(?:\[[^\[\]]*\]\s*)?@\s*"

#: A line that begins with an address.
_SCHEME = r"(?i:https?|file|ftp|(?:git|hg|svn|bzr)\+[a-z0-9+.-]+):"

#: ``-e address`` and ``-e "name @ address ; marker"``, as pip splits them.
_EDITABLE = (
    r"(?:-e[ \t]*|--editable(?:[ \t]+|=))"
    r"(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<plain>[^\s\"'=]\S*))(?=\s|\Z)"
)

_NAMED_ADDRESS = r"[^\s;]+"
_BARE_ADDRESS = r"\S+"
_AUTHORITY_ON = r"://\S*"
_OF_SCHEME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-")

#: How much of a line a message shows.
_SHOWN = 160


def split_arguments(text: str) -> tuple[str, str]:
    """Return the requirement of a logical line, and its options."""
    options = _OPTIONS.search(text)
    return (text, "") if options is None else (text[: options.start()], text[options.start() :])


def tab_before_options(text: str) -> bool:
    """Return whether a tab stands where pip wants a space, between a requirement and its options."""
    options = _OPTIONS.search(text)
    return options is not None and options.group().startswith("\t")


class Slot(Struct, frozen=True):
    """Where the address of a direct requirement stands in a logical line, and how another one is put there.

    address: from, to. whole: what gives way to another address; of ``-e address`` that is the option too.
    before, after: what stands around the other one in place of ``whole``. before is None where the address has no
    name in front of it: one has to be written, since uv reads no address without a name that has a fragment.
    """

    address: tuple[int, int]
    whole: tuple[int, int]
    before: str | None
    after: str = ""


def find_slot(text: str) -> Slot | None:
    """Return where in a logical line (variables not expanded) the address of a direct requirement stands.

    A bare address ends at white space, and so does its ``;`` before a marker; the address in
    ``name @ address`` ends at a ``;`` too, since pip splits the marker off first.
    """
    editable = re.match(_EDITABLE, text)
    if editable is None:
        arguments, _ = split_arguments(text)
        found = _address_span(arguments)
        return found and Slot(found, found, None if found[0] == 0 else "")
    group = editable.lastgroup or "plain"
    value, start = editable[group], editable.start(group)
    found = _address_span(value)
    if found is None:
        return None
    before, after = value[: found[0]], value[found[1] :]
    return Slot((start + found[0], start + found[1]), editable.span(), before or None, after)


def _address_span(text: str) -> tuple[int, int] | None:
    if re.match(_SCHEME, text):
        address = re.match(_BARE_ADDRESS, text)
        if address is None:
            return None
        end = address.end()
        marker_follows = end < len(text) and text[end - 1] == ";" and text[end] == " "
        return 0, end - marker_follows
    named = re.match(NAMED, text)
    address = re.match(_NAMED_ADDRESS, text[named.end() :]) if named else None
    return (named.end(), named.end() + address.end()) if named and address else None


def quote(text: str) -> str:
    """Return what a message may show of a line: no credentials, not too long."""
    shown = map_addresses(text, _redact)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


def map_addresses(text: str, change: Callable[[str], str]) -> str:
    """Return ``text`` with each ``scheme://…`` changed; it ends at white space or a closing quote."""
    if "://" not in text:
        return text
    parts, position = [], 0
    for match in re.finditer(_AUTHORITY_ON, text):
        start, end = match.start(), match.start() + len(match.group().rstrip("\"'"))
        while start > position and text[start - 1] in _OF_SCHEME:
            start -= 1
        parts += [text[position:start], change(text[start:end])]
        position = end
    return "".join((*parts, text[position:]))


def _redact(address: str) -> str:
    if urls.split(address) is None:  # it cannot be said where its credentials end
        return f"{address.partition('://')[0]}://…"
    return urls.redact(address)


class AddressInText(Struct, frozen=True):
    """An address of a direct requirement. text: continuations joined, variables not expanded.

    start, end: what gives way to another address, in the file, continuations included.
    before, after: what stands around the other one, see `Slot`.
    """

    text: str
    start: int
    end: int
    before: str | None = ""
    after: str = ""

    __repr__ = repr_without("text")


def addresses_in(text: str) -> Iterator[AddressInText]:
    """Yield the addresses of all direct requirements, in order."""
    for line in logical_lines(text):
        slot = find_slot(line.text)
        if slot is not None:
            address = line.text[slice(*slot.address)]
            yield AddressInText(address, *line.source_span(*slot.whole), slot.before, slot.after)


#: pip expands these and nothing else, so that a ``$`` in an address keeps its meaning.
VARIABLE = r"\$\{([A-Z0-9_]+)\}"

#: What looks like one, and may have been meant as one: ``${token}``.
_ANY_VARIABLE = r"\$\{([A-Za-z0-9_]+)\}"

_SHORTEST_SECRET = 4


def variables_in(text: str) -> list[str]:
    """Return the names of the variables in ``text``, in order, as often as they are there."""
    return re.findall(VARIABLE, text) if "${" in text else []  # lines of a hundred digests have none


#: Characters. No line is longer that means anything; one of which the values name each other may grow without end.
_LONGEST = 16 * 1024 * 1024


def expand(text: str, environ: Mapping[str, str]) -> str:
    """Return ``text`` with each ``${VAR}`` replaced that is set and not empty; others stay, as in pip.

    pip replaces one name after the other, so that a value may bring in a name that comes later. Where no value
    does, one pass gives the same; it takes time in proportion to the length.
    """
    values = {name: value for name in set(variables_in(text)) if (value := environ.get(name))}
    if not values:
        return text
    expanded = re.sub(VARIABLE, lambda found: values.get(found[1], found[0]), text)
    if values.keys().isdisjoint(variables_in(expanded)):
        return expanded
    return _one_after_the_other(text, values)


def _one_after_the_other(text: str, values: Mapping[str, str]) -> str:
    names = variables_in(text)
    present = set(names)
    for name in names:
        written = f"${{{name}}}"
        if name in present and values.get(name, written) != written and len(text) <= _LONGEST:
            text = text.replace(written, values[name])
            present = set(variables_in(text))
    return text


def conceal(message: str, text: str, environ: Mapping[str, str]) -> str:
    """Return ``message`` with the values of the variables in ``text`` written as ``${VAR}`` again.

    Values of less than four characters stay: no secret is that short, and a digit would be found everywhere.
    """
    for name in dict.fromkeys(variables_in(text)):
        value = environ.get(name) or ""
        for form in sorted({value, unquote(value), value.lower()}, key=len, reverse=True):
            if len(form) >= _SHORTEST_SECRET:
                message = message.replace(form, f"${{{name}}}")
    return message


def unset(text: str, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield what to know of each variable that ``text`` names and that is not replaced."""
    for name in dict.fromkeys(re.findall(_ANY_VARIABLE, text)):
        if not re.fullmatch(VARIABLE, f"${{{name}}}"):
            yield f"${{{name}}} is no variable: pip replaces names in capital letters only"
        elif not environ.get(name):
            yield f"the variable {name} is unset or empty, so ${{{name}}} is part of the address"
