"""The measures of fit for one pair of patterns; code that scores many at once takes its formulas from here.

All patterns have rows that sum to 1. A is the head's pattern, P the program's; both have shape (n, n).
"""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Pattern = NDArray[np.floating]
Number = TypeVar("Number")
"""A number, or an array or tensor of them."""


def iou_of_shared(shared: Number, rows: Any) -> Number:
    """Intersection over union (paper, section on scoring) of patterns whose n rows sum to 1: S / (2n - S).

    Args:
        shared: Sum S of the element-wise minima over all entries.
        rows: Number of rows n, broadcastable to ``shared``.

    >>> iou_of_shared(1.5, rows=2)
    0.6
    """
    value: Any = shared
    found: Number = value / (2 * rows - value)
    return found


def over_union(shared: Any, joined: Any) -> NDArray[np.floating]:
    """Sum of minima divided by sum of maxima, over any part of two patterns; 1 where neither has weight.

    >>> over_union(np.array([0.25, 0.0]), np.array([0.5, 0.0])).tolist()
    [0.5, 1.0]
    """
    return np.divide(shared, joined, out=np.ones_like(shared), where=np.greater(joined, 0))


def iou(attention: Pattern, predicted: Pattern) -> float:
    """Intersection over union of two patterns.

    >>> a = np.array([[1.0, 0.0], [0.5, 0.5]])
    >>> p = np.array([[1.0, 0.0], [1.0, 0.0]])
    >>> iou(a, p)                      # minima 1 + 0.5, maxima 1 + 1 + 0.5
    0.6
    """
    return float(over_union(np.minimum(attention, predicted).sum(), np.maximum(attention, predicted).sum()))


def sink_excluded_iou(attention: Pattern, predicted: Pattern) -> float:
    """IoU without the first column, the attention sink; 1 if neither pattern has weight elsewhere.

    >>> a = np.array([[1.0, 0.0], [0.5, 0.5]])
    >>> p = np.array([[1.0, 0.0], [0.75, 0.25]])
    >>> sink_excluded_iou(a, p)        # minimum 0.25, maximum 0.5
    0.5
    """
    return iou(attention[:, 1:], predicted[:, 1:])


def jensen_shannon_distance(attention: Pattern, predicted: Pattern) -> float:
    """Square root of the mean Jensen-Shannon divergence over rows, in bits; between 0 and 1.

    Per row, JSD = H((A + P) / 2) - (H(A) + H(P)) / 2 with H the entropy.

    >>> a = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> p = np.array([[1.0, 0.0], [1.0, 0.0]])
    >>> round(jensen_shannon_distance(a, p), 4)      # divergences 0 and 1
    0.7071
    """
    middle = (attention + predicted) / 2
    divergence = entropy(middle) - (entropy(attention) + entropy(predicted)) / 2
    return float(np.sqrt(max(divergence.mean(), 0.0)))


def entropy(rows: Pattern) -> NDArray[np.float64]:
    """Entropy of each row in bits, shape (n,).

    >>> entropy(np.array([[0.5, 0.5], [1.0, 0.0]])).tolist()
    [1.0, 0.0]
    """
    logs = np.log2(np.where(rows > 0, rows, 1), dtype=np.float64)
    return 0.0 - (rows * logs).sum(axis=-1)
