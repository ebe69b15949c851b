"""The features and the maps of many texts, side by side in packed form, ready to be fitted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attention_programs.attention.packing import pack, row_starts
from attention_programs.attention.store import MappedText
from attention_programs.programs.view import TokenView
from attention_programs.programs.vocabulary.registry import Array
from attention_programs.synthesis.features import Feature


@dataclass(frozen=True)
class Design:
    """Texts laid end to end. All rows of all texts are consecutive cells."""

    features: Array
    """Shape (features, cells)."""
    attention: Array
    """The heads' maps, shape (heads, cells)."""
    row_starts: NDArray[np.int64]
    """First cell of each row, shape (rows,)."""
    row_of_cell: NDArray[np.int64]
    """Row of each cell, shape (cells,)."""
    text_starts: NDArray[np.int64]
    """First cell of each text, shape (texts,)."""
    tokens: NDArray[np.int64]
    """Rows of each text, shape (texts,)."""

    @property
    def rows(self) -> int:
        """Number of attention rows over all texts."""
        return len(self.row_starts)


def build_design(texts: Iterable[MappedText], features: Sequence[Feature], causal: bool) -> Design:
    """Evaluates every feature on every text."""
    feature_cells, map_cells, starts, text_starts, tokens = [], [], [], [], []
    total = 0
    for text in texts:
        view = TokenView(text.ids, text.pieces, causal)
        feature_cells.append(np.stack([pack(feature.matrix(view), causal) for feature in features]))
        map_cells.append(text.cells)
        starts.append(row_starts(view.n, causal) + total)
        text_starts.append(total)
        tokens.append(view.n)
        total += text.cells.shape[1]
    all_starts = np.concatenate(starts)
    lengths = np.diff(np.append(all_starts, total))
    return Design(
        features=np.concatenate(feature_cells, axis=1),
        attention=np.concatenate(map_cells, axis=1),
        row_starts=all_starts,
        row_of_cell=np.repeat(np.arange(len(all_starts)), lengths),
        text_starts=np.array(text_starts),
        tokens=np.array(tokens),
    )


def softmax_rows(scores: Array, design: Design) -> Array:
    """Softmax within each row of packed scores, shape (cells,)."""
    peaks = np.maximum.reduceat(scores, design.row_starts)
    weights = np.exp(scores - peaks[design.row_of_cell])
    weights /= np.add.reduceat(weights, design.row_starts)[design.row_of_cell]
    return weights


def mean_iou(attention: Array, predicted: Array, design: Design) -> float:
    """Mean over texts of IoU = S / (2n - S), with S the sum of minima of two maps whose rows sum to 1."""
    shared = np.add.reduceat(np.minimum(attention, predicted), design.text_starts).astype(np.float64)
    return float((shared / (2 * design.tokens - shared)).mean())
