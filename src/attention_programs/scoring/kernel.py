"""All programs against all heads on one text, vectorised.

The L1 distance D and the sums of two maps a and b give the sum of minima S = (sum a + sum b - D) / 2, and for maps
whose n rows sum to 1, IoU = S / (2n - S).
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

LOG2 = float(np.log(2.0))
TINY = 1e-30
"""Added to weights so that 0 log 0 is 0."""


@dataclass(frozen=True)
class PairScores:
    """Scores of every program (rows) against every head (columns) on one text; each of shape (programs, heads)."""

    intersection: NDArray[np.float32]
    """Sum of minima, between 0 and the number of rows."""
    sink_excluded_iou: NDArray[np.float32]
    """IoU without the first column."""
    divergence: NDArray[np.float32]
    """Mean over rows of the Jensen-Shannon divergence, bits."""


def iou_from_intersection(intersection: NDArray[np.floating], rows: int | NDArray[np.integer]) -> NDArray[np.floating]:
    """IoU of maps with ``rows`` rows that sum to 1.

    >>> iou_from_intersection(np.array([1.5]), rows=2).tolist()
    [0.6]
    """
    return intersection / (2 * rows - intersection)


def _sum_x_log_x(cells: torch.Tensor) -> torch.Tensor:
    """Sum of x log x over the last axis, nats; no entry may be 0."""
    return torch.linalg.vecdot(cells, cells.log())


@torch.inference_mode()
def score_pairs(
    predicted: NDArray[np.float32],
    attention: NDArray[np.float32],
    row_starts: NDArray[np.int64],
    block_mib: float,
    device: str = "cpu",
) -> PairScores:
    """Scores every program's packed map against every head's.

    Args:
        predicted: Shape (programs, cells), rows summing to 1.
        attention: Shape (heads, cells), rows summing to 1.
        row_starts: First cell of each row; those cells are the first column.
        block_mib: Size of the block of heads that one program is compared with at a time; fastest in the cache.
        device: Where to compute.
    """
    rows = len(row_starts)
    maps = torch.from_numpy(attention).to(device)
    programs = torch.from_numpy(predicted).to(device)
    first = torch.zeros(maps.shape[1], dtype=torch.bool, device=device)
    first[torch.from_numpy(row_starts)] = True
    # The first column apart: it may hold nearly all weight, and what is left must not drown in its rounding.
    sink, _ = _minima_and_maxima(programs[:, first], maps[:, first])
    rest, union = _minima_and_maxima(programs[:, ~first], maps[:, ~first])
    excluded = torch.where(union > 0, rest / union.clamp_min(TINY), torch.ones_like(rest))
    divergence = _divergences(programs + TINY, maps + TINY, rows, block_mib)
    return PairScores(
        (sink + rest).clamp(0, rows).cpu().numpy(), excluded.clamp(0, 1).cpu().numpy(), divergence.cpu().numpy()
    )


def _minima_and_maxima(programs: torch.Tensor, maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Sums of minima and of maxima of every pair, each of shape (programs, heads)."""
    total = programs.sum(1)[:, None] + maps.sum(1)[None]
    distance = torch.cdist(programs, maps, p=1)
    return (total - distance) / 2, (total + distance) / 2


def _divergences(programs: torch.Tensor, maps: torch.Tensor, rows: int, block_mib: float) -> torch.Tensor:
    """Mean row-wise Jensen-Shannon divergence of every pair, bits, shape (programs, heads).

    With s = a + p and rows that sum to 1, the entropy of the middle is rows log 2 - (sum of s log s) / 2.
    """
    middle = torch.empty(len(programs), len(maps), device=maps.device)
    block = max(1, int(block_mib * 2**20) // (4 * maps.shape[1]))
    for start in range(0, len(maps), block):
        part = maps[start : start + block]
        buffer, logs = torch.empty_like(part), torch.empty_like(part)
        for index, program in enumerate(programs):
            torch.add(part, program, out=buffer)
            torch.log(buffer, out=logs)
            middle[index, start : start + block] = torch.linalg.vecdot(buffer, logs)
    own = (_sum_x_log_x(programs)[:, None] + _sum_x_log_x(maps)[None]) / 2
    return ((own - middle / 2 + rows * LOG2) / rows / LOG2).clamp(0, 1)
