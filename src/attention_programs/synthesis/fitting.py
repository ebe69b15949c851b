"""Fitting the constants of one head's program: first to the map's distribution, then to IoU itself."""

import numpy as np
from numpy.typing import NDArray

from attention_programs.programs.vocabulary.registry import Array
from attention_programs.synthesis.design import Design, mean_iou, softmax_rows

MAX_STEP = 4.0
"""Largest change of a constant in one Newton step; keeps a nearly separable term from running away."""
LARGEST = 12.0
"""Largest constant: exp(12) already decides a row."""


def newton_step(
    constants: NDArray[np.float64], columns: Array, attention: Array, design: Design, ridge: float
) -> NDArray[np.float64]:
    """One damped Newton step on the mean over rows of KL(attention || softmax(constants @ columns)).

    The objective is convex. Gradient: sum of (P - A) f. Hessian: covariance of the features under P, row by row.

    Args:
        constants: Shape (k,).
        columns: Values of the chosen features, shape (k, cells).
        attention: The head's map, shape (cells,).
        design: Layout of the cells.
        ridge: Weight of the squared constants in nats a row.
    """
    predicted = softmax_rows(constants.astype(np.float32) @ columns, design)
    weighted = columns * predicted
    means = np.add.reduceat(weighted, design.row_starts, axis=1)
    gradient = columns @ (predicted - attention) / design.rows + 2 * ridge * constants
    hessian = (weighted @ columns.T - means @ means.T) / design.rows
    hessian[np.diag_indices_from(hessian)] += 2 * ridge
    step = np.linalg.solve(hessian.astype(np.float64), gradient.astype(np.float64))
    return np.clip(constants - np.clip(step, -MAX_STEP, MAX_STEP), -LARGEST, LARGEST)


def polish(
    constants: NDArray[np.float64], columns: Array, attention: Array, design: Design, steps: int, rate: float
) -> NDArray[np.float64]:
    """Raises the mean IoU itself by Adam with a falling step size; returns the best constants met.

    With S the sum of minima, d IoU / d S = 2n / (2n - S)^2, and S grows with a predicted weight as long as that is
    below the real one.
    """
    best, best_iou = constants, -1.0
    first = np.zeros_like(constants)
    second = np.zeros_like(constants)
    text_of_cell = np.repeat(np.arange(len(design.tokens)), np.diff(np.append(design.text_starts, len(attention))))
    for step in range(steps):
        predicted = softmax_rows(constants.astype(np.float32) @ columns, design)
        shared = np.add.reduceat(np.minimum(attention, predicted), design.text_starts)
        iou = float((shared / (2 * design.tokens - shared)).mean())
        if iou > best_iou:
            best, best_iou = constants, iou
        slope = (2 * design.tokens / (2 * design.tokens - shared) ** 2 / len(design.tokens)).astype(np.float32)
        push = slope[text_of_cell] * (predicted < attention)
        centred = push - np.add.reduceat(push * predicted, design.row_starts)[design.row_of_cell]
        gradient = (columns @ (predicted * centred)).astype(np.float64)
        first = 0.9 * first + 0.1 * gradient
        second = 0.99 * second + 0.01 * gradient**2
        corrected = (first / (1 - 0.9 ** (step + 1))) / (np.sqrt(second / (1 - 0.99 ** (step + 1))) + 1e-12)
        constants = np.clip(constants + rate * (1 - step / steps) * corrected, -LARGEST, LARGEST)
    final = mean_iou(attention, softmax_rows(constants.astype(np.float32) @ columns, design), design)
    return constants if final > best_iou else best
