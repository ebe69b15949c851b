"""One pass over all texts, summing every head's objective and gradient: compiled loops on the CPU, torch elsewhere."""

from dataclasses import dataclass

import numpy as np
import torch

from attention_programs.machine_code import in_threads
from attention_programs.sparse_search.compiled import Halves, add_divergence, add_overlaps
from attention_programs.sparse_search.design import Design, overlap, push_of, scores_of, slope_of, softmax
from attention_programs.sparse_search.sparse_programs import SparsePrograms


@dataclass(frozen=True)
class Divergence:
    """The cross-entropy of patterns and programs with its derivatives by the coefficients; double precision.

    It differs from KL(pattern || program) by the pattern's own entropy, which does not depend on the coefficients.
    """

    value: torch.Tensor
    """Nats, shape (heads,)."""
    gradient: torch.Tensor
    """(P - A) f, shape (heads, k)."""
    curvature: torch.Tensor
    """The Hessian: covariance of the features under the program, summed over rows, shape (heads, k, k)."""


@dataclass(frozen=True)
class OverlapSums:
    """Sums of minima of patterns and programs; single precision."""

    shared: torch.Tensor
    """Shape (heads, texts)."""
    gradient: torch.Tensor
    """Gradient of the sums weighted by each text's slope, shape (heads, k)."""


def sum_divergence(design: Design, programs: SparsePrograms) -> Divergence:
    """Every head's divergence, summed over rows.

    Args:
        design: The texts.
        programs: One per head.
    """
    if programs.chosen.device.type != "cpu":
        return divergence_by_torch(design, programs)
    heads, k = programs.chosen.shape
    value, gradient, curvature = np.zeros(heads), np.zeros((heads, k)), np.zeros((heads, k, k))
    numbers, factors = programs.chosen.numpy(), programs.coefficients.double().numpy()

    def add(start: int, stop: int) -> None:
        for group in design.groups:
            patterns = _halves(group.features), _halves(group.attention)
            add_divergence(*patterns, numbers, factors, len(group.text), value, gradient, curvature, start, stop)

    in_threads(heads, add)
    curvature += np.tril(curvature, -1).transpose(0, 2, 1)
    return Divergence(*(torch.from_numpy(each) for each in (value, gradient, curvature)))


def sum_overlaps(design: Design, programs: SparsePrograms, slopes: torch.Tensor | None) -> OverlapSums:
    """Sums the minima of every head's pattern and program.

    Args:
        design: The texts.
        programs: One per head.
        slopes: Weight of each text in the gradient, shape (heads, texts); if None, no gradient is computed.
    """
    if programs.chosen.device.type != "cpu":
        return overlaps_by_torch(design, programs, slopes)
    heads, k = programs.chosen.shape
    shared = np.zeros((heads, len(design.lengths)), np.float32)
    gradient = np.zeros((0 if slopes is None else heads, k), np.float32)
    numbers, factors = programs.chosen.numpy(), programs.coefficients.double().numpy()
    weights = shared if slopes is None else slopes.float().numpy()

    def add(start: int, stop: int) -> None:
        for group in design.groups:
            patterns = _halves(group.features), _halves(group.attention)
            texts = group.text.numpy()
            add_overlaps(*patterns, texts, numbers, factors, weights, shared, gradient, start, stop)

    in_threads(heads, add)
    return OverlapSums(torch.from_numpy(shared), torch.from_numpy(gradient))


def _halves(values: torch.Tensor) -> Halves:
    """The bits of half-precision numbers, shape (first axis, all others)."""
    found: Halves = values.view(torch.int16).flatten(1).numpy().view(np.uint16)
    return found


def divergence_by_torch(design: Design, programs: SparsePrograms) -> Divergence:
    """As :func:`sum_divergence`, on any device."""
    k = programs.terms
    parts = []
    for some in design.head_chunks(2 * k):
        part, own = design.of_heads(some), programs.of_heads(some)
        value = own.coefficients.new_zeros(part.heads, dtype=torch.float64)
        gradient, curvature = value.new_zeros(part.heads, k), value.new_zeros(part.heads, k, k)
        for group in part.groups:
            columns, true_weights = group.columns(own.chosen), group.attention.float()
            scores = scores_of(own.coefficients, columns, group)
            predicted = softmax(scores)
            value += (scores.logsumexp(-2) - (true_weights * scores).sum(-2)).sum(-1)
            gradient += slope_of(columns, predicted - true_weights)
            weighted = columns * predicted.flatten(1)[:, None]
            means = weighted.view(part.heads, k, -1, len(group.text)).sum(-2)
            curvature += torch.bmm(weighted, columns.transpose(1, 2)) - torch.bmm(means, means.transpose(1, 2))
        parts.append((value, gradient, curvature))
    return Divergence(*(torch.cat(each) for each in zip(*parts, strict=True)))


def overlaps_by_torch(design: Design, programs: SparsePrograms, slopes: torch.Tensor | None) -> OverlapSums:
    """As :func:`sum_overlaps`, on any device."""
    parts = []
    for some in design.head_chunks(programs.terms):
        part, own = design.of_heads(some), programs.of_heads(some)
        shared = own.coefficients.new_zeros(part.heads, len(part.lengths), dtype=torch.float32)
        gradient = shared.new_zeros(part.heads if slopes is not None else 0, programs.terms)
        for group in part.groups:
            columns = group.columns(own.chosen)
            patterns = softmax(scores_of(own.coefficients, columns, group))
            shared.index_add_(1, group.text, overlap(patterns, group))
            if slopes is not None:
                gradient += slope_of(columns, push_of(patterns, group, slopes[some]))
        parts.append((shared, gradient))
    return OverlapSums(*(torch.cat(each) for each in zip(*parts, strict=True)))
