"""The programs' patterns on a batch of texts, computed layer by layer while the model runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from attention_programs.programs.code_generation import WeightedTerm
from attention_programs.programs.parser import summed_terms
from attention_programs.programs.record import ProgramRecord
from attention_programs.surrogate.compiled_programs import CompiledPrograms, TextTerms
from attention_programs.surrogate.pattern_cache import PatternCache


@dataclass(frozen=True)
class PlacedText:
    """A text of a batch, and where it is among the batch's padded places."""

    ids: tuple[int, ...]
    places: NDArray[np.int64]
    """The padded place of each token, shape (n,)."""
    start: int
    """The first token that is new to the key-value cache."""


@dataclass(frozen=True)
class _Layer:
    """The programs of a layer's replaced heads."""

    programs: Sequence[ProgramRecord]
    compiled: list[int]
    """Slots of the programs that are sums of terms."""
    numbers: slice
    """Their numbers among all compiled programs."""


class LayerPrograms:
    """The programs of all replaced heads: sums of terms are compiled, others run one by one and are cached.

    Args:
        by_layer: Each layer's programs, in the order of its replaced heads.
        cache: Runs the others, and keeps the views of texts.
        device: Where the patterns are needed.
    """

    def __init__(
        self, by_layer: Mapping[int, Sequence[ProgramRecord]], cache: PatternCache, device: torch.device
    ) -> None:
        self.cache, self.device = cache, device
        self.layers: dict[int, _Layer] = {}
        compiled: list[list[WeightedTerm]] = []
        for layer, programs in by_layer.items():
            terms = [summed_terms(program) for program in programs]
            slots = [slot for slot, own in enumerate(terms) if own]
            numbers = slice(len(compiled), len(compiled) + len(slots))
            self.layers[layer] = _Layer(programs, slots, numbers)
            compiled += [terms[slot] for slot in slots]
        self.compiled = CompiledPrograms(compiled, device)
        self.any_compiled = bool(compiled)


class BatchPatterns:
    """The patterns on one batch.

    Args:
        programs: The programs.
        texts: The texts.
        queries: New places of the batch.
        keys: All its places.
    """

    def __init__(self, programs: LayerPrograms, texts: Sequence[PlacedText], queries: int, keys: int) -> None:
        self._programs, self._texts = programs, texts
        self._queries, self._keys = queries, keys
        self._terms: list[TextTerms] = []
        if programs.any_compiled:
            read = programs.compiled.terms_of
            self._terms = [programs.cache.on_view(text.ids, partial(read, start=text.start)) for text in texts]

    def of_layer(self, layer: int) -> torch.Tensor:
        """The patterns of a layer's replaced heads, shape (batch, heads, queries, keys); 0 in padding."""
        own, first = self._programs.layers[layer], self._keys - self._queries
        shape = len(self._texts), len(own.programs), self._queries, self._keys
        found = torch.zeros(shape, device=self._programs.device)
        for number, text in enumerate(self._texts):
            rows, columns = _spans(text.places[text.start :] - first), _spans(text.places)
            if own.compiled:
                weights = self._programs.compiled.weights(self._terms[number], own.numbers)
                slots = slice(None) if len(own.compiled) == len(own.programs) else own.compiled
                _put(found[number], slots, rows, columns, weights)
            for slot in set(range(len(own.programs))) - set(own.compiled):
                pattern = self._programs.cache.get(text.ids, own.programs[slot])[text.start :]
                _put(found[number], [slot], rows, columns, torch.tensor(pattern, device=found.device)[None])
        return found


def _spans(places: NDArray[np.int64]) -> slice | NDArray[np.int64]:
    """Places as a slice if nothing is between them, which is faster to write to."""
    if len(places) and places[-1] - places[0] + 1 == len(places):
        return slice(int(places[0]), int(places[-1]) + 1)
    return places


def _put(
    target: torch.Tensor,
    slots: slice | list[int],
    rows: slice | NDArray[np.int64],
    columns: slice | NDArray[np.int64],
    weights: torch.Tensor,
) -> None:
    """Writes patterns (slots, rows, columns) to their places in (heads, queries, keys)."""
    if isinstance(rows, slice) and isinstance(columns, slice):
        target[slots, rows, columns] = weights
        return
    heads, queries, keys = (
        np.arange(size)[part] for size, part in zip(target.shape, (slots, rows, columns), strict=True)
    )
    target[np.ix_(heads, queries, keys)] = weights
