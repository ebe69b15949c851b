"""How alike programs behave: the IoU of the patterns that they predict, whatever their sources look like."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from attention_programs.attention.metrics import iou_of_shared
from attention_programs.attention.pattern_store import TextAttention
from attention_programs.programs.record import ProgramRecord
from attention_programs.programs.runner import Runner
from attention_programs.scoring.pairwise import score_pairs
from attention_programs.scoring.predicted_patterns import predicted_patterns

EQUAL = 0.9
"""IoU of two programs' patterns from which on they count as behaviourally equal."""


def pattern_similarity(
    programs: Sequence[ProgramRecord], texts: Iterable[TextAttention], runner: Runner
) -> NDArray[np.float32]:
    """IoU of every program's pattern with every other's on each text, shape (texts, programs, programs).

    A program that fails on a text has similarity 0 with all others there.

    Args:
        programs: The programs.
        texts: The texts; their attention patterns are not used.
        runner: Runs the programs.
    """
    found = []
    for text in texts:
        packing, patterns = text.packing, predicted_patterns(programs, text, runner)
        shared = score_pairs(patterns, patterns, packing.starts).intersection
        found.append(iou_of_shared(shared, len(packing.rows)))
    return np.stack(found)
