"""Running a model over texts and taking each head's map."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from attention_programs.attention.packing import pack, row_starts
from attention_programs.heads import Head
from attention_programs.models.loading import LoadedModel

ROW_TOLERANCE = 1e-3
"""How far a row's sum may be from 1 before extraction fails; bf16 models need this much."""


@dataclass(frozen=True)
class AttentionMaps:
    """Maps of chosen heads on one text."""

    ids: tuple[int, ...]
    pieces: tuple[str, ...]
    cells: NDArray[np.floating]
    """Packed maps, shape (heads, cells), rows summing to 1."""


def _check_rows(cells: NDArray[np.float32], tokens: int, causal: bool) -> None:
    sums = np.add.reduceat(cells, row_starts(tokens, causal), axis=-1)
    worst = float(np.abs(sums - 1).max())
    if not worst <= ROW_TOLERANCE:
        raise RuntimeError(
            f"an attention row sums to 1 ± {worst:.2g}; the weights were not read before dropout or mask"
        )


@torch.inference_mode()
def extract(
    loaded: LoadedModel, batches: Sequence[Sequence[Sequence[int]]], heads: Sequence[Head]
) -> Iterator[list[AttentionMaps]]:
    """Yields the maps of each batch of token-id lists, in order; heads stand in the order given.

    Raises:
        RuntimeError: if the model returns no weights or rows that do not sum to 1.
    """
    causal = loaded.record.causal
    for batch in batches:
        padded = loaded.pad(batch)
        output = loaded.model.base_model(input_ids=padded.ids, attention_mask=padded.mask, output_attentions=True)
        if not output.attentions or any(layer is None for layer in output.attentions):
            raise RuntimeError("the model returned no attention weights; load it with attn_implementation='eager'")
        chosen = [output.attentions[head.layer][:, head.index] for head in heads]
        stacked = torch.stack(chosen, dim=1).float().cpu().numpy()
        maps = []
        for row, tokens in enumerate(batch):
            n = len(tokens)
            cells = pack(stacked[row, :, :n, :n], causal).astype(np.float32)
            _check_rows(cells, n, causal)
            maps.append(AttentionMaps(tuple(tokens), loaded.pieces(tokens), cells))
        yield maps
