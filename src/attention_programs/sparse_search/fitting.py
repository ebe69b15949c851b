"""Fitting the constants of every head's program: first to the map's distribution, then to IoU itself."""

from dataclasses import dataclass

import torch

from attention_programs.attention.metrics import iou_of_shared
from attention_programs.sparse_search.design import (
    Design,
    overlap,
    push_of,
    slope_of_shared,
    softmax,
)
from attention_programs.sparse_search.passes import sum_divergence, sum_overlaps
from attention_programs.sparse_search.sparse import Sparse

MAX_STEP = 4.0
"""Largest change of a constant in one Newton step; keeps a nearly separable term from running away."""
LARGEST = 12.0
"""Largest constant: exp(12) already decides a row."""
BETAS = (0.9, 0.99)
"""How long Adam remembers slopes and their squares."""
SMALLEST_SLOPE = 1e-12
"""Slope below which Adam takes smaller steps."""
SLACK = 1e-6
"""Rise of the objective, in nats a row, that is the noise of single precision."""


@dataclass(frozen=True)
class Slope:
    """The divergence at some constants and how it changes with them."""

    divergence: torch.Tensor
    """Mean over rows of the cross-entropy of map and program plus the ridge, nats, shape (heads,). It differs from
    KL(map || program) by the map's own entropy, which no constant changes."""
    gradient: torch.Tensor
    """Shape (heads, k)."""
    curvature: torch.Tensor
    """The Hessian: covariance of the features under the program, row by row, shape (heads, k, k)."""


def divergence_slope(design: Design, programs: Sparse, ridge: float) -> Slope:
    """Mean over rows of the cross-entropy of the maps and softmax(constants @ features), plus the ridge.

    Gradient: sum of (P - A) f. Hessian: covariance of the features under P.

    Args:
        design: The texts.
        programs: One a head.
        ridge: Weight of the squared constants in nats a row.
    """
    sums = sum_divergence(design, programs)
    constants, rows = programs.constants, design.rows
    return Slope(
        sums.value / rows + ridge * constants.square().sum(-1),
        sums.gradient / rows + 2 * ridge * constants,
        sums.curvature / rows + 2 * ridge * torch.eye(programs.terms, dtype=constants.dtype, device=constants.device),
    )


def fit_divergence(design: Design, programs: Sparse, ridge: float, tries: int) -> Sparse:
    """Newton steps on every head's divergence at once; where a step overshoots, half of it is tried next.

    The objective is convex, but far from its least value a full step may lead away.

    Args:
        design: The texts.
        programs: Where to start, one a head.
        ridge: Weight of the squared constants in nats a row.
        tries: Steps tried, each at the cost of one pass over the texts.
    """
    best = divergence_slope(design, programs, ridge)
    step = _newton(best)
    for _ in range(tries):
        moved = Sparse(programs.chosen, (programs.constants - step).clamp(-LARGEST, LARGEST))
        found = divergence_slope(design, moved, ridge)
        lower = found.divergence <= best.divergence + SLACK
        programs = moved.where(lower, programs)
        best = Slope(
            torch.where(lower, found.divergence, best.divergence),
            torch.where(lower[:, None], found.gradient, best.gradient),
            torch.where(lower[:, None, None], found.curvature, best.curvature),
        )
        step = torch.where(lower[:, None], _newton(best), step / 2)
    return programs


def _newton(slope: Slope) -> torch.Tensor:
    return torch.linalg.solve(slope.curvature, slope.gradient).clamp(-MAX_STEP, MAX_STEP)


@dataclass(frozen=True)
class Polished:
    """Programs with the mean IoU that they reach on the texts they were fitted on."""

    programs: Sparse
    iou: torch.Tensor
    """Shape (heads,)."""


def fit_iou(design: Design, programs: Sparse, steps: int, rate: float) -> Polished:
    """Raises every head's mean IoU itself by Adam with a falling step size; keeps the best constants met.

    How much a text counts in a step's gradient follows from its IoU at the step before, so that features are read once
    a step and not twice; at the first step all texts count as if they fitted perfectly.

    Args:
        design: The texts.
        programs: Where to start, one a head.
        steps: Steps.
        rate: Size of the first step, in units of a constant.
    """
    constants = programs.constants.float().clone()
    best, best_iou = constants.clone(), torch.full_like(constants[:, 0], -1.0)
    adam = torch.optim.Adam([constants], betas=BETAS, eps=SMALLEST_SLOPE, maximize=True)
    shared = design.lengths.expand(len(constants), -1).float()
    for step in range(steps + 1):
        slopes = slope_of_shared(shared, design.lengths) if step < steps else None
        sums = sum_overlaps(design, Sparse(programs.chosen, constants), slopes)
        shared, gradient = sums.shared, sums.gradient
        iou = iou_of_shared(shared, design.lengths).mean(1)
        better = iou > best_iou
        best, best_iou = torch.where(better[:, None], constants, best), torch.where(better, iou, best_iou)
        if step < steps:
            constants.grad = gradient
            adam.param_groups[0]["lr"] = rate * (1 - step / steps)
            adam.step()
            constants.clamp_(-LARGEST, LARGEST)
    return Polished(Sparse(programs.chosen, best.to(programs.constants.dtype)), best_iou)


def mean_iou(design: Design, programs: Sparse) -> torch.Tensor:
    """Mean over texts of each head's IoU, shape (heads,).

    Args:
        design: The texts.
        programs: One a head.
    """
    shared = sum_overlaps(design, programs, None).shared
    return iou_of_shared(shared, design.lengths).mean(1)


@dataclass(frozen=True)
class Pull:
    """The mean IoU at some scores and how it changes with each score."""

    iou: torch.Tensor
    """Shape (heads,)."""
    predicted: list[torch.Tensor]
    """The maps, one tensor a group of rows, shape (heads, tokens, rows)."""
    scores: list[torch.Tensor]
    """The gradient, alike in shape."""


def iou_pull(design: Design, scores: list[torch.Tensor]) -> Pull:
    """The mean IoU over texts and its gradient."""
    predicted = [softmax(one) for one in scores]
    shared = torch.zeros(design.heads, len(design.lengths), device=design.lengths.device)
    for group, maps in zip(design.groups, predicted, strict=True):
        shared.index_add_(1, group.text, overlap(maps, group))
    slopes = slope_of_shared(shared, design.lengths)
    pushes = [push_of(maps, group, slopes) for group, maps in zip(design.groups, predicted, strict=True)]
    return Pull(iou_of_shared(shared, design.lengths).mean(1), predicted, pushes)
