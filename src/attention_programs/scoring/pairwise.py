"""All programs against all heads on one text, vectorised.

For patterns a and p whose n rows sum to 1, the sum of minima S gives IoU = S / (2n - S); it takes two operations per
entry, where the distance |a - p| takes three. On the CPU the loops are compiled to machine code and run without the
GIL; on a GPU torch computes S = (sum a + sum p - D) / 2 from the L1 distance D.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from attention_programs.attention.metrics import over_union
from attention_programs.machine_code import machine_code

PatternArray = NDArray[np.float32]
"""Packed patterns, shape (patterns, entries)."""
Sums = NDArray[np.float64]
"""One number per pair, shape (programs, heads)."""

BLOCK = 1024
"""Entries summed at a time: few enough for the L1 cache and for an accurate float32 sum."""
PROGRAMS, HEADS = 2, 4
"""Tile size: this many programs are compared with this many heads at a time."""
TINY = 1e-30
"""Added to weights on a GPU so that 0 log 0 is 0."""
EXPONENT, MANTISSA, ONE = np.int32(23), np.int32(0x7FFFFF), np.int32(0x3F800000)
"""The layout of float32: the number of mantissa bits, their mask, and the bits of 1.0."""
C1, C2, C3, C4, C5, C6 = np.array(
    [6.1129628, -5.3419886, 3.2865282, -1.2669179, 0.27514868, -0.025691079], dtype=np.float32
)
"""The best approximation c1 m + ... + c6 m^6 of log2(m) + 3.04004 on [1, 2], with an error of at most 2e-6."""


@dataclass(frozen=True)
class PairScores:
    """Scores of every program against every head on one text, each of shape (programs, heads)."""

    intersection: NDArray[np.float32]
    """Sum of element-wise minima, between 0 and the number of rows."""
    sink_excluded_iou: NDArray[np.float32]
    """IoU without the first column."""
    divergence: NDArray[np.float32]
    """Mean Jensen-Shannon divergence over rows, in bits."""


@dataclass(frozen=True)
class _Sums:
    shared: Sums
    """Minima."""
    joined: Sums
    """Maxima."""
    logs: Sums
    """(a log2 a + p log2 p - (a + p) log2(a + p)) / 2."""


def score_pairs(
    predicted: PatternArray, attention: PatternArray, row_starts: NDArray[np.int64], device: str = "cpu"
) -> PairScores:
    """Scores every program's packed pattern against every head's.

    Args:
        predicted: Shape (programs, entries), rows summing to 1.
        attention: Shape (heads, entries), rows summing to 1.
        row_starts: Index of each row's first entry; these entries are the first column.
        device: Device to compute on.
    """
    # Sums the first column separately: it may have nearly all the weight, whose rounding would swamp the rest.
    columns = row_starts, np.delete(np.arange(predicted.shape[1]), row_starts)
    sum_up = _on_cpu if device == "cpu" else functools.partial(_by_torch, device=device)
    first, rest = (
        sum_up(_tiled(predicted, entries, PROGRAMS), _tiled(attention, entries, HEADS)) for entries in columns
    )
    rows = len(row_starts)
    scores = (
        np.clip(first.shared + rest.shared, 0, rows),
        np.clip(over_union(rest.shared, rest.joined), 0, 1),
        np.clip(1 + (first.logs + rest.logs) / rows, 0, 1),
    )
    return PairScores(*(score[: len(predicted), : len(attention)].astype(np.float32) for score in scores))


def _tiled(patterns: PatternArray, entries: NDArray[np.int64], tile: int) -> PatternArray:
    """Some entries of all patterns, padded with empty patterns to complete the last tile."""
    some = np.zeros((len(patterns) + -len(patterns) % tile, len(entries)), np.float32)
    np.take(patterns, entries, axis=1, out=some[: len(patterns)], mode="clip")
    return some


def _on_cpu(programs: PatternArray, heads: PatternArray) -> _Sums:
    shared = _over_pairs(_add_minima, programs, heads)
    total = programs.sum(1)[:, None] + heads.sum(1)
    nothing = np.zeros_like(heads[:2])
    own = _over_pairs(_add_logs, programs, nothing)[:, :1] + _over_pairs(_add_logs, heads, nothing)[:, 0]
    return _Sums(shared, total - shared, (own - _over_pairs(_add_logs, programs, heads)) / 2)


def _over_pairs(
    add: Callable[[PatternArray, PatternArray, Sums], None], programs: PatternArray, heads: PatternArray
) -> Sums:
    sums = np.zeros((len(programs), len(heads)))
    add(programs, heads, sums)
    return sums


@machine_code
def _add_minima(programs: PatternArray, heads: PatternArray, sums: Sums) -> None:
    """Adds the minima of two programs with four heads at a time: eight sums in registers from six loads."""
    entries = programs.shape[1]
    for start in range(0, entries, BLOCK):
        stop = min(start + BLOCK, entries)
        for head in range(0, heads.shape[0], HEADS):
            a, b = heads[head, start:stop], heads[head + 1, start:stop]
            c, d = heads[head + 2, start:stop], heads[head + 3, start:stop]
            for program in range(0, programs.shape[0], PROGRAMS):
                p, q = programs[program, start:stop], programs[program + 1, start:stop]
                ap = bp = cp = dp = aq = bq = cq = dq = np.float32(0)
                for cell in range(stop - start):
                    ap += min(a[cell], p[cell])
                    bp += min(b[cell], p[cell])
                    cp += min(c[cell], p[cell])
                    dp += min(d[cell], p[cell])
                    aq += min(a[cell], q[cell])
                    bq += min(b[cell], q[cell])
                    cq += min(c[cell], q[cell])
                    dq += min(d[cell], q[cell])
                sums[program, head] += ap
                sums[program, head + 1] += bp
                sums[program, head + 2] += cp
                sums[program, head + 3] += dp
                sums[program + 1, head] += aq
                sums[program + 1, head + 1] += bq
                sums[program + 1, head + 2] += cq
                sums[program + 1, head + 3] += dq


@machine_code
def _add_logs(programs: PatternArray, heads: PatternArray, sums: Sums) -> None:
    """Adds (a + p) log2(a + p), shifted as in :func:`_shifted_log2`, of a program with two heads at a time."""
    entries = programs.shape[1]
    for start in range(0, entries, BLOCK):
        stop = min(start + BLOCK, entries)
        for head in range(0, heads.shape[0], 2):
            a, b = heads[head, start:stop], heads[head + 1, start:stop]
            for program in range(programs.shape[0]):
                p = programs[program, start:stop]
                ap = bp = np.float32(0)
                for cell in range(stop - start):
                    both = a[cell] + p[cell]
                    ap += both * _shifted_log2(both)
                    both = b[cell] + p[cell]
                    bp += both * _shifted_log2(both)
                sums[program, head] += ap
                sums[program, head + 1] += bp


@machine_code
def _shifted_log2(weight: np.float32) -> np.float32:
    """log2(weight) + 3.04004, vectorisable and finite at 0; the shift cancels, as patterns and mean have equal sums."""
    bits = np.float32(weight).view(np.int32)
    exponent = np.float32(np.int32(np.int32(bits - ONE) >> EXPONENT))
    m = np.int32(np.int32(bits & MANTISSA) | ONE).view(np.float32)
    return (((((C6 * m + C5) * m + C4) * m + C3) * m + C2) * m + C1) * m + exponent


@torch.inference_mode()
def _by_torch(programs: PatternArray, heads: PatternArray, device: str) -> _Sums:
    predicted, patterns = torch.from_numpy(programs).to(device), torch.from_numpy(heads).to(device)
    total = predicted.sum(1)[:, None] + patterns.sum(1)
    distance = torch.cdist(predicted, patterns, p=1)
    predicted, patterns = predicted + TINY, patterns + TINY
    middle = torch.stack([_sum_x_log_x(patterns + program) for program in predicted])
    logs = (_sum_x_log_x(predicted)[:, None] + _sum_x_log_x(patterns) - middle) / 2
    sums = (total - distance) / 2, (total + distance) / 2, logs
    return _Sums(*(one.cpu().numpy().astype(np.float64) for one in sums))


def _sum_x_log_x(entries: torch.Tensor) -> torch.Tensor:
    return torch.linalg.vecdot(entries, entries.log2())
