"""Reading attention weights while a model runs, one block of rows at a time.

An attention function is registered with transformers that calls the architecture's own eager attention on a block of
queries after the other. So never more than a block's weights are in memory, and of these only the selected heads' and
rows' are kept.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from attention_programs.attention.packing import Packing
from attention_programs.errors import UserError
from attention_programs.models.attention_function import install, own_attention, place_of
from attention_programs.models.head import Head
from attention_programs.models.loading import LoadedModel

IMPLEMENTATION = "attention_programs_reading"
BLOCK = 128
"""Queries whose attention is computed at a time."""


def _attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """The architecture's own attention, shapes as in transformers: query (batch, heads, queries, d)."""
    eager = own_attention(module)
    place: tuple[PatternReader, int] | None = place_of(module)
    if place is not None:
        place[0].begin(place[1])
    outputs = []
    for start in range(0, query.shape[2], BLOCK):
        rows = slice(start, start + BLOCK)
        whole = attention_mask is None or attention_mask.shape[-2] == 1
        mask = attention_mask if attention_mask is None or whole else attention_mask[..., rows, :]
        output, weights = eager(module, query[:, :, rows], key, value, mask, **kwargs)
        if place is not None:
            place[0].take(place[1], start, weights)
        outputs.append(output)
    return torch.cat(outputs, dim=1) if len(outputs) > 1 else outputs[0], None


class PatternReader:
    """Collects the packed patterns of a batch in the forward passes of a ``with`` block, of which there must be one.

    Args:
        loaded: The model; restored at the end of the block.
        heads: The heads to read.
        packings: Which weights to keep of each text of the batch, which is padded on the right.

    Attributes:
        entries: Each text's packed patterns, shape (heads, entries), in the order of ``heads``.
        precision: Name of the data type that the model computes weights in.
    """

    def __init__(self, loaded: LoadedModel, heads: Sequence[Head], packings: Sequence[Packing]) -> None:
        self._loaded = loaded
        self._packings = packings
        self._slots: dict[int, list[int]] = {}
        for slot, head in enumerate(heads):
            self._slots.setdefault(head.layer, []).append(slot)
        self._indices = {layer: [heads[slot].index for slot in slots] for layer, slots in self._slots.items()}
        self._passes = dict.fromkeys(range(loaded.record.layers), 0)
        self.entries = [np.empty((len(heads), packing.entries), np.float32) for packing in packings]
        self.precision = ""

    def __enter__(self) -> "PatternReader":
        places = [(self, layer) for layer in self._passes]
        self._restore = install(self._loaded.model, IMPLEMENTATION, _attention, places)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._restore()
        without = [layer for layer, passes in self._passes.items() if passes == 0]
        if kind is None and without:
            raise UserError(
                f"{self._loaded.record.architecture} has {len(self._passes)} layers, but layer {without[0]} has no "
                "attention that can be read; models that mix attention with other kinds of layers are not supported"
            )
        twice = [layer for layer, passes in self._passes.items() if passes > 1]
        if kind is None and twice:
            raise UserError(
                f"layer {twice[0]} of {self._loaded.record.architecture} attends {self._passes[twice[0]]} times in a "
                "forward pass, so its heads have no single pattern; this architecture is not supported"
            )

    def begin(self, layer: int) -> None:
        """Notes that a layer's attention is computed."""
        self._passes[layer] += 1

    def take(self, layer: int, start: int, weights: torch.Tensor) -> None:
        """Keeps what is wanted of one block.

        Args:
            layer: The layer.
            start: The block's first query.
            weights: Shape (batch, heads, queries of the block, keys).
        """
        self.precision = str(weights.dtype).removeprefix("torch.")
        slots = self._slots.get(layer)
        if slots is None:
            return
        chosen = weights[:, self._indices[layer]].float()
        for number, packing in enumerate(self._packings):
            first, last = np.searchsorted(packing.rows, [start, start + weights.shape[2]]).tolist()
            if first < last:
                entries = packing.slice_of(slice(first, last))
                rows, columns = (places[entries] for places in packing.places)
                found = chosen[number, :, packing.rows[rows] - start, columns]
                self.entries[number][slots, entries] = found.cpu().numpy()
