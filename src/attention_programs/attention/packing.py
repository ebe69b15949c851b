"""Packed attention patterns: some or all rows, one after another, each up to its own token in causal models."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True)
class Packing:
    """Where each weight of a text's patterns is in a packed array."""

    tokens: int
    """Number of tokens n."""
    causal: bool
    """Whether row i has only the entries 0..i."""
    kept: tuple[int, ...] = ()
    """The rows that are kept, ascending; all if empty."""

    @property
    def rows(self) -> NDArray[np.int64]:
        """The rows that are kept, shape (rows,)."""
        return np.array(self.kept, dtype=np.int64) if self.kept else np.arange(self.tokens, dtype=np.int64)

    @cached_property
    def row_lengths(self) -> NDArray[np.int64]:
        """Number of entries of each row, shape (rows,)."""
        return self.rows + 1 if self.causal else np.full(len(self.rows), self.tokens, dtype=np.int64)

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Index of each row's first entry, shape (rows,).

        >>> Packing(4, causal=True).starts.tolist()
        [0, 1, 3, 6]
        """
        return np.cumsum(self.row_lengths) - self.row_lengths

    @cached_property
    def entries(self) -> int:
        """Number of entries of a packed pattern.

        >>> Packing(3, causal=True).entries, Packing(3, causal=False).entries, Packing(3, True, kept=(0, 2)).entries
        (6, 9, 4)
        """
        return int(self.row_lengths.sum())

    @cached_property
    def weights(self) -> NDArray[np.float32]:
        """How many rows each kept one stands for, in units of their mean, shape (rows,).

        Each row of the complete beginning stands for itself, each later one for its part of the remaining rows.

        >>> Packing(6, causal=True, kept=(0, 1, 3, 5)).weights.tolist()
        [0.6666666865348816, 0.6666666865348816, 1.3333333730697632, 1.3333333730697632]
        """
        rows, complete = len(self.rows), self.complete
        if rows == self.tokens:
            return np.ones(rows, np.float32)
        counted = np.ones(rows)
        counted[complete:] = (self.tokens - complete) / (rows - complete)
        return (counted * rows / self.tokens).astype(np.float32)

    @property
    def complete(self) -> int:
        """Number of rows at the beginning of the text of which none is missing."""
        return int(np.argmin(np.append(self.rows == np.arange(len(self.rows)), False)))

    @property
    def places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Each entry's place among the kept rows and its column, both of shape (entries,)."""
        return _places(self)

    def slice_of(self, rows: slice) -> slice:
        """The entries of some consecutive kept rows."""
        ends = np.append(self.starts, self.entries)
        return slice(int(ends[rows.start]), int(ends[rows.stop]))

    def beginning(self, tokens: int) -> "Packing":
        """The packing of a causal model's patterns on the first ``tokens`` tokens: the entries in front of the others.

        >>> Packing(6, causal=True, kept=(0, 1, 3, 5)).beginning(4).kept
        (0, 1, 3)
        """
        return Packing(tokens, self.causal, tuple(row for row in self.kept if row < tokens))

    def pack(self, patterns: NDArray[Number]) -> NDArray[Number]:
        """Packs patterns of shape (..., n, n) into (..., entries).

        >>> Packing(2, causal=True).pack(np.array([[1.0, 0.0], [0.25, 0.75]])).tolist()
        [1.0, 0.25, 0.75]
        """
        if not self.causal and not self.kept:
            return patterns.reshape(*patterns.shape[:-2], self.entries)
        rows, columns = self.places
        if patterns.ndim == 2:  # one program's on one text, of which there are many: four times as fast
            return patterns.ravel().take(_indices(self, in_all_rows=True))
        return patterns[..., self.rows[rows], columns]

    def unpack(self, entries: NDArray[Number]) -> NDArray[Number]:
        """The inverse of :meth:`pack`: (..., entries) to (..., rows, n), zero above the diagonal for causal models."""
        if not self.causal:
            return entries.reshape(*entries.shape[:-1], len(self.rows), self.tokens)
        patterns = np.zeros((*entries.shape[:-1], len(self.rows) * self.tokens), dtype=entries.dtype)
        patterns[..., _indices(self, in_all_rows=False)] = entries
        return patterns.reshape(*entries.shape[:-1], len(self.rows), self.tokens)

    def weighted(self, entries: NDArray[Number]) -> NDArray[Number]:
        """Packed patterns (..., entries) with each row multiplied by its weight.

        IoU and divergences of such patterns count each row that often, as they are sums over rows of functions that
        grow with both patterns.
        """
        return entries * np.repeat(self.weights, self.row_lengths) if self.kept else entries

    def normalised(self, entries: NDArray[np.float32]) -> NDArray[np.float32]:
        """Packed patterns (patterns, entries) divided by their row sums, which undoes rounding."""
        return np.divide(entries, np.repeat(self.row_sums(entries), self.row_lengths, axis=-1))

    def row_sums(self, entries: NDArray[np.float32]) -> NDArray[np.float32]:
        """The sum of each row, (..., entries) to (..., rows)."""
        sums: NDArray[np.float32] = np.add.reduceat(entries, self.starts, axis=-1)
        return sums


def sampled_rows(tokens: int, max_rows: int) -> tuple[int, ...]:
    """The rows to keep of a long text: the first half of them complete, the others evenly spaced up to the last.

    Returns:
        The rows, ascending; empty, for all, if there are at most ``max_rows`` or ``max_rows`` is 0.

    >>> sampled_rows(12, 6), sampled_rows(6, 6)
    ((0, 1, 2, 5, 8, 11), ())
    """
    if not max_rows or tokens <= max_rows:
        return ()
    complete = max_rows // 2
    later = max_rows - complete
    return (
        *range(complete),
        *(complete + (number + 1) * (tokens - complete) // later - 1 for number in range(later)),
    )


@lru_cache(maxsize=64)
def _places(packing: Packing) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rows = np.repeat(np.arange(len(packing.rows)), packing.row_lengths)
    return rows, np.arange(packing.entries) - np.repeat(packing.starts, packing.row_lengths)


@lru_cache(maxsize=128)
def _indices(packing: Packing, in_all_rows: bool) -> NDArray[np.int64]:
    """Each entry's index in a flat pattern of all rows or of the kept ones."""
    rows, columns = _places(packing)
    return (packing.rows[rows] if in_all_rows else rows) * packing.tokens + columns
