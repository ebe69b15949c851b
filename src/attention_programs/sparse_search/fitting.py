"""Fitting the coefficients of every head's program: first by KL divergence from the pattern, then by IoU itself."""

from collections.abc import Iterator, Sequence

import torch

from attention_programs.attention.metrics import iou_of_shared
from attention_programs.sparse_search.design import Design, overlap, push_of, slope_of_shared
from attention_programs.sparse_search.passes import Divergence, sum_divergence, sum_overlaps
from attention_programs.sparse_search.sparse_programs import SparsePrograms

MAX_STEP = 4.0
"""Largest change of a coefficient in one Newton step; keeps a nearly separable term from diverging."""
LARGEST = 12.0
"""Largest coefficient: exp(12) already dominates a row."""
BETAS = (0.9, 0.99)
"""Adam's decay rates of the gradient's moments."""
SMALLEST_SLOPE = 1e-12
"""Adam's epsilon: gradients below it make smaller steps."""
SLACK = 1e-6
"""Increase of the objective, in nats per row, that counts as floating-point noise."""


def divergence_slope(design: Design, programs: SparsePrograms, ridge: float) -> Divergence:
    """Every head's divergence as a mean over rows, plus the ridge penalty.

    Args:
        design: The texts.
        programs: One per head.
        ridge: Weight of the squared coefficients, in nats per row.
    """
    sums = sum_divergence(design, programs)
    coefficients, rows = programs.coefficients, design.rows
    return Divergence(
        sums.value / rows + ridge * coefficients.square().sum(-1),
        sums.gradient / rows + 2 * ridge * coefficients,
        sums.curvature / rows
        + 2 * ridge * torch.eye(programs.terms, dtype=coefficients.dtype, device=coefficients.device),
    )


def fit_divergence(design: Design, programs: SparsePrograms, ridge: float, tries: int) -> SparsePrograms:
    """Newton steps on every head's divergence at once; a step that overshoots is halved and tried again.

    The objective is convex, but far from the minimum a full step may increase it.

    Args:
        design: The texts.
        programs: Where to start, one per head.
        ridge: Weight of the squared coefficients, in nats per row.
        tries: Number of steps tried, each at the cost of one pass over the texts.
    """
    best = divergence_slope(design, programs, ridge)
    step = _newton(best)
    for _ in range(tries):
        moved = SparsePrograms(programs.chosen, (programs.coefficients - step).clamp(-LARGEST, LARGEST))
        found = divergence_slope(design, moved, ridge)
        lower = found.value <= best.value + SLACK
        programs = moved.where(lower, programs)
        best = Divergence(
            torch.where(lower, found.value, best.value),
            torch.where(lower[:, None], found.gradient, best.gradient),
            torch.where(lower[:, None, None], found.curvature, best.curvature),
        )
        step = torch.where(lower[:, None], _newton(best), step / 2)
    return programs


def _newton(at: Divergence) -> torch.Tensor:
    return torch.linalg.solve(at.curvature, at.gradient).clamp(-MAX_STEP, MAX_STEP)


def fit_iou(design: Design, programs: SparsePrograms, steps: int, rate: float) -> SparsePrograms:
    """Maximises every head's mean IoU itself, by Adam with a decaying step size; keeps the best coefficients seen.

    A text's weight in the gradient comes from its IoU at the previous step, so that features are read once per step
    rather than twice; at the first step all texts count as if they fitted perfectly.

    Args:
        design: The texts.
        programs: Where to start, one per head.
        steps: Number of steps.
        rate: Size of the first step, in units of a coefficient.
    """
    coefficients = programs.coefficients.float().clone()
    best, best_iou = coefficients.clone(), torch.full_like(coefficients[:, 0], -1.0)
    adam = torch.optim.Adam([coefficients], betas=BETAS, eps=SMALLEST_SLOPE, maximize=True)
    shared = design.lengths.expand(len(coefficients), -1).float()
    for step in range(steps + 1):
        slopes = slope_of_shared(shared, design.lengths) if step < steps else None
        sums = sum_overlaps(design, SparsePrograms(programs.chosen, coefficients), slopes)
        shared, gradient = sums.shared, sums.gradient
        iou = iou_of_shared(shared, design.lengths).mean(1)
        better = iou > best_iou
        best, best_iou = torch.where(better[:, None], coefficients, best), torch.where(better, iou, best_iou)
        if step < steps:
            coefficients.grad = gradient
            adam.param_groups[0]["lr"] = rate * (1 - step / steps)
            adam.step()
            coefficients.clamp_(-LARGEST, LARGEST)
    return SparsePrograms(programs.chosen, best.to(programs.coefficients.dtype))


def mean_iou(design: Design, programs: SparsePrograms) -> torch.Tensor:
    """Mean over texts of each head's IoU, shape (heads,).

    Args:
        design: The texts.
        programs: One per head.
    """
    shared = sum_overlaps(design, programs, None).shared
    return iou_of_shared(shared, design.lengths).mean(1)


def iou_pull(design: Design, predicted: Sequence[torch.Tensor]) -> Iterator[torch.Tensor]:
    """Yields the gradient of the mean IoU over texts with respect to each score, one group of rows at a time.

    Args:
        design: The texts.
        predicted: The predicted patterns, one tensor of shape (heads, tokens, rows) per group of rows.
    """
    shared = torch.zeros(design.heads, len(design.lengths), device=design.lengths.device)
    for group, patterns in zip(design.groups, predicted, strict=True):
        shared.index_add_(1, group.text, overlap(patterns, group))
    slopes = slope_of_shared(shared, design.lengths)
    for group, patterns in zip(design.groups, predicted, strict=True):
        yield push_of(patterns, group, slopes)
