"""The keys of the input that say which wheels: ``binary``, as Hermeto has it, and ``targets``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Literal
from warnings import catch_warnings, simplefilter

from msgspec import Struct
from packaging.utils import canonicalize_name

from cachi2ish.core.messages import excerpt
from cachi2ish.core.targets.machine import Target, read_machine, read_python
from cachi2ish.errors import InputError
from cachi2ish.files.foreign import After, Before, UnfitValueError

if TYPE_CHECKING:
    from cachi2ish.core.targets.wheel_filter import WheelFilter, Words

#: What takes everything in a list of words, as in Hermeto.
_ALL = ":all:"

_PY_VERSION = r"[23]\d{0,2}"


def _words(value: object) -> object:
    if not isinstance(value, str):
        return value
    words = frozenset(word.strip() for word in value.split(",")) - {""}
    if not words:
        raise UnfitValueError(f"{value!r} names nothing", f"name values with commas between them, or {_ALL}")
    return value


def _py_version(value: object) -> object:
    if value is None or isinstance(value, bool):
        return value
    text = str(value).strip()
    if re.fullmatch(_PY_VERSION, text):
        return int(text)
    from cachi2ish.core.targets.spellings import meant_python  # noqa: PLC0415  (for a value that may be refused)

    python, digits = meant_python(text), text.replace(".", "")
    if python is not None:
        digits = python.version.replace(".", "")
    meant = f"write {digits}" if re.fullmatch(_PY_VERSION, digits) else "write 312 for Python 3.12"
    raise UnfitValueError(f"{text!r} is not a version of Python as a wheel's tag spells it", meant)


def _pattern(value: str | None) -> str | None:
    try:
        with catch_warnings():
            simplefilter("ignore")  # of what may mean something else in a later Python
            re.compile(value or "")
    except (re.error, OverflowError, RecursionError) as error:
        raise UnfitValueError(
            f"{excerpt(value or '')!r} is not a regular expression: {error}", "give one such as manylinux.*x86_64"
        ) from None
    return value


_Words = Annotated[str, Before(_words)]


class BinaryInput(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which wheels to take, with the keys, defaults and meaning that Hermeto gives them.

    Each but the last two is a list with commas, and ``:all:`` takes all. packages: come as wheels only.
    py_version: 312 for Python 3.12. platform: a regular expression, instead of ``arch`` and ``os``.
    """

    packages: _Words = _ALL
    arch: _Words = "x86_64"
    os: _Words = "linux"
    py_version: Annotated[int | None, Before(_py_version)] = None
    py_impl: _Words = "cp"
    abi: _Words = _ALL
    platform: Annotated[str | None, After(_pattern)] = None

    def __post_init__(self) -> None:
        if self.platform is not None and (self.arch, self.os) != ("x86_64", "linux"):
            raise UnfitValueError(
                '"platform" stands beside "arch" or "os"', "say it with the expression, or with the two"
            )

    def wheel_filter(self) -> WheelFilter:
        """Return the filter that this describes."""
        from cachi2ish.core.targets.wheel_filter import WheelFilter  # noqa: PLC0415  (few inputs have the key)

        packages = _set(self.packages)
        digits = "" if self.py_version is None else str(self.py_version)
        return WheelFilter(
            packages=None if packages is None else frozenset(canonicalize_name(name) for name in packages),
            arch=_set(self.arch),
            os=_set(self.os),
            py_version=tuple(int(part) for part in (digits[:1], digits[1:]) if part) or None,
            py_impl=_set(self.py_impl),
            abi=_set(self.abi),
            platform=self.platform,
        )


def _set(words: str) -> Words:
    found = frozenset(word.strip() for word in words.split(",")) - {""}
    return None if _ALL in found else found


def _python(value: str) -> str:
    return _checked(value, lambda: read_python(value))


def _machine(value: str) -> str:
    return _checked(value, lambda: read_machine(value))


def _checked(value: str, check: Callable[[], object]) -> str:
    try:
        check()
    except InputError as error:
        raise UnfitValueError(error.problem, error.hint or "") from None
    return value


class TargetInput(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One machine to choose wheels for.

    python: ``3.12`` or ``3.12.4``. platform: the best platform tag that it accepts.
    implementation: ``cp`` or ``pp``. abi: None for the interpreter's usual one.
    """

    python: Annotated[str, After(_python)]
    platform: Annotated[str, After(_machine)]
    implementation: Literal["cp", "pp"] = "cp"
    abi: str | None = None

    def __post_init__(self) -> None:
        _checked("", self.target)

    def target(self) -> Target:
        """Return the target that this describes."""
        return Target.parse(self.python, self.platform, self.implementation, self.abi)


#: What each key wants, by the key that it stands under.
WANTED: Mapping[str, str] = {
    "binary": """an object such as {} or {"arch": "x86_64,aarch64"}""",
    "targets": """a list such as [{"python": "3.12", "platform": "manylinux_2_28_x86_64"}]""",
    "target": """an object such as {"python": "3.12", "platform": "manylinux_2_28_x86_64"}""",
    "wheels": '"best" or "all-compatible"',
    "binary.packages": "names with commas between them, as one text",
    "binary.arch": 'words with commas between them, as one text, such as "x86_64,aarch64"',
    "binary.os": 'words with commas between them, as one text, such as "linux"',
    "binary.py_version": "a number such as 312 for Python 3.12",
    "binary.py_impl": 'words with commas between them, as one text, such as "cp"',
    "binary.abi": 'words with commas between them, as one text, such as "cp312"',
    "binary.platform": "a regular expression, as text",
    "targets.python": 'a version in quotes, such as "3.12"',
    "targets.platform": 'a platform tag, such as "manylinux_2_28_x86_64"',
    "targets.implementation": '"cp" or "pp"',
    "targets.abi": 'an ABI tag, such as "cp313t"',
}
