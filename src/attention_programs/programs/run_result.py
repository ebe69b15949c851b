"""The outcome of running a program on a text: a pattern, or the reason why there is none."""

import enum
import traceback
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from attention_programs.programs.tokens import Array

FILE = "<program>"
"""The file name of a program in its own traceback."""


class Reason(enum.StrEnum):
    """Why a program, or its result on a text, is unusable."""

    SYNTAX = "syntax"
    FORBIDDEN = "forbidden construct"
    IMPORT = "import"
    EXCEPTION = "exception"
    TIME = "time"
    MEMORY = "memory"
    WRONG_TYPE = "wrong type"
    WRONG_SHAPE = "wrong shape"
    NOT_FINITE = "not finite"
    NEGATIVE = "negative"
    LOOKS_AHEAD = "looks ahead"
    NOT_DETERMINISTIC = "not deterministic"
    NOT_IN_STUB = "not in the stub"
    MISSING_HELPER = "missing helper"
    RULED_OUT = "ruled out"


@dataclass(frozen=True)
class Scored:
    """A usable pattern: shape (n, n), float32, rows summing to 1, zero above the diagonal for causal models."""

    weights: Array


@dataclass(frozen=True)
class Rejected:
    """An unusable program or result, with the reason and a message."""

    reason: Reason
    message: str


Outcome = Scored | Rejected


def check(result: Any, tokens: int, causal: bool) -> Outcome:
    """Turns a program's return value into a pattern, or into the reason why it is not one.

    Args:
        result: Anything.
        tokens: Number n of tokens.
        causal: Whether the pattern is for a causal model.
    """
    weights = as_weights(result, tokens)
    return weights if isinstance(weights, Rejected) else check_weights(weights, causal)


def as_weights(result: Any, tokens: int) -> Array | Rejected:
    """Checks type and shape; returns a float32 copy of shape (n, n) with unchecked values.

    Masked arrays and other subclasses are rejected, as their values may have another meaning.
    """
    if type(result) is not np.ndarray or result.dtype.kind not in "fiub":
        found = f"array of {result.dtype.name}" if type(result) is np.ndarray else type(result).__name__
        return Rejected(Reason.WRONG_TYPE, f"{found} instead of an array of numbers")
    if result.shape != (tokens, tokens):
        return Rejected(Reason.WRONG_SHAPE, f"shape {result.shape} instead of {(tokens, tokens)}")
    with np.errstate(over="ignore", invalid="ignore"):
        return result.astype(np.float32)


def check_weights(weights: Array, causal: bool) -> Outcome:
    """Checks the values of a float32 matrix of shape (n, n) and normalises it."""
    with np.errstate(over="ignore", invalid="ignore"):
        finite = np.isfinite(weights.sum(axis=1)).all()
    if not finite:
        return Rejected(Reason.NOT_FINITE, "the map holds infinite or undefined weights, or too large ones to add")
    lowest = weights.min(initial=0.0)
    if lowest < 0:
        return Rejected(Reason.NEGATIVE, f"the map holds the negative weight {lowest:.3g}")
    return Scored(normalise(weights, causal))


@lru_cache(maxsize=8)
def lower_triangle(tokens: int) -> Array:
    """1 on and below the diagonal, 0 above, (n, n); read-only. Cached, as building it takes as long as the rest."""
    triangle = np.tri(tokens, dtype=np.float32)
    triangle.flags.writeable = False
    return triangle


def normalise(weights: Array, causal: bool) -> Array:
    """Masks later tokens for causal models and makes rows sum to 1; an empty row attends to the first token.

    >>> normalise(np.array([[0.0, 9.0], [1.0, 3.0]], dtype=np.float32), causal=True).tolist()
    [[1.0, 0.0], [0.25, 0.75]]
    """
    weights = weights * lower_triangle(len(weights)) if causal else weights.copy()
    sums = weights.sum(axis=1, keepdims=True)
    empty = sums[:, 0] == 0
    if empty.any():
        weights[empty, 0] = sums[empty, 0] = 1
    weights /= sums
    return weights


def describe(error: BaseException, source: str = "") -> str:
    """An error with the program's own line: ``ZeroDivisionError: division by zero (line 3: return 1 / 0)``.

    Args:
        error: What the program raised.
        source: Its source, compiled as ``FILE``; without it, only the line number is given.
    """
    try:
        message = f"{type(error).__name__}: {error}"[:240]
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == FILE]
        if isinstance(error, SyntaxError):
            lines = [error.lineno]
        if not lines or lines[-1] is None:
            return message
        text = source.splitlines()[lines[-1] - 1].strip()[:100] if source else ""
        return f"{message} (line {lines[-1]}: {text})" if text else f"{message} (line {lines[-1]})"
    except BaseException:  # an error's own text can be hostile
        return "an error that can't be described"
