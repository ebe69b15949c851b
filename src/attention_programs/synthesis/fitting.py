"""Fitting the constants of one head's program: first to the map's distribution, then to IoU itself."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attention_programs.programs.vocabulary.registry import Array
from attention_programs.synthesis.design import Design, mean_iou, softmax_rows

MAX_STEP = 4.0
"""Largest change of a constant in one Newton step; keeps a nearly separable term from running away."""
HALVINGS = 6
"""Tries of a shorter Newton step before the constants stay as they are."""
LARGEST = 12.0
"""Largest constant: exp(12) already decides a row."""


SLACK = 1e-6
"""Rise of the objective, in nats a row, that is the noise of single precision."""


def divergence(constants: NDArray[np.float64], columns: Array, attention: Array, design: Design, ridge: float) -> float:
    """Mean over rows of the cross-entropy of the map and softmax(constants @ columns), plus the ridge; nats.

    It differs from KL(attention || softmax) by the map's own entropy, which no constant changes.
    """
    predicted = softmax_rows(constants.astype(np.float32) @ columns, design)
    surprise = -float(attention @ np.log(np.maximum(predicted, np.finfo(np.float32).tiny))) / design.rows
    return surprise + ridge * float(constants @ constants)


def newton_step(
    constants: NDArray[np.float64], columns: Array, attention: Array, design: Design, ridge: float
) -> NDArray[np.float64]:
    """One Newton step on the mean over rows of KL(attention || softmax(constants @ columns)), halved until that falls.

    The objective is convex. Gradient: sum of (P - A) f. Hessian: covariance of the features under P, row by row.
    Far from the optimum a full step may overshoot.

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
    step = np.clip(step, -MAX_STEP, MAX_STEP)
    before = divergence(constants, columns, attention, design, ridge)
    for _ in range(HALVINGS):
        moved = np.clip(constants - step, -LARGEST, LARGEST)
        if divergence(moved, columns, attention, design, ridge) <= before + SLACK:
            return moved
        step /= 2
    return constants


@dataclass(frozen=True)
class IouSlope:
    """The mean IoU at some constants and how it changes with each of them."""

    iou: float
    gradient: NDArray[np.float64]
    """Shape (k,)."""


def iou_slope(constants: NDArray[np.float64], columns: Array, attention: Array, design: Design) -> IouSlope:
    """The mean IoU over texts and its gradient.

    With S the sum of minima, d IoU / d S = 2n / (2n - S)^2, and S grows with a predicted weight as long as that is
    below the real one.
    """
    predicted = softmax_rows(constants.astype(np.float32) @ columns, design)
    shared = np.add.reduceat(np.minimum(attention, predicted), design.text_starts)
    slope = (2 * design.tokens / (2 * design.tokens - shared) ** 2 / len(design.tokens)).astype(np.float32)
    cells = np.diff(np.append(design.text_starts, len(attention)))
    push = np.repeat(slope, cells) * (predicted < attention)
    centred = push - np.add.reduceat(push * predicted, design.row_starts)[design.row_of_cell]
    gradient = (columns @ (predicted * centred)).astype(np.float64)
    return IouSlope(float((shared / (2 * design.tokens - shared)).mean()), gradient)


def polish(
    constants: NDArray[np.float64], columns: Array, attention: Array, design: Design, steps: int, rate: float
) -> NDArray[np.float64]:
    """Raises the mean IoU itself by Adam with a falling step size; returns the best constants met."""
    best, best_iou = constants, -1.0
    first = np.zeros_like(constants)
    second = np.zeros_like(constants)
    for step in range(steps):
        here = iou_slope(constants, columns, attention, design)
        if here.iou > best_iou:
            best, best_iou = constants, here.iou
        first = 0.9 * first + 0.1 * here.gradient
        second = 0.99 * second + 0.01 * here.gradient**2
        corrected = (first / (1 - 0.9 ** (step + 1))) / (np.sqrt(second / (1 - 0.99 ** (step + 1))) + 1e-12)
        constants = np.clip(constants + rate * (1 - step / steps) * corrected, -LARGEST, LARGEST)
    final = mean_iou(attention, softmax_rows(constants.astype(np.float32) @ columns, design), design)
    return constants if final > best_iou else best
