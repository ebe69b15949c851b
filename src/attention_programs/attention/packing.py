"""The packed form of attention maps: the lower triangle row by row for causal models, all rows for encoders."""

import functools

import numpy as np
from numpy.typing import NDArray


def cell_count(tokens: int, causal: bool) -> int:
    """Cells of one packed map.

    >>> cell_count(3, causal=True), cell_count(3, causal=False)
    (6, 9)
    """
    return tokens * (tokens + 1) // 2 if causal else tokens * tokens


def row_starts(tokens: int, causal: bool) -> NDArray[np.int64]:
    """Position of each row's first cell, shape (n,).

    >>> row_starts(4, causal=True).tolist()
    [0, 1, 3, 6]
    """
    rows = np.arange(tokens, dtype=np.int64)
    return rows * (rows + 1) // 2 if causal else rows * tokens


def scaled_rows(
    cells: NDArray[np.float32], sums: NDArray[np.float32], starts: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Packed maps, shape (maps, cells), divided row by row by the rows' sums, shape (maps, n), against rounding."""
    lengths = np.diff(np.append(starts, cells.shape[-1]))
    scaled: NDArray[np.float32] = np.divide(cells, np.repeat(sums, lengths, axis=-1))
    return scaled


@functools.lru_cache(maxsize=64)
def _triangle(tokens: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the lower triangle's cells."""
    return np.tril_indices(tokens)


def pack(maps: NDArray[np.floating], causal: bool) -> NDArray[np.floating]:
    """Packs maps of shape (..., n, n) to (..., cells).

    >>> pack(np.array([[1.0, 0.0], [0.25, 0.75]]), causal=True).tolist()
    [1.0, 0.25, 0.75]
    """
    tokens = maps.shape[-1]
    if not causal:
        return maps.reshape(*maps.shape[:-2], tokens * tokens)
    rows, columns = _triangle(tokens)
    return maps[..., rows, columns]


def unpack(cells: NDArray[np.floating], tokens: int, causal: bool) -> NDArray[np.floating]:
    """Undoes :func:`pack`: shape (..., cells) to (..., n, n), zero above the diagonal for causal models."""
    if not causal:
        return cells.reshape(*cells.shape[:-1], tokens, tokens)
    maps = np.zeros((*cells.shape[:-1], tokens, tokens), dtype=cells.dtype)
    rows, columns = _triangle(tokens)
    maps[..., rows, columns] = cells
    return maps
