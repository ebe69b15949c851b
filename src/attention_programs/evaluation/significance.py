"""Whether answers changed by more than chance: exact paired tests, corrected for their number."""

from collections.abc import Sequence

import numpy as np

from attention_programs.evaluation.harness import TaskScore


def paired_p_value(original: TaskScore, patched: TaskScore) -> float:
    """Two-sided exact p-value of the hypothesis that gains and losses of right answers are equally likely.

    The change of every source (the story that questions were made from, or the question itself) is given a random
    sign. With one question for each source this is McNemar's exact test; with several, they count together.

    >>> before = TaskScore("t", 0.0, 0.5, (1, 1, 1, 1, 1, 0), tuple("abcdef"))
    >>> after = TaskScore("t", 0.0, 0.5, (0, 0, 0, 0, 0, 0), tuple("abcdef"))
    >>> paired_p_value(before, after)
    0.0625
    """
    names, places = np.unique(np.array(original.origins), return_inverse=True)
    change = np.array(patched.correct) - np.array(original.correct)
    of_sources = np.bincount(places, change, minlength=len(names)).round().astype(int)
    sizes = np.abs(of_sources[of_sources != 0])
    chances = np.ones(1)  # of every total from -reached to reached
    for size in sizes.tolist():
        shifted = np.zeros(len(chances) + 2 * size)
        shifted[: len(chances)] += chances / 2
        shifted[2 * size :] += chances / 2
        chances = shifted
    totals = np.arange(len(chances)) - sizes.sum()
    return float(min(chances[np.abs(totals) >= abs(int(of_sources.sum()))].sum(), 1.0))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number by Holm's step-down procedure (1979): the family-wise error stays at a level.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    found, reached = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        reached = max(reached, min((len(p_values) - rank) * p_values[place], 1.0))
        found[place] = reached
    return found
