"""Uncertainty: 95 % intervals by the studentized bootstrap over texts, which are the independent units.

Each resample's deviation is divided by that resample's own standard error (bootstrap-t; Efron and Tibshirani, An
Introduction to the Bootstrap, 1993, section 12.5). If a few texts dominate, as with losses, plain percentile intervals
miss the true value up to twice as often as they should, mostly on one side.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = Sequence[float] | NDArray[np.floating]
LEVEL = (2.5, 97.5)
FEWEST_TEXTS = 10
"""With fewer texts no interval is given, as its coverage would be too low."""


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % bounds, which are NaN if there are too few texts."""

    mean: float
    low: float
    high: float


def resample_weights(texts: int, samples: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """How often each text is drawn in each resample, shape (samples, texts); rows sum to ``texts``."""
    return generator.multinomial(texts, np.full(texts, 1 / texts), size=samples).astype(np.float64)


def interval_of_means(values: NDArray[np.floating], weights: NDArray[np.float64]) -> list[Interval]:
    """The interval of each column's mean over texts.

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
    centred = values - values.mean(axis=0)  # keeps the sums of squares accurate
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
    """The interval of sum(numerator) / sum(denominator) over texts, both of shape (texts,).

    The standard error is that of the mean of numerator - ratio x denominator, divided by the mean denominator.
    Resamples with denominator 0 are skipped.
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
    if texts < FEWEST_TEXTS:
        return Interval(mean, math.nan, math.nan)
    # A resample of texts that are alike has no standard error, or one of rounding; its statistic says nothing.
    usual = errors > 1e-6 * error
    if not usual.any():
        return Interval(mean, mean, mean)
    low, high = np.percentile(deviations[usual] / errors[usual], LEVEL)
    return Interval(mean, mean - float(high) * error, mean - float(low) * error)


def rank_correlation(first: Values, second: Values) -> float:
    """Spearman's rank correlation of the pairs without NaN; NaN for fewer than two, or if one side is constant.

    >>> round(rank_correlation([1, 2, 3, 4], [10, 30, 20, 40]), 6)
    0.8
    """
    from scipy.stats import spearmanr  # takes most of a second, too slow for commands that read tables

    pairs = np.array([first, second], dtype=float)
    pairs = pairs[:, ~np.isnan(pairs).any(axis=0)]
    if pairs.shape[1] < 2 or (pairs == pairs[:, :1]).all(axis=1).any():
        return math.nan
    return float(spearmanr(*pairs).statistic)
