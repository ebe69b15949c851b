"""Reading settings: ``params.yaml`` holds exactly their fields, of exactly their types."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from attention_programs.config.bounds import Settings, in_a_line
from attention_programs.config.whole import Config
from attention_programs.errors import UserError
from attention_programs.files import read_yaml
from attention_programs.renamed import PARAMS, current_params


def from_mapping(
    kind: type[Settings], values: Any, place: str = "params.yaml", renamed: Mapping[str, str] = PARAMS
) -> Settings:
    """Builds settings from nested dicts.

    Args:
        kind: The class of the settings.
        values: Its fields, groups as dicts.
        place: Names where they are from.
        renamed: Keys that were called otherwise: the old one, dotted, to the new one.

    Raises:
        UserError: for an unknown or missing key or a bad value; place, key, value and remedy are named.
    """
    if not isinstance(values, Mapping):
        raise UserError(f"{place}: {values!r} is not a group of keys")
    try:
        return TypeAdapter(kind).validate_python(current_params(values, place, renamed))
    except ValidationError as error:
        raise UserError(f"{place}: {in_a_line(error, kind)}") from error


def load_config(path: Path) -> Config:
    """Reads and checks ``params.yaml``.

    Raises:
        UserError: if the file is missing, is not YAML, or holds a bad key or value.
    """
    return from_mapping(Config, read_yaml(path), str(path))
