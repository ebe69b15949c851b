"""Explaining all heads with few programs: heads that one program fits well share it, refitted on all of them."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from attention_programs.attention.metrics import iou_of_shared
from attention_programs.sparse_search.design import Design, scores_of, softmax
from attention_programs.sparse_search.sparse_programs import SparsePrograms
from attention_programs.sparse_search.term_selector import TermSelector

ROUNDS = 2
"""Rounds of refitting programs to their members and reassigning heads."""
PROGRAMS_AT_ONCE = 32
"""Number of programs evaluated at a time."""


@dataclass(frozen=True)
class Shared:
    """A few programs, and which head uses which."""

    programs: SparsePrograms
    member_of: NDArray[np.int64]
    """Index of each head's program, shape (heads,)."""

    @property
    def members(self) -> list[list[int]]:
        """The heads of each program."""
        return [np.flatnonzero(self.member_of == number).tolist() for number in range(len(self.programs.chosen))]


def share(selector: TermSelector, own: SparsePrograms, fits: NDArray[np.floating], count: int) -> Shared:
    """Explains all heads with ``count`` programs.

    Starts from the programs of some heads, chosen greedily to maximise the mean over heads of the best IoU. Then each
    program is refitted to the mean pattern of its members, and heads are reassigned.

    Args:
        selector: Selects terms; has the texts.
        own: One program per head.
        fits: IoU of every program with every head, from :func:`pairwise_iou`.
        count: Number of programs; if there are no more heads than that, each keeps its own.
    """
    if count >= len(own.chosen):
        return Shared(own, np.arange(len(own.chosen)))
    shared = _assign(own.of_heads(torch.tensor(representatives(fits, count))), selector.sample)
    for number in range(ROUNDS):
        means = selector.on(selector.sample.of_groups(shared.members), f"shared {count}, {number}")
        refitted = means.improve(shared.programs, f"sharing {count} programs")
        shared = _assign(refitted, selector.sample)
    return shared


def representatives(fits: NDArray[np.floating], count: int) -> list[int]:
    """Greedily chosen programs: each adds most to the mean over heads of the best fit.

    Args:
        fits: IoU of every program with every head, shape (programs, heads).
        count: Number of programs.

    >>> representatives(np.array([[0.9, 0.1, 0.1], [0.1, 0.6, 0.5], [0.1, 0.5, 0.7]]), 2)
    [2, 0]
    """
    best = np.zeros(fits.shape[1])
    found: list[int] = []
    for _ in range(count):
        gains = np.maximum(fits, best).mean(axis=1)
        gains[found] = -1
        found.append(int(np.argmax(gains)))
        best = np.maximum(best, fits[found[-1]])
    return found


def pairwise_iou(sample: Design, programs: SparsePrograms) -> NDArray[np.float64]:
    """IoU of every program with every head over all rows of the sample together, shape (programs, heads).

    The sum of minima of two patterns is half the difference between their total weight and their L1 distance.
    """
    shared = torch.zeros(len(programs.chosen), sample.heads, dtype=torch.float64, device=sample.lengths.device)
    for group in sample.groups:
        true_weights = group.attention.float().flatten(1)
        for start in range(0, len(shared), PROGRAMS_AT_ONCE):
            some = slice(start, start + PROGRAMS_AT_ONCE)
            columns = group.columns(programs.chosen[some])
            predicted = softmax(scores_of(programs.coefficients[some], columns, group)).flatten(1)
            apart = torch.cdist(predicted, true_weights, p=1.0)
            shared[some] += (predicted.sum(1)[:, None] + true_weights.sum(1) - apart) / 2
    return iou_of_shared(shared, sample.rows).cpu().numpy()


def _assign(programs: SparsePrograms, sample: Design) -> Shared:
    wanted, member_of = np.unique(pairwise_iou(sample, programs).argmax(axis=0), return_inverse=True)
    return Shared(programs.of_heads(torch.from_numpy(wanted)), member_of)
