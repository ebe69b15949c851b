"""Running a program that is trusted: one that ships with the project, or speaks the vocabulary alone.

All others run in the sandbox, with the same result to the bit.
"""

import builtins
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from attention_programs.errors import UserError
from attention_programs.programs.outcome import FILE, Outcome, Reason, Rejected, check, describe
from attention_programs.programs.source import parse_source
from attention_programs.programs.view import TokenView

_ALLOWED = (
    "abs all any bool dict enumerate float hash int len list max min range reversed round set sorted str sum tuple zip"
)
BUILTINS = {name: getattr(builtins, name) for name in _ALLOWED.split()}

Program = Callable[[TokenView], Any]


def compile_trusted(source: str, place: str, shipped: bool) -> Program:
    """Makes a callable of a trusted source.

    Args:
        source: Python text that defines ``def program(text)``.
        place: Where it came from, for messages.
        shipped: Whether the very text ships with the project (its file was read from the library).

    Raises:
        UserError: if it is no program, or neither ships nor speaks the vocabulary alone.
    """
    parsed = parse_source(source, place)
    if not shipped and not parsed.speaks_vocabulary_only:
        raise UserError(
            f"{place}: program {parsed.program_id[:10]} is free Python from outside the project and runs in the "
            "sandbox alone; to run it here, review it and add it to library/curated, or use vocabulary terms alone"
        )
    namespace: dict[str, Any] = {"np": np, "math": math, "__builtins__": dict(BUILTINS)}
    exec(compile(source, FILE, "exec"), namespace)  # noqa: S102 - trusted
    program: Program = namespace["program"]
    return program


def run(program: Program, view: TokenView) -> Outcome:
    """Runs a trusted program on a text and checks what it returns."""
    try:
        result = program(view)
    except Exception as error:  # whatever a program raises is its own fault and becomes a status
        return Rejected(Reason.EXCEPTION, describe(error))
    return check(result, view.n, view.causal)
