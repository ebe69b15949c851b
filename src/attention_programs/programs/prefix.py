"""The prefix rule: row i of a program's map may depend on tokens 0..i only."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from attention_programs.programs.runtime import Program, Scored, run
from attention_programs.programs.view import TokenView

Causality = Literal["verified", "looks ahead"]
TOLERANCE = 1e-6
"""Sums over rows of different length differ in the last bits."""
EVERY_CUT = 16
"""Up to this length every prefix is tried: a program that looks one token ahead errs in the last row alone."""


def causality(program: Program, views: Sequence[TokenView]) -> Causality:
    """Compares the program's rows on whole texts with its rows on their prefixes.

    A program that fails on a prefix and not on the whole text depends on what follows, too. A text on which the
    program fails as a whole says nothing.
    """
    for view in views:
        whole = run(program, view)
        if not isinstance(whole, Scored):
            continue
        for cut in _cuts(view.n):
            part = run(program, view.prefix(cut))
            if not isinstance(part, Scored) or np.abs(part.weights - whole.weights[:cut, :cut]).max() > TOLERANCE:
                return "looks ahead"
    return "verified"


def _cuts(tokens: int) -> list[int]:
    """Lengths of the prefixes to try.

    >>> _cuts(90)
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 30, 45, 89]
    >>> _cuts(3)
    [1, 2]
    """
    cuts = {*range(1, EVERY_CUT + 1), tokens // 3, tokens // 2, tokens - 1}
    return sorted(cut for cut in cuts if 0 < cut < tokens)
