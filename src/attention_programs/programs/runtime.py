"""Running programs that are trusted by content: those that ship in the package or use only vocabulary terms.

All others run in the sandbox, with bit-identical results.
"""

import builtins
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from attention_programs.errors import UserError
from attention_programs.programs.run_result import FILE, Outcome, Reason, Rejected, check, describe
from attention_programs.programs.source import ParsedSource, parse_source
from attention_programs.programs.view import TokenView

_ALLOWED = (
    "abs all any bool dict enumerate float hash int len list max min range reversed round set sorted str sum tuple zip"
)
BUILTINS = {name: getattr(builtins, name) for name in _ALLOWED.split()}

SHIPPED = frozenset(
    {
        "cb0d5a8a8632256009a050ac3af96b0ffc679afa435e12c31e04d7f85b27767d",
        "2c9d0b048654b3f7d7bf8dbe345447476b3ec03d84b8a9f3c9aa8e527b4bb8a4",
        "8ca9bfcac3a373f123902b7a7286db363b10d75a5bd86a824a75f7dce0decb82",
    }
)
"""Ids of the shipped programs in free Python: ``random_column``, ``random_token``, ``quiet_after_punctuation``."""

Program = Callable[[TokenView], Any]


def is_trusted(parsed: ParsedSource) -> bool:
    """Whether a source may run in this process, regardless of its path and its recorded author.

    A source that uses only vocabulary terms can do nothing but look up and add; code generation writes nothing else.
    """
    return parsed.speaks_vocabulary_only or parsed.program_id in SHIPPED


def compile_trusted(source: str, place: str, vouched: bool = False) -> Program:
    """Compiles a trusted source to a callable.

    Args:
        source: Python source that defines ``def program(text)``.
        place: Where it came from, for messages.
        vouched: Whether the caller vouches for it, as for code typed into a notebook.

    Raises:
        UserError: if it is not a program, or is neither trusted nor vouched for.
    """
    parsed = parse_source(source, place)
    if not (vouched or is_trusted(parsed)):
        raise UserError(
            f"{place}: program {parsed.program_id[:10]} is free Python from outside the project and runs only in the "
            "sandbox; to run it here, use only vocabulary terms"
        )
    namespace: dict[str, Any] = {"np": np, "math": math, "__builtins__": dict(BUILTINS)}
    exec(compile(source, FILE, "exec"), namespace)  # noqa: S102 - trusted
    program: Program = namespace["program"]
    return program


def run(program: Program, view: TokenView) -> Outcome:
    """Runs a trusted program on a text and checks what it returns."""
    try:
        result = program(view)
    except Exception as error:  # whatever a program raises becomes its status
        return Rejected(Reason.EXCEPTION, describe(error))
    return check(result, view.n, view.causal)
