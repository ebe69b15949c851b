"""Packed attention patterns: the lower triangle, row by row, for causal models; full rows for encoders."""

import functools

import numpy as np
from numpy.typing import NDArray


def entry_count(tokens: int, causal: bool) -> int:
    """Number of entries of one packed pattern.

    >>> entry_count(3, causal=True), entry_count(3, causal=False)
    (6, 9)
    """
    return tokens * (tokens + 1) // 2 if causal else tokens * tokens


def row_starts(tokens: int, causal: bool) -> NDArray[np.int64]:
    """Index of each row's first entry, shape (n,).

    >>> row_starts(4, causal=True).tolist()
    [0, 1, 3, 6]
    """
    rows = np.arange(tokens, dtype=np.int64)
    return rows * (rows + 1) // 2 if causal else rows * tokens


def scaled_rows(
    entries: NDArray[np.float32], sums: NDArray[np.float32], starts: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Packed patterns (patterns, entries) divided by their row sums (patterns, n), which undoes rounding."""
    lengths = np.diff(np.append(starts, entries.shape[-1]))
    return np.divide(entries, np.repeat(sums, lengths, axis=-1))


@functools.lru_cache(maxsize=64)
def _triangle(tokens: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return np.tril_indices(tokens)


def pack(patterns: NDArray[np.floating], causal: bool) -> NDArray[np.floating]:
    """Packs patterns of shape (..., n, n) into (..., entries).

    >>> pack(np.array([[1.0, 0.0], [0.25, 0.75]]), causal=True).tolist()
    [1.0, 0.25, 0.75]
    """
    tokens = patterns.shape[-1]
    if not causal:
        return patterns.reshape(*patterns.shape[:-2], tokens * tokens)
    rows, columns = _triangle(tokens)
    return patterns[..., rows, columns]


def unpack(entries: NDArray[np.floating], tokens: int, causal: bool) -> NDArray[np.floating]:
    """The inverse of :func:`pack`: (..., entries) to (..., n, n), zero above the diagonal for causal models."""
    if not causal:
        return entries.reshape(*entries.shape[:-1], tokens, tokens)
    patterns = np.zeros((*entries.shape[:-1], tokens, tokens), dtype=entries.dtype)
    rows, columns = _triangle(tokens)
    patterns[..., rows, columns] = entries
    return patterns
