"""The patterns that programs predict on a text, packed like the attention patterns that they are compared with."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attention_programs.attention.pattern_store import TextAttention
from attention_programs.programs.record import ProgramRecord
from attention_programs.programs.run_result import Scored
from attention_programs.programs.runner import Runner
from attention_programs.programs.view import TokenView

FULL_BYTES = 2**28
"""Bound on the patterns of all n x n entries in memory at a time; those of a long text are packed in several parts."""


def predicted_patterns(programs: Sequence[ProgramRecord], text: TextAttention, runner: Runner) -> NDArray[np.float32]:
    """Each program's pattern on the rows that are kept of a text, weighted, shape (programs, entries).

    A program that fails on the text has weight nowhere.

    Args:
        programs: The programs.
        text: The text; its attention patterns are not used.
        runner: Runs the programs.
    """
    view, packing = TokenView.of(text), text.packing
    found = np.zeros((len(programs), packing.entries), np.float32)
    at_once = max(1, FULL_BYTES // (4 * packing.tokens**2))
    for start in range(0, len(programs), at_once):
        outcomes = runner.outcomes(programs[start : start + at_once], view)
        for place, outcome in enumerate(outcomes, start):
            if isinstance(outcome, Scored):
                found[place] = packing.weighted(packing.pack(outcome.weights))
    return found
