"""Running a model on texts and extracting each head's attention pattern."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from attention_programs.attention.packing import pack, row_starts, scaled_rows
from attention_programs.attention.pattern_store import TextAttention
from attention_programs.errors import UserError
from attention_programs.models.head import Head
from attention_programs.models.loading import LoadedModel

ROW_TOLERANCE = {"float64": 1e-3, "float32": 1e-3, "float16": 5e-3, "bfloat16": 2e-2}
"""How far a row's sum may be from 1, by precision: bfloat16 rounds a weight near 1 by up to 0.002."""


def _normalised(entries: NDArray[np.float32], tokens: int, causal: bool, precision: str) -> NDArray[np.float32]:
    """Packed patterns, computed in ``precision``, with rows rescaled to sum to 1 in float32."""
    starts = row_starts(tokens, causal)
    sums = np.add.reduceat(entries, starts, axis=-1)
    worst = float(np.abs(sums - 1).max())
    if not np.isfinite(worst):
        raise UserError(
            "an attention weight is NaN or infinite; look for NaN in the model's weights, or load it in float32"
        )
    if worst > ROW_TOLERANCE[precision]:
        raise UserError(
            f"an attention row sums to 1 ± {worst:.2g}, more than {precision} explains: part of the attention goes to "
            "something other than tokens (such as a learned sink), which programs can't describe"
        )
    return scaled_rows(entries, sums, starts)


@torch.inference_mode()
def extract(
    loaded: LoadedModel, batches: Sequence[Sequence[Sequence[int]]], heads: Sequence[Head]
) -> Iterator[list[TextAttention]]:
    """Yields the patterns of each batch of token-id lists, in order, with the heads in the order given.

    Raises:
        RuntimeError: if the model returns no weights.
        UserError: if a layer has no attention, or a row of weights does not sum to 1.
    """
    causal = loaded.record.causal
    for batch in batches:
        padded = loaded.pad(batch)
        output = loaded.model.base_model(input_ids=padded.ids, attention_mask=padded.mask, output_attentions=True)
        if not output.attentions or any(layer is None for layer in output.attentions):
            raise RuntimeError("the model returned no attention weights; load it with attn_implementation='eager'")
        if len(output.attentions) != loaded.record.layers:
            raise UserError(
                f"{loaded.record.architecture} has {loaded.record.layers} layers, but only {len(output.attentions)} of "
                "them have attention; models that mix attention with other kinds of layers are not supported"
            )
        chosen = [output.attentions[head.layer][:, head.index] for head in heads]
        stacked = torch.stack(chosen, dim=1).float().cpu().numpy()
        patterns = []
        for row, tokens in enumerate(batch):
            n = len(tokens)
            entries = pack(stacked[row, :, :n, :n], causal).astype(np.float32)
            entries = _normalised(entries, n, causal, str(output.attentions[0].dtype).removeprefix("torch."))
            patterns.append(TextAttention(**vars(loaded.sequence(tokens)), entries=entries))
        yield patterns
