"""The table of terms and the decorators that fill it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from attention_programs.programs.view import TokenView

Array = NDArray[np.float32]
PART = "\ufffd"
"""What shows in place of a part of a character; it may be of a letter or a sign."""


@dataclass(frozen=True)
class Term:
    """One word of the vocabulary."""

    name: str
    category: str
    """Folder-like grouping for listings: position, class, relation, structure."""
    phrase: str
    """How a sentence names what it picks: ``the previous token``, ``commas``."""
    compute: Callable[..., Array]
    """Function of a view (and of the parameter, if there are any)."""
    parameters: tuple[int, ...] = ()
    """Values that the search tries; empty for a term without a parameter."""
    looks_ahead: bool = False
    """Whether entries on or below the diagonal may depend on later tokens; such terms serve encoders only."""
    graded: bool = False
    """Whether it grows with distance, position or rarity instead of picking tokens; a negative sign then reads
    ``near``, ``early``, ``common``."""

    @property
    def summary(self) -> str:
        """First line of the term's documentation."""
        return (self.compute.__doc__ or "").strip().split("\n")[0]


PATTERNS: dict[str, Term] = {}
CLASSES: dict[str, Term] = {}


def pattern(
    category: str, phrase: str, parameters: tuple[int, ...] = (), looks_ahead: bool = False, graded: bool = False
) -> Callable[[Callable[..., Array]], Callable[..., Array]]:
    """Registers a function of a view that returns a matrix of shape (n, n)."""

    def register(function: Callable[..., Array]) -> Callable[..., Array]:
        name = function.__name__
        PATTERNS[name] = Term(name, category, phrase, function, parameters, looks_ahead, graded)
        return function

    return register


def token_class(
    phrase: str, graded: bool = False
) -> Callable[[Callable[[TokenView], Array]], Callable[[TokenView], Array]]:
    """Registers a function of a view that returns a vector of shape (n,)."""

    def register(function: Callable[[TokenView], Array]) -> Callable[[TokenView], Array]:
        CLASSES[function.__name__] = Term(function.__name__, "class", phrase, function, graded=graded)
        return function

    return register
