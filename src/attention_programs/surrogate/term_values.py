"""Values of vocabulary terms on texts, computed once a text and kept packed within a bound of memory."""

from collections.abc import Sequence

import numpy as np
import torch

from attention_programs.attention.packing import pack
from attention_programs.models.pieces import Pieces
from attention_programs.models.token_style import SpecialIds
from attention_programs.programs.features import Feature
from attention_programs.programs.view import TokenView

Ids = tuple[int, ...]


class TermValues:
    """What some features are worth on each text.

    Half precision holds classes, counts and positions up to 2048 exactly and logarithms to three digits.
    """

    def __init__(
        self, pieces: Pieces, causal: bool, features: Sequence[Feature], memory_mib: int, special_ids: SpecialIds
    ) -> None:
        self._pieces = pieces
        self._special_ids = special_ids
        self._causal = causal
        self._features = list(features)
        self._free = memory_mib * 2**20
        self._kept: dict[Ids, torch.Tensor] = {}

    def get(self, text: Ids) -> torch.Tensor:
        """The features' values on a text, packed, shape (features, cells), float16."""
        found = self._kept.get(text)
        if found is None:
            found = self._compute(text)
            if found.nbytes <= self._free:
                self._kept[text] = found
                self._free -= found.nbytes
        return found

    def _compute(self, text: Ids) -> torch.Tensor:
        view = TokenView(text, self._pieces(text), self._causal, self._special_ids)
        cells = [pack(feature.matrix(view), self._causal) for feature in self._features]
        return torch.from_numpy(np.stack(cells).astype(np.float16))
