"""Uncertainty: 95 % intervals by resampling texts, which are the independent units."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVEL = (2.5, 97.5)


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % bounds."""

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
    >>> interval_of_means(np.array([[1.0], [1.0]]), resample_weights(2, 100, generator))
    [Interval(mean=1.0, low=1.0, high=1.0)]
    """
    means = weights @ values / values.shape[0]
    low, high = np.percentile(means, LEVEL, axis=0)
    return [
        Interval(float(m), float(lower), float(upper))
        for m, lower, upper in zip(values.mean(axis=0), low, high, strict=True)
    ]


def interval_of_ratio(
    numerator: NDArray[np.floating], denominator: NDArray[np.floating], weights: NDArray[np.float64]
) -> Interval:
    """Interval of sum(numerator) / sum(denominator) over texts, both of shape (texts,).

    A resample whose denominator is 0 says nothing and does not count.
    """
    totals = weights @ denominator
    counted = totals > 0
    low, high = np.percentile((weights @ numerator)[counted] / totals[counted], LEVEL)
    return Interval(float(numerator.sum() / denominator.sum()), float(low), float(high))
