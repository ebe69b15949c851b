"""Sums over the output layer: each place's log partition sum, and a weighted sum of its logits.

On the CPU, the logits are read in place, in their own precision: single-precision copies and the temporary arrays of
``logsumexp`` take longer than the matrix products of a tenth of the model.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from attention_programs.machine_code import exp_of_negative, in_threads, machine_code

BLOCK = 1024
"""Logits summed at a time in single precision."""


@dataclass(frozen=True)
class OutputSums:
    """Sums over the vocabulary; single precision."""

    log_partition: torch.Tensor
    """Log of the sum of exponentials of each place's logits, shape (batch, places)."""
    weighted: torch.Tensor
    """Each place's sum of weights times logits, of the same shape; 0 without weights."""


def sum_outputs(logits: torch.Tensor, weights: torch.Tensor | None = None) -> OutputSums:
    """Sums up logits of any precision.

    Args:
        logits: Shape (batch, places, vocabulary).
        weights: Single precision, of the same shape.
    """
    short = logits.dtype == torch.bfloat16
    if logits.device.type != "cpu" or logits.requires_grad or not (short or logits.dtype == torch.float32):
        return _by_torch(logits, weights)
    bits = logits.view(torch.int16).numpy().view(np.uint16) if short else logits.numpy().view(np.uint32)
    factors = None if weights is None else weights.numpy()
    log_partition, weighted = (np.zeros(logits.shape[:2], np.float32) for _ in range(2))
    nothing = np.zeros((0, 0), np.float32)

    def add(start: int, stop: int) -> None:
        for text in range(start, stop):
            given = nothing if factors is None else factors[text]
            _add_rows(bits[text], np.uint32(16 if short else 0), given, log_partition[text], weighted[text])

    in_threads(len(logits), add)
    return OutputSums(torch.from_numpy(log_partition), torch.from_numpy(weighted))


def _by_torch(logits: torch.Tensor, weights: torch.Tensor | None) -> OutputSums:
    """One text at a time, as copies in single precision are several times as large as the logits."""
    with torch.autocast(logits.device.type, enabled=False):
        log_partition = torch.stack([text.float().logsumexp(dim=-1) for text in logits])
        if weights is None:
            return OutputSums(log_partition, torch.zeros_like(log_partition))
        pairs = zip(weights, logits, strict=True)
        return OutputSums(log_partition, torch.stack([torch.linalg.vecdot(own, text.float()) for own, text in pairs]))


@machine_code
def _add_rows(
    bits: NDArray[np.unsignedinteger],
    shift: np.uint32,
    weights: NDArray[np.float32],
    log_partition: NDArray[np.float32],
    weighted: NDArray[np.float32],
) -> None:
    """Sums up the places of one text into the last two; ``bits`` of its logits shifted give single precision."""
    places, vocabulary = bits.shape
    for place in range(places):
        row = bits[place]
        top = np.uint32(np.uint32(row[0]) << shift).view(np.float32)
        for number in range(vocabulary):
            top = max(top, np.uint32(np.uint32(row[number]) << shift).view(np.float32))
        total, product = 0.0, 0.0
        for start in range(0, vocabulary, BLOCK):
            part = row[start : min(start + BLOCK, vocabulary)]
            some = np.float32(0)
            for number in range(len(part)):
                some += exp_of_negative(np.uint32(np.uint32(part[number]) << shift).view(np.float32) - top)
            total += float(some)
            if len(weights):
                factors = weights[place][start : start + len(part)]
                some = np.float32(0)
                for number in range(len(part)):
                    some += factors[number] * np.uint32(np.uint32(part[number]) << shift).view(np.float32)
                product += float(some)
        log_partition[place] = top + np.log(total)
        weighted[place] = product
