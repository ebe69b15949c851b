"""Rank correlation."""

from collections.abc import Sequence

import numpy as np
import pandas as pd


def rank_correlation(first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray) -> float:
    """Spearman's coefficient; NaN if there are fewer than two values or all of one side are equal.

    >>> round(rank_correlation([1, 2, 3, 4], [10, 30, 20, 40]), 6)
    0.8
    """
    ranks = pd.Series(first, dtype=float).rank(), pd.Series(second, dtype=float).rank()
    return float(ranks[0].corr(ranks[1])) if all(rank.nunique() > 1 for rank in ranks) else float("nan")
