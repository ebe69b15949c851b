"""Mean ablation: what each head outputs on average, whatever it attends to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from attention_programs.config import Precision
from attention_programs.models.attention_function import install, own_attention, place_of
from attention_programs.models.head import Head
from attention_programs.models.loading import LoadedModel
from attention_programs.models.precision import weights_kept
from attention_programs.surrogate.constant_output import ConstantOutput
from attention_programs.surrogate.losses import in_batches, passes_in

IMPLEMENTATION = "attention_programs_mean_outputs"


@torch.no_grad()  # in inference mode, autocast does not cache weights
def mean_outputs(
    loaded: LoadedModel, texts: Sequence[Sequence[int]], batch_texts: int, precision: Precision = "float32"
) -> dict[Head, ConstantOutput]:
    """Each head's output averaged over all tokens of some texts, the first tokens included.

    Args:
        loaded: The model; it is restored at the end.
        texts: Tokenised texts.
        batch_texts: The most texts in one pass.
        precision: Precision of the passes.

    Returns:
        For every head of the model its mean output, shape (d,), before the output projection.
    """
    sums = [_LayerSum() for _ in range(loaded.record.layers)]
    restore = install(loaded.model, IMPLEMENTATION, _adding_up, sums)
    try:
        with weights_kept(loaded.model), passes_in(precision, loaded):
            for batch in in_batches(loaded, texts, batch_texts):
                padded = loaded.pad(batch)
                for each in sums:
                    each.counted = padded.mask.bool()
                loaded.model.base_model(input_ids=padded.ids, attention_mask=padded.mask)
    finally:
        restore()
    tokens = sum(map(len, texts))
    return {head: ConstantOutput(sums[head.layer].total[head.index] / tokens) for head in loaded.record.heads}


@dataclass
class _LayerSum:
    """The summed outputs of a layer's heads."""

    counted: Any = None
    """Which places of the current batch are tokens, shape (batch, places)."""
    total: Any = 0.0
    """Shape (heads, d)."""


def _adding_up(module: Any, *inputs: Any, **kwargs: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """The architecture's own attention; adds its output, shape (batch, queries, heads, d), to the layer's sum."""
    output, weights = own_attention(module)(module, *inputs, **kwargs)
    layer: _LayerSum = place_of(module)
    layer.total = layer.total + (output.float() * layer.counted[:, :, None, None]).sum(dim=(0, 1))
    return output, weights
