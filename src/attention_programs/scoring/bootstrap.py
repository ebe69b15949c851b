"""Uncertainty: 95 % intervals by the studentized bootstrap over texts, which are the independent units.

Each resample's deviation is divided by that resample's own standard error (bootstrap-t; Efron and Tibshirani, An
Introduction to the Bootstrap, 1993, section 12.5). Where a few texts weigh much, as with losses, plain percentiles of
the resampled means miss the true value up to twice as often as they say, mostly on one side.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = Sequence[float] | NDArray[np.floating]
LEVEL = (2.5, 97.5)
FEWEST_TEXTS = 10
"""Texts below which no interval is given: it would not cover what it claims to."""


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % bounds; NaN where the texts are too few for any."""

    mean: float
    low: float
    high: float


def resample_weights(texts: int, samples: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """How often each text is drawn in each resample, shape (samples, texts); rows sum to ``texts``."""
    return generator.multinomial(texts, np.full(texts, 1 / texts), size=samples).astype(np.float64)


def interval_of_means(values: NDArray[np.floating], weights: NDArray[np.float64]) -> list[Interval]:
    """Interval of the mean over texts of each column.

    Args:
        values: Shape (texts, columns).
        weights: From :func:`resample_weights`.

    >>> generator = np.random.default_rng(0)
    >>> interval_of_means(np.ones((10, 1)), resample_weights(10, 100, generator))
    [Interval(mean=1.0, low=1.0, high=1.0)]
    >>> interval_of_means(np.ones((4, 1)), resample_weights(4, 100, generator))
    [Interval(mean=1.0, low=nan, high=nan)]
    """
    texts = len(values)
    centred = values - values.mean(axis=0)  # sums of squares of what is left lose no digits
    means = weights @ centred / texts
    squares = weights @ centred**2 / texts - means**2
    errors = np.sqrt(np.maximum(squares, 0) / texts)
    return [
        _studentized(float(mean), float(error), means[:, column], errors[:, column], texts)
        for column, (mean, error) in enumerate(
            zip(values.mean(axis=0), np.sqrt((centred**2).mean(axis=0) / texts), strict=True)
        )
    ]


def interval_of_ratio(
    numerator: NDArray[np.floating], denominator: NDArray[np.floating], weights: NDArray[np.float64]
) -> Interval:
    """Interval of sum(numerator) / sum(denominator) over texts, both of shape (texts,).

    The standard error is that of the mean of numerator - ratio x denominator over the mean of the denominator. A
    resample whose denominator is 0 says nothing and does not count.
    """
    texts = len(numerator)
    ratio = numerator.sum() / denominator.sum()
    left = numerator - ratio * denominator
    totals = weights @ denominator
    counted = totals > 0
    drawn, totals = weights[counted], totals[counted]
    deviations = drawn @ left / totals
    squares = (
        drawn @ left**2 - 2 * deviations * (drawn @ (left * denominator)) + deviations**2 * (drawn @ denominator**2)
    )
    error = float(np.sqrt((left**2).sum()) / denominator.sum())
    return _studentized(float(ratio), error, deviations, np.sqrt(np.maximum(squares, 0)) / totals, texts)


def _studentized(
    mean: float, error: float, deviations: NDArray[np.float64], errors: NDArray[np.float64], texts: int
) -> Interval:
    """The interval from each resample's deviation from the mean and its standard error."""
    if texts < FEWEST_TEXTS:
        return Interval(mean, math.nan, math.nan)
    # A resample of a single text drawn again and again has no error of its own; it lies beyond every quantile.
    usual = errors > 1e-9 * error
    if not usual.any():
        return Interval(mean, mean, mean)
    low, high = np.percentile(deviations[usual] / errors[usual], LEVEL)
    return Interval(mean, mean - float(high) * error, mean - float(low) * error)


def rank_correlation(first: Values, second: Values) -> float:
    """Spearman's coefficient of the pairs without NaN; NaN for fewer than two, or if all of one side are equal.

    >>> round(rank_correlation([1, 2, 3, 4], [10, 30, 20, 40]), 6)
    0.8
    """
    from scipy.stats import spearmanr  # takes most of a second, which commands that read tables have not

    pairs = np.array([first, second], dtype=float)
    pairs = pairs[:, ~np.isnan(pairs).any(axis=0)]
    if pairs.shape[1] < 2 or (pairs == pairs[:, :1]).all(axis=1).any():
        return math.nan
    return float(spearmanr(*pairs).statistic)
