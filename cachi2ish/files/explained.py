"""What is wrong with a value that has not its shape: pydantic says it, with a model made of the shape itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from msgspec import NODEFAULT, Meta, Struct
from msgspec.structs import fields
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    TypeAdapter,
    ValidationError,
    create_model,
)
from pydantic_core import PydanticCustomError

from cachi2ish.files.foreign import OWN_WORDS, After, Before, UnfitValueError, WrongShapeError, hints_of

_Shape = TypeVar("_Shape", bound=Struct)


def read_or_explain(value: object, shape: type[_Shape], *, strict: bool) -> _Shape:
    """Return ``value`` as a ``shape``; raises `WrongShapeError`. See `cachi2ish.files.foreign.read`."""
    try:
        found: _Shape = TypeAdapter(_type(shape, strict)).validate_python(value)
    except ValidationError as error:
        raise WrongShapeError(error.errors(include_url=False)) from error
    return found


@cache
def _model(shape: type[Struct], strict: bool) -> Any:  # noqa: ANN401, FBT001  (a type that is made here)
    config = ConfigDict(strict=strict, extra="ignore")
    if shape.__struct_config__.forbid_unknown_fields:
        config["extra"] = "forbid"
    types = hints_of(shape)
    declared: dict[str, Any] = {}
    for field in fields(shape):
        options: dict[str, Any] = {"alias": field.encode_name}
        if field.default is not NODEFAULT:
            options["default"] = field.default
        elif field.default_factory is not NODEFAULT:
            options["default_factory"] = field.default_factory
        declared[field.name] = (_type(types[field.name], strict), Field(**options))
    return create_model(shape.__name__, __config__=config, **declared)


def _type(hint: Any, strict: bool) -> Any:  # noqa: ANN401, FBT001  (as above)
    """Return what pydantic takes for a type of a shape."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return Annotated[_type(arguments[0], strict), *map(_mark, arguments[1:])]
    if origin is Union or isinstance(hint, UnionType):
        return Union[*(_type(arm, strict) for arm in arguments)]
    if origin is tuple:  # for which JSON and TOML have lists
        members = (one if one is ... else _type(one, strict) for one in arguments)
        return Annotated[origin[*members], Strict(strict=False)]
    if origin in {list, dict}:
        return origin[*(_type(one, strict) for one in arguments)]
    if isinstance(hint, type) and issubclass(hint, Struct):
        return Annotated[_model(hint, strict), AfterValidator(_worded(lambda model: _struct(hint, model)))]
    return hint


def _struct(shape: type[Struct], model: Any) -> Struct:  # noqa: ANN401  (as above)
    return shape(**{name: getattr(model, name) for name in shape.__struct_fields__})


def _mark(mark: object) -> object:
    if isinstance(mark, Meta):
        return Field(gt=mark.gt, ge=mark.ge, lt=mark.lt, le=mark.le, min_length=mark.min_length)
    if isinstance(mark, Before):
        return (AfterValidator if isinstance(mark, After) else BeforeValidator)(_worded(mark.rule))
    return mark


def _worded(rule: Callable[[Any], object]) -> Callable[[Any], object]:
    def worded(value: Any) -> object:  # noqa: ANN401  (what was written)
        try:
            return rule(value)
        except UnfitValueError as error:
            context = {"problem": str(error), "hint": error.hint}
            raise PydanticCustomError(OWN_WORDS, "{problem}", context) from None

    return worded
