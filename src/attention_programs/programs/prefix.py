"""The prefix rule: row i of a program's map may depend on tokens 0..i only."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from attention_programs.programs.runtime import Program, Scored, run
from attention_programs.programs.view import TokenView

Causality = Literal["verified", "looks ahead"]
TOLERANCE = 1e-6
"""Sums over rows of different length differ in the last bits."""


def causality(program: Program, views: Sequence[TokenView]) -> Causality:
    """Compares the program's rows on whole texts with its rows on their prefixes, cut at several places.

    A program that fails on a prefix and not on the whole text depends on what follows, too.
    """
    for view in views:
        whole = run(program, view)
        if not isinstance(whole, Scored):
            continue
        for cut in sorted({1, 2, view.n // 3, view.n // 2, view.n - 1} - {0, view.n}):
            part = run(program, view.prefix(cut))
            if not isinstance(part, Scored) or np.abs(part.weights - whole.weights[:cut, :cut]).max() > TOLERANCE:
                return "looks ahead"
    return "verified"
