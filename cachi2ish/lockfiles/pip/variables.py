"""Variables of the environment in a requirements file: ``${NAME}``, as pip replaces them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

#: pip expands these and nothing else, so that a ``$`` in an address keeps its meaning.
VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")

#: What looks like one, and may have been meant as one: ``${token}``.
_ANY_VARIABLE = re.compile(r"\$\{([A-Za-z0-9_]+)\}")

_SHORTEST_SECRET = 4

#: Characters. No line is longer that means anything; one of which the values name each other may grow without end.
_LONGEST = 16 * 1024 * 1024


def expand(text: str, environ: Mapping[str, str]) -> str:
    """Return ``text`` with each ``${VAR}`` replaced that is set and not empty; others stay, as in pip.

    pip replaces one name after the other, so that a value may bring in a name that comes later. Where no value
    does, one pass gives the same; it takes time in proportion to the length.
    """
    values = {name: value for name in set(VARIABLE.findall(text)) if (value := environ.get(name))}
    if not values:
        return text
    expanded = VARIABLE.sub(lambda found: values.get(found[1], found[0]), text)
    if values.keys().isdisjoint(VARIABLE.findall(expanded)):
        return expanded
    return _one_after_the_other(text, values)


def _one_after_the_other(text: str, values: Mapping[str, str]) -> str:
    names = VARIABLE.findall(text)
    present = set(names)
    for name in names:
        written = f"${{{name}}}"
        if name in present and values.get(name, written) != written and len(text) <= _LONGEST:
            text = text.replace(written, values[name])
            present = set(VARIABLE.findall(text))
    return text


def conceal(message: str, text: str, environ: Mapping[str, str]) -> str:
    """Return ``message`` with the values of the variables in ``text`` written as ``${VAR}`` again.

    Values of less than four characters stay: no secret is that short, and a digit would be found everywhere.
    """
    for name in dict.fromkeys(VARIABLE.findall(text)):
        value = environ.get(name) or ""
        for form in sorted({value, unquote(value), value.lower()}, key=len, reverse=True):
            if len(form) >= _SHORTEST_SECRET:
                message = message.replace(form, f"${{{name}}}")
    return message


def unset(text: str, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield what to know of each variable that ``text`` names and that is not replaced."""
    for name in dict.fromkeys(_ANY_VARIABLE.findall(text)):
        if not VARIABLE.fullmatch(f"${{{name}}}"):
            yield f"${{{name}}} is no variable: pip replaces names in capital letters only"
        elif not environ.get(name):
            yield f"the variable {name} is unset or empty, so ${{{name}}} is part of the address"
