"""The measures of fit, for one pair of maps; the vectorised kernel is held to them.

All maps have rows that sum to 1. A is the head's map, P the program's; both have shape (n, n).
"""

import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.floating]


def iou(attention: Map, predicted: Map) -> float:
    """Intersection over union (paper, section on scoring): sum of minima over sum of maxima, over all cells.

    >>> a = np.array([[1.0, 0.0], [0.5, 0.5]])
    >>> p = np.array([[1.0, 0.0], [1.0, 0.0]])
    >>> iou(a, p)                      # minima 1 + 0.5, maxima 1 + 1 + 0.5
    0.6
    """
    return float(np.minimum(attention, predicted).sum() / np.maximum(attention, predicted).sum())


def sink_excluded_iou(attention: Map, predicted: Map) -> float:
    """The same without the first column, where idle heads rest; 1 if neither map has weight elsewhere.

    >>> a = np.array([[1.0, 0.0], [0.5, 0.5]])
    >>> p = np.array([[1.0, 0.0], [0.75, 0.25]])
    >>> sink_excluded_iou(a, p)        # minimum 0.25, maximum 0.5
    0.5
    """
    union = np.maximum(attention[:, 1:], predicted[:, 1:]).sum()
    shared = np.minimum(attention[:, 1:], predicted[:, 1:]).sum()
    return float(shared / union) if union > 0 else 1.0


def jensen_shannon_distance(attention: Map, predicted: Map) -> float:
    """Square root of the mean over rows of the Jensen-Shannon divergence in bits; between 0 and 1.

    Row by row JSD = H((A + P) / 2) - (H(A) + H(P)) / 2 with H the entropy.

    >>> a = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> p = np.array([[1.0, 0.0], [1.0, 0.0]])
    >>> round(jensen_shannon_distance(a, p), 4)      # divergences 0 and 1
    0.7071
    """
    middle = (attention + predicted) / 2
    divergence = entropy(middle) - (entropy(attention) + entropy(predicted)) / 2
    return float(np.sqrt(max(divergence.mean(), 0.0)))


def entropy(rows: Map) -> NDArray[np.float64]:
    """Entropy of each row in bits, shape (n,).

    >>> entropy(np.array([[0.5, 0.5], [1.0, 0.0]])).tolist()
    [1.0, 0.0]
    """
    logs = np.log2(np.where(rows > 0, rows, 1), dtype=np.float64)
    return 0.0 - (rows * logs).sum(axis=-1)
