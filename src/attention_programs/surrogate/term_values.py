"""Values of vocabulary terms on texts, computed once a text and kept packed within a bound of memory."""

from collections.abc import Sequence

import numpy as np
import torch

from attention_programs.attention.packing import pack
from attention_programs.models.loading import LoadedModel
from attention_programs.programs.features import Feature
from attention_programs.programs.view import TokenView

Ids = tuple[int, ...]


class TermValues:
    """What some features are worth on each text.

    Half precision holds classes, counts and positions up to 2048 exactly and logarithms to three digits.

    Args:
        loaded: The model that reads the texts.
        features: Which features.
        memory_mib: Bound on what is kept, MiB; texts beyond it are computed anew each time.
    """

    def __init__(self, loaded: LoadedModel, features: Sequence[Feature], memory_mib: int) -> None:
        self._loaded = loaded
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
        view = TokenView.of(self._loaded.sequence(text))
        cells = [pack(feature.matrix(view), view.causal) for feature in self._features]
        return torch.from_numpy(np.stack(cells).astype(np.float16))
