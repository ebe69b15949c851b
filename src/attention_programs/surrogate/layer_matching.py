"""Matching each layer by itself: how much replaced heads change its output while everything below is unpatched.

Programs that fit the patterns well can still be far off in a layer's output, because the values differ in size: much
attention goes to the first token, whose value is almost zero. This error is easy to reduce, as gradients stay within
the layer; the fit through the whole model starts from the result.
"""

from collections.abc import Sequence
from typing import Any

import torch

from attention_programs.models.architecture import each_layer
from attention_programs.models.loading import LoadedModel
from attention_programs.surrogate.intervention import PatchedModel

Ids = tuple[int, ...]


@torch.no_grad()
def layer_outputs(loaded: LoadedModel, texts: Sequence[Ids]) -> list[torch.Tensor]:
    """Each layer's output in the original model on a batch of texts, shape (batch, tokens, width)."""
    found: list[torch.Tensor] = []
    with each_layer(loaded.model, lambda _, output: found.append(_states(output))):
        _run(loaded, texts)
    return found


def layer_error(patched: PatchedModel, texts: Sequence[Ids], original: Sequence[torch.Tensor]) -> torch.Tensor:
    """Mean over layers of the output's relative squared error; a scalar with its gradient."""
    counted = patched.loaded.pad(texts).mask.bool()
    counted[:, 0] = False  # a first token attends to itself whatever replaces the head, and its states are huge
    errors: list[torch.Tensor] = []

    def compare(layer: int, output: Any) -> Any:
        right = original[layer]
        squares = (_states(output).float() - right.float()).square().sum(dim=-1)
        size = (right.float().square().sum(dim=-1) * counted).sum()
        errors.append((squares * counted).sum() / size.clamp(min=torch.finfo(size.dtype).tiny))
        return (right, *output[1:]) if isinstance(output, tuple) else right

    with each_layer(patched.model, compare):
        _run(patched.loaded, texts)
    return torch.stack(errors).mean()


def _run(loaded: LoadedModel, texts: Sequence[Ids]) -> None:
    batch = loaded.pad(texts)
    caching = {"use_cache": False} if loaded.record.causal else {}
    loaded.model.base_model(input_ids=batch.ids, attention_mask=batch.mask, **caching)


def _states(output: Any) -> torch.Tensor:
    """The hidden states in a layer's output, which is a tuple in some architectures."""
    states: torch.Tensor = output[0] if isinstance(output, tuple) else output
    return states
