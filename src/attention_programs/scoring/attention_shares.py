"""Where each head's attention goes, in vocabulary terms: a hint at what heads without a good program do."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from attention_programs.attention.pattern_store import AttentionIndex, TextAttention
from attention_programs.programs.view import TokenView
from attention_programs.programs.vocabulary import PATTERNS

PLACES = {
    "first_token": "the first token",
    "self_token": "the token itself",
    "previous_token": "the previous token",
    "same_token": "earlier copies of the token",
    "induction": "what followed earlier copies",
    "current_word": "the current word",
    "current_sentence": "the current sentence",
    "secondary_sink": "the secondary sink",
    "punctuation": "punctuation",
    "newline": "line breaks",
    "function_word": "function words",
    "content_word": "content words",
    "name_like": "names",
    "digit": "digits",
    "operator": "operators",
}
"""Patterns and token features whose share of attention is measured, and their names in sentences; they overlap."""


def behaviour_table(texts: Iterable[TextAttention], index: AttentionIndex) -> pd.DataFrame:
    """Mean shares of each head's attention over all rows except each text's first, which has only one token to see.

    Returns:
        One row per head: a share for each of ``PLACES``; token features leave out the first token of a text.
        ``distance`` is the mean attention distance in tokens, ``entropy`` the mean entropy of a row in bits.
    """
    sums = np.zeros((len(index.heads), len(PLACES) + 2))
    rows = 0
    for text in texts:
        view, packing = TokenView.of(text), text.packing
        kept = packing.rows[1:]
        patterns = text.patterns[:, 1:] * packing.weights[1:, None]
        rows += len(kept)
        for number, name in enumerate(PLACES):
            sums[:, number] += np.einsum("hij,ij->h", patterns, _place(view, name)[kept])
        positions = np.arange(view.n)
        distance = np.abs(kept[:, None] - positions[None, :])
        sums[:, -2] += np.einsum("hij,ij->h", patterns, distance.astype(np.float32))
        sums[:, -1] -= (patterns * np.log2(np.maximum(patterns, 1e-12))).sum(axis=(1, 2))
    table = pd.DataFrame(sums / max(rows, 1), columns=[*PLACES, "distance", "entropy"])
    table.insert(0, "head", index.heads)
    return table


def _place(view: TokenView, name: str) -> np.ndarray:
    if name in PATTERNS:
        return view.matrix(name)
    columns = view.vector(name).copy()
    columns[0] = 0
    return np.broadcast_to(columns, (view.n, view.n))
