"""Where each head's attention goes, in the vocabulary's words: what a head without a good program seems to do."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from attention_programs.attention.store import AttentionIndex, MappedText
from attention_programs.programs.view import TokenView
from attention_programs.programs.vocabulary import CLASSES, PATTERNS

PLACES = (
    "first_token", "self_token", "previous_token", "same_token", "induction", "current_word", "current_sentence",
    "second_sink", "punctuation", "newline", "function_word", "content_word", "name_like", "digit", "operator",
)  # fmt: skip
"""Patterns and key classes whose share of attention is measured; they overlap."""


def behaviour_table(texts: Iterable[MappedText], index: AttentionIndex) -> pd.DataFrame:
    """Mean shares of each head's attention, over all rows but each text's first, whose attention has no choice.

    Returns:
        One row a head: a share for each of ``PLACES``; classes do not count the first token of a text.
        ``distance`` is the mean distance looked back, ``entropy`` the mean entropy of a row in bits.
    """
    sums = np.zeros((len(index.heads), len(PLACES) + 2))
    rows = 0
    for text in texts:
        view = TokenView.of(text)
        maps = text.maps[:, 1:]
        rows += view.n - 1
        for number, name in enumerate(PLACES):
            sums[:, number] += np.einsum("hij,ij->h", maps, _place(view, name)[1:])
        positions = np.arange(view.n)
        distance = np.abs(positions[1:, None] - positions[None, :])
        sums[:, -2] += np.einsum("hij,ij->h", maps, distance.astype(np.float32))
        sums[:, -1] -= (maps * np.log2(np.maximum(maps, 1e-12))).sum(axis=(1, 2))
    table = pd.DataFrame(sums / max(rows, 1), columns=[*PLACES, "distance", "entropy"])
    table.insert(0, "head", index.heads)
    return table


def _place(view: TokenView, name: str) -> np.ndarray:
    if name in PATTERNS:
        return view.matrix(name)
    assert name in CLASSES
    columns = view.vector(name).copy()
    columns[0] = 0
    return np.broadcast_to(columns[None, :], (view.n, view.n))
