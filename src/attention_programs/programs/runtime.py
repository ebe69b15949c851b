"""Running a program that is trusted: one that ships with the project, or speaks the vocabulary alone.

Programs of any other origin are refused here.
"""

import builtins
import enum
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from attention_programs.errors import UserError
from attention_programs.programs.source import parse_source
from attention_programs.programs.view import TokenView
from attention_programs.programs.vocabulary.registry import Array

_ALLOWED = (
    "abs all any bool dict enumerate float hash int len list max min range reversed round set sorted str sum tuple zip"
)
BUILTINS = {name: getattr(builtins, name) for name in _ALLOWED.split()}


class Reason(enum.StrEnum):
    """Why a program's result can't be used."""

    EXCEPTION = "exception"
    WRONG_TYPE = "wrong type"
    WRONG_SHAPE = "wrong shape"
    NOT_FINITE = "not finite"
    NEGATIVE = "negative"


@dataclass(frozen=True)
class Scored:
    """A usable map: shape (n, n), float32, rows summing to 1, zero above the diagonal for causal models."""

    weights: Array


@dataclass(frozen=True)
class Rejected:
    """An unusable result with its reason and a sentence."""

    reason: Reason
    message: str


Outcome = Scored | Rejected
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
            f"{place}: program {parsed.program_id[:10]} is free Python from outside the project, which this version "
            "does not run; review it and add it to library/curated, or use vocabulary terms alone"
        )
    namespace: dict[str, Any] = {"np": np, "math": math, "__builtins__": dict(BUILTINS)}
    exec(compile(parsed.normalised, f"<program {parsed.program_id[:10]}>", "exec"), namespace)  # noqa: S102 - trusted
    program: Program = namespace["program"]
    return program


def normalise(weights: Array, causal: bool) -> Array:
    """Masks the future of causal models and makes rows sum to 1; an empty row goes to the first token.

    >>> normalise(np.array([[0.0, 9.0], [1.0, 3.0]], dtype=np.float32), causal=True).tolist()
    [[1.0, 0.0], [0.25, 0.75]]
    """
    weights = np.tril(weights) if causal else weights.copy()
    sums = weights.sum(axis=1, keepdims=True)
    weights[sums[:, 0] == 0, 0] = 1
    return (weights / np.where(sums == 0, 1, sums)).astype(np.float32)


def run(program: Program, view: TokenView) -> Outcome:
    """Runs a trusted program on a text and checks what it returns."""
    try:
        result = program(view)
    except Exception as error:  # whatever a program raises is its own fault and becomes a status
        return Rejected(Reason.EXCEPTION, f"{type(error).__name__}: {error}")
    return check(result, view)


def check(result: Any, view: TokenView) -> Outcome:
    """Turns what a program returned into a map, or into the reason why it is none."""
    if not isinstance(result, np.ndarray) or result.dtype.kind not in "fiub":
        found = f"array of {result.dtype.name}" if isinstance(result, np.ndarray) else type(result).__name__
        return Rejected(Reason.WRONG_TYPE, f"{found} instead of an array of numbers")
    if result.shape != (view.n, view.n):
        return Rejected(Reason.WRONG_SHAPE, f"shape {result.shape} instead of {(view.n, view.n)}")
    with np.errstate(over="ignore", invalid="ignore"):
        weights = np.asarray(result, dtype=np.float32)
        finite = np.isfinite(weights.sum(axis=1)).all()
    if not finite:
        return Rejected(Reason.NOT_FINITE, "the map holds infinite or undefined weights, or too large ones to add")
    if (weights < 0).any():
        return Rejected(Reason.NEGATIVE, f"the map holds the negative weight {weights.min():.3g}")
    return Scored(normalise(weights, view.causal))
