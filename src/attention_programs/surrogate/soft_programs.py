"""Programs with learnable coefficients: the same sums of terms in torch."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torch.utils.checkpoint import checkpoint

from attention_programs.attention.packing import Packing
from attention_programs.models.head import Head
from attention_programs.models.loading import LoadedModel
from attention_programs.programs.features import Feature
from attention_programs.programs.parser import read_terms
from attention_programs.programs.view import TokenView
from attention_programs.scoring.assignments import Assignment
from attention_programs.surrogate.intervention import PatchedModel
from attention_programs.surrogate.term_table import TermTable

Ids = tuple[int, ...]


class TermValues:
    """The values of some features on each text.

    Half precision represents classes, counts and positions up to 2048 exactly and logarithms to three digits. Values
    are kept up to a limit; beyond it only those of the current batch, which every layer needs.
    """

    def __init__(self, loaded: LoadedModel, features: Sequence[Feature], memory_mib: int) -> None:
        self._loaded = loaded
        self._features = list(features)
        self._free = memory_mib * 2**20
        self._kept: dict[Ids, torch.Tensor] = {}
        self._current: dict[Ids, torch.Tensor] = {}

    def begin(self, texts: Sequence[Ids]) -> None:
        """Names the current batch; values of other texts beyond the limit are forgotten."""
        self._current = {text: values for text, values in self._current.items() if text in texts}

    def get(self, text: Ids) -> torch.Tensor:
        """The features' values on a text, packed, shape (features, entries), float16."""
        found = self._kept.get(text, self._current.get(text))
        if found is None:
            found = self._compute(text)
            if found.nbytes <= self._free:
                self._kept[text] = found
                self._free -= found.nbytes
            else:
                self._current[text] = found
        return found

    def _compute(self, text: Ids) -> torch.Tensor:
        view = TokenView.of(self._loaded.sequence(text))
        packing = Packing(view.n, view.causal)
        entries = np.empty((len(self._features), packing.entries), np.float16)
        for place, feature in enumerate(self._features):
            entries[place] = packing.pack(feature.matrix(view))
        return torch.from_numpy(entries)


class SoftPrograms:
    """The programs of some heads as one matrix of coefficients.

    Attributes:
        heads: The heads, in the order of the rows.
        coefficients: The learned coefficients, shape (heads, maximum terms); 0 beyond a head's own terms.
    """

    def __init__(self, loaded: LoadedModel, assignment: Assignment, memory_mib: int = 256) -> None:
        self._causal = loaded.record.causal
        self.heads = list(assignment)
        self.terms = {head: read_terms(program.source, program.name) for head, program in assignment.items()}
        table = TermTable.of(list(self.terms.values()))
        self._values = TermValues(loaded, table.features, memory_mib)
        self._memory_mib = memory_mib
        self._width = len(table.features)
        device = loaded.model.device
        self._places = table.places
        self._columns = torch.from_numpy(table.places).to(device)
        self._own = torch.from_numpy(table.filled).to(device)
        self.coefficients = torch.from_numpy(table.coefficients).to(device).requires_grad_()

    def fit_at_once(self, texts: Sequence[Ids], heads: int) -> bool:
        """Whether the patterns of so many heads on a batch are within the bound on memory."""
        return 4 * heads * len(texts) * max(map(len, texts)) ** 2 <= self._memory_mib * 2**20

    def patterns(self, texts: Sequence[Ids], heads: Sequence[Head]) -> torch.Tensor:
        """The patterns of some heads on a batch, shape (heads, batch, longest, longest), zero in padding."""
        self._values.begin(texts)
        numbers = [self.heads.index(head) for head in heads]
        rows = torch.tensor(numbers, device=self.coefficients.device)
        dense = torch.zeros(len(heads), self._width, device=self.coefficients.device)
        dense = dense.scatter_add(1, self._columns[rows], (self.coefficients * self._own)[rows])
        used: torch.Tensor | slice = slice(None)
        if not self.fit_at_once(texts, len(self.heads)):  # few heads at a time, with few of the features
            used = torch.from_numpy(np.unique(self._places[numbers]))
            dense = dense[:, used.to(dense.device)]
        longest = max(map(len, texts))
        return torch.stack([self._pattern(text, dense, used, longest) for text in texts], dim=1)

    def _pattern(self, text: Ids, dense: torch.Tensor, used: torch.Tensor | slice, longest: int) -> torch.Tensor:
        n = len(text)
        with torch.autocast(dense.device.type, enabled=False):
            entries = dense @ self._values.get(text)[used].to(dense)
        if self._causal:
            scores = torch.full((len(dense), n, n), -torch.inf, device=dense.device)
            rows, columns = torch.tril_indices(n, n, device=dense.device)
            scores[:, rows, columns] = entries
        else:
            scores = entries.reshape(-1, n, n)
        return torch.nn.functional.pad(scores.softmax(dim=-1), (0, longest - n, 0, longest - n))


class SoftlyPatchedModel(PatchedModel):
    """A model whose replaced heads are soft programs: gradients reach only their coefficients.

    Only for whole texts in right-padded batches, without a key-value cache.
    """

    soft: SoftPrograms

    def _fill(self, ids: np.ndarray, real: np.ndarray, known: int) -> None:
        assert not known
        texts = [tuple(row[mask].tolist()) for row, mask in zip(ids, real, strict=True)]
        heads = [head for pairs in self._by_layer.values() for head, _ in pairs]
        together = self.soft.patterns(texts, heads) if heads and self.soft.fit_at_once(texts, len(heads)) else None
        start = 0
        for layer, pairs in self._by_layer.items():
            own = slice(start, start + len(pairs))
            if together is None:
                self._plans[layer].weights = partial(self._of_layer, texts, heads[own])
            else:
                self._plans[layer].weights = partial(_given, together[own].transpose(0, 1))
            start += len(pairs)

    def _of_layer(self, texts: Sequence[Ids], heads: Sequence[Head]) -> torch.Tensor:
        """A layer's patterns, shape (batch, heads, longest, longest), computed again for the gradient."""
        again = partial(checkpoint, self.soft.patterns, use_reentrant=False, preserve_rng_state=False)
        found: torch.Tensor = again(texts, heads)
        return found.transpose(0, 1)


def _given(patterns: torch.Tensor) -> torch.Tensor:
    return patterns


def patch_softly(loaded: LoadedModel, assignment: Assignment, soft: SoftPrograms) -> SoftlyPatchedModel:
    """Replaces heads by soft programs; restored like any patched model."""
    patched = SoftlyPatchedModel(loaded, assignment)
    patched.soft = soft
    return patched
