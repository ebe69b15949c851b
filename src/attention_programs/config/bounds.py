"""Types of settings: frozen records of values within bounds, with one-line error messages."""

import difflib
import functools
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar, dataclass_transform, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictFloat,
    StrictInt,
    TypeAdapter,
    ValidationError,
)
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

from attention_programs.errors import UserError
from attention_programs.renamed import PARAMS, current_params

Settings = TypeVar("Settings")

Count = Annotated[StrictInt, Field(ge=0)]
Positive = Annotated[StrictInt, Field(ge=1)]
Several = Annotated[StrictInt, Field(ge=2)]
Percent = Annotated[StrictInt, Field(ge=0, le=100)]
Number = StrictFloat  # also accepts whole numbers
NotNegative = Annotated[StrictFloat, Field(ge=0)]
Above0 = Annotated[StrictFloat, Field(gt=0)]


def _folder_name(name: str) -> str:
    """Names become folders, so they may not lead out of their parent."""
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise PydanticCustomError("folder", "write a folder's name, of letters, digits and . _ -")
    return name


def _heads(value: Any) -> Any:
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names) or not any(names):
        raise PydanticCustomError("heads", "write all, every K, or a list of names such as L5H1")
    return value if isinstance(value, str) else tuple(value)


def _rows(rows: tuple[int, int]) -> tuple[int, int]:
    if rows != (0, 0) and not 0 <= rows[0] < rows[1]:
        raise PydanticCustomError("rows", "write a range, or (0, 0) for none")
    return rows


FolderName = Annotated[str, AfterValidator(_folder_name)]
Heads = Annotated[str | tuple[str, ...], BeforeValidator(_heads)]
Rows = Annotated[tuple[StrictInt, StrictInt], AfterValidator(_rows)]

_UNKNOWN = ("unexpected_keyword_argument", "invalid_key")
_REMEDIES = {
    "dataclass_type": "write a group of keys",
    "tuple_type": "write a list",
    "greater_than": "write a number above {gt}",
    "greater_than_equal": "write {ge} or more",
    "less_than_equal": "write {le} or less",
}
"""Where pydantic's messages are long, or in terms of Python."""


@dataclass_transform(frozen_default=True)
def settings(kind: type[Settings]) -> type[Settings]:
    """Turns a class into a record of settings: frozen, without extra keys, and checked however it is created.

    >>> @settings
    ... class Shares:
    ...     percent: Percent
    >>> Shares(percent=101)
    Traceback (most recent call last):
    attention_programs.errors.UserError: Shares: percent is 101; write 100 or less
    """
    made: Any = dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))(kind)
    validate = made.__init__

    @functools.wraps(validate)
    def checked(self: Any, *values: Any, **named: Any) -> None:
        try:
            validate(self, *values, **named)
        except ValidationError as error:
            raise UserError(f"{kind.__name__}: {_in_a_line(error, made)}") from error

    made.__init__ = checked
    return made


def from_mapping(
    kind: type[Settings], values: Any, place: str = "params.yaml", renamed: Mapping[str, str] = PARAMS
) -> Settings:
    """Builds settings from nested dicts; ``renamed`` maps former keys to current ones, both dotted.

    Raises:
        UserError: for an unknown or missing key or a bad value, naming place, key, value and remedy.
    """
    if not isinstance(values, Mapping):
        raise UserError(f"{place}: {values!r} is not a group of keys")
    try:
        return TypeAdapter(kind).validate_python(current_params(values, place, renamed))
    except ValidationError as error:
        raise UserError(f"{place}: {_in_a_line(error, kind)}") from error


def _in_a_line(error: ValidationError, kind: type) -> str:
    """Key, value and remedy of the first error; unknown keys come first, as they may explain the others."""
    first = min(error.errors(), key=lambda each: each["type"] not in _UNKNOWN)
    *group, last = first["loc"] or ("",)
    key, context = _dotted(first["loc"]), first.get("ctx", {})
    if first["type"] in _UNKNOWN:
        near = difflib.get_close_matches(str(last), _fields(kind, group), n=1, cutoff=0.0)
        return f"unknown key {_dotted([*group, str(last)])!r}; did you mean {_dotted([*group, *near])!r}?"
    if first["type"] == "missing":
        return f"key {key!r} is missing; add it"
    if first["type"] == "value_error":  # a rule of a whole group, whose message begins with one of its keys
        return f"{key}.{context['error']}".removeprefix(".")
    remedy = _REMEDIES.get(first["type"], first["msg"].replace("Input", "it")).format(**context)
    return f"{key} is {first['input']!r}; {remedy}"


def _fields(kind: Any, keys: Sequence[str | int]) -> list[str]:
    for key in keys:
        kind = get_args(kind)[0] if isinstance(key, int) else kind.__pydantic_fields__[key].annotation
    return list(kind.__pydantic_fields__)


def _dotted(keys: Sequence[str | int]) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).removeprefix(".")
