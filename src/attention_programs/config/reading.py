"""Reading settings: ``params.yaml`` holds exactly their fields; an unknown key is an error that names the nearest."""

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from attention_programs.config.checks import check
from attention_programs.config.settings import Config
from attention_programs.errors import UserError
from attention_programs.files import read_yaml

Settings = TypeVar("Settings")


def _nearest(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.0)
    return close[0] if close else ""


def _convert(value: Any, kind: Any, place: str) -> Any:
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        return from_mapping(typing.cast(type, kind), value, place)
    if origin is Literal:
        choices = typing.get_args(kind)
        if value not in choices:
            raise UserError(f"{place}: {value!r} is not one of {', '.join(map(str, choices))}")
        return value
    if origin is types.UnionType:
        for option in typing.get_args(kind):
            if isinstance(value, str) == (option is str):
                return _convert(value, option, place)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise UserError(f"{place}: {value!r} is not a list")
        inner = typing.get_args(kind)
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else list(inner)
        if len(kinds) != len(value):
            raise UserError(f"{place}: {len(value)} values where {len(kinds)} are needed")
        return tuple(_convert(item, k, f"{place}[{i}]") for i, (item, k) in enumerate(zip(value, kinds, strict=True)))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise UserError(f"{place}: {value!r} is a {type(value).__name__}; a {kind.__name__} is needed")
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{place}: {value!r} is no number to calculate with")
    return value


def from_mapping(kind: type[Settings], values: Any, place: str = "params.yaml") -> Settings:
    """Builds a settings dataclass from nested dicts.

    Raises:
        UserError: for an unknown or missing key or a value of the wrong type; the place is named.
    """
    if not isinstance(values, Mapping):
        raise UserError(f"{place}: {values!r} is not a group of keys")
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for key in values:
        if key not in fields:
            raise UserError(f"{place}: unknown key {key!r}; did you mean {_nearest(str(key), list(fields))!r}?")
    arguments = {}
    for name, field in fields.items():
        if name in values:
            arguments[name] = _convert(values[name], hints[name], f"{place}: {name}")
        elif field.default is dataclasses.MISSING:
            raise UserError(f"{place}: key {name!r} is missing")
    return kind(**arguments)


def load_config(path: Path) -> Config:
    """Reads and checks ``params.yaml``.

    Raises:
        UserError: if the file is missing, is no YAML, or holds a bad key or value.
    """
    config = from_mapping(Config, read_yaml(path), str(path))
    check(config, str(path))
    return config
