"""Running a model on texts and reading each selected head's attention pattern."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from attention_programs.attention.packing import Packing, sampled_rows
from attention_programs.attention.pattern_store import TextAttention
from attention_programs.attention.reading import PatternReader
from attention_programs.errors import UserError
from attention_programs.models.head import Head
from attention_programs.models.loading import LoadedModel

ROW_TOLERANCE = {"float64": 1e-3, "float32": 1e-3, "float16": 5e-3, "bfloat16": 2e-2}
"""How far a row's sum may be from 1, by precision: bfloat16 rounds a weight near 1 by up to 0.002."""


def _normalised(entries: NDArray[np.float32], packing: Packing, precision: str) -> NDArray[np.float32]:
    """Packed patterns, computed in ``precision``, with rows rescaled to sum to 1 in float32."""
    worst = float(np.abs(packing.row_sums(entries) - 1).max())
    if not np.isfinite(worst):
        raise UserError(
            "an attention weight is NaN or infinite; look for NaN in the model's weights, or load it in float32"
        )
    if worst > ROW_TOLERANCE[precision]:
        raise UserError(
            f"an attention row sums to 1 ± {worst:.2g}, more than {precision} explains: part of the attention goes to "
            "something other than tokens (such as a learned sink), which programs can't describe"
        )
    return packing.normalised(entries)


@torch.inference_mode()
def extract(
    loaded: LoadedModel, batches: Sequence[Sequence[Sequence[int]]], heads: Sequence[Head], max_rows: int = 0
) -> Iterator[list[TextAttention]]:
    """Yields the patterns of each batch of token-id lists, in order, with the heads in the order given.

    Args:
        loaded: The model.
        batches: Token ids of the texts of each batch.
        heads: The heads to read.
        max_rows: Rows to keep of each text; 0 is all.

    Raises:
        UserError: if a layer has no attention that can be read, or a row of weights does not sum to 1.
    """
    for batch in batches:
        padded, causal = loaded.pad(batch), loaded.record.causal
        packings = [Packing(len(ids), causal, sampled_rows(len(ids), max_rows)) for ids in batch]
        with PatternReader(loaded, heads, packings) as reader:
            loaded.model.base_model(input_ids=padded.ids, attention_mask=padded.mask)
        yield [
            TextAttention(
                **vars(loaded.sequence(ids)),
                rows=packing.kept,
                entries=_normalised(entries, packing, reader.precision),
            )
            for ids, packing, entries in zip(batch, packings, reader.entries, strict=True)
        ]
