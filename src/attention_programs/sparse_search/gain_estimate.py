"""Gain estimates (score test): which term to add next to each head's program."""

from dataclasses import dataclass
from typing import Literal

import torch

from attention_programs.sparse_search.design import Design, softmax
from attention_programs.sparse_search.fitting import iou_pull
from attention_programs.sparse_search.passes import sum_divergence
from attention_programs.sparse_search.sparse_programs import SparsePrograms

SMALLEST_SPREAD = 0.5
"""With a lower summed variance, a term varies too rarely for its gradient to mean anything."""
Objective = Literal["divergence", "iou"]


@dataclass(frozen=True)
class GainEstimate:
    """How fast each head's fit improves with every feature, and in what units; shape (heads, features)."""

    gradient: torch.Tensor
    """Gradient of the summed divergence, or of the mean IoU, with respect to the feature's coefficient."""
    spread: torch.Tensor
    """Sum over rows of the feature's variance under the predicted pattern."""

    def best(self, chosen: torch.Tensor, count: int) -> torch.Tensor:
        """The features with the largest gradients in units of their spread, shape (heads, count).

        Features that are already chosen, or hardly ever vary, are skipped.
        """
        score = self.gradient.abs() / self.spread.clamp_min(SMALLEST_SPREAD).sqrt()
        score = score.masked_fill(self.spread < SMALLEST_SPREAD, 0.0)
        return score.scatter(1, chosen, -1.0).topk(count, dim=1).indices


def estimate_gain(design: Design, programs: SparsePrograms, objective: Objective) -> GainEstimate:
    """Every feature's estimated gain for every head, given the programs found so far.

    Args:
        design: The texts.
        programs: One per head.
        objective: The objective to improve.
    """
    # Two patterns in single precision: the predicted one and the gradient.
    parts = [
        _estimate_gain(design.of_heads(some), programs.of_heads(some), objective) for some in design.head_chunks(2)
    ]
    return GainEstimate(torch.cat([part.gradient for part in parts]), torch.cat([part.spread for part in parts]))


def _estimate_gain(design: Design, programs: SparsePrograms, objective: Objective) -> GainEstimate:
    features, chosen = design.groups[0].features.shape[0], programs.chosen
    dense = torch.zeros(design.heads, features, device=chosen.device)
    dense.scatter_add_(1, chosen, programs.coefficients.float())
    used = torch.unique(chosen)
    predicted = [
        softmax((dense[:, used] @ group.features[used].float().flatten(1)).view(design.heads, -1, len(group.text)))
        for group in design.groups
    ]
    if objective == "iou":
        pushes = iou_pull(design, predicted)
    else:
        true_weights = (group.attention.float() for group in design.groups)
        pushes = (patterns - true for patterns, true in zip(predicted, true_weights, strict=True))
    gradient, spread = torch.zeros_like(dense), torch.zeros_like(dense)
    for group, patterns, push in zip(design.groups, predicted, pushes, strict=True):
        # Rows first, the layout that the matrix products need.
        values = group.features.transpose(1, 2).contiguous().float()
        weights, flat = patterns.transpose(1, 2).contiguous(), values.flatten(1)
        gradient += push.transpose(1, 2).flatten(1) @ flat.T
        spread += weights.flatten(1) @ flat.square().T
        spread -= torch.bmm(weights.transpose(0, 1), values.permute(1, 2, 0)).square().sum(0)
    return GainEstimate(gradient, spread)


def influence(design: Design, programs: SparsePrograms) -> torch.Tensor:
    """How much each term moves the scores: |coefficient| x standard deviation under the pattern, shape (heads, k)."""
    variance = sum_divergence(design, programs).curvature.diagonal(dim1=1, dim2=2)
    return programs.coefficients.abs() * (variance / design.rows).clamp_min(0.0).sqrt()
